#include "api/types.h"
#include "cli/action.h"
#include "cli/backup.h"
#include "cli/flags.h"
#include "cli/logs.h"
#include "cli/restore.h"
#include "cli/status.h"
#include "cli/verify.h"

namespace gb::cli {
namespace {

void add_kube(CLI::App& app, Parsed& parsed, KubeFlags& flags) {
  const auto add = [&](const std::string& flag, std::string& value, const std::string& description,
                       Offer offer) {
    parsed.offer(offer, app.add_option(flag, value, description))->group("Cluster");
  };
  kube::KubeconfigChoice& choice = flags.kubeconfig;
  add("-n,--namespace", flags.ns, "The namespace (default: the context's)", Offer::kNamespaces);
  add("--context", choice.context, "The context of the kubeconfig", Offer::kContexts);
  add("--kubeconfig", choice.file, "The kubeconfig file", Offer::kFiles);
  add("--cluster", choice.cluster, "The cluster of the kubeconfig", Offer::kNothing);
  add("--user", choice.user, "The user of the kubeconfig", Offer::kNothing);
  add("--as", choice.as, "Act as this user", Offer::kNothing);
  add_list(app, "--as-group", choice.as_groups, "Act as a member of this group")->group("Cluster");
}

void add_job(CLI::App& app, Parsed& parsed, JobFlags& flags) {
  add_kube(app, parsed, flags.kube);
  add_output(app, parsed, flags.output, "Print the object, at its end, as");
  app.add_flag("--wait,!--no-wait", flags.wait,
               "Follow it to its end (default); --wait=false returns when it was created");
  add_one_of(app, parsed, "--dry-run", flags.dry_run, {"none", "client", "server"},
             "client: print what would be created; server: let the server check it, and change "
             "nothing");
}

void add_threads(CLI::App& app, std::optional<unsigned>& threads, const std::string& description) {
  app.add_option("--threads", threads, description)->check(CLI::Range(1U, 64U));
}

void add_dry_run(CLI::App& app, bool& dry_run) {
  app.add_flag_function(
         "--dry-run", [&dry_run](std::int64_t) { dry_run = true; },
         "Let the server check it, and change nothing")
      ->trigger_on_parse();
}

void add_object(CLI::App& app, Parsed& parsed, std::string& object) {
  parsed.offer(Offer::kJobs, app.add_option("OBJECT", object, "backup/NAME or restore/NAME"))
      ->required();
}

void add_logs(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<Logs>();
  add_object(app, parsed, command.object);
  app.add_flag("-f,--follow", command.follow, "Keep printing until the job ends");
  app.add_option("--tail", command.tail, "Only so many of the last lines");
  add_kube(app, parsed, command.kube);
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_cancel(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<Cancel>();
  add_object(app, parsed, command.object);
  add_dry_run(app, command.dry_run);
  add_output(app, parsed, command.output, "Print the object as");
  add_kube(app, parsed, command.kube);
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_undelete(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<Undelete>();
  app.add_option("NAME", command.name, "The name of the deleted backup")->required();
  app.add_option("--uid", command.uid,
                 "Of several that had this name, the one with this uid (default: the newest)");
  add_dry_run(app, command.dry_run);
  add_output(app, parsed, command.output, "Print the object as");
  add_kube(app, parsed, command.kube);
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_finished_backup(CLI::App& app, Parsed& parsed, std::string& name) {
  parsed.offer(Offer::kBackups, app.add_option("NAME", name, "The name of the backup"))->required();
}

void add_verify(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<Verify>();
  add_finished_backup(app, parsed, command.name);
  add_one_of(app, parsed, "--method", command.method, {"Checksum", "Restore"},
             "Checksum: every byte is read back (default); Restore: then it is restored into a "
             "scratch server, too");
  app.add_flag("--wait,!--no-wait", command.wait,
               "Follow it to its end (default); --wait=false returns when it has begun");
  add_output(app, parsed, command.output, "Print the backup, at the end, as");
  add_kube(app, parsed, command.kube);
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_diff(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<Diff>();
  add_finished_backup(app, parsed, command.name);
  add_output(app, parsed, command.output, "Print the differences as", {"json", "yaml"});
  add_kube(app, parsed, command.kube);
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_status(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<StatusCommand>();
  app.add_flag("-A,--all-namespaces", command.all_namespaces, "Of all namespaces");
  add_output(app, parsed, command.output, "Print the whole report as", {"json", "yaml"});
  add_kube(app, parsed, command.kube);
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

}  // namespace

void add_backup(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<Backup>();
  app.add_option("NAME", command.name, "The name of the backup")->required();
  parsed
      .offer(Offer::kInstances, add_list(app, "--instance,--instances", command.instances,
                                         "The Galera clusters to back up, as one set"))
      ->required();
  add_extent(
      app, parsed,
      {command.databases, command.exclude_databases, command.exclude_tables, command.content});
  parsed.offer(Offer::kStores,
               app.add_option("--store", command.store,
                              "The GaleraBackupStore (default: the server's first)"));
  app.add_option("--ttl", command.ttl,
                 "How long it is kept, such as 720h (default: until it is deleted)");
  app.add_flag("--hold", command.hold, "It neither expires nor can be deleted");
  add_choice(app, parsed, "--verification", command.verification, api::kBackups, "verification",
             "How it is checked at the end");
  app.add_option("--active-deadline", command.active_deadline,
                 "It fails when it runs for longer than this, such as 6h");
  add_threads(app, command.threads, "Connections that read");
  add_job(app, parsed, command.job);
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_restore(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<Restore>();
  app.add_option("NAME", command.name, "The name of the restore")->required();
  CLI::Option_group* which = app.add_option_group("Backup", "Which backup");
  parsed.offer(Offer::kBackups,
               which->add_option("--from", command.from, "The name of a backup, or latest"));
  which->add_option("--as-of", command.as_of,
                    "The newest backup whose snapshot is not later than this time "
                    "(2026-11-20T02:00:00Z)");
  CLI::Option* schedule =
      which->add_option("--schedule", command.schedule, "The newest backup of this schedule");
  which->require_option(1);
  app.add_flag("--follow", command.follow,
               "Warm standby: also every backup of the schedule that comes, until it is cancelled")
      ->needs(schedule);
  parsed.offer(Offer::kNamespaces,
               app.add_option("--source-namespace", command.source_namespace,
                              "The namespace of the backup (default: the restore's)"));
  parsed.offer(Offer::kInstances, add_list(app, "--instance,--instances", command.instances,
                                           "Only these instances of the backup (default: all)"));
  add_list(app, "--target,--targets", command.targets,
           "Restore instance a of the backup to instance b: a=b");
  add_list(app, "--databases", command.databases, "Only these schemas (default: all)");
  add_list(app, "--rename", command.rename, "Restore schema a as b, beside the live one: a=b");
  add_choice(app, parsed, "--content", command.content, api::kRestores, "content",
             "What is restored");
  add_choice(app, parsed, "--existing", command.existing, api::kRestores, "existing",
             "What is done with schemas that are there already");
  app.add_flag("--safety-backup,!--no-safety-backup", command.safety_backup,
               "Back up what --existing Replace drops, first (default)");
  app.add_flag("--block-traffic,!--no-block-traffic", command.block_traffic,
               "Keep applications from writing while it runs (default)");
  add_choice(app, parsed, "--verification", command.verification, api::kRestores, "verification",
             "How the result is checked");
  add_threads(app, command.threads, "Connections that load");
  add_job(app, parsed, command.job);
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_kubernetes(CLI::App& app, Parsed& parsed) {
  add_backup(*app.add_subcommand("backup", "Back up Galera clusters"), parsed);
  add_restore(*app.add_subcommand("restore", "Restore a backup"), parsed);
  add_status(*app.add_subcommand("status", "Is there a good backup, how old, what is wrong"),
             parsed);
  add_logs(*app.add_subcommand("logs", "What a backup or restore says"), parsed);
  add_cancel(*app.add_subcommand("cancel", "Stop a backup or restore; its object stays"), parsed);
  add_undelete(*app.add_subcommand("undelete", "Bring a deleted backup back"), parsed);
  add_verify(*app.add_subcommand("verify", "Check a finished backup again"), parsed);
  add_diff(*app.add_subcommand("diff", "What of the running clusters is not as a backup has it"),
           parsed);
}

}  // namespace gb::cli
