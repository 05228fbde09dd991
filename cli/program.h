// The program by its name and arguments.
#pragma once

#include <string>
#include <vector>

#include "cli/exit_code.h"

namespace gb::cli {

// `name` is the last part of argv[0]: kubectl-create-galerabackup and kubectl-create-galerarestore
// are one command each, kubectl_complete-galera completes words, and every other name is the whole
// program.
int run_program(const std::string& name, const std::vector<std::string>& arguments,
                const std::string& version);

}  // namespace gb::cli
