#include "api/names.h"

#include <algorithm>
#include <array>

#include "api/meta.h"
#include "api/text.h"
#include "base/cron.h"
#include "base/text.h"
#include "base/time_zone.h"

namespace gb::api {
namespace {

constexpr std::string_view kLabelFormat = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
constexpr std::string_view kKeyFormat = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
constexpr std::string_view kKeyRule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character";
constexpr std::size_t kMaxSubdomain = 253;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxSchemaName = 64;

bool is_lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alnum(char c) {
  return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

bool is_dns_label(std::string_view value) {
  return !value.empty() && is_lower_alnum(value.front()) && is_lower_alnum(value.back()) &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return is_lower_alnum(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view value) {
  const std::vector<std::string> labels = split(value, '.');
  return !labels.empty() && std::all_of(labels.begin(), labels.end(), is_dns_label);
}

bool is_key_part(std::string_view value) {
  return !value.empty() && is_alnum(value.front()) && is_alnum(value.back()) &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

std::string too_long(std::size_t limit) {
  return "must be no more than " + std::to_string(limit) + " bytes";
}

// A rule with its examples and its regular expression, as apimachinery writes it.
std::string rule(std::string_view text, std::string_view format,
                 std::initializer_list<std::string_view> examples) {
  std::string result = concat(text, " (e.g. ");
  bool first = true;
  for (const std::string_view example : examples) {
    result += concat(first ? "" : " or ", "'", example, "', ");
    first = false;
  }
  return concat(result, "regex used for validation is '", format, "')");
}

std::string both(const std::string& first, const std::string& second) {
  if (first.empty()) return second;
  return second.empty() ? first : concat(first, ", ", second);
}

std::string check_schema_name(std::string_view value) {
  if (value.empty()) return "must not be empty";
  if (count_runes(value) > kMaxSchemaName) return "must be no more than 64 characters";
  if (value.find('\0') != std::string_view::npos) return "must not contain NUL";
  if (value.back() == ' ') return "must not end with a space";
  if (is_system_schema(value))
    return "is a system schema of the database server, which is neither backed up nor restored";
  return {};
}

std::string check_table_glob(std::string_view value) {
  const std::size_t dot = value.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == value.size())
    return "must be a glob on schema.table, such as nova.shadow_*";
  if (value.find('\0') != std::string_view::npos) return "must not contain NUL";
  return {};
}

}  // namespace

bool is_system_schema(std::string_view name) {
  constexpr std::array<std::string_view, 4> kSystem = {"mysql", "information_schema",
                                                       "performance_schema", "sys"};
  return std::find(kSystem.begin(), kSystem.end(), to_lower(name)) != kSystem.end();
}

std::string check_dns1123_subdomain(std::string_view value) {
  std::string wrong;
  if (value.size() > kMaxSubdomain) wrong = too_long(kMaxSubdomain);
  if (!is_dns_subdomain(value))
    wrong =
        both(wrong, rule("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                         "characters, '-' or '.', and must start and end with an alphanumeric "
                         "character",
                         concat(kLabelFormat, "(\\.", kLabelFormat, ")*"), {"example.com"}));
  return wrong;
}

std::string check_dns1123_label(std::string_view value) {
  std::string wrong;
  if (value.size() > kMaxLabel) wrong = too_long(kMaxLabel);
  if (!is_dns_label(value)) {
    wrong =
        both(wrong, is_dns_subdomain(value)
                        ? std::string("must not contain dots")
                        : rule("a lowercase RFC 1123 label must consist of lower case alphanumeric "
                               "characters or '-', and must start and end with an alphanumeric "
                               "character",
                               kLabelFormat, {"my-name", "123-abc"}));
  }
  return wrong;
}

std::vector<std::string> check_qualified_name(std::string_view value) {
  std::vector<std::string> wrong;
  const std::vector<std::string> parts = split(value, '/');
  if (parts.size() > 2)
    return {concat("a valid label key ",
                   rule(kKeyRule, kKeyFormat, {"MyName", "my.name", "123-abc"}),
                   " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")};
  if (parts.size() == 2) {
    if (parts[0].empty()) {
      wrong.emplace_back("prefix part must be non-empty");
    } else if (const std::string prefix = check_dns1123_subdomain(parts[0]); !prefix.empty()) {
      wrong.push_back("prefix part " + prefix);
    }
  }
  const std::string name = parts.empty() ? std::string() : parts.back();
  if (name.empty()) {
    wrong.emplace_back("name part must be non-empty");
  } else if (name.size() > kMaxLabel) {
    wrong.push_back("name part " + too_long(kMaxLabel));
  }
  if (!is_key_part(name))
    wrong.push_back("name part " + rule(kKeyRule, kKeyFormat, {"MyName", "my.name", "123-abc"}));
  return wrong;
}

std::vector<std::string> check_label_value(std::string_view value) {
  std::vector<std::string> wrong;
  if (value.size() > kMaxLabel) wrong.push_back(too_long(kMaxLabel));
  if (!value.empty() && !is_key_part(value))
    wrong.push_back(
        rule("a valid label must be an empty string or consist of alphanumeric "
             "characters, '-', '_' or '.', and must start and end with an alphanumeric "
             "character",
             concat("(", kKeyFormat, ")?"), {"MyValue", "my_value", "12345"}));
  return wrong;
}

std::string check_format(SchemaFormat format, std::string_view value) {
  switch (format) {
    case SchemaFormat::kNone:
      return {};
    case SchemaFormat::kDuration: {
      const auto duration = parse_duration(value);
      if (!duration) return "must be a duration such as 30m, 6h or 720h";
      if (duration->count() <= 0) return "must be longer than zero";
      return {};
    }
    case SchemaFormat::kDateTime:
      return from_rfc3339(value) ? "" : "must be a time such as 2026-11-20T02:00:00Z (RFC 3339)";
    case SchemaFormat::kQuantity:
      return parse_quantity(value) ? "" : "must be a quantity such as 120Mi";
    case SchemaFormat::kName:
      return check_dns1123_subdomain(value);
    case SchemaFormat::kLabel:
      return check_dns1123_label(value);
    case SchemaFormat::kSchemaName:
      return check_schema_name(value);
    case SchemaFormat::kTableGlob:
      return check_table_glob(value);
    case SchemaFormat::kCron: {
      const auto cron = Cron::parse(value);
      return cron ? "" : cron.error().text();
    }
    case SchemaFormat::kTimeZone: {
      const auto zone = TimeZone::find(value);
      return zone ? "" : zone.error().text();
    }
  }
  return {};
}

}  // namespace gb::api
