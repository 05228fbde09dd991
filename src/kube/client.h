// Requests to kube-apiserver in JSON, as this server's own identity.
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

#include "api/object.h"
#include "base/error.h"
#include "kube/cluster_access.h"

namespace gb::kube {

struct Call {
  std::string method = "GET";
  std::string path = {};  // "/api/v1/namespaces/x", with its query
  std::string body = {};  // JSON; empty: none
  std::string content_type = "application/json";
  std::chrono::milliseconds timeout{10000};  // until the whole answer is there
};

class KubeClient {
 public:
  // Files are read now and when they change. Invalid: one can not be read, or holds no PEM.
  static Result<std::unique_ptr<KubeClient>> make(ClusterAccess access);
  virtual ~KubeClient() = default;

  virtual Result<api::Json> call(const Call& call, std::stop_token stop) = 0;
  // One watch: calls `on_event` for every {"type","object"} until the server ends it (success),
  // on_event returns false (success), a stop, or an error; an ERROR event is the error of its
  // Status.
  virtual Status watch(const std::string& path,
                       const std::function<bool(const api::Json&)>& on_event,
                       std::stop_token stop) = 0;
};

}  // namespace gb::kube
