// The cluster as its user sees it: galera-backup's API behind kube-apiserver, asked with the user's
// kubeconfig.
//
// Errors carry the server's own words, and a hint where those alone do not tell what to do. The
// server's warnings go to standard error as they come, as kubectl prints them.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/object.h"
#include "api/schema.h"
#include "base/error.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"

namespace gb::cli {

// kubectl's flags that say where and as whom.
struct KubeFlags {
  kube::KubeconfigChoice kubeconfig;
  std::string ns;  // empty: the context's
};

struct Request {
  std::string method = "GET";
  std::string path;
  std::string body;  // JSON; empty: none
  std::chrono::milliseconds timeout{15000};
  bool respond_async = false;  // a create is to be answered before its job has ended
};

class Cluster {
 public:
  static Result<std::unique_ptr<Cluster>> open(const KubeFlags& flags);
  // Over a client that is there already.
  Cluster(std::unique_ptr<kube::KubeClient> client, std::string ns)
      : client_(std::move(client)), ns_(std::move(ns)) {}

  [[nodiscard]] const std::string& ns() const { return ns_; }
  // "/apis/backup.rhoso.io/v1beta1/namespaces/NS/galerabackups/NAME/SUB"; without what is empty.
  [[nodiscard]] std::string path(std::string_view resource, std::string_view name = {},
                                 std::string_view sub = {}) const;

  Result<api::Json> ask(const Request& request, std::stop_token stop) const;
  Result<api::Json> get(const std::string& path, std::stop_token stop) const;
  // A text, line by line as it comes; on_line gets none with its line break.
  Status lines(const std::string& path, const std::function<void(std::string_view)>& on_line,
               std::stop_token stop) const;

 private:
  const std::unique_ptr<kube::KubeClient> client_;
  const std::string ns_;
};

// An object as its users name it: backup/x, restore/x, or with any name of the resource that
// kubectl knows (galerabackup/x, gbk/x, galerabackups.backup.rhoso.io/x).
struct ObjectName {
  const api::ResourceType* type = nullptr;
  std::string name;
};
// Invalid says which forms there are.
Result<ObjectName> parse_object_name(std::string_view text);
// The same where a backup is meant, which may then be named by its name alone.
Result<ObjectName> parse_backup_name(std::string_view text);
// "backup/x": how to name it to our own commands.
[[nodiscard]] std::string short_form(const api::ResourceType& type, std::string_view name);

}  // namespace gb::cli
