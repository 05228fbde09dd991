#include "cli/adopt.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>

#include "api/decode.h"
#include "api/text.h"
#include "api/types.h"
#include "base/text.h"
#include "base/wait.h"
#include "cli/local_session.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "galera/dump_statement.h"
#include "galera/left_dumps.h"
#include "galera/scratch_server.h"
#include "galera/server_version.h"
#include "storage/crypto/digest.h"

namespace gb::cli {
namespace {

using galera::DumpFacts;
using galera::LeftDump;
using galera::ScratchServer;

constexpr unsigned kNoSuchRoutine = 1305;  // ER_SP_DOES_NOT_EXIST
constexpr unsigned kNoSuchTable = 1146;    // ER_NO_SUCH_TABLE
// Clocks differ a little; a dump from further ahead has a wrong time.
constexpr std::chrono::minutes kClockSkew{10};
// A scratch server that fills its disk would hang rather than fail.
constexpr std::uint64_t kRoomLeft = std::uint64_t{64} << 20;
constexpr std::uint64_t kLookAtRoomEvery = std::uint64_t{8} << 20;  // bytes of SQL

enum class Outcome { kGood, kAdopted, kPresent, kBad, kFailed };

struct Item {
  LeftDump dump;
  std::string instance;
  std::optional<WallTime> time;
  DumpFacts facts;
  std::string sha256;
  std::string name;  // of the backup
  Outcome outcome = Outcome::kGood;
  std::string message;
};

std::string_view word_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kGood:
      return "good";
    case Outcome::kAdopted:
      return "adopted";
    case Outcome::kPresent:
      return "adopted before";
    case Outcome::kBad:
      return "bad";
    case Outcome::kFailed:
      return "failed";
  }
  return "";
}

// Leads to the scratch server whoever adopts, and nobody else: what looks after the jobs that other
// processes left must not take it for the instance itself.
class ScratchInstances final : public jobs::InstanceResolver {
 public:
  void lead_to(galera::Endpoint endpoint) { endpoint_ = std::move(endpoint); }
  Result<galera::Endpoint> resolve(std::string_view /*ns*/, std::string_view name) override {
    if (std::this_thread::get_id() != owner_ || !endpoint_)
      return fail(Code::kNotFound,
                  "instance \"" + std::string(name) + "\" is not known to this command");
    galera::Endpoint endpoint = *endpoint_;
    endpoint.name = name;
    return endpoint;
  }

 private:
  const std::thread::id owner_ = std::this_thread::get_id();
  std::optional<galera::Endpoint> endpoint_;  // touched by the owner alone
};

api::Json progress_of(const char* phase, std::uint64_t done, std::uint64_t all) {
  return {{"status",
           {{"phase", phase},
            {"progress", {{"percent", all == 0 ? 100 : done * 100 / all}, {"bytes", done}}}}}};
}

Error no_room(const std::string& what) {
  return Error{Code::kNoSpace, what, "name a folder on a larger disk with --scratch", {}, nullptr};
}

std::string annotation(const api::Json& object, const char* key) {
  return api::text_member(api::member(api::member(object, "metadata"), "annotations"), key);
}

class Adoption {
 public:
  explicit Adoption(const LocalAdopt& command) : command_(command), stop_(interrupt_token()) {}

  int run() {
    if (const Status ready = prepare(); !ready) return failed(ready.error());
    Status all;
    for (Item& item : items_) {
      all = handle(item);
      if (!all) break;  // it would go the same with the others
    }
    print();
    if (!all) return refused(all.error());
    return summary();
  }

 private:
  Status prepare() {
    if (command_.store.empty() && !command_.dry_run)
      return fail(Code::kInvalid, "where the dumps are to be adopted is not said",
                  "name a repository with --store, or only look with --dry-run");
    GB_TRY_ASSIGN(galera::LeftDumps found, galera::find_left_dumps(command_.from));
    for (const std::string& file : found.unfinished)
      note(file + " is left out: its job has not ended, or was ended in the middle");
    for (const std::string& file : found.lone_grants)
      note(file + " is left out: the dump that it belongs to is not there");
    const std::size_t all = found.dumps.size();
    if (!command_.only.empty())
      std::erase_if(found.dumps, [&](const LeftDump& dump) {
        return std::ranges::none_of(command_.only, [&](const std::string& pattern) {
          return glob_match(pattern, dump.file);
        });
      });
    if (found.dumps.empty())
      return fail(Code::kNotFound,
                  command_.from + " holds no dump" +
                      (all == 0 ? "" : " that --only lets through, of " + std::to_string(all)),
                  "OSK's job writes NAME_backup_TIME.sql.gz into the folder data of its volume");
    for (LeftDump& dump : found.dumps) {
      Item item;
      item.dump = std::move(dump);
      GB_TRY_ASSIGN(item.instance, instance_of(item.dump));
      items_.push_back(std::move(item));
    }
    if (!command_.dry_run) {
      GB_TRY_ASSIGN(programs_, galera::find_server_programs(command_.mariadbd, stop_));
      GB_TRY(session_.open(command_.store, false));
      auto instances = std::make_unique<ScratchInstances>();
      instances_ = instances.get();
      GB_TRY(session_.start_jobs(command_.store, std::move(instances)));
    } else if (!command_.store.empty() && require_repository(command_.store)) {
      GB_TRY(session_.open(command_.store, true));
    }
    return {};
  }

  [[nodiscard]] Result<std::string> instance_of(const LeftDump& dump) const {
    const bool silent = galera::word_says_nothing(dump.word);
    if (command_.instance.empty()) {
      if (silent && !command_.dry_run)
        return fail(Code::kInvalid,
                    "the name of " + dump.file +
                        " does not tell of which instance it is: OSK calls every one \"" +
                        dump.word + "\"",
                    "say it with --instance: the databaseInstance of the GaleraBackup whose "
                    "volume this is");
      return silent ? std::string() : dump.word;
    }
    if (!silent && dump.word != command_.instance)
      return fail(Code::kInvalid,
                  dump.file + " is of instance \"" + dump.word + "\" by its name, not of \"" +
                      command_.instance + "\"",
                  "leave --instance out, or choose files with --only");
    return command_.instance;
  }

  // An error is one that the next dump would meet, too.
  Status handle(Item& item) {
    GB_TRY(check(item));
    if (item.outcome == Outcome::kBad || command_.dry_run) return {};
    if (item.outcome == Outcome::kPresent) return {};
    Status adopted = adopt(item);
    if (adopted) {
      item.outcome = Outcome::kAdopted;
      return {};
    }
    if (item.outcome != Outcome::kBad) item.outcome = Outcome::kFailed;
    item.message = adopted.error().text();
    const Code code = adopted.error().code;
    const bool own = code == Code::kInvalid || code == Code::kAlreadyExists ||
                     code == Code::kConflict || code == Code::kCorruption;
    if (own && session_.jobs != nullptr) return {};
    return adopted;
  }

  Status check(Item& item) {
    const auto bad = [&](const std::string& message) {
      item.outcome = Outcome::kBad;
      item.message = message;
    };
    storage::Sha256Hasher hasher;
    std::uint64_t read = 0;
    auto facts = [&] {
      Progress progress;
      progress.note(item.dump.file + ": checking " + to_quantity(item.dump.bytes));
      return galera::check_dump(
          item.dump.path,
          [&](Bytes bytes) {
            hasher.update(bytes);
            read += bytes.size();
            progress.show(
                progress_of("Checking", std::min(read, item.dump.bytes), item.dump.bytes));
          },
          stop_);
    }();
    if (!facts && facts.error().code != Code::kCorruption)
      return wrap(item.dump.path, std::move(facts).error());
    if (!facts) {
      bad(facts.error().message);
      return {};
    }
    item.facts = std::move(*facts);
    item.sha256 = to_hex(hasher.finish());
    item.time = item.dump.time ? item.dump.time : item.facts.ended;
    if (!item.time) {
      bad("neither its name nor its last line tells when it was made");
    } else if (*item.time > session_.clock.now() + kClockSkew) {
      bad("its time lies in the future");
    } else if (with_grants(item)) {
      const Status grants = galera::check_grants(item.dump.grants_path, stop_);
      if (!grants && grants.error().code == Code::kCancelled) return grants;
      if (!grants)
        bad("its grants are bad: " + grants.error().message +
            " (--content Data adopts it without them)");
    }
    if (item.outcome == Outcome::kBad) return {};
    if (!item.instance.empty())
      item.name = adopted_name(item.instance, item.dump.stamp, item.dump.time.has_value(),
                               to_rfc3339(*item.time));
    find_adopted(item);
    return {};
  }

  [[nodiscard]] bool with_grants(const Item& item) const {
    return !item.dump.grants_path.empty() && command_.content != "Data";
  }

  void find_adopted(Item& item) {
    if (session_.catalog == nullptr) return;
    for (const api::ObjectPtr& object :
         session_.catalog->list(api::kBackups, command_.ns).objects) {
      const api::Json dom = object->dom();
      const std::vector<std::string> instances = api::read_backup_spec(dom).database_instances;
      if (annotation(dom, kAdoptedSha256) != item.sha256 || api::phase_of(dom) != "Completed" ||
          std::ranges::find(instances, item.instance) == instances.end())
        continue;
      item.outcome = Outcome::kPresent;
      item.name = object->key().name;
      return;
    }
  }

  Status adopt(Item& item) {
    GB_TRY(clear_name(item));
    if (galera::is_newer_series(item.facts.server_version, programs_.version))
      return fail(Code::kInvalid,
                  "it was taken from MariaDB " + item.facts.server_version +
                      ", which is newer than " + programs_.server + " (" + programs_.version + ")",
                  "name a mariadbd of that version with --mariadbd");
    galera::ScratchOptions options;
    options.place = command_.scratch;
    auto started = ScratchServer::start(programs_, options, stop_);
    if (!started) return wrap("no scratch server", std::move(started).error());
    const ScratchServer& scratch = **started;
    // The SQL text of a table is hardly ever larger than the table.
    if (scratch.free_bytes() < item.facts.sql_bytes + kRoomLeft)
      return fail(no_room("the dump is " + to_quantity(item.facts.sql_bytes) +
                          " of SQL, and where the scratch server lies only " +
                          to_quantity(scratch.free_bytes()) + " are free"));
    if (Status loaded = load(item, scratch); !loaded) {
      if (loaded.error().code == Code::kCorruption) item.outcome = Outcome::kBad;
      return fail(scratch.explain(std::move(loaded).error()));
    }
    galera::Endpoint endpoint = scratch.endpoint(item.instance);
    endpoint.data_time = item.time;
    instances_->lead_to(std::move(endpoint));
    return back_up(item);
  }

  // What an adoption that did not come to its end left under this name goes.
  Status clear_name(const Item& item) {
    const api::ObjectKey key{api::kBackups, command_.ns, item.name};
    // One whose process died is failed by our own jobs, as soon as they see it.
    constexpr int kLooks = 50;
    for (int look = 0;; ++look) {
      const auto object = session_.catalog->get(key);
      if (!object) return {};
      const api::Json dom = (*object)->dom();
      if (annotation(dom, kAdoptedSha256) != item.sha256)
        return fail(Code::kAlreadyExists,
                    "there is another backup \"" + item.name + "\" in namespace " + command_.ns,
                    "delete that one, or adopt into another namespace with -n");
      if (api::is_terminal_phase(api::phase_of(dom))) {
        GB_TRY(session_.jobs->before_deletion(**object));
        const auto removed = session_.catalog->remove(key, (*object)->revision());
        return removed ? Status() : fail(removed.error());
      }
      if (look == kLooks)
        return fail(Code::kConflict, "another process is adopting it right now",
                    "wait until that has ended");
      if (!sleep_for(stop_, std::chrono::milliseconds(200)))
        return fail(Code::kCancelled, "interrupted");
    }
  }

  Status load(const Item& item, const ScratchServer& scratch) {
    Progress progress;
    progress.note(item.dump.file + ": loading " + to_quantity(item.facts.sql_bytes) +
                  " of SQL into a scratch server (" + programs_.version + ")");
    // First, as OSK's own restore has it: views need their definers. Again at the end, for those on
    // tables.
    if (with_grants(item)) GB_TRY(load_grants(item, scratch));
    GB_TRY_ASSIGN(auto connection, connect(item, scratch));
    GB_TRY_ASSIGN(auto side, connect(item, scratch));
    storage::Sha256Hasher hasher;
    GB_TRY_ASSIGN(auto file, galera::GzipFile::open(item.dump.path,
                                                    [&](Bytes bytes) { hasher.update(bytes); }));
    galera::SqlScript script(galera::text_of(std::move(file)));
    galera::ScriptOptions options;
    std::uint64_t looked = 0;
    options.allowed = galera::is_dump_statement;
    options.between = [&](std::uint64_t bytes) -> Status {
      progress.show(progress_of("Loading", bytes, item.facts.sql_bytes));
      if (bytes - looked < kLookAtRoomEvery) return {};
      looked = bytes;
      if (scratch.free_bytes() < kRoomLeft)
        return fail(no_room("the disk that the scratch server lies on is full"));
      return {};
    };
    std::vector<std::string> definers;
    options.mend = [&](unsigned number, const std::string& refusal) -> Result<bool> {
      GB_TRY_ASSIGN(auto made, galera::make_missing_definer(side, number, refusal));
      if (made) definers.push_back(std::move(*made));
      return made.has_value();
    };
    GB_TRY_ASSIGN(const auto report, galera::run_script(connection, script, options));
    if (to_hex(hasher.finish()) != item.sha256)
      return fail(Code::kConflict, "the file changed between its check and its loading",
                  "adopt it again when nobody writes it");
    say(progress, item.dump.file, report);
    if (!with_grants(item)) return {};
    // They are no accounts of the dump, and must not get into its backup.
    for (const std::string& definer : definers) GB_TRY(side.exec("DROP USER " + definer));
    GB_TRY_ASSIGN(const auto granted, load_grants(item, scratch));
    say(progress, item.dump.file + ": its grants", granted);
    return {};
  }

  Result<galera::ScriptReport> load_grants(const Item& item, const ScratchServer& scratch) {
    GB_TRY_ASSIGN(auto connection, connect(item, scratch));
    // Accounts without a password are made by their first GRANT only where the mode allows it.
    GB_TRY(connection.exec("SET SESSION sql_mode = '', NAMES utf8mb4"));
    GB_TRY_ASSIGN(auto file, galera::GzipFile::open(item.dump.grants_path));
    galera::SqlScript script(galera::grants_text_of(std::move(file)));
    // The dump holds no routines, and only schemas that have an InnoDB table: grants on others have
    // nothing to stand on.
    auto report = galera::run_script(
        connection, script,
        {.allowed = galera::is_grant_statement, .tolerated = {kNoSuchRoutine, kNoSuchTable}});
    if (!report) return wrap("its grants", std::move(report).error());
    return report;
  }

  Result<galera::Connection> connect(const Item& item, const ScratchServer& scratch) const {
    const galera::Endpoint endpoint = scratch.endpoint(item.instance);
    return galera::Connection::open(endpoint, endpoint.nodes.front(), {}, stop_);
  }

  static void say(Progress& progress, const std::string& what, const galera::ScriptReport& report) {
    for (const std::string& one : report.notes) progress.note("note: " + what + ": " + one);
    if (report.with_warnings > report.notes.size())
      progress.note("note: " + what + ": and " +
                    std::to_string(report.with_warnings - report.notes.size()) +
                    " more like these");
  }

  Status back_up(const Item& item) {
    api::Json spec = {{"databaseInstances", {item.instance}},
                      {"threads", command_.threads},
                      {"content", with_grants(item) ? "All" : "Data"}};
    if (!command_.ttl.empty()) spec["ttl"] = command_.ttl;
    GB_TRY_ASSIGN(api::Json object, admit(api::kBackups, command_.ns,
                                          {{"metadata", {{"name", item.name}}}, {"spec", spec}},
                                          session_.clock, session_.rng));
    object["metadata"]["labels"] = {{kAdoptedLabel, "true"}};
    object["metadata"]["annotations"] = {{kAdoptedFile, item.dump.file},
                                         {kAdoptedSha256, item.sha256},
                                         {kAdoptedVersion, item.facts.server_version}};
    GB_TRY_ASSIGN(api::ObjectPtr submitted,
                  session_.jobs->submit_backup(std::move(object), {}, false, stop_));
    GB_TRY_ASSIGN(const api::ObjectPtr end, follow_to_end(session_, std::move(submitted)));
    const api::Json dom = end->dom();
    if (api::phase_of(dom) == "Completed") return {};
    const std::string why = api::text_member(api::member(dom, "status"), "message");
    return fail(Code::kUnavailable, "the backup of the scratch server has not completed: " + why,
                "adopt it again: what is left of it goes then");
  }

  void note(const std::string& text) const {
    std::fprintf(stderr, "note: %s\n", printable(text).c_str());
  }

  void print() const {
    if (command_.output == "name") {
      for (const Item& item : items_)
        if (item.outcome == Outcome::kAdopted || item.outcome == Outcome::kPresent)
          print_object({{"kind", "GaleraBackup"},
                        {"apiVersion", api::kGroupVersion},
                        {"metadata", {{"name", item.name}}}},
                       "name");
      return;
    }
    api::Json dumps = api::Json::array();
    std::vector<Row> rows;
    for (const Item& item : items_) {
      const std::string taken = item.time        ? to_rfc3339(*item.time)
                                : item.dump.time ? to_rfc3339(*item.dump.time)
                                                 : std::string();
      const std::string result(word_of(item.outcome));
      dumps.push_back({{"file", item.dump.file},
                       {"instance", item.instance},
                       {"taken", taken},
                       {"bytes", item.dump.bytes},
                       {"sqlBytes", item.facts.sql_bytes},
                       {"sha256", item.sha256},
                       {"serverVersion", item.facts.server_version},
                       {"grants", !item.dump.grants_path.empty()},
                       {"backup", item.name},
                       {"result", result},
                       {"message", item.message}});
      rows.push_back({item.dump.file, item.instance, taken, to_quantity(item.dump.bytes),
                      item.dump.grants_path.empty() ? "no" : "yes", item.name,
                      result + (item.message.empty() ? "" : ": " + item.message)});
    }
    const api::Json all = {{"namespace", command_.ns}, {"dumps", std::move(dumps)}};
    if (command_.output == "json")
      std::printf("%s\n", all.dump(4).c_str());
    else if (command_.output == "yaml")
      std::printf("%s", api::to_yaml(all).c_str());
    else
      print_table({"FILE", "INSTANCE", "TAKEN", "SIZE", "GRANTS", "BACKUP", "RESULT"}, rows);
  }

  // How many there are of each, and how that ends.
  [[nodiscard]] int summary() const {
    std::map<Outcome, std::size_t> counts;
    for (const Item& item : items_) ++counts[item.outcome];
    std::string text;
    for (const auto& [outcome, count] : counts)
      text +=
          (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(word_of(outcome));
    std::fflush(stdout);  // the table stands before the sum, wherever both go
    std::fprintf(stderr, "%s\n", text.c_str());
    if (counts.contains(Outcome::kFailed)) return kFailed;
    return counts.contains(Outcome::kBad) ? kDegraded : kDone;
  }

  const LocalAdopt& command_;
  const std::stop_token stop_;
  std::vector<Item> items_;
  galera::ServerPrograms programs_;
  Session session_;
  ScratchInstances* instances_ = nullptr;  // of the session
};

}  // namespace

std::string adopted_name(const std::string& instance, const std::string& stamp, bool stamp_is_time,
                         const std::string& time) {
  std::string tail;
  if (stamp_is_time) {
    // As a schedule names its backups.
    for (const char c : time)
      if (std::isdigit(static_cast<unsigned char>(c)) != 0) tail += c;
  } else {
    for (const char c : to_lower(stamp))
      tail += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
    while (!tail.empty() && tail.back() == '-') tail.pop_back();
    const std::size_t begin = tail.find_first_not_of('-');
    tail = begin == std::string::npos ? std::string() : tail.substr(begin);
    if (tail.empty()) return adopted_name(instance, stamp, true, time);
  }
  constexpr std::size_t kLongest = 253;  // of a name in Kubernetes
  std::string name = (instance + "-" + tail).substr(0, kLongest);
  while (name.ends_with('-')) name.pop_back();
  return name;
}

int run(const LocalAdopt& command) {
  return Adoption(command).run();
}

}  // namespace gb::cli
