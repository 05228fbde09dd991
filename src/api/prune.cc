// What the schema does not know is taken away, what is left out is filled in.
#include <nlohmann/json.hpp>

#include "api/schema.h"
#include "api/text.h"

namespace gb::api {
namespace {

void prune_value(const Schema& schema, Json& value, const std::string& path,
                 std::vector<std::string>& unknown) {
  if (schema.type == SchemaType::kObject && value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      const std::string at = path.empty() ? it.key() : path + "." + it.key();
      const Property* property = find_property(schema, it.key());
      if (property == nullptr) {
        unknown.push_back(at);
        it = value.erase(it);
        continue;
      }
      prune_value(property->schema, *it, at, unknown);
      ++it;
    }
  } else if (schema.type == SchemaType::kMap && value.is_object()) {
    for (auto& [key, one] : value.items())
      prune_value(schema.items.front(), one, path + "." + key, unknown);
  } else if (schema.type == SchemaType::kArray && value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      prune_value(schema.items.front(), value[i], path + "[" + std::to_string(i) + "]", unknown);
  }
}

void default_value(const Schema& schema, Json& value) {
  if (schema.type == SchemaType::kObject && value.is_object()) {
    for (const Property& property : schema.properties) {
      auto it = value.find(property.name);
      if (it != value.end() && it->is_null()) {
        value.erase(it);
        it = value.end();
      }
      if (it != value.end()) {
        default_value(property.schema, *it);
      } else if (!property.schema.default_json.empty()) {
        value[property.name] = Json::parse(property.schema.default_json);
      }
    }
  } else if ((schema.type == SchemaType::kMap && value.is_object()) ||
             (schema.type == SchemaType::kArray && value.is_array())) {
    // As Go decodes null in a map[string]string.
    const bool texts =
        schema.type == SchemaType::kMap && schema.items.front().type == SchemaType::kString;
    for (Json& one : value) {
      if (texts && one.is_null()) one = "";
      default_value(schema.items.front(), one);
    }
  }
}

}  // namespace

void prune(const ResourceType& type, Json& object, std::vector<std::string>& unknown) {
  prune_value(type.schema, object, "", unknown);
}

void apply_defaults(const ResourceType& type, Json& object) {
  default_value(type.schema, object);
}

}  // namespace gb::api
