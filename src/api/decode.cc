#include "api/decode.h"

#include <nlohmann/json.hpp>

#include "api/rules.h"
#include "api/text.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::api {
namespace {

// The beginning of a body that could not be read, as k8s.io/apiserver shows it.
std::string summary(std::string_view body) {
  constexpr std::size_t kShown = 30;
  if (body.empty()) return "<empty>";
  const std::string_view shown = body.substr(0, kShown);
  std::string text = body.front() == '{' ? std::string(shown) : to_hex(as_bytes(shown));
  return body.size() > kShown ? text + " ..." : text;
}

ApiError unrecognized(const ResourceType& type, std::string_view why, std::string_view body) {
  return bad_request(concat("the object provided is unrecognized (must be of type ", type.kind,
                            "): ", why, " (", summary(body), ")"));
}

ApiError not_handled(const ResourceType& type, std::string_view kind, std::string_view version,
                     std::string_view why) {
  return bad_request(concat(kind, " in version ", quote(version), " cannot be handled as a ",
                            type.kind, ": ", why));
}

std::string strict_text(const std::vector<std::string>& problems) {
  return "strict decoding error: " + join(problems, ", ");
}

struct VersionKind {
  std::string group;
  std::string version;
  std::string kind;
};

// What the body says it is, filled up with what it should be.
Outcome<VersionKind> version_kind(const ResourceType& type, const Json& object,
                                  std::string_view body) {
  for (const char* field : {"apiVersion", "kind"}) {
    const Json& value = member(object, field);
    if (!value.is_null() && !value.is_string())
      return refuse(unrecognized(
          type,
          concat("couldn't get version/kind; json parse error: json: cannot unmarshal ",
                 value.type_name(), " into Go struct field .", field, " of type string"),
          body));
  }
  VersionKind result;
  result.kind = text_member(object, "kind");
  if (result.kind.empty()) result.kind = type.kind;
  const std::string api_version = text_member(object, "apiVersion");
  const std::vector<std::string> parts = split(api_version, '/');
  if (api_version.empty()) {
    result.group = kGroup;
    result.version = kVersion;
  } else if (parts.size() == 1) {
    result.version = parts[0];
  } else if (parts.size() == 2) {
    result.group = parts[0];
    result.version = parts[1];
  } else {
    return refuse(unrecognized(type, "unexpected GroupVersion string: " + api_version, body));
  }
  return result;
}

Outcome<void> check_version_kind(const ResourceType& type, const VersionKind& is) {
  if (is.group == kGroup && is.version == kVersion && is.kind == type.kind) return {};
  if (is.group == kGroup && is.version == kVersion && find_resource_by_kind(is.kind) != nullptr)
    return refuse(bad_request(concat("the kind in the data (", is.kind,
                                     ") does not match the expected kind (", type.kind, ")")));
  const std::string version = is.group.empty() ? is.version : is.group + "/" + is.version;
  return refuse(not_handled(type, is.kind, is.version,
                            concat("no kind ", quote(is.kind), " is registered for version ",
                                   quote(version), " in scheme ", quote(kGroup))));
}

std::string metadata_error(const ResourceType& type, const Json& object) {
  const Property* metadata = find_property(type.schema, "metadata");
  const auto it = object.find("metadata");
  if (metadata == nullptr || it == object.end()) return {};
  return first_type_error(metadata->schema, *it, "metadata");
}

}  // namespace

Outcome<BodyFormat> body_format(std::string_view content_type) {
  const std::string media = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  if (media.empty() || media == "application/json") return BodyFormat::kJson;
  if (media == "application/yaml") return BodyFormat::kYaml;
  return refuse(unsupported_media_type({"application/json", "application/yaml"}));
}

Outcome<Json> decode_object(const ResourceType& type, std::string_view body, BodyFormat format,
                            FieldValidation validation, std::vector<std::string>& warnings) {
  std::vector<std::string> problems;
  Result<Json> parsed = parse_document(body, format, problems);
  if (!parsed)
    return refuse(unrecognized(
        type,
        concat(format == BodyFormat::kJson ? "couldn't get version/kind; json parse error: "
                                           : "error converting YAML to JSON: yaml: ",
               parsed.error().message),
        body));
  Json object = *std::move(parsed);
  if (object.is_null()) object = Json::object();
  if (!object.is_object())
    return refuse(unrecognized(type,
                               concat("couldn't get version/kind; json parse error: json: cannot "
                                      "unmarshal ",
                                      object.type_name(), " into Go value of type struct"),
                               body));
  Outcome<VersionKind> is = version_kind(type, object, body);
  if (!is) return refuse(std::move(is).error());
  if (Outcome<void> fits = check_version_kind(type, *is); !fits)
    return refuse(std::move(fits).error());

  std::vector<std::string> unknown;
  prune(type, object, unknown);
  apply_defaults(type, object);
  if (std::string wrong = metadata_error(type, object); !wrong.empty())
    return refuse(not_handled(type, type.kind, kVersion, wrong));
  std::vector<std::string> texts;
  texts.reserve(unknown.size() + problems.size());
  for (const std::string& path : unknown) texts.push_back("unknown field " + quote(path));
  for (std::string& problem : problems) texts.push_back(std::move(problem));
  if (validation == FieldValidation::kStrict && !texts.empty())
    return refuse(not_handled(type, type.kind, kVersion, strict_text(texts)));
  if (validation == FieldValidation::kWarn)
    warnings.insert(warnings.end(), texts.begin(), texts.end());
  object["apiVersion"] = kGroupVersion;
  object["kind"] = type.kind;
  return object;
}

Outcome<Json> decode_patched(const ResourceType& type, Json patched, FieldValidation validation,
                             const std::vector<std::string>& patch_problems,
                             std::vector<std::string>& warnings) {
  const auto invalid = [&](std::string why) {
    return refuse(
        invalid_kind("", "", "", {invalid_text("patch", to_text(patched), std::move(why))}));
  };
  if (!patched.is_object())
    return invalid(concat("json: cannot unmarshal ", patched.type_name(), " into Go value of type ",
                          type.kind));
  const Outcome<VersionKind> is = version_kind(type, patched, "");
  if (!is) return invalid(is.error().message);
  if (const Outcome<void> fits = check_version_kind(type, *is); !fits)
    return invalid(fits.error().message);
  Json object = patched;
  // The status comes from the store and stays the server's: it is no matter of the patch.
  const Json status = member(object, "status");
  object.erase("status");
  std::vector<std::string> unknown;
  prune(type, object, unknown);
  apply_defaults(type, object);
  if (std::string wrong = metadata_error(type, object); !wrong.empty())
    return invalid(std::move(wrong));
  std::vector<std::string> texts = patch_problems;
  for (const std::string& path : unknown) texts.push_back("unknown field " + quote(path));
  if (validation == FieldValidation::kStrict && !texts.empty()) return invalid(strict_text(texts));
  if (validation == FieldValidation::kWarn)
    warnings.insert(warnings.end(), texts.begin(), texts.end());
  if (!status.is_null()) object["status"] = status;
  object["apiVersion"] = kGroupVersion;
  object["kind"] = type.kind;
  return object;
}

namespace {

// Whether a word means something else than itself when it is written plainly.
bool needs_quotes(const std::string& text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return true;
  constexpr std::string_view kLeading = "-?:,[]{}#&*!|>'\"%@`=<~";
  if (kLeading.find(text.front()) != std::string_view::npos) return true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (text[i] == ':' && (i + 1 == text.size() || text[i + 1] == ' ')) return true;
    if (text[i] == '#' && i > 0 && text[i - 1] == ' ') return true;
  }
  // Numbers, times, booleans and null begin with a digit, a sign, a dot, or are one of these words.
  const char c = text.front();
  if ((c >= '0' && c <= '9') || c == '+' || c == '.') return true;
  const std::string lower = to_lower(text);
  for (const char* word : {"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
    if (lower == word) return true;
  return false;
}

std::string yaml_scalar(const Json& value) {
  if (!value.is_string()) return to_text(value);
  const std::string& text = value.get_ref<const std::string&>();
  return needs_quotes(text) ? quote(text) : text;  // a JSON string is a YAML string
}

void write_yaml(const Json& value, std::size_t indent, std::string& out) {
  const std::string pad(indent, ' ');
  if (value.is_object()) {
    for (const auto& [key, one] : value.items()) {
      out += concat(pad, needs_quotes(key) ? quote(key) : key, ":");
      if ((one.is_object() || one.is_array()) && !one.empty()) {
        out += '\n';
        // Lists stand at the level of their key, as Go's encoder writes them.
        write_yaml(one, one.is_array() ? indent : indent + 2, out);
      } else {
        out += concat(" ", yaml_scalar(one), "\n");
      }
    }
  } else if (value.is_array()) {
    for (const Json& one : value) {
      if ((one.is_object() || one.is_array()) && !one.empty()) {
        std::string below;
        write_yaml(one, indent + 2, below);
        below[indent] = '-';
        out += below;
      } else {
        out += concat(pad, "- ", yaml_scalar(one), "\n");
      }
    }
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  if ((!value.is_object() && !value.is_array()) || value.empty()) return yaml_scalar(value) + "\n";
  std::string out;
  write_yaml(value, 0, out);
  return out;
}

std::string json_to_yaml(std::string_view json) {
  return to_yaml(Json::parse(json));
}

std::string list_to_yaml(std::string_view frame, std::string_view field,
                         const std::vector<std::string_view>& elements) {
  const Json list = Json::parse(frame);
  std::string out;
  for (const auto& [key, value] : list.items()) {
    if (key != field || elements.empty()) {
      Json one = Json::object();
      one[key] = value;
      write_yaml(one, 0, out);
      continue;
    }
    out += concat(key, ":\n");
    for (const std::string_view element : elements) {
      Json one = Json::array();
      one.push_back(Json::parse(element));
      write_yaml(one, 0, out);
    }
  }
  return out;
}

}  // namespace gb::api
