// The options of requests, from the query or a body.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "api/meta.h"
#include "api/text.h"
#include "base/text.h"

namespace gb::api {
namespace {

constexpr std::string_view kMetaGroup = "meta.k8s.io";
constexpr std::size_t kMaxFieldManager = 128;

void check_dry_run(const std::vector<std::string>& values, FieldErrors& errors) {
  const bool known = std::all_of(values.begin(), values.end(),
                                 [](const std::string& one) { return one == "All"; });
  if (!known) errors.push_back(not_supported("dryRun", Json(values), {"All"}));
}

std::vector<std::string> query_values(const Query& query, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : query)
    if (key == name) values.push_back(value);
  return values;
}

// Go's conversion of a flag in a query: everything is true but these.
bool parse_flag(std::string_view text) {
  return text != "false" && text != "0";
}

std::string duration_problem(std::string_view text) {
  const std::string_view digits = text.substr(std::min(text.find_first_not_of("+-"), text.size()));
  const std::size_t unit = digits.find_first_not_of("0123456789.");
  const bool has_digits = !digits.empty() && unit != 0;
  if (has_digits && unit == std::string_view::npos)
    return concat("time: missing unit in duration ", quote(text));
  if (has_digits) {
    const std::string_view rest = digits.substr(unit);
    const std::string_view name = rest.substr(0, rest.find_first_of("0123456789."));
    for (const char* known : {"ns", "us", "ms", "s", "m", "h"})
      if (name == known) return concat("time: invalid duration ", quote(text));
    return concat("time: unknown unit ", quote(name), " in duration ", quote(text));
  }
  return concat("time: invalid duration ", quote(text));
}

struct RawDeleteOptions {
  DeleteOptions options;
  std::vector<std::string> dry_run;
  std::optional<std::string> policy;
  std::optional<bool> orphan_dependents;
};

Outcome<DeleteOptions> finish(RawDeleteOptions raw) {
  FieldErrors errors;
  if (raw.orphan_dependents && raw.policy)
    errors.push_back(invalid_text("propagationPolicy", *raw.policy,
                                  "orphanDependents and deletionPropagation cannot be both set"));
  if (raw.policy == "Foreground") {
    raw.options.propagation = Propagation::kForeground;
  } else if (raw.policy == "Background") {
    raw.options.propagation = Propagation::kBackground;
  } else if (raw.policy == "Orphan") {
    raw.options.propagation = Propagation::kOrphan;
  } else if (raw.policy) {
    errors.push_back(not_supported("propagationPolicy", Json(*raw.policy),
                                   {"Foreground", "Background", "Orphan", "nil"}));
  } else if (raw.orphan_dependents) {
    raw.options.propagation =
        *raw.orphan_dependents ? Propagation::kOrphan : Propagation::kBackground;
  }
  check_dry_run(raw.dry_run, errors);
  if (!errors.empty()) return refuse(invalid_kind(kMetaGroup, "DeleteOptions", "", errors));
  raw.options.dry_run = !raw.dry_run.empty();
  return std::move(raw.options);
}

Outcome<DeleteOptions> options_from_body(std::string_view body, BodyFormat format) {
  std::vector<std::string> problems;
  const Result<Json> parsed = parse_document(body, format, problems);
  if (!parsed)
    return refuse(
        bad_request("couldn't get version/kind; json parse error: " + parsed.error().message));
  const auto wrong = [](std::string_view field, std::string_view wanted) {
    return refuse(bad_request(
        concat("json: cannot unmarshal DeleteOptions.", field, ": it must be ", wanted)));
  };
  if (!parsed->is_object()) return wrong("", "an object");
  const std::string kind = text_member(*parsed, "kind");
  if (!kind.empty() && kind != "DeleteOptions")
    return refuse(bad_request(concat("no kind ", quote(kind), " is registered for version ",
                                     quote(text_member(*parsed, "apiVersion")),
                                     " in scheme \"meta.k8s.io\"")));
  RawDeleteOptions raw;
  if (const Json& value = member(*parsed, "dryRun"); !value.is_null()) {
    if (!value.is_array()) return wrong("dryRun", "a list of strings");
    for (const Json& one : value) {
      if (!one.is_string()) return wrong("dryRun", "a list of strings");
      raw.dry_run.push_back(one.get<std::string>());
    }
  }
  if (const Json& value = member(*parsed, "propagationPolicy"); !value.is_null()) {
    if (!value.is_string()) return wrong("propagationPolicy", "a string");
    raw.policy = value.get<std::string>();
  }
  if (const Json& value = member(*parsed, "orphanDependents"); !value.is_null()) {
    if (!value.is_boolean()) return wrong("orphanDependents", "a boolean");
    raw.orphan_dependents = value.get<bool>();
  }
  if (const Json& value = member(*parsed, "gracePeriodSeconds"); !value.is_null()) {
    if (!value.is_number_integer()) return wrong("gracePeriodSeconds", "an integer");
    raw.options.grace_period_seconds = value.get<std::int64_t>();
  }
  const Json& preconditions = member(*parsed, "preconditions");
  if (!preconditions.is_null() && !preconditions.is_object())
    return wrong("preconditions", "an object");
  for (const char* field : {"uid", "resourceVersion"}) {
    const Json& value = member(preconditions, field);
    if (value.is_null()) continue;
    if (!value.is_string()) return wrong(concat("preconditions.", field), "a string");
    (std::string_view(field) == "uid" ? raw.options.uid : raw.options.resource_version) =
        value.get<std::string>();
  }
  return finish(std::move(raw));
}

}  // namespace

std::string_view query_value(const Query& query, std::string_view name) {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return {};
}

bool query_has(const Query& query, std::string_view name) {
  return std::any_of(query.begin(), query.end(),
                     [&](const auto& pair) { return pair.first == name; });
}

Outcome<WriteOptions> parse_write_options(const Query& query, std::string_view kind) {
  WriteOptions options;
  FieldErrors errors;
  if (kind == "PatchOptions" && query_has(query, "force"))
    errors.push_back(forbidden_field("force", "may not be specified for non-apply patch"));
  options.field_manager = query_value(query, "fieldManager");
  if (options.field_manager.size() > kMaxFieldManager) {
    FieldError error;
    error.type = FieldError::Type::kTooLong;
    error.field = "fieldManager";
    error.detail = "may not be more than 128 bytes";
    errors.push_back(std::move(error));
  }
  for (const char c : options.field_manager) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) continue;
    errors.push_back(invalid_text("fieldManager", options.field_manager,
                                  "holds a character that cannot be printed"));
    break;
  }
  const std::vector<std::string> dry_run = query_values(query, "dryRun");
  check_dry_run(dry_run, errors);
  options.dry_run = !dry_run.empty();
  const std::string_view validation = query_value(query, "fieldValidation");
  if (validation == "Ignore") {
    options.validation = FieldValidation::kIgnore;
  } else if (validation == "Strict") {
    options.validation = FieldValidation::kStrict;
  } else if (!validation.empty() && validation != "Warn") {
    errors.push_back(
        not_supported("fieldValidation", Json(validation), {"", "Ignore", "Strict", "Warn"}));
  }
  if (!errors.empty()) return refuse(invalid_kind(kMetaGroup, kind, "", errors));
  return options;
}

Outcome<std::optional<std::chrono::nanoseconds>> parse_timeout(const Query& query) {
  const std::string_view text = query_value(query, "timeout");
  if (text.empty()) return std::nullopt;
  const Result<std::chrono::nanoseconds> duration = parse_duration(text);
  if (!duration)
    return refuse(
        bad_request("invalid timeout specified in the request URL - " + duration_problem(text)));
  return *duration;
}

Outcome<DeleteOptions> parse_delete_options(std::string_view body, BodyFormat format,
                                            const Query& query) {
  if (!body.empty()) return options_from_body(body, format);
  RawDeleteOptions raw;
  raw.dry_run = query_values(query, "dryRun");
  if (query_has(query, "propagationPolicy"))
    raw.policy = std::string(query_value(query, "propagationPolicy"));
  if (query_has(query, "orphanDependents"))
    raw.orphan_dependents = parse_flag(query_value(query, "orphanDependents"));
  if (const std::string_view text = query_value(query, "gracePeriodSeconds"); !text.empty()) {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size())
      return refuse(
          bad_request(concat("strconv.ParseInt: parsing ", quote(text), ": invalid syntax")));
    raw.options.grace_period_seconds = seconds;
  }
  return finish(std::move(raw));
}

Outcome<void> check_preconditions(const ResourceType& type, const DeleteOptions& options,
                                  const Object& object) {
  if (options.uid && *options.uid != object.uid())
    return refuse(conflict(type, object.key().name,
                           concat("the UID in the precondition (", *options.uid,
                                  ") does not match the UID in record (", object.uid(),
                                  "). The object might have been deleted and then recreated"),
                           /*by_kind=*/true));
  const std::string revision = std::to_string(object.revision());
  if (options.resource_version && *options.resource_version != revision)
    return refuse(
        conflict(type, object.key().name,
                 concat("the ResourceVersion in the precondition (", *options.resource_version,
                        ") does not match the ResourceVersion in record (", revision,
                        "). The object might have been modified"),
                 /*by_kind=*/true));
  return {};
}

}  // namespace gb::api
