// The revision log: the one place where anything becomes true. Every change of an object is a
// mutation in a commit; a commit is the blob log/<its first revision>, put if absent, so among any
// number of writers exactly one is next. Checkpoints shorten recovery; the log behind them is
// trimmed.
//
// Revision 1 is the repository itself (repository.json); the first commit is revision 2. Commits
// are chained by their digests, the first one to that of repository.json.
//
// Durability: what append() called won is durable. No safety rests on a clock: times in the log are
// for people, and for how much history trim() keeps.
//
// Errors: Corruption names the key that is damaged or missing; Expired: the log was trimmed beyond
// the position asked for (the caller was suspended for longer than the log is kept); else those of
// the store.
//
// Thread safety: one caller at a time, except write_checkpoint and trim, which may run beside the
// others.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "storage/blob/blob_store.h"
#include "storage/log/checkpoint.h"
#include "storage/log/commit.h"

namespace gb::storage {

inline constexpr std::string_view kRepositoryKey = "repository.json";
inline constexpr std::string_view kBoundaryKey = "boundary.json";

// Where a reader of the log stands: after the commit that ends at `revision` and has `digest`.
struct Position {
  std::uint64_t revision = 0;
  Sha256 digest{};
  // The key of that commit: its first revision. 0: there is none (at the origin), or it is known
  // from a checkpoint only.
  std::uint64_t first = 0;
};

struct Repository {
  std::string id;
  WallTime created;
  Position origin;  // where its log begins
};
Result<Repository> decode_repository(std::string_view text);
// The revision up to which the log may be gone; 1 where it never was trimmed.
Result<std::uint64_t> read_boundary(BlobStore& store);

class RevisionLog {
 public:
  struct Options {
    std::string writer;
    bool read_only = false;
  };
  // Reads repository.json; makes it in an empty store, unless read_only (NotFound).
  static Result<std::unique_ptr<RevisionLog>> open(BlobStore& store, const Clock& clock, Rng& rng,
                                                   Options options);

  [[nodiscard]] const std::string& repository_id() const { return repository_.id; }
  [[nodiscard]] WallTime repository_created() const { return repository_.created; }

  // The newest checkpoint that is whole, without its objects where the log still begins at the
  // beginning and none is. Then the caller reads on with read_after() and ends with end_at().
  Result<Checkpoint> newest_state();
  // The commits that follow `position`, at most `limit`; none when it is the end of the log.
  Result<std::vector<Commit>> read_after(const Position& position, std::size_t limit);
  // `position`, the end of the log, with the key of its commit if that is there. Corruption when
  // there is something in the log beyond what follows it.
  Result<Position> end_at(const Position& position);

  struct Appended {
    bool won = false;
    Commit commit;  // ours, or that of the writer who was first
  };
  // Writes the commit of `mutations` that follows `position`. Errors: nothing was written, except
  // Ambiguous: the store stopped answering in the middle, and whether it was written is seen by
  // read_after(), when it answers again; or the log was trimmed in the middle, and is seen by
  // whoever recovers.
  Result<Appended> append(const Position& position, std::vector<Mutation> mutations);

  Status write_checkpoint(const Position& position, std::vector<api::ObjectPtr> objects);

  struct Retention {
    std::uint64_t revisions = 0;
    std::chrono::hours time{0};
  };
  // Moves the boundary up and removes what is behind it: never more than the second newest
  // checkpoint covers, and keeping both the revisions and the time of `keep`. Older checkpoints go,
  // too.
  Status trim(std::uint64_t head, const Retention& keep);

 private:
  RevisionLog(BlobStore& store, const Clock& clock, Rng& rng, Options options)
      : store_(store), clock_(clock), rng_(rng), options_(std::move(options)) {}
  Status make_repository();
  Result<Appended> settle(Commit ours, const std::string& text);
  Status check_boundary(const Position& position);
  Status check_held(const Position& position);
  Result<bool> holds(const Position& position);

  BlobStore& store_;
  const Clock& clock_;
  Rng& rng_;
  Options options_;
  Repository repository_;
};

}  // namespace gb::storage
