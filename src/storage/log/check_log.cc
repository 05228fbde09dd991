#include "storage/log/check_log.h"

#include <map>
#include <optional>

#include "storage/log/checkpoint.h"
#include "storage/log/commit.h"
#include "storage/log/revision_log.h"

namespace gb::storage {
namespace {

// What a check finds and does not pass on: the file is damaged, or of a format that we do not know.
bool is_finding(const Error& error) {
  return error.code == Code::kCorruption || error.code == Code::kInvalid;
}

class LogCheck {
 public:
  LogCheck(BlobStore& store, std::stop_token stop) : store_(store), stop_(std::move(stop)) {}

  Result<std::vector<Finding>> run() {
    // Checkpoints first: what is written while we read the log is newer than all of them.
    GB_TRY_ASSIGN(const auto checkpoints, revisions("checkpoint/", revision_of_checkpoint_key));
    GB_TRY_ASSIGN(const auto firsts, revisions("log/", revision_of_log_key));
    GB_TRY(read_repository(!checkpoints.empty() || !firsts.empty()));
    GB_TRY(read_boundary_key());
    boundary_at_start_ = boundary_;
    for (const std::uint64_t revision : checkpoints) GB_TRY(read_checkpoint(revision));
    for (const std::uint64_t first : firsts) GB_TRY(read_commit(first));
    finish();
    return std::move(findings_);
  }

 private:
  void damage(std::string key, std::string message) {
    findings_.push_back({true, std::move(key), std::move(message)});
  }
  void harmless(std::string key, std::string message) {
    findings_.push_back({false, std::move(key), std::move(message)});
  }

  Result<std::vector<std::uint64_t>> revisions(
      std::string_view prefix, Result<std::uint64_t> (*revision_of)(std::string_view)) {
    std::vector<std::uint64_t> found;
    GB_TRY_ASSIGN(const std::vector<BlobInfo> blobs, store_.list(prefix));
    for (const BlobInfo& blob : blobs) {
      if (const auto revision = revision_of(blob.key))
        found.push_back(*revision);
      else
        harmless(blob.key, "it has no name that this program gives; nothing reads it");
    }
    return found;
  }

  Status read_repository(bool expected) {
    const auto text = store_.get(kRepositoryKey);
    if (!text && text.error().code != Code::kNotFound) return fail(text.error());
    if (!text) {
      if (expected) damage(std::string(kRepositoryKey), "it is missing: nothing can be opened");
      return {};
    }
    auto repository = decode_repository(*text);
    if (!repository) {
      damage(std::string(kRepositoryKey), repository.error().message + ": nothing can be opened");
      return {};
    }
    repository_ = std::move(*repository);
    return {};
  }

  Status read_boundary_key() {
    const auto boundary = read_boundary(store_);
    if (boundary) {
      boundary_ = std::max(boundary_, *boundary);
    } else if (is_finding(boundary.error())) {
      damage(std::string(kBoundaryKey), boundary.error().message + ": nothing can be written");
    } else {
      return fail(boundary.error());
    }
    return {};
  }

  // A key of the listing that is gone: trimmed meanwhile, when a writer moved on.
  Result<std::optional<std::string>> get(const std::string& key) {
    if (stop_.stop_requested()) return fail(Code::kCancelled, "the check was called off");
    auto text = store_.get(key);
    if (text) return std::move(*text);
    if (text.error().code == Code::kNotFound) return std::nullopt;
    return fail(std::move(text.error()));
  }

  Status read_checkpoint(std::uint64_t revision) {
    const std::string key = checkpoint_key(revision);
    GB_TRY_ASSIGN(const std::optional<std::string> bytes, get(key));
    if (!bytes) return {};
    auto checkpoint = decode_checkpoint(key, *bytes);
    if (checkpoint && repository_ && checkpoint->repository != repository_->id)
      damage(key, "it belongs to another repository");
    else if (checkpoint)
      newest_whole_ = checkpoints_.emplace(revision, std::move(*checkpoint)).first->first;
    else
      damage(key, checkpoint.error().message + "; recovery uses an older one and the log after it");
    return {};
  }

  Status read_commit(std::uint64_t first) {
    const std::string key = log_key(first);
    if (first <= boundary_at_start_) {
      harmless(key, "it is behind the boundary: nobody reads it, the next trim removes it");
      return {};
    }
    GB_TRY_ASSIGN(const std::optional<std::string> text, get(key));
    if (!text) {
      GB_TRY(read_boundary_key());
      if (first > boundary_) damage(key, "it vanished, although the boundary is not beyond it");
      begun_ = false;  // the log begins anew with what is still there
      known_ = false;
      return {};
    }
    const auto commit = decode_commit(key, *text);
    if (!commit) {
      damage(key, commit.error().message + "; objects changed in it and after it are in doubt");
      at_.reset();
      broken_ = true;
      return {};
    }
    follow(key, *commit);
    return {};
  }

  // Goes on to `commit`: gaps, the chain, and the state that the checkpoints are held against.
  void follow(const std::string& key, const Commit& commit) {
    if (!begun_) {
      begun_ = true;
      begin(commit);
    }
    if (at_ && commit.first != at_->revision + 1)
      damage(log_key(at_->revision + 1), "it is missing, although " + key + " is there");
    else if (at_ && commit.previous != at_->digest)
      damage(key, "it does not follow the commit before it: history was rewritten");
    else if (!at_ && !broken_ && commit.first != boundary_ + 1)
      damage(log_key(boundary_ + 1), "it is missing, although " + key + " is there");
    if (at_ && (commit.first != at_->revision + 1 || commit.previous != at_->digest))
      known_ = false;
    if (broken_) known_ = false;
    broken_ = false;
    at_ = Position{commit.last(), commit.digest, commit.first};
    for (const Mutation& mutation : commit.mutations) {
      if (mutation.object)
        objects_[mutation.key] = mutation.object;
      else if (objects_.erase(mutation.key) == 0 && known_)
        damage(key, "it deletes " + mutation.key.resource + " " + mutation.key.name +
                        ", which is not there");
    }
    compare();
  }

  // Where the log held begins: with the repository, or at a checkpoint.
  void begin(const Commit& first) {
    if (repository_ && first.first == repository_->origin.revision + 1) {
      at_ = repository_->origin;
      known_ = true;
      return;
    }
    at_.reset();
    const auto checkpoint = checkpoints_.find(first.first - 1);
    if (checkpoint != checkpoints_.end()) {
      at_ = Position{checkpoint->second.revision, checkpoint->second.digest};
      adopt(checkpoint->second);
    }
  }

  void adopt(const Checkpoint& checkpoint) {
    objects_.clear();
    for (const api::ObjectPtr& object : checkpoint.objects) objects_[object->key()] = object;
    known_ = true;
  }

  // A checkpoint at the revision that we stand at: it says what the log says, or, where we came in
  // the middle, it is what we go on from.
  void compare() {
    const auto found = checkpoints_.find(at_->revision);
    if (found == checkpoints_.end()) return;
    const Checkpoint& checkpoint = found->second;
    const std::string key = checkpoint_key(checkpoint.revision);
    if (checkpoint.digest != at_->digest) {
      damage(key, "it is not of this history: its commit is another");
    } else if (known_) {
      bool same = checkpoint.objects.size() == objects_.size();
      for (const api::ObjectPtr& object : checkpoint.objects) {
        const auto it = objects_.find(object->key());
        same = same && it != objects_.end() && it->second->json() == object->json();
      }
      if (!same) damage(key, "it does not hold the objects that the log says");
    } else {
      adopt(checkpoint);
    }
    checkpoints_.erase(found);
  }

  // Checkpoints that the log never came to.
  void finish() {
    for (const auto& [revision, checkpoint] : checkpoints_) {
      if (revision <= boundary_) continue;  // the log that led to it is trimmed
      if (at_ && revision < at_->revision)
        damage(checkpoint_key(revision), "no commit ends at its revision");
      else
        damage(checkpoint_key(revision), "the log ends before it: commits are missing");
    }
    if (newest_whole_ < boundary_ && boundary_ > 1)
      damage("checkpoint/",
             "no whole checkpoint is at or beyond the boundary, where the log begins: the objects "
             "that were last changed before it are lost");
  }

  BlobStore& store_;
  std::stop_token stop_;
  std::vector<Finding> findings_;
  std::optional<Repository> repository_;
  std::uint64_t boundary_ = 1;
  std::uint64_t boundary_at_start_ = 1;
  std::uint64_t newest_whole_ = 0;                   // checkpoint
  std::map<std::uint64_t, Checkpoint> checkpoints_;  // whole ones not compared yet
  std::map<api::ObjectKey, api::ObjectPtr> objects_;
  std::optional<Position> at_;  // absent: before the first commit, or after a damaged one
  bool begun_ = false;
  bool broken_ = false;  // the commit before could not be read
  bool known_ = false;   // objects_ is the whole state
};

}  // namespace

Result<std::vector<Finding>> check_log(BlobStore& store, std::stop_token stop) {
  return LogCheck(store, std::move(stop)).run();
}

}  // namespace gb::storage
