// Requests to kube-apiserver in JSON, as whom the ClusterAccess says: this server, or a user of the
// command line.
//
// Thread safety: all methods, from any thread.
// Errors: of the transport, Unavailable and Cancelled; of an answer by its code: NotFound,
// Forbidden, Unauthenticated, AlreadyExists or Conflict (409 by reason), Expired (410), Invalid
// (other 4xx), Exhausted (429), Unavailable (5xx), with the message of the Status.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/object.h"
#include "base/error.h"
#include "http/client.h"
#include "kube/cluster_access.h"

namespace gb::kube {

struct Call {
  std::string method = "GET";
  std::string path = {};  // "/api/v1/namespaces/x", with its query
  std::string body = {};  // JSON; empty: none
  std::string content_type = "application/json";
  std::chrono::milliseconds timeout{10000};  // until the whole answer is there
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// What the code of an answer means, and, of a 409, the reason of its Status.
[[nodiscard]] Code code_of_answer(int status, const std::string& reason);

class KubeClient {
 public:
  // Files are read now and when they change. Invalid: one cannot be read, or holds no PEM.
  // A credential plugin is run with the first request, not here.
  static Result<std::unique_ptr<KubeClient>> make(
      ClusterAccess access, std::string user_agent = "galera-backup-apiserver");
  virtual ~KubeClient() = default;

  virtual Result<api::Json> call(const Call& call, std::stop_token stop) = 0;
  // One watch: calls `on_event` for every {"type","object"} until the server ends it (success),
  // on_event returns false (success), a stop, or an error; an ERROR event is the error of its
  // Status.
  virtual Status watch(const std::string& path,
                       const std::function<bool(const api::Json&)>& on_event,
                       std::stop_token stop) = 0;

  // For who shows an answer as it is: one of any status is a success.
  virtual Result<http::ClientResponse> send(const Call& call, std::stop_token stop) = 0;
  // A text that comes line by line (a log that is followed), until the server ends it, on_line
  // returns false or a stop. An answer that is not 200 comes back with its body and no line.
  virtual Result<http::ClientResponse> lines(const std::string& path,
                                             const std::function<bool(std::string_view)>& on_line,
                                             std::stop_token stop) = 0;
};

}  // namespace gb::kube
