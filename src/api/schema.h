// The resources of the group, each described once: their schema is the single source of defaulting,
// validation, unknown-field detection, OpenAPI and kubectl explain, and the printed columns.
//
// What a release cannot honour is not accepted: a value that the design knows but this program
// does not carry out is refused with a sentence that says so.
//
// Thread safety: the tables are built once and const; all functions from any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "api/object.h"

namespace gb::api {

// kAny is free-form: nothing in it is checked or pruned.
enum class SchemaType { kObject, kArray, kMap, kString, kInteger, kNumber, kBoolean, kAny };

// What a string holds beyond being one.
enum class SchemaFormat {
  kNone,
  kDuration,    // "1h30m", longer than zero
  kDateTime,    // RFC 3339
  kQuantity,    // "120Mi"
  kName,        // DNS-1123 subdomain: the name of an object
  kLabel,       // DNS-1123 label: the name of a namespace
  kSchemaName,  // a database schema: 1 to 64 characters, not a system schema
  kTableGlob,   // schema.table with * and ?
  kCron,        // "0 2 * * *", "@daily"
  kTimeZone,    // a name of the tz database: "Europe/Prague"
};

struct Schema;

struct Property;

struct Schema {
  SchemaType type = SchemaType::kString;
  SchemaFormat format = SchemaFormat::kNone;
  std::string description;
  std::vector<Property> properties;      // kObject
  std::vector<Schema> items;             // kArray, kMap: exactly one, what each element is
  std::vector<std::string> enumeration;  // kString: the values that are accepted
  std::optional<std::int64_t> minimum;   // kInteger
  std::optional<std::int64_t> maximum;
  std::size_t min_items = 0;  // kArray
  std::size_t max_items = 0;  // kArray, kMap; 0: unbounded
  std::string default_json;   // empty: no default
  std::string list_type;      // kArray: "set", "map", "atomic"
  std::vector<std::string> list_map_keys;
  // kArray: a strategic merge patch merges it, by the one list_map_key or as a set, and does not
  // replace it: what metav1 tags with patchStrategy=merge.
  bool merged_by_patch = false;
};

struct Property {
  std::string name;
  Schema schema;
  bool required = false;
  bool is_mutable = false;      // may change after creation (spec only)
  bool kept_if_absent = false;  // an update without it keeps what was there (the server chose it)
  std::vector<std::string>
      unavailable;  // values the design knows and this release refuses ("*": any)
};

// How a printed column gets its cell; table.cc renders them.
enum class Cell {
  kName,
  kText,       // the value at `path`
  kJoined,     // an array of strings, or the keys of a map, with commas
  kPercent,    // status.progress.percent: "42%"
  kCondition,  // the status of the condition named by `path`
  kAge,        // how long ago the time at `path` was
  kDuration,   // status.startTime until status.completionTime or now
  kBytes,      // a number of bytes as a quantity
  kUntil,      // in how long the time at `path` will be; "never" when absent
};

struct Column {
  std::string name;
  std::string type;    // string, integer, date
  std::string format;  // "name" or empty
  std::string description;
  int priority = 0;  // 1: only -o wide
  Cell cell = Cell::kText;
  std::string path;  // "status.phase"; "a.b|c.d": the first that is there
};

struct Subresource {
  std::string name;  // "status", "log"
  std::string kind;
  std::vector<std::string> verbs;
};

struct ResourceType {
  std::string plural;
  std::string singular;
  std::string kind;
  std::string list_kind;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  bool namespaced = true;
  std::vector<std::string> verbs;  // sorted, as discovery lists them
  std::vector<Subresource> subresources;
  // base64(sha256("group/version/Kind")[:8]); empty: the resource is not stored.
  std::string storage_version_hash;
  std::vector<std::string> selectable_fields;  // besides metadata.name and metadata.namespace
  Schema schema;                               // of the whole object
  std::vector<Column> columns;

  [[nodiscard]] bool has_verb(std::string_view verb) const;
  [[nodiscard]] const Subresource* subresource(std::string_view name) const;
};

// All that is served, in the order of discovery.
[[nodiscard]] const std::vector<ResourceType>& resources();
// Null when there is no such resource.
[[nodiscard]] const ResourceType* find_resource(std::string_view plural);
[[nodiscard]] const ResourceType* find_resource_by_kind(std::string_view kind);

// The schema of one field of an object: {"spec", "threads"}; null when there is none.
[[nodiscard]] const Property* find_property(const Schema& schema, std::string_view name);

// Takes away what the schema does not know and adds the path of each to `unknown` ("spec.foo",
// "spec.list[0].bar"). metadata is pruned by what ObjectMeta knows.
void prune(const ResourceType& type, Json& object, std::vector<std::string>& unknown);
// Fills in defaults of spec, where absent or null; null without a default is taken away, and in a
// map of strings it is an empty one.
void apply_defaults(const ResourceType& type, Json& object);
// Types, enumerations, required fields, formats, bounds and the rules across fields of spec. The
// object is defaulted already.
[[nodiscard]] FieldErrors validate(const ResourceType& type, const Json& object);
// What may not change. Fields kept_if_absent are copied into `updated` first.
[[nodiscard]] FieldErrors validate_update(const ResourceType& type, const Json& old, Json& updated);

}  // namespace gb::api
