#include "jobs/trash.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "api/text.h"
#include "api/types.h"
#include "base/log.h"
#include "base/text.h"
#include "jobs/facts.h"
#include "jobs/schedule.h"
#include "storage/repo/repo.h"

namespace gb::jobs {
namespace {

// What is about to be freed is not brought back any more.
constexpr std::chrono::minutes kJanitorMargin{1};

constexpr const char* kNamespaceUid = "namespaceUID";

// A mark and the object in it.
struct Deleted : TrashMark {
  api::Json object;
};

std::string folder_of(const std::string& ns) {
  return kTrash + ns + "/";
}

Result<Deleted> parse_mark(const Store& store, const std::string& key, const std::string& text) {
  api::Json json = api::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto time = from_rfc3339(api::text_member(json, "deleted"));
  const std::vector<std::string> parts = split(key, '/');
  if (!time || parts.size() != 3 || !api::member(json, "object").is_object())
    return fail(Code::kCorruption, "the mark " + key + " in store \"" + store.name +
                                       "\" is not what a deletion leaves");
  Deleted found;
  found.store = &store;
  found.key = key;
  found.ns = parts[1];
  found.uid = parts[2];
  found.deleted = *time;
  found.namespace_uid = api::text_member(json, kNamespaceUid);
  found.freeing = api::member(json, "freeing").is_boolean();
  found.object = std::move(json["object"]);
  found.name = facts::metadata(found.object, "name");
  return found;
}

Result<Deleted> read_deleted(const Store& store, const std::string& key) {
  GB_TRY_ASSIGN(const std::string text, store.blobs->get(key));
  return parse_mark(store, key, text);
}

// Every deleted backup of a namespace. Unavailable when one of the stores does not answer.
Result<std::vector<Deleted>> all_deleted(const Environment& environment, const std::string& ns) {
  std::vector<Deleted> found;
  for (const Store& store : environment.stores) {
    const auto unreadable = [&](const Error& error) {
      return wrap("the trash of store \"" + store.name + "\" cannot be read", error);
    };
    const auto marks = store.blobs->list(folder_of(ns));
    if (!marks) return unreadable(marks.error());
    for (const storage::BlobInfo& info : *marks) {
      auto one = read_deleted(store, info.key);
      if (one)
        found.push_back(std::move(*one));
      else if (one.error().code == Code::kCorruption)
        log::warn("a deleted backup cannot be brought back", {{"error", one.error().text()}});
      else if (one.error().code != Code::kNotFound)  // freed, or undone, just now
        return unreadable(one.error());
    }
  }
  return found;
}

Result<std::string> namespace_uid(const Environment& environment, const std::string& ns) {
  if (environment.namespaces == nullptr) return std::string();
  return environment.namespaces->uid(ns);
}

// Those that `user` may bring back: of an earlier namespace of this name, which somebody else may
// have owned, who has the right to do so in all of them.
Result<std::vector<Deleted>> deleted_for(const Environment& environment, const std::string& ns,
                                         const kube::User& user) {
  GB_TRY_ASSIGN(std::vector<Deleted> all, all_deleted(environment, ns));
  GB_TRY_ASSIGN(const std::string uid, namespace_uid(environment, ns));
  const auto is_former = [&](const Deleted& one) { return one.namespace_uid != uid; };
  if (std::ranges::none_of(all, is_former)) return all;
  const Status may = environment.authorize_undeleting_everywhere(user);
  if (!may && may.error().code != Code::kForbidden) return fail(may.error());
  if (!may) std::erase_if(all, is_former);
  return all;
}

tl::unexpected<Error> not_in_trash(const api::ObjectKey& key, const std::string& uid,
                                   const std::vector<Deleted>& all) {
  std::set<std::string> names;
  for (const Deleted& one : all) names.insert(one.name);
  std::string hint =
      "only a backup that was Completed is kept, until its store's trashRetention "
      "has passed; ";
  hint += names.empty() ? "there is none at all"
                        : "there is: " + join({names.begin(), names.end()}, ", ");
  hint +=
      "; what belonged to an earlier namespace of this name is brought back by whoever may create "
      "galerabackups/undelete in all namespaces";
  return fail(Code::kNotFound,
              "the trash of namespace \"" + key.ns + "\" holds no backup \"" + key.name + "\"" +
                  (uid.empty() ? "" : " with the uid " + uid),
              hint);
}

tl::unexpected<Error> being_freed(const api::ObjectKey& key) {
  return fail(Code::kNotFound, "the data of backup \"" + key.name + "\" is being freed",
              "restore from another backup");
}

// An error when its time is over: the janitor may be freeing it while we speak.
Status require_kept(const Deleted& deleted, const api::ObjectKey& key, WallTime now) {
  if (deleted.freeing) return being_freed(key);
  const auto until = deleted.due();
  if (!until || now + kJanitorMargin < *until) return {};
  return fail(Code::kNotFound,
              "backup \"" + key.name + "\" was kept in the trash until " + to_rfc3339(*until),
              "its data is being freed: restore from another backup");
}

Status require_data(const Deleted& deleted, const api::ObjectKey& key) {
  const auto digest = digest_of(deleted.object);
  const auto reader =
      digest ? storage::BackupReader::open(*deleted.store->blobs, key.ns, deleted.uid, digest)
             : fail(Code::kCorruption, "its status holds no digest");
  if (reader) return {};
  return wrap("backup \"" + key.name + "\" is in the trash, but its data cannot be read",
              reader.error());
}

// As it comes back: nothing of its deletion, and nothing by which it would be deleted again at
// once: an owner that went meanwhile, a ttl that has ended, a schedule's retention.
api::Json revived(api::Json object, WallTime now) {
  api::Json& metadata = object["metadata"];
  for (const char* gone : {"deletionTimestamp", "deletionGracePeriodSeconds", "finalizers",
                           "ownerReferences", "resourceVersion"})
    metadata.erase(gone);
  const auto expires =
      from_rfc3339(api::text_member(api::member(object, "status"), "expirationTime"));
  const bool scheduled = !api::text_member(api::member(metadata, "labels"), kScheduleLabel).empty();
  if (((expires && *expires <= now) || scheduled) && !api::read_backup_spec(object).hold) {
    object["spec"]["hold"] = true;
    metadata["generation"] = metadata.value("generation", 1) + 1;
  }
  return object;
}

}  // namespace

std::optional<WallTime> TrashMark::due() const {
  const auto retention = parse_duration(store->trash_retention);
  if (!retention) return std::nullopt;
  return deleted + std::chrono::duration_cast<std::chrono::microseconds>(*retention);
}

Result<bool> is_in_trash(const Store& store, const std::string& ns, const std::string& uid) {
  const std::string key = folder_of(ns) + uid;
  GB_TRY_ASSIGN(const auto found, store.blobs->list(key));
  return std::ranges::any_of(found, [&](const storage::BlobInfo& blob) { return blob.key == key; });
}

Result<TrashMark> read_mark(const Store& store, const std::string& key) {
  return read_deleted(store, key);
}

Status begin_freeing(const TrashMark& mark) {
  GB_TRY_ASSIGN(const std::string text, mark.store->blobs->get(mark.key));
  api::Json json = api::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  GB_TRY_ASSIGN(const Deleted now, parse_mark(*mark.store, mark.key, text));
  if (now.deleted != mark.deleted)
    return fail(Code::kConflict, "backup \"" + mark.name + "\" was deleted anew meanwhile",
                "its retention counts from then");
  json["freeing"] = true;
  return storage::put(*mark.store->blobs, mark.key, as_bytes(json.dump()));
}

Status put_into_trash(const Environment& environment, const api::Object& object) {
  if (object.key().resource != api::kBackups) return {};
  const api::Json dom = object.dom();
  if (api::phase_of(dom) != "Completed") return {};
  const auto store = environment.store_of(dom);
  // Its object must go all the same, or its namespace could never be deleted.
  if (!store && store.error().code == Code::kNotFound) {
    log::warn("a backup is deleted whose data are in no store that is configured: they stay there",
              {{"namespace", object.key().ns},
               {"name", object.key().name},
               {"error", store.error().text()}});
    return {};
  }
  if (!store) return fail(store.error());
  api::Json mark = {{"object", dom}, {"deleted", to_rfc3339(environment.clock->now())}};
  // Where it cannot be told, whose it was is for those to say who may undelete everywhere.
  if (const auto uid = namespace_uid(environment, object.key().ns); uid && !uid->empty())
    mark[kNamespaceUid] = *uid;
  return storage::put(*(*store)->blobs, folder_of(object.key().ns) + object.uid(),
                      as_bytes(mark.dump()));
}

Result<api::ObjectPtr> undelete(const Environment& environment, const api::ObjectKey& key,
                                const std::string& uid, const kube::User& user, bool dry_run) {
  const auto taken = [&] {
    return fail(Code::kAlreadyExists, key.resource + " \"" + key.name + "\" already exists",
                "it was not deleted, or its name was given again: delete that one first (it goes "
                "into the trash, too)");
  };
  if (environment.catalog->get(key)) return taken();
  GB_TRY_ASSIGN(const std::vector<Deleted> all, deleted_for(environment, key.ns, user));
  const Deleted* chosen = nullptr;
  for (const Deleted& one : all) {
    if (one.name != key.name) continue;
    if (!uid.empty() && one.uid != uid) continue;
    if (chosen == nullptr || chosen->deleted < one.deleted) chosen = &one;
  }
  if (chosen == nullptr) return not_in_trash(key, uid, all);
  const WallTime now = environment.clock->now();
  GB_TRY(require_kept(*chosen, key, now));
  GB_TRY(require_data(*chosen, key));
  api::Json object = revived(chosen->object, now);
  if (dry_run) return api::Object::make(key.resource, 0, std::move(object));

  // The object first: between the two writes the backup is in both places, never in none.
  auto created = environment.catalog->create(key.resource, std::move(object));
  if (!created && created.error().code == Code::kAlreadyExists) return taken();
  if (!created) return created;
  // The janitor looks for the object only a while after it has marked that it is freeing: who finds
  // no such mark now was seen in time.
  const auto reread = read_mark(*chosen->store, chosen->key);
  if (!reread || reread->freeing) {
    (void)environment.catalog->remove(key, (*created)->revision());
    if (!reread && reread.error().code != Code::kNotFound)
      return wrap("the trash of store \"" + chosen->store->name + "\" cannot be read",
                  reread.error());
    return being_freed(key);
  }
  if (const Status removed = chosen->store->blobs->remove(chosen->key); !removed)
    log::warn("the mark of a backup that is back could not be removed: it does not count",
              {{"key", chosen->key}, {"error", removed.error().text()}});
  environment.event(
      **created, kube::EventType::kNormal, "Undeleted",
      "brought back from the trash, where it was since " + to_rfc3339(chosen->deleted));
  return created;
}

}  // namespace gb::jobs
