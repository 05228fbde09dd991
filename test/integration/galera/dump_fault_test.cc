// What goes wrong around a dump is said so that one knows what to do, and leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>

#include "base/wait.h"
#include "galera/desync.h"
#include "galera/topology.h"
#include "test/integration/galera/dump_network.h"
#include "test/integration/galera/dump_support.h"

namespace gb::galera::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class DumpFaultTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!bed_has("GB_TEST_NODES"))
      GTEST_SKIP() << "no test bed: run through test/harness/bed galera";
    sql({"DROP DATABASE IF EXISTS f1", "CREATE DATABASE f1",
         "CREATE TABLE f1.large (id INT PRIMARY KEY, t TEXT)",
         "CREATE TABLE f1.small (id INT PRIMARY KEY, x INT)",
         "INSERT INTO f1.small VALUES (1, 1)"});
    for (int part = 0; part < 4; ++part)
      sql({"USE f1", "INSERT INTO large SELECT seq, REPEAT(MD5(seq), 16) FROM seq_" +
                         std::to_string(part * 10'000 + 1) + "_to_" +
                         std::to_string((part + 1) * 10'000)});
  }
  // One connection: the large table is read before the small one.
  static DumpOptions options() {
    DumpOptions out;
    out.databases = {"f1"};
    out.content = Content::kData;
    out.threads = 1;
    return out;
  }
  static void expect_all_synced() {
    const auto topology = inspect(bed_endpoint(), {});
    ASSERT_TRUE(topology);
    for (const NodeState& node : topology->nodes)
      EXPECT_EQ(node.state, "Synced") << node.address.text() << " " << node.error;
  }
};

TEST_F(DumpFaultTest, AWrongPasswordSaysSo) {
  Endpoint endpoint = bed_endpoint();
  endpoint.password = "wrong";
  Dumped dumped;
  const Status status = dump_into(dumped, options(), {}, endpoint);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kForbidden);
  EXPECT_THAT(status.error().text(), HasSubstr("wrong password, or the server requires TLS"));
  EXPECT_THAT(status.error().text(), testing::Not(HasSubstr("\"wrong\"")));
}

TEST_F(DumpFaultTest, AMissingPrivilegeIsNamed) {
  sql({"CREATE OR REPLACE USER weak IDENTIFIED BY 'pw'",
       "GRANT SELECT, SHOW VIEW, TRIGGER ON *.* TO weak"});
  Endpoint endpoint = bed_endpoint();
  endpoint.user = "weak";
  endpoint.password = "pw";
  Dumped dumped;
  Status status = dump_into(dumped, options(), {}, endpoint);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kForbidden);
  EXPECT_THAT(status.error().message, HasSubstr("lacks the privilege EVENT on `f1`.*"));
  sql({"GRANT EVENT ON `f_`.* TO weak"});
  status = dump_into(dumped, options(), {}, endpoint);
  EXPECT_THAT(status.error().message, HasSubstr("RELOAD on *.*"));
  sql({"GRANT RELOAD ON *.* TO weak"});
  status = dump_into(dumped, options(), {}, endpoint);
  EXPECT_TRUE(status) << status.error().text();
  // Who may not ask where the log ends is told the GTID of the snapshot all the same.
  if (value_of("SELECT @@log_bin") == "1") {
    EXPECT_THAT(dumped.model.facts.gtid, HasSubstr("-"));
  }
  DumpOptions everything = options();
  everything.databases.clear();
  status = dump_into(dumped, everything, {}, endpoint);
  EXPECT_THAT(status.error().message, HasSubstr("EVENT on *.*"));
  sql({"DROP USER weak"});
}

// information_schema hides the routines of others from who may not read mysql.proc.
TEST_F(DumpFaultTest, WhoWouldNotSeeAllRoutinesIsTold) {
  sql({"CREATE OR REPLACE USER weak IDENTIFIED BY 'pw'", "GRANT RELOAD ON *.* TO weak",
       "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON `f1`.* TO weak"});
  Endpoint endpoint = bed_endpoint();
  endpoint.user = "weak";
  endpoint.password = "pw";
  DumpOptions one = options();
  one.databases = {"f1"};
  Dumped dumped;
  Status status = dump_into(dumped, one, {}, endpoint);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("lacks the privilege SELECT on mysql.proc"));
  sql({"GRANT SELECT ON mysql.proc TO weak"});
  status = dump_into(dumped, one, {}, endpoint);
  EXPECT_TRUE(status) << status.error().text();
  sql({"DROP USER weak"});
}

// A setting for everybody that would cut tables short, without a word.
TEST_F(DumpFaultTest, ALimitOfTheServersSelectsIsNoneOfTheDump) {
  const auto everywhere = [](const char* statement) {
    for (const Address& node : bed_endpoint().nodes)
      ASSERT_TRUE(connect_to(bed_endpoint(), node).exec(statement));
  };
  everywhere("SET GLOBAL sql_select_limit = 2");
  Dumped dumped;
  const Status status = dump_into(dumped, options());
  everywhere("SET GLOBAL sql_select_limit = DEFAULT");
  ASSERT_TRUE(status) << status.error().text();
  for (const Schema& schema : dumped.model.schemas)
    for (const Table& table : schema.tables)
      EXPECT_EQ(std::to_string(table.totals.rows),
                value_of("SELECT COUNT(*) FROM `" + schema.name + "`.`" + table.name + "`"))
          << table.name;
}

TEST_F(DumpFaultTest, AnUnreachableInstanceIsUnavailableAndANodeThatIsDownDoesNotMatter) {
  Endpoint endpoint = bed_endpoint();
  for (Address& node : endpoint.nodes) node.port = 1;
  Dumped dumped;
  const Status status = dump_into(dumped, options(), {}, endpoint);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUnavailable);
  EXPECT_THAT(status.error().text(), HasSubstr("cannot be reached"));

  endpoint = bed_endpoint();
  endpoint.nodes.back().port = 1;
  EXPECT_TRUE(dump_into(dumped, options(), {}, endpoint));
}

TEST_F(DumpFaultTest, ANodeOutsideThePrimaryComponentIsNoDonor) {
  const Endpoint whole = bed_endpoint();
  ASSERT_EQ(whole.nodes.size(), 3U) << "run through test/harness/bed galera";
  Endpoint endpoint = whole;
  endpoint.nodes = {whole.nodes[2]};
  bed_node(whole.nodes[2].text(), "isolate");
  Dumped dumped;
  const Status status = dump_into(dumped, options(), {}, endpoint);
  bed_node(whole.nodes[2].text(), "rejoin");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUnavailable);
  EXPECT_THAT(status.error().message, HasSubstr("not part of the primary component"));
}

TEST_F(DumpFaultTest, TheDonorIsKilledInTheMiddle) {
  ASSERT_EQ(bed_endpoint().nodes.size(), 3U) << "run through test/harness/bed galera";
  static const SystemClock clock;
  const auto dump = Dump::make(bed_endpoint(), options(), clock, {});
  ASSERT_TRUE(dump->connect({}));
  ASSERT_TRUE(dump->open_snapshot({}));
  const std::string donor = dump->facts().node;
  MemorySink sink;
  std::atomic<bool> killed = false;
  sink.on_chunk = [&](const std::string&, const std::string&) -> Status {
    if (!killed.exchange(true)) bed_node(donor, "kill");
    return {};
  };
  Progress progress;
  const auto model = dump->run(sink, progress, {});
  bed_node(donor, "start");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kUnavailable) << model.error().text();
  EXPECT_THAT(model.error().text(), HasSubstr(donor));
  expect_all_synced();
}

TEST_F(DumpFaultTest, ADonorThatIsCutOffFromItsClusterIsGivenUp) {
  ASSERT_EQ(bed_endpoint().nodes.size(), 3U) << "run through test/harness/bed galera";
  static const SystemClock clock;
  const Endpoint endpoint = bed_endpoint();
  const auto dump = Dump::make(endpoint, options(), clock, {});
  ASSERT_TRUE(dump->connect({}));
  ASSERT_TRUE(dump->open_snapshot({}));
  const std::string donor = dump->facts().node;
  const auto node = std::ranges::find(endpoint.nodes, donor, &Address::text);
  MemorySink sink;
  std::atomic<bool> cut_off = false;
  sink.on_chunk = [&](const std::string&, const std::string&) -> Status {
    if (cut_off.exchange(true)) return {};
    bed_node(donor, "isolate");
    for (int i = 0; i < 600; ++i) {
      Connection connection = connect_to(endpoint, *node);
      const auto state = read_node_state(connection);
      if (state && !state->primary) break;
      std::this_thread::sleep_for(100ms);
    }
    std::this_thread::sleep_for(3s);  // the guard looks often enough
    return {};
  };
  Progress progress;
  const auto model = dump->run(sink, progress, {});
  bed_node(donor, "rejoin");
  ASSERT_FALSE(model) << "of a node that does not know what its cluster does";
  EXPECT_EQ(model.error().code, Code::kUnavailable);
  EXPECT_THAT(model.error().text(),
              HasSubstr("donor " + donor +
                        " is not part of its cluster's primary component any more (in state "));
  EXPECT_THAT(model.error().text(), HasSubstr("another node is taken"));
  expect_all_synced();
}

// Whatever becomes of a donor that was taken out of flow control: it comes back into it.
TEST_F(DumpFaultTest, AStrictDonorThatIsLostForAWhileIsNotLeftOutside) {
  ASSERT_EQ(bed_endpoint().nodes.size(), 3U) << "run through test/harness/bed galera";
  static const SystemClock clock;
  Endpoint endpoint = bed_endpoint();
  endpoint.active_node = endpoint.nodes.front().text();
  const auto wait_for_size = [&](int size) {
    Connection connection = connect_to(endpoint, endpoint.nodes.front());
    for (int i = 0; i < 600; ++i) {
      const auto state = read_node_state(connection);
      if (state && state->cluster_size == size && state->state == "Synced") return true;
      std::this_thread::sleep_for(100ms);
    }
    return false;
  };
  for (const auto& [fault, undo] :
       {std::pair{"kill", "start"}, std::pair{"stop", "cont"}, std::pair{"isolate", "rejoin"}}) {
    const auto dump = Dump::make(endpoint, options(), clock, {});
    ASSERT_TRUE(dump->connect({}));
    dump->set_strict(true);
    ASSERT_TRUE(dump->open_snapshot({}));
    const std::string donor = dump->facts().node;
    std::atomic<bool> lost = false;
    // A node that is cut off learns of it when its lock is gone, and cannot come back before.
    std::future<void> isolated;
    MemorySink sink;
    sink.on_chunk = [&, lose = std::string(fault), bring_back = std::string(undo)](
                        const std::string&, const std::string&) -> Status {
      if (lost.exchange(true)) return {};
      if (lose == "isolate")
        isolated = std::async(std::launch::async, [donor, lose, bring_back] {
          bed_node(donor, lose);
          bed_node(donor, bring_back);
        });
      else
        bed_node(donor, lose);
      EXPECT_TRUE(wait_for_size(2));  // the others have gone on without it
      if (bring_back == "cont") bed_node(donor, bring_back);
      return {};
    };
    Progress progress;
    const auto model = dump->run(sink, progress, {});
    EXPECT_TRUE(lost);
    if (fault == std::string("kill")) {
      ASSERT_FALSE(model) << "of a donor that is gone";
    }
    if (!model) {
      EXPECT_THAT(model.error().text(), HasSubstr(donor)) << fault;
    }
    if (undo == std::string("start")) bed_node(donor, undo);
    if (isolated.valid()) isolated.get();
    EXPECT_TRUE(wait_for_size(3)) << fault;
    expect_all_synced();
    for (const Address& node : endpoint.nodes) {
      Connection connection = connect_to(endpoint, node);
      EXPECT_EQ(connection.scalar("SELECT @@GLOBAL.wsrep_desync").value(), Cell("0"))
          << fault << " " << node.text();
      EXPECT_TRUE(connection.exec("UPDATE f1.small SET x = x + 1")) << fault << " " << node.text();
    }
  }
}

TEST_F(DumpFaultTest, AStopEndsTheDumpAndItsConnections) {
  std::stop_source stop;
  Dumped dumped;
  dumped.sink->on_chunk = [&](const std::string&, const std::string&) -> Status {
    stop.request_stop();
    return {};
  };
  const Status status = dump_into(dumped, options(), stop.get_token());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kCancelled) << status.error().text();
  const Endpoint endpoint = bed_endpoint();
  for (const Address& node : endpoint.nodes) {
    Connection connection = connect_to(endpoint, node);
    std::string left;
    // The server needs a moment to notice that a client left.
    for (int i = 0; i < 100; ++i) {
      auto count = connection.scalar(
          "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'root' AND "
          "ID <> CONNECTION_ID()");
      ASSERT_TRUE(count);
      left = count->value_or("");
      if (left == "0") break;
      std::this_thread::sleep_for(100ms);
    }
    EXPECT_EQ(left, "0") << node.text();
  }
}

TEST_F(DumpFaultTest, AnErrorOfTheSinkComesBackAsItIs) {
  Dumped dumped;
  dumped.sink->on_chunk = [](const std::string&, const std::string&) -> Status {
    return fail(Code::kNoSpace, "the store is full");
  };
  const Status status = dump_into(dumped, options());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kNoSpace);
  EXPECT_THAT(status.error().text(), HasSubstr("the store is full"));
}

// As a library does, or a machine without memory: the dump fails, and not the process.
TEST_F(DumpFaultTest, WhatASinkThrowsIsAnError) {
  Dumped dumped;
  dumped.sink->on_chunk = [](const std::string&, const std::string&) -> Status {
    throw std::runtime_error("out of luck");
  };
  DumpOptions wide = options();
  wide.threads = 3;
  const Status status = dump_into(dumped, wide);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInternal);
  EXPECT_THAT(status.error().text(), HasSubstr("out of luck"));
}

// Each statement comes while the large table is read: the dump either says Conflict or holds
// exactly what the snapshot held.
TEST_F(DumpFaultTest, ASchemaChangeIsAConflictAndAStrictDumpThenSucceeds) {
  for (const char* change :
       {"ALTER TABLE f1.small ADD COLUMN y INT DEFAULT 4", "ALTER TABLE f1.small DROP COLUMN x",
        "DROP TABLE f1.small", "CREATE TABLE f1.fresh (id INT PRIMARY KEY)",
        "RENAME TABLE f1.fresh TO f1.fresher", "TRUNCATE TABLE f1.fresher"}) {
    sql({"USE f1", "CREATE TABLE IF NOT EXISTS small (id INT PRIMARY KEY, x INT)",
         "REPLACE INTO small (id) VALUES (1)"});
    static const SystemClock clock;
    const auto dump = Dump::make(bed_endpoint(), options(), clock, {});
    ASSERT_TRUE(dump->connect({}));
    ASSERT_TRUE(dump->open_snapshot({}));
    Dumped dumped;
    std::future<void> changed;
    dumped.sink->on_chunk = [&](const std::string&, const std::string&) -> Status {
      if (changed.valid()) return {};
      changed = std::async(std::launch::async, [&] { sql({change}); });
      // A change that ends the dump's own statement waits until the dump reads on and sees it.
      (void)changed.wait_for(3s);
      return {};
    };
    Progress progress;
    auto model = dump->run(*dumped.sink, progress, {});
    changed.get();
    if (model) {
      dumped.model = std::move(*model);
      expect_whole(dumped);
      EXPECT_EQ(dumped.table("f1", "large").totals.rows, 40'000U) << change;
    } else {
      EXPECT_EQ(model.error().code, Code::kConflict) << change << ": " << model.error().text();
    }

    dump->set_strict(true);
    const Status opened = dump->open_snapshot({});
    ASSERT_TRUE(opened) << opened.error().text();
    Dumped again;
    auto strict = dump->run(*again.sink, progress, {});
    ASSERT_TRUE(strict) << change << ": " << strict.error().text();
    again.model = std::move(*strict);
    EXPECT_EQ(again.model.facts.snapshot_method, "Strict");
    expect_whole(again);
    expect_all_synced();
  }
}

// Their writes would wait for the whole dump.
TEST_F(DumpFaultTest, ADonorThatApplicationsUseIsNotHeldStill) {
  Endpoint endpoint = bed_endpoint();
  endpoint.nodes = {endpoint.nodes.front()};  // the others are down, say
  endpoint.active_node = endpoint.nodes.front().text();
  static const SystemClock clock;
  std::string told;
  const auto dump =
      Dump::make(endpoint, options(), clock, [&](const std::string& line) { told += line + "\n"; });
  ASSERT_TRUE(dump->connect({}));
  dump->set_strict(true);
  ASSERT_TRUE(dump->open_snapshot({}));
  EXPECT_NE(dump->facts().snapshot_method, "Strict");
  EXPECT_THAT(told, HasSubstr("is not held still, since applications use it"));
  EXPECT_EQ(value_of("SELECT @@GLOBAL.wsrep_desync"), "0");
  sql({"SET SESSION lock_wait_timeout = 5", "UPDATE f1.small SET x = x + 1"});
  Progress progress;
  Dumped dumped;
  auto model = dump->run(*dumped.sink, progress, {});
  ASSERT_TRUE(model) << model.error().text();
  dumped.model = std::move(*model);
  expect_whole(dumped);
  EXPECT_EQ(dumped.rows("f1", "small").at(0).at("x").number, 1U);

  ASSERT_TRUE(dump->open_snapshot({}));
  sql({"ALTER TABLE f1.small ADD COLUMN y INT DEFAULT 4"});
  const auto changed = dump->run(*Dumped().sink, progress, {});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, Code::kConflict);
  EXPECT_THAT(changed.error().text(), HasSubstr("the node that it was read from is one that "
                                                "applications use"));
}

// The donor was a good one when it was chosen, an hour ago.
TEST_F(DumpFaultTest, ADonorThatApplicationsHaveComeToUseIsNotHeldStill) {
  Endpoint endpoint = bed_endpoint();
  endpoint.active_node = endpoint.nodes.front().text();
  static const SystemClock clock;
  std::string told;
  const auto dump =
      Dump::make(endpoint, options(), clock, [&](const std::string& line) { told += line + "\n"; });
  ASSERT_TRUE(dump->connect({}));
  ASSERT_NE(dump->facts().node, endpoint.active_node);
  dump->set_strict(true);
  dump->set_active_node(dump->facts().node);
  ASSERT_TRUE(dump->open_snapshot({}));
  EXPECT_NE(dump->facts().snapshot_method, "Strict");
  EXPECT_FALSE(dump->took_donor_out());
  EXPECT_THAT(told, HasSubstr("is not held still, since applications use it"));
  expect_all_synced();
}

// After a failover that nobody told us of.
TEST_F(DumpFaultTest, ADonorThatIsHeldIsGivenUpWhenAClientWaitsForIt) {
  ASSERT_EQ(bed_endpoint().nodes.size(), 3U) << "run through test/harness/bed galera";
  Endpoint endpoint = bed_endpoint();
  endpoint.active_node = endpoint.nodes.front().text();
  static const SystemClock clock;
  const auto dump = Dump::make(endpoint, options(), clock, {});
  ASSERT_TRUE(dump->connect({}));
  dump->set_strict(true);
  ASSERT_TRUE(dump->open_snapshot({}));
  ASSERT_EQ(dump->facts().snapshot_method, "Strict");
  const auto donor = std::ranges::find(endpoint.nodes, dump->facts().node, &Address::text);
  ASSERT_NE(donor, endpoint.nodes.end());
  std::future<Status> client;
  std::atomic<bool> waiting = false;
  MemorySink sink;
  sink.on_chunk = [&](const std::string&, const std::string&) -> Status {
    if (waiting.exchange(true)) return {};
    client = std::async(std::launch::async, [&] {
      return connect_to(endpoint, *donor).exec("UPDATE f1.small SET x = x + 1");
    });
    (void)client.wait_for(8s);
    return {};
  };
  Progress progress;
  const auto model = dump->run(sink, progress, {});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kUnavailable);
  EXPECT_THAT(model.error().text(),
              HasSubstr("was held still for the dump, which applications cannot do without any "
                        "more: 1 session of a client waits for its lock"));
  EXPECT_TRUE(client.get());
  expect_all_synced();
}

// No definition tells these: what the dump would hold is not what the snapshot held.
TEST_F(DumpFaultTest, TablesThatChangePlacesAreAConflict) {
  const std::string swap = "RENAME TABLE f1.small TO f1.x, f1.other TO f1.small, f1.x TO f1.other";
  const std::string exchange = "ALTER TABLE f1.parted EXCHANGE PARTITION p0 WITH TABLE f1.other";
  sql({"CREATE TABLE f1.other (id INT PRIMARY KEY, x INT)", "INSERT INTO f1.other VALUES (1, 2)",
       "CREATE TABLE f1.parted (id INT PRIMARY KEY, x INT) PARTITION BY RANGE (id) "
       "(PARTITION p0 VALUES LESS THAN MAXVALUE)"});
  static const SystemClock clock;
  for (const std::vector<std::string>& changes :
       std::vector<std::vector<std::string>>{{swap},
                                             {swap, swap},
                                             {exchange},
                                             {exchange, exchange},
                                             {"CREATE VIEW f1.v AS SELECT 1"}}) {
    const auto dump = Dump::make(bed_endpoint(), options(), clock, {});
    ASSERT_TRUE(dump->connect({}));
    ASSERT_TRUE(dump->open_snapshot({}));
    sql(changes);
    MemorySink sink;
    Progress progress;
    const auto model = dump->run(sink, progress, {});
    ASSERT_FALSE(model) << changes.front();
    EXPECT_EQ(model.error().code, Code::kConflict) << model.error().text();
  }
}

// The server drops what it knows of tables that nobody uses, once a minute, when there are more
// than table_definition_cache: how old such a table is, too. With GB_TEST_ROUNDS only: it
// takes two minutes.
TEST_F(DumpFaultTest, ATableThatWasEmptiedAndForgottenIsAConflict) {
  if (std::getenv("GB_TEST_ROUNDS") == nullptr) GTEST_SKIP() << "takes two minutes";
  Endpoint endpoint = bed_endpoint();
  endpoint.nodes = {endpoint.nodes.front()};
  sql({"SET GLOBAL table_definition_cache = 400", "DROP DATABASE IF EXISTS f2",
       "CREATE DATABASE f2"});
  std::vector<std::string> uses;
  for (int i = 0; i < 700; ++i) {
    sql({"CREATE TABLE f2.t" + std::to_string(i) + " (id INT PRIMARY KEY)"});
    uses.push_back("SELECT COUNT(*) FROM f2.t" + std::to_string(i));
  }
  Dumped dumped;
  std::atomic<bool> emptied = false;
  dumped.sink->on_chunk = [&](const std::string&, const std::string&) -> Status {
    if (emptied.exchange(true)) return {};
    sql({"TRUNCATE TABLE f1.small"});
    for (int i = 0; i < 22; ++i) {
      sql(uses);
      std::this_thread::sleep_for(5s);
    }
    return {};
  };
  const Status status = dump_into(dumped, options(), {}, endpoint);
  sql({"DROP DATABASE f2", "SET GLOBAL table_definition_cache = DEFAULT"});
  ASSERT_FALSE(status) << "the snapshot has a row that the dump has not";
  EXPECT_EQ(status.error().code, Code::kConflict);
  EXPECT_THAT(status.error().text(), HasSubstr("table f1.small was emptied or made anew"));
}

// It was counted when it began, before the dump looked first, and ends after the snapshot.
TEST_F(DumpFaultTest, ASchemaChangeThatWaitedSinceBeforeTheDumpIsAConflict) {
  sql({"CREATE TABLE f1.other (id INT PRIMARY KEY)"});
  Endpoint endpoint = bed_endpoint();
  endpoint.nodes = {endpoint.nodes.front()};
  const Address node = endpoint.nodes.front();
  Connection reader = connect_to(endpoint, node);
  ASSERT_TRUE(reader.exec("START TRANSACTION"));
  ASSERT_TRUE(reader.query("SELECT * FROM f1.other"));
  // On this node alone: a change that comes through the cluster would end the reader.
  auto dropped = std::async(std::launch::async, [&] {
    Connection dropper = connect_to(endpoint, node);
    EXPECT_TRUE(dropper.exec("SET SESSION wsrep_on = OFF"));
    return dropper.exec("DROP TABLE f1.other");
  });
  while (value_of("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE "
                  "'DROP TABLE f1.other%' AND STATE LIKE 'Waiting for table metadata lock%'") !=
         "1")
    std::this_thread::sleep_for(10ms);

  static const SystemClock clock;
  const auto dump = Dump::make(endpoint, options(), clock, {});
  ASSERT_TRUE(dump->connect({}));
  ASSERT_TRUE(dump->open_snapshot({}));
  ASSERT_TRUE(reader.exec("COMMIT"));
  EXPECT_TRUE(dropped.get());
  MemorySink sink;
  Progress progress;
  const auto model = dump->run(sink, progress, {});
  ASSERT_FALSE(model) << "a table that was there at the named moment is missing";
  EXPECT_EQ(model.error().code, Code::kConflict) << model.error().text();
}

TEST_F(DumpFaultTest, AStrictDumpWhoseLockIsLostIsNoBackup) {
  static const SystemClock clock;
  const auto dump = Dump::make(bed_endpoint(), options(), clock, {});
  ASSERT_TRUE(dump->connect({}));
  dump->set_strict(true);
  ASSERT_TRUE(dump->open_snapshot({}));
  // The last of the dump's connections to be opened holds the lock.
  const Endpoint endpoint = bed_endpoint();
  const auto node = std::ranges::find(endpoint.nodes, dump->facts().node, &Address::text);
  ASSERT_NE(node, endpoint.nodes.end());
  Connection donor = connect_to(endpoint, *node);
  const auto holder = donor.scalar(
      "SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE USER = 'root' AND COMMAND = "
      "'Sleep' AND ID <> CONNECTION_ID()");
  ASSERT_TRUE(holder);
  MemorySink sink;
  std::atomic<bool> killed = false;
  sink.on_chunk = [&](const std::string&, const std::string&) -> Status {
    if (!killed.exchange(true)) return donor.exec("KILL " + holder->value_or("0"));
    return {};
  };
  Progress progress;
  const auto model = dump->run(sink, progress, {});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kUnavailable);
  EXPECT_THAT(model.error().text(), HasSubstr("the lock that kept the donor from changing"));
  expect_all_synced();
}

// Its session says nothing any more, and no packet tells the server that it is gone.
TEST_F(DumpFaultTest, TheLockOfADumpWhoseMachineVanishedEndsAndItsDonorComesBack) {
  ASSERT_EQ(bed_endpoint().nodes.size(), 3U) << "run through test/harness/bed galera";
  const Endpoint endpoint = bed_endpoint();
  const Address& node = endpoint.nodes.back();
  Network network(node);
  Endpoint reached = endpoint;
  reached.nodes = {network.address()};
  static const SystemClock clock;
  auto dump = Dump::make(reached, options(), clock, {});
  ASSERT_TRUE(dump->connect({}));
  dump->set_strict(true);
  const Status opened = dump->open_snapshot({});
  ASSERT_TRUE(opened) << opened.error().text();
  ASSERT_EQ(dump->facts().snapshot_method, "Strict");

  network.silence();
  const auto silent = std::chrono::steady_clock::now();
  sql({"UPDATE f1.small SET x = x + 1", "UPDATE f1.small SET x = x + 1"});
  const Status back = recover_donor(endpoint, node.text(), {});
  EXPECT_TRUE(back) << back.error().text();
  for (const Address& each : endpoint.nodes) {
    Connection connection = connect_to(endpoint, each);
    EXPECT_TRUE(connection.exec("SET SESSION lock_wait_timeout = 5")) << each.text();
    EXPECT_TRUE(connection.exec("UPDATE f1.small SET x = x + 1")) << each.text();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - silent, 120s);
  expect_all_synced();

  network.heal();
  MemorySink sink;
  Progress progress;
  const auto model = dump->run(sink, progress, {});
  ASSERT_FALSE(model) << "its donor went on without it";
  EXPECT_THAT(model.error().text(), HasSubstr("the lock that kept the donor from changing"));
  dump.reset();
  expect_all_synced();
}

// Its donor applies nothing: the queue that grows therefore says nothing about the reading.
TEST_F(DumpFaultTest, AStrictDumpEndsHoweverMuchIsWrittenMeanwhile) {
  ASSERT_EQ(bed_endpoint().nodes.size(), 3U) << "run through test/harness/bed galera";
  for (const char* table : {"b", "c", "d", "e"})
    sql({"USE f1", "CREATE TABLE " + std::string(table) + " LIKE large",
         "INSERT INTO " + std::string(table) + " SELECT * FROM large LIMIT 1000"});
  DumpOptions wide = options();
  wide.threads = 4;
  Endpoint endpoint = bed_endpoint();
  endpoint.active_node = endpoint.nodes.front().text();  // that sql() writes through
  static const SystemClock clock;
  const auto dump = Dump::make(endpoint, wide, clock, {});
  ASSERT_TRUE(dump->connect({}));
  dump->set_strict(true);
  ASSERT_TRUE(dump->open_snapshot({}));
  sql(std::vector<std::string>(200, "UPDATE f1.small SET x = x + 1"));
  std::stop_source stop;
  Dumped dumped;
  std::atomic<bool> looked = false;
  dumped.sink->on_chunk = [&](const std::string&, const std::string&) -> Status {
    if (!looked.exchange(true)) std::this_thread::sleep_for(2s);  // the guard looks often enough
    return {};
  };
  std::future<void> limit = std::async(std::launch::async, [&, token = stop.get_token()] {
    if (sleep_for(token, 60s)) stop.request_stop();
  });
  Progress progress;
  auto model = dump->run(*dumped.sink, progress, stop.get_token());
  stop.request_stop();
  limit.get();
  ASSERT_TRUE(model) << model.error().text();
  dumped.model = std::move(*model);
  expect_whole(dumped);
  expect_all_synced();
}

TEST_F(DumpFaultTest, AStrictDumpThatIsDroppedBringsItsDonorBack) {
  static const SystemClock clock;
  auto dump = Dump::make(bed_endpoint(), options(), clock, {});
  ASSERT_TRUE(dump->connect({}));
  dump->set_strict(true);
  ASSERT_TRUE(dump->open_snapshot({}));
  const auto held = inspect(bed_endpoint(), {});
  ASSERT_TRUE(held);
  int outside = 0;
  for (const NodeState& node : held->nodes) outside += node.state != "Synced" ? 1 : 0;
  EXPECT_EQ(outside, 1);
  dump.reset();
  expect_all_synced();
}

TEST_F(DumpFaultTest, ADesyncLeftByADeadProcessIsTakenBack) {
  sql({"SET GLOBAL wsrep_desync = ON"});
  const Endpoint endpoint = bed_endpoint();
  ASSERT_TRUE(recover_donor(endpoint, endpoint.nodes.at(1).text(), {}));
  EXPECT_EQ(value_of("SELECT @@GLOBAL.wsrep_desync"), "1") << "another node's desync is not ours";
  ASSERT_TRUE(recover_donor(endpoint, endpoint.nodes.at(0).text(), {}));
  EXPECT_EQ(value_of("SELECT @@GLOBAL.wsrep_desync"), "0");
  expect_all_synced();
}

}  // namespace
}  // namespace gb::galera::test
