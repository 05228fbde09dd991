// What a request is about, from its method and raw target alone: the rules of k8s.io/apiserver's
// RequestInfoFactory without its ambiguities.
//
// The raw path is split before it is decoded, so an encoded slash never makes a new segment, and a
// path with an empty segment is about nothing (CVE-2019-11247: what authorization was asked is what
// is served).
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "api/meta.h"

namespace gb::handlers {

struct Target {
  std::string path;                // decoded, for messages and non-resource rules
  std::vector<std::string> parts;  // decoded segments; none of them is empty
  bool clean = true;               // false: empty segments, or a slash or NUL inside one
  api::Query query;                // pairs that cannot be decoded are left out, as Go does
};

// 400 when the path cannot be decoded.
api::Outcome<Target> parse_target(std::string_view raw);

struct RequestInfo {
  bool is_resource = false;
  std::string verb;  // get list watch create update patch delete deletecollection; else the method,
                     // lower case
  std::string path;
  std::string group;
  std::string version;
  std::string ns;
  std::string resource;
  std::string subresource;
  std::string name;  // of the path, or of fieldSelector metadata.name= (authorization only)
  bool name_from_path = false;
  bool too_deep = false;       // more segments than resource/name/subresource
  std::string field_selector;  // raw; of list, watch and deletecollection
  std::string label_selector;

  // Watches and followed logs may last; limits and ?timeout= do not count for them.
  [[nodiscard]] bool long_running() const;
  [[nodiscard]] bool read_only() const;
};

RequestInfo request_info(std::string_view method, const Target& target);

// How Go reads a boolean of a query: absent, "false" and "0" are false, everything else is true.
bool query_flag(const api::Query& query, std::string_view name);

}  // namespace gb::handlers
