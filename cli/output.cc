#include "cli/output.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/decode.h"
#include "api/schema.h"
#include "api/text.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::cli {

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '\n' || c == '\t' || c == '\r') {
      out += ' ';
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += '^';
      out += static_cast<char>(c ^ 0x40);
    } else {
      out += c;
    }
  }
  return out;
}

void print_error(const Error& error) {
  Error without_hint = error;
  without_hint.hint.clear();
  std::fprintf(stderr, "error: %s\n", printable(without_hint.text()).c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "       %s\n", printable(error.hint).c_str());
}

ExitCode failed(const Error& error) {
  print_error(error);
  return error.code == Code::kInvalid ? kUsage : kFailed;
}

ExitCode refused(const Error& error) {
  print_error(error);
  return kFailed;
}

std::string table_text(const Row& header, std::vector<Row> rows) {
  for (Row& row : rows)
    for (std::string& cell : row) cell = printable(cell);
  std::vector<std::size_t> width(header.size());
  for (std::size_t i = 0; i < header.size(); ++i) width[i] = api::count_runes(header[i]);
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      width[i] = std::max(width[i], api::count_runes(row[i]));
  std::string text;
  const auto add = [&](const Row& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(width[i] - api::count_runes(row[i]) + 3, ' ');
    }
    text += '\n';
  };
  add(header);
  for (const Row& row : rows) add(row);
  return text;
}

void print_table(const Row& header, const std::vector<Row>& rows) {
  std::fputs(table_text(header, rows).c_str(), stdout);
}

std::string full_name(const api::Json& object) {
  const api::ResourceType* type = api::find_resource_by_kind(api::text_member(object, "kind"));
  return (type == nullptr ? to_lower(api::text_member(object, "kind")) : type->singular) + "." +
         api::kGroup + "/" + api::text_member(api::member(object, "metadata"), "name");
}

bool print_object(const api::Json& object, std::string_view format) {
  if (format == "json") {
    std::printf("%s\n", object.dump(4).c_str());
  } else if (format == "yaml") {
    std::printf("%s", api::to_yaml(object).c_str());
  } else if (format == "name") {
    std::printf("%s\n", full_name(object).c_str());
  } else {
    return false;
  }
  return true;
}

namespace {

bool passed(const api::Json& check) {
  const api::Json& value = api::member(check, "passed");
  return value.is_boolean() && value.get<bool>();
}

}  // namespace

void print_plan(const api::Json& status) {
  std::vector<Row> rows;
  for (const api::Json& check : api::member(status, "preflight"))
    rows.push_back({api::text_member(check, "check"), passed(check) ? "passed" : "FAILED",
                    api::text_member(check, "message")});
  print_table({"CHECK", "RESULT", "MESSAGE"}, rows);
  std::printf("\n");
  rows.clear();
  for (const api::Json& entry : api::member(status, "plan")) {
    const std::string schema = api::text_member(entry, "schema");
    const std::string source = api::text_member(entry, "source");
    rows.push_back({schema, source.empty() ? schema : source, api::text_member(entry, "action"),
                    std::to_string(api::number_member(entry, "tables")),
                    std::to_string(api::number_member(entry, "rows")),
                    to_quantity(api::number_member(entry, "bytes"))});
  }
  print_table({"SCHEMA", "FROM", "ACTION", "TABLES", "ROWS", "SIZE"}, rows);
}

ExitCode preflight_result(const api::Json& status) {
  const api::Json& checks = api::member(status, "preflight");
  return std::ranges::all_of(checks, passed) ? kDone : kFailed;
}

ExitCode print_end(const api::Json& object, std::string_view format) {
  const api::Json& status = api::member(object, "status");
  const std::string phase = api::phase_of(object);
  const std::string message = api::text_member(status, "message");
  if (!print_object(object, format)) {
    const bool backup = api::text_member(object, "kind") == "GaleraBackup";
    std::printf("%s %s: %s\n", backup ? "backup" : "restore",
                api::text_member(api::member(object, "metadata"), "name").c_str(), phase.c_str());
    if (phase == "Completed" && backup) {
      const api::Json& size = api::member(status, "size");
      std::printf("rows %s, stored %s, added %s, at %s\n",
                  api::text_member(size, "logical").c_str(),
                  api::text_member(size, "stored").c_str(), api::text_member(size, "added").c_str(),
                  api::text_member(status, "location").c_str());
    }
    if (const std::string safety = api::text_member(status, "safetyBackup"); !safety.empty())
      std::printf("what was replaced is in the safety backup %s: restoring that brings it back\n",
                  safety.c_str());
    if (phase == "Completed" && !message.empty())
      std::printf("note: %s\n", printable(message).c_str());
  }
  if (phase == "Completed") return kDone;
  std::fflush(stdout);  // what goes into one file stands there in order
  std::fprintf(stderr, "error: %s\n",
               printable(message.empty() ? "it ended as " + phase : message).c_str());
  return kFailed;
}

}  // namespace gb::cli
