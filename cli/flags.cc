#include "cli/flags.h"

#include "api/schema.h"
#include "base/text.h"

namespace gb::cli {

void add_output(CLI::App& app, std::string& output, const std::string& what) {
  app.add_option("-o,--output", output, what + " json, yaml or name")
      ->check(CLI::IsMember({"json", "yaml", "name"}));
}

CLI::Option* add_list(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
                      const std::string& description) {
  return app.add_option(flag, values, description + "; apart by commas, or the flag again")
      ->delimiter(',')
      ->allow_extra_args(false);
}

CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::string& value,
                        const char* resource, const char* field, const std::string& description) {
  const api::Property* spec = api::find_property(api::find_resource(resource)->schema, "spec");
  const std::vector<std::string>& values =
      api::find_property(spec->schema, field)->schema.enumeration;
  return app
      .add_option(flag, value,
                  description + ": " + join(values, ", ") + " (default " + values.front() + ")")
      ->check(CLI::IsMember(values));
}

}  // namespace gb::cli
