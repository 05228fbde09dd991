#include "storage/log/commit.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "storage/log/sealed_json.h"

namespace gb::storage {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kLogPrefix = "log/";
constexpr std::string_view kLogSuffix = ".json";
constexpr std::string_view kCheckpointPrefix = "checkpoint/";
constexpr std::string_view kCheckpointSuffix = ".json.zst";
constexpr std::size_t kDigits = 20;

std::string key_of(std::string_view prefix, std::uint64_t revision, std::string_view suffix) {
  const std::string digits = std::to_string(revision);
  std::string key(prefix);
  key.append(kDigits - digits.size(), '0').append(digits).append(suffix);
  return key;
}

Result<std::uint64_t> revision_in(std::string_view prefix, std::string_view key,
                                  std::string_view suffix) {
  std::uint64_t revision = 0;
  if (key.starts_with(prefix) && key.ends_with(suffix) &&
      key.size() == prefix.size() + kDigits + suffix.size()) {
    const char* begin = key.data() + prefix.size();
    const auto [end, error] = std::from_chars(begin, begin + kDigits, revision);
    if (error == std::errc{} && end == begin + kDigits) return revision;
  }
  return fail(Code::kInvalid, std::string(key) + " has no revision in its name");
}

tl::unexpected<Error> damaged_commit(std::string_view key, const std::string& why) {
  return fail(Code::kCorruption, std::string(key) + " is damaged: " + why);
}

Result<Mutation> decode_mutation(std::string_view key, const Json& dom, std::uint64_t revision) {
  Mutation mutation;
  mutation.key.resource = dom.value("resource", "");
  if (mutation.key.resource.empty()) return damaged_commit(key, "a mutation has no resource");
  if (const auto put = dom.find("put"); put != dom.end()) {
    auto object = api::Object::parse(mutation.key.resource, put->dump());
    if (!object) return damaged_commit(key, object.error().message);
    if ((*object)->revision() != revision)
      return damaged_commit(key, "an object is of another revision");
    mutation.key = (*object)->key();
    mutation.object = std::move(*object);
  } else if (const auto del = dom.find("delete"); del != dom.end()) {
    mutation.key.ns = del->value("namespace", "");
    mutation.key.name = del->value("name", "");
  } else {
    return damaged_commit(key, "a mutation neither puts nor deletes");
  }
  if (mutation.key.name.empty()) return damaged_commit(key, "a mutation names no object");
  return mutation;
}

}  // namespace

std::string log_key(std::uint64_t first) {
  return key_of(kLogPrefix, first, kLogSuffix);
}

std::string checkpoint_key(std::uint64_t revision) {
  return key_of(kCheckpointPrefix, revision, kCheckpointSuffix);
}

Result<std::uint64_t> revision_of_log_key(std::string_view key) {
  return revision_in(kLogPrefix, key, kLogSuffix);
}

Result<std::uint64_t> revision_of_checkpoint_key(std::string_view key) {
  return revision_in(kCheckpointPrefix, key, kCheckpointSuffix);
}

std::string encode(Commit& commit) {
  std::string text = "{\"format\":1,\"first\":" + std::to_string(commit.first) +
                     ",\"last\":" + std::to_string(commit.last()) + ",\"id\":\"" + commit.id +
                     "\",\"writer\":" + json_string(commit.writer) + ",\"time\":\"" +
                     to_rfc3339_micro(commit.time) + "\",\"previous\":\"" +
                     to_hex(commit.previous) + "\",\"mutations\":[";
  for (const Mutation& mutation : commit.mutations) {
    if (&mutation != commit.mutations.data()) text += ',';
    text += "\n{\"resource\":" + json_string(mutation.key.resource);
    if (mutation.object) {
      text.append(",\"put\":").append(mutation.object->json()).append("}");
    } else {
      text += ",\"delete\":{\"namespace\":" + json_string(mutation.key.ns) +
              ",\"name\":" + json_string(mutation.key.name) + "}}";
    }
  }
  return seal_json(std::move(text) + "]", &commit.digest);
}

Result<Commit> decode_commit(std::string_view key, std::string_view text) {
  GB_TRY_ASSIGN(const std::uint64_t first, revision_of_log_key(key));
  Json dom;
  GB_TRY_ASSIGN(const Sha256 digest, open_json(key, text, dom));
  try {
    Commit commit;
    commit.digest = digest;
    commit.first = dom.at("first").get<std::uint64_t>();
    commit.id = dom.at("id").get<std::string>();
    commit.writer = dom.at("writer").get<std::string>();
    GB_TRY_ASSIGN(commit.time, from_rfc3339(dom.at("time").get<std::string>()));
    GB_TRY_ASSIGN(commit.previous, digest_from_hex(key, dom.at("previous").get<std::string>()));
    if (commit.first != first) return damaged_commit(key, "it is the commit of another revision");
    for (const Json& mutation : dom.at("mutations")) {
      GB_TRY_ASSIGN(Mutation decoded,
                    decode_mutation(key, mutation, first + commit.mutations.size()));
      commit.mutations.push_back(std::move(decoded));
    }
    if (commit.mutations.empty() || commit.last() != dom.at("last").get<std::uint64_t>())
      return damaged_commit(key, "it does not hold the revisions that it claims");
    return commit;
  } catch (const Json::exception& error) {
    return damaged_commit(key, error.what());
  }
}

}  // namespace gb::storage
