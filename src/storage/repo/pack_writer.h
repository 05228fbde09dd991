// Appends blobs to the packs of one backup. All threads of a dump share one: the lock is held for
// one append to the pack that is open; a full pack is sealed (footer, sync, made visible) by a
// thread of its own while the next one fills.
//
// The first error of the store sticks: every later call answers it. Nothing of a pack is visible
// before it is sealed. Destroying a writer that did not finish() drops the packs that are not yet
// sealed.
//
// Thread safety: all methods, from any thread; finish() and abort() after the last append.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <queue>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "storage/blob/blob_store.h"
#include "storage/repo/pack_format.h"

namespace gb::storage::repo {

class PackWriter {
 public:
  // The packs are those of the backup at `own` in `backups`, the uids that the bases of deltas
  // index. They get the numbers from `first_number` on; one is full when it holds `full` bytes.
  PackWriter(BlobStore& store, std::string ns, std::vector<std::string> backups, std::uint32_t own,
             std::uint32_t first_number, std::uint64_t full);
  ~PackWriter();
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;

  // Where the first blob of an append went; the others follow it.
  struct Place {
    std::uint32_t number = 0;
    std::uint32_t ordinal = 0;
  };
  // `stored` are the blobs' bytes, headers included, one after the other, so that the blobs of one
  // call are neighbours in one pack. Waits only while two full packs are still being sealed.
  Result<Place> append(Bytes stored, std::span<const PackBlob> blobs);

  // Seals what is open and waits for all packs to be durable.
  Status finish();
  // No pack becomes visible after this returned. Later calls answer Cancelled.
  void abort();

  struct Sealed {
    std::uint32_t number = 0;
    Sha256 id{};
  };
  [[nodiscard]] std::vector<Sealed> sealed() const;
  [[nodiscard]] std::uint64_t bytes() const;        // appended so far, footers included
  [[nodiscard]] std::uint32_t next_number() const;  // that no pack of this writer has

 private:
  struct Open {
    std::uint32_t number = 0;
    std::string key;
    std::uint64_t size = 0;
    std::unique_ptr<BlobWriter> writer;
    std::vector<PackBlob> blobs;
  };
  static constexpr std::size_t kSealing = 2;  // packs that may wait for the disk
  static constexpr std::size_t kMaxBlobs = 32768;

  [[nodiscard]] bool full() const;
  Status make_room(std::unique_lock<std::mutex>& lock);
  Status open_pack();
  void hand_over();  // the open pack goes to the sealing thread
  void seal_loop(const std::stop_token& stop);
  Result<Sealed> seal(Open& pack, std::uint64_t& written) const;
  Status give_up(Error error);

  BlobStore& store_;
  const std::string ns_;
  const std::vector<std::string> backups_;
  const std::uint32_t own_;
  const std::uint64_t full_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::unique_ptr<Open> open_;
  std::queue<std::unique_ptr<Open>> queue_;
  std::size_t sealing_ = 0;  // queued or being sealed
  std::uint32_t next_number_;
  std::uint64_t bytes_ = 0;
  std::vector<Sealed> sealed_;
  std::shared_ptr<const Error> failed_;
  std::jthread sealer_;  // last: it uses all of the above
};

}  // namespace gb::storage::repo
