// The commands and their flags: what is written on the command line becomes one of the structs of
// this folder, which is then run. Private to the room.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gb::cli {

// What the parser fills, alive as long as it, and the command that was chosen.
struct Parsed {
  std::function<int()> run;
  std::vector<std::shared_ptr<void>> commands;

  template <typename Command>
  Command& make() {
    auto command = std::make_shared<Command>();
    commands.push_back(command);
    return *command;
  }
};

void add_output(CLI::App& app, std::string& output, const std::string& what);
// Values apart by commas, or the flag several times; never the word that follows.
CLI::Option* add_list(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
                      const std::string& description);
// One of the values that the schema of this field of the resource's spec knows.
CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::string& value,
                        const char* resource, const char* field, const std::string& description);

void add_local(CLI::App& app, Parsed& parsed);   // the offline commands, below `local`
void add_backup(CLI::App& app, Parsed& parsed);  // these two onto the app itself
void add_restore(CLI::App& app, Parsed& parsed);
void add_cluster(CLI::App& app, Parsed& parsed);  // all that talk to a cluster

}  // namespace gb::cli
