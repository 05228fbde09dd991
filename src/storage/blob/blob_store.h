// An object store: keys to bytes. Drivers (FsBlobStore, MemoryBlobStore) and the decorator that
// injects faults (FaultyBlobStore) implement this one interface and pass one conformance suite
// (test/unit/storage/blob_conformance.h).
//
// A key is a relative path of segments [A-Za-z0-9._-]+ joined by '/'; no segment is "." or ".." or
// longer than 200 bytes, no key longer than 1000, and no key is a folder of another ("a" and
// "a/b").
//
// Promises, of every driver:
//  - a blob is visible whole or not at all, under concurrent readers and after any crash;
//  - what a call that succeeded wrote or removed is durable (fs: file and directory synced);
//  - put_if_absent has exactly one winner among any number of racing callers, of any process;
//  - list after write is consistent.
//
// Errors: NotFound; AlreadyExists (put_if_absent lost); Unavailable (retry may help); Ambiguous (a
// conditional put whose answer was lost: read back and compare); NoSpace; Forbidden (the store
// denied us); Corruption; Invalid (a key that is none).
//
// Thread safety: all methods, from any thread; one Writer is used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace gb::storage {

struct BlobInfo {
  std::string key;
  std::uint64_t size = 0;
};

// A blob being written piece by piece, without holding it in memory. Nothing is visible before
// commit() succeeded; destroying a Writer that was not committed leaves nothing behind.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  virtual Status append(Bytes bytes) = 0;
  // Makes the blob visible and durable, replacing what was there. At most once; nothing after it.
  virtual Status commit() = 0;
};

class BlobStore {
 public:
  virtual ~BlobStore() = default;
  virtual Result<std::unique_ptr<BlobWriter>> writer(std::string_view key) = 0;
  virtual Status put_if_absent(std::string_view key, Bytes bytes) = 0;
  // The whole blob. `length` of get_range may reach past the end: what is there comes back; an
  // offset past the end is Invalid.
  virtual Result<std::string> get(std::string_view key) = 0;
  virtual Result<std::string> get_range(std::string_view key, std::uint64_t offset,
                                        std::uint64_t length) = 0;
  // Every blob whose key starts with `prefix` (a plain string prefix), in byte order of the keys.
  virtual Result<std::vector<BlobInfo>> list(std::string_view prefix) = 0;
  // Removing what is not there succeeds.
  virtual Status remove(std::string_view key) = 0;
  // The same for many keys, in their order, at less cost than one by one; the first error ends it.
  virtual Status remove_all(std::span<const std::string> keys);
};

// A whole blob in one call: writer, append, commit.
Status put(BlobStore& store, std::string_view key, Bytes bytes);

// Invalid unless `key` has the form above.
Status check_key(std::string_view key);

// Bytes that may still be written (Forbidden: the store is read-only) and that the place could hold
// in all, whoever uses them; absent where there is no such bound. It is advice, never a promise.
class FreeSpace {
 public:
  virtual ~FreeSpace() = default;
  virtual Result<std::uint64_t> free_bytes() = 0;
  virtual Result<std::uint64_t> capacity_bytes() = 0;
};

}  // namespace gb::storage
