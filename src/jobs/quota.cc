#include "jobs/quota.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "api/types.h"
#include "base/text.h"
#include "jobs/schedule.h"

namespace gb::jobs {
namespace {

constexpr std::uint64_t kEmptyAllowed = 100;
constexpr const char* kAskForMore =
    ", or ask the administrator for more (limits.namespaces of the server)";

// "exceeded quota: …" is what people know from ResourceQuota, and what they look for.
tl::unexpected<Error> exceeded(const std::string& ns, const std::string& what,
                               const std::string& used, const std::string& limit,
                               std::string hint) {
  return fail(Code::kForbidden,
              "exceeded quota of namespace \"" + ns + "\": " + what + ": used " + used +
                  ", limited to " + limit,
              std::move(hint));
}

struct Count {
  std::uint64_t places = 0;
  std::uint64_t empty = 0;  // that nobody clears away by himself
};

Count count_backups(const storage::Catalog& catalog, const std::string& ns) {
  std::set<std::string> schedules;
  for (const api::ObjectPtr& schedule : catalog.list(api::kSchedules, ns).objects)
    schedules.insert(schedule->key().name);
  Count count;
  for (const api::ObjectPtr& backup : catalog.list(api::kBackups, ns).objects) {
    if (backup->being_deleted()) continue;
    const std::string phase = api::phase_of(backup->dom());
    if (phase != "Failed" && phase != "Cancelled")
      ++count.places;
    else if (!schedules.contains(schedule_of(*backup)))
      ++count.empty;
  }
  return count;
}

Result<std::uint64_t> stored_bytes(const std::vector<Store>& stores, const std::string& ns) {
  std::uint64_t bytes = 0;
  for (const Store& store : stores) {
    const auto blobs = store.blobs->list("data/" + ns + "/");
    if (!blobs)
      return wrap(
          "what namespace \"" + ns + "\" has in store \"" + store.name + "\" cannot be counted",
          blobs.error());
    for (const storage::BlobInfo& blob : *blobs) bytes += blob.size;
  }
  return bytes;
}

}  // namespace

NamespaceQuota quota_of(const std::vector<NamespaceQuota>& quotas, const std::string& ns) {
  const auto found = std::ranges::find_if(
      quotas, [&](const NamespaceQuota& quota) { return quota.ns == ns || quota.ns == "*"; });
  return found == quotas.end() ? NamespaceQuota{} : *found;
}

Status Quotas::check(const std::string& ns, Takes takes) const {
  const NamespaceQuota quota = quota_of(environment_.quotas, ns);
  if (quota.backups > 0) {
    const Count used = count_backups(*environment_.catalog, ns);
    if (used.places >= quota.backups)
      return exceeded(ns, "backups", std::to_string(used.places), std::to_string(quota.backups),
                      std::string("delete a backup") + kAskForMore);
    if (used.empty >= kEmptyAllowed && takes == Takes::kPlaceAndBytes)
      return exceeded(ns, "failed and cancelled backups", std::to_string(used.empty),
                      std::to_string(kEmptyAllowed),
                      "delete them: kubectl delete galerabackups -n " + ns +
                          " --field-selector status.phase=Failed (or Cancelled)");
  }
  if (quota.bytes > 0 && takes != Takes::kPlace) {
    GB_TRY_ASSIGN(const std::uint64_t used, stored_bytes(environment_.stores, ns));
    if (used >= quota.bytes)
      return exceeded(ns, "bytes in the stores", to_quantity(used), to_quantity(quota.bytes),
                      std::string("delete backups (their room is free when the trash has been "
                                  "emptied)") +
                          kAskForMore);
  }
  return {};
}

Result<api::ObjectPtr> Quotas::admit(const std::string& ns, Takes takes,
                                     const std::function<Result<api::ObjectPtr>()>& record) const {
  // Where nothing is limited, nobody waits.
  if (const NamespaceQuota quota = quota_of(environment_.quotas, ns);
      quota.backups == 0 && quota.bytes == 0)
    return record();
  const std::scoped_lock lock(mutex_);
  GB_TRY(check(ns, takes));
  return record();
}

}  // namespace gb::jobs
