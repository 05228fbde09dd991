// The rows of a backup, in memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "galera/stream.h"

namespace gb::galera {

// `chunks` of encoded columns by the table's name.
class MemorySource final : public DumpSource {
 public:
  class Rows final : public TableSource {
   public:
    explicit Rows(const std::vector<Chunk>& chunks) : chunks_(chunks) {}
    [[nodiscard]] std::size_t chunk_count() const override { return chunks_.size(); }
    Result<Chunk> chunk(std::size_t index) override { return chunks_[index]; }

   private:
    const std::vector<Chunk>& chunks_;
  };
  Result<std::unique_ptr<TableSource>> table(const std::string& /*schema*/,
                                             const std::string& table) override {
    return std::make_unique<Rows>(chunks[table]);
  }
  std::map<std::string, std::vector<Chunk>> chunks;
};

}  // namespace gb::galera
