// What an API request is answered when it cannot be done: HTTP code and metav1.Status in one
// value.
//
// Makers exist for every case that kube-conformance demands, with the texts of k8s.io/apimachinery,
// so that clients which compare reasons and people who know kubectl see what they expect.
//
// Thread safety: values and pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "base/error.h"

namespace gb::api {

struct ResourceType;

struct Cause {
  std::string reason;  // "FieldValueInvalid", …
  std::string message;
  std::string field;
};

struct ApiError {
  int code = 500;
  std::string reason;  // "NotFound", …; empty: Unknown, written as nothing
  std::string message;
  // metav1.StatusDetails; all empty: no details.
  std::string group;
  std::string kind;  // the plural, or the Kind for Invalid
  std::string name;
  std::string uid;
  std::vector<Cause> causes;
  int retry_after_seconds = 0;  // also the Retry-After header, when not 0
  std::string continue_token;   // metadata.continue of an Expired list
  // The answer is this text (text/plain), not a Status: what k8s.io/apiserver does for overload and
  // the like.
  bool plain_text = false;

  // The metav1.Status as compact JSON, ended by a newline.
  [[nodiscard]] std::string json() const;
  // The same without the newline: what a watch's ERROR event holds.
  [[nodiscard]] std::string json_line() const;
};

// What every function of this room that judges a request returns.
template <typename T>
using Outcome = tl::expected<T, ApiError>;

// return refuse(not_found(type, name));
[[nodiscard]] inline tl::unexpected<ApiError> refuse(ApiError error) {
  return tl::unexpected<ApiError>(std::move(error));
}

// One field that is wrong: k8s.io/apimachinery/pkg/util/validation/field.Error.
struct FieldError {
  enum class Type {
    kRequired,
    kInvalid,
    kTypeInvalid,
    kNotSupported,
    kDuplicate,
    kForbidden,
    kTooLong,
    kTooMany,
    kNotFound,
  };
  Type type = Type::kInvalid;
  std::string field;
  std::string value;  // as JSON; printed where the type prints it
  std::string detail;

  [[nodiscard]] std::string body() const;  // without the field's name
  [[nodiscard]] std::string text() const;  // "spec.x: Invalid value: …"
};
using FieldErrors = std::vector<FieldError>;

[[nodiscard]] FieldError required_field(std::string field, std::string detail);
[[nodiscard]] FieldError invalid_field(std::string field, const Json& value, std::string detail);
[[nodiscard]] FieldError invalid_text(std::string field, std::string_view value,
                                      std::string detail);
[[nodiscard]] FieldError forbidden_field(std::string field, std::string detail);
[[nodiscard]] FieldError duplicate_field(std::string field, const Json& value);
[[nodiscard]] FieldError not_supported(std::string field, const Json& value,
                                       const std::vector<std::string>& supported);

// 4xx by resource. `name` may be empty where the text allows it.
[[nodiscard]] ApiError not_found(const ResourceType& type, std::string_view name);
[[nodiscard]] ApiError already_exists(const ResourceType& type, std::string_view name,
                                      bool being_deleted = false);
[[nodiscard]] ApiError generate_name_conflict(const ResourceType& type, std::string_view name);
// "the object has been modified; …"
[[nodiscard]] ApiError modified_conflict(const ResourceType& type, std::string_view name);
// "Operation cannot be fulfilled on <plural.group> "name": <why>"; the Kind instead of the plural
// for precondition failures.
[[nodiscard]] ApiError conflict(const ResourceType& type, std::string_view name,
                                std::string_view why, bool by_kind = false);
[[nodiscard]] ApiError invalid_object(const ResourceType& type, std::string_view name,
                                      const FieldErrors& errors);
// Invalid of another kind: ("meta.k8s.io", "CreateOptions", "", …).
[[nodiscard]] ApiError invalid_kind(std::string_view group, std::string_view kind,
                                    std::string_view name, const FieldErrors& errors);
// `<resource>.<group> "x" is forbidden: <why>`
[[nodiscard]] ApiError forbidden(std::string_view group, std::string_view resource,
                                 std::string_view name, std::string_view why);
[[nodiscard]] ApiError namespace_not_found(std::string_view ns);
// 403, cause NamespaceTerminating: creating in a namespace that is going.
[[nodiscard]] ApiError namespace_terminating(const ResourceType& type, std::string_view name,
                                             std::string_view ns);

// By HTTP code.
[[nodiscard]] ApiError bad_request(std::string message);
[[nodiscard]] ApiError unauthorized();        // "Unauthorized"
[[nodiscard]] ApiError path_not_found();      // "the server could not find the requested resource"
[[nodiscard]] ApiError method_not_allowed();  // "the server does not allow this method on …"
[[nodiscard]] ApiError unsupported_media_type(const std::vector<std::string>& accepted);
[[nodiscard]] ApiError not_acceptable(const std::vector<std::string>& accepted);
[[nodiscard]] ApiError expired(std::string message);  // 410
[[nodiscard]] ApiError resource_version_too_old(std::uint64_t asked, std::uint64_t oldest);
[[nodiscard]] ApiError resource_version_too_large(std::uint64_t asked,
                                                  std::uint64_t current);        // 504
[[nodiscard]] ApiError timed_out(std::string message, int retry_after_seconds);  // 504
[[nodiscard]] ApiError too_many_requests();  // 429, plain text, Retry-After 1
[[nodiscard]] ApiError entity_too_large(std::string message);
[[nodiscard]] ApiError
unprocessable();  // "the server rejected our request due to an error in our request"
[[nodiscard]] ApiError internal_error(std::string message);

// The one place that maps Codes to Status. `type` and `name` tell what the request was about; null
// where it was about no object. The hint becomes part of the message: it is all that kubectl shows.
[[nodiscard]] ApiError from_error(const Error& error, const ResourceType* type,
                                  std::string_view name);

// Warning: 299 - "…" values for these texts: quotes and backslashes escaped, control characters
// gone, doubles left out, each cut to 256 characters and all to 4096.
[[nodiscard]] std::vector<std::string> warning_headers(const std::vector<std::string>& texts);

}  // namespace gb::api
