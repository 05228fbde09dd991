#include "cli/program.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cli/complete.h"
#include "cli/flags.h"
#include "cli/output.h"

namespace gb::cli {
namespace {

constexpr std::string_view kCompletes = "kubectl_complete-";

std::string wrong_usage(const std::string& what) {
  return "error: " + what + "\nRun with --help for more information.\n";
}

// CLI11 finds what is missing before what it does not know; a typo is what the user wants to hear
// of.
int explain(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(true);
  if (unknown.empty() || error.get_exit_code() != static_cast<int>(CLI::ExitCodes::RequiredError))
    return app.exit(error) == 0 ? kDone : kUsage;
  const bool flag = unknown.front().starts_with("-");
  std::fputs(wrong_usage((flag ? "unknown flag: " : "unknown command: ") + unknown.front()).c_str(),
             stderr);
  return kUsage;
}

// What is no UTF-8 can be in no object: told before anything is done with it.
bool is_text(const std::string& argument) {
  try {
    (void)api::Json(argument).dump();
    return true;
  } catch (const api::Json::type_error&) {
    return false;
  }
}

int print_candidates(const std::string& program, const std::vector<std::string>& words) {
  const Candidates found = complete(program, words, look_up);
  for (const std::string& word : found.words) std::printf("%s\n", word.c_str());
  std::printf(":%d\n", found.directive);
  return kDone;
}

}  // namespace

int run_program(const std::string& name, const std::vector<std::string>& arguments,
                const std::string& version) {
  if (name.starts_with(kCompletes))
    return print_candidates("kubectl-" + name.substr(kCompletes.size()), arguments);
  if (!arguments.empty() && arguments.front() == "__complete")
    return print_candidates(name, {arguments.begin() + 1, arguments.end()});
  if (!std::ranges::all_of(arguments, is_text)) {
    print_error(Error{Code::kInvalid, "an argument is not UTF-8 text", "", {}, {}});
    return kUsage;
  }
  CLI::App app;
  app.set_version_flag("--version", version);
  app.failure_message(
      [](const CLI::App*, const CLI::Error& error) { return wrong_usage(error.what()); });
  Parsed parsed;
  add_all(app, parsed, name);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& e) {
    return explain(app, e);
  }
  return parsed.run();
}

}  // namespace gb::cli
