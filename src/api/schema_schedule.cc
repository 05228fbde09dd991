#include <utility>

#include "api/schema_build.h"
#include "api/types.h"

namespace gb::api::build {
namespace {

Schema count(std::string description, std::int64_t least, std::int64_t most = 10000) {
  Schema schema = integer(std::move(description));
  schema.minimum = least;
  schema.maximum = most;
  return schema;
}

Schema retention() {
  return object(
      "Which backups of the schedule are kept. A completed backup is kept while any rule keeps it; "
      "the others go to the trash. Left out: all are kept. The rules look at the times of the "
      "backups' snapshots, in timeZone; the clock tells only which of them lie in the future: no "
      "rule counts these.",
      {changeable("keepLast", count("Keeps this many of the newest backups.", 0)),
       changeable("keepHourly", count("Keeps the newest backup of each of this many hours in which "
                                      "there is one.",
                                      0)),
       changeable("keepDaily", count("The same for days.", 0)),
       changeable("keepWeekly", count("The same for weeks, which begin on Monday.", 0)),
       changeable("keepMonthly", count("The same for months.", 0)),
       changeable("keepYearly", count("The same for years.", 0)),
       changeable("keepWithin", text("Keeps every backup that is younger than this, counted from "
                                     "the newest one, as a duration such as 72h.",
                                     SchemaFormat::kDuration)),
       changeable("minVerified",
                  with_default(count("Never fewer verified backups than this, whatever rule, "
                                     "maxBackups or ttl says. Default 1.",
                                     1),
                               "1"))});
}

Schema backup_template() {
  return object(
      "The backups that the schedule makes.",
      {changeable(
           "metadata",
           object("What their metadata gets.",
                  {changeable("labels", map("Their labels, beside backup.rhoso.io/schedule. None "
                                            "of their own begins with backup.rhoso.io/.",
                                            text("The value of the label."))),
                   changeable("annotations",
                              map("Their annotations.", text("The value of the annotation.")))})),
       [] {
         Property spec = required("spec", backup_spec());
         spec.is_mutable = true;
         return spec;
       }()});
}

Schema schedule_spec() {
  Property schedule = required(
      "schedule",
      text("When backups are taken: five cron fields (minute, hour, day of month, month, day of "
           "week) with lists, ranges, steps and names, or @hourly, @daily, @weekly, @monthly, "
           "@yearly. A time that a clock change leaves out is skipped, one that it repeats counts "
           "twice, as with a CronJob.",
           SchemaFormat::kCron));
  schedule.is_mutable = true;
  Property backup = required("template", backup_template());
  backup.is_mutable = true;
  return object(
      "When to back up, what, and what to keep. All of it may be changed.",
      {std::move(schedule),
       changeable("timeZone", with_default(text("The time zone of schedule and retention, a name "
                                                "of the tz database such as Europe/Prague. "
                                                "Default UTC.",
                                                SchemaFormat::kTimeZone),
                                           quote("UTC"))),
       changeable("suspend",
                  with_default(boolean("True starts no backups; those that would have been due "
                                       "meanwhile are not made up for. Default false."),
                               "false")),
       changeable("runOnCreate",
                  with_default(boolean("True takes the first backup at once when the schedule is "
                                       "created. Default false."),
                               "false")),
       changeable("startingDeadline",
                  text("A run that could not begin within this time after it was due is skipped, "
                       "and said so; as a duration. Left out: it is made up for whenever that is "
                       "possible. Of several missed runs only the last is made up for.",
                       SchemaFormat::kDuration)),
       changeable("jitter", text("Each run begins later by a part of this duration, always the "
                                 "same for the same run, so that many schedules do not begin at "
                                 "once; but always before the next run is due. Left out: at the "
                                 "minute.",
                                 SchemaFormat::kDuration)),
       changeable("retention", retention()),
       changeable("maxBackups",
                  count("Never more completed backups than this: the oldest go first, except "
                        "those that are held or needed by retention.minVerified. Left out: no "
                        "limit.",
                        1)),
       std::move(backup)});
}

Schema schedule_status() {
  return object(
      "What the server has done; written by the server only.",
      {field("phase", text("Enabled, Suspended or Failed (the last run could not be started, "
                           "or none can; message says why).")),
       field("message", text("One sentence that a person can act on.")),
       field("lastScheduleTime",
             text("When the last run that was started was due.", SchemaFormat::kDateTime)),
       field("nextScheduleTime",
             text("When the next run is due, without jitter.", SchemaFormat::kDateTime)),
       field("settledTime", text("Every run that was due until then was started, skipped or "
                                 "missed.",
                                 SchemaFormat::kDateTime)),
       field("enabledTime",
             text("Since when runs are expected as spec says it now: when the schedule was "
                  "created, resumed, or given another schedule or timeZone, or the clock was set "
                  "back.",
                  SchemaFormat::kDateTime)),
       field("lastBackup", text("The backup of the last run that was due.")),
       field("active", text("The backup that is running; empty: none.")),
       field("attempt", integer("Which try of the run lastBackup is, from 1.")),
       field("lastSuccessfulTime",
             text("When a backup of the schedule completed last.", SchemaFormat::kDateTime)),
       field("consecutiveFailures",
             integer("Runs and tries that failed since a backup completed.")),
       field("runAs", run_as()), field("conditions", conditions())});
}

}  // namespace

ResourceType schedules() {
  ResourceType type;
  type.plural = kSchedules;
  type.singular = "galerabackupschedule";
  type.kind = "GaleraBackupSchedule";
  type.list_kind = "GaleraBackupScheduleList";
  type.short_names = {"gbs"};
  type.categories = {"galera"};
  type.verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
  type.subresources = {{"status", "GaleraBackupSchedule", {"get"}},
                       {"trigger", "GaleraBackup", {"create"}}};
  type.storage_version_hash = "/m4UONjlogw=";
  type.selectable_fields = {"status.phase"};
  type.schema = whole_object(
      "Backups at regular times, and which of them are kept. Its runs act as the user who created "
      "the schedule. Deleting it deletes none of its backups.",
      {required("spec", schedule_spec()), field("status", schedule_status())});
  type.columns = {
      column("Name", Cell::kName, "", "The name of the schedule."),
      column("Schedule", Cell::kText, "spec.schedule", "When backups are taken."),
      column("Phase", Cell::kText, "status.phase", "Enabled, Suspended or Failed."),
      column("Next", Cell::kUntil, "status.nextScheduleTime", "In how long the next run is due."),
      column("Last Success", Cell::kAge, "status.lastSuccessfulTime",
             "How long ago a backup completed."),
      column("Failures", Cell::kText, "status.consecutiveFailures",
             "Runs and tries that failed since then.", 0, "integer"),
      column("Age", Cell::kAge, "metadata.creationTimestamp", "How long ago it was created."),
      column("Time Zone", Cell::kText, "spec.timeZone", "The time zone of the schedule.", 1),
      column("Instances", Cell::kJoined, "spec.template.spec.databaseInstances",
             "The clusters backed up.", 1),
      column("Last Backup", Cell::kText, "status.lastBackup",
             "The backup of the last run that was due.", 1),
      column("Message", Cell::kText, "status.message", "What a person should know.", 1)};
  return type;
}

}  // namespace gb::api::build
