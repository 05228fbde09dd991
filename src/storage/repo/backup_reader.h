// The reader behind repo.h's BackupReader, with what the writer of a derived backup and the check
// need of it beyond the contract.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "storage/repo/manifest.h"
#include "storage/repo/pack_source.h"
#include "storage/repo/repo.h"
#include "storage/repo/tree_format.h"

namespace gb::storage::repo {

class StoredBackup final : public BackupReader, public std::enable_shared_from_this<StoredBackup> {
 public:
  static Result<std::shared_ptr<const StoredBackup>> open(BlobStore& store, std::string_view ns,
                                                          std::string_view uid,
                                                          std::optional<Sha256> expected);
  StoredBackup(BlobStore& store, StoredManifest manifest);

  [[nodiscard]] const Manifest& manifest() const override { return stored_.manifest; }
  Result<std::unique_ptr<TableReader>> table(const TableId& id) const override;
  Status verify(unsigned threads, std::stop_token stop) const override;
  Status verify_structure(std::stop_token stop) const override;

  [[nodiscard]] const StoredManifest& stored() const { return stored_; }
  [[nodiscard]] const PackSource& packs() const { return packs_; }
  // The index of a table in the manifest; absent when it is not in the backup.
  [[nodiscard]] std::optional<std::size_t> find(const TableId& id) const;
  // The object of the table at `index`, compared with what the manifest says; empty without chunks.
  Result<TableObject> object(std::size_t index) const;
  // A page, compared with what its table needs of it.
  Result<Page> page(const Ref& ref, std::uint32_t columns) const;
  // Walks one table's tree. Every reference is shown to `visit` before what it refers to is read,
  // and after a delta what it is against; an error of it ends the walk. The bytes of columns are
  // not read.
  using Visit = std::function<Status(const Ref& ref, BlobKind kind)>;
  Status walk(std::size_t index, const std::stop_token& stop, const Visit& visit) const;

 private:
  const StoredManifest stored_;
  const PackSource packs_;
};

}  // namespace gb::storage::repo
