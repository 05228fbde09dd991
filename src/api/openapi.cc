#include "api/openapi.h"

#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/schema.h"
#include "api/schema_build.h"
#include "api/text.h"
#include "api/types.h"

namespace gb::api {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr std::string_view kMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.";

std::string schema_name(std::string_view kind) {
  return concat("io.rhoso.backup.v1beta1.", kind);
}
Ordered reference(std::string_view name) {
  return {{"$ref", concat("#/components/schemas/", name)}};
}
// A description beside a reference needs allOf: a $ref hides its neighbours.
Ordered described_reference(std::string_view name, const std::string& description) {
  return {{"description", description},
          {"allOf", Ordered::array({reference(name)})},
          {"default", Ordered::object()}};
}

Ordered group_version_kind(std::string_view kind) {
  return {{"group", kGroup}, {"kind", kind}, {"version", kVersion}};
}

std::string_view type_word(SchemaType type) {
  switch (type) {
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
    case SchemaType::kObject:
    case SchemaType::kMap:
    case SchemaType::kAny:
      return "object";
  }
  return "object";
}

Ordered to_openapi(const Schema& schema) {
  Ordered out;
  out["description"] = schema.description;
  out["type"] = type_word(schema.type);
  switch (schema.type) {
    case SchemaType::kObject: {
      std::vector<std::string> required;
      for (const Property& property : schema.properties) {
        out["properties"][property.name] = to_openapi(property.schema);
        if (property.required) required.push_back(property.name);
      }
      if (!required.empty()) out["required"] = required;
      break;
    }
    case SchemaType::kMap:
      out["additionalProperties"] = to_openapi(schema.items.front());
      break;
    case SchemaType::kArray:
      out["items"] = to_openapi(schema.items.front());
      if (!schema.list_type.empty()) out["x-kubernetes-list-type"] = schema.list_type;
      if (!schema.list_map_keys.empty()) out["x-kubernetes-list-map-keys"] = schema.list_map_keys;
      if (!schema.merged_by_patch) break;
      if (!schema.list_map_keys.empty())
        out["x-kubernetes-patch-merge-key"] = schema.list_map_keys.front();
      out["x-kubernetes-patch-strategy"] = "merge";
      break;
    case SchemaType::kString:
      if (schema.format == SchemaFormat::kDateTime) out["format"] = "date-time";
      if (!schema.enumeration.empty()) out["enum"] = schema.enumeration;
      break;
    case SchemaType::kInteger:
      out["format"] = "int64";
      break;
    case SchemaType::kNumber:
      out["format"] = "double";
      break;
    case SchemaType::kAny:
      out["x-kubernetes-preserve-unknown-fields"] = true;
      break;
    case SchemaType::kBoolean:
      break;
  }
  if (schema.min_items != 0) out["minItems"] = schema.min_items;
  if (schema.max_items != 0)
    out[schema.type == SchemaType::kMap ? "maxProperties" : "maxItems"] = schema.max_items;
  if (schema.minimum) out["minimum"] = *schema.minimum;
  if (schema.maximum) out["maximum"] = *schema.maximum;
  if (!schema.default_json.empty()) out["default"] = Ordered::parse(schema.default_json);
  return out;
}

Ordered object_schema(const ResourceType& type) {
  Ordered out = to_openapi(type.schema);
  out["properties"]["metadata"] =
      described_reference(concat(kMeta, "ObjectMeta"), "Standard metadata of the object.");
  out["x-kubernetes-group-version-kind"] = Ordered::array({group_version_kind(type.kind)});
  return out;
}

Ordered list_schema(const ResourceType& type) {
  Ordered out;
  out["description"] = "A list of " + type.kind + " objects.";
  out["type"] = "object";
  out["required"] = {"items"};
  Ordered& properties = out["properties"];
  properties["apiVersion"] = {{"description", "The API group and version of this list."},
                              {"type", "string"}};
  properties["items"] = {{"description", "The objects."},
                         {"type", "array"},
                         {"items",
                          {{"allOf", Ordered::array({reference(schema_name(type.kind))})},
                           {"default", Ordered::object()}}}};
  properties["kind"] = {{"description", "The kind of this list."}, {"type", "string"}};
  properties["metadata"] =
      described_reference(concat(kMeta, "ListMeta"), "Standard metadata of the list.");
  out["x-kubernetes-group-version-kind"] = Ordered::array({group_version_kind(type.list_kind)});
  return out;
}

Schema status_schema() {
  using namespace build;
  return object(
      "The answer to a request that returns no object, and to every request that fails.",
      {field("apiVersion", text("v1.")), field("kind", text("Status.")),
       field("metadata", list_meta()), field("status", text("Success or Failure.")),
       field("message", text("What happened, for people.")),
       field("reason", text("What happened, in one word for programs.")),
       field(
           "details",
           object(
               "What the request was about.",
               {field("name", text("The name of the object.")),
                field("group", text("Its API group.")),
                field("kind", text("Its resource or kind.")), field("uid", text("Its uid.")),
                field("causes", list("What was wrong, one entry for each.",
                                     object("One cause.",
                                            {field("reason", text("What was wrong, in one word.")),
                                             field("message", text("What was wrong, for people.")),
                                             field("field", text("The field that it was."))}))),
                field("retryAfterSeconds", integer("How long to wait before trying again."))})),
       field("code", integer("The HTTP code."))});
}

Schema delete_options_schema() {
  using namespace build;
  return object(
      "How an object is deleted.",
      {field("apiVersion", text("The version of these options.")),
       field("kind", text("DeleteOptions.")),
       field("dryRun", list("All: nothing is deleted.", text("All."))),
       field("gracePeriodSeconds", integer("Accepted; these objects go at once.")),
       field("orphanDependents", boolean("Superseded by propagationPolicy.")),
       field("preconditions",
             object("What must hold for the deletion to happen.",
                    {field("uid", text("The object's uid.")),
                     field("resourceVersion", text("The object's resourceVersion."))})),
       field("propagationPolicy",
             text("What becomes of the objects that this one owns: Background, Foreground or "
                  "Orphan."))});
}

Ordered watch_event_schema() {
  return {
      {"description", "One event of a watch."},
      {"type", "object"},
      {"required", {"type", "object"}},
      {"properties",
       {{"object", {{"description", "The object as it is now, or a Status."}, {"type", "object"}}},
        {"type",
         {{"description", "ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."}, {"type", "string"}}}}}};
}

// Parameters.

Ordered parameter(std::string_view in, std::string_view name, std::string_view type,
                  std::string_view description) {
  Ordered out = {{"name", name},
                 {"in", in},
                 {"description", description},
                 {"schema", {{"type", type}, {"uniqueItems", true}}}};
  if (in == "path") out["required"] = true;
  return out;
}

Ordered query(std::string_view name, std::string_view description,
              std::string_view type = "string") {
  return parameter("query", name, type, description);
}

Ordered write_parameters() {
  return Ordered::array(
      {query("dryRun", "All: everything is checked and nothing is stored."),
       query("fieldManager", "Who makes the change, at most 128 printable characters."),
       query("fieldValidation",
             "What happens to unknown and duplicate fields: Ignore, Warn (the "
             "default: a warning is sent) or Strict (the request fails).")});
}

Ordered select_parameters() {
  return Ordered::array(
      {query("continue", "The token from the page before."),
       query("fieldSelector", "Only objects whose fields match, such as status.phase=Failed."),
       query("labelSelector", "Only objects whose labels match."),
       query("limit", "The most objects in one answer.", "integer"),
       query("resourceVersion", "The version of the state that is asked for."),
       query("resourceVersionMatch", "How resourceVersion is meant: Exact or NotOlderThan."),
       query("timeoutSeconds", "After how long the call ends.", "integer")});
}

Ordered list_parameters() {
  Ordered parameters = select_parameters();
  parameters.push_back(
      query("allowWatchBookmarks", "Whether a watch may send BOOKMARK events.", "boolean"));
  parameters.push_back(query("sendInitialEvents",
                             "Whether a watch begins with an event for every object that there is, "
                             "ended by a bookmark.",
                             "boolean"));
  parameters.push_back(query("watch", "Follow the changes instead of listing.", "boolean"));
  return parameters;
}

Ordered delete_parameters() {
  return Ordered::array(
      {query("dryRun", "All: nothing is deleted."),
       query("gracePeriodSeconds", "Accepted; these objects go at once.", "integer"),
       query("orphanDependents", "Superseded by propagationPolicy.", "boolean"),
       query("propagationPolicy", "Background, Foreground or Orphan.")});
}

// Operations.

Ordered content(const Ordered& schema, const std::vector<std::string>& media) {
  Ordered out = Ordered::object();
  for (const std::string& one : media) out[one] = {{"schema", schema}};
  return {{"content", std::move(out)}};
}

Ordered answers(std::initializer_list<std::string> codes, const Ordered& schema,
                const std::vector<std::string>& media = {"application/json", "application/yaml"}) {
  Ordered out = Ordered::object();
  for (const std::string& code : codes) {
    Ordered answer = {{"description", code == "201"   ? "Created"
                                      : code == "202" ? "Accepted"
                                                      : "OK"}};
    answer.update(content(schema, media));
    out[code] = std::move(answer);
  }
  out["401"] = {{"description", "Unauthorized"}};
  return out;
}

class Paths {
 public:
  explicit Paths(const ResourceType& type) : type_(type) {}

  void add(Ordered& paths) const {
    const std::string root = concat("/apis/", kGroupVersion, "/");
    const std::string collection = type_.namespaced
                                       ? concat(root, "namespaces/{namespace}/", type_.plural)
                                       : root + type_.plural;
    paths[collection] = collection_item();
    paths[collection + "/{name}"] = object_item();
    for (const Subresource& sub : type_.subresources)
      paths[concat(collection, "/{name}/", sub.name)] = subresource_item(sub);
    if (type_.namespaced) {
      Ordered everywhere;
      everywhere["get"] = list_operation("ForAllNamespaces");
      everywhere["parameters"] = Ordered::array({pretty()});
      paths[root + type_.plural] = std::move(everywhere);
    }
  }

 private:
  static Ordered pretty() { return query("pretty", "true: the answer is indented for people."); }

  [[nodiscard]] Ordered path_parameters(bool named) const {
    Ordered parameters = Ordered::array();
    if (named)
      parameters.push_back(
          parameter("path", "name", "string", concat("The name of the ", type_.kind, ".")));
    if (type_.namespaced)
      parameters.push_back(
          parameter("path", "namespace", "string", "The namespace of the object."));
    parameters.push_back(pretty());
    return parameters;
  }

  [[nodiscard]] Ordered operation(std::string_view verb, std::string_view action,
                                  std::string_view suffix, std::string_view description,
                                  Ordered parameters) const {
    Ordered out;
    out["tags"] = {"backupRhosoIo_v1beta1"};
    out["description"] = description;
    out["operationId"] = concat(verb, "BackupRhosoIoV1beta1", type_.namespaced ? "Namespaced" : "",
                                type_.kind, suffix);
    if (!parameters.empty()) out["parameters"] = std::move(parameters);
    out["x-kubernetes-action"] = action;
    out["x-kubernetes-group-version-kind"] = group_version_kind(type_.kind);
    return out;
  }

  [[nodiscard]] Ordered body() const {
    Ordered out =
        content(reference(schema_name(type_.kind)), {"application/json", "application/yaml"});
    out["required"] = true;
    return out;
  }

  [[nodiscard]] Ordered list_operation(std::string_view suffix) const {
    Ordered list =
        operation("list", "list", suffix, concat("list or watch objects of kind ", type_.kind),
                  list_parameters());
    list["responses"] =
        answers({"200"}, reference(schema_name(type_.list_kind)),
                {"application/json", "application/json;stream=watch", "application/yaml"});
    return list;
  }

  [[nodiscard]] Ordered collection_item() const {
    Ordered item;
    item["get"] = list_operation("");
    if (type_.has_verb("create")) {
      Ordered post = operation("create", "post", "", "create a " + type_.kind, write_parameters());
      post["parameters"].push_back(
          query("timeout",
                "How long the answer waits for the work to end, as a duration; the work "
                "goes on after it."));
      post["parameters"].push_back(
          parameter("header", "Prefer", "string",
                    "respond-async: the answer does not wait for the work at all."));
      post["requestBody"] = body();
      post["responses"] = answers({"201"}, reference(schema_name(type_.kind)));
      item["post"] = std::move(post);
    }
    if (type_.has_verb("deletecollection")) {
      Ordered parameters = delete_parameters();
      for (const Ordered& one : select_parameters()) parameters.push_back(one);
      Ordered remove = operation("deleteCollection", "deletecollection", "",
                                 "delete a collection of " + type_.kind, std::move(parameters));
      remove["requestBody"] = content(reference(concat(kMeta, "DeleteOptions")),
                                      {"application/json", "application/yaml"});
      remove["responses"] = answers({"200"}, reference(schema_name(type_.list_kind)));
      item["delete"] = std::move(remove);
    }
    item["parameters"] = path_parameters(/*named=*/false);
    return item;
  }

  [[nodiscard]] Ordered object_item() const {
    const Ordered whole = reference(schema_name(type_.kind));
    Ordered item;
    item["get"] =
        operation("read", "get", "", "read the specified " + type_.kind, Ordered::array());
    item["get"]["responses"] = answers({"200"}, whole);
    if (type_.has_verb("update")) {
      item["put"] = operation("replace", "put", "", "replace the specified " + type_.kind,
                              write_parameters());
      item["put"]["requestBody"] = body();
      item["put"]["responses"] = answers({"200"}, whole);
    }
    if (type_.has_verb("patch")) {
      item["patch"] = operation("patch", "patch", "",
                                "partially update the specified " + type_.kind, write_parameters());
      item["patch"]["requestBody"] =
          content(reference(concat(kMeta, "Patch")),
                  {"application/json-patch+json", "application/merge-patch+json",
                   "application/strategic-merge-patch+json"});
      item["patch"]["requestBody"]["required"] = true;
      item["patch"]["responses"] = answers({"200"}, whole);
    }
    if (type_.has_verb("delete")) {
      item["delete"] =
          operation("delete", "delete", "", "delete a " + type_.kind, delete_parameters());
      item["delete"]["requestBody"] = content(reference(concat(kMeta, "DeleteOptions")),
                                              {"application/json", "application/yaml"});
      item["delete"]["responses"] = answers({"200"}, reference(concat(kMeta, "Status")));
    }
    item["parameters"] = path_parameters(/*named=*/true);
    return item;
  }

  // cancel, undelete, verify: what is asked for is said by the path; the answer is the object.
  [[nodiscard]] Ordered action_item(const Subresource& sub) const {
    std::string suffix = sub.name;
    suffix.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(suffix.front())));
    Ordered post = operation(
        "create", "post", suffix, concat(sub.name, " the specified ", type_.kind),
        Ordered::array({query("dryRun", "All: everything is checked and nothing is done.")}));
    Ordered options = {{"description", "Nothing, or what is meant more exactly."},
                       {"type", "object"}};
    if (sub.name == "undelete")
      options["properties"]["uid"] = {
          {"description",
           "Of several deleted objects of this name, the one that is meant. Left "
           "out: the one that was deleted last."},
          {"type", "string"}};
    if (sub.name == "verify")
      options["properties"]["method"] = {
          {"description",
           "Checksum: every byte is read back; Restore: then it is restored into a scratch server, "
           "too; Live: it is compared with the running clusters. Default Checksum."},
          {"enum", {"Checksum", "Live", "Restore"}},
          {"type", "string"}};
    post["requestBody"] = content(options, {"application/json", "application/yaml"});
    post["responses"] = answers({"201"}, reference(schema_name(type_.kind)));
    Ordered item;
    item["post"] = std::move(post);
    item["parameters"] = path_parameters(/*named=*/true);
    return item;
  }

  [[nodiscard]] Ordered subresource_item(const Subresource& sub) const {
    if (sub.verbs.front() == "create") return action_item(sub);
    const bool log = sub.name == "log";
    Ordered parameters = Ordered::array();
    if (log) {
      parameters.push_back(
          query("follow", "Go on with the lines to come until the work ends.", "boolean"));
      parameters.push_back(query("tailLines", "Only this many of the last lines.", "integer"));
    }
    Ordered get = operation("read", "get", log ? "Log" : "Status",
                            concat("read ", sub.name, " of the specified ", type_.kind),
                            std::move(parameters));
    get["responses"] = log ? answers({"200"}, {{"type", "string"}}, {"text/plain"})
                           : answers({"200"}, reference(schema_name(type_.kind)));
    Ordered item;
    item["get"] = std::move(get);
    item["parameters"] = path_parameters(/*named=*/true);
    return item;
  }

  const ResourceType& type_;
};

Ordered skeleton() {
  Ordered document;
  document["openapi"] = "3.0.0";
  document["info"] = {{"title", "galera-backup"}, {"version", kVersion}};
  document["paths"] = Ordered::object();
  return document;
}

Ordered discovery_path(std::string_view id, std::string_view description) {
  return {{"get",
           {{"tags", {"backupRhosoIo"}},
            {"description", description},
            {"operationId", id},
            {"responses", answers({"200"}, {{"type", "object"}})}}}};
}

std::string make_document() {
  Ordered document = skeleton();
  document["paths"][concat("/apis/", kGroupVersion, "/")] =
      discovery_path("getBackupRhosoIoV1beta1APIResources", "get available resources");
  Ordered& schemas = document["components"]["schemas"];
  for (const ResourceType& type : resources()) {
    Paths(type).add(document["paths"]);
    schemas[schema_name(type.kind)] = object_schema(type);
    schemas[schema_name(type.list_kind)] = list_schema(type);
  }
  schemas[concat(kMeta, "ObjectMeta")] = to_openapi(build::object_meta());
  schemas[concat(kMeta, "ListMeta")] = to_openapi(build::list_meta());
  schemas[concat(kMeta, "Status")] = to_openapi(status_schema());
  schemas[concat(kMeta, "DeleteOptions")] = to_openapi(delete_options_schema());
  schemas[concat(kMeta, "WatchEvent")] = watch_event_schema();
  schemas[concat(kMeta, "Patch")] = {
      {"description", "A change of an object, in the form that the Content-Type names."},
      {"type", "object"}};
  return document.dump();
}

std::string make_group_document() {
  Ordered document = skeleton();
  document["paths"][concat("/apis/", kGroup, "/")] =
      discovery_path("getBackupRhosoIoAPIGroup", "get information of a group");
  return document.dump();
}

}  // namespace

const std::string& openapi_v3() {
  static const std::string kText = make_document();
  return kText;
}

const std::string& openapi_v3_group() {
  static const std::string kText = make_group_document();
  return kText;
}

}  // namespace gb::api
