#include <algorithm>
#include <utility>

#include "base/log.h"
#include "storage/repo/backup_reader.h"
#include "storage/repo/manifest.h"
#include "storage/repo/table_writer.h"

namespace gb::storage {
namespace repo {
namespace {

class StoredBackupWriter final : public BackupWriter {
 public:
  StoredBackupWriter(BlobStore& store, std::string ns, std::string uid,
                     std::shared_ptr<const StoredBackup> base, std::uint32_t first_number,
                     const WriterOptions& options)
      : store_(store),
        ns_(std::move(ns)),
        uid_(std::move(uid)),
        base_(std::move(base)),
        options_(options) {
    if (base_) backups_ = base_->stored().backups;
    const auto free = std::ranges::find(backups_, std::string());
    own_ = static_cast<std::uint32_t>(free - backups_.begin());
    if (free == backups_.end()) backups_.emplace_back();
    backups_[own_] = uid_;
    begin(first_number);
  }

  Result<std::unique_ptr<TableWriter>> table(const TableId& id,
                                             std::vector<std::string> columns) override {
    const auto session = current();
    if (columns.size() > kMaxColumns)
      return fail(Code::kInvalid, "table " + id.schema + "." + id.table + " has more than " +
                                      std::to_string(kMaxColumns) + " columns");
    GB_TRY_ASSIGN(auto base, base_table(id, columns));
    {
      const std::lock_guard lock(session->mutex);
      Session::Entry entry;
      entry.table.id = id;
      entry.table.columns = columns;
      if (!session->tables.try_emplace(id, std::move(entry)).second)
        return fail(Code::kAlreadyExists,
                    "table " + id.schema + "." + id.table + " is in this backup already");
    }
    return std::make_unique<StoredTableWriter>(session, id, columns.size(), std::move(base));
  }

  Status restart() override {
    const std::lock_guard lock(mutex_);
    if (finished_) return fail(Code::kInvalid, "a backup that is complete cannot begin again");
    session_->packs.abort();
    GB_TRY(remove_backup(store_, {ns_, uid_}));
    // Numbers are never used twice: what a reader holds of an old pack cannot pass for a new one.
    begin(session_->packs.next_number());
    return {};
  }

  Status abandon() override {
    const std::lock_guard lock(mutex_);
    if (!finished_) session_->packs.abort();
    return remove_backup(store_, {ns_, uid_});
  }

  Result<FinishedBackup> finish(ManifestContent content) override {
    const auto session = current();
    StoredManifest out;
    out.manifest.ns = ns_;
    out.manifest.uid = uid_;
    out.manifest.base_uid = base_ ? base_->manifest().uid : "";
    out.manifest.content = std::move(content);
    std::set<PackId> used;
    {
      const std::lock_guard lock(session->mutex);
      for (const auto& [id, entry] : session->tables) {
        if (!entry.finished)
          return fail(Code::kInvalid,
                      "table " + id.schema + "." + id.table + " was begun and not finished");
        out.manifest.tables.push_back(entry.table);
        out.objects.push_back(entry.object);
      }
      used = session->used;
    }
    GB_TRY(session->packs.finish());
    for (const auto& sealed : session->packs.sealed())
      out.pins.emplace(PackId{own_, sealed.number}, sealed.id);
    for (const PackId& id : used) out.pins.emplace(id, base_->packs().pins().at(id));
    out.backups = backups_;
    for (std::uint32_t i = 0; i < out.backups.size(); ++i) {
      const auto pin = out.pins.lower_bound({i, 0});
      if (i != own_ && (pin == out.pins.end() || pin->first.backup != i)) out.backups[i].clear();
    }
    out.manifest.sizes = {session->logical, session->stored, session->packs.bytes()};

    GB_TRY_ASSIGN(const std::string bytes, encode_manifest(out));
    GB_TRY(commit(bytes));
    const std::lock_guard lock(mutex_);
    finished_ = true;
    manifest_bytes_ = bytes.size();
    Sizes sizes = out.manifest.sizes;
    sizes.stored += bytes.size();
    sizes.added += bytes.size();
    return FinishedBackup{sha256(as_bytes(bytes)), sizes};
  }

  [[nodiscard]] Sizes sizes() const override {
    const std::lock_guard lock(mutex_);
    return {session_->logical, session_->stored + manifest_bytes_,
            session_->packs.bytes() + manifest_bytes_};
  }

 private:
  void begin(std::uint32_t first_number) {
    session_ =
        std::make_shared<Session>(store_, ns_, backups_, own_, first_number, options_.pack_bytes);
  }

  std::shared_ptr<Session> current() const {
    const std::lock_guard lock(mutex_);
    return session_;
  }

  // The base saves work; one that cannot be read is left out rather than letting the dump fail.
  Result<std::unique_ptr<BaseTable>> base_table(const TableId& id,
                                                const std::vector<std::string>& columns) const {
    const auto index = base_ ? base_->find(id) : std::nullopt;
    if (!index) return nullptr;
    auto base = BaseTable::open(base_, *index, columns);
    if (!base && base.error().code == Code::kCorruption) {
      log::warn("the base of a table is damaged; the table is stored anew",
                {{"backup", base_->manifest().uid},
                 {"table", id.schema + "." + id.table},
                 {"error", base.error().text()}});
      return nullptr;
    }
    return base;
  }

  // Writes the manifest unless there is one. An answer that was lost is settled by reading back.
  Status commit(const std::string& bytes) {
    const std::string key = manifest_key(ns_, uid_);
    auto done = store_.put_if_absent(key, as_bytes(bytes));
    if (done) return {};
    if (done.error().code != Code::kAlreadyExists && done.error().code != Code::kAmbiguous)
      return wrap("writing " + key, std::move(done).error());
    const auto there = store_.get(key);
    if (there && *there == bytes) return {};
    if (there)
      return fail(Code::kAlreadyExists, "another writer completed the backup " + ns_ + "/" + uid_);
    return wrap("writing " + key, std::move(done).error());
  }

  BlobStore& store_;
  const std::string ns_;
  const std::string uid_;
  const std::shared_ptr<const StoredBackup> base_;
  const WriterOptions options_;
  std::vector<std::string> backups_;
  std::uint32_t own_ = 0;

  mutable std::mutex mutex_;
  std::shared_ptr<Session> session_;
  bool finished_ = false;
  std::uint64_t manifest_bytes_ = 0;
};

}  // namespace
}  // namespace repo

Result<std::unique_ptr<BackupWriter>> BackupWriter::create(BlobStore& store, std::string ns,
                                                           std::string uid,
                                                           std::shared_ptr<const BackupReader> base,
                                                           const WriterOptions& options) {
  using namespace repo;
  GB_TRY(check_backup_name(ns, uid));
  const bool derived = base != nullptr;
  auto stored = std::dynamic_pointer_cast<const StoredBackup>(std::move(base));
  if (derived && (stored == nullptr || stored->manifest().ns != ns))
    return fail(Code::kInvalid, "the base of " + ns + "/" + uid + " is a backup of elsewhere",
                "give a backup of the same namespace and repository");
  GB_TRY_ASSIGN(const auto blobs, store.list(backup_prefix(ns, uid)));
  std::uint32_t number = 0;
  const std::string manifest = manifest_key(ns, uid);
  for (const BlobInfo& blob : blobs) {
    if (blob.key == manifest)
      return fail(Code::kAlreadyExists, manifest + " exists: the backup is complete already");
    // Packs of an attempt that died stay untouched: its writer may be slow rather than dead.
    if (const auto name = parse_pack_key(blob.key)) number = std::max(number, name->number + 1);
  }
  return std::make_unique<StoredBackupWriter>(store, std::move(ns), std::move(uid),
                                              std::move(stored), number, options);
}

}  // namespace gb::storage
