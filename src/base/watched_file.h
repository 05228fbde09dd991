// A file that is read again when it changes: certificates, authorities, keys.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "base/error.h"

namespace gb {

class WatchedFile {
 public:
  explicit WatchedFile(std::string path) : path_(std::move(path)) {}

  // The text now. One stat(2) when nothing changed (inode, size, time of change). Invalid when it
  // cannot be read; a reader that had it before may go on with what it had.
  Result<std::string> read();
  // Counts the changes seen by read(): whoever derives something from the text compares it.
  [[nodiscard]] std::uint64_t generation() const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const std::string path_;
  mutable std::mutex mutex_;
  std::string text_;
  std::string seen_;  // inode, size and time of the text
  std::uint64_t generation_ = 0;
};

// The whole file. Invalid when it cannot be read.
Result<std::string> read_file(const std::string& path);

}  // namespace gb
