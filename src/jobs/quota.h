// What one namespace may have: backups, bytes in the stores, and backups that run at once.
//
// Counted are its GaleraBackups that are not being deleted, whoever made them, and all bytes of its
// folder in every store: what is in the trash or half written takes room, too. Those that failed or
// were cancelled hold nothing and take no place: else a database that was away for some hours would
// keep a schedule from its runs until a person comes. There may be a hundred of them, beside those
// that their schedule removes by itself; then they must be cleared away before one more is made by
// hand. Checked when a backup is admitted: one that has begun is finished. Safety backups of
// restores are not held up.
//
// Several servers on one repository each check for themselves: asked at the same moment, each may
// admit one.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <mutex>

#include "jobs/environment.h"

namespace gb::jobs {

// What a backup that is admitted takes.
enum class Takes {
  kPlaceAndBytes,
  kRunOfSchedule,  // the same; what it leaves when it fails, its schedule clears away
  kPlace           // one that comes back from the trash: it holds its bytes already
};

class Quotas {
 public:
  explicit Quotas(const Environment& environment) : environment_(environment) {}

  // Forbidden, in the words of Kubernetes' own quotas, when the namespace has all that it may have.
  [[nodiscard]] Status check(const std::string& ns, Takes takes) const;
  // `record` makes one more backup in this namespace; called only if that is within the quota, one
  // at a time, so that two that are asked for at once are not both the last one.
  Result<api::ObjectPtr> admit(const std::string& ns, Takes takes,
                               const std::function<Result<api::ObjectPtr>()>& record) const;

 private:
  const Environment& environment_;
  mutable std::mutex mutex_;
};

// The first quota for this namespace or, as "*", for all; one without limits when there is none.
[[nodiscard]] NamespaceQuota quota_of(const std::vector<NamespaceQuota>& quotas,
                                      const std::string& ns);

}  // namespace gb::jobs
