// A store in a directory of a file system: local, or a volume that several nodes mount (NFS,
// CephFS).
//
// A blob is the file <root>/<key>, mode 0600, in folders of mode 0700. It is written to a file in
// <root>/~tmp (no key holds a '~'), synced, and given its name by rename(2), or by link(2) for
// put_if_absent: one winner, on every file system that has hard links, across nodes as well. Then
// the folder is synced. Early writeback starts while bytes are appended, so that the sync at the
// end of a large blob waits for its tail only. A writer holds a lock on its temporary file: open()
// removes those that nobody holds, which are what a crash left behind.
//
// No path leaves the root: keys are checked, and the kernel resolves them beneath the root and
// through no symbolic link (openat2, Linux 5.6).
//
// A folder at the third level or deeper (data/<ns>/<uid>) goes with its last blob; those above
// stay.
//
// Errors beside those of blob_store.h: NoSpace says how much is free; Forbidden, when the
// permissions or a read-only mount refuse us; Unavailable for every other failure of the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "storage/blob/blob_store.h"

namespace gb::storage {

class FsBlobStore final : public BlobStore, public FreeSpace {
 public:
  enum class Mode {
    kReadWrite,  // makes the directory where it is missing
    kReadOnly,   // every write answers Forbidden; nothing on the disk is touched
  };
  static Result<std::unique_ptr<FsBlobStore>> open(const std::filesystem::path& root,
                                                   Mode mode = Mode::kReadWrite);
  ~FsBlobStore() override;

  Result<std::unique_ptr<BlobWriter>> writer(std::string_view key) override;
  Status put_if_absent(std::string_view key, Bytes bytes) override;
  Result<std::string> get(std::string_view key) override;
  Result<std::string> get_range(std::string_view key, std::uint64_t offset,
                                std::uint64_t length) override;
  Result<std::vector<BlobInfo>> list(std::string_view prefix) override;
  Status remove(std::string_view key) override;
  Status remove_all(std::span<const std::string> keys) override;
  Result<std::uint64_t> free_bytes() override;
  Result<std::uint64_t> capacity_bytes() override;

 private:
  class Root;
  class Writer;
  explicit FsBlobStore(std::shared_ptr<Root> root);
  std::shared_ptr<Root> root_;  // shared with the writers
};

}  // namespace gb::storage
