#include "storage/blob/fs_root.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace gb::storage {
namespace {

constexpr const char* kTempFolder = "~tmp";
// Names are tried anew when another process took them or swept them: this often.
constexpr int kNameTries = 1000;

std::string next_temp_name() {
  static std::atomic<std::uint64_t> counter{0};
  return std::to_string(getpid()) + "." + std::to_string(counter++);
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

FolderStream read_folder(const Fd& folder) {
  FolderStream none(nullptr, closedir);
  const int own = fcntl(folder.get(), F_DUPFD_CLOEXEC, 0);
  if (own < 0) return none;
  DIR* stream = fdopendir(own);
  if (stream != nullptr) return {stream, closedir};
  const int error = errno;
  close(own);
  errno = error;
  return none;
}

KeyParts split_key(std::string_view key) {
  const std::size_t slash = key.rfind('/');
  if (slash == std::string_view::npos) return {"", std::string(key)};
  return {std::string(key.substr(0, slash)), std::string(key.substr(slash + 1))};
}

TempFile::~TempFile() {
  // Before the lock goes with the file: a name that is unlocked belongs to whoever sweeps.
  if (folder && file.get() >= 0) unlinkat(folder->get(), name.c_str(), 0);
}

Result<std::shared_ptr<FsBlobStore::Root>> FsBlobStore::Root::open(
    const std::filesystem::path& path, Mode mode) {
  auto root = std::make_shared<Root>();
  root->path_ = path;
  if (mode == Mode::kReadWrite) {
    std::error_code error;
    if (std::filesystem::create_directories(path, error); error)
      return root->failure(error.value(), "make", "");
  }
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return fail(Code::kNotFound, "there is no directory " + path.string(),
                  "name the directory that holds the repository");
    return root->failure(errno, "open", "");
  }
  root->fd_ = Fd(folder);
  if (const Opened probe = root->open_beneath("", O_RDONLY | O_DIRECTORY); probe.error == ENOSYS)
    return fail(Code::kUnavailable, "this kernel has no openat2", "use Linux 5.6 or newer");
  if (mode == Mode::kReadOnly) return root;

  if (mkdirat(root->fd_.get(), kTempFolder, 0700) != 0 && errno != EEXIST)
    return root->failure(errno, "write to", "");
  Opened temp = root->open_beneath(kTempFolder, O_RDONLY | O_DIRECTORY);
  if (temp.error != 0) return root->failure(temp.error, "open", kTempFolder);
  root->temp_folder_ = std::make_shared<const Fd>(std::move(temp.fd));
  root->sweep_temp();
  return root;
}

tl::unexpected<Error> FsBlobStore::Root::failure(int error, std::string_view what,
                                                 std::string_view key) const {
  const std::string where = key.empty() ? path_.string() : (path_ / key).string();
  const std::string message = "cannot " + std::string(what) + " " + where + ": ";
  switch (error) {
    case ENOSPC:
    case EDQUOT: {
      const auto free = free_bytes();
      return fail(Code::kNoSpace,
                  message + "no space left on the device" +
                      (free ? " (" + to_quantity(*free) + " free)" : std::string()),
                  "free space in the volume of the store, enlarge it, or delete old backups");
    }
    case EACCES:
    case EPERM:
      return fail(Code::kForbidden, message + std::strerror(error),
                  "the directory and all below it must belong to the user that this program runs "
                  "as");
    case ENOENT:
      return fail(Code::kNotFound, "the store holds no " + where);
    case ELOOP:
    case EXDEV:
      return fail(Code::kForbidden, message + "the path leads out of the store",
                  "a store holds no symbolic links: remove it");
    case ENOTDIR:
    case EISDIR:
      return fail(Code::kInvalid, message + "the key and another are folder and blob");
    default:
      break;
  }
  return fail(Code::kUnavailable, message + std::strerror(error), "check the volume of the store");
}

Status FsBlobStore::Root::check_writable(std::string_view key) const {
  GB_TRY(check_key(key));
  if (!read_only()) return {};
  return fail(Code::kForbidden, "the store " + path_.string() + " is opened read-only");
}

FsBlobStore::Root::Opened FsBlobStore::Root::open_beneath(const std::string& path,
                                                          int flags) const {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    const long fd =
        syscall(SYS_openat2, fd_.get(), path.empty() ? "." : path.c_str(), &how, sizeof how);
    if (fd >= 0) return {Fd(static_cast<int>(fd)), 0};
    // EAGAIN: a rename raced with the resolution.
    if (errno != EINTR && errno != EAGAIN) return {Fd(), errno};
  }
}

Result<Fd> FsBlobStore::Root::make_folder(const std::string& folder, std::string_view key) {
  for (int i = 0; i < kNameTries; ++i) {
    for (std::size_t end = 0; end != std::string::npos && !folder.empty();) {
      end = folder.find('/', end == 0 ? 0 : end + 1);
      GB_TRY(make_one_folder(folder.substr(0, end)));
    }
    Opened opened = open_beneath(folder, O_RDONLY | O_DIRECTORY);
    if (opened.error == 0) return std::move(opened.fd);
    if (opened.error != ENOENT) return failure(opened.error, "write", key);
    const std::lock_guard lock(mutex_);
    durable_.erase(folder);  // another process pruned it
  }
  return fail(Code::kUnavailable,
              "the folder of " + std::string(key) + " is removed again and again");
}

Status FsBlobStore::Root::make_one_folder(const std::string& folder) {
  {
    const std::lock_guard lock(mutex_);
    if (durable_.contains(folder)) return {};
  }
  const KeyParts parts = split_key(folder);
  const Opened parent = open_beneath(parts.folder, O_RDONLY | O_DIRECTORY);
  if (parent.error != 0) return failure(parent.error, "open", parts.folder);
  if (mkdirat(parent.fd.get(), parts.name.c_str(), 0700) != 0 && errno != EEXIST)
    return failure(errno, "make", folder);
  // Also where it existed: whoever made it may not have come to its sync yet.
  GB_TRY(sync_folder(parent.fd.get(), parts.folder));
  const std::lock_guard lock(mutex_);
  durable_.insert(folder);
  return {};
}

Result<TempFile> FsBlobStore::Root::make_temp(std::string_view key) {
  for (int i = 0; i < kNameTries; ++i) {
    TempFile temp;
    temp.name = next_temp_name();
    const int file = openat(temp_folder_->get(), temp.name.c_str(),
                            O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
      if (errno == EEXIST) continue;
      return failure(errno, "write", key);
    }
    temp.file = Fd(file);
    // A sweep may have seen the file before we locked it: then it holds the lock, or the name is
    // gone. Where locks are not supported no sweep succeeds either.
    if (flock(temp.file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) continue;
    struct stat status{};
    if (fstat(temp.file.get(), &status) != 0) return failure(errno, "write", key);
    if (status.st_nlink == 0) continue;
    temp.folder = temp_folder_;
    return temp;
  }
  return fail(Code::kUnavailable, "no temporary file could be made in " + path_.string());
}

void FsBlobStore::Root::sweep_temp() {
  const Opened opened = open_beneath(kTempFolder, O_RDONLY | O_DIRECTORY);
  if (opened.error != 0) return;
  const FolderStream folder = read_folder(opened.fd);
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder.get())) {
    // For writing: NFS grants an exclusive lock on nothing less.
    const int fd = openat(opened.fd.get(), entry->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) continue;
    const Fd file(fd);
    struct stat status{};
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) continue;  // its writer lives
    if (unlinkat(opened.fd.get(), entry->d_name, 0) == 0)
      log::info("removed what a write that never ended left behind",
                {{"store", path_.string()},
                 {"file", entry->d_name},
                 {"bytes", static_cast<std::uint64_t>(status.st_size)}});
  }
}

Status FsBlobStore::Root::publish(const TempFile& temp, std::string_view key, bool replace) {
  const KeyParts parts = split_key(key);
  for (int i = 0; i < kNameTries; ++i) {
    GB_TRY_ASSIGN(const Fd folder, make_folder(parts.folder, key));
    const int done =
        replace
            ? renameat(temp.folder->get(), temp.name.c_str(), folder.get(), parts.name.c_str())
            : linkat(temp.folder->get(), temp.name.c_str(), folder.get(), parts.name.c_str(), 0);
    if (done != 0 && errno == ENOENT) {
      // Somebody pruned the folder between: make it again, unless it is our own file that is gone.
      struct stat status{};
      if (fstat(temp.file.get(), &status) != 0 || status.st_nlink == 0)
        return fail(Code::kUnavailable,
                    "the temporary file of " + std::string(key) + " was removed by another process",
                    "let nothing else write into the directory of the store");
      const std::lock_guard lock(mutex_);
      durable_.erase(parts.folder);
      continue;
    }
    if (done != 0 && errno == EEXIST) {
      // On NFS the answer of a link that was made can be lost and the repeated call sees our own
      // name: the number of links tells.
      struct stat status{};
      if (fstat(temp.file.get(), &status) != 0 || status.st_nlink < 2)
        return fail(Code::kAlreadyExists, "the key " + std::string(key) + " exists");
    } else if (done != 0 && !replace && (errno == EPERM || errno == EOPNOTSUPP)) {
      return fail(
          Code::kForbidden,
          "the file system of " + path_.string() + " refused a hard link for " + std::string(key),
          "put the store on a file system with hard links, such as ext4, XFS, NFS or CephFS");
    } else if (done != 0) {
      const bool unknown = !replace && (errno == EIO || errno == ETIMEDOUT || errno == ESTALE);
      Status failed = failure(errno, "write", key);
      // A network file system that did not answer may have made the link all the same.
      if (unknown) failed.error().code = Code::kAmbiguous;
      return failed;
    }
    // Readers may see the name from here on. That a crash could still take it away does no harm to
    // a chain of keys in one folder: a later name is synced together with all earlier ones.
    if (auto synced = sync_folder(folder.get(), key); !synced) {
      if (!replace) synced.error().code = Code::kAmbiguous;
      return synced;
    }
    return {};
  }
  return fail(Code::kUnavailable,
              "the folder of " + std::string(key) + " is removed again and again");
}

Status FsBlobStore::Root::unlink(const KeyParts& parts, std::string_view key, Fd& folder) {
  Opened opened = open_beneath(parts.folder, O_RDONLY | O_DIRECTORY);
  if (opened.error == ENOENT || opened.error == ENOTDIR) return {};
  if (opened.error != 0) return failure(opened.error, "remove", key);
  folder = std::move(opened.fd);
  if (unlinkat(folder.get(), parts.name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno == EISDIR) return {};  // a folder is no blob: there is none of this key
  return failure(errno, "remove", key);
}

void FsBlobStore::Root::prune(const std::string& folder) {
  const KeyParts parts = split_key(folder);
  if (parts.folder.find('/') == std::string::npos) return;  // first or second level
  const Opened parent = open_beneath(parts.folder, O_RDONLY | O_DIRECTORY);
  if (parent.error != 0) return;
  const std::lock_guard lock(mutex_);
  if (unlinkat(parent.fd.get(), parts.name.c_str(), AT_REMOVEDIR) == 0) durable_.erase(folder);
}

Status FsBlobStore::Root::sync_folder(int fd, std::string_view key) const {
  if (fsync(fd) == 0) return {};
  return failure(errno, "sync the folder of", key);
}

Result<std::uint64_t> FsBlobStore::Root::free_bytes() const {
  GB_TRY_ASSIGN(const Space space, space_now());
  return space.free;
}

Result<std::uint64_t> FsBlobStore::Root::capacity_bytes() const {
  GB_TRY_ASSIGN(const Space space, space_now());
  return space.capacity;
}

Result<FsBlobStore::Root::Space> FsBlobStore::Root::space_now() const {
  struct statvfs status{};
  if (fstatvfs(fd_.get(), &status) != 0)
    return fail(Code::kUnavailable,
                "cannot ask for the free space of " + path_.string() + ": " + std::strerror(errno));
  if ((status.f_flag & ST_RDONLY) != 0)
    return fail(Code::kForbidden, "the volume of " + path_.string() + " is mounted read-only");
  // What is kept back for root is none of ours, full or free: as df has it.
  const std::uint64_t used = status.f_blocks - status.f_bfree;
  return Space{static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize,
               (used + status.f_bavail) * status.f_frsize};
}

}  // namespace gb::storage
