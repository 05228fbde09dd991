// The order of a restore: schemas, sequences, tables with their rows and keys, foreign keys,
// AUTO_INCREMENT, routines, grants, views, the comparison, triggers, events, grants. Triggers and
// events come after the comparison, so that nothing in the database itself changes a row before it
// was compared.
#include <mysqld_error.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "galera/accounts.h"
#include "galera/engine.h"
#include "galera/expected_text.h"
#include "galera/introspect.h"
#include "galera/load.h"
#include "galera/plan.h"
#include "galera/programs.h"
#include "galera/restore_traffic.h"
#include "galera/server_objects.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

using Kind = Program::Kind;

constexpr const char* kNothingChanged = "what was there before, nothing was changed";

class RestoreImpl final : public Restore {
 public:
  RestoreImpl(Endpoint target, RestoreOptions options, const InstanceModel& model, Narrator narrate)
      : target_(std::move(target)),
        options_(std::move(options)),
        model_(model),
        narrate_(narrate ? std::move(narrate) : [](const std::string&) {}) {}

  Result<RestorePlan> plan(std::stop_token stop) override {
    GB_TRY(look(stop));
    return checked_.plan;
  }

  Status block(std::stop_token stop) override {
    if (!options_.block_traffic) return {};
    GB_TRY(look(stop));
    GB_TRY(ready(checked_, target_.name));
    if (Status blocked = block_traffic(stop); !blocked)
      return failed("blocking traffic", kNothingChanged, std::move(blocked).error(), stop);
    return {};
  }

  Result<RestoreReport> run(DumpSource& source, Progress& progress, std::stop_token stop) override {
    if (options_.block_traffic && traffic_ == nullptr)
      return fail(Code::kInternal, "a restore was to begin without traffic being blocked");
    GB_TRY(look(stop));
    GB_TRY(ready(checked_, target_.name));
    report_ = {};
    report_.notes = checked_.plan.notes;
    report_.notes.insert(report_.notes.end(), not_blocked_.begin(), not_blocked_.end());
    step_ = "connecting";
    if (Status done = steps(source, progress, stop); !done) {
      Error error = std::move(done).error();
      if (error.code == Code::kCancelled || stop.stop_requested()) error.hint.clear();
      if (changed_)
        error.hint += std::string(error.hint.empty() ? "" : "; then ") + "run the restore again" +
                      (options_.content == Content::kGrants ? "" : " with existing: Replace");
      return failed(step_, in_place(progress), std::move(error), stop);
    }
    return std::move(report_);
  }

  Status give_back() override {
    if (traffic_ == nullptr) return {};
    Status ended = traffic_->end();
    traffic_.reset();
    return ended;
  }

 private:
  Status look(const std::stop_token& stop) {
    Status looked = look_at_target(stop);
    if (looked) return looked;
    return failed("looking at the target", kNothingChanged, std::move(looked).error(), stop);
  }
  Status look_at_target(std::stop_token stop);
  Status block_traffic(std::stop_token stop);
  Status steps(DumpSource& source, Progress& progress, std::stop_token stop);
  Status make_foreign_servers(Connection& connection);
  Status make_schemas(Connection& connection);
  Status make_sequences(Connection& connection, const SelectedSchema& selected);
  Status load_tables(DumpSource& source, Progress& progress, std::stop_token stop);
  Status add_foreign_keys(Connection& connection);
  Status add_foreign_keys_that_fit(Connection& connection, const TableLoad& t);
  Status set_counters(Connection& connection);
  Status make_programs(Connection& connection, std::initializer_list<Kind> kinds);
  Status make_views(Connection& connection);
  Result<bool> compare(std::stop_token stop);
  [[nodiscard]] std::string in_place(const Progress& progress) const;

  [[nodiscard]] tl::unexpected<Error> failed(const std::string& step, const std::string& in_place,
                                             Error error, const std::stop_token& stop) const {
    if (stop.stop_requested()) error.code = Code::kCancelled;
    return wrap("the restore onto \"" + target_.name + "\" failed while " + step +
                    "; in place: " + in_place,
                std::move(error));
  }

  void begin_step(std::string step) {
    step_ = std::move(step);
    narrate_(step_);
  }

  const Endpoint target_;
  const RestoreOptions options_;
  const InstanceModel& model_;
  const Narrator narrate_;

  Selection selection_;
  CheckedPlan checked_;
  std::vector<TableLoad> loads_;
  std::unique_ptr<TrafficBlock> traffic_;
  std::vector<std::string> not_blocked_;  // notes on nodes through which applications may write
  RestoreReport report_;

  // What is in place, for the message of a failure.
  std::string step_;
  bool changed_ = false;
  std::string accounts_;  // what became of them; empty: none were to be made
  std::size_t dropped_ = 0;
  std::size_t schemas_ = 0;
  std::size_t foreign_keys_ = 0;
  std::size_t programs_ = 0;
};

Status RestoreImpl::look_at_target(std::stop_token stop) {
  auto selection = select_for_restore(model_, options_);
  if (!selection) {
    checked_ = {};
    add_check(checked_, "Selection", fail(std::move(selection).error()));
    return {};
  }
  selection_ = std::move(*selection);
  const Result<Topology> topology = inspect(target_, stop);
  if (stop.stop_requested()) return fail(Code::kCancelled, "the restore was stopped");
  checked_ = check_target(target_, topology, model_, options_.not_the_source);
  if (!ready(checked_, target_.name)) return {};
  GB_TRY_ASSIGN(Connection connection, open_restore_session(target_, checked_.node, stop));
  GB_TRY(check_contents(connection, model_, options_, selection_, checked_));
  if (Status expected = check_texts(model_, selection_, options_.content); !expected)
    add_check(checked_, "Statements", std::move(expected));
  if (options_.block_traffic && options_.gate != nullptr)
    add_check(checked_, "Traffic", options_.gate->may_shut(stop));
  if (options_.content == Content::kGrants) return {};

  // Every definition is read before anything is changed.
  loads_.clear();
  for (const SelectedSchema& s : selection_.schemas) {
    for (const Table& table : s.schema->tables) {
      auto definition = parse_table(table.create_sql);
      if (!definition)
        return wrap("the table " + quote_table(s.schema->name, table.name) + " cannot be restored",
                    std::move(definition).error());
      if (target_.scratch) {
        GB_TRY_ASSIGN(definition->options, without_directories(definition->options));
      }
      loads_.push_back({s.schema->name, s.target, &table, std::move(*definition)});
    }
  }
  return {};
}

Status RestoreImpl::block_traffic(std::stop_token stop) {
  GB_TRY_ASSIGN(const Topology topology, inspect(target_, stop));
  std::vector<Address> nodes;
  not_blocked_.clear();
  for (const NodeState& node : topology.nodes) {
    if (node.error.empty())
      nodes.push_back(node.address);
    else if (options_.gate == nullptr)
      not_blocked_.push_back("traffic through " + node.address.text() +
                             " was not blocked, since it could not be reached: " + node.error);
  }
  traffic_ = TrafficBlock::make(target_, options_.gate, narrate_);
  return traffic_->begin(nodes, std::move(stop));
}

Status RestoreImpl::steps(DumpSource& source, Progress& progress, std::stop_token stop) {
  GB_TRY_ASSIGN(Connection connection, open_restore_session(target_, checked_.node, stop));
  narrate_("restoring through " + checked_.node.text() +
           (checked_.quiet ? ", which nobody else uses" : ", which is in use"));

  const bool rows = options_.content != Content::kGrants;
  const bool accounts = options_.content != Content::kData;
  if (accounts) {
    begin_step("making accounts");
    changed_ = true;  // also when this fails: some may be made by then
    accounts_ = "accounts made in part";
    GB_TRY_ASSIGN(const std::uint64_t made,
                  create_accounts(connection, model_.accounts, report_.notes));
    changed_ = made > 0;
    accounts_ = std::to_string(made) + " accounts made";
    GB_TRY(make_foreign_servers(connection));
  }
  if (rows) {
    GB_TRY(make_schemas(connection));
    GB_TRY(load_tables(source, progress, stop));
    GB_TRY(add_foreign_keys(connection));
    GB_TRY(set_counters(connection));
    begin_step("making routines");
    GB_TRY(make_programs(connection,
                         {Kind::kPackage, Kind::kPackageBody, Kind::kFunction, Kind::kProcedure}));
    if (accounts) {
      // A view on a view is made only where the definer of that one may read; what is not there yet
      // is granted at the end.
      std::vector<std::string> later;
      GB_TRY(grant_accounts(connection, model_.accounts, selection_.sources(), selection_.names,
                            later));
    }
    GB_TRY(make_views(connection));
    if (options_.compare) {
      if (progress.on_compare) progress.on_compare();
      begin_step("comparing what was restored with the backup");
      GB_TRY_ASSIGN(const bool equal, compare(stop));
      if (!equal) return {};
    }
    begin_step("making triggers");
    GB_TRY(make_programs(connection, {Kind::kTrigger}));
    begin_step("making events");
    GB_TRY(make_programs(connection, {Kind::kEvent}));
  }
  if (accounts) {
    begin_step("granting privileges");
    changed_ = true;
    accounts_ += ", privileges granted in part";
    GB_TRY(grant_accounts(connection, model_.accounts, selection_.sources(), selection_.names,
                          report_.notes));
  }
  return {};
}

Status RestoreImpl::make_foreign_servers(Connection& connection) {
  if (model_.foreign_servers.empty()) return {};
  begin_step("making servers (CREATE SERVER)");
  const bool changed_before = std::exchange(changed_, true);  // some may be made when this fails
  GB_TRY_ASSIGN(const std::uint64_t made,
                create_foreign_servers(connection, model_.foreign_servers, report_.notes));
  changed_ = changed_before || made > 0;
  accounts_ += ", " + std::to_string(made) + " servers made";
  return {};
}

Status RestoreImpl::make_schemas(Connection& connection) {
  begin_step("making schemas");
  // All are gone before the first comes back: a foreign key or a view may reach from one to
  // another.
  for (std::size_t i = 0; i < selection_.schemas.size(); ++i) {
    if (checked_.plan.schemas[i].action != "Replace") continue;
    changed_ = true;
    GB_TRY(connection.exec("DROP DATABASE IF EXISTS " + quote_name(selection_.schemas[i].target)));
    ++dropped_;
  }
  for (const SelectedSchema& s : selection_.schemas) {
    std::string sql = "CREATE DATABASE " + quote_name(s.target) + " CHARACTER SET " +
                      s.schema->character_set + " COLLATE " + s.schema->collation;
    if (!s.schema->comment.empty()) sql += " COMMENT " + quote_text(s.schema->comment);
    changed_ = true;
    GB_TRY(connection.exec(sql));
    GB_TRY(refuse_warnings(connection, "making the schema " + quote_name(s.target)));
    ++schemas_;
  }
  for (const SelectedSchema& s : selection_.schemas) GB_TRY(make_sequences(connection, s));
  return {};
}

Status RestoreImpl::make_sequences(Connection& connection, const SelectedSchema& selected) {
  if (selected.schema->sequences.empty()) return {};
  begin_step("making sequences of " + quote_name(selected.target));
  GB_TRY(connection.exec("USE " + quote_name(selected.target)));
  for (const Sequence& sequence : selected.schema->sequences) {
    const std::string name = quote_table(selected.target, sequence.name);
    GB_TRY(connection.exec(sequence.create_sql));
    GB_TRY(refuse_warnings(connection, "making the sequence " + name));
    // Unlike SETVAL, this also gives back the number of cycles.
    std::string values;
    for (const std::string& value : sequence.state) values += (values.empty() ? "" : ",") + value;
    if (values.find_first_not_of("0123456789-,") != std::string::npos)
      return fail(Code::kCorruption,
                  "the state of the sequence " + name + " in the backup is damaged");
    GB_TRY(connection.exec("INSERT INTO " + name + " VALUES (" + values + ")"));
    GB_TRY(refuse_warnings(connection, "setting the sequence " + name));
  }
  return {};
}

Status RestoreImpl::load_tables(DumpSource& source, Progress& progress, std::stop_token stop) {
  begin_step("loading " + std::to_string(loads_.size()) + " tables");
  progress.reset();
  progress.tables_total = loads_.size();
  std::uint64_t expected = 0;
  for (const TableLoad& t : loads_) expected += t.table->data_excluded ? 0 : t.table->totals.rows;
  progress.rows_expected = expected;
  GB_TRY(load(target_, checked_.node, loads_,
              {checked_.quiet, checked_.smaller_pages, options_.threads, selection_.names}, source,
              progress, stop));
  report_.tables = progress.tables_done;
  report_.rows = progress.rows;
  return {};
}

Status RestoreImpl::add_foreign_keys(Connection& connection) {
  begin_step("adding foreign keys");
  for (const TableLoad& t : loads_) {
    GB_TRY_ASSIGN(const std::string sql,
                  add_foreign_keys_sql(t.definition, t.schema, selection_.names));
    if (sql.empty()) continue;
    const std::string what = "the foreign keys of " + quote_table(t.schema, t.table->name);
    if (auto added = connection.exec(sql); !added) {
      if (connection.last_errno() != ER_FK_NO_INDEX_PARENT)
        return wrap("cannot add " + what, std::move(added).error());
      GB_TRY(add_foreign_keys_that_fit(connection, t));
    }
    GB_TRY(refuse_table_warnings(connection, "adding " + what, checked_.smaller_pages));
    ++foreign_keys_;
  }
  return {};
}

// Without its checks a server lets a parent lose the key that a foreign key refers to, and takes
// the foreign key no more: it is left out, as the plan has said, and the others are made.
Status RestoreImpl::add_foreign_keys_that_fit(Connection& connection, const TableLoad& t) {
  for (const TableItem& item : t.definition.items) {
    if (item.kind != TableItem::Kind::kForeignKey) continue;
    GB_TRY_ASSIGN(const std::string sql,
                  add_foreign_key_sql(t.definition, item, t.schema, selection_.names));
    auto added = connection.exec(sql);
    if (added) continue;
    const std::string what =
        "the foreign key " + quote_name(item.name) + " of " + quote_table(t.schema, t.table->name);
    if (connection.last_errno() != ER_FK_NO_INDEX_PARENT)
      return wrap("cannot add " + what, std::move(added).error());
    report_.notes.push_back(what + " was not made: " + added.error().text());
  }
  return {};
}

// CREATE TABLE carries the counter; this makes sure of it, whatever the rows did to it.
Status RestoreImpl::set_counters(Connection& connection) {
  begin_step("setting AUTO_INCREMENT");
  for (const SelectedSchema& s : selection_.schemas) {
    GB_TRY_ASSIGN(
        const Rows rows,
        connection.query("SELECT TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES "
                         "WHERE AUTO_INCREMENT IS NOT NULL AND TABLE_SCHEMA = " +
                         quote_text(s.target)));
    std::map<std::string, std::string> now;
    for (const Row& row : rows.rows) now[row.at(0).value_or("")] = row.at(1).value_or("");
    for (const Table& table : s.schema->tables) {
      const std::string wanted = std::to_string(table.auto_increment);
      if (table.auto_increment == 0 || now[table.name] == wanted) continue;
      GB_TRY(connection.exec("ALTER TABLE " + quote_table(s.target, table.name) +
                             " AUTO_INCREMENT = " + wanted));
    }
  }
  return {};
}

Status RestoreImpl::make_programs(Connection& connection, std::initializer_list<Kind> kinds) {
  for (const Kind kind : kinds) {
    for (const SelectedSchema& s : selection_.schemas) {
      for (const Program& p : s.schema->programs) {
        if (p.kind != kind) continue;
        GB_TRY(create_program(connection, {&p, s.schema->name, s.target}, selection_.names,
                              !model_.facts.cluster_uuid.empty()));
        ++programs_;
      }
    }
  }
  return {};
}

Status RestoreImpl::make_views(Connection& connection) {
  begin_step("making views");
  std::vector<PlacedProgram> views;
  for (const SelectedSchema& s : selection_.schemas)
    for (const Program& p : s.schema->programs)
      // One without columns was already broken when it was backed up; the plan's notes name it.
      if (p.kind == Kind::kView && !p.view_columns.empty())
        views.push_back({&p, s.schema->name, s.target});
  const bool everything = selection_.schemas.size() == model_.schemas.size();
  GB_TRY_ASSIGN(views, in_order_of_use(std::move(views)));
  for (const PlacedProgram& view : views) {
    auto made = create_program(connection, view, selection_.names, false);
    if (!made && !everything && made.error().code == Code::kNotFound) {
      report_.notes.push_back(
          "the view " + quote_table(view.schema, view.program->name) +
          " was not made, since it reaches into what was not restored: " + made.error().text());
      continue;
    }
    GB_TRY(std::move(made));
    ++programs_;
  }
  return {};
}

// False when tables differ, which are then in the report.
Result<bool> RestoreImpl::compare(std::stop_token stop) {
  InstanceModel restored;
  restored.facts = model_.facts;
  for (const SelectedSchema& s : selection_.schemas) {
    Schema& schema = restored.schemas.emplace_back();
    schema.name = s.target;
    schema.tables = s.schema->tables;
    for (Table& table : schema.tables)
      if (table.data_excluded) table.totals = {};
  }
  Endpoint through = target_;
  through.nodes = {checked_.node};
  through.active_node.clear();
  GB_TRY_ASSIGN(const std::vector<TableComparison> tables,
                compare_live(through, restored, options_.threads, stop));
  for (const TableComparison& t : tables)
    if (!t.equal()) report_.mismatches.push_back(t);
  return report_.mismatches.empty();
}

std::string RestoreImpl::in_place(const Progress& progress) const {
  if (!changed_) return kNothingChanged;
  if (options_.content == Content::kGrants) return accounts_;
  std::string out = accounts_.empty() ? "" : accounts_ + ", ";
  if (dropped_ > 0) out += std::to_string(dropped_) + " schemas dropped, ";
  out += std::to_string(schemas_) + " of " + std::to_string(selection_.schemas.size()) +
         " schemas made, " + std::to_string(progress.tables_done) + " of " +
         std::to_string(loads_.size()) + " tables complete (" + std::to_string(progress.rows) +
         " rows), foreign keys of " + std::to_string(foreign_keys_) + " tables, " +
         std::to_string(programs_) + " programs";
  return out;
}

}  // namespace

std::unique_ptr<Restore> Restore::make(Endpoint target, RestoreOptions options,
                                       const InstanceModel& model, Narrator narrate) {
  return std::make_unique<RestoreImpl>(std::move(target), std::move(options), model,
                                       std::move(narrate));
}

}  // namespace gb::galera
