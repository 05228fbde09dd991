#include "jobs/block_marks.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/text.h"
#include "jobs/facts.h"

namespace gb::jobs {
namespace {

constexpr const char* kFolder = "blocked/";
constexpr const char* kReadOnlyBefore = "readOnlyBefore";
constexpr const char* kNodes = "nodes";

using NodesByInstance = std::map<std::string, std::vector<std::string>>;

std::vector<std::string> nodes_in(const NodesByInstance& all, const std::string& instance) {
  const auto found = all.find(instance);
  return found == all.end() ? std::vector<std::string>() : found->second;
}

void read_nodes(const api::Json& json, NodesByInstance& all) {
  if (!json.is_object()) return;
  for (const auto& [instance, nodes] : json.items()) all[instance] = facts::texts(nodes);
}

std::string key_of(const std::string& ns, const std::string& uid) {
  return kFolder + ns + "/" + uid;
}

}  // namespace

std::vector<std::string> BlockMark::read_only_before_on(const std::string& instance) const {
  return nodes_in(read_only_before, instance);
}

std::vector<std::string> BlockMark::nodes_of(const std::string& instance) const {
  return nodes_in(nodes, instance);
}

Status write_block_mark(storage::BlobStore& store, const BlockMark& mark) {
  api::Json json = {{"restore", mark.restore}, {"instances", mark.instances}};
  if (!mark.read_only_before.empty()) json[kReadOnlyBefore] = mark.read_only_before;
  if (!mark.nodes.empty()) json[kNodes] = mark.nodes;
  return storage::put(store, key_of(mark.ns, mark.uid), as_bytes(json.dump()));
}

Status settle_block_mark(storage::BlobStore& store, BlockMark mark,
                         std::vector<std::string> still) {
  if (still.empty()) return store.remove(key_of(mark.ns, mark.uid));
  mark.instances = std::move(still);
  return write_block_mark(store, mark);
}

Result<BlockMark> read_block_mark(storage::BlobStore& store, const std::string& ns,
                                  const std::string& uid) {
  const std::string key = key_of(ns, uid);
  GB_TRY_ASSIGN(const std::string text, store.get(key));
  const api::Json json = api::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  BlockMark mark{ns, uid, api::text_member(json, "restore"),
                 facts::texts(api::member(json, "instances"))};
  if (mark.restore.empty() || mark.instances.empty())
    return fail(Code::kCorruption, "the mark " + key + " is not what a restore leaves",
                "see with SELECT @@GLOBAL.read_only which nodes are left read_only, and remove it");
  read_nodes(api::member(json, kReadOnlyBefore), mark.read_only_before);
  read_nodes(api::member(json, kNodes), mark.nodes);
  return mark;
}

Result<std::vector<std::pair<std::string, std::string>>> list_block_marks(
    storage::BlobStore& store) {
  GB_TRY_ASSIGN(const std::vector<storage::BlobInfo> blobs, store.list(kFolder));
  std::vector<std::pair<std::string, std::string>> marks;
  for (const storage::BlobInfo& blob : blobs)
    if (const auto parts = split(blob.key, '/'); parts.size() == 3)
      marks.emplace_back(parts[1], parts[2]);
  return marks;
}

}  // namespace gb::jobs
