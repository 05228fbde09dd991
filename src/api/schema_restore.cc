#include <utility>

#include "api/schema_build.h"
#include "api/types.h"

namespace gb::api::build {
namespace {

Schema restore_spec() {
  Schema threads =
      with_default(integer("Connections that write in parallel, from 1 to 64. Default 4."), "4");
  threads.minimum = 1;
  threads.maximum = 64;

  return object(
      "Which backup to restore, to where, and how. Exactly one of backup, schedule and asOf is "
      "set. It cannot be changed: a new restore is a new object.",
      {field("backup", text("The name of a completed GaleraBackup, or latest: the newest completed "
                            "one of the source namespace that holds everything, or all of "
                            "databases; where there is none, the newest of a part, which the "
                            "status says. What a restore replaced, its safety backup, is neither "
                            "latest nor chosen by asOf: name it.",
                            SchemaFormat::kName)),
       field("schedule", text("Restore the newest completed backup of this GaleraBackupSchedule; "
                              "those that it made remain when it is deleted.",
                              SchemaFormat::kName)),
       field("follow",
             boolean("Warm standby: restore each new completed backup of spec.schedule, one after "
                     "the other, until this object is cancelled or deleted. Never onto the cluster "
                     "that the backups come from. Needs schedule, and existing: Replace. Each "
                     "restore is a GaleraRestore of its own, with the label "
                     "backup.rhoso.io/follow. Default false.")),
       field("asOf", text("Restore the newest completed backup whose snapshot is not later than "
                          "this time; one that holds everything goes before a part, as for "
                          "latest.",
                          SchemaFormat::kDateTime)),
       field("sourceNamespace",
             text("The namespace of the backup. Left out: the namespace of the restore. Another "
                  "one needs the right to get that backup there.",
                  SchemaFormat::kLabel)),
       field(
           "databaseInstances",
           bounded(list("The instances of the backup to restore. Left out or empty: all.",
                        text("The name of an instance in the backup.", SchemaFormat::kName), "set"),
                   0, 64)),
       field("targets",
             map("Where an instance of the backup is restored to when it is not an instance of the "
                 "same name: from the name in the backup to the name of an instance here.",
                 text("The name of an instance of this namespace.", SchemaFormat::kName))),
       field("databases",
             bounded(list("The database schemas to restore. Left out or empty: every schema in the "
                          "backup.",
                          text("The name of a schema.", SchemaFormat::kSchemaName), "set"),
                     0, 10000)),
       field("rename",
             map("Restores a schema under another name, beside the live one: from the name in the "
                 "backup to the new name.",
                 text("The new name of the schema.", SchemaFormat::kSchemaName))),
       field("content",
             choice("What is restored: Data (schemas and their rows), Grants (users, roles and "
                    "their privileges) or All. Default Data.",
                    {"Data", "Grants", "All"})),
       unavailable("resources",
                   choice("Whether Kubernetes objects in the backup are created. Only Skip is "
                          "available in this release.",
                          {"Skip"}),
                   {"Restore"}),
       unavailable("fromStore",
                   text("Restore from a copy in this store. Not available in this release.",
                        SchemaFormat::kName),
                   {"*"}),
       field("existing",
             choice("What happens when a schema exists in the target: Fail (nothing is changed) or "
                    "Replace (the selected schemas are dropped and made anew). Default Fail.",
                    {"Fail", "Replace"})),
       field("safetyBackup",
             with_default(boolean("Back up what Replace is about to drop, when applications can "
                                  "write no more (blockTraffic). Default true."),
                          "true")),
       field("blockTraffic",
             with_default(boolean("Keep applications from writing to the target while the restore "
                                  "runs. Default true."),
                          "true")),
       field("verification",
             choice("How the result is checked: Checksum (every restored table is read and "
                    "compared with the digests in the backup) or None. Default Checksum.",
                    {"Checksum", "None"})),
       field("threads", std::move(threads))});
}

Schema restore_status() {
  return object(
      "What the server has done; written by the server only.",
      {field("phase", text("Pending, Preflight, SafetyBackup, Restoring, Verifying, Completed, "
                           "Failed or Cancelled; with spec.follow, Following.")),
       field("conditions", conditions()),
       field("message", text("One sentence that a person can act on.")),
       field("startTime", text("When the work began.", SchemaFormat::kDateTime)),
       field("completionTime", text("When it ended.", SchemaFormat::kDateTime)),
       field("backup", text("The backup that latest, schedule or asOf stood for.")),
       field("safetyBackup", text("The backup of what was replaced: restoring it brings that "
                                  "back.")),
       field("preflight",
             list("What was checked before anything was changed.",
                  object("One check.",
                         {required("check", text("What was checked, such as TargetPrimary.")),
                          field("instance", text("The instance that it was checked on.")),
                          required("passed", boolean("Whether all was well.")),
                          field("message", text("What was found, and what to do when it is not "
                                                "well."))}))),
       field("plan",
             list("What is done, schema by schema.",
                  object("One schema.",
                         {field("instance", text("The instance that it is restored to.")),
                          required("schema", text("The name of the schema in the target.")),
                          field("source", text("Its name in the backup, when it is another.")),
                          field("action", text("Create, Replace, or Refuse (existing is Fail).")),
                          field("tables", integer("Tables in it.")),
                          field("rows", integer("Rows in them.")),
                          field("bytes", integer("Bytes of the rows.")),
                          field("onlyInTarget",
                                list("Tables of the target that the backup does not have; Replace "
                                     "drops them.",
                                     text("The name of a table."))),
                          field("onlyInBackup",
                                list("Tables of the backup that the target does not have.",
                                     text("The name of a table."))),
                          field("tableRows",
                                list("Table by table, in the answer to a dry run only.",
                                     object("One table of the backup.",
                                            {required("table", text("Its name.")),
                                             required("rows", integer("Its rows in the backup.")),
                                             field("targetRows",
                                                   integer("Its rows in the target, as the server "
                                                           "there estimates them; absent when the "
                                                           "target does not have it."))})))}))),
       field("follow",
             object("How far a standby is.",
                    {field("newestBackup", text("The newest backup that was looked at.")),
                     field("snapshotTime", text("The moment that the target's data are of.",
                                                SchemaFormat::kDateTime)),
                     field("lagSeconds", integer("How old the data were when they had arrived.")),
                     field("lastRestore", text("The GaleraRestore that brought them.")),
                     field("lastRestoreTime", text("When it ended.", SchemaFormat::kDateTime)),
                     field("restored", integer("Backups restored so far.")),
                     field("active", text("The GaleraRestore that is running.")),
                     field("consecutiveFailures", integer("Restores that failed since the last "
                                                          "that did not.")),
                     field("nextTryTime", text("When it is tried again after a failure.",
                                               SchemaFormat::kDateTime)),
                     field("backupUID", text("The uid of the backup that the target holds.")),
                     field("backupRevision", integer("The resourceVersion that it had when it was "
                                                     "tried first.")),
                     field("triedUID", text("The uid of the backup that was tried last.")),
                     field("triedRevision", integer("The resourceVersion that it had when it was "
                                                    "tried first.")),
                     field("attempt", integer("How often that was tried."))})),
       field("runAs", run_as()), field("progress", job_progress()),
       field("verification",
             object("The comparison of the result with the backup.",
                    {field("time", text("When it was done.", SchemaFormat::kDateTime)),
                     field("method", text("How: Checksum.")),
                     field("tables", integer("Tables that were compared.")),
                     field("mismatches", integer("Tables that differ."))})),
       field("trafficLeftBlocked",
             list("Instances that applications may still be kept away from although the restore "
                  "has ended: a node that did not answer may be read_only, or a Service could not "
                  "be changed. It is tried again until it works.",
                  text("The name of an instance."))),
       field("cancellation", cancellation()), field("executor", executor())});
}

}  // namespace

ResourceType restores() {
  ResourceType type;
  type.plural = kRestores;
  type.singular = "galerarestore";
  type.kind = "GaleraRestore";
  type.list_kind = "GaleraRestoreList";
  type.short_names = {"grs"};
  type.categories = {"galera"};
  type.verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
  type.subresources = {{"cancel", "GaleraRestore", {"create"}},
                       {"log", "GaleraRestore", {"get"}},
                       {"status", "GaleraRestore", {"get"}}};
  type.storage_version_hash = "cVvtqNgiOeA=";
  type.selectable_fields = {"spec.backup", "status.phase"};
  type.schema = whole_object(
      "A restore of a GaleraBackup into one or more Galera clusters. Creating the object runs it, "
      "once; with dryRun it only checks and returns the plan.",
      {required("spec", restore_spec()), field("status", restore_status())});
  type.columns = {
      column("Name", Cell::kName, "", "The name of the restore."),
      column("Backup", Cell::kText, "status.backup|spec.backup", "The backup that is restored."),
      column("Phase", Cell::kText, "status.phase", "How far the restore has come."),
      column("Progress", Cell::kPercent, "status.progress.percent", "The part that is done."),
      column("Existing", Cell::kText, "spec.existing", "What happens to schemas that exist."),
      column("Verified", Cell::kCondition, "Verified", "Whether the result equals the backup."),
      column("Age", Cell::kAge, "metadata.creationTimestamp", "How long ago it was created."),
      column("Instances", Cell::kJoined, "spec.databaseInstances", "The instances restored.", 1),
      column("Duration", Cell::kDuration, "", "How long it ran, or has been running.", 1),
      column("Safety Backup", Cell::kText, "status.safetyBackup",
             "Restoring this brings back what was replaced.", 1),
      column("Message", Cell::kText, "status.message", "What a person should know.", 1)};
  return type;
}

}  // namespace gb::api::build
