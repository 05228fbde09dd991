// Who asks, and what they ask for: the vocabulary of authentication and authorization.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace gb::kube {

struct User {
  std::string name;
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;
};

inline constexpr const char* kAnonymous = "system:anonymous";
inline constexpr const char* kAuthenticatedGroup = "system:authenticated";
inline constexpr const char* kUnauthenticatedGroup = "system:unauthenticated";
inline constexpr const char* kMastersGroup = "system:masters";

// What a request does, as SubjectAccessReview puts it.
struct Attributes {
  std::string verb;
  std::string group;
  std::string version;
  std::string resource;  // empty: a non-resource path
  std::string subresource;
  std::string ns;
  std::string name;
  std::string path;            // non-resource requests
  std::string field_selector;  // raw, empty: none
  std::string label_selector;
};

}  // namespace gb::kube
