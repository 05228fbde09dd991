#include "api/meta.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "api/metadata_rules.h"
#include "api/text.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::api {
namespace {

constexpr std::size_t kMaxGenerateName = 58;
constexpr std::size_t kSuffixLength = 5;

std::string generated_name(std::string_view prefix, Rng& rng) {
  return concat(prefix.substr(0, kMaxGenerateName), make_name_suffix(rng, kSuffixLength));
}

void wipe_system_fields(Json& metadata) {
  for (const char* field : {"creationTimestamp", "uid", "deletionTimestamp",
                            "deletionGracePeriodSeconds", "selfLink", "managedFields"})
    metadata.erase(field);
}

// One owner is named once; the warning tells which were not.
void dedup_owners(Json& metadata, std::vector<std::string>& warnings) {
  const auto it = metadata.find("ownerReferences");
  if (it == metadata.end() || !it->is_array()) return;
  Json kept = Json::array();
  std::vector<std::string> doubles;
  for (Json& reference : *it) {
    if (std::find(kept.begin(), kept.end(), reference) == kept.end()) {
      kept.push_back(std::move(reference));
    } else {
      doubles.push_back(text_member(reference, "uid"));
    }
  }
  if (!doubles.empty())
    warnings.push_back(
        ".metadata.ownerReferences contains duplicate entries; API server dedups owner references "
        "in 1.20+, and may reject such requests as early as 1.24; please fix your requests; "
        "duplicate UID(s) observed: [" +
        join(doubles, " ") + "]");
  *it = std::move(kept);
}

void drop_empty(Json& metadata) {
  for (const char* field : {"annotations", "labels", "finalizers", "ownerReferences"}) {
    const auto it = metadata.find(field);
    if (it != metadata.end() && it->empty()) metadata.erase(it);
  }
}

Json& metadata_of(Json& object) {
  Json& metadata = object["metadata"];
  if (!metadata.is_object()) metadata = Json::object();
  return metadata;
}

// Takes the field over from `old`, absent there meaning absent here.
void carry(const Json& old, Json& updated, const char* field) {
  if (const Json& value = member(old, field); !value.is_null()) {
    updated[field] = value;
  } else {
    updated.erase(field);
  }
}

// What an update may not change. As k8s.io/apiserver: another creationTimestamp is not heard of,
// and neither is another deletionTimestamp of what is being deleted; a deletion is not begun by
// hand.
void check_and_carry_times(const Json& old, Json& updated, FieldErrors& errors) {
  const auto refuse_change = [&](const char* field) {
    const Json& value = member(updated, field);
    if (!value.is_null() && value != member(old, field))
      errors.push_back(
          invalid_field(std::string("metadata.") + field, value, "field is immutable"));
  };
  if (member(old, "deletionTimestamp").is_null()) refuse_change("deletionTimestamp");
  refuse_change("deletionGracePeriodSeconds");
  for (const char* field :
       {"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"})
    carry(old, updated, field);
}

}  // namespace

Outcome<void> prepare_create(const ResourceType& type, std::string_view ns, Json& object,
                             WallTime now, Rng& rng, std::vector<std::string>& warnings) {
  Json& metadata = metadata_of(object);
  wipe_system_fields(metadata);
  const std::string object_ns = text_member(metadata, "namespace");
  if (!object_ns.empty() && !ns.empty() && object_ns != ns)
    return refuse(
        bad_request("the namespace of the provided object does not match the namespace sent on the "
                    "request"));
  if (ns.empty()) {
    metadata.erase("namespace");
  } else {
    metadata["namespace"] = ns;
  }
  dedup_owners(metadata, warnings);
  drop_empty(metadata);
  metadata["uid"] = make_uuid(rng);
  metadata["creationTimestamp"] = to_rfc3339(now);
  metadata["generation"] = 1;
  const std::string prefix = text_member(metadata, "generateName");
  if (text_member(metadata, "name").empty()) {
    metadata.erase("name");
    if (!prefix.empty()) metadata["name"] = generated_name(prefix, rng);
  }
  object.erase("status");

  const std::string name = text_member(metadata, "name");
  FieldErrors errors = validate(type, object);
  if (errors.empty()) check_metadata(type, metadata, errors);
  if (errors.empty()) check_own_keys(Json(), metadata, "metadata", errors);
  if (!errors.empty()) return refuse(invalid_object(type, name, errors));
  if (!text_member(metadata, "resourceVersion").empty()) {
    ApiError error;
    error.code = 500;
    error.message = "resourceVersion should not be set on objects to be created";
    return refuse(std::move(error));
  }
  metadata.erase("resourceVersion");
  return {};
}

bool regenerate_name(Json& object, Rng& rng) {
  Json& metadata = metadata_of(object);
  const std::string prefix = text_member(metadata, "generateName");
  // A name that does not come from the prefix was chosen by the user.
  const std::string name = text_member(metadata, "name");
  const std::string cut = prefix.substr(0, kMaxGenerateName);
  if (prefix.empty() || !name.starts_with(cut) || name.size() != cut.size() + kSuffixLength)
    return false;
  metadata["name"] = generated_name(prefix, rng);
  return true;
}

Outcome<void> prepare_update(const ResourceType& type, UpdateKind kind, std::string_view ns,
                             std::string_view name, const Json& old, Json& updated,
                             std::vector<std::string>& warnings) {
  Json& metadata = metadata_of(updated);
  const Json& old_metadata = member(old, "metadata");
  const std::string body_name = text_member(metadata, "name");
  if (body_name.empty())
    return refuse(bad_request(concat("the name of the object (", name,
                                     " based on URL) was undeterminable: name must be provided")));
  if (body_name != name)
    return refuse(bad_request(concat("the name of the object (", body_name,
                                     ") does not match the name on the URL (", name, ")")));
  const std::string body_ns = text_member(metadata, "namespace");
  if (!body_ns.empty() && body_ns != ns)
    return refuse(bad_request(concat("the namespace of the object (", body_ns,
                                     ") does not match the namespace on the request (", ns, ")")));
  if (!ns.empty()) metadata["namespace"] = ns;

  const std::string uid = text_member(metadata, "uid");
  const std::string old_uid = text_member(old_metadata, "uid");
  if (kind == UpdateKind::kPut && !uid.empty() && uid != old_uid)
    return refuse(conflict(type, name,
                           concat("Precondition failed: UID in precondition: ", uid,
                                  ", UID in object meta: ", old_uid)));
  const std::string version = text_member(metadata, "resourceVersion");
  if (!version.empty() && version != text_member(old_metadata, "resourceVersion"))
    return refuse(modified_conflict(type, name));

  FieldErrors errors;
  if (version.empty())
    errors.push_back(
        invalid_field("metadata.resourceVersion", Json(0), "must be specified for an update"));
  if (!uid.empty() && uid != old_uid)
    errors.push_back(invalid_text("metadata.uid", uid, "field is immutable"));
  metadata["uid"] = old_uid;
  metadata.erase("managedFields");
  check_and_carry_times(old_metadata, metadata, errors);
  metadata.erase("selfLink");
  dedup_owners(metadata, warnings);
  drop_empty(metadata);
  carry(old, updated, "status");

  // What was stored before a field had a default is compared as it would be read today.
  Json before = {{"spec", member(old, "spec")}};
  apply_defaults(type, before);
  const FieldErrors immutable = validate_update(type, before, updated);
  check_metadata(type, metadata, errors);
  check_own_keys(old_metadata, metadata, "metadata", errors);
  check_new_finalizers(old_metadata, metadata, errors);
  // A spec that may not change and did not is not judged again: rules that came later must not
  // freeze the labels of an old object.
  if (member(before, "spec") != member(updated, "spec")) {
    FieldErrors wrong = validate(type, updated);
    if (wrong.empty()) wrong = immutable;
    errors.insert(errors.end(), wrong.begin(), wrong.end());
    metadata["generation"] = member(old_metadata, "generation").is_number_integer()
                                 ? member(old_metadata, "generation").get<std::int64_t>() + 1
                                 : 1;
  }
  if (!errors.empty()) return refuse(invalid_object(type, name, errors));
  return {};
}

bool same_content(const Json& a, const Json& b) {
  if (!a.is_object() || !b.is_object()) return a == b;
  Json one = a;
  Json other = b;
  metadata_of(one).erase("resourceVersion");
  metadata_of(other).erase("resourceVersion");
  return one == other;
}

DeleteAction begin_delete(const DeleteOptions& options, Json& object, WallTime now) {
  Json& metadata = metadata_of(object);
  std::vector<std::string> finalizers;
  bool orphan = false;
  bool foreground = false;
  const Json& before = member(metadata, "finalizers");
  for (std::size_t i = 0; before.is_array() && i < before.size(); ++i) {
    const std::string one = before[i].get<std::string>();
    if (one == "orphan") {
      orphan = true;
    } else if (one == "foregroundDeletion") {
      foreground = true;
    } else {
      finalizers.push_back(one);
    }
  }
  if (options.propagation != Propagation::kDefault) {
    orphan = options.propagation == Propagation::kOrphan;
    foreground = options.propagation == Propagation::kForeground;
  }
  if (orphan) finalizers.emplace_back("orphan");
  if (foreground) finalizers.emplace_back("foregroundDeletion");
  if (finalizers.empty()) return DeleteAction::kRemove;

  const bool marked = !text_member(metadata, "deletionTimestamp").empty();
  const Json after = finalizers;
  const std::set<std::string> wanted(finalizers.begin(), finalizers.end());
  std::set<std::string> had;
  for (std::size_t i = 0; before.is_array() && i < before.size(); ++i)
    had.insert(before[i].get<std::string>());
  if (marked && wanted == had) return DeleteAction::kNothing;
  if (wanted != had) metadata["finalizers"] = after;
  if (!marked) {
    metadata["deletionTimestamp"] = to_rfc3339(now);
    metadata["deletionGracePeriodSeconds"] = 0;
    if (const Json& generation = member(metadata, "generation"); generation.is_number_integer())
      metadata["generation"] = generation.get<std::int64_t>() + 1;
  }
  return DeleteAction::kMark;
}

bool finalized(const Json& object) {
  const Json& metadata = member(object, "metadata");
  const Json& finalizers = member(metadata, "finalizers");
  return !text_member(metadata, "deletionTimestamp").empty() && finalizers.empty();
}

std::string delete_status(const ResourceType& type, std::string_view name, std::string_view uid) {
  nlohmann::ordered_json status;
  status["kind"] = "Status";
  status["apiVersion"] = "v1";
  status["metadata"] = nlohmann::ordered_json::object();
  status["status"] = "Success";
  status["details"] = {{"name", name}, {"group", kGroup}, {"kind", type.plural}, {"uid", uid}};
  return status.dump() + "\n";
}

}  // namespace gb::api
