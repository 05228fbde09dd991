// Warm standby: a GaleraRestore with spec.follow restores each new completed backup of a schedule
// onto its targets, and tells how far behind they are.
//
// Each of these restores is a GaleraRestore of its own, run once like any other; the one that
// follows only makes them, one after the other, always of the newest backup. Which replica makes
// the next is decided by the catalog, as for schedules: the restore is created and the follower
// moved on in one commit. What a replica leaves that dies is taken over as any restore is, and
// tried again.
//
// It ends by being cancelled or deleted; a restore that is running then is not cut short, because
// its target would be left in pieces.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "api/types.h"
#include "jobs/environment.h"

namespace gb::jobs {

inline constexpr const char* kFollowLabel = "backup.rhoso.io/follow";
inline constexpr const char* kFollowing = "Following";  // the phase of what follows

// Where the backups are that it restores.
[[nodiscard]] std::string source_namespace(const api::Json& follower, const api::RestoreSpec& spec);
// Whether this completed backup of the source namespace is one of them.
[[nodiscard]] bool is_followed(const api::RestoreSpec& spec, const api::Json& backup);
// The restore of `backup` that `follower` makes, without what its creation adds.
[[nodiscard]] api::Json restore_of_follower(const api::Json& follower, const api::Object& backup,
                                            unsigned attempt);
// The newest completed backup that it would restore; null when there is none.
[[nodiscard]] api::ObjectPtr newest_to_follow(const Environment& environment,
                                              const api::Json& follower);
// status.follow of one that has restored nothing yet.
[[nodiscard]] api::Json initial_follow_status(const api::Object* newest);

// Its last status: `by` whom it was ended.
void end_following(api::Json& status, const std::string& by, WallTime now);

class Follower {
 public:
  // Records the restore together with the follower as it is then, and starts it. Conflict: somebody
  // else was first, or the target is busy.
  using Start = std::function<Result<api::ObjectPtr>(const api::ObjectPtr& follower,
                                                     api::Json moved_on, api::Json restore)>;

  // Works on a thread of its own until destroyed.
  Follower(const Environment& environment, Start start);
  // One look at all that follow; the thread does this every look_every.
  void look();

 private:
  struct Entry {
    std::uint64_t revision = 0;
    bool follows = false;
    WallTime wake{};         // not before, unless something changes
    api::ObjectPtr newest;   // of the schedule's completed backups
    std::uint64_t seen = 0;  // backups at or below this revision are known
  };

  void step(const api::ObjectPtr& object, Entry& entry);
  // Tells how the restore that was going on has ended, if it has.
  void settle(const api::ObjectPtr& object, Entry& entry, const std::string& active);
  void start(const api::ObjectPtr& object, Entry& entry);
  void find_newest(const api::Json& follower, Entry& entry);
  // Whether it came after the backup that the target holds.
  [[nodiscard]] bool is_news(const api::Json& follower, const api::Object& backup) const;
  void failed(api::Json& status, const std::string& message) const;
  void remove_old(const api::ObjectPtr& object);
  // Changes the status of exactly this version; false when it could not be, to be tried again.
  bool write(const api::ObjectPtr& object, Entry& entry,
             const std::function<void(api::Json& status)>& change);

  const Environment& environment_;
  const Start start_;
  std::map<std::string, Entry> entries_;  // by uid
  std::uint64_t looked_at_ = 0;           // the catalog's revision
  std::jthread thread_;
};

}  // namespace gb::jobs
