// An engine that dumps tables which stand in memory and fails where a test says so: the faults of
// jobs that no real server can be made to show at the right moment.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/wait.h"
#include "jobs/engine.h"

namespace gb::jobs::test {

struct FakeCluster {
  std::mutex mutex;
  std::map<std::string, std::string> tables{{"keystone.user", "alice bob"},
                                            {"nova.instances", "vm-1 vm-2 vm-3"}};
  // Set by tests.
  Status connect_error;
  std::vector<Status> run_results;         // one a run of a dump; used up, then success
  std::atomic<bool> out_of_memory{false};  // dumps, restores and comparisons throw
  std::vector<WallTime> snapshots;         // of the next ones; used up, then they have no time
  bool block_runs = false;                 // a run waits until it is stopped
  std::uint64_t page_size = 16384;         // of the nodes
  int runs = 0;
  int strict_runs = 0;
  std::vector<std::string> active_nodes;  // as dumps were told before a strict run
  std::vector<galera::PreflightCheck> preflight{{"TargetPrimary", true, ""}};
  std::vector<std::string> notes;  // of a restore's plan, and of what it did
  std::string plan_action = "Create";
  Status restore_error;
  std::string not_blockable;       // an instance
  std::string differing_table;     // of nova, after a restore
  std::string misread_table;       // of any schema, when a backup is read back
  unsigned read_back_threads = 0;  // of the last verification
  int read_backs = 0;
  bool block_read_backs = false;  // one waits until it is stopped
  int restores = 0;
  Result<galera::LiveDifference> difference{galera::LiveDifference{}};
  bool block_restores = false;                  // one waits until it is stopped
  bool block_comparisons = false;               // one waits when everything is loaded
  std::vector<std::string> recovered;           // donors
  Status recover_error;                         // of the next ones
  std::vector<std::string> read_only;           // nodes, before a restore
  std::vector<std::string> traffic_given_back;  // instances, after the end of their server
  std::vector<std::string> kept_read_only;      // nodes, when that was done last
  std::string not_given_back;                   // an instance, after the end of its server
  Status give_back_error;  // of nodes after the end of their server, and of restores at their own
  std::vector<std::string> steps;  // what dumps and restores did, in order: "open_snapshot main"
  std::map<std::string, std::string> restored;
};

class FakeDump final : public galera::Dump {
 public:
  FakeDump(FakeCluster& cluster, std::string instance, galera::Narrator narrate)
      : cluster_(cluster), instance_(std::move(instance)), narrate_(std::move(narrate)) {}

  Status connect(std::stop_token /*stop*/) override {
    narrate_("donor chosen");
    return cluster_.connect_error;
  }
  [[nodiscard]] const std::vector<std::string>& schemas() const override { return schemas_; }
  Status open_snapshot(std::stop_token /*stop*/) override {
    facts_.node = "10.0.0.2:3306";
    facts_.server_version = "10.11.19-MariaDB";
    facts_.cluster_uuid = "8a1f";
    facts_.seqno = 4711;
    const std::scoped_lock lock(cluster_.mutex);
    facts_.innodb_page_size = cluster_.page_size;
    cluster_.steps.push_back("open_snapshot " + instance_);
    if (cluster_.snapshots.empty()) return {};
    facts_.snapshot_time = cluster_.snapshots.back();
    cluster_.snapshots.pop_back();
    return {};
  }
  [[nodiscard]] const galera::Facts& facts() const override { return facts_; }
  Result<galera::InstanceModel> run(galera::DumpSink& sink, galera::Progress& progress,
                                    std::stop_token stop) override {
    bool block = false;
    Status result;
    std::map<std::string, std::string> tables;
    {
      const std::scoped_lock lock(cluster_.mutex);
      ++cluster_.runs;
      cluster_.steps.push_back("run " + instance_);
      if (strict_) ++cluster_.strict_runs;
      block = cluster_.block_runs;
      if (!cluster_.run_results.empty()) {
        result = cluster_.run_results.front();
        cluster_.run_results.erase(cluster_.run_results.begin());
      }
      tables = cluster_.tables;
    }
    if (cluster_.out_of_memory) throw std::bad_alloc();
    if (block) {
      wait_for_stop(std::move(stop));
      return fail(Code::kCancelled, "stopped");
    }
    progress.tables_total += tables.size();
    progress.rows_expected += tables.size();
    if (!result) return fail(result.error());
    galera::InstanceModel model;
    model.facts = facts_;
    for (const auto& [name, content] : tables) {
      const std::size_t dot = name.find('.');
      galera::Schema schema;
      schema.name = name.substr(0, dot);
      galera::Table table;
      table.name = name.substr(dot + 1);
      GB_TRY_ASSIGN(auto out, sink.table(schema.name, table.name, {"c"}));
      const Bytes bytes = as_bytes(content);
      GB_TRY(out->chunk(0, 1, 1, std::span(&bytes, 1)));
      table.totals = {1, content.size(), {}};
      GB_TRY(out->finish(table.totals));
      progress.rows += 1;
      progress.bytes += content.size();
      ++progress.tables_done;
      schema.tables.push_back(std::move(table));
      model.schemas.push_back(std::move(schema));
    }
    return model;
  }
  void set_strict(bool strict) override { strict_ = strict; }
  void set_active_node(std::string node) override {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.active_nodes.push_back(std::move(node));
  }
  [[nodiscard]] bool took_donor_out() const override { return strict_; }
  [[nodiscard]] double flow_control_paused() const override { return 0; }

 private:
  FakeCluster& cluster_;
  const std::string instance_;
  galera::Narrator narrate_;
  galera::Facts facts_;
  std::vector<std::string> schemas_{"keystone", "nova"};
  bool strict_ = false;
};

class FakeRestore final : public galera::Restore {
 public:
  FakeRestore(FakeCluster& cluster, std::string instance, const galera::InstanceModel& model,
              galera::RestoreOptions options)
      : cluster_(cluster),
        instance_(std::move(instance)),
        model_(model),
        options_(std::move(options)) {}

  Result<galera::RestorePlan> plan(std::stop_token /*stop*/) override {
    galera::RestorePlan plan;
    plan.preflight = cluster_.preflight;
    plan.notes = cluster_.notes;
    for (const std::string& schema : options_.databases)
      plan.schemas.push_back({schema, schema, cluster_.plan_action, 1, 1, 1, {}, {}, {}});
    return plan;
  }
  Status block(std::stop_token /*stop*/) override {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.steps.push_back("block " + instance_);
    if (cluster_.not_blockable == instance_) return fail(Code::kUnavailable, "it hangs");
    return {};
  }
  Status give_back() override {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.steps.push_back("give back " + instance_);
    return cluster_.give_back_error;
  }
  Result<galera::RestoreReport> run(galera::DumpSource& source, galera::Progress& progress,
                                    std::stop_token stop) override {
    bool block = false;
    {
      const std::scoped_lock lock(cluster_.mutex);
      ++cluster_.restores;
      cluster_.steps.push_back("restore " + instance_);
      block = cluster_.block_runs || cluster_.block_restores;
    }
    if (cluster_.out_of_memory) throw std::bad_alloc();
    if (block) {
      wait_for_stop(std::move(stop));
      return fail(Code::kCancelled, "stopped");
    }
    if (!cluster_.restore_error) return fail(cluster_.restore_error.error());
    galera::RestoreReport report;
    report.notes = cluster_.notes;
    for (const galera::Schema& schema : model_.schemas)
      for (const galera::Table& table : schema.tables) {
        GB_TRY_ASSIGN(auto in, source.table(schema.name, table.name));
        GB_TRY_ASSIGN(galera::Chunk chunk, in->chunk(0));
        cluster_.restored[schema.name + "." + table.name] = chunk.columns.at(0);
        if (table.name == cluster_.differing_table)
          report.mismatches.push_back({schema.name, table.name, {2, 0, {}}, {1, 0, {}}, false});
        ++report.tables;
        report.rows += chunk.rows;
        progress.rows += chunk.rows;
      }
    if (options_.compare && progress.on_compare) progress.on_compare();
    if (cluster_.block_comparisons) {
      wait_for_stop(std::move(stop));
      return fail(Code::kCancelled, "stopped");
    }
    return report;
  }

 private:
  FakeCluster& cluster_;
  const std::string instance_;
  const galera::InstanceModel& model_;
  galera::RestoreOptions options_;
};

class FakeEngine final : public DumpEngine {
 public:
  explicit FakeEngine(FakeCluster& cluster) : cluster_(cluster) {}
  std::unique_ptr<galera::Dump> dump(galera::Endpoint endpoint, galera::DumpOptions /*options*/,
                                     galera::Narrator narrate) override {
    return std::make_unique<FakeDump>(cluster_, endpoint.name, std::move(narrate));
  }
  std::unique_ptr<galera::Restore> restore(galera::Endpoint target, galera::RestoreOptions options,
                                           const galera::InstanceModel& model,
                                           galera::Narrator /*narrate*/) override {
    return std::make_unique<FakeRestore>(cluster_, target.name, model, std::move(options));
  }
  Result<std::vector<galera::TableComparison>> compare_stored(const galera::InstanceModel& model,
                                                              galera::DumpSource& source,
                                                              unsigned threads,
                                                              std::stop_token stop) override {
    bool block = false;
    {
      const std::scoped_lock lock(cluster_.mutex);
      cluster_.read_back_threads = threads;
      ++cluster_.read_backs;
      block = cluster_.block_read_backs;
    }
    if (block) {
      wait_for_stop(std::move(stop));
      return fail(Code::kCancelled, "stopped");
    }
    std::vector<galera::TableComparison> out;
    for (const galera::Schema& schema : model.schemas)
      for (const galera::Table& table : schema.tables) {
        GB_TRY_ASSIGN(auto in, source.table(schema.name, table.name));
        GB_TRY(in->chunk(0));
        out.push_back({schema.name, table.name, table.totals, table.totals, false});
        if (table.name == cluster_.misread_table) out.back().found.digest[0] = std::byte{1};
      }
    return out;
  }
  Result<galera::LiveDifference> diff(const galera::Endpoint& endpoint,
                                      const galera::DumpOptions& /*options*/,
                                      const galera::InstanceModel& /*model*/,
                                      galera::DumpSource& /*source*/,
                                      galera::Progress& /*progress*/,
                                      std::stop_token stop) override {
    bool block = false;
    {
      const std::scoped_lock lock(cluster_.mutex);
      cluster_.steps.push_back("diff " + endpoint.name);
      block = cluster_.block_runs;
    }
    if (cluster_.out_of_memory) throw std::bad_alloc();
    if (block) {
      wait_for_stop(std::move(stop));
      return fail(Code::kCancelled, "stopped");
    }
    return cluster_.difference;
  }
  Status recover(const galera::Endpoint& /*endpoint*/, const std::string& donor,
                 std::stop_token /*stop*/) override {
    if (cluster_.recover_error) cluster_.recovered.push_back(donor);
    return cluster_.recover_error;
  }
  Result<std::vector<std::string>> read_only_nodes(const galera::Endpoint& /*endpoint*/,
                                                   std::stop_token /*stop*/) override {
    const std::scoped_lock lock(cluster_.mutex);
    return cluster_.read_only;
  }
  Status give_back_traffic(const galera::Endpoint& endpoint, const std::vector<std::string>& keep,
                           std::stop_token /*stop*/) override {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.kept_read_only = keep;
    if (!cluster_.give_back_error) return cluster_.give_back_error;
    if (endpoint.name == cluster_.not_given_back) return fail(Code::kUnavailable, "it hangs");
    cluster_.traffic_given_back.push_back(endpoint.name);
    return {};
  }

 private:
  FakeCluster& cluster_;
};

// Scratch servers that are nothing but counted.
class FakeScratch final : public ScratchServers {
 public:
  class Server final : public galera::ScratchServer {
   public:
    explicit Server(FakeScratch& all) : all_(all) {
      ++all_.started;
      all_.most = std::max(all_.most.load(), ++all_.running);
    }
    ~Server() override { --all_.running; }
    [[nodiscard]] galera::Endpoint endpoint(const std::string& instance) const override {
      galera::Endpoint endpoint;
      endpoint.name = instance;
      return endpoint;
    }
    Status make_ready(const galera::InstanceModel& /*model*/,
                      std::stop_token /*stop*/) const override {
      return {};
    }
    Result<std::string> compare_definitions(const galera::InstanceModel& /*model*/,
                                            std::stop_token /*stop*/) const override {
      return all_.differs;
    }
    [[nodiscard]] std::uint64_t free_bytes() const override { return all_.free; }
    [[nodiscard]] Error explain(Error error) const override { return error; }

   private:
    FakeScratch& all_;
  };

  Result<std::string> version(std::stop_token /*stop*/) override {
    const std::scoped_lock lock(mutex);
    return found;
  }
  Result<std::unique_ptr<galera::ScratchServer>> start(std::uint64_t page_size,
                                                       std::stop_token /*stop*/) override {
    const std::scoped_lock lock(mutex);
    last_page_size = page_size;
    if (!start_error) return fail(start_error.error());
    return std::make_unique<Server>(*this);
  }
  [[nodiscard]] const ScratchSettings& settings() const override { return settings_; }

  std::mutex mutex;
  // Set by tests.
  Result<std::string> found = std::string("10.11.19-MariaDB");
  Status start_error;
  std::string differs;
  std::atomic<std::uint64_t> free{std::uint64_t{1} << 40};
  std::atomic<int> started{0};
  std::atomic<int> running{0};
  std::atomic<int> most{0};  // at once
  std::uint64_t last_page_size = 0;

 private:
  const ScratchSettings settings_ = {"verification.server", "verification.place"};
};

}  // namespace gb::jobs::test
