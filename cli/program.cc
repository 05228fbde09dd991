#include "cli/program.h"

#include <algorithm>
#include <cstdio>

#include "cli/flags.h"

namespace gb::cli {
namespace {

// CLI11 finds what is missing before what it does not know; a typo is what the user wants to hear
// of.
int explain(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(true);
  if (unknown.empty() || error.get_exit_code() != static_cast<int>(CLI::ExitCodes::RequiredError))
    return app.exit(error) == 0 ? kDone : kUsage;
  const bool flag = unknown.front().starts_with("-");
  std::fprintf(stderr, "There is no %s %s here\nRun with --help for more information.\n",
               flag ? "flag" : "command", unknown.front().c_str());
  return kUsage;
}

}  // namespace

int run_program(const std::string& name, const std::vector<std::string>& arguments,
                const std::string& version) {
  CLI::App app;
  app.set_version_flag("--version", version);
  Parsed parsed;
  if (name == "kubectl-create-galerabackup") {
    app.name("kubectl create galerabackup");
    app.description("Back up Galera clusters");
    add_backup(app, parsed);
  } else if (name == "kubectl-create-galerarestore") {
    app.name("kubectl create galerarestore");
    app.description("Restore a backup");
    add_restore(app, parsed);
  } else {
    app.name("kubectl galera");
    app.description("Backup and restore of MariaDB Galera clusters");
    app.require_subcommand(1);
    add_cluster(app, parsed);
    add_local(app, parsed);
  }
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& e) {
    return explain(app, e);
  }
  return parsed.run();
}

}  // namespace gb::cli
