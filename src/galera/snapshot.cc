#include "galera/snapshot.h"

#include <mysqld_error.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "base/wait.h"
#include "galera/desync.h"
#include "galera/row_reader.h"
#include "galera/server_version.h"
#include "galera/sql_text.h"
#include "galera/topology.h"

namespace gb::galera {
namespace {

using namespace std::chrono_literals;

constexpr int kSnapshotTries = 40;
// How often who holds a lock says that we live, and how long the server may take to answer that.
constexpr auto kBeat = 10s;
constexpr auto kAnswer = 30s;
// The server ends a session that holds a lock when it says nothing for so long: our machine may
// vanish without a word.
constexpr const char* kShortLife = "SET SESSION wait_timeout = 60";

Status on_all(std::vector<Connection>& connections, std::string_view sql) {
  for (Connection& c : connections) GB_TRY(c.send(sql));
  Status status;
  for (Connection& c : connections)
    if (auto rows = c.receive(); !rows && status) status = fail(std::move(rows).error());
  return status;
}

// Where the connection's snapshot stands in the binary log; empty without one.
Result<std::string> position(Connection& connection) {
  GB_TRY_ASSIGN(const Rows rows, connection.query("SHOW STATUS LIKE 'binlog_snapshot_%'"));
  std::string file;
  std::string offset;
  for (const Row& row : rows.rows) {
    if (row.at(0) == Cell("Binlog_snapshot_file")) file = row.at(1).value_or("");
    if (row.at(0) == Cell("Binlog_snapshot_position")) offset = row.at(1).value_or("");
  }
  return file.empty() ? std::string() : file + ":" + offset;
}

// One connection after the other, and each twice: the server keeps what SHOW STATUS prints in
// variables that all sessions share, so two that ask at the same moment may both be told the
// position of one. (Seen: asked at once under load, 2 of 700 accepted snapshots were several
// transactions apart.)
Result<std::vector<std::string>> positions(std::vector<Connection>& connections) {
  std::vector<std::string> out;
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < connections.size(); ++i) {
      GB_TRY_ASSIGN(std::string at, position(connections[i]));
      if (pass == 0)
        out.push_back(std::move(at));
      else if (out[i] != at)
        out[i] += " or " + at;  // equal to no other
    }
  }
  return out;
}

bool all_equal(const std::vector<std::string>& values) {
  for (const std::string& value : values)
    if (value != values.front()) return false;
  return true;
}

Status begin_all(std::vector<Connection>& connections) {
  return on_all(connections, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

// Where the binary log ends; empty when the user may not ask.
Result<std::string> end_of_log(Connection& connection) {
  auto rows = connection.query("SHOW MASTER STATUS");
  if (!rows && connection.last_errno() != ER_SPECIFIC_ACCESS_DENIED_ERROR)
    return fail(std::move(rows).error());
  if (!rows || rows->rows.empty()) return std::string();
  return rows->rows[0].at(0).value_or("") + ":" + rows->rows[0].at(1).value_or("");
}

// BINLOG_GTID_POS reads the log's file up to the position, up to a gigabyte. Where the log ends
// with the snapshot before the server is asked for its GTID and after it, that is the snapshot's.
Result<Cell> gtid_of(Connection& connection, const std::string& position) {
  Cell at_end;
  for (int asked = 0;; ++asked) {
    GB_TRY_ASSIGN(const std::string end, end_of_log(connection));
    if (end != position) break;
    if (asked == 1) return at_end;
    GB_TRY_ASSIGN(at_end, connection.scalar("SELECT @@GLOBAL.gtid_binlog_pos"));
  }
  const std::size_t colon = position.rfind(':');
  return connection.scalar("SELECT BINLOG_GTID_POS(" + quote_text(position.substr(0, colon)) +
                           ", " + position.substr(colon + 1) + ")");
}

Status record_gtid(Connection& connection, const std::string& position, Facts& facts) {
  if (position.empty()) return {};
  GB_TRY_ASSIGN(const Cell gtid, gtid_of(connection, position));
  // One of each replication domain, in no order: ours is that of their texts.
  std::vector<std::string> domains = split(gtid.value_or(""), ',');
  std::ranges::sort(domains);
  facts.gtid = join(domains, ",");
  return {};
}

// Whether all that the server commits is in its binary log, so that who stands at the same place of
// it sees the same. Without log_slave_updates it lacks what a replica takes from its primary.
Result<bool> log_has_everything(Connection& connection, bool galera) {
  GB_TRY_ASSIGN(const Cell logged, connection.scalar("SELECT @@GLOBAL.log_slave_updates"));
  if (logged == Cell("1")) return true;
  // What other nodes wrote was left out, too, by servers of before.
  if (galera && is_older_version(connection.server_version(), "10.5.9")) return false;
  const auto channels = connection.query("SHOW ALL SLAVES STATUS");
  if (channels) return channels->rows.empty();
  if (channels.error().code == Code::kForbidden) return false;  // there may be one
  return fail(channels.error());
}

// Whether the lock was taken; false when the server has given up waiting for it.
Result<bool> try_lock(Connection& connection, std::string_view sql) {
  Status taken = connection.exec(sql);
  if (taken) return true;
  if (connection.last_errno() == ER_LOCK_WAIT_TIMEOUT) return false;
  return fail(std::move(taken).error());
}

// Asks for a lock of the whole server again and again. The server gives up after lock_wait_timeout:
// for no longer than that others wait behind us, who wait for who holds it.
template <typename Try>
Status take_lock(const Address& node, const Narrator& narrate, Try try_once) {
  for (bool told = false;; told = true) {
    GB_TRY_ASSIGN(const bool taken, try_once());
    if (taken) return {};
    if (!told && narrate)
      narrate("donor " + node.text() +
              " is locked by a schema change, a long statement or another backup: waiting for it");
  }
}

// Every transaction is open: the definitions that are read from now on may be released again one by
// one.
Status mark(std::vector<Connection>& connections) {
  return on_all(connections, "SAVEPOINT gb_snapshot");
}

// A statement that is answered at once. Where it is not, the connection is given up, and the server
// asked over another one to end its session.
Status exec_at_once(Connection& connection, std::string_view sql) {
  std::stop_source late;
  connection.use_stop(late.get_token());
  Status done;
  {
    const std::jthread timer([&late](const std::stop_token& answered) {
      if (sleep_for(answered, kAnswer)) late.request_stop();
    });
    done = connection.exec(sql);
  }
  connection.use_stop({});
  if (done || !late.stop_requested()) return done;
  return fail(Code::kUnavailable, "node " + connection.node().text() + " did not answer for " +
                                      std::to_string(kAnswer.count()) + " s");
}

}  // namespace

// Holds FTWRL, and the desync of the node, until it is destroyed.
struct Snapshot::Strict {
  std::unique_ptr<Desync> desync;
  std::mutex mutex;  // of the locker, once it beats
  std::optional<Connection> locker;
  std::optional<Error> loss;  // written before `lost` is set, never again
  std::atomic<bool> lost = false;
  std::jthread beat;

  // Takes both, and opens the connections' transactions under them.
  Status open(const Endpoint& endpoint, std::vector<Connection>& connections, bool galera,
              const Clock& clock, Facts& facts, const Narrator& narrate,
              const std::stop_token& stop) {
    const Address node = connections.front().node();
    if (galera) {
      GB_TRY_ASSIGN(desync, Desync::begin(endpoint, node, stop));
    }
    GB_TRY_ASSIGN(Connection connection, open_dump_connection(endpoint, node, stop));
    locker.emplace(std::move(connection));
    GB_TRY(locker->exec(kShortLife));
    GB_TRY(
        take_lock(node, narrate, [&] { return try_lock(*locker, "FLUSH TABLES WITH READ LOCK"); }));
    beat = std::jthread([this](const std::stop_token& ended) { say_that_we_live(ended); });
    // The lock pauses the node; what it was just committing may still have to arrive, though.
    const auto committed = [&] {
      const std::lock_guard lock(mutex);
      return galera ? committed_seqno(*locker) : Result<std::uint64_t>(0);
    };
    GB_TRY_ASSIGN(std::uint64_t before, committed());
    for (int i = 0;; ++i) {
      GB_TRY(begin_all(connections));
      facts.snapshot_time = clock.now();
      GB_TRY_ASSIGN(facts.seqno, committed());
      if (facts.seqno == before) break;
      if (i == kSnapshotTries)
        return fail(Code::kConflict, "the donor goes on committing under its read lock");
      before = facts.seqno;
      GB_TRY(on_all(connections, "ROLLBACK"));
    }
    GB_TRY_ASSIGN(const std::vector<std::string> at, positions(connections));
    GB_TRY(record_gtid(connections.front(), at.front(), facts));
    GB_TRY(mark(connections));
    facts.snapshot_method = "Strict";
    return {};
  }
  void say_that_we_live(const std::stop_token& ended) {
    Status alive;
    while (alive && sleep_for(ended, kBeat))
      alive = guarded("keeping the donor's lock", [this] { return ask(); });
    if (alive) return;
    loss = std::move(alive).error();
    lost = true;
  }
  Status ask() {
    const std::lock_guard lock(mutex);
    return exec_at_once(*locker, "DO 1");
  }
  [[nodiscard]] Status seen() const {
    if (lost) return fail(*loss);
    return {};
  }
  // The error says what stays as it was.
  Status release() {
    beat = {};  // waits for its end
    if (locker && !lost)
      (void)guarded("giving back the donor's lock",
                    [this] { return exec_at_once(*locker, "UNLOCK TABLES"); });
    locker.reset();  // closing the connection gives the lock back in any case
    if (!desync) return {};
    Status synced = desync->end();
    desync.reset();
    return synced;
  }
  ~Strict() { (void)release(); }
};

Snapshot::Snapshot(std::unique_ptr<Strict> strict) : strict_(std::move(strict)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

Status Snapshot::release() {
  if (!strict_) return {};
  Status status = strict_->release();
  strict_.reset();
  return status;
}

// The lock ends with its session, whoever ended that, and with it what the dump relies on.
Status Snapshot::held_lately() const {
  if (!strict_) return {};
  if (auto alive = strict_->seen(); !alive)
    return wrap("the lock that kept the donor from changing was lost while the dump ran",
                std::move(alive).error());
  return {};
}

Status Snapshot::still_held() {
  GB_TRY(held_lately());
  if (!strict_) return {};
  if (auto alive = strict_->ask(); !alive)
    return wrap("the lock that kept the donor from changing was lost while the dump ran",
                std::move(alive).error());
  return {};
}

Result<Connection> open_dump_connection(const Endpoint& endpoint, const Address& node,
                                        std::stop_token stop) {
  // A scan that gets no byte for so long reads from a server that hangs.
  const ConnectOptions options{std::chrono::seconds(10), std::chrono::seconds(600)};
  GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint, node, options, std::move(stop)));
  GB_TRY(connection.exec("SET NAMES binary"));
  GB_TRY(connection.exec(
      "SET SESSION sql_mode = '', time_zone = '+00:00', "
      "autocommit = 1, wsrep_sync_wait = 0, net_read_timeout = 3600, "
      // The guard may hold a reader back, who takes nothing then, for as long as it likes.
      "net_write_timeout = 2592000, "
      "wait_timeout = 2592000, interactive_timeout = 2592000, idle_transaction_timeout = 0, "
      "idle_readonly_transaction_timeout = 0, max_statement_time = 0, lock_wait_timeout = 30, "
      // DEFAULT would be what the server has for everybody, which may cut a table short.
      "sql_select_limit = 18446744073709551615, sql_big_selects = 1, sql_quote_show_create = 1"));
  // The variable's name differs between versions, the statement does not.
  GB_TRY(connection.exec("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
  return connection;
}

Result<Snapshot> Snapshot::open(const Endpoint& endpoint, std::vector<Connection>& connections,
                                bool galera, bool strict, const Clock& clock, Facts& facts,
                                const Narrator& narrate, std::stop_token stop) {
  const Address node = connections.front().node();
  facts.gtid.clear();
  facts.seqno = 0;
  GB_TRY(on_all(connections, "ROLLBACK"));

  if (strict) {
    auto held = std::make_unique<Strict>();
    if (Status opened = held->open(endpoint, connections, galera, clock, facts, narrate, stop);
        !opened)
      return fail(and_left(std::move(opened).error(), held->release()));
    return Snapshot(std::move(held));
  }

  GB_TRY_ASSIGN(const bool comparable, log_has_everything(connections.front(), galera));
  for (int i = 0; comparable && i < kSnapshotTries; ++i) {
    // Before, not after: what is certainly in the snapshot.
    if (galera) {
      GB_TRY_ASSIGN(facts.seqno, committed_seqno(connections.front()));
    }
    GB_TRY(begin_all(connections));
    facts.snapshot_time = clock.now();
    GB_TRY_ASSIGN(const std::vector<std::string> at, positions(connections));
    if (at.front().empty() && all_equal(at)) break;  // no binary log: equal says nothing
    if (all_equal(at)) {
      GB_TRY(record_gtid(connections.front(), at.front(), facts));
      GB_TRY(mark(connections));
      facts.snapshot_method = "Optimistic";
      return Snapshot(nullptr);
    }
    GB_TRY(on_all(connections, "ROLLBACK"));
    if (!sleep_for(stop, std::chrono::milliseconds(1 + i)))
      return fail(Code::kCancelled, "stopped while opening the snapshot");
  }

  GB_TRY(on_all(connections, "ROLLBACK"));
  GB_TRY_ASSIGN(Connection stage, open_dump_connection(endpoint, node, stop));
  GB_TRY(stage.exec(kShortLife));
  const auto block_commits = [&]() -> Result<bool> {
    GB_TRY_ASSIGN(bool taken, try_lock(stage, "BACKUP STAGE START"));
    if (!taken) return false;
    GB_TRY_ASSIGN(taken, try_lock(stage, "BACKUP STAGE BLOCK_COMMIT"));
    if (!taken) GB_TRY(stage.exec("BACKUP STAGE END"));  // what it holds so far holds others up
    return taken;
  };
  GB_TRY(take_lock(node, narrate, block_commits));
  Status begun = begin_all(connections);
  facts.snapshot_time = clock.now();
  if (begun && galera) {
    auto seqno = committed_seqno(stage);
    if (seqno)
      facts.seqno = *seqno;
    else
      begun = fail(std::move(seqno).error());
  }
  GB_TRY(stage.exec("BACKUP STAGE END"));
  GB_TRY(std::move(begun));
  GB_TRY_ASSIGN(const std::vector<std::string> at, positions(connections));
  GB_TRY(record_gtid(connections.front(), at.front(), facts));
  GB_TRY(mark(connections));
  facts.snapshot_method = "BackupStage";
  return Snapshot(nullptr);
}

}  // namespace gb::galera
