#include "cli/adopt.h"
#include "cli/flags.h"
#include "cli/local.h"

namespace gb::cli {
namespace {

void add_cluster_flags(CLI::App& app, Parsed& parsed, ClusterFlags& flags) {
  app.add_option("--nodes", flags.nodes, "The cluster's nodes: HOST:PORT,HOST:PORT,…")
      ->required()
      ->delimiter(',');
  app.add_option("--active-node", flags.active_node,
                 "The node that applications use (HOST:PORT): dumps avoid it");
  app.add_option("--user", flags.user, "The database user")->capture_default_str();
  parsed.offers[app.add_option("--password-file", flags.password_file,
                               "A file whose first line is that user's password")
                    ->required()] = Offer::kFiles;
  parsed.offers[app.add_option(
      "--tls-ca-file", flags.tls_ca_file,
      "Connect by TLS only, and verify the servers by this CA bundle (PEM)")] = Offer::kFiles;
}

void add_scratch(CLI::App& app, Parsed& parsed, std::string& place, std::string& mariadbd,
                 const std::string& purpose) {
  parsed.offers[app.add_option("--scratch", place,
                               "The folder that the scratch server is made in (default: that for "
                               "temporary files)")] = Offer::kFolders;
  parsed.offers[app.add_option("--mariadbd", mariadbd,
                               "The server program to " + purpose +
                                   " (default: the one that is installed)")] = Offer::kFiles;
}

CLI::Option* add_store(CLI::App& app, Parsed& parsed, std::string& store) {
  CLI::Option* option = app.add_option("--store", store, "The repository: a directory");
  parsed.offers[option] = Offer::kFolders;
  return option->required()->check([](const std::string& directory) {
    return directory.empty() ? "name a directory, e.g. --store /var/backups/galera" : "";
  });
}

}  // namespace

void add_local(CLI::App& app, Parsed& parsed) {
  CLI::App* local =
      app.add_subcommand("local", "Work with a repository directory, without any Kubernetes");
  local->require_subcommand(1);

  auto& backup = parsed.make<LocalBackup>();
  CLI::App* b = local->add_subcommand("backup", "Dump a cluster into a repository");
  add_cluster_flags(*b, parsed, backup.cluster);
  add_store(*b, parsed, backup.store);
  b->add_option("--name", backup.name, "The backup's name (default: made from the time)");
  b->add_option("-n,--namespace", backup.ns, "The namespace that the backup is listed in")
      ->capture_default_str();
  b->add_option("--instance", backup.instance, "What the cluster is called in the backup")
      ->capture_default_str();
  b->add_option("--databases", backup.databases, "Only these schemas: a,b")->delimiter(',');
  b->add_option("--exclude-databases", backup.exclude_databases, "Not these schemas")
      ->delimiter(',');
  b->add_option("--exclude-tables", backup.exclude_tables,
                "Leave the rows of these tables out: globs on schema.table")
      ->delimiter(',');
  b->add_option("--content", backup.content, "What is dumped (default All)")
      ->check(CLI::IsMember({"Data", "Grants", "All"}));
  b->add_option(
       "--verification", backup.verification,
       "How it is checked at the end: everything is read back (Checksum, the default), and "
       "then it is restored into a scratch server, too (Restore)")
      ->check(CLI::IsMember({"None", "Checksum", "Restore"}));
  add_scratch(*b, parsed, backup.scratch, backup.mariadbd, "restore it into");
  b->add_option("--data-time", backup.data_time,
                "Of when the data is (2026-11-20T02:00:00Z), where the server was started on a "
                "copy of it");
  b->add_option("--threads", backup.threads, "Connections that read")
      ->check(CLI::Range(1U, 64U))
      ->capture_default_str();
  add_output(*b, parsed, backup.output, "Print the object as");
  b->callback([&] { parsed.run = [&backup] { return run(backup); }; });

  auto& restore = parsed.make<LocalRestore>();
  CLI::App* r = local->add_subcommand("restore", "Restore a backup onto a cluster");
  add_cluster_flags(*r, parsed, restore.cluster);
  add_store(*r, parsed, restore.store);
  r->add_option("--backup", restore.backup, "The backup's name, or latest")->required();
  r->add_option("-n,--namespace", restore.ns,
                "The backup's namespace, where its name is not unique");
  r->add_option("--instance", restore.instance,
                "Which instance of the backup, where it holds several");
  r->add_option("--databases", restore.databases, "Only these schemas: a,b")->delimiter(',');
  r->add_option("--rename", restore.rename, "Restore schema a as b: a=b,…")->delimiter(',');
  r->add_option("--existing", restore.existing, "What to do with schemas that are there already")
      ->check(CLI::IsMember({"Fail", "Replace"}))
      ->capture_default_str();
  r->add_flag("--grants", restore.grants, "Restore accounts and their grants too");
  r->add_flag("--dry-run", restore.dry_run, "Check and show the plan; change nothing");
  r->add_flag("--safety-backup,!--no-safety-backup", restore.safety_backup,
              "Back up what --existing Replace drops, first (default on)");
  r->add_flag("--block-traffic,!--no-block-traffic", restore.block_traffic,
              "Keep applications from writing while it runs (default on)");
  r->add_option("--threads", restore.threads, "Connections that load")
      ->check(CLI::Range(1U, 64U))
      ->capture_default_str();
  add_output(*r, parsed, restore.output, "Print the object as");
  r->callback([&] { parsed.run = [&restore] { return run(restore); }; });

  auto& adopt = parsed.make<LocalAdopt>();
  CLI::App* a = local->add_subcommand(
      "adopt",
      "Make backups of the dumps that OSK's GaleraBackup left; exits with 3 when one is bad");
  parsed.offers[a->add_option("--from", adopt.from, "The folder with the dumps")->required()] =
      Offer::kFolders;
  add_store(*a, parsed, adopt.store)->required(false);
  a->add_option("-n,--namespace", adopt.ns, "The namespace that the backups are listed in")
      ->capture_default_str();
  a->add_option("--instance", adopt.instance,
                "Of which instance the dumps are, where their names do not tell it");
  a->add_option("--only", adopt.only, "Only these files: globs on their names")->delimiter(',');
  a->add_option("--content", adopt.content, "Data leaves the grants out (default All)")
      ->check(CLI::IsMember({"Data", "All"}));
  a->add_option("--ttl", adopt.ttl, "How long the backups are kept, counted from now: 720h");
  a->add_flag("--dry-run", adopt.dry_run, "List the dumps and check them; adopt nothing");
  add_scratch(*a, parsed, adopt.scratch, adopt.mariadbd, "load the dumps into");
  a->add_option("--threads", adopt.threads, "Connections that read")
      ->check(CLI::Range(1U, 64U))
      ->capture_default_str();
  add_output(*a, parsed, adopt.output, "Print the result as");
  a->callback([&] { parsed.run = [&adopt] { return run(adopt); }; });

  auto& exported = parsed.make<LocalExport>();
  CLI::App* e = local->add_subcommand(
      "export", "Write a backup as plain SQL, which mariadb --comments --binary-mode < FILE loads");
  add_store(*e, parsed, exported.store);
  e->add_option("--backup", exported.backup, "The backup's name, or latest")->required();
  e->add_option("-n,--namespace", exported.ns,
                "The backup's namespace, where its name is not unique");
  e->add_option("--instance", exported.instance,
                "Which instance of the backup, where it holds several");
  e->add_option("--databases", exported.databases, "Only these schemas: a,b")->delimiter(',');
  e->add_flag("--grants", exported.grants, "Accounts and their grants too");
  parsed.offers[e->add_option("--output", exported.output,
                              "The file, which must not be there yet; - for standard output")
                    ->required()] = Offer::kFiles;
  e->callback([&] { parsed.run = [&exported] { return run(exported); }; });

  auto& diff = parsed.make<LocalDiff>();
  CLI::App* d = local->add_subcommand(
      "diff", "Compare a running cluster with a backup; exits with 3 when they differ");
  add_cluster_flags(*d, parsed, diff.cluster);
  add_store(*d, parsed, diff.store);
  d->add_option("--backup", diff.backup, "The backup's name, or latest")->required();
  d->add_option("-n,--namespace", diff.ns, "The backup's namespace, where its name is not unique");
  d->add_option("--instance", diff.instance,
                "Which instance of the backup, where it holds several");
  d->add_option("--databases", diff.databases, "Only these schemas: a,b")->delimiter(',');
  d->add_option("--threads", diff.threads, "Connections that read")
      ->check(CLI::Range(1U, 64U))
      ->capture_default_str();
  d->add_option("-o,--output", diff.output, "Print the result as")
      ->check(CLI::IsMember({"json", "yaml"}));
  d->callback([&] { parsed.run = [&diff] { return run(diff); }; });

  auto& list = parsed.make<LocalList>();
  CLI::App* l = local->add_subcommand("list", "List the backups of a repository");
  add_store(*l, parsed, list.store);
  l->add_option("-n,--namespace", list.ns, "Only this namespace");
  add_output(*l, parsed, list.output, "Print the object as");
  l->callback([&] { parsed.run = [&list] { return run(list); }; });

  auto& check = parsed.make<LocalCheck>();
  CLI::App* c =
      local->add_subcommand("check", "Check a repository; exits with 3 when something is damaged");
  add_store(*c, parsed, check.store);
  c->add_flag("--read-data", check.read_data, "Read every byte of every backup, too");
  c->add_flag("--repair", check.repair, "Remove what is provably unreferenced");
  c->callback([&] { parsed.run = [&check] { return run(check); }; });
}

}  // namespace gb::cli
