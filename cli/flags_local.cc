#include "api/types.h"
#include "cli/adopt.h"
#include "cli/flags.h"
#include "cli/local.h"

namespace gb::cli {
namespace {

void add_galera(CLI::App& app, Parsed& parsed, GaleraFlags& flags) {
  add_list(app, "--nodes", flags.nodes, "The cluster's nodes: HOST:PORT,HOST:PORT,…")->required();
  app.add_option("--active-node", flags.active_node,
                 "The node that applications use (HOST:PORT): dumps avoid it");
  app.add_option("--user", flags.user, "The database user")->capture_default_str();
  parsed
      .offer(Offer::kFiles, app.add_option("--password-file", flags.password_file,
                                           "A file whose first line is that user's password"))
      ->required();
  parsed.offer(Offer::kFiles, app.add_option("--tls-ca-file", flags.tls_ca_file,
                                             "Connect by TLS only, and verify the servers by this "
                                             "CA bundle (PEM)"));
}

void add_scratch(CLI::App& app, Parsed& parsed, std::string& place, std::string& mariadbd,
                 const std::string& purpose) {
  parsed.offer(Offer::kFolders, app.add_option("--scratch", place,
                                               "The folder that the scratch server is made in "
                                               "(default: that for temporary files)"));
  parsed.offer(Offer::kFiles, app.add_option("--mariadbd", mariadbd,
                                             "The server program to " + purpose +
                                                 " (default: the one that is installed)"));
}

CLI::Option* add_store(CLI::App& app, Parsed& parsed, std::string& store) {
  return parsed
      .offer(Offer::kFolders, app.add_option("--store", store, "The repository: a directory"))
      ->required()
      ->check([](const std::string& directory) {
        return directory.empty() ? "name a directory, e.g. --store /var/backups/galera" : "";
      });
}

// The backup in the repository that a command works with, and what of it.
template <typename Command>
void add_source(CLI::App& app, Parsed& parsed, Command& command) {
  add_store(app, parsed, command.store);
  app.add_option("--backup", command.backup, "The backup's name, or latest")->required();
  app.add_option("-n,--namespace", command.ns,
                 "The backup's namespace, where its name is not unique");
  app.add_option("--instance", command.instance,
                 "Which instance of the backup, where it holds several");
  add_list(app, "--databases", command.databases, "Only these schemas (default: all)");
}

void add_threads(CLI::App& app, unsigned& threads, const std::string& description) {
  app.add_option("--threads", threads, description)
      ->check(CLI::Range(1U, 64U))
      ->capture_default_str();
}

void add_local_backup(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<LocalBackup>();
  add_galera(app, parsed, command.galera);
  add_store(app, parsed, command.store);
  app.add_option("--name", command.name, "The backup's name (default: made from the time)");
  app.add_option("-n,--namespace", command.ns, "The namespace that the backup is listed in")
      ->capture_default_str();
  app.add_option("--instance", command.instance, "What the cluster is called in the backup")
      ->capture_default_str();
  add_extent(
      app, parsed,
      {command.databases, command.exclude_databases, command.exclude_tables, command.content});
  add_choice(app, parsed, "--verification", command.verification, api::kBackups, "verification",
             "How it is checked at the end");
  add_scratch(app, parsed, command.scratch, command.mariadbd, "restore it into");
  app.add_option(
      "--data-time", command.data_time,
      "When the data was taken (2026-11-20T02:00:00Z), where the server was started on a "
      "copy of it");
  add_threads(app, command.threads, "Connections that read");
  add_output(app, parsed, command.output, "Print the object as");
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_local_restore(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<LocalRestore>();
  add_galera(app, parsed, command.galera);
  add_source(app, parsed, command);
  add_list(app, "--rename", command.rename, "Restore schema a as b, beside the live one: a=b");
  add_choice(app, parsed, "--existing", command.existing, api::kRestores, "existing",
             "What is done with schemas that are there already");
  app.add_flag("--grants", command.grants, "Restore accounts and their grants too");
  app.add_flag("--dry-run", command.dry_run, "Check and show the plan; change nothing");
  app.add_flag("--safety-backup,!--no-safety-backup", command.safety_backup,
               "Back up what --existing Replace drops, first (default)");
  app.add_flag("--block-traffic,!--no-block-traffic", command.block_traffic,
               "Keep applications from writing while it runs (default)");
  add_threads(app, command.threads, "Connections that load");
  add_output(app, parsed, command.output, "Print the object as");
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_local_adopt(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<LocalAdopt>();
  parsed
      .offer(Offer::kFolders, app.add_option("--from", command.from, "The folder with the dumps"))
      ->required();
  add_store(app, parsed, command.store)->required(false);
  app.add_option("-n,--namespace", command.ns, "The namespace that the backups are listed in")
      ->capture_default_str();
  app.add_option("--instance", command.instance,
                 "Of which instance the dumps are, where their names do not tell it");
  add_list(app, "--only", command.only, "Only these files: globs on their names");
  add_one_of(app, parsed, "--content", command.content, {"All", "Data"},
             "What is adopted: All, or Data, which leaves the grants out (default All)");
  app.add_option("--ttl", command.ttl, "How long the backups are kept, counted from now: 720h");
  app.add_flag("--dry-run", command.dry_run, "List the dumps and check them; adopt nothing");
  add_scratch(app, parsed, command.scratch, command.mariadbd, "load the dumps into");
  add_threads(app, command.threads, "Connections that read");
  add_output(app, parsed, command.output, "Print the result as");
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_local_export(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<LocalExport>();
  add_source(app, parsed, command);
  app.add_flag("--grants", command.grants, "Accounts and their grants too");
  parsed
      .offer(Offer::kFiles,
             app.add_option("--output", command.output,
                            "The file, which must not be there yet; - for standard output"))
      ->required();
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_local_diff(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<LocalDiff>();
  add_galera(app, parsed, command.galera);
  add_source(app, parsed, command);
  add_threads(app, command.threads, "Connections that read");
  add_output(app, parsed, command.output, "Print the differences as", {"json", "yaml"});
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_local_list(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<LocalList>();
  add_store(app, parsed, command.store);
  app.add_option("-n,--namespace", command.ns, "Only this namespace");
  add_output(app, parsed, command.output, "Print the objects as");
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

void add_local_check(CLI::App& app, Parsed& parsed) {
  auto& command = parsed.make<LocalCheck>();
  add_store(app, parsed, command.store);
  app.add_flag("--read-data", command.read_data, "Read every byte of every backup, too");
  app.add_flag("--repair", command.repair, "Remove what is provably unreferenced");
  app.callback([&] { parsed.run = [&command] { return run(command); }; });
}

}  // namespace

void add_local(CLI::App& app, Parsed& parsed) {
  CLI::App* local =
      app.add_subcommand("local", "Work with a repository directory, without any Kubernetes");
  local->require_subcommand(1);
  const auto command = [&](const char* name, const char* description, auto add) {
    add(*local->add_subcommand(name, description), parsed);
  };
  command("backup", "Dump a cluster into a repository", add_local_backup);
  command("restore", "Restore a backup onto a cluster", add_local_restore);
  command("adopt",
          "Make backups of the dumps that OSK's GaleraBackup left; exits with 3 when one is bad",
          add_local_adopt);
  command("export",
          "Write a backup as plain SQL, which mariadb --comments --binary-mode < FILE loads",
          add_local_export);
  command("diff", "Compare a running cluster with a backup; exits with 3 when they differ",
          add_local_diff);
  command("list", "List the backups of a repository", add_local_list);
  command("check", "Check a repository; exits with 3 when something is damaged", add_local_check);
}

}  // namespace gb::cli
