#include "api/errors.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "api/schema.h"
#include "api/text.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::api {
namespace {

using Ordered = nlohmann::ordered_json;

std::string_view type_text(FieldError::Type type) {
  switch (type) {
    case FieldError::Type::kRequired:
      return "Required value";
    case FieldError::Type::kInvalid:
    case FieldError::Type::kTypeInvalid:
      return "Invalid value";
    case FieldError::Type::kNotSupported:
      return "Unsupported value";
    case FieldError::Type::kDuplicate:
      return "Duplicate value";
    case FieldError::Type::kForbidden:
      return "Forbidden";
    case FieldError::Type::kTooLong:
      return "Too long";
    case FieldError::Type::kTooMany:
      return "Too many";
    case FieldError::Type::kNotFound:
      return "Not found";
  }
  return "Invalid value";
}

std::string_view type_reason(FieldError::Type type) {
  switch (type) {
    case FieldError::Type::kRequired:
      return "FieldValueRequired";
    case FieldError::Type::kInvalid:
      return "FieldValueInvalid";
    case FieldError::Type::kTypeInvalid:
      return "FieldValueTypeInvalid";
    case FieldError::Type::kNotSupported:
      return "FieldValueNotSupported";
    case FieldError::Type::kDuplicate:
      return "FieldValueDuplicate";
    case FieldError::Type::kForbidden:
      return "FieldValueForbidden";
    case FieldError::Type::kTooLong:
      return "FieldValueTooLong";
    case FieldError::Type::kTooMany:
      return "FieldValueTooMany";
    case FieldError::Type::kNotFound:
      return "FieldValueNotFound";
  }
  return "FieldValueInvalid";
}

bool prints_value(FieldError::Type type) {
  return type != FieldError::Type::kRequired && type != FieldError::Type::kForbidden &&
         type != FieldError::Type::kTooLong;
}

// "galerabackups.backup.rhoso.io": how messages name a resource.
std::string qualified(std::string_view name, std::string_view group) {
  return group.empty() ? std::string(name) : concat(name, ".", group);
}

ApiError make(int code, std::string_view reason, std::string message) {
  ApiError error;
  error.code = code;
  error.reason = reason;
  error.message = std::move(message);
  return error;
}

ApiError about(ApiError error, std::string_view group, std::string_view kind,
               std::string_view name) {
  error.group = group;
  error.kind = kind;
  error.name = name;
  return error;
}

FieldError field_error(FieldError::Type type, std::string field, std::string value,
                       std::string detail) {
  FieldError error;
  error.type = type;
  error.field = std::move(field);
  error.value = std::move(value);
  error.detail = std::move(detail);
  return error;
}

}  // namespace

std::string ApiError::json_line() const {
  Ordered status;
  status["kind"] = "Status";
  status["apiVersion"] = "v1";
  status["metadata"] = Ordered::object();
  if (!continue_token.empty()) status["metadata"]["continue"] = continue_token;
  status["status"] = "Failure";
  status["message"] = message;
  if (!reason.empty()) status["reason"] = reason;
  Ordered details = Ordered::object();
  if (!name.empty()) details["name"] = name;
  if (!group.empty()) details["group"] = group;
  if (!kind.empty()) details["kind"] = kind;
  if (!uid.empty()) details["uid"] = uid;
  for (const Cause& cause : causes) {
    Ordered one = Ordered::object();
    if (!cause.reason.empty()) one["reason"] = cause.reason;
    if (!cause.message.empty()) one["message"] = cause.message;
    if (!cause.field.empty()) one["field"] = cause.field;
    details["causes"].push_back(std::move(one));
  }
  if (retry_after_seconds > 0) details["retryAfterSeconds"] = retry_after_seconds;
  if (!details.empty()) status["details"] = std::move(details);
  status["code"] = code;
  return status.dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

std::string ApiError::json() const {
  return json_line() + "\n";
}

std::string FieldError::body() const {
  std::string text(type_text(type));
  if (prints_value(type) && !value.empty()) text += ": " + value;
  if (!detail.empty()) text += ": " + detail;
  return text;
}

std::string FieldError::text() const {
  return field + ": " + body();
}

FieldError required_field(std::string field, std::string detail) {
  return field_error(FieldError::Type::kRequired, std::move(field), "", std::move(detail));
}

FieldError invalid_field(std::string field, const Json& value, std::string detail) {
  return field_error(FieldError::Type::kInvalid, std::move(field), to_text(value),
                     std::move(detail));
}

FieldError invalid_text(std::string field, std::string_view value, std::string detail) {
  return field_error(FieldError::Type::kInvalid, std::move(field), quote(value), std::move(detail));
}

FieldError forbidden_field(std::string field, std::string detail) {
  return field_error(FieldError::Type::kForbidden, std::move(field), "", std::move(detail));
}

FieldError duplicate_field(std::string field, const Json& value) {
  return field_error(FieldError::Type::kDuplicate, std::move(field), to_text(value), "");
}

FieldError not_supported(std::string field, const Json& value,
                         const std::vector<std::string>& supported) {
  std::vector<std::string> quoted;
  quoted.reserve(supported.size());
  for (const std::string& one : supported) quoted.push_back(quote(one));
  return field_error(FieldError::Type::kNotSupported, std::move(field), to_text(value),
                     "supported values: " + join(quoted, ", "));
}

ApiError not_found(const ResourceType& type, std::string_view name) {
  return about(
      make(404, "NotFound", concat(qualified(type.plural, kGroup), " ", quote(name), " not found")),
      kGroup, type.plural, name);
}

ApiError already_exists(const ResourceType& type, std::string_view name, bool being_deleted) {
  return about(make(409, "AlreadyExists",
                    concat(being_deleted ? "object is being deleted: " : "",
                           qualified(type.plural, kGroup), " ", quote(name), " already exists")),
               kGroup, type.plural, name);
}

ApiError generate_name_conflict(const ResourceType& type, std::string_view name) {
  ApiError error = already_exists(type, name);
  error.message += ", the server was not able to generate a unique name for the object";
  error.retry_after_seconds = 1;
  return error;
}

ApiError conflict(const ResourceType& type, std::string_view name, std::string_view why,
                  bool by_kind) {
  const std::string& kind = by_kind ? type.kind : type.plural;
  return about(make(409, "Conflict",
                    concat("Operation cannot be fulfilled on ", qualified(kind, kGroup), " ",
                           quote(name), ": ", why)),
               kGroup, kind, name);
}

ApiError modified_conflict(const ResourceType& type, std::string_view name) {
  return conflict(type, name,
                  "the object has been modified; please apply your changes to the latest version "
                  "and try again");
}

ApiError invalid_object(const ResourceType& type, std::string_view name,
                        const FieldErrors& errors) {
  return invalid_kind(kGroup, type.kind, name, errors);
}

ApiError invalid_kind(std::string_view group, std::string_view kind, std::string_view name,
                      const FieldErrors& errors) {
  ApiError error =
      about(make(422, "Invalid", concat(qualified(kind, group), " ", quote(name), " is invalid")),
            group, kind, name);
  std::vector<std::string> texts;
  std::set<std::string> seen;  // an aggregate says the same thing once
  for (const FieldError& one : errors) {
    error.causes.push_back({std::string(type_reason(one.type)), one.body(), one.field});
    std::string text = one.text();
    if (seen.insert(text).second) texts.push_back(std::move(text));
  }
  if (texts.size() == 1) error.message += ": " + texts[0];
  if (texts.size() > 1) error.message += ": [" + join(texts, ", ") + "]";
  return error;
}

ApiError forbidden(std::string_view group, std::string_view resource, std::string_view name,
                   std::string_view why) {
  std::string message;
  if (group.empty() && resource.empty()) {
    message = concat("forbidden: ", why);
  } else if (name.empty()) {
    message = concat(qualified(resource, group), " is forbidden: ", why);
  } else {
    message = concat(qualified(resource, group), " ", quote(name), " is forbidden: ", why);
  }
  return about(make(403, "Forbidden", std::move(message)), group, resource, name);
}

ApiError namespace_not_found(std::string_view ns) {
  return about(make(404, "NotFound", concat("namespaces ", quote(ns), " not found")), "",
               "namespaces", ns);
}

ApiError namespace_terminating(const ResourceType& type, std::string_view name,
                               std::string_view ns) {
  ApiError error = forbidden(
      kGroup, type.plural, name,
      concat("unable to create new content in namespace ", ns, " because it is being terminated"));
  error.causes.push_back({"NamespaceTerminating", concat("namespace ", ns, " is being terminated"),
                          "metadata.namespace"});
  return error;
}

ApiError bad_request(std::string message) {
  return make(400, "BadRequest", std::move(message));
}

ApiError unauthorized() {
  return make(401, "Unauthorized", "Unauthorized");
}

ApiError path_not_found() {
  return make(404, "NotFound", "the server could not find the requested resource");
}

ApiError method_not_allowed() {
  return make(405, "MethodNotAllowed",
              "the server does not allow this method on the requested resource");
}

ApiError unsupported_media_type(const std::vector<std::string>& accepted) {
  return make(415, "UnsupportedMediaType",
              "the body of the request was in an unknown format - accepted media types include: " +
                  join(accepted, ", "));
}

ApiError not_acceptable(const std::vector<std::string>& accepted) {
  return make(406, "NotAcceptable",
              "only the following media types are accepted: " + join(accepted, ", "));
}

ApiError expired(std::string message) {
  return make(410, "Expired", std::move(message));
}

ApiError resource_version_too_old(std::uint64_t asked, std::uint64_t oldest) {
  return expired("too old resource version: " + std::to_string(asked) + " (" +
                 std::to_string(oldest) + ")");
}

ApiError resource_version_too_large(std::uint64_t asked, std::uint64_t current) {
  ApiError error = timed_out("Too large resource version: " + std::to_string(asked) +
                                 ", current: " + std::to_string(current),
                             1);
  error.causes.push_back({"ResourceVersionTooLarge", "Too large resource version", ""});
  return error;
}

ApiError timed_out(std::string message, int retry_after_seconds) {
  ApiError error = make(504, "Timeout", "Timeout: " + std::move(message));
  error.retry_after_seconds = retry_after_seconds;
  return error;
}

ApiError too_many_requests() {
  ApiError error = make(429, "TooManyRequests", "Too many requests, please try again later.");
  error.retry_after_seconds = 1;
  error.plain_text = true;
  return error;
}

ApiError entity_too_large(std::string message) {
  return make(413, "RequestEntityTooLarge", "Request entity too large: " + std::move(message));
}

ApiError unprocessable() {
  return make(422, "Invalid", "the server rejected our request due to an error in our request");
}

ApiError internal_error(std::string message) {
  ApiError error = make(500, "InternalError", "Internal error occurred: " + message);
  error.causes.push_back({"", std::move(message), ""});
  return error;
}

ApiError from_error(const Error& error, const ResourceType* type, std::string_view name) {
  const auto status = [&](int code, std::string_view reason, int default_retry = 0) {
    ApiError result = make(code, reason, error.text());
    if (type != nullptr) result = about(std::move(result), kGroup, type->plural, name);
    result.retry_after_seconds =
        error.retry_after ? static_cast<int>(error.retry_after->count()) : default_retry;
    return result;
  };
  switch (error.code) {
    case Code::kNotFound:
      return status(404, "NotFound");
    case Code::kAlreadyExists:
      return status(409, "AlreadyExists");
    case Code::kConflict:
      return status(409, "Conflict");
    case Code::kInvalid: {
      if (type == nullptr) return bad_request(error.text());
      ApiError result = status(422, "Invalid");
      result.kind = type->kind;
      result.message =
          concat(qualified(type->kind, kGroup), " ", quote(name), " is invalid: ", error.text());
      result.causes.push_back({"FieldValueInvalid", error.text(), "spec"});
      return result;
    }
    case Code::kUnauthenticated:
      return unauthorized();
    case Code::kForbidden:
      if (type == nullptr) return forbidden("", "", "", error.text());
      return forbidden(kGroup, type->plural, name, error.text());
    case Code::kExhausted:
      return status(429, "TooManyRequests", 5);
    case Code::kUnavailable:
      return status(503, "ServiceUnavailable");
    case Code::kAmbiguous:
      return status(504, "Timeout");
    case Code::kNoSpace:
      return status(507, "InsufficientStorage");
    case Code::kCancelled:
      return status(503, "ServiceUnavailable", 1);
    case Code::kExpired:
      return status(410, "Expired");
    case Code::kCorruption:
    case Code::kInternal:
      break;
  }
  return internal_error(error.text());
}

std::vector<std::string> warning_headers(const std::vector<std::string>& texts) {
  constexpr std::size_t kEach = 256;
  constexpr std::size_t kAll = 4096;
  std::vector<std::string> headers;
  std::set<std::string> seen;
  std::size_t total = 0;
  for (const std::string& text : texts) {
    if (!seen.insert(text).second) continue;
    const std::string shown = cut_runes(text, kEach);
    const std::size_t runes = count_runes(shown);
    if (total + runes > kAll) break;
    total += runes;
    std::string header = "299 - \"";
    for (const char c : shown) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f) continue;
      if (c == '"' || c == '\\') header += '\\';
      header += c;
    }
    headers.push_back(header + "\"");
  }
  return headers;
}

}  // namespace gb::api
