// Six namespaces that have something to hide, and ten users with random rights: a whole server
// (requests, jobs, schedules, logs and the repository are the real ones; only the databases, and
// who grants the rights, are of the test), and a model of who was given what.
//
// Every object has secrets that nobody can guess (its uid, a label, words in its log; of a backup
// also its name): an answer that holds one of them shows the object.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>
#include <utility>

#include "base/text.h"
#include "jobs/jobs.h"
#include "jobs/schedule.h"
#include "test/unit/handlers/world.h"
#include "test/unit/jobs/fake_engine.h"

namespace gb::handlers::test {

inline constexpr int kUsers = 10;
inline constexpr int kNamespaces = 6;
inline constexpr int kBackups = 4;  // in each namespace, beside one that is deleted

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// One right; an empty namespace or name stands for all.
struct Right {
  std::string verb;
  std::string resource;  // with its subresource
  std::string ns;
  std::string name;
  auto operator<=>(const Right&) const = default;
};

// Who was given what. The model and the server ask the same book, each for what it thinks is
// needed.
class Book {
 public:
  void give(const std::string& user, Right right) { rights_[user].insert(std::move(right)); }
  [[nodiscard]] bool has(const std::string& user, const Right& asked) const {
    const auto found = rights_.find(user);
    if (found == rights_.end()) return false;
    for (const std::string& ns : {asked.ns, std::string()})
      for (const std::string& name : {asked.name, std::string()})
        if (found->second.contains({asked.verb, asked.resource, ns, name})) return true;
    return false;
  }

 private:
  std::map<std::string, std::set<Right>> rights_;
};

class Databases final : public jobs::InstanceResolver {
 public:
  Result<galera::Endpoint> resolve(std::string_view ns, std::string_view name) override {
    if (name != "main")
      return fail(Code::kNotFound, "there is no database instance \"" + std::string(name) + "\"",
                  "known there: main, secret-of-" + std::string(ns));
    galera::Endpoint endpoint;
    endpoint.name = std::string(name);
    return endpoint;
  }
};

class TenancyWorld : public World {
 protected:
  // What the server's authorizer answers whatever the book says; nothing: what the book says.
  using Mistake = std::function<std::optional<bool>(const Right&)>;

  void SetUp() override {
    seed_ = from_environment("GB_TENANCY_SEED", 20261121);
    random_.seed(seed_);
    authorizer.rule = [this](const kube::User& user,
                             const kube::Attributes& asked) -> Result<kube::Decision> {
      Right right{asked.verb, asked.resource.empty() ? asked.path : asked.resource, asked.ns,
                  asked.name};
      if (!asked.subresource.empty()) right.resource += "/" + asked.subresource;
      if (user.name == "root") return kube::Decision{true, ""};
      const auto mistaken = mistake_ ? mistake_(right) : std::nullopt;
      return kube::Decision{mistaken.value_or(book_.has(user.name, right)), ""};
    };
    auto opened = storage::Catalog::open({std::shared_ptr<void>(), &blobs}, clock, rng,
                                         {.tail_interval = std::chrono::milliseconds(0)});
    ASSERT_TRUE(opened);
    catalog = std::move(*opened);
    cluster_.plan_action = "Replace";
    jobs::Dependencies work;
    work.catalog = catalog.get();
    work.engine = &engine_;
    work.stores = {{"default", "file:///backups", {std::shared_ptr<void>(), &blobs}, "72h"}};
    work.instances = &databases_;
    work.authorizer = &authorizer;
    work.metrics = &metrics;
    work.clock = &clock;
    work.rng = &rng;
    work.parallel_backups = 4;
    auto started = jobs::Jobs::start(std::move(work));
    ASSERT_TRUE(started);
    real_jobs_ = std::move(*started);
    serve(*real_jobs_);
    for (int n = 0; n < kNamespaces; ++n)
      for (int b = 0; b <= kBackups; ++b) backups_[ns_name(n)].push_back("b-" + hex(16));
    give_rights();
    furnish();
  }

  void TearDown() override {
    service.reset();
    real_jobs_.reset();
    catalog.reset();
  }

  template <typename T>
  const T& any(const std::vector<T>& of) {
    return of[std::uniform_int_distribution<std::size_t>(0, of.size() - 1)(random_)];
  }
  int any_of(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }
  std::string hex(int digits) {
    std::string out;
    for (int i = 0; i < digits; ++i) out += "0123456789abcdef"[any_of(16)];
    return out;
  }
  static std::string ns_name(int i) { return "team-" + std::to_string(i); }
  std::string any_ns() { return ns_name(any_of(kNamespaces)); }
  static std::string user_name(int i) { return "user-" + std::to_string(i); }
  std::string any_user() { return user_name(any_of(kUsers)); }
  std::string any_backup(const std::string& ns) { return backups_[ns][any_of(kBackups)]; }
  [[nodiscard]] std::string deleted_backup(const std::string& ns) const {
    return backups_.at(ns)[kBackups];
  }

  void give_rights() {
    const std::vector<std::string> resources{"galerabackups",
                                             "galerabackups/log",
                                             "galerabackups/status",
                                             "galerabackups/cancel",
                                             "galerabackups/undelete",
                                             "galerabackups/verify",
                                             "galerarestores",
                                             "galerarestores/log",
                                             "galerarestores/status",
                                             "galerarestores/cancel",
                                             "galerabackupschedules",
                                             "galerabackupschedules/status",
                                             "galerabackupschedules/trigger"};
    const std::vector<std::string> reads{"get", "list", "watch"};
    const std::vector<std::string> writes{"create",           "patch", "update", "delete",
                                          "deletecollection", "get",   "list"};
    for (int u = 0; u < kUsers; ++u) {
      const std::string user = user_name(u);
      for (int n = 0; n < kNamespaces; ++n) {
        if (chance(0.45)) continue;  // nothing at all
        const std::string ns = ns_name(n);
        const bool all = chance(0.25);  // an admin of it
        for (const std::string& resource : resources) {
          for (const std::string& verb : reads)
            if (all || chance(0.5)) book_.give(user, {verb, resource, ns, ""});
          for (const std::string& verb : writes)
            if (all || chance(0.4)) book_.give(user, {verb, resource, ns, ""});
        }
        if (all || chance(0.7)) book_.give(user, {"get", "galeras", ns, chance(0.5) ? "" : "main"});
        if (chance(0.5)) book_.give(user, {"get", "galerabackups", ns, any_backup(ns)});
        if (chance(0.5)) book_.give(user, {"get", "galerabackups/log", ns, any_backup(ns)});
      }
      if (chance(0.6)) book_.give(user, {"use", "galerabackupstores", "", "default"});
      for (const std::string& verb : reads)
        if (chance(0.3)) book_.give(user, {verb, "galerabackupstores", "", ""});
      if (chance(0.3)) book_.give(user, {"get", "galerabackupstores/status", "", "default"});
      if (chance(0.2)) book_.give(user, {"get", "/metrics", "", ""});
      // What a ClusterRoleBinding gives.
      if (chance(0.2)) book_.give(user, {"list", "galerabackups", "", ""});
      if (chance(0.1)) book_.give(user, {"watch", "galerabackups", "", ""});
      if (chance(0.1)) book_.give(user, {"get", "galerarestores", "", ""});
    }
  }

  // What every namespace has: backups, one of them deleted and one of them a schedule's, a restore
  // and that schedule, with secrets. No two backups are of the same moment.
  void furnish() {
    for (const auto& [ns, names] : backups_) {
      for (const std::string& name : names) {
        clock.advance(std::chrono::seconds(1));
        const Reply made =
            as("root", "POST", collection(ns, "galerabackups"), backup_named(name).dump());
        ASSERT_EQ(made.status, 201) << made.body;
        ASSERT_EQ(made.json()["status"]["phase"], "Completed") << made.body;
      }
      const Json restored = {{"apiVersion", api::kGroupVersion},
                             {"kind", "GaleraRestore"},
                             {"metadata", {{"name", "r0"}, {"labels", secret_label()}}},
                             {"spec", {{"backup", names[0]}, {"existing", "Replace"}}}};
      ASSERT_EQ(as("root", "POST", collection(ns, "galerarestores"), restored.dump()).status, 201);
      const std::string schedules = collection(ns, "galerabackupschedules");
      ASSERT_EQ(as("root", "POST", schedules, schedule("s0").dump()).status, 201);
      const Reply run = as("root", "POST", schedules + "/s0/trigger", "");
      ASSERT_EQ(run.status, 201) << run.body;
      run_of_schedule_[ns] = run.json()["metadata"]["name"];
      settle(ns);
      learn(ns);
      const std::string gone = collection(ns, "galerabackups") + "/" + deleted_backup(ns);
      ASSERT_EQ(as("root", "DELETE", gone, "").status, 200);
    }
  }

  Json secret_label() { return {{"secret", "s" + hex(16)}}; }
  Json backup_named(const std::string& name) {
    Json made = backup(name);
    made["spec"]["databaseInstances"] = {"main"};
    made["metadata"]["labels"] = secret_label();
    return made;
  }
  Json schedule(const std::string& name) {
    return {
        {"apiVersion", api::kGroupVersion},
        {"kind", "GaleraBackupSchedule"},
        {"metadata", {{"name", name}, {"labels", secret_label()}}},
        {"spec",
         {{"schedule", "0 2 * * *"}, {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}}}};
  }

  // Lets what runs in a namespace end, so that the model and the server look at the same things;
  // and its schedule may be triggered again.
  void settle(const std::string& ns) {
    for (const char* resource : {api::kBackups, api::kRestores})
      for (const api::ObjectPtr& object : catalog->list(resource, ns).objects) {
        if (api::phase_of(object->dom()) == "Following")
          as("root", "DELETE", collection(ns, resource) + "/" + object->key().name, "");
        else
          ASSERT_TRUE(real_jobs_->wait(object->key(), object->uid(), std::chrono::minutes(1), {}));
      }
    ASSERT_TRUE(
        catalog->modify({api::kSchedules, ns, "s0"}, [](const api::Object& object) -> Result<Json> {
          Json dom = object.dom();
          dom["status"]["active"] = "";
          return dom;
        }));
  }

  // The secrets of what the namespace has by now; words are put into the logs.
  void learn(const std::string& ns) {
    for (const char* resource : {api::kBackups, api::kRestores, api::kSchedules})
      for (const api::ObjectPtr& object : catalog->list(resource, ns).objects) {
        if (!known_.insert(object->uid()).second) continue;
        hide(object->uid(), ns);
        const Json dom = object->dom();
        if (dom["metadata"].contains("labels"))
          hide(dom["metadata"]["labels"].value("secret", object->uid()), ns);
        if (std::string(resource) == api::kBackups) hide(object->key().name, ns);
        if (std::string(resource) == api::kSchedules) continue;
        const std::string word = "word" + hex(16);
        ASSERT_TRUE(
            storage::put(blobs, "joblog/" + ns + "/" + object->uid(), as_bytes(word + "\n")));
        hide(word, ns);
      }
    hide("secret-of-" + ns, ns);
  }
  // A word that may be shown to who may see what this namespace has.
  void hide(const std::string& word, const std::string& ns) { secrets_[word].insert(ns); }

  // What `latest` and `asOf` stand for: as newest(), but what holds everything goes before a part.
  std::string newest_whole(const std::string& ns, const std::function<bool(const Json&)>& accept) {
    const std::string whole = newest(ns, [&](const Json& backup) {
      return accept(backup) && backup["spec"].value("databases", Json::array()).empty();
    });
    return whole.empty() ? newest(ns, accept) : whole;
  }
  // The name of the newest completed backup that `accept` takes, which is what a schedule stands
  // for; "" when there is none. By what the reference of the API says.
  std::string newest(const std::string& ns, const std::function<bool(const Json&)>& accept) {
    std::string name;
    WallTime of{};
    for (const api::ObjectPtr& object : catalog->list(api::kBackups, ns).objects) {
      const Json dom = object->dom();
      if (dom["status"]["phase"] != "Completed" || !accept(dom)) continue;
      if (object->labels().contains("backup.rhoso.io/safety-of")) continue;
      if (const WallTime time = taken_at(dom); time > of) {
        of = time;
        name = object->key().name;
      }
    }
    return name;
  }
  static WallTime taken_at(const Json& backup) {
    return *from_rfc3339(backup["status"]["startTime"].get<std::string>());
  }

  static std::string collection(const std::string& ns, const std::string& resource) {
    return kRoot + "/namespaces/" + ns + "/" + resource;
  }
  Reply as(const std::string& user, const std::string& method, const std::string& target,
           const std::string& body, const std::string& accept = "application/json") {
    Fields fields{{"X-User", user}, {"Accept", accept}};
    if (!body.empty())
      fields.emplace_back("Content-Type", method != "PATCH"     ? "application/json"
                                          : body.front() == '[' ? "application/json-patch+json"
                                                                : "application/merge-patch+json");
    return ask(method, target, body, fields);
  }

  // What in this text is of a namespace that it may not be of, and was not said before by who
  // asked. The text is cut into words first: looking for each secret in each answer would take
  // hours.
  [[nodiscard]] std::string leak_in(const std::string& text, const std::set<std::string>& may_show,
                                    const std::string& said = "") const {
    std::set<std::string> own;
    for_each_word(said, [&](std::string word) { own.insert(std::move(word)); });
    std::string leak;
    for_each_word(text, [&](const std::string& word) {
      const auto found = secrets_.find(word);
      if (found == secrets_.end() || own.contains(word)) return;
      if (std::ranges::none_of(found->second,
                               [&](const std::string& ns) { return may_show.contains(ns); }))
        leak = word + " of " + *found->second.begin();
    });
    return leak;
  }

  const WallTime born_ = clock.now();
  std::uint64_t seed_ = 0;
  std::mt19937_64 random_;
  Book book_;
  Mistake mistake_;
  Databases databases_;
  jobs::test::FakeCluster cluster_;
  jobs::test::FakeEngine engine_{cluster_};
  std::unique_ptr<jobs::Jobs> real_jobs_;
  std::map<std::string, std::vector<std::string>> backups_;  // by namespace; the last is deleted
  std::map<std::string, std::string> run_of_schedule_;       // by namespace
  std::map<std::string, std::set<std::string>> secrets_;     // → whose
  std::set<std::string> known_;                              // uids

 private:
  template <typename Take>
  static void for_each_word(const std::string& text, const Take& take) {
    const auto is_word = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
    };
    for (auto begin = text.begin(); begin != text.end();) {
      const auto end = std::find_if_not(begin, text.end(), is_word);
      if (end != begin) take(std::string(begin, end));
      begin = end == text.end() ? end : end + 1;
    }
  }
};

}  // namespace gb::handlers::test
