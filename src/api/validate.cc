#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "api/names.h"
#include "api/rules.h"
#include "api/schema.h"
#include "api/text.h"

namespace gb::api {
namespace {

// Nobody reads more, and a hostile object must not make the answer grow without bound.
constexpr std::size_t kMaxErrors = 100;

std::string_view type_name(const Json& value) {
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  return "null";
}

std::string_view type_name(SchemaType type) {
  switch (type) {
    case SchemaType::kObject:
    case SchemaType::kMap:
    case SchemaType::kAny:
      return "object";
    case SchemaType::kArray:
      return "array";
    case SchemaType::kString:
      return "string";
    case SchemaType::kInteger:
      return "integer";
    case SchemaType::kNumber:
      return "number";
    case SchemaType::kBoolean:
      return "boolean";
  }
  return "object";
}

bool has_type(SchemaType type, const Json& value) {
  switch (type) {
    case SchemaType::kObject:
    case SchemaType::kMap:
      return value.is_object();
    case SchemaType::kArray:
      return value.is_array();
    case SchemaType::kString:
      return value.is_string();
    case SchemaType::kInteger:
      return value.is_number_integer();
    case SchemaType::kNumber:
      return value.is_number();
    case SchemaType::kBoolean:
      return value.is_boolean();
    case SchemaType::kAny:
      return true;
  }
  return false;
}

bool is_empty(const Json& value) {
  return value.empty() || (value.is_string() && value.get_ref<const std::string&>().empty());
}

class Walk {
 public:
  void value(const Schema& schema, const Json& at, const std::string& path) {
    if (errors.size() >= kMaxErrors) return;
    if (!has_type(schema.type, at)) {
      FieldError error;
      error.type = FieldError::Type::kTypeInvalid;
      error.field = path;
      error.value = quote(type_name(at));
      error.detail = concat(path, " in body must be of type ", type_name(schema.type), ": ",
                            quote(type_name(at)));
      errors.push_back(std::move(error));
      return;
    }
    switch (schema.type) {
      case SchemaType::kObject:
        return object(schema, at, path);
      case SchemaType::kArray:
        return array(schema, at, path);
      case SchemaType::kMap:
        for (const auto& [key, one] : at.items())
          value(schema.items.front(), one, path + "." + key);
        return;
      case SchemaType::kString:
        return string(schema, at, path);
      case SchemaType::kInteger:
        return integer(schema, at, path);
      case SchemaType::kNumber:
      case SchemaType::kBoolean:
      case SchemaType::kAny:
        return;
    }
  }

  FieldErrors errors;

 private:
  void object(const Schema& schema, const Json& at, const std::string& path) {
    for (const Property& property : schema.properties) {
      const std::string below = path.empty() ? property.name : path + "." + property.name;
      const auto it = at.find(property.name);
      if (it == at.end()) {
        if (property.required) errors.push_back(required_field(below, ""));
        continue;
      }
      if (!available(property, *it, below)) continue;
      value(property.schema, *it, below);
    }
  }

  // Whether this release carries out what is asked for; if not, that has been said.
  bool available(const Property& property, const Json& at, const std::string& path) {
    for (const std::string& value : property.unavailable) {
      if (value == "*") {
        if (is_empty(at)) return false;
        errors.push_back(forbidden_field(path, property.name +
                                                   " is not available in this release; leave it "
                                                   "out"));
        return false;
      }
      if (at.is_string() && at.get_ref<const std::string&>() == value) {
        errors.push_back(forbidden_field(
            path, concat("the value ", quote(value), " is not available in this release; use ",
                         property.schema.default_json)));
        return false;
      }
    }
    return true;
  }

  void array(const Schema& schema, const Json& at, const std::string& path) {
    if (at.size() < schema.min_items)
      errors.push_back(invalid_field(path, Json(at.size()),
                                     concat(path, " in body should have at least ",
                                            std::to_string(schema.min_items), " items")));
    if (schema.max_items != 0 && at.size() > schema.max_items) {
      FieldError error;
      error.type = FieldError::Type::kTooMany;
      error.field = path;
      error.value = std::to_string(at.size());
      error.detail = concat("must have at most ", std::to_string(schema.max_items), " items");
      errors.push_back(std::move(error));
      return;
    }
    std::set<std::string> seen;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const std::string below = concat(path, "[", std::to_string(i), "]");
      value(schema.items.front(), at[i], below);
      if (schema.list_type == "set" && at[i].is_string() &&
          !seen.insert(at[i].get<std::string>()).second)
        errors.push_back(duplicate_field(below, at[i]));
    }
  }

  void string(const Schema& schema, const Json& at, const std::string& path) {
    const std::string& text = at.get_ref<const std::string&>();
    if (!schema.enumeration.empty()) {
      for (const std::string& one : schema.enumeration)
        if (one == text) return;
      errors.push_back(not_supported(path, at, schema.enumeration));
      return;
    }
    if (std::string wrong = check_format(schema.format, text); !wrong.empty())
      errors.push_back(invalid_text(path, text, std::move(wrong)));
  }

  void integer(const Schema& schema, const Json& at, const std::string& path) {
    // Compared as double: a value beyond 64 bits that the parser kept unsigned is beyond every
    // bound.
    const double number = at.get<double>();
    if (schema.minimum && number < static_cast<double>(*schema.minimum))
      errors.push_back(invalid_field(path, at,
                                     concat(path, " in body should be greater than or equal to ",
                                            std::to_string(*schema.minimum))));
    if (schema.maximum && number > static_cast<double>(*schema.maximum))
      errors.push_back(invalid_field(path, at,
                                     concat(path, " in body should be less than or equal to ",
                                            std::to_string(*schema.maximum))));
  }
};

}  // namespace

FieldErrors validate(const ResourceType& type, const Json& object) {
  Walk walk;
  for (const Property& property : type.schema.properties) {
    if (property.name != "spec") continue;  // metadata is meta.h's, status the server's
    const auto it = object.find(property.name);
    if (it == object.end()) {
      if (property.required) walk.errors.push_back(required_field("spec", ""));
      continue;
    }
    walk.value(property.schema, *it, property.name);
  }
  // The rules across fields may rely on every field being what its schema says.
  if (walk.errors.empty()) check_rules(type, object, walk.errors);
  return std::move(walk.errors);
}

std::string first_type_error(const Schema& schema, const Json& value, std::string_view path) {
  Walk walk;
  walk.value(schema, value, std::string(path));
  for (const FieldError& error : walk.errors)
    if (error.type == FieldError::Type::kTypeInvalid) return error.text();
  return {};
}

FieldErrors validate_update(const ResourceType& type, const Json& old, Json& updated) {
  FieldErrors errors;
  const Property* spec = find_property(type.schema, "spec");
  const auto it = updated.find("spec");
  if (spec == nullptr || it == updated.end() || !it->is_object()) return errors;
  const Json& old_spec = member(old, "spec");
  for (const Property& property : spec->schema.properties) {
    const Json& before = member(old_spec, property.name);
    if (property.kept_if_absent && !it->contains(property.name) && !before.is_null())
      (*it)[property.name] = before;
    if (property.is_mutable) continue;
    const Json& after = member(*it, property.name);
    if (before != after)
      errors.push_back(invalid_field("spec." + property.name, after, "field is immutable"));
  }
  return errors;
}

}  // namespace gb::api
