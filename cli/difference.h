// How a running cluster differs from a backup, for people. `comparison` is what
// jobs::comparison_json() makes.
#pragma once

#include <string>

#include "api/object.h"

namespace gb::cli {

// The tables and definitions that differ, on standard output; nothing when none does.
void print_difference(const api::Json& comparison);
// How many tables are as in the backup, on standard error.
void say_how_much_differs(const api::Json& comparison, const std::string& backup);

}  // namespace gb::cli
