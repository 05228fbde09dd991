#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/decode.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::cli {

void print_error(const Error& error) {
  Error without_hint = error;
  without_hint.hint.clear();
  std::fprintf(stderr, "error: %s\n", without_hint.text().c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "       %s\n", error.hint.c_str());
}

void print_table(const std::vector<std::string>& header,
                 const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width(header.size());
  for (std::size_t i = 0; i < header.size(); ++i) width[i] = header[i].size();
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(width[i] - row[i].size() + 3, ' ');
    }
    std::printf("%s\n", line.c_str());
  };
  print(header);
  for (const auto& row : rows) print(row);
}

bool print_object(const api::Object& object, std::string_view format) {
  if (format == "json") {
    std::printf("%s\n", object.dom().dump(4).c_str());
  } else if (format == "yaml") {
    std::printf("%s", api::json_to_yaml(object.json()).c_str());
  } else if (format == "name") {
    std::printf("%s.%s/%s\n", object.key().resource.c_str(), api::kGroup,
                object.key().name.c_str());
  } else {
    return false;
  }
  return true;
}

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (drawn_) std::fprintf(stderr, "\n");
}

void ProgressLine::show(const api::Json& object) {
  const api::Json status = object.value("status", api::Json::object());
  const std::string phase = api::phase_of(object);
  const api::Json progress = status.value("progress", api::Json::object());
  const auto percent = progress.value("percent", std::uint64_t{0});
  const auto rows = progress.value("rows", std::uint64_t{0});
  const auto bytes = progress.value("bytes", std::uint64_t{0});
  const auto now = std::chrono::steady_clock::now();
  if (terminal_) {
    constexpr std::uint64_t kWidth = 30;
    std::string bar(percent * kWidth / 100, '#');
    bar.resize(kWidth, '.');
    std::fprintf(stderr, "\r\033[K%-12s [%s] %3llu%%  %llu rows, %s", phase.c_str(), bar.c_str(),
                 static_cast<unsigned long long>(percent), static_cast<unsigned long long>(rows),
                 to_quantity(bytes).c_str());
    drawn_ = true;
  } else if (phase != last_phase_ || now - last_ >= std::chrono::seconds(10)) {
    std::fprintf(stderr, "%s: %llu%%, %llu rows, %s\n", phase.c_str(),
                 static_cast<unsigned long long>(percent), static_cast<unsigned long long>(rows),
                 to_quantity(bytes).c_str());
    last_ = now;
  }
  last_phase_ = phase;
}

}  // namespace gb::cli
