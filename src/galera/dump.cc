#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "galera/accounts.h"
#include "galera/connection.h"
#include "galera/desync.h"
#include "galera/donor_guard.h"
#include "galera/engine.h"
#include "galera/expected_text.h"
#include "galera/introspect.h"
#include "galera/privileges.h"
#include "galera/programs.h"
#include "galera/row_reader.h"
#include "galera/schema_watch.h"
#include "galera/server_objects.h"
#include "galera/snapshot.h"
#include "galera/table_dump.h"
#include "galera/topology.h"

namespace gb::galera {
namespace {

class DumpOfInstance final : public Dump {
 public:
  DumpOfInstance(Endpoint endpoint, DumpOptions options, const Clock& clock, Narrator narrate)
      : endpoint_(std::move(endpoint)),
        options_(std::move(options)),
        clock_(clock),
        narrate_(narrate ? std::move(narrate) : [](const std::string&) {}) {}

  Status connect(std::stop_token stop) override {
    GB_TRY_ASSIGN(const Topology topology, inspect(endpoint_, stop));
    GB_TRY_ASSIGN(const std::vector<NodeState> donors, rank_donors(endpoint_, topology));
    std::optional<Error> error;
    for (const NodeState& donor : donors) {
      auto facts = look(donor, stop);
      if (facts) {
        donor_ = donor;
        others_.clear();
        for (const NodeState& node : topology.nodes)
          if (node.error.empty() && node.address != donor.address) others_.push_back(node.address);
        facts_ = std::move(*facts);
        facts_.cluster_uuid = donor.cluster_uuid;
        narrate_("donor " + donor.address.text() + " chosen of " +
                 std::to_string(topology.nodes.size()) +
                 (topology.nodes.size() == 1 ? " node" : " nodes") + ": " +
                 (donor.galera ? "Synced, receive queue " + std::to_string(donor.receive_queue)
                               : "a server without Galera"));
        return {};
      }
      // Another node helps when this one is not there; it has the same schemas and accounts.
      if (facts.error().code != Code::kUnavailable && facts.error().code != Code::kExhausted)
        return fail(std::move(facts).error());
      error = std::move(facts).error();
    }
    return fail(std::move(*error));
  }

  Status open_snapshot(std::stop_token stop) override {
    snapshot_.reset();
    connections_.clear();
    for (unsigned i = 0; i < std::max(1U, options_.threads); ++i) {
      GB_TRY_ASSIGN(Connection connection, open_dump_connection(endpoint_, donor_.address, stop));
      GB_TRY(grow_send_buffer(connection));
      connections_.push_back(std::move(connection));
    }
    watch_.reset();
    if (strict_) GB_TRY(look_again());
    held_ = strict_ && !is_used();
    if (strict_ && !held_)
      narrate_("donor " + donor_.address.text() +
               " is not held still, since applications use it: their writes would wait until the "
               "dump ends");
    took_out_ = took_out_ || (held_ && donor_.galera);
    if (!held_) {  // then nothing can change
      GB_TRY_ASSIGN(SchemaWatch watch, SchemaWatch::begin(connections_.front()));
      watch_.emplace(std::move(watch));
    }
    auto opened = Snapshot::open(endpoint_, connections_, donor_.galera, held_, clock_, facts_,
                                 narrate_, stop);
    if (!opened) return wrap("opening the snapshot", std::move(opened).error());
    snapshot_.emplace(std::move(*opened));
    if (endpoint_.data_time) facts_.snapshot_time = *endpoint_.data_time;
    narrate_("snapshot opened on " + std::to_string(connections_.size()) + " connections (" +
             facts_.snapshot_method + ")" + (facts_.gtid.empty() ? "" : ", GTID " + facts_.gtid));
    return {};
  }

  [[nodiscard]] const std::vector<std::string>& schemas() const override { return schemas_; }
  [[nodiscard]] const Facts& facts() const override { return facts_; }
  void set_strict(bool strict) override { strict_ = strict; }
  void set_active_node(std::string node) override { endpoint_.active_node = std::move(node); }
  [[nodiscard]] bool took_donor_out() const override { return took_out_; }
  [[nodiscard]] double flow_control_paused() const override { return flow_control_paused_; }

  Result<InstanceModel> run(DumpSink& sink, Progress& progress, std::stop_token stop) override {
    auto model = read(sink, progress, stop);
    if (!model && model.error().code == Code::kConflict && strict_ && !held_)
      model.error().hint =
          "create the backup again when no schema changes are made: the node that it was read from "
          "is one that applications use, and is not held still therefore; another one is taken "
          "when "
          "there is one";
    connections_.clear();
    if (snapshot_) {
      const Status released = snapshot_->release();
      snapshot_.reset();
      if (!released && model) model->notes.push_back(released.error().text());
      if (!model) return fail(and_left(std::move(model).error(), released));
    }
    return model;
  }

 private:
  // Whether applications write through the donor. Of several nodes of which nobody said which one
  // they use, it is one that they need not use. A copy that stands still is used by nobody.
  [[nodiscard]] bool is_used() const {
    if (endpoint_.data_time) return false;
    return donor_.cluster_size <= 1 || donor_.address.text() == endpoint_.active_node;
  }

  // The cluster may be another than when the donor was chosen, perhaps an hour ago.
  Status look_again() {
    GB_TRY_ASSIGN(const NodeState now, read_node_state(connections_.front()));
    donor_.cluster_size = now.cluster_size;
    return {};
  }

  // What a dump does without until its donor cannot keep up.
  Status tell_of_missing_super(Connection& connection, const NodeState& donor) {
    if (!donor.galera || donor.cluster_size <= 1) return {};
    GB_TRY_ASSIGN(const std::set<std::string> everywhere, privileges(connection));
    if (everywhere.contains("SUPER")) return {};
    GB_TRY_ASSIGN(const std::string user, current_user(connection));
    narrate_("user " + user +
             " lacks SUPER, which wsrep_desync needs: a donor that does not keep up with its "
             "cluster cannot be taken out of flow control, and the dump is given up then");
    return {};
  }

  Result<Facts> look(const NodeState& donor, const std::stop_token& stop) {
    GB_TRY_ASSIGN(Connection connection, open_dump_connection(endpoint_, donor.address, stop));
    GB_TRY(check_dump_privileges(connection, options_));
    GB_TRY(tell_of_missing_super(connection, donor));
    std::vector<std::string> notes;
    GB_TRY_ASSIGN(const auto present, list_schemas(connection, notes));
    GB_TRY_ASSIGN(schemas_, select_schemas(present, options_));
    return read_facts(connection);
  }

  // Everything but rows: schemas, tables, programs.
  Result<Definitions> define(Connection& connection) {
    std::vector<std::string> notes;
    GB_TRY_ASSIGN(const auto present, list_schemas(connection, notes));
    std::vector<std::string> schemas;
    if (options_.content != Content::kGrants) {
      GB_TRY_ASSIGN(schemas, select_schemas(present, options_));
    }
    GB_TRY_ASSIGN(Definitions out, read_definitions(connection, schemas, options_.exclude_tables));
    for (Schema& schema : out.schemas) {
      GB_TRY_ASSIGN(schema.programs, read_programs(connection, schema.name));
    }
    out.notes.insert(out.notes.begin(), notes.begin(), notes.end());
    return out;
  }

  // What is dropped between the list and the look at it is no reason to fail: it is a change like
  // every other.
  Result<Definitions> define_unchanged(Connection& connection) {
    auto out = define(connection);
    if (!out && watch_ && out.error().code != Code::kCancelled) {
      Status same = watch_->after_definitions(connection);
      if (!same && same.error().code == Code::kConflict) return fail(std::move(same).error());
    }
    return out;
  }

  Result<InstanceModel> read(DumpSink& sink, Progress& progress, const std::stop_token& stop) {
    if (connections_.empty()) return fail(Code::kInternal, "a dump ran without an open snapshot");
    Connection& first = connections_.front();
    for (Connection& connection : connections_) connection.use_stop(stop);
    GB_TRY_ASSIGN(Definitions definitions, define_unchanged(first));
    if (watch_) GB_TRY(watch_->after_definitions(first));
    GB_TRY(first.exec("ROLLBACK TO SAVEPOINT gb_snapshot"));

    InstanceModel model;
    std::vector<TableToRead> tables;
    for (Schema& schema : definitions.schemas)
      for (Table& table : schema.tables)
        if (!table.data_excluded)
          tables.push_back({schema.name, &table, definitions.sizes[{schema.name, table.name}]});

    std::mutex mutex;
    std::optional<Error> given_up;
    std::stop_source halt;
    const std::stop_callback halt_on_stop(stop, [&] { halt.request_stop(); });
    DonorGuard guard(endpoint_, donor_,
                     {static_cast<unsigned>(connections_.size()), held_, options_.hopeless_queue,
                      [&] { return snapshot_ ? snapshot_->held_lately() : Status(); }},
                     narrate_, [&](Error error) {
                       const std::lock_guard lock(mutex);
                       given_up = std::move(error);
                       halt.request_stop();
                     });
    auto ended_empty =
        dump_tables(connections_, tables, &sink, progress, &guard.turns(), halt.get_token());
    flow_control_paused_ = guard.finish();
    took_out_ = took_out_ || guard.took_out();
    if (given_up) return fail(std::move(*given_up));
    if (!ended_empty) return fail(std::move(ended_empty).error());

    first.use_stop(stop);
    if (options_.content != Content::kData) {
      GB_TRY_ASSIGN(model.accounts, read_accounts(first));
      GB_TRY_ASSIGN(model.foreign_servers, read_foreign_servers(first, definitions.notes));
    }
    GB_TRY_ASSIGN(model.library_functions, read_library_functions(first));
    GB_TRY_ASSIGN(const Definitions now, define_unchanged(first));
    if (const std::string change = definitions_changed(definitions.schemas, now.schemas);
        !change.empty())
      return fail(Code::kConflict, change + " while the dump ran",
                  "the dump starts again; make no schema changes for its duration");
    if (watch_) GB_TRY(watch_->after_rows(first, *ended_empty));
    if (snapshot_) GB_TRY(snapshot_->still_held());
    model.facts = facts_;
    model.schemas = std::move(definitions.schemas);
    model.notes = std::move(definitions.notes);
    if (donor_.galera) ask_for_event_states(model.schemas, stop);
    note_unexpected_texts(model);
    return model;
  }

  // No restore would take them: better told now.
  static void note_unexpected_texts(InstanceModel& model) {
    std::vector<const Schema*> schemas;
    for (const Schema& schema : model.schemas) schemas.push_back(&schema);
    const std::vector<std::string> found = unexpected_texts(model, schemas, true);
    if (!found.empty())
      model.notes.push_back(
          "what the server answered does not make what it should, and no restore will execute "
          "it: " +
          some(found));
  }

  // Galera lists an event as SLAVESIDE_DISABLED on every node but the one that it was made through:
  // only that one knows whether it is enabled. A node that does not answer costs no dump; what is
  // still unknown then stays as it is, and the restore's plan says so.
  void ask_for_event_states(std::vector<Schema>& schemas, const std::stop_token& stop) {
    for (const Address& node : others_) {
      if (!has_unknown_event_states(schemas)) return;
      Status asked;
      if (auto connection = open_dump_connection(endpoint_, node, stop))
        asked = take_event_states(*connection, schemas);
      else
        asked = fail(std::move(connection).error());
      if (!asked)
        narrate_("the states of events were not asked of " + node.text() + ": " +
                 asked.error().text());
    }
  }

  Endpoint endpoint_;
  DumpOptions options_;
  std::vector<std::string> schemas_;
  std::vector<Address> others_;  // the nodes beside the donor that answered
  const Clock& clock_;
  Narrator narrate_;
  bool strict_ = false;
  bool held_ = false;  // the snapshot that is open is a strict one
  bool took_out_ = false;
  NodeState donor_;
  Facts facts_;
  double flow_control_paused_ = 0;
  std::vector<Connection> connections_;
  std::optional<SchemaWatch> watch_;
  std::optional<Snapshot> snapshot_;
};

}  // namespace

std::unique_ptr<Dump> Dump::make(Endpoint endpoint, DumpOptions options, const Clock& clock,
                                 Narrator narrate) {
  return std::make_unique<DumpOfInstance>(std::move(endpoint), std::move(options), clock,
                                          std::move(narrate));
}

}  // namespace gb::galera
