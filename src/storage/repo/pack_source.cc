#include "storage/repo/pack_source.h"

#include <algorithm>
#include <numeric>

namespace gb::storage::repo {
namespace {

// Most footers fit into the first read of a pack's end.
constexpr std::uint64_t kEndGuess = 64U << 10;
// All footers held together: 68 bytes each in memory.
constexpr std::uint64_t kCachedBlobs = 150'000;
// Blobs that lie this close are read together with what is between them, up to a bound.
constexpr std::uint64_t kBridge = 16U << 10;
constexpr std::uint64_t kMaxRead = 8U << 20;
constexpr std::string_view kHint =
    "restore from another backup; 'check --read-data' tells what else is damaged";

tl::unexpected<Error> damaged(const std::string& where, Error cause) {
  // Both mean that the pack is no longer what the listing or its own footer said.
  if (cause.code == Code::kNotFound || cause.code == Code::kInvalid) cause.code = Code::kCorruption;
  if (cause.code == Code::kCorruption && cause.hint.empty()) cause.hint = kHint;
  return wrap(where, std::move(cause));
}

}  // namespace

Result<Pack> load_pack(BlobStore& store, std::string key, std::uint64_t size) {
  if (size < kPackTrailer)
    return damaged(key, Error{Code::kCorruption, "the pack is cut short", {}, {}, {}});
  const std::uint64_t guess = std::min(size, kEndGuess);
  auto end = store.get_range(key, size - guess, guess);
  if (!end) return damaged(key, std::move(end).error());
  if (end->size() != guess)
    return damaged(key, Error{Code::kCorruption, "the pack is cut short", {}, {}, {}});
  const auto trailer = parse_trailer(as_bytes(*end).last(kPackTrailer), size);
  if (!trailer) return damaged(key, trailer.error());
  const std::uint64_t need = std::uint64_t{trailer->footer_length} + kPackTrailer;
  if (need > end->size()) {
    end = store.get_range(key, size - need, need);
    if (!end) return damaged(key, std::move(end).error());
    if (end->size() != need)
      return damaged(key, Error{Code::kCorruption, "the pack is cut short", {}, {}, {}});
  }
  auto footer = parse_footer(*trailer, as_bytes(*end).last(need));
  if (!footer) return damaged(key, std::move(footer).error());
  return Pack{std::move(key), size, std::move(*footer)};
}

PackSource::PackSource(BlobStore& store, std::string ns, std::vector<std::string> backups,
                       Pins pins)
    : store_(store), ns_(std::move(ns)), backups_(std::move(backups)), pins_(std::move(pins)) {}

std::string PackSource::describe(const Ref& ref) const {
  const std::string uid =
      ref.pack.backup < backups_.size() ? backups_[ref.pack.backup] : std::string("?");
  return pack_key({ns_, uid, ref.pack.number, 0}) + " (blob " + std::to_string(ref.ordinal) + ")";
}

Status PackSource::list_backup(std::uint32_t backup) const {
  GB_TRY_ASSIGN(const auto blobs, store_.list(backup_prefix(ns_, backups_[backup])));
  auto& packs = listed_[backup];
  for (const BlobInfo& blob : blobs) {
    const auto name = parse_pack_key(blob.key);
    if (!name) continue;
    Listed& known = packs[name->number];
    // Compaction leaves the newer generation behind; both hold what is still alive.
    if (known.key.empty() || name->generation > known.generation)
      known = {blob.key, blob.size, name->generation};
  }
  return {};
}

Result<PackSource::Listed> PackSource::locate(PackId id) const {
  const std::lock_guard lock(list_mutex_);
  if (!listed_.contains(id.backup)) GB_TRY(list_backup(id.backup));
  const auto& packs = listed_[id.backup];
  if (const auto it = packs.find(id.number); it != packs.end()) return it->second;
  return fail(Code::kCorruption,
              pack_key({ns_, backups_[id.backup], id.number, 0}) +
                  " is missing, a pack that this backup needs",
              std::string(kHint));
}

Result<std::shared_ptr<const Pack>> PackSource::pack(PackId id) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = cache_.find(id); it != cache_.end()) {
      it->second.used = ++clock_;
      return it->second.pack;
    }
  }
  const auto pin = pins_.find(id);
  if (pin == pins_.end() || id.backup >= backups_.size())
    return fail(
        Code::kCorruption,
        "the backup refers to a pack that its manifest does not name (" + describe({id, 0}) + ")",
        std::string(kHint));
  GB_TRY_ASSIGN(Listed listed, locate(id));
  GB_TRY_ASSIGN(Pack loaded, load_pack(store_, std::move(listed.key), listed.size));
  if (loaded.footer.id != pin->second)
    return fail(Code::kCorruption, loaded.key + " is not the pack that the manifest names",
                std::string(kHint));
  auto pack = std::make_shared<const Pack>(std::move(loaded));

  const std::lock_guard lock(mutex_);
  if (cache_.try_emplace(id, Cached{pack, ++clock_}).second)
    cached_blobs_ += pack->footer.blobs.size();
  while (cached_blobs_ > kCachedBlobs && cache_.size() > 1) {
    const auto oldest =
        std::ranges::min_element(cache_, {}, [](const auto& entry) { return entry.second.used; });
    cached_blobs_ -= oldest->second.pack->footer.blobs.size();
    cache_.erase(oldest);
  }
  return pack;
}

Result<PackSource::Found> PackSource::look_up(const Ref& ref, BlobKind kind) const {
  GB_TRY_ASSIGN(auto found, pack(ref.pack));
  const auto& blobs = found->footer.blobs;
  if (ref.ordinal >= blobs.size() || blobs[ref.ordinal].kind != kind ||
      blobs[ref.ordinal].length == 0)
    return fail(Code::kCorruption,
                describe(ref) + ": the pack holds no such blob, but the backup refers to it",
                std::string(kHint));
  const PackBlob blob = blobs[ref.ordinal];
  return Found{ref, std::move(found), blob};
}

Result<PackBlob> PackSource::find(const Ref& ref, BlobKind kind) const {
  GB_TRY_ASSIGN(const Found found, look_up(ref, kind));
  return found.blob;
}

Result<std::optional<Ref>> PackSource::base_of(const Ref& ref) const {
  GB_TRY_ASSIGN(const Found found, look_up(ref, BlobKind::kColumn));
  return base_of(found);
}

Result<std::optional<Ref>> PackSource::base_of(const Found& found) const {
  if (found.blob.codec != Codec::kZstdDelta) return std::nullopt;
  Ref base = found.blob.base;
  const auto uid = std::ranges::find(backups_, found.pack->footer.backups[base.pack.backup]);
  base.pack.backup = static_cast<std::uint32_t>(uid - backups_.begin());
  if (uid == backups_.end() || !pins_.contains(base.pack))
    return fail(Code::kCorruption,
                describe(found.ref) + " is a delta against a pack which the manifest does not name",
                std::string(kHint));
  return base;
}

Status PackSource::check_base(const Ref& delta, const PackBlob& base) const {
  if (base.codec != Codec::kZstdDelta) return {};
  return fail(Code::kCorruption,
              describe(delta) + " is a delta against what no delta can be against",
              std::string(kHint));
}

Result<std::string> PackSource::read(const Ref& ref, BlobKind kind) const {
  std::string out;
  const Wanted one{ref, &out};
  GB_TRY(read(std::span(&one, 1), kind));
  return out;
}

Status PackSource::read(std::span<const Wanted> wanted, BlobKind kind) const {
  std::vector<Found> found;
  std::vector<std::string*> out;
  std::vector<Found> bases;
  std::vector<std::size_t> base_index(wanted.size());
  std::uint64_t plain = 0;
  for (const Wanted& each : wanted) {
    GB_TRY_ASSIGN(found.emplace_back(), look_up(each.ref, kind));
    out.push_back(each.out);
    GB_TRY_ASSIGN(const auto base, base_of(found.back()));
    if (!base) continue;
    GB_TRY_ASSIGN(bases.emplace_back(), look_up(*base, kind));
    base_index[found.size() - 1] = bases.size();
    GB_TRY(check_base(each.ref, bases.back().blob));
    plain += bases.back().blob.plain;
    if (plain > kMaxChunkPlain)
      return fail(Code::kCorruption,
                  describe(each.ref) + ": what its chunk is against is larger than any chunk",
                  std::string(kHint));
  }
  std::vector<std::string> prefixes(bases.size());
  if (!bases.empty()) {
    std::vector<std::string*> places;
    for (std::string& each : prefixes) places.push_back(&each);
    GB_TRY(read_found(bases, std::vector<Bytes>(bases.size()), places));
  }
  std::vector<Bytes> prefix_of(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (base_index[i] > 0) prefix_of[i] = as_bytes(prefixes[base_index[i] - 1]);
  return read_found(found, prefix_of, out);
}

Status PackSource::read_found(std::span<const Found> found, std::span<const Bytes> prefixes,
                              std::span<std::string* const> out) const {
  struct Run {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::string bytes;
  };
  std::vector<std::size_t> order(found.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&](std::size_t i) { return found[i].ref; });

  std::vector<Run> runs;
  std::vector<std::size_t> run_of(found.size());
  for (std::size_t k = 0; k < order.size(); ++k) {
    const Found& here = found[order[k]];
    const std::uint64_t begin = here.blob.offset;
    const std::uint64_t end = begin + here.blob.length;
    const bool joins = k > 0 && found[order[k - 1]].ref.pack == here.ref.pack &&
                       begin <= runs.back().end + kBridge && end - runs.back().begin <= kMaxRead;
    if (!joins) runs.push_back({begin, end, {}});
    runs.back().end = std::max(runs.back().end, end);
    run_of[order[k]] = runs.size() - 1;
  }
  // Every run is read by the first of its blobs in `order`, then all are opened in the caller's
  // order.
  for (const std::size_t i : order) {
    Run& run = runs[run_of[i]];
    if (!run.bytes.empty()) continue;
    auto bytes = store_.get_range(found[i].pack->key, run.begin, run.end - run.begin);
    if (!bytes) return damaged(found[i].pack->key, std::move(bytes).error());
    if (bytes->size() != run.end - run.begin)
      return damaged(found[i].pack->key,
                     Error{Code::kCorruption, "the pack is cut short", {}, {}, {}});
    run.bytes = std::move(*bytes);
  }
  const auto decompressor = decompressors_.take();
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Run& run = runs[run_of[i]];
    const Bytes stored =
        as_bytes(run.bytes).subspan(found[i].blob.offset - run.begin, found[i].blob.length);
    if (auto opened = open_blob(*decompressor, found[i].blob, stored, prefixes[i], *out[i]);
        !opened)
      return damaged(found[i].pack->key + " (blob " + std::to_string(found[i].ref.ordinal) + ")",
                     std::move(opened).error());
  }
  return {};
}

}  // namespace gb::storage::repo
