#include "api/metadata_rules.h"

#include <nlohmann/json.hpp>
#include <set>

#include "api/meta.h"
#include "api/text.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::api {
namespace {

constexpr std::size_t kMaxAnnotations = std::size_t{256} << 10;

// A prefix may end with the dash that the generated part is put behind.
std::string mask_trailing_dash(std::string name) {
  if (name.size() > 1 && name.back() == '-') {
    name.pop_back();
    name.back() = 'a';
  }
  return name;
}

void check_names(const ResourceType& type, const Json& metadata, FieldErrors& errors) {
  const std::string prefix = text_member(metadata, "generateName");
  if (!prefix.empty())
    if (std::string wrong = check_dns1123_subdomain(mask_trailing_dash(prefix)); !wrong.empty())
      errors.push_back(invalid_text("metadata.generateName", prefix, std::move(wrong)));
  const std::string name = text_member(metadata, "name");
  if (name.empty()) {
    errors.push_back(required_field("metadata.name", "name or generateName is required"));
  } else if (std::string wrong = check_dns1123_subdomain(name); !wrong.empty()) {
    errors.push_back(invalid_text("metadata.name", name, std::move(wrong)));
  }
  const std::string ns = text_member(metadata, "namespace");
  if (!type.namespaced) {
    if (!ns.empty())
      errors.push_back(forbidden_field("metadata.namespace", "not allowed on this type"));
  } else if (ns.empty()) {
    errors.push_back(required_field("metadata.namespace", ""));
  } else if (std::string wrong = check_dns1123_label(ns); !wrong.empty()) {
    errors.push_back(invalid_text("metadata.namespace", ns, std::move(wrong)));
  }
}

void check_owners(const Json& owners, FieldErrors& errors) {
  if (!owners.is_array()) return;
  std::string controller;
  for (const Json& owner : owners) {
    const std::string version = text_member(owner, "apiVersion");
    const std::string path = "metadata.ownerReferences";
    if (version.empty() || version.back() == '/')
      errors.push_back(invalid_text(path + ".apiVersion", version, "version must not be empty"));
    for (const char* field : {"kind", "name", "uid"})
      if (text_member(owner, field).empty())
        errors.push_back(invalid_text(concat(path, ".", field), "", "must not be empty"));
    if (version == "v1" && text_member(owner, "kind") == "Event")
      errors.push_back(
          invalid_field(path, owner, "/v1, Kind=Event is disallowed from being an owner"));
    const Json& is_controller = member(owner, "controller");
    if (!is_controller.is_boolean() || !is_controller.get<bool>()) continue;
    const std::string name = text_member(owner, "kind") + "/" + text_member(owner, "name");
    if (!controller.empty())
      errors.push_back(invalid_field(
          path, owners,
          concat("Only one reference can have Controller set to true. Found \"true\" in references "
                 "for ",
                 controller, " and ", name)));
    controller = name;
  }
}

void check_finalizers(const Json& finalizers, FieldErrors& errors) {
  if (!finalizers.is_array()) return;
  bool orphan = false;
  bool foreground = false;
  for (const Json& one : finalizers) {
    const std::string name = one.get<std::string>();
    for (std::string& wrong : check_qualified_name(name))
      errors.push_back(invalid_text("metadata.finalizers", name, std::move(wrong)));
    orphan = orphan || name == "orphan";
    foreground = foreground || name == "foregroundDeletion";
  }
  if (orphan && foreground)
    errors.push_back(invalid_field("metadata.finalizers", finalizers,
                                   "finalizer orphan and foregroundDeletion cannot be both set"));
}

}  // namespace

void check_labels(const Json& labels, std::string_view path, FieldErrors& errors) {
  if (!labels.is_object()) return;
  for (const auto& [key, value] : labels.items()) {
    for (std::string& wrong : check_qualified_name(key))
      errors.push_back(invalid_text(std::string(path), key, std::move(wrong)));
    const std::string text = value.get<std::string>();
    for (std::string& wrong : check_label_value(text))
      errors.push_back(invalid_text(std::string(path), text, std::move(wrong)));
  }
}

void check_annotations(const Json& annotations, std::string_view path, FieldErrors& errors) {
  if (!annotations.is_object()) return;
  std::size_t size = 0;
  for (const auto& [key, value] : annotations.items()) {
    for (std::string& wrong : check_qualified_name(to_lower(key)))
      errors.push_back(invalid_text(std::string(path), key, std::move(wrong)));
    size += key.size() + value.get_ref<const std::string&>().size();
  }
  if (size > kMaxAnnotations) {
    FieldError error;
    error.type = FieldError::Type::kTooLong;
    error.field = path;
    error.detail = "may not be more than " + std::to_string(kMaxAnnotations) + " bytes";
    errors.push_back(std::move(error));
  }
}

void check_metadata(const ResourceType& type, const Json& metadata, FieldErrors& errors) {
  check_names(type, metadata, errors);
  check_labels(member(metadata, "labels"), "metadata.labels", errors);
  check_annotations(member(metadata, "annotations"), "metadata.annotations", errors);
  check_owners(member(metadata, "ownerReferences"), errors);
  check_finalizers(member(metadata, "finalizers"), errors);
}

void check_own_keys(const Json& old_metadata, const Json& metadata, std::string_view path,
                    FieldErrors& errors) {
  const std::string prefix = concat(kGroup, "/");
  for (const char* field : {"labels", "annotations"}) {
    const Json& before = member(old_metadata, field);
    const Json& after = member(metadata, field);
    std::set<std::string> own;
    for (const Json* side : {&before, &after})
      if (side->is_object())
        for (const auto& [key, value] : side->items())
          if (key.starts_with(prefix) && member(before, key) != member(after, key)) own.insert(key);
    for (const std::string& key : own)
      errors.push_back(forbidden_field(concat(path, ".", field, "[", key, "]"),
                                       "only the server itself writes what begins with " + prefix));
  }
}

void check_new_finalizers(const Json& old_metadata, const Json& metadata, FieldErrors& errors) {
  if (text_member(old_metadata, "deletionTimestamp").empty()) return;
  std::set<std::string> known;
  if (const Json& before = member(old_metadata, "finalizers"); before.is_array())
    for (const Json& one : before) known.insert(one.get<std::string>());
  std::set<std::string> added;
  if (const Json& after = member(metadata, "finalizers"); after.is_array())
    for (const Json& one : after)
      if (known.count(one.get<std::string>()) == 0) added.insert(quote(one.get<std::string>()));
  if (added.empty()) return;
  errors.push_back(forbidden_field(
      "metadata.finalizers",
      concat("no new finalizers can be added if the object is being deleted, found new finalizers "
             "[]string{",
             join({added.begin(), added.end()}, ", "), "}")));
}

}  // namespace gb::api
