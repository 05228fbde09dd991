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

std::string key_of(const std::string& ns, const std::string& uid) {
  return kFolder + ns + "/" + uid;
}

}  // namespace

std::vector<std::string> BlockMark::read_only_before_on(const std::string& instance) const {
  const auto found = read_only_before.find(instance);
  return found == read_only_before.end() ? std::vector<std::string>() : found->second;
}

Status write_block_mark(storage::BlobStore& store, const BlockMark& mark) {
  api::Json json = {{"restore", mark.restore}, {"instances", mark.instances}};
  if (!mark.read_only_before.empty()) json[kReadOnlyBefore] = mark.read_only_before;
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
  if (const api::Json& before = api::member(json, kReadOnlyBefore); before.is_object())
    for (const auto& [instance, nodes] : before.items())
      mark.read_only_before[instance] = facts::texts(nodes);
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
