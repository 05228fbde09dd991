// A real cluster, and a sink that takes every dump apart again: what it decodes must give the
// digests that the dump claims.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "galera/connection.h"
#include "galera/engine.h"

namespace gb::galera::test {

// The cluster that the test bed says is there.
Endpoint bed_endpoint();
bool bed_has(const char* variable);
// What the bed does to a node: "kill", "start", "isolate", … The node is told by its address.
void bed_node(const std::string& address, const std::string& verb);
std::string bed_folder_of(const std::string& address);  // of the node

Connection connect_to(const Endpoint& endpoint, const Address& node);
// Statements on the first node; a failure is a failure of the test.
void sql(const std::vector<std::string>& statements);
std::string value_of(const std::string& select);

// One decoded value; none: NULL. Numbers as column_codec.h has them.
struct Value {
  bool null = false;
  std::uint64_t number = 0;
  std::string bytes;
  bool operator==(const Value&) const = default;
};

struct TableSeen {
  std::vector<std::string> columns;
  std::map<unsigned, std::vector<std::pair<std::uint64_t, Chunk>>> ranges;  // with the chunks' cuts
  std::optional<TableTotals> totals;
  [[nodiscard]] std::vector<std::uint64_t> cuts() const;
};

class MemorySink final : public DumpSink {
 public:
  Result<std::unique_ptr<TableSink>> table(const std::string& schema, const std::string& table,
                                           const std::vector<std::string>& columns) override;
  // Called with each chunk's table, before it is kept; an error goes back to the dump.
  std::function<Status(const std::string& schema, const std::string& table)> on_chunk;
  std::map<std::pair<std::string, std::string>, TableSeen> tables;
  std::mutex mutex;
};

struct Dumped {
  InstanceModel model;
  std::unique_ptr<MemorySink> sink = std::make_unique<MemorySink>();
  [[nodiscard]] const Table& table(const std::string& schema, const std::string& name) const;
  // All rows of a table: column name to value, in the order of the dump.
  [[nodiscard]] std::vector<std::map<std::string, Value>> rows(const std::string& schema,
                                                               const std::string& name) const;
};

// Connects, opens the snapshot and runs; the sink of `into` may have been given a hook.
Status dump_into(Dumped& into, DumpOptions options = {}, std::stop_token stop = {},
                 const Endpoint& endpoint = bed_endpoint());
// The same, which must succeed and whose every table must hold together.
Dumped dump(DumpOptions options = {});
// Decodes everything, and compares rows and digests with what the dump says.
void expect_whole(const Dumped& dumped);

}  // namespace gb::galera::test
