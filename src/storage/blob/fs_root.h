// The directory behind an FsBlobStore: every system call that names a path is here. Private to
// blob/.
#pragma once

#include <dirent.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "storage/blob/fs_blob_store.h"

namespace gb::storage {

// An open file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// What is in an open folder, or null: errno says why. The folder stays open when it is destroyed.
using FolderStream = std::unique_ptr<DIR, int (*)(DIR*)>;
[[nodiscard]] FolderStream read_folder(const Fd& folder);

// "data/ns/uid/manifest" → folder "data/ns/uid", name "manifest".
struct KeyParts {
  std::string folder;
  std::string name;
};
[[nodiscard]] KeyParts split_key(std::string_view key);

// A temporary file, locked by us. Removed when destroyed.
struct TempFile {
  TempFile() = default;
  TempFile(TempFile&&) = default;
  TempFile& operator=(TempFile&&) = default;
  ~TempFile();
  std::shared_ptr<const Fd> folder;
  std::string name;
  Fd file;
};

class FsBlobStore::Root {
 public:
  static Result<std::shared_ptr<Root>> open(const std::filesystem::path& path, Mode mode);

  [[nodiscard]] bool read_only() const { return temp_folder_ == nullptr; }
  // The failure `error` (an errno) of doing `what` ("write", "read", …) with `key`.
  [[nodiscard]] tl::unexpected<Error> failure(int error, std::string_view what,
                                              std::string_view key) const;
  // Forbidden when the store was opened read-only.
  Status check_writable(std::string_view key) const;

  // `path` empty: the root itself. `error` is the errno, 0 when it was opened.
  struct Opened {
    Fd fd;
    int error = 0;
  };
  [[nodiscard]] Opened open_beneath(const std::string& path, int flags) const;

  // A folder that exists, and that will after a crash as well.
  Result<Fd> make_folder(const std::string& folder, std::string_view key);
  Result<TempFile> make_temp(std::string_view key);
  // Removes the temporary files of writers that are gone.
  void sweep_temp();

  // Gives the finished file its name; `replace` false: AlreadyExists when the name is taken.
  Status publish(const TempFile& temp, std::string_view key, bool replace);
  // Takes the name away; the folder is left unsynced.
  Status unlink(const KeyParts& parts, std::string_view key, Fd& folder);
  // Removes a folder of the third level or deeper when it is empty.
  void prune(const std::string& folder);
  Status sync_folder(int fd, std::string_view key) const;
  Result<std::uint64_t> free_bytes() const;
  Result<std::uint64_t> capacity_bytes() const;

 private:
  struct Space {
    std::uint64_t free = 0;  // bytes
    std::uint64_t capacity = 0;
  };
  [[nodiscard]] Result<Space> space_now() const;
  Status make_one_folder(const std::string& folder);  // whose parent exists

  std::filesystem::path path_;
  Fd fd_;
  std::shared_ptr<const Fd> temp_folder_;  // null: read-only

  std::mutex mutex_;
  std::set<std::string> durable_;  // folders whose entry in their parent was synced by us
};

}  // namespace gb::storage
