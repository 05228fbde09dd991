#include "api/schema.h"

#include <algorithm>

#include "api/schema_build.h"

namespace gb::api {

bool ResourceType::has_verb(std::string_view verb) const {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

const Subresource* ResourceType::subresource(std::string_view name) const {
  const auto it = std::find_if(subresources.begin(), subresources.end(),
                               [&](const Subresource& one) { return one.name == name; });
  return it == subresources.end() ? nullptr : &*it;
}

const std::vector<ResourceType>& resources() {
  static const std::vector<ResourceType> kResources = {build::backups(), build::schedules(),
                                                       build::stores(), build::restores()};
  return kResources;
}

const ResourceType* find_resource(std::string_view plural) {
  for (const ResourceType& type : resources())
    if (type.plural == plural) return &type;
  return nullptr;
}

const ResourceType* find_resource_by_kind(std::string_view kind) {
  for (const ResourceType& type : resources())
    if (type.kind == kind) return &type;
  return nullptr;
}

const Property* find_property(const Schema& schema, std::string_view name) {
  for (const Property& property : schema.properties)
    if (property.name == name) return &property;
  return nullptr;
}

}  // namespace gb::api
