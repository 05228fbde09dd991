// Credentials that a program tells: client-go's exec plugins.
//
// Thread safety: all methods, from any thread; one run at a time.
#pragma once

#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "kube/cluster_access.h"

namespace gb::kube {

struct Credential {
  std::string token;
  std::string certificate_pem;
  std::string key_pem;
  std::optional<WallTime> expires;
};

class ExecCredentials {
 public:
  explicit ExecCredentials(ExecPlugin plugin, const Clock& clock)
      : plugin_(std::move(plugin)), clock_(clock) {}

  // What the program said last, until that expires or was dropped; then it is run again.
  // Unauthenticated: it cannot be started, fails, or says nothing that can be used.
  Result<Credential> get(std::stop_token stop);
  // The server did not believe it: the next get() runs the program.
  void drop();

 private:
  const ExecPlugin plugin_;
  const Clock& clock_;
  std::mutex mutex_;
  std::optional<Credential> last_;
};

}  // namespace gb::kube
