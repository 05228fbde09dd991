#include "api/types.h"
#include "cli/backup.h"
#include "cli/flags.h"
#include "cli/restore.h"

namespace gb::cli {
namespace {

void add_kube(CLI::App& app, KubeFlags& flags) {
  app.add_option("-n,--namespace", flags.ns, "The namespace (default: the context's)")
      ->group("Cluster");
  app.add_option("--context", flags.kubeconfig.context, "The context of the kubeconfig")
      ->group("Cluster");
  app.add_option("--kubeconfig", flags.kubeconfig.file, "The kubeconfig file")->group("Cluster");
  app.add_option("--cluster", flags.kubeconfig.cluster, "The cluster of the kubeconfig")
      ->group("Cluster");
  app.add_option("--user", flags.kubeconfig.user, "The user of the kubeconfig")->group("Cluster");
  app.add_option("--as", flags.kubeconfig.as, "Act as this user")->group("Cluster");
  add_list(app, "--as-group", flags.kubeconfig.as_groups, "Act as a member of this group")
      ->group("Cluster");
}

void add_job(CLI::App& app, JobFlags& flags) {
  add_kube(app, flags.kube);
  add_output(app, flags.output, "Print the object, at its end, as");
  app.add_flag("--wait,!--no-wait", flags.wait,
               "Follow it to its end (default); --wait=false returns when it was created");
  app.add_option("--dry-run", flags.dry_run,
                 "client: print what would be created; server: let the server check it, and change "
                 "nothing")
      ->check(CLI::IsMember({"none", "client", "server"}));
}

CLI::Option* add_threads(CLI::App& app, std::optional<unsigned>& threads,
                         const std::string& description) {
  return app.add_option("--threads", threads, description)->check(CLI::Range(1U, 64U));
}

}  // namespace

void add_backup(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<Backup>();
  app.add_option("NAME", command.name, "The name of the backup")->required();
  add_list(app, "--instance,--instances", command.instances,
           "The Galera clusters to back up, as one set")
      ->required();
  add_list(app, "--databases", command.databases, "Only these schemas");
  add_list(app, "--exclude-databases", command.exclude_databases, "Not these schemas");
  add_list(app, "--exclude-tables", command.exclude_tables,
           "Leave the rows of these tables out: globs on schema.table");
  add_choice(app, "--content", command.content, api::kBackups, "content", "What is backed up");
  app.add_option("--store", command.store, "The GaleraBackupStore (default: the server's first)");
  app.add_option("--ttl", command.ttl,
                 "How long it is kept, such as 720h (default: until deleted)");
  app.add_flag("--hold", command.hold, "It neither expires nor can be deleted");
  add_choice(app, "--verification", command.verification, api::kBackups, "verification",
             "How it is checked at the end");
  app.add_option("--active-deadline", command.active_deadline,
                 "It fails when it runs for longer than this, such as 6h");
  add_threads(app, command.threads, "Connections that read");
  add_job(app, command.job);
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_restore(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<Restore>();
  app.add_option("NAME", command.name, "The name of the restore")->required();
  CLI::Option_group* which = app.add_option_group("Backup", "Which backup: one of these");
  which->add_option("--from", command.from, "The name of a backup, or latest");
  which->add_option("--as-of", command.as_of,
                    "The newest backup whose snapshot is not later than this time "
                    "(2026-11-20T02:00:00Z)");
  which->require_option(1);
  app.add_option("--source-namespace", command.source_namespace,
                 "The namespace of the backup (default: the restore's)");
  add_list(app, "--instance,--instances", command.instances,
           "Only these instances of the backup (default: all)");
  add_list(app, "--target,--targets", command.targets,
           "Restore instance a of the backup to instance b: a=b");
  add_list(app, "--databases", command.databases, "Only these schemas (default: all)");
  add_list(app, "--rename", command.rename, "Restore schema a as b, beside the live one: a=b");
  add_choice(app, "--content", command.content, api::kRestores, "content", "What is restored");
  add_choice(app, "--existing", command.existing, api::kRestores, "existing",
             "What is done with schemas that are there already");
  app.add_flag("--safety-backup,!--no-safety-backup", command.safety_backup,
               "Back up what --existing Replace drops, first (default)");
  app.add_flag("--block-traffic,!--no-block-traffic", command.block_traffic,
               "Keep applications from writing while it runs (default)");
  add_choice(app, "--verification", command.verification, api::kRestores, "verification",
             "How the result is checked");
  add_threads(app, command.threads, "Connections that load");
  add_job(app, command.job);
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_cluster(CLI::App& app, Parsed& parsed) {
  add_backup(*app.add_subcommand("backup", "Back up Galera clusters"), parsed);
  add_restore(*app.add_subcommand("restore", "Restore a backup"), parsed);
}

}  // namespace gb::cli
