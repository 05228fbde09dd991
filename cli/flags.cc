#include "cli/flags.h"

#include "api/schema.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::cli {

void add_output(CLI::App& app, Parsed& parsed, std::string& output, const std::string& what,
                const std::vector<std::string>& formats) {
  add_one_of(app, parsed, "-o,--output", output, formats, what + " " + join(formats, " or "));
}

CLI::Option* add_list(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
                      const std::string& description) {
  return app.add_option(flag, values, description + "; separated by commas, or the flag repeated")
      ->delimiter(',')
      ->allow_extra_args(false);
}

CLI::Option* add_one_of(CLI::App& app, Parsed& parsed, const std::string& flag, std::string& value,
                        const std::vector<std::string>& values, const std::string& description) {
  CLI::Option* option = app.add_option(flag, value, description)->check(CLI::IsMember(values));
  parsed.values[option] = values;
  return option;
}

CLI::Option* add_choice(CLI::App& app, Parsed& parsed, const std::string& flag, std::string& value,
                        const char* resource, const char* field, const std::string& description) {
  const api::Property* spec = api::find_property(api::find_resource(resource)->schema, "spec");
  const std::vector<std::string>& values =
      api::find_property(spec->schema, field)->schema.enumeration;
  return add_one_of(app, parsed, flag, value, values,
                    description + ": " + join(values, ", ") + " (default " + values.front() + ")");
}

void add_extent(CLI::App& app, Parsed& parsed, const Extent& extent) {
  add_list(app, "--databases", extent.databases, "Only these schemas");
  add_list(app, "--exclude-databases", extent.exclude_databases, "Not these schemas");
  add_list(app, "--exclude-tables", extent.exclude_tables,
           "Leave the rows of these tables out: globs on schema.table");
  add_choice(app, parsed, "--content", extent.content, api::kBackups, "content",
             "What is backed up");
}

void add_all(CLI::App& app, Parsed& parsed, const std::string& program) {
  if (program == "kubectl-create-galerabackup") {
    app.name("kubectl create galerabackup");
    app.description("Back up Galera clusters");
    add_backup(app, parsed);
  } else if (program == "kubectl-create-galerarestore") {
    app.name("kubectl create galerarestore");
    app.description("Restore a backup");
    add_restore(app, parsed);
  } else {
    app.name("kubectl galera");
    app.description("Backup and restore of MariaDB Galera clusters");
    app.require_subcommand(1);
    add_kubernetes(app, parsed);
    add_local(app, parsed);
  }
}

}  // namespace gb::cli
