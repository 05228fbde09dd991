#include "http/status.h"

#include <nlohmann/json.hpp>

namespace gb::http {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 400:
      return "BadRequest";
    case 413:
      return "RequestEntityTooLarge";
    case 415:
      return "UnsupportedMediaType";
    case 429:
      return "TooManyRequests";
    case 500:
      return "InternalError";
    default:
      return "";  // metav1.StatusReasonUnknown
  }
}

}  // namespace

Response status_response(int status, std::string_view message) {
  nlohmann::ordered_json body = {{"kind", "Status"},
                                 {"apiVersion", "v1"},
                                 {"metadata", nlohmann::ordered_json::object()},
                                 {"status", "Failure"},
                                 {"message", message}};
  if (const auto reason = reason_of(status); !reason.empty()) body["reason"] = reason;
  body["code"] = status;
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.headers.add("Cache-Control", "no-cache, private");
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.body = body.dump() + "\n";
  return response;
}

Response internal_error() {
  return status_response(500, "an internal error occurred; the server's log has the details");
}

}  // namespace gb::http
