#include "cli/flags.h"

#include "api/schema.h"
#include "base/text.h"

namespace gb::cli {

void add_output(CLI::App& app, Parsed& parsed, std::string& output, const std::string& what,
                const std::vector<std::string>& formats) {
  CLI::Option* option = app.add_option("-o,--output", output, what + " " + join(formats, " or "))
                            ->check(CLI::IsMember(formats));
  parsed.values[option] = formats;
}

CLI::Option* add_list(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
                      const std::string& description) {
  return app.add_option(flag, values, description + "; apart by commas, or the flag again")
      ->delimiter(',')
      ->allow_extra_args(false);
}

CLI::Option* add_choice(CLI::App& app, Parsed& parsed, const std::string& flag, std::string& value,
                        const char* resource, const char* field, const std::string& description) {
  const api::Property* spec = api::find_property(api::find_resource(resource)->schema, "spec");
  const std::vector<std::string>& values =
      api::find_property(spec->schema, field)->schema.enumeration;
  const std::string all = join(values, ", ") + " (default " + values.front() + ")";
  CLI::Option* option =
      app.add_option(flag, value, description + ": " + all)->check(CLI::IsMember(values));
  parsed.values[option] = values;
  return option;
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
    add_cluster(app, parsed);
    add_local(app, parsed);
  }
}

}  // namespace gb::cli
