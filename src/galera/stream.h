// Where a dump goes to and where a restore comes from. The engine owns these interfaces and knows
// no store: src/jobs implements them over the repository, tests in memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace gb::galera {

// The sum modulo 2^128 of the rows' hashes (row_digest.h), little-endian.
using RowDigest = std::array<std::byte, 16>;

struct TableTotals {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // encoded column data
  RowDigest digest{};
  bool operator==(const TableTotals&) const = default;
};

// Receives one table. chunk() is called from several threads, for one range from one thread, in
// order.
class TableSink {
 public:
  virtual ~TableSink() = default;
  // `cut` is the hash of the chunk's last key; `columns` are encoded (column_codec.h), valid during
  // the call only.
  virtual Status chunk(unsigned range, std::uint64_t cut, std::uint64_t rows,
                       std::span<const Bytes> columns) = 0;
  virtual Status finish(const TableTotals& totals) = 0;
};

// Receives one instance's dump. Thread safety: all methods, from any thread.
class DumpSink {
 public:
  virtual ~DumpSink() = default;
  virtual Result<std::unique_ptr<TableSink>> table(const std::string& schema,
                                                   const std::string& table,
                                                   const std::vector<std::string>& columns) = 0;
};

struct Chunk {
  std::uint64_t rows = 0;
  std::vector<std::string> columns;  // encoded
};

// Thread safety: all methods, from any thread.
class TableSource {
 public:
  virtual ~TableSource() = default;
  [[nodiscard]] virtual std::size_t chunk_count() const = 0;
  virtual Result<Chunk> chunk(std::size_t index) = 0;
};

class DumpSource {
 public:
  virtual ~DumpSource() = default;
  virtual Result<std::unique_ptr<TableSource>> table(const std::string& schema,
                                                     const std::string& table) = 0;
};

}  // namespace gb::galera
