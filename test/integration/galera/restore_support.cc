#include "test/integration/galera/restore_support.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "galera/accounts.h"
#include "galera/introspect.h"
#include "galera/server_objects.h"
#include "galera/sql_text.h"

namespace gb::galera::test {
namespace {

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

class MemorySink final : public TableSink {
 public:
  explicit MemorySink(std::shared_ptr<MemoryDump::Rows> rows) : rows_(std::move(rows)) {}
  Status chunk(unsigned range, std::uint64_t, std::uint64_t rows,
               std::span<const Bytes> columns) override {
    Chunk out;
    out.rows = rows;
    for (const Bytes& column : columns) out.columns.emplace_back(as_text(column));
    const std::lock_guard lock(rows_->mutex);
    rows_->ranges[range].push_back(std::move(out));
    return {};
  }
  Status finish(const TableTotals&) override { return {}; }

 private:
  std::shared_ptr<MemoryDump::Rows> rows_;
};

class MemorySource final : public TableSource {
 public:
  MemorySource(const MemoryDump::Rows& rows, const std::function<Status()>& before)
      : before_(before) {
    for (const auto& [range, chunks] : rows.ranges)
      for (const Chunk& chunk : chunks) chunks_.push_back(&chunk);
  }
  [[nodiscard]] std::size_t chunk_count() const override { return chunks_.size(); }
  Result<Chunk> chunk(std::size_t index) override {
    if (before_) GB_TRY(before_());
    return *chunks_.at(index);
  }

 private:
  const std::function<Status()>& before_;
  std::vector<const Chunk*> chunks_;
};

}  // namespace

bool have_bed() {
  return !variable("GB_TEST_NODES2").empty();
}

Endpoint endpoint(const std::string& suffix) {
  Endpoint out;
  out.name = suffix.empty() ? "openstack" : "openstack-dr";
  for (const std::string& node : split(variable("GB_TEST_NODES" + suffix), ',')) {
    const std::size_t colon = node.rfind(':');
    out.nodes.push_back(
        {node.substr(0, colon), static_cast<std::uint16_t>(std::stoi(node.substr(colon + 1)))});
  }
  out.user = variable("GB_TEST_USER" + suffix);
  std::ifstream file(variable("GB_TEST_PASSWORD_FILE" + suffix));
  std::getline(file, out.password);
  out.tls_ca_file = variable("GB_TEST_CA_FILE" + suffix);
  if (!out.tls_ca_file.empty()) out.tls = TlsMode::kRequired;
  return out;
}

Result<std::unique_ptr<TableSink>> MemoryDump::table(const std::string& schema,
                                                     const std::string& table,
                                                     const std::vector<std::string>&) {
  const std::lock_guard lock(mutex_);
  auto rows = std::make_shared<Rows>();
  tables_[{schema, table}] = rows;
  return std::unique_ptr<TableSink>(std::make_unique<MemorySink>(std::move(rows)));
}

Result<std::unique_ptr<TableSource>> MemoryDump::table(const std::string& schema,
                                                       const std::string& table) {
  const std::lock_guard lock(mutex_);
  const auto it = tables_.find({schema, table});
  if (it == tables_.end()) return fail(Code::kCorruption, "no rows of " + schema + "." + table);
  return std::unique_ptr<TableSource>(std::make_unique<MemorySource>(*it->second, before_chunk));
}

Backup back_up(const Endpoint& from, std::vector<std::string> databases, Content content) {
  static const SystemClock clock;
  Backup out;
  DumpOptions options;
  options.databases = std::move(databases);
  options.content = content;
  const auto dump = Dump::make(from, options, clock, [](const std::string&) {});
  const auto check = [](const Status& status) {
    if (!status) throw std::runtime_error(status.error().text());
  };
  check(dump->connect({}));
  check(dump->open_snapshot({}));
  Progress progress;
  auto model = dump->run(*out.rows, progress, {});
  if (!model) throw std::runtime_error(model.error().text());
  out.model = std::move(*model);
  return out;
}

Result<RestoreReport> restore(const Endpoint& onto, const Backup& backup, RestoreOptions options,
                              const Narrator& narrate, std::stop_token stop) {
  Progress progress;
  const auto restorer = Restore::make(onto, std::move(options), backup.model, narrate);
  GB_TRY(restorer->block(stop));
  auto report = restorer->run(*backup.rows, progress, std::move(stop));
  if (Status given_back = restorer->give_back(); report && !given_back)
    return fail(given_back.error());
  return report;
}

std::map<std::string, std::string> contents(const InstanceModel& model) {
  std::map<std::string, std::string> out;
  for (const Schema& s : model.schemas) {
    out["schema " + s.name] = s.character_set + " " + s.collation + " " + s.comment;
    for (const Table& t : s.tables) {
      const std::string name = "table " + s.name + "." + t.name;
      out[name] = t.create_sql;
      out[name + " rows"] = std::to_string(t.totals.rows) + " " + to_hex(t.totals.digest);
      out[name + " counter"] = std::to_string(t.auto_increment);
    }
    for (const Sequence& q : s.sequences)
      out["sequence " + s.name + "." + q.name] = q.create_sql + " = " + join(q.state, ",");
    for (const Program& p : s.programs) {
      std::ostringstream text;
      text << p.table << '#' << p.order << ' ' << p.definer << ' ' << p.sql_mode << ' '
           << p.character_set_client << ' ' << p.collation_connection << ' ' << p.database_collation
           << ' ' << p.time_zone << ' ' << p.status << '\n'
           << p.create_sql;
      out["program " + std::to_string(static_cast<int>(p.kind)) + " " + s.name + "." + p.name] =
          text.str();
    }
  }
  for (const Account& a : model.accounts)
    out["account " + a.name] = join(a.create, ";\n") + ";\n" + join(a.grants, ";\n");
  return out;
}

Connection connect(const Endpoint& to) {
  auto connection = Connection::open(to, to.nodes.front(), {}, {});
  if (!connection) throw std::runtime_error(connection.error().text());
  return std::move(*connection);
}

void run(const Endpoint& on, const std::vector<std::string>& statements) {
  Connection connection = connect(on);
  for (const std::string& sql : statements)
    if (auto done = connection.exec(sql); !done)
      throw std::runtime_error(done.error().text() + " in: " + sql);
}

std::string ask(const Endpoint& on, const std::string& sql) {
  Connection connection = connect(on);
  (void)connection.exec("SET SESSION wsrep_sync_wait = 1");
  auto cell = connection.scalar(sql);
  if (!cell) return "error: " + cell.error().text();
  return cell->value_or("NULL");
}

void empty(const Endpoint& what) {
  Connection connection = connect(what);
  std::vector<std::string> notes;
  const auto schemas = list_schemas(connection, notes);
  if (!schemas) throw std::runtime_error(schemas.error().text());
  (void)connection.exec("SET foreign_key_checks = 0");
  for (const std::string& schema : *schemas) {
    if (auto done = connection.exec("DROP DATABASE " + quote_name(schema)); !done)
      throw std::runtime_error(done.error().text());
  }
  const auto accounts = read_accounts(connection);
  if (!accounts) throw std::runtime_error(accounts.error().text());
  for (const Account& account : *accounts)
    // The bed has accounts of its own, for state transfers.
    if (account.name.rfind("`sst`", 0) != 0)
      (void)connection.exec((account.role ? "DROP ROLE " : "DROP USER ") + account.name);
  const auto servers = read_foreign_servers(connection, notes);
  if (!servers) throw std::runtime_error(servers.error().text());
  for (const ServerObject& server : *servers)
    (void)connection.exec("DROP SERVER " + quote_name(server.name));
}

void RestoreTest::make_openstack() const {
  run(from_,
      {"CREATE DATABASE keystone CHARACTER SET utf8mb3", "CREATE DATABASE nova COMMENT 'cell''s'",
       "CREATE TABLE keystone.project (id varchar(64) NOT NULL, name varchar(64) NOT NULL, extra "
       "text, "
       "enabled tinyint(1), domain_id varchar(64) NOT NULL, parent_id varchar(64), PRIMARY KEY "
       "(id), "
       "UNIQUE KEY ixu_project_name_domain_id (domain_id, name), KEY parent_id (parent_id), "
       "CONSTRAINT project_ibfk_1 FOREIGN KEY (domain_id) REFERENCES project (id), CONSTRAINT "
       "project_ibfk_2 FOREIGN KEY (parent_id) REFERENCES project (id)) ENGINE=InnoDB",
       "INSERT INTO keystone.project VALUES ('root','root',NULL,1,'root',NULL), "
       "('a','Ünïcode','{}',1,"
       "'root','root'), ('b','b',NULL,0,'root','a')",
       "CREATE TABLE nova.instances (created_at datetime, updated_at datetime, id int NOT NULL "
       "AUTO_INCREMENT, uuid varchar(36) NOT NULL, project_id varchar(64), vm_state "
       "varchar(255), "
       "memory_mb int, info mediumtext, deleted int, PRIMARY KEY (id), UNIQUE KEY uniq_uuid "
       "(uuid), KEY "
       "project_idx (project_id, vm_state, memory_mb), KEY info_idx (info(20))) ENGINE=InnoDB",
       "INSERT INTO nova.instances SELECT '2026-01-01 10:00:00' + INTERVAL seq SECOND, NULL, "
       "seq, "
       "CONCAT(LPAD(HEX(seq), 8, '0'), '-0000-4000-8000-', LPAD(HEX(seq * 7919), 12, '0')), "
       "ELT(seq % 3 + 1, 'root', 'a', 'b'), ELT(seq % 4 + 1, 'active', 'error', 'stopped', "
       "NULL), seq % "
       "4096, REPEAT(MD5(seq), 5), 0 FROM nova.seq_1_to_12000",
       "DELETE FROM nova.instances WHERE id > 11990",
       "CREATE TABLE nova.block_device_mapping (id int NOT NULL AUTO_INCREMENT, instance_uuid "
       "varchar(36), "
       "project_id varchar(64) CHARACTER SET utf8mb3, PRIMARY KEY (id), KEY (instance_uuid), "
       "CONSTRAINT "
       "bdm_fk FOREIGN KEY (instance_uuid) REFERENCES instances (uuid) ON DELETE CASCADE, "
       "CONSTRAINT "
       "project_fk FOREIGN KEY (project_id) REFERENCES keystone.project (id)) ENGINE=InnoDB",
       "INSERT INTO nova.block_device_mapping (instance_uuid, project_id) SELECT uuid, "
       "project_id FROM "
       "nova.instances WHERE id < 100",
       "CREATE TABLE nova.empty_one (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, x int, KEY (x)) "
       "ENGINE=InnoDB AUTO_INCREMENT=1000"});
}

}  // namespace gb::galera::test
