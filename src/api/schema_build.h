// A few words to write schemas with; used by the files that describe the resources.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/schema.h"
#include "api/text.h"

namespace gb::api::build {

inline Schema object(std::string description, std::vector<Property> properties) {
  Schema schema;
  schema.type = SchemaType::kObject;
  schema.description = std::move(description);
  schema.properties = std::move(properties);
  return schema;
}

inline Schema text(std::string description, SchemaFormat format = SchemaFormat::kNone) {
  Schema schema;
  schema.type = SchemaType::kString;
  schema.format = format;
  schema.description = std::move(description);
  return schema;
}

// One of these values; the first is the default.
inline Schema choice(std::string description, std::vector<std::string> values) {
  Schema schema = text(std::move(description));
  schema.default_json = quote(values.front());
  schema.enumeration = std::move(values);
  return schema;
}

inline Schema integer(std::string description) {
  Schema schema;
  schema.type = SchemaType::kInteger;
  schema.description = std::move(description);
  return schema;
}

inline Schema number(std::string description) {
  Schema schema;
  schema.type = SchemaType::kNumber;
  schema.description = std::move(description);
  return schema;
}

inline Schema boolean(std::string description) {
  Schema schema;
  schema.type = SchemaType::kBoolean;
  schema.description = std::move(description);
  return schema;
}

inline Schema any(std::string description) {
  Schema schema;
  schema.type = SchemaType::kAny;
  schema.description = std::move(description);
  return schema;
}

inline Schema with_default(Schema schema, std::string json) {
  schema.default_json = std::move(json);
  return schema;
}

inline Schema list(std::string description, Schema item, std::string list_type = "atomic",
                   std::vector<std::string> keys = {}) {
  Schema schema;
  schema.type = SchemaType::kArray;
  schema.description = std::move(description);
  schema.items.push_back(std::move(item));
  schema.list_type = std::move(list_type);
  schema.list_map_keys = std::move(keys);
  return schema;
}

inline Schema merged_by_patch(Schema schema) {
  schema.merged_by_patch = true;
  return schema;
}

inline Schema bounded(Schema schema, std::size_t min_items, std::size_t max_items) {
  schema.min_items = min_items;
  schema.max_items = max_items;
  return schema;
}

inline Schema map(std::string description, Schema value) {
  Schema schema;
  schema.type = SchemaType::kMap;
  schema.description = std::move(description);
  schema.items.push_back(std::move(value));
  return schema;
}

inline Property field(std::string name, Schema schema) {
  Property property;
  property.name = std::move(name);
  property.schema = std::move(schema);
  return property;
}

inline Property required(std::string name, Schema schema) {
  Property property = field(std::move(name), std::move(schema));
  property.required = true;
  return property;
}

inline Property changeable(std::string name, Schema schema) {
  Property property = field(std::move(name), std::move(schema));
  property.is_mutable = true;
  return property;
}

// `values` are part of the design but not of this release; "*" stands for any.
inline Property unavailable(std::string name, Schema schema, std::vector<std::string> values) {
  Property property = field(std::move(name), std::move(schema));
  property.unavailable = std::move(values);
  return property;
}

inline Column column(std::string name, Cell cell, std::string path, std::string description,
                     int priority = 0, std::string type = "string") {
  Column result;
  result.name = std::move(name);
  result.type = std::move(type);
  result.description = std::move(description);
  result.priority = priority;
  result.cell = cell;
  result.path = std::move(path);
  if (cell == Cell::kName) result.format = "name";
  return result;
}

// Pieces that several resources share (schema_common.cc).
[[nodiscard]] Schema object_meta();
[[nodiscard]] Schema list_meta();
[[nodiscard]] Schema conditions();
[[nodiscard]] Schema job_progress();
[[nodiscard]] Schema executor();
[[nodiscard]] Schema cancellation();
[[nodiscard]] Schema run_as();  // of what acts later as who created it
// kind, apiVersion and metadata before `rest`.
[[nodiscard]] Schema whole_object(std::string description, std::vector<Property> rest);

[[nodiscard]] Schema backup_spec();      // schema_backup.cc
[[nodiscard]] ResourceType backups();    // schema_backup.cc
[[nodiscard]] ResourceType restores();   // schema_restore.cc
[[nodiscard]] ResourceType schedules();  // schema_schedule.cc
[[nodiscard]] ResourceType stores();     // schema_store.cc

}  // namespace gb::api::build
