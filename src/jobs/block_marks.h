// What stands in the store for as long as a restore may have made nodes read_only, which themselves
// do not tell who did: blocked/<namespace>/<uid> (docs/repository-format.md). It is there before
// the first node is touched and goes when the last is given back, so that whoever is left can do
// it, whatever became of the restore, its object or its server.
//
// Thread safety: functions, from any thread. Errors are those of the store.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "storage/blob/blob_store.h"

namespace gb::jobs {

struct BlockMark {
  std::string ns;
  std::string uid;  // of the restore
  std::string restore;
  std::vector<std::string> instances;
  // By instance, the nodes ("host:port") that somebody had made read_only before: they stay so.
  std::map<std::string, std::vector<std::string>> read_only_before = {};
  // By instance, all its nodes: which cluster it is, whatever it is called elsewhere.
  std::map<std::string, std::vector<std::string>> nodes = {};
  [[nodiscard]] std::vector<std::string> read_only_before_on(const std::string& instance) const;
  [[nodiscard]] std::vector<std::string> nodes_of(const std::string& instance) const;
};

// Durable when it returns.
Status write_block_mark(storage::BlobStore& store, const BlockMark& mark);
// Of the instances of the mark only `still` are blocked: it says so, or goes.
Status settle_block_mark(storage::BlobStore& store, BlockMark mark, std::vector<std::string> still);
// NotFound: nothing is blocked; Corruption.
Result<BlockMark> read_block_mark(storage::BlobStore& store, const std::string& ns,
                                  const std::string& uid);
// Their namespaces and uids.
Result<std::vector<std::pair<std::string, std::string>>> list_block_marks(
    storage::BlobStore& store);

}  // namespace gb::jobs
