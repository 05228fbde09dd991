#include "storage/repo/pack_writer.h"

#include <utility>

namespace gb::storage::repo {

PackWriter::PackWriter(BlobStore& store, std::string ns, std::vector<std::string> backups,
                       std::uint32_t own, std::uint32_t first_number, std::uint64_t full)
    : store_(store),
      ns_(std::move(ns)),
      backups_(std::move(backups)),
      own_(own),
      full_(full),
      next_number_(first_number),
      sealer_([this](const std::stop_token& stop) { seal_loop(stop); }) {}

PackWriter::~PackWriter() {
  abort();
}

bool PackWriter::full() const {
  return open_ != nullptr && (open_->size >= full_ || open_->blobs.size() >= kMaxBlobs);
}

Status PackWriter::give_up(Error error) {
  if (!failed_) failed_ = std::make_shared<const Error>(std::move(error));
  open_.reset();
  changed_.notify_all();
  return fail(*failed_);
}

Status PackWriter::open_pack() {
  auto pack = std::make_unique<Open>();
  pack->number = next_number_;
  pack->key = pack_key({ns_, backups_[own_], pack->number, 0});
  auto writer = store_.writer(pack->key);
  if (!writer) return give_up(std::move(writer).error());
  pack->writer = std::move(*writer);
  ++next_number_;
  open_ = std::move(pack);
  return {};
}

void PackWriter::hand_over() {
  queue_.push(std::move(open_));
  ++sealing_;
  changed_.notify_all();
}

// An open pack that is not full, or the error that stopped the writer.
Status PackWriter::make_room(std::unique_lock<std::mutex>& lock) {
  while (true) {
    if (failed_) return fail(*failed_);
    if (open_ == nullptr) return open_pack();
    if (!full()) return {};
    if (sealing_ < kSealing)
      hand_over();
    else
      changed_.wait(lock);
  }
}

Result<PackWriter::Place> PackWriter::append(Bytes stored, std::span<const PackBlob> blobs) {
  std::unique_lock lock(mutex_);
  GB_TRY(make_room(lock));
  const Place place{open_->number, static_cast<std::uint32_t>(open_->blobs.size())};
  if (auto done = open_->writer->append(stored); !done) {
    GB_TRY(give_up(std::move(done).error()));
  }
  for (PackBlob blob : blobs) {
    blob.offset = static_cast<std::uint32_t>(open_->size);
    open_->size += blob.length;
    open_->blobs.push_back(blob);
  }
  bytes_ += stored.size();
  return place;
}

Result<PackWriter::Sealed> PackWriter::seal(Open& pack, std::uint64_t& written) const {
  const std::string end = encode_pack_end(pack.blobs, backups_, pack.size);
  GB_TRY(pack.writer->append(as_bytes(end)));
  GB_TRY(pack.writer->commit());
  written = end.size();
  return Sealed{pack.number, pack_id(pack.blobs)};
}

void PackWriter::seal_loop(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !queue_.empty(); })) {
    if (stop.stop_requested()) return;
    auto pack = std::move(queue_.front());
    queue_.pop();
    const bool wanted = failed_ == nullptr;
    std::uint64_t written = 0;
    Result<Sealed> done = Sealed{};
    lock.unlock();
    if (wanted) done = seal(*pack, written);
    pack.reset();
    lock.lock();
    --sealing_;
    if (!done) {
      (void)give_up(std::move(done).error());
    } else if (wanted) {
      sealed_.push_back(*done);
      bytes_ += written;
    }
    changed_.notify_all();
  }
}

Status PackWriter::finish() {
  std::unique_lock lock(mutex_);
  if (failed_) return fail(*failed_);
  if (open_ != nullptr) hand_over();
  changed_.wait(lock, [this] { return sealing_ == 0 || failed_ != nullptr; });
  if (failed_) return fail(*failed_);
  return {};
}

void PackWriter::abort() {
  {
    const std::lock_guard lock(mutex_);
    (void)give_up(Error{Code::kCancelled, "the backup's writer was stopped", {}, {}, {}});
  }
  sealer_.request_stop();
  if (sealer_.joinable()) sealer_.join();
  const std::lock_guard lock(mutex_);
  queue_ = {};
}

std::vector<PackWriter::Sealed> PackWriter::sealed() const {
  const std::lock_guard lock(mutex_);
  return sealed_;
}

std::uint64_t PackWriter::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::uint32_t PackWriter::next_number() const {
  const std::lock_guard lock(mutex_);
  return next_number_;
}

}  // namespace gb::storage::repo
