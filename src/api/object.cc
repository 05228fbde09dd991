#include "api/object.h"

#include <rapidjson/encodedstream.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

namespace gb::api {
namespace {

Result<std::string> text_of(const Json& metadata, const char* field) {
  const auto it = metadata.find(field);
  if (it == metadata.end() || it->is_null()) return std::string();
  if (!it->is_string())
    return fail(Code::kInvalid, std::string("metadata.") + field + " must be a string");
  return it->get<std::string>();
}

// Whether all of it is well-formed JSON, and an object: without a DOM, since thousands of stored
// objects are read when the server starts.
bool is_json_object(std::string_view json) {
  rapidjson::MemoryStream bytes(json.data(), json.size());
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> text(bytes);
  rapidjson::BaseReaderHandler<> nothing;
  rapidjson::Reader reader;
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  return json.starts_with('{') && !reader.Parse<kFlags>(text, nothing).IsError();
}

// The object that is the member "metadata" of compact JSON, which is known to be well formed.
std::string_view metadata_text(std::string_view json) {
  constexpr std::string_view kKey = "\"metadata\":";
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < json.size(); ++i) {
    switch (json[i]) {
      case '"':
        if (depth == 1 && json.substr(i, kKey.size()) == kKey) begin = i + kKey.size();
        for (++i; json[i] != '"'; ++i)
          if (json[i] == '\\') ++i;
        break;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (--depth == 1 && begin != 0) return json.substr(begin, i + 1 - begin);
        break;
      default:
        break;
    }
  }
  return {};
}

}  // namespace

Result<ObjectPtr> Object::make(std::string resource, std::uint64_t revision, Json dom) {
  std::shared_ptr<Object> object(new Object());
  object->key_.resource = std::move(resource);
  object->revision_ = revision;
  if (dom.is_object()) dom["metadata"]["resourceVersion"] = std::to_string(revision);
  GB_TRY(object->read_metadata(dom));
  // Bytes that are no UTF-8 can come from a database's error message; they must not stop a status.
  object->take_text(dom.dump(-1, ' ', false, Json::error_handler_t::replace));
  return object;
}

Result<ObjectPtr> Object::parse(std::string resource, std::string json) {
  if (!is_json_object(json)) return fail(Code::kCorruption, "a stored object is not JSON");
  std::shared_ptr<Object> object(new Object());
  object->key_.resource = std::move(resource);
  object->take_text(std::move(json));
  Json dom;
  if (object->metadata_size_ != 0)
    dom["metadata"] = Json::parse(object->metadata_json());
  else
    dom = object->dom();
  GB_TRY(object->read_metadata(dom));
  GB_TRY_ASSIGN(const std::string revision, text_of(dom["metadata"], "resourceVersion"));
  const auto [end, error] =
      std::from_chars(revision.data(), revision.data() + revision.size(), object->revision_);
  if (error != std::errc{} || end != revision.data() + revision.size())
    return fail(Code::kCorruption, "a stored object has no valid resourceVersion");
  return object;
}

Status Object::read_metadata(const Json& dom) {
  if (!dom.is_object() || !dom.contains("metadata") || !dom["metadata"].is_object())
    return fail(Code::kInvalid, "the object has no metadata");
  const Json& metadata = dom["metadata"];
  GB_TRY_ASSIGN(key_.ns, text_of(metadata, "namespace"));
  GB_TRY_ASSIGN(key_.name, text_of(metadata, "name"));
  GB_TRY_ASSIGN(uid_, text_of(metadata, "uid"));
  GB_TRY_ASSIGN(const std::string deleted, text_of(metadata, "deletionTimestamp"));
  being_deleted_ = !deleted.empty();
  if (const auto it = metadata.find("labels"); it != metadata.end() && !it->is_null()) {
    if (!it->is_object()) return fail(Code::kInvalid, "metadata.labels must be an object");
    for (const auto& [name, value] : it->items()) {
      if (!value.is_string()) return fail(Code::kInvalid, "metadata.labels must hold strings");
      labels_.emplace(name, value.get<std::string>());
    }
  }
  return {};
}

void Object::take_text(std::string json) {
  json_ = std::move(json);
  const std::string_view metadata = metadata_text(json_);
  if (metadata.empty()) return;  // text that is not compact, so none of ours: it shows no metadata
  metadata_at_ = static_cast<std::size_t>(metadata.data() - json_.data());
  metadata_size_ = metadata.size();
}

Json Object::dom() const {
  return Json::parse(json_);
}

}  // namespace gb::api
