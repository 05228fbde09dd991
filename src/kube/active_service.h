// The Service through which applications reach a Galera object: it leads to one pod, which its
// selector names. With an empty value there it leads nowhere, and that is how a restore keeps
// applications away.
//
// What a blocked Service has to be given back is written on it, before and with the blocking, so
// that any server of this repository can do it, however the one that blocked it ended:
//   label       backup.rhoso.io/blocked-by   the uid of the restore
//   annotations backup.rhoso.io/restore      its name, backup.rhoso.io/repository  whose it is
//               backup.rhoso.io/active-pod   what the selector is given back
//
// Thread safety: all methods, from any thread. Errors are those of the client, Conflict when the
// Service is blocked by somebody else, Invalid when it is not the kind of Service that can be.
#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kube/client.h"

namespace gb::kube {

struct BlockedService {
  std::string ns;
  std::string service;  // named like the Galera object
  std::string restore;  // the GaleraRestore, of the same namespace
  std::string uid;      // of that restore
};

class ActiveServices {
 public:
  // `client` outlives it. `repository` tells those that we blocked from those of another server.
  ActiveServices(KubeClient& client, std::string repository)
      : client_(client), repository_(std::move(repository)) {}

  // Whether block() would be let, without doing it.
  Status may_block(const BlockedService& who, std::stop_token stop);
  Status block(const BlockedService& who, std::stop_token stop);
  // Blocks it again when it leads somewhere: true then; where it led is what is given back.
  Result<bool> keep_blocked(const BlockedService& who, std::stop_token stop);
  // To the pod that was active, or to one that is ready when that one is not. Nothing to do when
  // the Service is gone or not blocked by this restore.
  Status give_back(const BlockedService& who, std::stop_token stop);
  // Those of every namespace that restores of this repository have blocked.
  Result<std::vector<BlockedService>> blocked(std::stop_token stop);

 private:
  struct Seen;
  Result<Seen> look(const BlockedService& who, std::stop_token stop);
  Status try_block(const BlockedService& who, const std::string& query,
                   const std::stop_token& stop);
  Status patch(const BlockedService& who, const api::Json& change, const std::string& query,
               std::stop_token stop);
  std::string pod_to_lead_to(const BlockedService& who, const std::string& remembered,
                             const std::stop_token& stop);

  KubeClient& client_;
  const std::string repository_;
};

}  // namespace gb::kube
