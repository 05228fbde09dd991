// The logical engine: what src/jobs calls. docs/architecture.md has the walk of a row.
//
// A set of instances is dumped as one: connect() every Dump, then open_snapshot() all together,
// then run() each. It is restored as one, too: block() every Restore, run() each, give_back() all:
// applications that use several must not meet one as it was beside another as it is now. Everything
// takes a stop_token and ends soon after it is stopped, with Cancelled.
//
// Errors: Invalid (the input: a schema that is not there, a name that needs a rename), Forbidden
// (wrong password, missing privilege: the message names it), Unavailable (no node, non-Primary,
// lost donor), AlreadyExists (restore onto what is there), Corruption, Cancelled, NoSpace.
//
// Thread safety: an object is used by one thread at a time; Progress by any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "galera/endpoint.h"
#include "galera/model.h"
#include "galera/stream.h"
#include "galera/traffic_gate.h"

namespace gb::galera {

// What a node says of itself.
struct NodeState {
  Address address;
  std::string error;  // not empty: not reachable, and why; the rest is then unset
  std::string name;
  std::string version;
  bool galera = false;   // wsrep_on with a provider
  bool primary = false;  // wsrep_cluster_status
  std::string state;     // wsrep_local_state_comment: Synced, Donor/Desynced, …
  std::uint64_t receive_queue = 0;
  std::string cluster_uuid;
  int cluster_size = 0;
  bool log_bin = false;
  bool read_only = false;
};

struct Topology {
  std::vector<NodeState> nodes;  // as configured
};
// Asks every node at once. An error only when no node at all could be asked.
Result<Topology> inspect(const Endpoint& endpoint, std::stop_token stop);

// Updated while a dump or a restore runs; read by whoever reports.
struct Progress {
  std::atomic<std::uint64_t> rows{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> tables_done{0};
  std::atomic<std::uint64_t> tables_total{0};
  std::atomic<std::uint64_t> rows_expected{0};  // an estimate for a dump
  // Set, if at all, before the work begins; called by the thread of run() when a restore has loaded
  // everything and begins to compare it.
  std::function<void()> on_compare;

  // As before the first row: what begins again counts from there.
  void reset() {
    for (auto* count : {&rows, &bytes, &tables_done, &tables_total, &rows_expected}) *count = 0;
  }
};

// One sentence for the log of the job ("donor 10.0.0.2:3306 chosen: …"). Any thread.
using Narrator = std::function<void(const std::string&)>;

enum class Content { kData, kGrants, kAll };

// Write-sets that a donor outside flow control may be behind, when it falls behind further and
// further: minutes of catching up.
constexpr std::uint64_t kHopelessQueue = 50'000;

struct DumpOptions {
  std::vector<std::string> databases;  // empty: every non-system schema
  bool databases_optional = false;     // a part of a set: this instance need not hold all of them
  std::vector<std::string> exclude_databases;
  std::vector<std::string> exclude_tables;  // globs on schema.table
  Content content = Content::kAll;
  unsigned threads = 4;
  std::uint64_t hopeless_queue = kHopelessQueue;
};

class Dump {
 public:
  static std::unique_ptr<Dump> make(Endpoint endpoint, DumpOptions options, const Clock& clock,
                                    Narrator narrate);
  virtual ~Dump() = default;
  // Chooses the donor, connects, checks privileges and that the databases are there.
  virtual Status connect(std::stop_token stop) = 0;
  // The schemas that will be dumped, once connected.
  [[nodiscard]] virtual const std::vector<std::string>& schemas() const = 0;
  // Opens the snapshot on every connection and records where it stands.
  virtual Status open_snapshot(std::stop_token stop) = 0;
  [[nodiscard]] virtual const Facts& facts() const = 0;
  // Reads everything into the sink; Conflict when a schema change spoiled the snapshot (the caller
  // then restarts its sink and calls open_snapshot() and run() again).
  virtual Result<InstanceModel> run(DumpSink& sink, Progress& progress, std::stop_token stop) = 0;
  // Before open_snapshot(), after as many conflicts as the caller bears: the donor is desynced and
  // FTWRL held, so that nothing can change. Undone by run()'s end, by the destructor, and by
  // recover_donor() after a crash. Not done to a donor that applications use (the active node, or
  // one that is alone): it is read as before. One that they come to need while it is held is given
  // up: Unavailable.
  virtual void set_strict(bool strict) = 0;
  // Which node applications use by now (as Endpoint::active_node): it may be another one than when
  // the dump was made. Heeded by the next open_snapshot().
  virtual void set_active_node(std::string node) = 0;
  // Whether the donor was taken out of flow control. It is back when run() has ended, or the object
  // is gone; unless that failed, which recover_donor() tells and mends.
  [[nodiscard]] virtual bool took_donor_out() const = 0;
  // The fraction of the dump's time that the cluster was paused by flow control, once run() ended.
  [[nodiscard]] virtual double flow_control_paused() const = 0;
};

// Takes back the desync that a dump of a process that died may have left on its donor ("host:port",
// Facts::node). No other node is touched: who else took one out of flow control meant to.
Status recover_donor(const Endpoint& endpoint, const std::string& donor, std::stop_token stop);

enum class Existing { kFail, kReplace };

struct RestoreOptions {
  std::vector<std::string> databases = {};         // of the backup; empty: all
  std::map<std::string, std::string> rename = {};  // schema in the backup → schema on the target
  Content content = Content::kData;
  Existing existing = Existing::kFail;
  bool block_traffic = false;
  std::shared_ptr<TrafficGate> gate = {};  // what then is shut; null: the nodes become read_only
  bool not_the_source = false;             // refuse the cluster that the backup was taken from
  bool compare = true;                     // every table's digest, after loading
  unsigned threads = 4;
};

struct PreflightCheck {
  std::string check;  // TargetReachable, TargetPrimary, NotTheSource, ServerVersion, Privileges,
                      // Schemas, Definers, Engines, FreeSpace, SchemaChanges, …
  bool passed = false;
  std::string message;  // what is wrong and what to do; of one that passed: what is not known
};

struct PlanEntry {
  std::string schema;  // on the target
  std::string from;    // in the backup
  std::string action;  // Create | Replace | Refuse
  std::uint64_t tables = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> only_in_target;  // tables that Replace would drop for good
  std::vector<std::string> only_in_backup;
  struct TableRows {
    std::string table;
    std::uint64_t rows = 0;                    // in the backup
    std::optional<std::uint64_t> target_rows;  // as the server estimates; none: no such table
  };
  std::vector<TableRows> table_rows;
};

struct RestorePlan {
  std::vector<PreflightCheck> preflight;
  std::vector<PlanEntry> schemas;
  std::vector<std::string> notes;  // what cannot be restored as it was, and why
  [[nodiscard]] bool ready() const {
    for (const PreflightCheck& c : preflight)
      if (!c.passed) return false;
    return true;
  }
};

struct TableComparison {
  std::string schema;
  std::string table;
  TableTotals expected;
  TableTotals found;
  bool missing = false;  // there is no such table any more
  [[nodiscard]] bool equal() const {
    return !missing && expected.rows == found.rows && expected.digest == found.digest;
  }
};

struct RestoreReport {
  std::uint64_t tables = 0;
  std::uint64_t rows = 0;
  std::vector<TableComparison> mismatches;  // empty, or the restore has failed
  std::vector<std::string> notes;
};

class Restore {
 public:
  // `model` is what the backup says of the instance; the caller keeps both alive.
  static std::unique_ptr<Restore> make(Endpoint target, RestoreOptions options,
                                       const InstanceModel& model, Narrator narrate);
  virtual ~Restore() = default;
  // Looks, and changes nothing. An error only when looking was impossible; what was found is in the
  // plan.
  virtual Result<RestorePlan> plan(std::stop_token stop) = 0;
  // With block_traffic: looks once more, and keeps applications away until give_back(), which there
  // is to call also after an error, or until the end of this object.
  virtual Status block(std::stop_token stop) = 0;
  // Does it; with block_traffic after block(). The message of a failure names the step and what is
  // in place.
  virtual Result<RestoreReport> run(DumpSource& source, Progress& progress,
                                    std::stop_token stop) = 0;
  // Lets applications in again, if they were kept away. The error says who stays blocked, and what
  // to do.
  virtual Status give_back() = 0;
};

// Takes back read_only on every node but those to `keep` ("host:port"): what a restore with
// block_traffic whose process died left behind; who calls this knows of the restore, and which
// nodes were read_only before it. An error, after all were tried, names those that did not answer:
// they may be read_only still.
Status give_back_traffic(const Endpoint& endpoint, const std::vector<std::string>& keep,
                         std::stop_token stop);

// Digests of the tables of a backup, of every row as it is stored: what is compared with the
// digests that the dump computed of the server's values. By so many threads; the calling one is
// among them.
Result<std::vector<TableComparison>> compare_stored(const InstanceModel& model, DumpSource& source,
                                                    unsigned threads, std::stop_token stop);

// Digests of live tables by SELECT alone, in one snapshot: what a backup is compared with.
Result<std::vector<TableComparison>> compare_live(const Endpoint& endpoint,
                                                  const InstanceModel& model, unsigned threads,
                                                  std::stop_token stop);

}  // namespace gb::galera
