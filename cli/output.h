// What the command line prints: results to standard output, everything else to standard error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "base/error.h"
#include "cli/exit_code.h"

namespace gb::cli {

// What others wrote, fit for a terminal: names of schemas and messages may hold anything, also what
// a terminal takes for an order. Control characters as ^[ and the like, line breaks as spaces.
[[nodiscard]] std::string printable(std::string_view text);

// "error: <message and causes>" and, on a line of its own, what to do.
void print_error(const Error& error);
// The same, and how to end: kUsage for what the caller wrote wrongly, else kFailed.
ExitCode failed(const Error& error);
// The same for what was written well and did not succeed: kFailed.
ExitCode refused(const Error& error);

using Row = std::vector<std::string>;
// Columns padded to their widest cell, as kubectl prints them.
[[nodiscard]] std::string table_text(const Row& header, std::vector<Row> rows);
void print_table(const Row& header, const std::vector<Row>& rows);

// "galerabackup.backup.rhoso.io/x", as kubectl names an object.
[[nodiscard]] std::string full_name(const api::Json& object);
// -o json, yaml or name. False when `format` is none of them.
bool print_object(const api::Json& object, std::string_view format);

// The checks and the plan that a restore's status begins with.
void print_plan(const api::Json& status);
// kFailed when a check of the preflight failed.
[[nodiscard]] ExitCode preflight_result(const api::Json& status);

// How a job ended, and with which exit code: kDone only for Completed. -o: the object instead.
ExitCode print_end(const api::Json& object, std::string_view format);

}  // namespace gb::cli
