// kubectl-galera: on the PATH it is `kubectl galera …`; by the names of its links it is also
// `kubectl create galerabackup` and `kubectl create galerarestore`.

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "base/log.h"
#include "cli/program.h"
#include "cli/signals.h"

int main(int argc, char** argv) {
  gb::cli::install_signals();
  gb::log::configure(gb::log::Level::kError, gb::log::Format::kText);
  try {
    const std::string name = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "";
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    return gb::cli::run_program(name, arguments, GB_VERSION);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return gb::cli::kFailed;
  }
}
