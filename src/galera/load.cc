#include "galera/load.h"

#include <mysqld_error.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/guarded.h"
#include "base/text.h"
#include "base/wait.h"
#include "galera/introspect.h"
#include "galera/load_writer.h"
#include "galera/programs.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

constexpr unsigned kRowTooLarge = 139;           // a number of InnoDB's: HA_ERR_TO_BIG_ROW
constexpr std::uint64_t kSmallTable = 1U << 20;  // bytes: keys built at once cost nothing
constexpr std::uint64_t kRowsPerTransaction = 5'000;
constexpr std::uint64_t kBytesPerTransaction = 64U << 20;
constexpr std::size_t kAnalyzeBytes = 512;  // of a statement, and a name: the least packet is 1 KiB
constexpr unsigned kMaxRetries = 10;
constexpr std::chrono::milliseconds kRetryPause{50};
// Loading by rows costs the server about this much more than the bulk path, in quarters.
constexpr std::uint64_t kByRowsCostQuarters = 7;

bool is_conflict(unsigned number) {
  return number == ER_LOCK_DEADLOCK || number == ER_LOCK_WAIT_TIMEOUT ||
         number == ER_ERROR_DURING_COMMIT;
}

// Whether a rolled back statement leaves no rows.
bool has_transactions(const Table& table) {
  return table.engine == "InnoDB" || table.engine == "ROCKSDB";
}

// A chunk is in one or several transactions, never the other way round: a repeated one needs no
// chunk that is gone. `bytes` of the chunk over its `rows` rows.
std::uint64_t rows_per_transaction(std::uint64_t rows, std::uint64_t bytes,
                                   const TargetLimits& limits) {
  std::uint64_t out = kRowsPerTransaction;
  if (limits.max_write_set_rows != 0) out = std::min(out, limits.max_write_set_rows);
  const std::uint64_t largest = std::min(kBytesPerTransaction, limits.max_write_set / 4);
  if (bytes > largest) out = std::min(out, std::max<std::uint64_t>(1, rows * largest / bytes));
  return out;
}

// One table on its way: it is created, its rows come, it gets its other keys.
struct Job {
  TableLoad load;
  LoadPath path = LoadPath::kBulk;
  std::unique_ptr<TableSource> source;  // while rows are loaded
  std::size_t chunks = 0;               // of source
  // By rows, under the loader's mutex:
  std::size_t next_chunk = 0;
  unsigned working = 0;

  [[nodiscard]] bool has_rows() const {
    return load.table->totals.rows > 0 && !load.table->data_excluded;
  }
  [[nodiscard]] bool lacks_keys() const { return path != LoadPath::kAllKeysFirst; }
};

class Loader {
 public:
  Loader(const Endpoint& endpoint, const Address& node, const LoadOptions& options,
         const TargetLimits& limits, DumpSource& source, Progress& progress)
      : endpoint_(endpoint),
        node_(node),
        options_(options),
        limits_(limits),
        source_(source),
        progress_(progress),
        threads_(std::max(1U, options.threads)),
        // Galera runs one definition at a time on the whole cluster: a second one would only wait,
        // on a connection that could load.
        most_definitions_(limits.galera ? 1 : threads_) {}

  Status run(std::vector<TableLoad> tables, std::stop_token stop) {
    std::uint64_t all_bytes = 0;
    for (const TableLoad& t : tables) all_bytes += t.table->totals.bytes;
    std::stable_sort(tables.begin(), tables.end(), [](const TableLoad& a, const TableLoad& b) {
      return a.table->totals.bytes > b.table->totals.bytes;
    });
    for (TableLoad& t : tables) {
      auto job = std::make_unique<Job>();
      job->path = choose_path(*t.table, all_bytes, options_, limits_);
      job->load = std::move(t);
      waiting_.push_back(job.get());
      jobs_.push_back(std::move(job));
    }
    unfinished_ = jobs_.size();
    const std::stop_callback relay(stop, [this] { stop_.request_stop(); });
    {
      std::vector<std::jthread> workers;
      // A single large table by rows keeps every connection busy.
      const bool shared = !jobs_.empty() && jobs_.front()->path == LoadPath::kByRows;
      const std::size_t count = shared ? threads_ : std::min<std::size_t>(threads_, jobs_.size());
      for (std::size_t i = 0; i < count; ++i) workers.emplace_back([this] { work(); });
    }
    const std::lock_guard lock(mutex_);
    if (failure_) return fail(std::move(*failure_));
    if (stop.stop_requested()) return fail(Code::kCancelled, "the restore was stopped");
    return {};
  }

  // Gives every node statistics of the tables that were filled without. Many in one statement: as
  // one after each table, each would wait for what is just being committed, and hold up what comes
  // next. What a statement says is no matter of the restore's.
  Status analyze(Connection& connection) const {
    std::string sql;
    for (const auto& job : jobs_) {
      if (!job->lacks_keys()) continue;
      sql += (sql.empty() ? "ANALYZE TABLE " : ", ") +
             quote_table(job->load.schema, job->load.table->name);
      if (sql.size() < kAnalyzeBytes) continue;
      GB_TRY(connection.query(sql));
      sql.clear();
    }
    if (!sql.empty()) GB_TRY(connection.query(sql));
    return {};
  }

 private:
  struct Task {
    enum class Kind : std::uint8_t { kCreate, kLoad, kHelp, kComplete };
    Kind kind;
    Job* job;
  };

  void work() {
    Status result = guarded("loading tables", [this]() -> Status {
      GB_TRY_ASSIGN(Connection connection,
                    open_restore_session(endpoint_, node_, stop_.get_token()));
      while (const auto task = next()) {
        if (Status done = perform(connection, *task); !done)
          return wrap("loading the table " +
                          quote_table(task->job->load.schema, task->job->load.table->name) +
                          " failed",
                      std::move(done).error());
      }
      return {};
    });
    if (result) return;
    const std::lock_guard lock(mutex_);
    // What the others say after they were stopped is no news.
    if (!failure_ || failure_->code == Code::kCancelled) failure_ = std::move(result).error();
    stop_.request_stop();
    changed_.notify_all();
  }

  // What to do now; waits where others have to do something before. None: nothing is left, or all
  // were stopped.
  std::optional<Task> next() {
    std::unique_lock lock(mutex_);
    std::optional<Task> task;
    changed_.wait(lock, stop_.get_token(), [&] {
      if (unfinished_ > 0 && !stop_.stop_requested()) task = choose();
      return unfinished_ == 0 || task;
    });
    return task;
  }

  std::optional<Task> choose() {
    using enum Task::Kind;
    // A table that is loaded by rows is helped with before another is begun.
    for (Job* job : shared_) {
      if (job->next_chunk == job->chunks) continue;
      ++job->working;
      return Task{kHelp, job};
    }
    if (definitions_ < most_definitions_) {
      // Tables are made ahead of who fills them, who would else wait behind somebody's keys.
      const bool create = created_.size() < threads_ && !waiting_.empty();
      if (create || !loaded_.empty()) {
        ++definitions_;
        return create ? Task{kCreate, taken_from(waiting_)} : Task{kComplete, taken_from(loaded_)};
      }
    }
    if (!created_.empty()) return Task{kLoad, taken_from(created_)};
    return std::nullopt;
  }

  static Job* taken_from(std::deque<Job*>& queue) {
    Job* job = queue.front();
    queue.pop_front();
    return job;
  }

  Status perform(Connection& connection, const Task& task) {
    Job& job = *task.job;
    switch (task.kind) {
      case Task::Kind::kCreate: {
        Status made = create(connection, job.load, job.lacks_keys() ? Keys::kFirst : Keys::kAll);
        end_definition();
        GB_TRY(std::move(made));
        return prepare(job);
      }
      case Task::Kind::kLoad:
        GB_TRY(load_alone(connection, job));
        rows_are_there(job);
        return {};
      case Task::Kind::kHelp:
        return help(connection, job);
      case Task::Kind::kComplete: {
        Status completed = add_keys(connection, job.load);
        end_definition();
        GB_TRY(std::move(completed));
        finish();
        return {};
      }
    }
    return fail(Code::kInternal, "a task of no kind");
  }

  void end_definition() {
    const std::lock_guard lock(mutex_);
    --definitions_;
    changed_.notify_all();
  }

  // A table that was created goes to whoever loads it.
  Status prepare(Job& job) {
    if (job.has_rows()) {
      GB_TRY_ASSIGN(job.source, source_.table(job.load.from, job.load.table->name));
      job.chunks = job.source->chunk_count();
    }
    if (job.chunks == 0) {
      rows_are_there(job);
      return {};
    }
    const std::lock_guard lock(mutex_);
    if (job.path == LoadPath::kByRows)
      shared_.push_back(&job);
    else
      created_.push_back(&job);
    changed_.notify_all();
    return {};
  }

  void rows_are_there(Job& job) {
    job.source.reset();
    if (!job.lacks_keys()) {
      finish();
      return;
    }
    const std::lock_guard lock(mutex_);
    loaded_.push_back(&job);
    changed_.notify_all();
  }

  void finish() {
    ++progress_.tables_done;
    const std::lock_guard lock(mutex_);
    --unfinished_;
    changed_.notify_all();
  }

  Status load_alone(Connection& connection, const Job& job) {
    if (job.path == LoadPath::kBulk) return load_at_once(connection, job);
    for (std::size_t i = 0; i < job.chunks; ++i) GB_TRY(load_by_rows(connection, job, i));
    return {};
  }

  Status create(Connection& connection, const TableLoad& load, Keys keys) {
    GB_TRY_ASSIGN(const std::string sql,
                  create_table_sql(load.definition, load.schema, keys, options_.names));
    // The text is what the server printed; in `SET NAMES binary` a literal would become bytes of
    // the column's own character set.
    GB_TRY(connection.exec("SET NAMES utf8mb4"));
    // The tables whose rows it shows are of the session's schema, unless another one is named.
    if (shows_other_rows(*load.table)) GB_TRY(connection.exec("USE " + quote_name(load.schema)));
    GB_TRY(connection.exec(sql));
    GB_TRY(refuse_table_warnings(connection, "creating the table", options_.smaller_pages));
    return connection.exec("SET NAMES binary");
  }

  // Takes blocks of neighbouring chunks, so that each connection fills pages of its own.
  Status help(Connection& connection, Job& job) {
    Status result;
    for (;;) {
      std::size_t first = 0;
      std::size_t last = 0;
      {
        const std::lock_guard lock(mutex_);
        const std::size_t left = job.chunks - job.next_chunk;
        const bool stopped = !result || stop_.stop_requested();
        if (left == 0 || stopped) {
          if (--job.working > 0 || stopped) return result;
          break;  // who leaves last says so
        }
        const std::size_t block = std::max<std::size_t>(1, left / (threads_ * 4ULL + 1));
        first = job.next_chunk;
        last = first + std::min(left, block);
        job.next_chunk = last;
      }
      for (std::size_t i = first; i < last && result; ++i)
        result = load_by_rows(connection, job, i);
    }
    rows_are_there(job);
    return {};
  }

  Result<DecodedChunk> read(const Job& job, std::size_t index) {
    GB_TRY_ASSIGN(Chunk chunk, job.source->chunk(index));
    return decode_chunk(*job.load.table, std::move(chunk), limits_.late_timestamps);
  }

  void count(const DecodedChunk& chunk, std::uint64_t rows) {
    progress_.rows += rows;
    progress_.bytes += chunk.chunk.rows == 0 ? 0 : chunk.bytes() * rows / chunk.chunk.rows;
  }

  // One chunk, in transactions that may be repeated where the table has any.
  Status load_by_rows(Connection& connection, const Job& job, std::size_t index) {
    GB_TRY_ASSIGN(const DecodedChunk chunk, read(job, index));
    GB_TRY_ASSIGN(RowWriter writer, RowWriter::prepare(connection, job.load.schema, *job.load.table,
                                                       limits_.max_packet));
    const std::uint64_t rows = chunk.chunk.rows;
    std::uint64_t step = rows_per_transaction(rows, chunk.bytes(), limits_);
    for (std::uint64_t at = 0, upto = 0; at < rows; at = upto) {
      for (unsigned attempt = 0;; ++attempt) {
        upto = std::min(rows, at + step);
        Status done = connection.exec("START TRANSACTION");
        if (done) done = writer.insert(chunk, at, upto);
        if (done) done = connection.exec("COMMIT");
        if (done) break;
        if (!is_conflict(connection.last_errno()) || attempt == kMaxRetries) return done;
        // What was inserted before the conflict is there, and would be there twice.
        if (!has_transactions(*job.load.table)) return done;
        GB_TRY(connection.exec("ROLLBACK"));
        // The fewer its rows, the sooner it is through: where others write among them all the time,
        // one of many never is.
        step = std::max<std::uint64_t>(1, step / 2);
        if (!sleep_for(stop_.get_token(), kRetryPause * (attempt + 1)))
          return fail(Code::kCancelled, "the restore was stopped");
      }
      count(chunk, upto - at);
    }
    return {};
  }

  // The whole table in one transaction. When the target does not take it so (a write-set too large,
  // a conflict), it goes by rows: what was inserted is rolled back, which empties the table.
  Status load_at_once(Connection& connection, const Job& job) {
    GB_TRY(connection.exec("SET unique_checks = 0"));
    Status done = insert_all(connection, job);
    const unsigned number = connection.last_errno();
    if (!done && is_conflict(number)) {
      GB_TRY(connection.exec("ROLLBACK"));
      GB_TRY(connection.exec("SET unique_checks = 1"));
      for (std::size_t i = 0; i < job.chunks; ++i) GB_TRY(load_by_rows(connection, job, i));
      return {};
    }
    GB_TRY(std::move(done));
    return connection.exec("SET unique_checks = 1");
  }

  Status insert_all(Connection& connection, const Job& job) {
    GB_TRY_ASSIGN(RowWriter writer, RowWriter::prepare(connection, job.load.schema, *job.load.table,
                                                       limits_.max_packet));
    GB_TRY(connection.exec("START TRANSACTION"));
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    const auto insert = [&]() -> Status {
      for (std::size_t i = 0; i < job.chunks; ++i) {
        GB_TRY_ASSIGN(const DecodedChunk chunk, read(job, i));
        GB_TRY(writer.insert(chunk, 0, chunk.chunk.rows));
        rows += chunk.chunk.rows;
        bytes += chunk.bytes();
        progress_.rows += chunk.chunk.rows;
        progress_.bytes += chunk.bytes();
      }
      return connection.exec("COMMIT");
    };
    Status done = insert();
    if (!done) {
      progress_.rows -= rows;
      progress_.bytes -= bytes;
    }
    return done;
  }

  Status add_keys(Connection& connection, const TableLoad& load) {
    for (const std::string& sql : complete_table_sql(load.definition, load.schema)) {
      GB_TRY(connection.exec(sql));
      GB_TRY(
          refuse_table_warnings(connection, "building the secondary keys", options_.smaller_pages));
    }
    return {};
  }

  const Endpoint& endpoint_;
  const Address& node_;
  const LoadOptions& options_;
  const TargetLimits limits_;
  DumpSource& source_;
  Progress& progress_;
  const unsigned threads_;
  const unsigned most_definitions_;

  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::deque<Job*> waiting_;  // to be created, the largest first
  std::deque<Job*> created_;  // for one connection to load
  std::vector<Job*> shared_;  // for all to load by rows, until the end
  std::deque<Job*> loaded_;   // without their other keys
  std::size_t unfinished_ = 0;
  unsigned definitions_ = 0;  // that run
  std::optional<Error> failure_;
};

}  // namespace

Result<TargetLimits> read_limits(Connection& connection) {
  TargetLimits out;
  GB_TRY_ASSIGN(const Rows rows,
                connection.query("SHOW GLOBAL VARIABLES WHERE Variable_name IN "
                                 "('max_allowed_packet', 'wsrep_on', 'wsrep_max_ws_size', "
                                 "'wsrep_max_ws_rows')"));
  for (const Row& row : rows.rows) {
    const std::string name = row.at(0).value_or("");
    const std::string value = row.at(1).value_or("");
    const std::uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
    if (name == "max_allowed_packet") out.max_packet = number;
    if (name == "wsrep_on") out.galera = value == "ON";
    if (name == "wsrep_max_ws_size") out.max_write_set = number;
    if (name == "wsrep_max_ws_rows") out.max_write_set_rows = number;
  }
  GB_TRY_ASSIGN(const Cell late, connection.scalar("SELECT FROM_UNIXTIME(4294967295) IS NOT NULL"));
  out.late_timestamps = late == Cell("1");
  return out;
}

LoadPath choose_path(const Table& table, std::uint64_t tables_bytes, const LoadOptions& options,
                     const TargetLimits& limits) {
  const TableTotals& t = table.totals;
  if (!options.quiet || t.bytes < kSmallTable || table.data_excluded)
    return LoadPath::kAllKeysFirst;
  if (table.engine != "InnoDB") return LoadPath::kAllKeysFirst;
  if (limits.galera) {
    // A write-set holds rows less densely than our columns do.
    const std::uint64_t estimate = t.bytes * 2 + t.rows * 32;
    if (estimate > limits.max_write_set) return LoadPath::kByRows;
    if (limits.max_write_set_rows != 0 && t.rows > limits.max_write_set_rows)
      return LoadPath::kByRows;
  }
  // One connection for this table and the rest spread over the others, or this one spread as well?
  const std::uint64_t threads = std::max(1U, options.threads);
  const std::uint64_t alone = std::max(t.bytes, tables_bytes / threads);
  const std::uint64_t spread =
      (tables_bytes - t.bytes + t.bytes * kByRowsCostQuarters / 4) / threads;
  return spread < alone ? LoadPath::kByRows : LoadPath::kBulk;
}

Result<Connection> open_restore_session(const Endpoint& endpoint, const Address& node,
                                        std::stop_token stop) {
  GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint, node, {}, stop));
  connection.use_stop(stop);
  GB_TRY(reset_session(connection));
  GB_TRY(connection.exec(
      "SET foreign_key_checks = 0, unique_checks = 1, check_constraint_checks = 0, "
      "innodb_strict_mode = 0, explicit_defaults_for_timestamp = 1, autocommit = 1, "
      "tx_isolation = 'REPEATABLE-READ', max_statement_time = 0, wait_timeout = 2592000, "
      "net_read_timeout = 600, net_write_timeout = 600, lock_wait_timeout = 300, "
      "innodb_lock_wait_timeout = 120, sql_safe_updates = 0, sql_notes = 1, "
      "max_error_count = 65535, idle_transaction_timeout = 0, idle_write_transaction_timeout = 0, "
      "sql_select_limit = 18446744073709551615, sql_big_selects = 1 "
      // MariaDB 10.5 prints utf8 and means utf8mb3, whatever is made of that later.
      "/*M!100601 , old_mode = 'UTF8_IS_UTF8MB3' */"));
  // Each only where the server has it. A name may be in mixed case, and our literals are binary.
  static constexpr std::array<std::pair<std::string_view, const char*>, 6> kOptional = {{
      {"wsrep_sync_wait", "0"},
      {"wsrep_trx_fragment_size", "0"},
      {"wsrep_osu_method", "'TOI'"},
      {"system_versioning_alter_history", "'KEEP'"},
      {"system_versioning_insert_history", "1"},
      // The collation of a character set that is named without one is its old one.
      {"character_set_collations", "''"},
  }};
  GB_TRY_ASSIGN(const Rows rows,
                connection.query("SHOW SESSION VARIABLES WHERE Variable_name LIKE 'wsrep%' OR "
                                 "Variable_name LIKE 'system_versioning%' OR Variable_name = "
                                 "'character_set_collations'"));
  std::map<std::string, std::string> there;
  for (const Row& row : rows.rows) there[to_lower(cell(row, 0))] = cell(row, 1);
  // MariaDB 10.5 has Galera's without Galera, and does not let them be set.
  const bool galera = there["wsrep_on"] == "ON";
  for (const auto& [name, value] : kOptional)
    if (there.contains(std::string(name)) && (galera || !name.starts_with("wsrep")))
      GB_TRY(connection.exec("SET " + std::string(name) + " = " + value));
  return connection;
}

Status refuse_table_warnings(Connection& connection, const std::string& what, bool smaller_pages) {
  if (smaller_pages) return refuse_warnings(connection, what);
  return refuse_warnings(connection, what, {ER_ILLEGAL_HA_CREATE_OPTION, kRowTooLarge});
}

Status load(const Endpoint& endpoint, const Address& node, std::vector<TableLoad> tables,
            const LoadOptions& options, DumpSource& source, Progress& progress,
            std::stop_token stop) {
  GB_TRY_ASSIGN(Connection connection, open_restore_session(endpoint, node, stop));
  GB_TRY_ASSIGN(const TargetLimits limits, read_limits(connection));
  Loader loader(endpoint, node, options, limits, source, progress);
  GB_TRY(loader.run(std::move(tables), std::move(stop)));
  return loader.analyze(connection);
}

}  // namespace gb::galera
