#include "base/watched_file.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>

namespace gb {

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad())
    return fail(Code::kInvalid, path + " cannot be read",
                "check that it exists and that this program may read it");
  return text;
}

Result<std::string> WatchedFile::read() {
  struct stat info{};
  if (::stat(path_.c_str(), &info) != 0)
    return fail(Code::kInvalid, path_ + " cannot be read",
                "check that it exists and that this program may read it");
  const std::string now = std::to_string(info.st_ino) + "/" + std::to_string(info.st_size) + "/" +
                          std::to_string(info.st_mtim.tv_sec) + "." +
                          std::to_string(info.st_mtim.tv_nsec);
  const std::scoped_lock lock(mutex_);
  if (now == seen_) return text_;
  GB_TRY_ASSIGN(text_, read_file(path_));
  seen_ = now;
  ++generation_;
  return text_;
}

std::uint64_t WatchedFile::generation() const {
  const std::scoped_lock lock(mutex_);
  return generation_;
}

}  // namespace gb
