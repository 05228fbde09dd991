// The commands and their flags: what is written on the command line becomes one of the structs of
// this folder, which is then run. Private to the room.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gb::cli {

// What a shell may offer for the value of an option.
enum class Offer {
  kNothing,
  kFiles,
  kFolders,
  kBackups,  // names of what could be restored, and latest
  kJobs,     // backup/NAME and restore/NAME
  kInstances,
  kStores,
  kNamespaces,
  kContexts,
};

// What the parser fills, alive as long as it, and the command that was chosen.
struct Parsed {
  std::function<int()> run;
  std::map<const CLI::Option*, Offer> offers;
  std::map<const CLI::Option*, std::vector<std::string>> values;  // the only ones there are
  std::vector<std::shared_ptr<void>> commands;

  // Gives the option back, so that more can be said of it.
  CLI::Option* offer(Offer what, CLI::Option* option) {
    offers[option] = what;
    return option;
  }

  template <typename Command>
  Command& make() {
    auto command = std::make_shared<Command>();
    commands.push_back(command);
    return *command;
  }
};

// `formats`: of json, yaml and name those that there are.
void add_output(CLI::App& app, Parsed& parsed, std::string& output, const std::string& what,
                const std::vector<std::string>& formats = {"json", "yaml", "name"});
// Values separated by commas, or the flag several times; never the word that follows.
CLI::Option* add_list(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
                      const std::string& description);
// One of these values, and nothing else.
CLI::Option* add_one_of(CLI::App& app, Parsed& parsed, const std::string& flag, std::string& value,
                        const std::vector<std::string>& values, const std::string& description);
// One of the values that the schema of this field of the resource's spec knows.
CLI::Option* add_choice(CLI::App& app, Parsed& parsed, const std::string& flag, std::string& value,
                        const char* resource, const char* field, const std::string& description);

// What a backup holds of its instances.
struct Extent {
  std::vector<std::string>& databases;
  std::vector<std::string>& exclude_databases;
  std::vector<std::string>& exclude_tables;
  std::string& content;
};
void add_extent(CLI::App& app, Parsed& parsed, const Extent& extent);

void add_local(CLI::App& app, Parsed& parsed);   // the offline commands, below `local`
void add_backup(CLI::App& app, Parsed& parsed);  // these two onto the app itself
void add_restore(CLI::App& app, Parsed& parsed);
void add_kubernetes(CLI::App& app, Parsed& parsed);  // all that talk to a server

// The whole program, or the one command that a link of this name is.
void add_all(CLI::App& app, Parsed& parsed, const std::string& program);

}  // namespace gb::cli
