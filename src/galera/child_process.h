// A program that runs below us and cannot outlive us: it gets SIGKILL when the thread that started
// it ends, whatever the reason, and when the object is destroyed, with all that it started.
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/sandbox.h"

namespace gb::galera {

class ChildProcess {
 public:
  // `argv[0]` is a path. Its input is empty; what it prints goes into the file `output`, which is
  // made, with mode 0600. Its signals are as of a fresh program. `sandbox`: what it runs in, with
  // all that it starts; null: as we do.
  // Errors: Unavailable (the system makes no process), Invalid (no such program, no such file).
  static Result<ChildProcess> start(const std::vector<std::string>& argv, const std::string& output,
                                    int nice, const Sandbox* sandbox = nullptr);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  // Whether it has ended, and how: its exit code, or 128 and the number of its signal.
  std::optional<int> ended();
  // The same, waited for. Unavailable when `patience` passes first, Cancelled.
  Result<int> wait(std::chrono::milliseconds patience, const std::stop_token& stop);
  void kill();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
  std::optional<int> code_;
};

}  // namespace gb::galera
