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
#include "kube/exec_credential.h"

namespace gb::kube {
namespace {

using api::Json;

// Between two events of a watch there is a bookmark about each minute.
constexpr std::chrono::seconds kWatchSilence{150};
// A job that does something long may say nothing for hours.
constexpr std::chrono::hours kLogSilence{24};

Error error_of(int status, const Json& body, const std::string& what) {
  Error error;
  error.code = code_of_answer(status, api::text_member(body, "reason"));
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
  Client(ClusterAccess access, std::string user_agent)
      : access_(std::move(access)),
        user_agent_(std::move(user_agent)),
        ca_(access_.ca_file),
        certificate_(access_.certificate_file),
        key_(access_.key_file),
        token_(access_.token_file) {
    if (access_.exec) exec_.emplace(*access_.exec, clock_);
  }

  Result<Json> call(const Call& call, std::stop_token stop) override {
    GB_TRY_ASSIGN(const http::ClientResponse response, send(call, std::move(stop)));
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
                  stream(path, kWatchSilence, on_line, std::move(stop)));
    if (failed) return fail(*std::move(failed));
    if (response.status != 200)
      return fail(error_of(response.status,
                           Json::parse(response.body, nullptr, /*allow_exceptions=*/false), path));
    return {};
  }

  Result<http::ClientResponse> send(const Call& call, std::stop_token stop) override {
    return believed(stop, [&](http::Client& client, http::ClientRequest request) {
      request.method = call.method;
      request.target = access_.base_path + call.path;
      for (const auto& header : call.headers) request.headers.push_back(header);
      request.body = call.body;
      if (!call.body.empty()) request.content_type = call.content_type;
      request.timeout = call.timeout;
      return client.send(request, stop);
    });
  }

  Result<http::ClientResponse> lines(const std::string& path,
                                     const std::function<bool(std::string_view)>& on_line,
                                     std::stop_token stop) override {
    return stream(path, kLogSilence, on_line, std::move(stop));
  }

  // The connection pool, made anew when a file that it was made from has changed.
  Result<std::shared_ptr<http::Client>> connected(const Credential& credential) {
    const std::lock_guard lock(mutex_);
    GB_TRY_ASSIGN(std::string ca, current(ca_, access_.ca_pem));
    std::string made_from = ca + credential.certificate_pem + credential.key_pem;
    if (client_ != nullptr && made_from == made_from_) return client_;
    http::ClientOptions options;
    options.host = access_.host;
    options.port = access_.port;
    options.server_name = access_.server_name;
    options.ca_pem = std::move(ca);
    if (!credential.certificate_pem.empty())
      options.certificate = http::KeyPair{credential.certificate_pem, credential.key_pem};
    auto made = http::Client::make(std::move(options));
    if (!made && client_ != nullptr) return client_;  // half a rotation: the old pair still works
    if (!made) return fail(std::move(made).error());
    client_ = *std::move(made);
    made_from_ = std::move(made_from);
    return client_;
  }

  // What the files and texts of the access say; without running a plugin.
  Result<Credential> own_credential() {
    Credential credential;
    GB_TRY_ASSIGN(credential.certificate_pem, current(certificate_, access_.certificate_pem));
    GB_TRY_ASSIGN(credential.key_pem, current(key_, access_.key_pem));
    GB_TRY_ASSIGN(const std::string token, current(token_, access_.token));
    credential.token = trim(token);
    return credential;
  }

 private:
  static Result<std::string> current(WatchedFile& file, const std::string& inline_text) {
    if (file.path().empty()) return inline_text;
    return file.read();
  }

  // Asks as who we are; once more with a fresh credential when a plugin's was not believed.
  template <typename Ask>
  Result<http::ClientResponse> believed(const std::stop_token& stop, const Ask& ask) {
    for (bool again = false;; again = true) {
      GB_TRY_ASSIGN(Credential credential, own_credential());
      if (exec_) {
        GB_TRY_ASSIGN(credential, exec_->get(stop));
      }
      GB_TRY_ASSIGN(const std::shared_ptr<http::Client> client, connected(credential));
      http::ClientRequest request;
      request.headers = {{"Accept", "application/json"}, {"User-Agent", user_agent_}};
      for (const auto& header : access_.headers) request.headers.push_back(header);
      if (!credential.token.empty())
        request.headers.emplace_back("Authorization", "Bearer " + credential.token);
      auto answer = ask(*client, std::move(request));
      if (!answer || answer->status != 401 || !exec_ || again) return answer;
      exec_->drop();
    }
  }

  Result<http::ClientResponse> stream(const std::string& path, std::chrono::milliseconds idle,
                                      const std::function<bool(std::string_view)>& on_line,
                                      std::stop_token stop) {
    return believed(stop, [&](http::Client& client, http::ClientRequest request) {
      request.target = access_.base_path + path;
      return client.stream(request, idle, on_line, stop);
    });
  }

  const ClusterAccess access_;
  const std::string user_agent_;
  const SystemClock clock_;
  std::optional<ExecCredentials> exec_;
  WatchedFile ca_;
  WatchedFile certificate_;
  WatchedFile key_;
  WatchedFile token_;
  std::mutex mutex_;
  std::shared_ptr<http::Client> client_;
  std::string made_from_;
};

}  // namespace

Code code_of_answer(int status, const std::string& reason) {
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

Result<std::unique_ptr<KubeClient>> KubeClient::make(ClusterAccess access, std::string user_agent) {
  auto client = std::make_unique<Client>(std::move(access), std::move(user_agent));
  GB_TRY_ASSIGN(const Credential credential, client->own_credential());
  GB_TRY(client->connected(credential));
  return client;
}

}  // namespace gb::kube
