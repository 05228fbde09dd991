// docs/api-reference.md is written from the schema, and is what the schema says.
//
// GB_WRITE_REFERENCE=1 writes it anew (make reference).
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "api/schema.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::api::test {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string format_name(SchemaFormat format) {
  switch (format) {
    case SchemaFormat::kNone:
      return "string";
    case SchemaFormat::kDuration:
      return "duration (`1h30m`)";
    case SchemaFormat::kDateTime:
      return "time (RFC 3339)";
    case SchemaFormat::kQuantity:
      return "quantity (`120Mi`)";
    case SchemaFormat::kName:
      return "name";
    case SchemaFormat::kLabel:
      return "namespace";
    case SchemaFormat::kSchemaName:
      return "schema";
    case SchemaFormat::kTableGlob:
      return "`schema.table` with `*` and `?`";
    case SchemaFormat::kCron:
      return "cron";
    case SchemaFormat::kTimeZone:
      return "time zone";
  }
  return "string";
}

std::string type_name(const Schema& schema) {
  switch (schema.type) {
    case SchemaType::kObject:
      return "object";
    case SchemaType::kArray:
      return "list of " + type_name(schema.items.at(0));
    case SchemaType::kMap:
      return "map to " + type_name(schema.items.at(0));
    case SchemaType::kString:
      return schema.enumeration.empty() ? format_name(schema.format)
                                        : "`" + join(schema.enumeration, "` `") + "`";
    case SchemaType::kInteger: {
      std::string range;
      if (schema.minimum && schema.maximum)
        range = ", " + std::to_string(*schema.minimum) + " to " + std::to_string(*schema.maximum);
      else if (schema.minimum)
        range = ", from " + std::to_string(*schema.minimum);
      return "integer" + range;
    }
    case SchemaType::kNumber:
      return "number";
    case SchemaType::kBoolean:
      return "boolean";
    case SchemaType::kAny:
      return "anything";
  }
  return "";
}

void write_fields(std::ostream& out, const Schema& schema, const std::string& path) {
  for (const Property& property : schema.properties) {
    std::string name = path.empty() ? property.name : path + "." + property.name;
    const Schema* inner = &property.schema;
    if (inner->type == SchemaType::kArray) {
      inner = &inner->items.at(0);
      if (inner->type == SchemaType::kObject) name += "[]";
    }
    // Defaults, and what may change later, are in the descriptions.
    const std::string marks = property.required ? " **Required.**" : "";
    out << "| `" << name << "` | " << escaped(type_name(property.schema)) << " | "
        << escaped(property.schema.description) << marks << " |\n";
    if (inner->type == SchemaType::kObject) write_fields(out, *inner, name);
  }
}

std::string reference() {
  std::ostringstream out;
  out << "# API reference\n\n"
         "Written from the schema by `make reference`; a test compares the two. `kubectl explain` "
         "says the same.\nThe group is `"
      << kGroup << "`, the version `" << kVersion
      << "`.\nPatches are JSON patches (RFC 6902), merge patches (RFC 7386) and strategic merge "
         "patches, which `kubectl patch` sends unless told\notherwise: these merge "
         "`metadata.finalizers` and `metadata.ownerReferences`, and replace every other list.\n";
  for (const ResourceType& type : resources()) {
    out << "\n## " << type.kind << "\n\n" << type.schema.description << "\n\n";
    out << "- `" << type.plural << "." << kGroup << "`, `" << type.singular << "`";
    for (const std::string& name : type.short_names) out << ", `" << name << "`";
    out << "; " << (type.namespaced ? "in a namespace" : "of the cluster") << "\n";
    out << "- verbs: " << join(type.verbs, ", ") << "\n";
    for (const Subresource& sub : type.subresources)
      out << "- subresource `" << sub.name << "`: " << join(sub.verbs, ", ") << "\n";
    std::vector<std::string> fields{"metadata.name"};
    if (type.namespaced) fields.emplace_back("metadata.namespace");
    fields.insert(fields.end(), type.selectable_fields.begin(), type.selectable_fields.end());
    out << "- field selectors: `" << join(fields, "`, `") << "`\n";
    for (const char* part : {"spec", "status"}) {
      const Property* property = find_property(type.schema, part);
      if (property == nullptr) continue;
      out << "\n### " << type.kind << " " << part << "\n\n"
          << property->schema.description << "\n\n| field | type | what it is |\n|---|---|---|\n";
      write_fields(out, property->schema, "");
    }
    out << "\n### " << type.kind << " columns\n\n| column | what it shows | |\n|---|---|---|\n";
    for (const Column& column : type.columns)
      out << "| " << column.name << " | " << escaped(column.description) << " | "
          << (column.priority > 0 ? "`-o wide`" : "") << " |\n";
  }
  return out.str();
}

TEST(Reference, IsWhatTheSchemaSays) {
  const std::string wanted = reference();
  if (std::getenv("GB_WRITE_REFERENCE") != nullptr) {
    std::ofstream file(API_REFERENCE);
    file << wanted;
    ASSERT_TRUE(file.flush());
    return;
  }
  std::ifstream file(API_REFERENCE);
  std::ostringstream found;
  found << file.rdbuf();
  EXPECT_TRUE(found.str() == wanted)
      << API_REFERENCE << " is not what the schema says: run make reference";
}

TEST(Reference, EveryFieldIsDescribed) {
  const std::string text = reference();
  EXPECT_EQ(text.find("|  |\n| `"), std::string::npos);
  EXPECT_NE(text.find("| `databaseInstances` |"), std::string::npos);
  EXPECT_NE(text.find("| `instances[].node` |"), std::string::npos);
}

}  // namespace
}  // namespace gb::api::test
