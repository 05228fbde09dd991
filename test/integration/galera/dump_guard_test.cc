// A donor that does not keep up: what the guard does about it, in which order, and that it is
// undone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "galera/donor_guard.h"
#include "galera/topology.h"
#include "test/integration/galera/dump_support.h"

namespace gb::galera::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// What is told from other threads; none of it ever comes twice.
class Told {
 public:
  void add(const std::string& line) {
    std::cerr << "  " << line << "\n";
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  // Whether a line with these words came within a minute.
  [[nodiscard]] bool wait_for(const std::string& words) const {
    for (int i = 0; i < 600; ++i) {
      for (const std::string& line : lines())
        if (line.find(words) != std::string::npos) return true;
      std::this_thread::sleep_for(100ms);
    }
    return false;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

class DumpGuardTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!bed_has("GB_TEST_NODES") || bed_endpoint().nodes.size() < 3)
      GTEST_SKIP() << "no test bed of three nodes: run through test/harness/bed galera";
    sql({"DROP DATABASE IF EXISTS g1", "CREATE DATABASE g1", "CREATE TABLE g1.w (x INT)",
         "INSERT INTO g1.w VALUES (0)", "CREATE TABLE g1.keyless (id INT, x INT)", "USE g1",
         "INSERT INTO keyless SELECT seq, 0 FROM seq_1_to_800"});
    for (const char* table : {"a", "b", "c", "d"})
      sql({"USE g1", "CREATE TABLE " + std::string(table) + " (id INT PRIMARY KEY, t TEXT)",
           "INSERT INTO " + std::string(table) + " SELECT seq, MD5(seq) FROM seq_1_to_1000"});
  }
  void TearDown() override {
    overload_.reset();
    if (!IsSkipped()) sql({"DROP DATABASE g1"});
  }

  static NodeState state_of(const Address& node) {
    Connection connection = connect_to(bed_endpoint(), node);
    auto state = read_node_state(connection);
    if (!state) throw std::runtime_error(state.error().text());
    return *state;
  }
  static void expect_all_work() {
    for (const Address& node : bed_endpoint().nodes) {
      EXPECT_EQ(state_of(node).state, "Synced") << node.text();
      Connection connection = connect_to(bed_endpoint(), node);
      EXPECT_EQ(connection.scalar("SELECT @@GLOBAL.wsrep_desync").value(), Cell("0"));
      EXPECT_TRUE(connection.exec("UPDATE g1.w SET x = x + 1")) << node.text();
    }
  }

  // Writes what costs its node one look at a table and every other one a look for each row: without
  // a key a row is searched for. They cannot keep up.
  class Overload {
   public:
    explicit Overload(const std::string& table = "keyless")
        : writer_([this, table](const std::stop_token& stop) {
            const Endpoint endpoint = bed_endpoint();
            Connection connection = connect_to(endpoint, endpoint.nodes.front());
            while (!stop.stop_requested())
              (void)connection.exec(held_ ? std::string("UPDATE g1.w SET x = x + 1")
                                          : "UPDATE g1." + table + " SET x = x + 1");
          }) {}
    // From now on the node applies nothing, and the others keep up.
    void hold(const Address& node) {
      locker_.emplace(connect_to(bed_endpoint(), node));
      ASSERT_TRUE(locker_->exec("FLUSH TABLES WITH READ LOCK"));
      held_ = true;
    }

   private:
    std::optional<Connection> locker_;
    std::atomic<bool> held_ = false;
    std::jthread writer_;
  };
  std::optional<Overload> overload_;
};

TEST_F(DumpGuardTest, ReadsLessThenLeavesFlowControlThenGivesUp) {
  const Address donor = bed_endpoint().nodes.back();
  Told told;
  std::atomic<bool> gave_up = false;
  overload_.emplace();
  DonorGuard guard(
      bed_endpoint(), state_of(donor), {4, false, 20},
      [&](const std::string& line) { told.add(line); },
      [&](const Error& error) {
        if (gave_up.exchange(true)) return;
        told.add(error.text());
      });
  ASSERT_TRUE(told.wait_for("taken out of flow control"));
  overload_->hold(donor);
  EXPECT_TRUE(told.wait_for("does not catch up"));
  EXPECT_EQ(state_of(donor).state, "Donor/Desynced");
  EXPECT_THAT(told.lines(),
              ElementsAre(HasSubstr("reading on 2 of 4"), HasSubstr("reading on 1 of 4"),
                          HasSubstr("taken out of flow control until the dump ends"),
                          HasSubstr("does not catch up; dump at a quieter time")));
  overload_.reset();
  (void)guard.finish();
  EXPECT_THAT(told.lines(), SizeIs(5));
  EXPECT_THAT(told.lines().back(), HasSubstr("catches up with the cluster"));
  expect_all_work();
}

// The pauses that it asks for keep its queue short: that never grows beyond hope.
TEST_F(DumpGuardTest, GivesUpADonorThatPausesItsClusterAndThatItMayNotTakeOut) {
  sql({"CREATE OR REPLACE USER weak IDENTIFIED BY 'pw'",
       "GRANT SELECT, RELOAD, PROCESS ON *.* TO weak"});
  Endpoint weak = bed_endpoint();
  weak.user = "weak";
  weak.password = "pw";
  const Address donor = weak.nodes.back();
  Told told;
  std::atomic<bool> gave_up = false;
  // Of all nodes this one alone has to look for each row.
  sql({"CREATE TABLE g1.slow_there (id INT PRIMARY KEY, x INT)", "USE g1",
       "INSERT INTO slow_there SELECT seq, 0 FROM seq_1_to_800"});
  {
    Connection there = connect_to(bed_endpoint(), donor);
    ASSERT_TRUE(there.exec("SET SESSION wsrep_sync_wait = 1"));
    ASSERT_EQ(there.scalar("SELECT COUNT(*) FROM g1.slow_there").value(), Cell("800"));
    ASSERT_TRUE(there.exec("SET SESSION wsrep_on = OFF"));
    ASSERT_TRUE(there.exec("ALTER TABLE g1.slow_there DROP PRIMARY KEY"));
  }
  overload_.emplace("slow_there");
  DonorGuard guard(
      weak, state_of(donor), {4, false}, [&](const std::string& line) { told.add(line); },
      [&](const Error& error) {
        if (gave_up.exchange(true)) return;
        told.add(error.text());
      });
  ASSERT_TRUE(told.wait_for("and could not be taken out of flow control"));
  EXPECT_TRUE(told.wait_for("goes on making its cluster wait for it"));
  EXPECT_THAT(told.lines().back(), HasSubstr("GRANT SUPER ON *.* TO the user, which wsrep_desync "
                                             "needs; or dump at a quieter time"));
  overload_.reset();
  (void)guard.finish();
  sql({"DROP USER weak"});
  expect_all_work();
}

// Pressure that never ends leaves one reader; the others have begun something, which is read, too.
TEST_F(DumpGuardTest, ADumpThatIsHeldBackToItsEndIsWhole) {
  static const SystemClock clock;
  Told told;
  DumpOptions options;
  options.databases = {"g1"};
  options.content = Content::kData;
  options.threads = 4;
  Endpoint endpoint = bed_endpoint();
  endpoint.active_node = endpoint.nodes.front().text();  // that is written through
  const auto dump =
      Dump::make(endpoint, options, clock, [&](const std::string& line) { told.add(line); });
  ASSERT_TRUE(dump->connect({}));
  ASSERT_TRUE(dump->open_snapshot({}));
  overload_.emplace();
  Dumped dumped;
  dumped.sink->on_chunk = [&](const std::string&, const std::string&) -> Status {
    EXPECT_TRUE(told.wait_for("taken out of flow control"));
    return {};
  };
  // The pressure ends when only the catching up is left.
  std::jthread end([&] {
    EXPECT_TRUE(told.wait_for("catches up with the cluster"));
    overload_.reset();
  });
  Progress progress;
  auto model = dump->run(*dumped.sink, progress, {});
  end.join();
  ASSERT_TRUE(model) << model.error().text();
  dumped.model = std::move(*model);
  expect_whole(dumped);
  EXPECT_EQ(dumped.table("g1", "d").totals.rows, 1000U);
  expect_all_work();
}

}  // namespace
}  // namespace gb::galera::test
