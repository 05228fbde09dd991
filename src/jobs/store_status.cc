#include "jobs/store_status.h"

#include <nlohmann/json.hpp>
#include <set>

#include "api/types.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"
#include "storage/crypto/digest.h"

namespace gb::jobs {
namespace {

// A uid that stays the same over restarts and replicas: of the repository and the store's name.
std::string stable_uid(const std::string& repository, const std::string& name) {
  const storage::Sha256 digest = storage::sha256(as_bytes(repository + "/" + name));
  std::string hex = to_hex(Bytes(digest).first(16));
  hex[12] = '5';  // a name-based UUID
  hex[16] = 'a';
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

}  // namespace

StoreStatus::StoreStatus(const Environment& environment) : environment_(environment) {
  look();
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (sleep_for(stop, std::chrono::seconds(10)))
      (void)guarded("a look at the stores", [this] { look(); });
  });
}

std::vector<api::ObjectPtr> StoreStatus::objects() const {
  const std::scoped_lock lock(mutex_);
  return objects_;
}

void StoreStatus::count_backups() {
  const std::uint64_t now_at = environment_.catalog->revision();
  if (now_at == scanned_) return;
  std::set<std::string> present;
  for (const api::ObjectPtr& object : environment_.catalog->list(api::kBackups, "").objects) {
    present.insert(object->uid());
    if (object->revision() <= scanned_) continue;
    const api::Json dom = object->dom();
    if (api::phase_of(dom) != "Completed") continue;
    const auto store = environment_.store_of(dom);
    const auto bytes = parse_quantity(
        dom["status"].value("size", api::Json::object()).value("added", std::string()));
    if (store) backups_[object->uid()] = {(*store)->name, bytes.value_or(0)};
  }
  std::erase_if(backups_, [&](const auto& entry) { return !present.contains(entry.first); });
  scanned_ = now_at;
}

api::Json StoreStatus::describe(const Store& store, bool first) const {
  std::uint64_t backups = 0;
  std::uint64_t bytes = 0;
  for (const auto& [uid, share] : backups_) {
    if (share.store != store.name) continue;
    ++backups;
    bytes += share.bytes;
  }
  api::Json status = {{"phase", "Available"},
                      {"type", "Filesystem"},
                      {"url", store.url},
                      {"encryption", "None"},
                      {"conditionalWrites", true},
                      {"objectLock", false},
                      {"trashRetention", store.trash_retention},
                      {"lastValidated", to_rfc3339(environment_.clock->now())},
                      {"backups", backups},
                      {"storedBytes", bytes},
                      {"message", ""}};
  // Asking for a prefix that holds nothing shows whether the store answers at all.
  Status answers;
  if (const auto listed = store.blobs->list("keys/"); !listed) answers = fail(listed.error());
  if (answers && first) answers = environment_.catalog->health();
  if (auto* space = dynamic_cast<storage::FreeSpace*>(store.blobs.get())) {
    const auto free = space->free_bytes();
    if (free) status["freeBytes"] = *free;
    if (!free && free.error().code == Code::kForbidden) answers = fail(free.error());
    if (const auto capacity = space->capacity_bytes()) status["capacityBytes"] = *capacity;
  }
  if (!answers) {
    status["phase"] = answers.error().code == Code::kForbidden ? "ReadOnly" : "Unavailable";
    status["message"] = answers.error().text();
  }
  return status;
}

void StoreStatus::look() {
  count_backups();
  std::vector<api::ObjectPtr> objects;
  for (const Store& store : environment_.stores) {
    const bool first = &store == &environment_.stores.front();
    api::Json dom = {
        {"apiVersion", api::kGroupVersion},
        {"kind", "GaleraBackupStore"},
        {"metadata",
         {{"name", store.name},
          {"uid", stable_uid(environment_.catalog->repository_id(), store.name)},
          {"creationTimestamp", to_rfc3339(environment_.catalog->repository_created())}}},
        {"status", describe(store, first)}};
    auto object = api::Object::make(api::kStores, environment_.catalog->revision(), std::move(dom));
    if (object)
      objects.push_back(std::move(*object));
    else
      log::error("a store could not be described",
                 {{"store", store.name}, {"error", object.error().text()}});
  }
  const std::scoped_lock lock(mutex_);
  objects_ = std::move(objects);
}

}  // namespace gb::jobs
