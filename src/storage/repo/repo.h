// The data of backups: packs of blobs, table objects and manifests (docs/repository-format.md).
//
// A backup is written by one BackupWriter and read by any number of BackupReaders. It exists from
// the moment that its manifest is committed, which is the last thing that is written. A writer that
// has a base (the newest completed backup of the same instances) stores no blob that the base
// holds: it refers to it.
//
// Thread safety: BackupWriter::table and every method of TableWriter, from any thread (a range's
// chunks come from one thread, in order); BackupReader and TableReader, all methods, from any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "storage/blob/blob_store.h"
#include "storage/crypto/digest.h"

namespace gb::storage {

// The sum modulo 2^128 of the rows' hashes, little-endian (the engine computes it; the repo carries
// it).
using RowDigest = std::array<std::byte, 16>;

struct TableId {
  std::string instance;
  std::string schema;
  std::string table;
  auto operator<=>(const TableId&) const = default;
};

struct TableTotals {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // encoded, before compression
  RowDigest digest{};
};

struct Sizes {
  std::uint64_t logical = 0;  // encoded row data, before compression
  std::uint64_t stored = 0;   // all that a restore reads, compressed, those of the base included
  std::uint64_t added = 0;    // what this backup put into the store
};

class TableWriter {
 public:
  virtual ~TableWriter() = default;
  // One chunk: `cut` identifies its boundary (the hash of its last key), `columns` are the encoded
  // column blobs in the order given to BackupWriter::table. The bytes are not kept after the call.
  virtual Status add_chunk(unsigned range, std::uint64_t cut, std::uint64_t rows,
                           std::span<const Bytes> columns) = 0;
  // Writes the table object. No chunk may follow.
  virtual Status finish(const TableTotals& totals) = 0;
};

// What describes a backup beside its tables. `content` is the engine's own JSON, one text an
// instance.
struct ManifestContent {
  std::string object;  // the GaleraBackup object (kind, metadata, spec) as JSON when the dump ended
  struct Instance {
    std::string name;
    std::string content;
  };
  std::vector<Instance> instances;
};

struct Manifest {
  std::uint32_t format = 1;
  std::string ns;
  std::string uid;
  std::string base_uid;  // empty: none
  ManifestContent content;
  struct Table {
    TableId id;
    std::vector<std::string> columns;
    TableTotals totals;
    std::uint64_t chunks = 0;
  };
  std::vector<Table> tables;  // in the order of TableId
  Sizes sizes;
};

struct FinishedBackup {
  Sha256 digest{};  // of the manifest as stored
  Sizes sizes;
};

class BackupReader;

struct WriterOptions {
  std::uint64_t pack_bytes = 16U << 20;  // a pack is sealed when it holds as much
};

class BackupWriter {
 public:
  // `base` may be null; it is kept until the writer ends. AlreadyExists when the backup has a
  // manifest.
  static Result<std::unique_ptr<BackupWriter>> create(BlobStore& store, std::string ns,
                                                      std::string uid,
                                                      std::shared_ptr<const BackupReader> base,
                                                      const WriterOptions& options = {});
  // Without finish() or abandon() the packs are left, unreferenced: remove_backup() is for them.
  virtual ~BackupWriter() = default;
  virtual Result<std::unique_ptr<TableWriter>> table(const TableId& id,
                                                     std::vector<std::string> columns) = 0;
  // Forgets every table and removes every pack written so far: the dump begins again.
  virtual Status restart() = 0;
  // Removes everything that was written, the manifest first. For a backup that failed; after
  // finish() the caller knows that no object will ever refer to it.
  virtual Status abandon() = 0;
  // Seals the packs, writes the manifest; every TableWriter has finished.
  virtual Result<FinishedBackup> finish(ManifestContent content) = 0;
  [[nodiscard]] virtual Sizes sizes() const = 0;  // so far
};

struct ChunkData {
  std::uint64_t rows = 0;
  std::vector<std::string> columns;  // encoded, as given to add_chunk
};

class TableReader {
 public:
  virtual ~TableReader() = default;
  [[nodiscard]] virtual const Manifest::Table& table() const = 0;
  [[nodiscard]] virtual std::size_t chunk_count() const = 0;
  // Every blob's digest is compared before the bytes are returned: Corruption names the pack.
  virtual Result<ChunkData> chunk(std::size_t index) = 0;
};

class BackupReader {
 public:
  // `expected` is the manifest's digest as the object's status has it; Corruption when it differs.
  // NotFound when there is no manifest: no such backup, or one that never completed.
  static Result<std::shared_ptr<const BackupReader>> open(BlobStore& store, std::string_view ns,
                                                          std::string_view uid,
                                                          std::optional<Sha256> expected);
  virtual ~BackupReader() = default;
  [[nodiscard]] virtual const Manifest& manifest() const = 0;
  virtual Result<std::unique_ptr<TableReader>> table(const TableId& id) const = 0;
  // Reads every table object, chunk and blob of this backup and compares every digest, on so many
  // threads.
  virtual Status verify(unsigned threads, std::stop_token stop) const = 0;
  // Table objects and chunk lists only: every blob referred to exists in a pack's footer.
  virtual Status verify_structure(std::stop_token stop) const = 0;
};

struct BackupName {
  std::string ns;
  std::string uid;
  auto operator<=>(const BackupName&) const = default;
};
// Whether a repository has its manifest.
Result<bool> has_manifest(BlobStore& store, const BackupName& backup);

struct Freed {
  std::uint64_t bytes = 0;
  std::vector<BackupName> wholly;  // nothing of these is left
};
// Removes the manifests of `backups`, and those of their packs that no other manifest names; the
// rest goes with a later call, when who refers to it has gone, too. Nothing is removed while any
// other manifest of their namespaces cannot be read (Corruption). The caller knows that no object
// refers to `backups`, that nobody is bringing one back, and that no running dump has one as its
// base.
Result<Freed> free_backups(BlobStore& store, const std::vector<BackupName>& backups,
                           std::stop_token stop);

// Removes everything of a backup that did not complete, so that nobody refers to it. Its manifest
// first: without it nothing that is removed afterwards is missed by anybody.
Status remove_backup(BlobStore& store, const BackupName& backup);

// One finding of a check of the whole repository.
struct Finding {
  bool damage = false;  // false: harmless (an orphan, a pack of a dump that never completed)
  std::string key;      // what it is about
  std::string message;  // what is wrong, and what it means
};

struct CheckOptions {
  bool read_data = false;  // every blob, not only the structure
  // Removes what is provably unreferenced: packs that lie beside a manifest which does not name
  // them, and everything of the backups in `ended`. Nothing is removed while any manifest cannot
  // be read.
  bool repair = false;
  // Backups without a manifest whose dump has ended for good: no writer owns them and no running
  // dump has them as its base. Only the caller can know; their packs are left alone otherwise.
  std::vector<BackupName> ended = {};
};

// Log chain, checkpoints against the log, every manifest, table object, chunk and pack footer,
// orphans. Runs beside writers. An error is returned only when the check itself could not go on.
Result<std::vector<Finding>> check_repository(BlobStore& store, const CheckOptions& options,
                                              std::stop_token stop);

}  // namespace gb::storage
