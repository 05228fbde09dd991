// What keeps a program below us to a folder of its own: it reads what its user may read, and
// writes, makes and removes nothing outside of that folder; nor does it open a TCP connection.
//
// By Landlock, which a kernel has from Linux 5.13 on where it is switched on; TCP from 6.7 on. An
// older one keeps what it knows of, and one without keeps nothing: lacking() then says why.
//
// Thread safety: const methods, from any thread.
#pragma once

#include <string>

#include "base/error.h"

namespace gb::galera {

class Sandbox {
 public:
  // Of a folder that is there. Errors: Invalid (no such folder), Exhausted.
  static Result<Sandbox> make(const std::string& folder);
  Sandbox(Sandbox&& other) noexcept;
  Sandbox& operator=(Sandbox&& other) noexcept;
  ~Sandbox();

  // Why this system has none; empty: it has.
  [[nodiscard]] const std::string& lacking() const { return lacking_; }
  // Puts the process that calls, of one thread, and what it becomes into it for good; nothing where
  // there is none. 0, or an errno. Safe between fork and exec.
  [[nodiscard]] int enter() const noexcept;

 private:
  Sandbox(int rules, std::string lacking) : rules_(rules), lacking_(std::move(lacking)) {}
  int rules_;
  std::string lacking_;
};

}  // namespace gb::galera
