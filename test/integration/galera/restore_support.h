// Two real clusters, a dump kept in memory, and the question whether two instances hold the same.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "galera/connection.h"
#include "galera/engine.h"

namespace gb::galera::test {

// Where the test bed says that a cluster is: suffix "" or "2". A test without a bed is skipped.
bool have_bed();
Endpoint endpoint(const std::string& suffix);

// A dump, kept in memory: sink while dumping, source while restoring.
class MemoryDump final : public DumpSink, public DumpSource {
 public:
  Result<std::unique_ptr<TableSink>> table(const std::string& schema, const std::string& table,
                                           const std::vector<std::string>& columns) override;
  Result<std::unique_ptr<TableSource>> table(const std::string& schema,
                                             const std::string& table) override;
  // Called before each chunk is given to a restore; an error stops it.
  std::function<Status()> before_chunk;

  struct Rows {
    std::mutex mutex;
    std::map<unsigned, std::vector<Chunk>> ranges;
  };

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Rows>> tables_;
};

struct Backup {
  InstanceModel model;
  std::unique_ptr<MemoryDump> rows = std::make_unique<MemoryDump>();
};
Backup back_up(const Endpoint& from, std::vector<std::string> databases = {},
               Content content = Content::kData);

Result<RestoreReport> restore(const Endpoint& onto, const Backup& backup,
                              RestoreOptions options = {}, const Narrator& narrate = {},
                              std::stop_token stop = {});

// Everything that a model holds, one line a thing: what EXPECT_EQ compares and shows.
std::map<std::string, std::string> contents(const InstanceModel& model);

Connection connect(const Endpoint& to);
void run(const Endpoint& on, const std::vector<std::string>& statements);
std::string ask(const Endpoint& on, const std::string& sql);
// Drops every schema and account that is not the server's own.
void empty(const Endpoint& what);

// Both clusters begin empty.
class RestoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_bed()) GTEST_SKIP() << "needs two clusters: test/harness/bed galera --second -- …";
    from_ = endpoint("");
    onto_ = endpoint("2");
    empty(from_);
    empty(onto_);
  }

  // Two schemas as OpenStack's services have them, with keys between them.
  void make_openstack() const;
  // What two clusters hold.
  static void expect_same(const Endpoint& expected, const Endpoint& found) {
    EXPECT_EQ(contents(back_up(expected).model), contents(back_up(found).model));
  }

  Endpoint from_;
  Endpoint onto_;
};

}  // namespace gb::galera::test
