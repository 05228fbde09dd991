#include "api/patch.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "api/strategic_merge.h"
#include "api/text.h"
#include "base/text.h"

namespace gb::api {
namespace {

constexpr std::size_t kMaxCopied = std::size_t{1} << 20;

std::size_t depth_of(const Json& value) {
  std::size_t deepest = 0;
  if (value.is_structured())
    for (const Json& one : value) deepest = std::max(deepest, depth_of(one));
  return deepest + 1;
}

// What an operation puts where: `from` of the document, or its own value. Null: nothing.
const Json* placed_value(const Json& operation, const Json& document) {
  const std::string op = text_member(operation, "op");
  if (op == "add" || op == "replace") return &member(operation, "value");
  if (op == "copy" || op == "move")
    return &document.at(Json::json_pointer(text_member(operation, "from")));
  return nullptr;
}

// RFC 6902, one operation after the other. Copies can double a document each time and nest it into
// itself: both are bounded.
Outcome<Json> apply_json_patch(const Json& patch, const Json& current) {
  Json document = current;
  std::size_t copied = 0;
  try {
    for (const Json& operation : patch) {
      if (const Json* placed = placed_value(operation, document)) {
        const std::string path = text_member(operation, "path");
        const auto levels = static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
        if (levels + depth_of(*placed) > kMaxDepth) return refuse(unprocessable());
        if (text_member(operation, "op") == "copy") copied += placed->dump().size();
        if (copied > kMaxCopied) return refuse(unprocessable());
      }
      document.patch_inplace(Json::array({operation}));
    }
  } catch (const Json::exception&) {
    return refuse(unprocessable());
  }
  return document;
}

Outcome<void> check_operations(const Json& patch, std::vector<std::string>& problems) {
  if (!patch.is_array())
    return refuse(
        bad_request(concat("error decoding patch: json: cannot unmarshal ", patch.type_name(),
                           " into Go value of type []v1.jsonPatchOp")));
  if (patch.size() > kMaxPatchOperations)
    return refuse(entity_too_large(concat("The allowed maximum operations in a JSON patch is ",
                                          std::to_string(kMaxPatchOperations), ", got ",
                                          std::to_string(patch.size()))));
  static const std::set<std::string> kFields = {"op", "path", "from", "value"};
  for (std::size_t i = 0; i < patch.size(); ++i) {
    if (!patch[i].is_object())
      return refuse(
          bad_request(concat("error decoding patch: json: cannot unmarshal ", patch[i].type_name(),
                             " into Go value of type v1.jsonPatchOp")));
    for (const auto& [key, value] : patch[i].items())
      if (kFields.count(key) == 0)
        problems.push_back(
            concat("json patch unknown field ", quote(concat("[", std::to_string(i), "].", key))));
  }
  return {};
}

}  // namespace

Outcome<PatchType> patch_type(std::string_view content_type) {
  const std::string_view media = trim(content_type.substr(0, content_type.find(';')));
  if (media == "application/json-patch+json") return PatchType::kJson;
  if (media == "application/merge-patch+json") return PatchType::kMerge;
  if (media == "application/strategic-merge-patch+json") return PatchType::kStrategic;
  return refuse(
      unsupported_media_type({"application/json-patch+json", "application/merge-patch+json",
                              "application/strategic-merge-patch+json"}));
}

Outcome<Json> apply_patch(const ResourceType& type, PatchType patch, std::string_view body,
                          const Json& current, FieldValidation validation,
                          std::vector<std::string>& warnings) {
  std::vector<std::string> problems;
  Result<Json> parsed = parse_document(body, BodyFormat::kJson, problems);
  if (!parsed) return refuse(bad_request("error decoding patch: " + parsed.error().message));
  if (patch == PatchType::kJson) {
    for (std::string& problem : problems) problem = "json patch " + problem;
    if (Outcome<void> fits = check_operations(*parsed, problems); !fits)
      return refuse(std::move(fits).error());
    Outcome<Json> patched = apply_json_patch(*parsed, current);
    if (!patched) return refuse(std::move(patched).error());
    return decode_patched(type, *std::move(patched), validation, problems, warnings);
  }
  if (!parsed->is_object())
    return refuse(
        bad_request(concat("error decoding patch: json: cannot unmarshal ", parsed->type_name(),
                           " into Go value of type map[string]interface {}")));
  if (patch == PatchType::kStrategic) {
    Outcome<Json> merged = strategic_merge(type.schema, current, *std::move(parsed));
    if (!merged) return refuse(std::move(merged).error());
    return decode_patched(type, *std::move(merged), validation, problems, warnings);
  }
  Json patched = current;
  patched.merge_patch(*parsed);
  return decode_patched(type, std::move(patched), validation, problems, warnings);
}

}  // namespace gb::api
