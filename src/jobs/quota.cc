#include "jobs/quota.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/types.h"
#include "base/text.h"

namespace gb::jobs {
namespace {

// "exceeded quota: …" is what people know from ResourceQuota, and what they look for.
tl::unexpected<Error> exceeded(const std::string& ns, const std::string& what,
                               const std::string& used, const std::string& limit,
                               const std::string& hint) {
  return fail(Code::kForbidden,
              "exceeded quota of namespace \"" + ns + "\": " + what + ": used " + used +
                  ", limited to " + limit,
              hint + ", or ask the administrator for more (limits.namespaces of the server)");
}

Result<std::uint64_t> stored_bytes(const std::vector<Store>& stores, const std::string& ns) {
  std::uint64_t bytes = 0;
  for (const Store& store : stores) {
    const auto blobs = store.blobs->list("data/" + ns + "/");
    if (!blobs)
      return wrap(
          "what namespace \"" + ns + "\" has in store \"" + store.name + "\" can not be counted",
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
    const auto all = environment_.catalog->list(api::kBackups, ns).objects;
    const auto used = static_cast<std::uint64_t>(std::ranges::count_if(
        all, [](const api::ObjectPtr& object) { return !object->being_deleted(); }));
    if (used >= quota.backups)
      return exceeded(ns, "backups", std::to_string(used), std::to_string(quota.backups),
                      "delete a backup");
  }
  if (quota.bytes > 0 && takes == Takes::kPlaceAndBytes) {
    GB_TRY_ASSIGN(const std::uint64_t used, stored_bytes(environment_.stores, ns));
    if (used >= quota.bytes)
      return exceeded(ns, "bytes in the stores", to_quantity(used), to_quantity(quota.bytes),
                      "delete backups (their room is free when the trash has been emptied)");
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
