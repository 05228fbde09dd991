#include <utility>

#include "api/schema_build.h"
#include "api/types.h"

namespace gb::api::build {

Schema backup_spec() {
  Property store = field(
      "store", text("The GaleraBackupStore that receives the backup. Left out: the server's first "
                    "store.",
                    SchemaFormat::kName));
  store.kept_if_absent = true;

  Schema threads =
      with_default(integer("Connections that read in parallel, from 1 to 64. Default 4."), "4");
  threads.minimum = 1;
  threads.maximum = 64;

  return object(
      "What to back up, to where, and how long to keep it. It cannot be changed after creation, "
      "except ttl and hold.",
      {required("databaseInstances",
                bounded(list("The Galera clusters of this namespace to back up, as one set: the "
                             "names of Galera objects, or of instances of the server's "
                             "configuration.",
                             text("The name of an instance.", SchemaFormat::kName), "set"),
                        1, 64)),
       field("databases",
             bounded(list("The database schemas to back up. Left out or empty: every schema that "
                          "is not a system schema.",
                          text("The name of a schema.", SchemaFormat::kSchemaName), "set"),
                     0, 10000)),
       field("excludeDatabases",
             bounded(list("Database schemas that are left out.",
                          text("The name of a schema.", SchemaFormat::kSchemaName), "set"),
                     0, 10000)),
       field("excludeTables",
             bounded(list("Tables whose rows are left out while their definition is kept: globs "
                          "(* and ?) on schema.table, such as nova.shadow_*.",
                          text("A glob on schema.table.", SchemaFormat::kTableGlob), "set"),
                     0, 10000)),
       field("content",
             choice("What is backed up: All, Data (schemas and their rows) or Grants (users, roles "
                    "and their privileges). Default All.",
                    {"All", "Data", "Grants"})),
       unavailable("resources",
                   choice("Whether Kubernetes objects of the instances are backed up too. Only "
                          "None is available in this release.",
                          {"None"}),
                   {"All"}),
       std::move(store),
       unavailable("copyTo",
                   list("Stores that receive a full copy. Not available in this release.",
                        text("The name of a GaleraBackupStore.", SchemaFormat::kName), "set"),
                   {"*"}),
       changeable("ttl", text("How long after its completion the backup is kept, as a duration "
                              "such as 720h. Left out: until it is deleted. May be changed.",
                              SchemaFormat::kDuration)),
       changeable("hold",
                  with_default(boolean("True keeps the backup: it does not expire and its deletion "
                                       "is refused. May be changed; who creates a backup with it "
                                       "has to have the right to update backups, too. Default "
                                       "false."),
                               "false")),
       field("verification",
             choice("How the finished backup is checked: Checksum (every byte is read back and "
                    "compared with its digest), Restore (the same, and then it is restored into a "
                    "scratch server of its own, where every row is compared) or None. Default "
                    "Checksum.",
                    {"Checksum", "None", "Restore"})),
       field("activeDeadline",
             with_default(text("The backup fails when it has run for longer than this, as a "
                               "duration; once it has been read back, only its verification by "
                               "Restore is given up. Default 6h.",
                               SchemaFormat::kDuration),
                          quote("6h"))),
       field("threads", std::move(threads))});
}

namespace {

Schema last_check() {
  return object(
      "The check of the finished backup that was asked for last (subresource verify), and how it "
      "went. The backup stays Completed meanwhile.",
      {field("method", text("Checksum (every byte is read back), Restore (then restored into a "
                            "scratch server, too) or Live (compared with the running clusters).")),
       field("phase", text("Running; then Passed, Failed (the backup is damaged, or cannot be "
                           "restored as it was), Differs (the running clusters are not as the "
                           "backup), Inconclusive (nothing was found out: message tells why) or "
                           "Cancelled.")),
       field("message", text("What was found.")), field("user", text("Who asked for it.")),
       field("startTime", text("When it was asked for.", SchemaFormat::kDateTime)),
       field("completionTime", text("When it ended.", SchemaFormat::kDateTime)),
       field("progress", job_progress()), field("cancellation", cancellation()),
       field("executor", executor())});
}

Schema comparison() {
  Schema table =
      object("One table that differs.",
             {required("schema", text("Its schema.")), required("table", text("Its name.")),
              field("state", text("RowsDiffer, RowsNotCounted (its rows differ, but too many "
                                  "would have had to be held in memory to count how), "
                                  "ColumnsDiffer, OnlyInBackup or OnlyLive.")),
              field("backupRows", integer("Rows in the backup.")),
              field("liveRows", integer("Rows in the cluster.")),
              field("added", integer("Rows that only the cluster has.")),
              field("changed", integer("Rows that both have, with other values.")),
              field("removed", integer("Rows that only the backup has."))});
  Schema instance = object(
      "One instance.",
      {required("name", text("The name of the instance.")),
       field("node", text("The node that was read.")),
       field("snapshotTime",
             text("The moment of the cluster that was compared.", SchemaFormat::kDateTime)),
       field("equal", boolean("Whether nothing differs.")),
       field("equalTables", integer("Tables that are as in the backup.")),
       field("differentTables", integer("Tables that are not.")),
       field("tables", list("Those that are not, the first hundred.", std::move(table))),
       field("moreTables", integer("How many of these are left out here.")),
       field("definitions", list("What of views, routines, triggers, events and tables was made, "
                                 "altered or dropped since, the first hundred.",
                                 text("One sentence."))),
       field("moreDefinitions", integer("How many of these are left out here."))});
  return object(
      "How the running clusters differed from this backup when they were last compared "
      "(subresource verify, method Live).",
      {field("time", text("When that was.", SchemaFormat::kDateTime)),
       field("equal", boolean("Whether nothing differed.")),
       field("instances",
             list("Each instance of the backup.", std::move(instance), "map", {"name"}))});
}

Schema backup_status() {
  Schema instance = object(
      "What was dumped from one instance.",
      {required("name", text("The name of the instance.")),
       field("node", text("The node that was read: synced, and not the one that applications "
                          "use.")),
       field("serverVersion", text("The version of the database server.")),
       field("galera", object("The place of the snapshot in the cluster's history.",
                              {field("clusterUUID", text("The cluster's state UUID.")),
                               field("seqno", integer("The last transaction in the snapshot."))})),
       field("gtid", text("The MariaDB GTID position of the snapshot.")),
       field("snapshotTime", text("When the snapshot was taken.", SchemaFormat::kDateTime)),
       field("flowControlPaused",
             number("The fraction of the dump's time that the cluster was paused by flow "
                    "control, measured.")),
       field("databases",
             list("The schemas that were dumped.",
                  object("One schema.", {required("name", text("The name of the schema.")),
                                         field("tables", integer("Tables in it.")),
                                         field("rows", integer("Rows in them.")),
                                         field("bytes", integer("Bytes of the rows."))}),
                  "map", {"name"}))});
  return object(
      "What the server has done; written by the server only.",
      {field("phase", text("Pending, Running, Verifying, Completed, Failed or Cancelled.")),
       field("conditions", conditions()),
       field("message", text("One sentence that a person can act on.")),
       field("startTime", text("When the work began.", SchemaFormat::kDateTime)),
       field("completionTime", text("When it ended.", SchemaFormat::kDateTime)),
       field("expirationTime", text("When the ttl ends.", SchemaFormat::kDateTime)),
       field("progress", job_progress()),
       field("instances",
             list("What was dumped from each instance.", std::move(instance), "map", {"name"})),
       field("skewSeconds", number("Of a set of instances: the seconds between its first snapshot "
                                   "and its last.")),
       field("size", object("The size of the backup, as quantities.",
                            {field("logical", text("All rows, before compression and sharing.")),
                             field("stored", text("All that the backup refers to in the store.")),
                             field("added", text("What this backup put into the store."))})),
       field("location", text("Where the backup is, as a URL.")),
       field("digest", text("The SHA-256 digest of the backup's manifest.")),
       field("verification",
             object("The last check of the backup.",
                    {field("time", text("When it was done.", SchemaFormat::kDateTime)),
                     field("method", text("How: Checksum or Restore.")),
                     field("tables", integer("Tables that were checked.")),
                     field("mismatches", integer("Tables that were not as recorded."))})),
       field("check", last_check()), field("comparison", comparison()),
       field("cancellation", cancellation()), field("executor", executor())});
}

}  // namespace

ResourceType backups() {
  ResourceType type;
  type.plural = kBackups;
  type.singular = "galerabackup";
  type.kind = "GaleraBackup";
  type.list_kind = "GaleraBackupList";
  type.short_names = {"gbk"};
  type.categories = {"galera"};
  type.verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
  type.subresources = {{"cancel", "GaleraBackup", {"create"}},
                       {"log", "GaleraBackup", {"get"}},
                       {"status", "GaleraBackup", {"get"}},
                       {"undelete", "GaleraBackup", {"create"}},
                       {"verify", "GaleraBackup", {"create"}}};
  type.storage_version_hash = "+cHRZdwl4AE=";
  type.selectable_fields = {"spec.store", "status.phase"};
  type.schema = whole_object(
      "A backup of the databases of one or more Galera clusters, taken at one moment of each "
      "cluster without locking it. Creating the object takes the backup; deleting it gives the "
      "backup up.",
      {required("spec", backup_spec()), field("status", backup_status())});
  type.columns = {
      column("Name", Cell::kName, "", "The name of the backup."),
      column("Instances", Cell::kJoined, "spec.databaseInstances", "The clusters backed up."),
      column("Phase", Cell::kText, "status.phase", "How far the backup has come."),
      column("Progress", Cell::kPercent, "status.progress.percent", "The part that is done."),
      column("Size", Cell::kText, "status.size.logical", "All rows, before compression."),
      column("Verified", Cell::kCondition, "Verified", "Whether the backup was checked."),
      column("Age", Cell::kAge, "metadata.creationTimestamp", "How long ago it was created."),
      column("Added", Cell::kText, "status.size.added", "What it put into the store.", 1),
      column("Duration", Cell::kDuration, "", "How long it ran, or has been running.", 1),
      column("Store", Cell::kText, "spec.store", "The store that holds it.", 1),
      column("Expires", Cell::kUntil, "status.expirationTime", "In how long it expires.", 1),
      column("Message", Cell::kText, "status.message", "What a person should know.", 1)};
  return type;
}

}  // namespace gb::api::build
