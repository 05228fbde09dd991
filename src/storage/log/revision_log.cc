#include "storage/log/revision_log.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>
#include <span>

#include "base/log.h"
#include "storage/log/sealed_json.h"

namespace gb::storage {
namespace {

using Json = nlohmann::json;

// How often a conditional put whose answer was lost is settled before we give up on the store.
constexpr int kAppendTries = 3;

std::string write_id(Rng& rng) {
  const std::uint64_t parts[2] = {rng.next(), rng.next()};
  return to_hex(std::as_bytes(std::span(parts)));
}

// The revisions of all keys below `prefix` that have the right form, ascending.
Result<std::vector<std::uint64_t>> revisions_below(
    BlobStore& store, std::string_view prefix,
    Result<std::uint64_t> (*revision_of)(std::string_view)) {
  GB_TRY_ASSIGN(const std::vector<BlobInfo> blobs, store.list(prefix));
  std::vector<std::uint64_t> revisions;
  revisions.reserve(blobs.size());
  for (const BlobInfo& blob : blobs)
    if (const auto revision = revision_of(blob.key)) revisions.push_back(*revision);
  return revisions;
}

Result<std::vector<std::uint64_t>> checkpoints_in(BlobStore& store) {
  return revisions_below(store, "checkpoint/", revision_of_checkpoint_key);
}

Result<Commit> read_commit(BlobStore& store, std::uint64_t first) {
  const std::string key = log_key(first);
  GB_TRY_ASSIGN(const std::string text, store.get(key));
  return decode_commit(key, text);
}

Status check_chain(const Commit& commit, const Position& position) {
  if (commit.previous == position.digest) return {};
  return fail(
      Code::kCorruption,
      log_key(commit.first) + " does not follow the commit before it: history was rewritten",
      "restore the folder log from a copy of the repository");
}

}  // namespace

Result<Repository> decode_repository(std::string_view text) {
  Json dom;
  GB_TRY_ASSIGN(const Sha256 digest, open_json(kRepositoryKey, text, dom));
  Repository repository;
  std::string encryption;
  if (const auto id = dom.find("id"); id != dom.end() && id->is_string())
    repository.id = id->get<std::string>();
  if (const auto it = dom.find("created"); it != dom.end() && it->is_string())
    repository.created = from_rfc3339(it->get_ref<const std::string&>()).value_or(WallTime());
  if (const auto it = dom.find("encryption"); it != dom.end() && it->is_string())
    encryption = it->get<std::string>();
  if (repository.id.empty())
    return fail(Code::kCorruption, "repository.json is damaged: it has no id");
  if (encryption != "none")
    return fail(Code::kInvalid, "the repository is encrypted, which this version cannot read",
                "use a newer version of this program");
  repository.origin = {1, digest};
  return repository;
}

Result<std::uint64_t> read_boundary(BlobStore& store) {
  const auto text = store.get(kBoundaryKey);
  if (!text && text.error().code == Code::kNotFound) return 1;
  if (!text) return fail(text.error());
  Json dom;
  GB_TRY(open_json(kBoundaryKey, *text, dom));
  const auto revision = dom.find("revision");
  if (revision == dom.end() || !revision->is_number_unsigned())
    return fail(Code::kCorruption, "boundary.json is damaged: it has no revision");
  return revision->get<std::uint64_t>();
}

Result<std::unique_ptr<RevisionLog>> RevisionLog::open(BlobStore& store, const Clock& clock,
                                                       Rng& rng, Options options) {
  std::unique_ptr<RevisionLog> log(new RevisionLog(store, clock, rng, std::move(options)));
  auto text = store.get(kRepositoryKey);
  if (!text && text.error().code == Code::kNotFound) {
    GB_TRY(log->make_repository());
    text = store.get(kRepositoryKey);
  }
  if (!text) return fail(text.error());
  GB_TRY_ASSIGN(log->repository_, decode_repository(*text));
  return log;
}

Status RevisionLog::make_repository() {
  for (const char* prefix : {"log/", "checkpoint/"}) {
    GB_TRY_ASSIGN(const auto found, store_.list(prefix));
    if (!found.empty())
      return fail(Code::kCorruption,
                  "repository.json is missing, although " + found.front().key + " is there",
                  "restore repository.json from a copy of the repository");
  }
  if (options_.read_only)
    return fail(Code::kNotFound, "the store holds no repository",
                "check the path, or start a server with it once to make one");
  const std::string text =
      seal_json("{\"format\":1,\"id\":\"" + make_uuid(rng_) + "\",\"created\":\"" +
                to_rfc3339_micro(clock_.now()) + "\",\"encryption\":\"none\"");
  Status made = store_.put_if_absent(kRepositoryKey, as_bytes(text));
  // Somebody else's is as good as ours; which it is shows when it is read.
  if (made || made.error().code == Code::kAlreadyExists || made.error().code == Code::kAmbiguous)
    return {};
  return made;
}

Result<Checkpoint> RevisionLog::newest_state() {
  GB_TRY_ASSIGN(std::vector<std::uint64_t> revisions, checkpoints_in(store_));
  std::optional<Error> first_error;
  for (const std::uint64_t revision : revisions | std::views::reverse) {
    const std::string key = checkpoint_key(revision);
    const auto bytes = store_.get(key);
    if (!bytes && bytes.error().code != Code::kNotFound) return fail(bytes.error());
    if (!bytes) continue;  // trimmed meanwhile: a newer one was damaged, or there is one by now
    auto checkpoint = decode_checkpoint(key, *bytes);
    if (checkpoint && checkpoint->repository != repository_.id)
      checkpoint = fail(Code::kCorruption, key + " belongs to another repository");
    if (checkpoint) return checkpoint;
    log::warn("a checkpoint cannot be used", {{"error", checkpoint.error().text()}});
    if (!first_error) first_error = checkpoint.error();
  }
  GB_TRY_ASSIGN(const std::uint64_t boundary, read_boundary(store_));
  if (boundary > repository_.origin.revision) {
    if (first_error) return fail(*first_error);
    return fail(Code::kCorruption, "there is no checkpoint, although the log was trimmed",
                "restore the folder checkpoint from a copy of the repository");
  }
  Checkpoint nothing;
  nothing.revision = repository_.origin.revision;
  nothing.digest = repository_.origin.digest;
  nothing.repository = repository_.id;
  return nothing;
}

Result<std::vector<Commit>> RevisionLog::read_after(const Position& position, std::size_t limit) {
  std::vector<Commit> commits;
  Position at = position;
  while (commits.size() < limit) {
    auto commit = read_commit(store_, at.revision + 1);
    if (!commit && commit.error().code == Code::kNotFound) break;
    if (!commit) return fail(commit.error());
    GB_TRY(check_chain(*commit, at));
    at = {commit->last(), commit->digest, commit->first};
    commits.push_back(std::move(*commit));
  }
  // After the reads: nothing of them was trimmed, and written anew by a writer that slept, as long
  // as what is trimmed before it is there.
  GB_TRY(check_held(position));
  return commits;
}

Result<Position> RevisionLog::end_at(const Position& position) {
  GB_TRY_ASSIGN(const auto firsts, revisions_below(store_, "log/", revision_of_log_key));
  const auto beyond = std::ranges::upper_bound(firsts, position.revision);
  if (beyond == firsts.end() || *beyond == position.revision + 1) {
    Position end = position;
    if (beyond != firsts.begin()) end.first = *std::prev(beyond);
    GB_TRY_ASSIGN(const bool there, holds(end));
    return there ? end : position;
  }
  GB_TRY(check_boundary(position));
  return fail(
      Code::kCorruption,
      log_key(position.revision + 1) + " is missing, although " + log_key(*beyond) + " is there",
      "restore the folder log from a copy of the repository");
}

Status RevisionLog::check_boundary(const Position& position) {
  GB_TRY_ASSIGN(const std::uint64_t boundary, read_boundary(store_));
  if (boundary <= position.revision) return {};
  return fail(Code::kExpired, "the log was trimmed up to revision " + std::to_string(boundary) +
                                  ", beyond revision " + std::to_string(position.revision));
}

Result<bool> RevisionLog::holds(const Position& position) {
  if (position.first == 0) return false;
  const auto text = store_.get(log_key(position.first));
  if (!text && text.error().code == Code::kNotFound) return false;
  if (!text) return fail(text.error());
  // What a writer that slept has put there since is another one.
  return is_sealed_with(*text, position.digest);
}

// Expired when the log was trimmed beyond `position`. The boundary alone does not show that: a
// writer that slept between reading and replacing it sets it back. But commits are removed oldest
// first, and the last one never: what follows a commit that is still there is the log.
Status RevisionLog::check_held(const Position& position) {
  if (position.first == 0) return check_boundary(position);
  GB_TRY_ASSIGN(const bool held, holds(position));
  if (held) return {};
  return fail(Code::kExpired,
              "the log was trimmed beyond revision " + std::to_string(position.revision));
}

Result<RevisionLog::Appended> RevisionLog::append(const Position& position,
                                                  std::vector<Mutation> mutations) {
  Commit commit;
  commit.first = position.revision + 1;
  commit.id = write_id(rng_);
  commit.writer = options_.writer;
  commit.time = clock_.now();
  commit.previous = position.digest;
  commit.mutations = std::move(mutations);
  const std::string text = encode(commit);
  GB_TRY_ASSIGN(Appended appended, settle(std::move(commit), text));
  if (!appended.won) GB_TRY(check_chain(appended.commit, position));
  auto valid = check_boundary(position);
  if (!valid && valid.error().code == Code::kExpired) {
    // Void: nobody reads at or below the boundary. Removing it is tidiness only.
    if (appended.won) (void)store_.remove(log_key(position.revision + 1));
    return fail(std::move(valid.error()));
  }
  if (valid) valid = check_held(position);
  if (valid) return appended;
  // Trimmed before it was written, it is void; since, it is in a checkpoint. Neither shows here.
  if (appended.won) valid.error().code = Code::kAmbiguous;
  return fail(std::move(valid.error()));
}

Result<RevisionLog::Appended> RevisionLog::settle(Commit ours, const std::string& text) {
  const std::string key = log_key(ours.first);
  bool ambiguous = false;
  Error last;
  for (int i = 0; i < kAppendTries; ++i) {
    Status done = store_.put_if_absent(key, as_bytes(text));
    if (done) return Appended{true, std::move(ours)};
    last = std::move(done.error());
    ambiguous = ambiguous || last.code == Code::kAmbiguous;
    if (last.code != Code::kAlreadyExists && last.code != Code::kAmbiguous) break;
    auto there = read_commit(store_, ours.first);
    if (there && there->id == ours.id) return Appended{true, std::move(ours)};
    if (there) return Appended{false, std::move(*there)};
    last = std::move(there.error());
    // Nothing there: the put may still be under way. Only taking the key ourselves settles it.
    if (last.code != Code::kNotFound) break;
  }
  if (last.code == Code::kNotFound) last.code = Code::kUnavailable;
  if (ambiguous) last.code = Code::kAmbiguous;
  return fail(std::move(last));
}

Status RevisionLog::write_checkpoint(const Position& position,
                                     std::vector<api::ObjectPtr> objects) {
  Checkpoint checkpoint;
  checkpoint.revision = position.revision;
  checkpoint.digest = position.digest;
  checkpoint.repository = repository_.id;
  checkpoint.writer = options_.writer;
  checkpoint.time = clock_.now();
  checkpoint.objects = std::move(objects);
  GB_TRY_ASSIGN(const std::string bytes, encode(checkpoint));
  const std::string key = checkpoint_key(position.revision);
  Status done = store_.put_if_absent(key, as_bytes(bytes));
  if (!done && done.error().code != Code::kAlreadyExists && done.error().code != Code::kAmbiguous)
    return done;
  // Read back before anything is trimmed on its strength, whoever wrote it.
  GB_TRY_ASSIGN(const std::string stored, store_.get(key));
  GB_TRY_ASSIGN(const Checkpoint decoded, decode_checkpoint(key, stored));
  if (decoded.digest == position.digest && decoded.objects.size() == checkpoint.objects.size())
    return {};
  return fail(Code::kCorruption, key + " is not of this history");
}

Status RevisionLog::trim(std::uint64_t head, const Retention& keep) {
  GB_TRY_ASSIGN(std::vector<std::uint64_t> checkpoints, checkpoints_in(store_));
  if (checkpoints.size() < 2 || head <= keep.revisions) return {};
  const std::uint64_t covered = checkpoints[checkpoints.size() - 2];
  const std::uint64_t limit = std::min(covered, head - keep.revisions);

  GB_TRY_ASSIGN(const auto firsts, revisions_below(store_, "log/", revision_of_log_key));
  GB_TRY_ASSIGN(std::uint64_t boundary, read_boundary(store_));
  // Commit i ends where i + 1 begins. Those that end at or below the limit, then, among them, those
  // that are old enough; commits are in the order of their times but for steps of a clock.
  const auto ends_within = [&](std::uint64_t next) { return next - 1 <= limit; };
  const auto begin = firsts.empty() ? firsts.end() : firsts.begin() + 1;
  std::size_t low = 0;
  auto high =
      static_cast<std::size_t>(std::partition_point(begin, firsts.end(), ends_within) - begin);
  const WallTime youngest = clock_.now() - keep.time;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    // What cannot be read stays, and so does all that is after it.
    const auto commit = read_commit(store_, firsts[middle]);
    if (commit && commit->time <= youngest)
      low = middle + 1;
    else
      high = middle;
  }
  if (low > 0 && firsts[low] - 1 > boundary) {
    boundary = firsts[low] - 1;
    const std::string text = seal_json("{\"format\":1,\"revision\":" + std::to_string(boundary) +
                                       ",\"writer\":" + json_string(options_.writer) +
                                       ",\"time\":\"" + to_rfc3339_micro(clock_.now()) + "\"");
    GB_TRY(put(store_, kBoundaryKey, as_bytes(text)));
  }
  std::vector<std::string> gone;
  for (std::size_t i = 0; i + 1 < firsts.size() && firsts[i + 1] - 1 <= boundary; ++i)
    gone.push_back(log_key(firsts[i]));
  for (std::size_t i = 0; i + 2 < checkpoints.size(); ++i)
    gone.push_back(checkpoint_key(checkpoints[i]));
  return store_.remove_all(gone);
}

}  // namespace gb::storage
