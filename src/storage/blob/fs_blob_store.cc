#include "storage/blob/fs_blob_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "storage/blob/fs_root.h"

namespace gb::storage {
namespace {

// Large enough to be written as one extent, small enough that the disk never idles behind the dump.
constexpr std::uint64_t kWriteback = 2 << 20;

Result<std::string> read_part(int fd, std::uint64_t offset, std::uint64_t length, int& error) {
  std::string text(length, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got =
        pread(fd, text.data() + done, text.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      error = errno;
      return text;
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

}  // namespace

class FsBlobStore::Writer final : public BlobWriter {
 public:
  Writer(std::shared_ptr<Root> root, std::string key, TempFile temp)
      : root_(std::move(root)), key_(std::move(key)), temp_(std::move(temp)) {}

  Status append(Bytes bytes) override {
    GB_TRY(failed_);
    while (!bytes.empty()) {
      const ssize_t wrote = ::write(temp_.file.get(), bytes.data(), bytes.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return failed_ = root_->failure(errno, "write", key_);
      size_ += static_cast<std::uint64_t>(wrote);
      bytes = bytes.subspan(static_cast<std::size_t>(wrote));
    }
    if (size_ - started_ >= kWriteback) {
      // Advice: where a file system does not know it, the sync at the end does all of the work.
      sync_file_range(temp_.file.get(), static_cast<off_t>(started_),
                      static_cast<off_t>(size_ - started_), SYNC_FILE_RANGE_WRITE);
      started_ = size_;
    }
    return {};
  }

  Status commit() override { return publish(/*replace=*/true); }

  Status publish(bool replace) {
    GB_TRY(failed_);
    if (fdatasync(temp_.file.get()) != 0) return failed_ = root_->failure(errno, "sync", key_);
    return failed_ = root_->publish(temp_, key_, replace);
  }

 private:
  std::shared_ptr<Root> root_;
  std::string key_;
  TempFile temp_;
  std::uint64_t size_ = 0;
  std::uint64_t started_ = 0;  // writeback was started up to here
  Status failed_;              // after a failure the file is not what was appended
};

FsBlobStore::FsBlobStore(std::shared_ptr<Root> root) : root_(std::move(root)) {}
FsBlobStore::~FsBlobStore() = default;

Result<std::unique_ptr<FsBlobStore>> FsBlobStore::open(const std::filesystem::path& root,
                                                       Mode mode) {
  GB_TRY_ASSIGN(auto opened, Root::open(root, mode));
  return std::unique_ptr<FsBlobStore>(new FsBlobStore(std::move(opened)));
}

Result<std::unique_ptr<BlobWriter>> FsBlobStore::writer(std::string_view key) {
  GB_TRY(root_->check_writable(key));
  GB_TRY_ASSIGN(TempFile temp, root_->make_temp(key));
  return std::make_unique<Writer>(root_, std::string(key), std::move(temp));
}

Status FsBlobStore::put_if_absent(std::string_view key, Bytes bytes) {
  GB_TRY(root_->check_writable(key));
  GB_TRY_ASSIGN(TempFile temp, root_->make_temp(key));
  Writer writer(root_, std::string(key), std::move(temp));
  GB_TRY(writer.append(bytes));
  return writer.publish(/*replace=*/false);
}

Result<std::string> FsBlobStore::get(std::string_view key) {
  return get_range(key, 0, UINT64_MAX);
}

Result<std::string> FsBlobStore::get_range(std::string_view key, std::uint64_t offset,
                                           std::uint64_t length) {
  GB_TRY(check_key(key));
  const auto opened = root_->open_beneath(std::string(key), O_RDONLY | O_NONBLOCK);
  if (opened.error == ENOTDIR) return root_->failure(ENOENT, "read", key);
  if (opened.error != 0) return root_->failure(opened.error, "read", key);
  struct stat status{};
  if (fstat(opened.fd.get(), &status) != 0) return root_->failure(errno, "read", key);
  if (!S_ISREG(status.st_mode)) return root_->failure(ENOENT, "read", key);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (offset > size)
    return fail(Code::kInvalid, std::string(key) + " has " + std::to_string(size) +
                                    " bytes, none at offset " + std::to_string(offset));
  int error = 0;
  auto text = read_part(opened.fd.get(), offset, std::min(length, size - offset), error);
  if (error != 0) return root_->failure(error, "read", key);
  return text;
}

Result<std::vector<BlobInfo>> FsBlobStore::list(std::string_view prefix) {
  std::vector<BlobInfo> found;
  // Only folders that can hold a match: the one that the prefix names, and all below it.
  std::vector<std::string> folders{split_key(prefix).folder};
  if (!folders.front().empty()) GB_TRY(check_key(folders.front()));
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    const auto opened = root_->open_beneath(folder, O_RDONLY | O_DIRECTORY);
    if (opened.error == ENOENT || opened.error == ENOTDIR) continue;
    if (opened.error != 0) return root_->failure(opened.error, "list", folder);
    const FolderStream stream = read_folder(opened.fd);
    if (stream == nullptr) return root_->failure(errno, "list", folder);
    for (errno = 0; const dirent* entry = readdir(stream.get()); errno = 0) {
      const std::string key = folder.empty() ? entry->d_name : folder + "/" + entry->d_name;
      // What is no key is none of ours: ~tmp, lost+found.
      if (!check_key(key)) continue;
      if (!key.starts_with(prefix) && !prefix.starts_with(key + "/")) continue;
      struct stat status{};
      if (fstatat(opened.fd.get(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;  // removed meanwhile
        return root_->failure(errno, "list", key);
      }
      if (S_ISDIR(status.st_mode)) folders.push_back(key);
      if (S_ISREG(status.st_mode) && key.starts_with(prefix))
        found.push_back({key, static_cast<std::uint64_t>(status.st_size)});
    }
    if (errno != 0) return root_->failure(errno, "list", folder);
  }
  std::ranges::sort(found, {}, &BlobInfo::key);
  return found;
}

Status FsBlobStore::remove(std::string_view key) {
  const std::string one(key);
  return remove_all({&one, 1});
}

Status FsBlobStore::remove_all(std::span<const std::string> keys) {
  // One sync for all that go from one folder in a row.
  Fd folder;
  std::string open_folder;
  const auto finish = [&](std::string_view key) -> Status {
    if (folder.get() < 0) return {};
    GB_TRY(root_->sync_folder(folder.get(), key));
    root_->prune(open_folder);
    folder = Fd();
    return {};
  };
  for (const std::string& key : keys) {
    GB_TRY(root_->check_writable(key));
    const KeyParts parts = split_key(key);
    if (parts.folder != open_folder) GB_TRY(finish(key));
    open_folder = parts.folder;
    Fd opened;
    GB_TRY(root_->unlink(parts, key, opened));
    if (opened.get() >= 0) folder = std::move(opened);
  }
  return keys.empty() ? Status{} : finish(keys.back());
}

Result<std::uint64_t> FsBlobStore::free_bytes() {
  return root_->free_bytes();
}

Result<std::uint64_t> FsBlobStore::capacity_bytes() {
  return root_->capacity_bytes();
}

}  // namespace gb::storage
