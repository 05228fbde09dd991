#include "api/schema_build.h"
#include "api/types.h"

namespace gb::api::build {

ResourceType stores() {
  ResourceType type;
  type.plural = kStores;
  type.singular = "galerabackupstore";
  type.kind = "GaleraBackupStore";
  type.list_kind = "GaleraBackupStoreList";
  type.short_names = {"gbst"};
  type.categories = {"galera"};
  type.namespaced = false;
  type.verbs = {"get", "list", "watch"};
  type.subresources = {{"status", "GaleraBackupStore", {"get"}}};
  type.selectable_fields = {"status.phase"};
  type.schema = whole_object(
      "A place that holds backups. Stores are part of the server's configuration: they can be read "
      "here, not made or changed.",
      {field("status",
             object("What the server knows about the store.",
                    {field("phase", text("Available, Unavailable or ReadOnly.")),
                     field("type", text("The kind of store: Filesystem.")),
                     field("url", text("Where the store is.")),
                     field("encryption", text("How backups are encrypted at rest, or None.")),
                     field("conditionalWrites",
                           boolean("Whether the store can refuse to overwrite, which several "
                                   "writers need.")),
                     field("objectLock", boolean("Whether the store can lock what was written.")),
                     field("trashRetention",
                           text("How long the data of deleted backups is kept, as a duration.",
                                SchemaFormat::kDuration)),
                     field("lastValidated",
                           text("When the store answered last.", SchemaFormat::kDateTime)),
                     field("backups", integer("Backups in the store.")),
                     field("storedBytes", integer("Bytes that they take.")),
                     field("freeBytes", integer("Bytes that are free, where it is known.")),
                     field("capacityBytes", integer("Bytes that the place of the store can hold in "
                                                    "all, whoever uses them, where it is known.")),
                     field("message", text("What is wrong and what to do, when something is.")),
                     field("conditions", conditions())}))});
  type.columns = {
      column("Name", Cell::kName, "", "The name of the store."),
      column("Type", Cell::kText, "status.type", "The kind of store."),
      column("Phase", Cell::kText, "status.phase", "Whether it can be used."),
      column("Backups", Cell::kText, "status.backups", "Backups in it.", 0, "integer"),
      column("Size", Cell::kBytes, "status.storedBytes", "What they take."),
      column("Free", Cell::kBytes, "status.freeBytes", "What is free."),
      column("Validated", Cell::kAge, "status.lastValidated", "How long ago it answered."),
      column("URL", Cell::kText, "status.url", "Where it is.", 1),
      column("Message", Cell::kText, "status.message", "What a person should know.", 1)};
  return type;
}

}  // namespace gb::api::build
