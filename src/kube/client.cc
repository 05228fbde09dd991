#include "kube/client.h"

#include <charconv>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "api/text.h"
#include "base/text.h"
#include "base/watched_file.h"
#include "http/client.h"

namespace gb::kube {
namespace {

using api::Json;

// Between two events of a watch there is a bookmark about each minute.
constexpr std::chrono::seconds kWatchSilence{150};

Code code_of(int status, const std::string& reason) {
  switch (status) {
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kForbidden;
    case 404:
      return Code::kNotFound;
    case 409:
      return reason == "AlreadyExists" ? Code::kAlreadyExists : Code::kConflict;
    case 410:
      return Code::kExpired;
    case 429:
      return Code::kExhausted;
    default:
      return status >= 500 || status < 400 ? Code::kUnavailable : Code::kInvalid;
  }
}

Error error_of(int status, const Json& body, const std::string& what) {
  Error error;
  error.code = code_of(status, api::text_member(body, "reason"));
  const std::string message = api::text_member(body, "message");
  error.message = "kube-apiserver answered " + std::to_string(status) + " to " + what +
                  (message.empty() ? "" : ": " + message);
  if (error.code == Code::kUnauthenticated)
    error.hint = "check the credentials of the kubeconfig or service account";
  if (error.code == Code::kForbidden)
    error.hint = "give this server the RBAC rules of its manifests";
  return error;
}

std::optional<std::chrono::seconds> retry_after(const http::ClientResponse& response) {
  for (const auto& [name, value] : response.headers) {
    if (to_lower(name) != "retry-after") continue;
    int seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc{} && end == value.data() + value.size())
      return std::chrono::seconds(seconds);
  }
  return {};
}

class Client final : public KubeClient {
 public:
  explicit Client(ClusterAccess access)
      : access_(std::move(access)),
        ca_(access_.ca_file),
        certificate_(access_.certificate_file),
        key_(access_.key_file),
        token_(access_.token_file) {}

  Result<Json> call(const Call& call, std::stop_token stop) override {
    GB_TRY_ASSIGN(const std::shared_ptr<http::Client> client, connected());
    GB_TRY_ASSIGN(http::ClientRequest request, request_of(call.method, call.path));
    request.body = call.body;
    if (!call.body.empty()) request.content_type = call.content_type;
    request.timeout = call.timeout;
    GB_TRY_ASSIGN(const http::ClientResponse response, client->send(request, stop));
    Json body = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
    const std::string what = call.method + " " + call.path;
    if (response.status < 200 || response.status > 299) {
      Error error = error_of(response.status, body, what);
      error.retry_after = retry_after(response);
      return fail(std::move(error));
    }
    if (body.is_discarded())
      return fail(Code::kUnavailable, "kube-apiserver's answer to " + what + " is not JSON");
    return body;
  }

  Status watch(const std::string& path, const std::function<bool(const Json&)>& on_event,
               std::stop_token stop) override {
    GB_TRY_ASSIGN(const std::shared_ptr<http::Client> client, connected());
    GB_TRY_ASSIGN(const http::ClientRequest request, request_of("GET", path));
    std::optional<Error> failed;
    const auto on_line = [&](std::string_view line) {
      if (trim(line).empty()) return true;
      const Json event = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!event.is_object()) {
        failed = Error{
            Code::kUnavailable, "an event of the watch on " + path + " is not JSON", {}, {}, {}};
        return false;
      }
      if (api::text_member(event, "type") == "ERROR") {
        const Json& status = api::member(event, "object");
        const Json& code = api::member(status, "code");
        failed = error_of(code.is_number_integer() ? code.get<int>() : 500, status, path);
        return false;
      }
      return on_event(event);
    };
    GB_TRY_ASSIGN(const http::ClientResponse response,
                  client->stream(request, kWatchSilence, on_line, stop));
    if (failed) return fail(*std::move(failed));
    if (response.status != 200)
      return fail(error_of(response.status,
                           Json::parse(response.body, nullptr, /*allow_exceptions=*/false), path));
    return {};
  }

  // The connection pool, made anew when a file that it was made from has changed.
  Result<std::shared_ptr<http::Client>> connected() {
    const std::lock_guard lock(mutex_);
    GB_TRY_ASSIGN(std::string ca, current(ca_, access_.ca_pem));
    GB_TRY_ASSIGN(std::string certificate, current(certificate_, access_.certificate_pem));
    GB_TRY_ASSIGN(std::string key, current(key_, access_.key_pem));
    std::string made_from = ca + certificate + key;
    if (client_ != nullptr && made_from == made_from_) return client_;
    http::ClientOptions options;
    options.host = access_.host;
    options.port = access_.port;
    options.server_name = access_.server_name;
    options.ca_pem = std::move(ca);
    if (!certificate.empty())
      options.certificate = http::KeyPair{std::move(certificate), std::move(key)};
    auto made = http::Client::make(std::move(options));
    if (!made && client_ != nullptr) return client_;  // half a rotation: the old pair still works
    if (!made) return fail(std::move(made).error());
    client_ = *std::move(made);
    made_from_ = std::move(made_from);
    return client_;
  }

 private:
  static Result<std::string> current(WatchedFile& file, const std::string& inline_text) {
    if (file.path().empty()) return inline_text;
    return file.read();
  }

  Result<http::ClientRequest> request_of(const std::string& method, const std::string& path) {
    http::ClientRequest request;
    request.method = method;
    request.target = access_.base_path + path;
    request.headers = {{"Accept", "application/json"}, {"User-Agent", "galera-backup-apiserver"}};
    GB_TRY_ASSIGN(const std::string token, current(token_, access_.token));
    if (const std::string_view bearer = trim(token); !bearer.empty())
      request.headers.emplace_back("Authorization", "Bearer " + std::string(bearer));
    return request;
  }

  const ClusterAccess access_;
  WatchedFile ca_;
  WatchedFile certificate_;
  WatchedFile key_;
  WatchedFile token_;
  std::mutex mutex_;
  std::shared_ptr<http::Client> client_;
  std::string made_from_;
};

}  // namespace

Result<std::unique_ptr<KubeClient>> KubeClient::make(ClusterAccess access) {
  auto client = std::make_unique<Client>(std::move(access));
  GB_TRY(client->connected());
  return client;
}

}  // namespace gb::kube
