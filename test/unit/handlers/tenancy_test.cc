// Nobody reaches what is another's: random requests of random users with random rights, against a
// model that knows which rights each kind of request takes and what it may show.
//
// The server is whole: requests, jobs, schedules, logs and the repository are the real ones; only
// the databases, and who grants the rights, are of the test. Every object has secrets that nobody
// can guess (its uid, a label, words in its log): an answer that holds one of them shows the
// object.
//
// GB_TENANCY_SEED and GB_TENANCY_REQUESTS repeat or prolong a run.
#include <cstdlib>
#include <random>
#include <set>

#include "base/text.h"
#include "jobs/jobs.h"
#include "test/unit/handlers/world.h"
#include "test/unit/jobs/fake_engine.h"

namespace gb::handlers::test {
namespace {

constexpr int kUsers = 10;
constexpr int kNamespaces = 6;
constexpr int kBackups = 4;  // in each namespace

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
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

// A request, the rights that it takes, and the namespaces whose secrets its answer may hold.
struct Request {
  std::string method;
  std::string target;
  std::string body;
  std::vector<Right> needs;
  std::set<std::string> shows;
  bool shows_all = false;
};

class Tenancy : public World {
 protected:
  void SetUp() override {
    seed_ = from_environment("GB_TENANCY_SEED", 20261121);
    random_.seed(seed_);
    authorizer.rule = [this](const kube::User& user,
                             const kube::Attributes& asked) -> Result<kube::Decision> {
      std::string resource = asked.resource.empty() ? asked.path : asked.resource;
      if (!asked.subresource.empty()) resource += "/" + asked.subresource;
      return kube::Decision{
          user.name == "root" || book_.has(user.name, {asked.verb, resource, asked.ns, asked.name}),
          ""};
    };
    auto opened =
        storage::Catalog::open(blobs, clock, rng, {.tail_interval = std::chrono::milliseconds(0)});
    ASSERT_TRUE(opened);
    catalog = std::move(*opened);
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
    give_rights();
    furnish();
  }

  void TearDown() override {
    watchers_.clear();
    service.reset();
    real_jobs_.reset();
    catalog.reset();
  }

  template <typename T>
  const T& any(const std::vector<T>& of) {
    return of[std::uniform_int_distribution<std::size_t>(0, of.size() - 1)(random_)];
  }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }
  static std::string ns_name(int i) { return "team-" + std::to_string(i); }
  std::string any_ns() {
    return ns_name(std::uniform_int_distribution<int>(0, kNamespaces - 1)(random_));
  }
  std::string any_user() {
    return "user-" + std::to_string(std::uniform_int_distribution<int>(0, kUsers - 1)(random_));
  }
  std::string any_backup() {
    return "b" + std::to_string(std::uniform_int_distribution<int>(0, kBackups - 1)(random_));
  }

  void give_rights() {
    const std::vector<std::string> resources{
        "galerabackups",        "galerabackups/log",      "galerabackups/status",
        "galerabackups/cancel", "galerabackups/undelete", "galerarestores",
        "galerarestores/log",   "galerabackupschedules",  "galerabackupschedules/trigger"};
    const std::vector<std::string> reads{"get", "list", "watch"};
    const std::vector<std::string> writes{"create",           "patch", "update", "delete",
                                          "deletecollection", "get",   "list"};
    for (int u = 0; u < kUsers; ++u) {
      const std::string user = "user-" + std::to_string(u);
      for (int n = 0; n < kNamespaces; ++n) {
        if (chance(0.45)) continue;  // nothing at all
        const std::string ns = ns_name(n);
        for (const std::string& resource : resources) {
          for (const std::string& verb : reads)
            if (chance(0.5)) book_.give(user, {verb, resource, ns, ""});
          for (const std::string& verb : writes)
            if (chance(0.4)) book_.give(user, {verb, resource, ns, ""});
        }
        if (chance(0.7)) book_.give(user, {"get", "galeras", ns, chance(0.5) ? "" : "main"});
        if (chance(0.5)) book_.give(user, {"get", "galerabackups", ns, any_backup()});
        if (chance(0.5)) book_.give(user, {"get", "galerabackups/log", ns, any_backup()});
      }
      if (chance(0.8)) book_.give(user, {"use", "galerabackupstores", "", "default"});
      if (chance(0.3)) book_.give(user, {"list", "galerabackupstores", "", ""});
      if (chance(0.2)) book_.give(user, {"get", "/metrics", "", ""});
      // What a ClusterRoleBinding gives.
      if (chance(0.2)) book_.give(user, {"list", "galerabackups", "", ""});
      if (chance(0.1)) book_.give(user, {"watch", "galerabackups", "", ""});
      if (chance(0.1)) book_.give(user, {"get", "galerarestores", "", ""});
    }
  }

  // What every namespace has: backups, one of them deleted, a restore and a schedule, with secrets.
  void furnish() {
    for (int n = 0; n < kNamespaces; ++n) {
      const std::string ns = ns_name(n);
      for (int b = 0; b <= kBackups; ++b) {
        const Reply made = as("root", "POST", collection(ns, "galerabackups"),
                              backup_in("b" + std::to_string(b), ns).dump());
        ASSERT_EQ(made.status, 201) << made.body;
        ASSERT_EQ(made.json()["status"]["phase"], "Completed") << made.body;
      }
      const Json restored = {{"apiVersion", api::kGroupVersion},
                             {"kind", "GaleraRestore"},
                             {"metadata", {{"name", "r0"}, {"labels", secret_label()}}},
                             {"spec", {{"backup", "b0"}, {"existing", "Replace"}}}};
      ASSERT_EQ(as("root", "POST", collection(ns, "galerarestores"), restored.dump()).status, 201);
      ASSERT_EQ(
          as("root", "POST", collection(ns, "galerabackupschedules"), schedule("s0").dump()).status,
          201);
      learn(ns);
      const std::string gone = collection(ns, "galerabackups") + "/b" + std::to_string(kBackups);
      ASSERT_EQ(as("root", "DELETE", gone, "").status, 200);
    }
  }

  Json secret_label() { return {{"secret", "s" + hex(16)}}; }
  std::string hex(int digits) {
    std::string out;
    for (int i = 0; i < digits; ++i)
      out += "0123456789abcdef"[std::uniform_int_distribution<int>(0, 15)(random_)];
    return out;
  }
  Json backup_in(const std::string& name, const std::string& /*ns*/) {
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

  // The secrets of what the namespace has by now; words are put into the logs.
  void learn(const std::string& ns) {
    for (const char* resource : {api::kBackups, api::kRestores, api::kSchedules})
      for (const api::ObjectPtr& object : catalog->list(resource, ns).objects) {
        if (!known_.insert(object->uid()).second) continue;
        secrets_[object->uid()] = ns;
        const Json dom = object->dom();
        if (dom["metadata"].contains("labels"))
          secrets_[dom["metadata"]["labels"].value("secret", object->uid())] = ns;
        if (std::string(resource) == api::kSchedules) continue;
        const std::string word = "word" + hex(16);
        ASSERT_TRUE(
            storage::put(blobs, "joblog/" + ns + "/" + object->uid(), as_bytes(word + "\n")));
        secrets_[word] = ns;
      }
    secrets_["secret-of-" + ns] = ns;
  }

  static std::string collection(const std::string& ns, const std::string& resource) {
    return kRoot + "/namespaces/" + ns + "/" + resource;
  }
  Reply as(const std::string& user, const std::string& method, const std::string& target,
           const std::string& body, const std::string& accept = "application/json") {
    Fields fields{{"X-User", user}, {"Accept", accept}};
    if (!body.empty())
      fields.emplace_back("Content-Type",
                          method == "PATCH" ? "application/merge-patch+json" : "application/json");
    return ask(method, target, body, fields);
  }

  Request reading(const std::string& ns) {
    const std::string resource =
        any<std::string>({"galerabackups", "galerarestores", "galerabackupschedules"});
    const std::string object = resource == "galerabackups"    ? any_backup()
                               : resource == "galerarestores" ? "r0"
                                                              : "s0";
    const std::string path = collection(ns, resource);
    switch (std::uniform_int_distribution<int>(0, 6)(random_)) {
      case 0:
        return {"GET", path, "", {{"list", resource, ns, ""}}, {ns}};
      case 1:
        return {
            "GET", path + "?labelSelector=secret&limit=2", "", {{"list", resource, ns, ""}}, {ns}};
      case 2:
        return {"GET", kRoot + "/" + resource, "", {{"list", resource, "", ""}}, {}, true};
      case 3: {
        // One log of two is that of a name that does not exist.
        const std::string of = resource == "galerabackupschedules" ? "galerabackups" : resource;
        const std::string name = of == "galerarestores" ? "r0" : any_backup();
        return {"GET",
                collection(ns, of) + "/" + name + "/log",
                "",
                {{"get", of + "/log", ns, name}},
                {ns}};
      }
      case 4:
        return {"GET",
                path + "/" + object + "/status",
                "",
                {{"get", resource + "/status", ns, object}},
                {ns}};
      case 5:
        return {"GET", path + "/nobody", "", {{"get", resource, ns, "nobody"}}, {ns}};
      default:
        return {"GET", path + "/" + object, "", {{"get", resource, ns, object}}, {ns}};
    }
  }

  // Each with a name of its own: a name that is taken is refused before the rest is looked at.
  Request making(const std::string& ns) {
    const bool real = chance(0.05);
    const std::string dry = real ? "" : "?dryRun=All";
    const std::string name = "n" + std::to_string(++names_);
    const Right use{"use", "galerabackupstores", "", "default"};
    switch (std::uniform_int_distribution<int>(0, 4)(random_)) {
      case 0: {
        Json made = backup_in(name, ns);
        const std::string instance = chance(0.2) ? "typo" : "main";
        made["spec"]["databaseInstances"] = {instance};
        return {"POST",
                collection(ns, "galerabackups") + dry,
                made.dump(),
                {{"create", "galerabackups", ns, ""}, {"get", "galeras", ns, instance}, use},
                {ns}};
      }
      case 1: {
        // From another namespace: the answer tells what its backup holds.
        const std::string from = any_ns();
        const std::string backup = any_backup();
        const Json made = {
            {"apiVersion", api::kGroupVersion},
            {"kind", "GaleraRestore"},
            {"metadata", {{"name", name}}},
            {"spec", {{"backup", backup}, {"sourceNamespace", from}, {"existing", "Replace"}}}};
        return {"POST",
                collection(ns, "galerarestores") + "?dryRun=All",
                made.dump(),
                {{"create", "galerarestores", ns, ""},
                 {"get", "galerabackups", from, backup},
                 {"get", "galeras", ns, "main"},
                 use},
                {ns, from}};
      }
      case 2:
        return {"POST",
                collection(ns, "galerabackupschedules") + dry,
                schedule(name).dump(),
                {{"create", "galerabackupschedules", ns, ""},
                 {"create", "galerabackups", ns, ""},
                 {"get", "galeras", ns, "main"},
                 use},
                {ns}};
      case 3:
        // It acts as who created the schedule: root.
        return {"POST",
                collection(ns, "galerabackupschedules") + "/s0/trigger" + dry,
                "",
                {{"create", "galerabackupschedules/trigger", ns, "s0"}},
                {ns}};
      default: {
        const std::string deleted = "b" + std::to_string(kBackups);
        const bool cancel = chance(0.5);
        return {"POST",
                collection(ns, "galerabackups") + "/" +
                    (cancel ? any_backup_ = any_backup() : deleted) +
                    (cancel ? "/cancel" : "/undelete?dryRun=All"),
                "",
                {{"create", cancel ? "galerabackups/cancel" : "galerabackups/undelete", ns,
                  cancel ? any_backup_ : deleted}},
                {ns}};
      }
    }
  }

  Request changing(const std::string& ns) {
    const std::string backup = any_backup();
    const std::string path = collection(ns, "galerabackups");
    switch (std::uniform_int_distribution<int>(0, 3)(random_)) {
      case 0:
        return {"PATCH",
                path + "/" + backup,
                R"({"metadata":{"annotations":{"touched":")" + hex(4) + "\"}}}",
                {{"patch", "galerabackups", ns, backup}},
                {ns}};
      case 1:
        return {"DELETE",
                path + "/" + backup + "?dryRun=All",
                "",
                {{"delete", "galerabackups", ns, backup}},
                {ns}};
      case 2:
        return {"DELETE",
                path + "?dryRun=All",
                "",
                {{"deletecollection", "galerabackups", ns, ""}},
                {ns}};
      default:
        return {"PATCH",
                collection(ns, "galerabackupschedules") + "/s0",
                R"({"spec":{"suspend":true}})",
                {{"patch", "galerabackupschedules", ns, "s0"}},
                {ns}};
    }
  }

  Request any_request() {
    const std::string ns = any_ns();
    const double kind = std::uniform_real_distribution<double>(0, 1)(random_);
    if (kind < 0.55) return reading(ns);
    if (kind < 0.78) return making(ns);
    if (kind < 0.95) return changing(ns);
    if (kind < 0.97) return {"GET", "/metrics", "", {{"get", "/metrics", "", ""}}, {}};
    return {"GET", kRoot + "/galerabackupstores", "", {{"list", "galerabackupstores", "", ""}}, {}};
  }

  std::string described(const std::string& user, const Request& request, const Reply& reply) {
    return "seed " + std::to_string(seed_) + ": " + user + " " + request.method + " " +
           request.target + "\n" + request.body + "\n→ " + std::to_string(reply.status) + " " +
           reply.body.substr(0, 2000);
  }

  // What in this text is of a namespace that it may not be of. The text is cut into words first:
  // looking for each secret in each answer would take hours.
  std::string leak_in(const std::string& text, const std::set<std::string>& may_show) {
    std::size_t begin = 0;
    const auto is_word = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
    };
    while (begin < text.size()) {
      if (!is_word(text[begin])) {
        ++begin;
        continue;
      }
      std::size_t end = begin;
      while (end < text.size() && is_word(text[end])) ++end;
      const auto found = secrets_.find(text.substr(begin, end - begin));
      if (found != secrets_.end() && !may_show.contains(found->second))
        return found->first + " of " + found->second;
      begin = end;
    }
    return {};
  }

  void begin_watch() {
    const std::string user = any_user();
    const bool everywhere = chance(0.2);
    const std::string ns = everywhere ? "" : any_ns();
    const std::string target =
        (everywhere ? kRoot + "/galerabackups" : collection(ns, "galerabackups")) +
        "?watch=1&resourceVersion=0";
    Reply reply = as(user, "GET", target, "");
    const bool may = book_.has(user, {"watch", "galerabackups", ns, ""});
    ASSERT_EQ(reply.status, may ? 200 : 403) << user << " " << target;
    if (!may) return;
    std::set<std::string> shows{ns};
    if (everywhere)
      for (int n = 0; n < kNamespaces; ++n) shows.insert(ns_name(n));
    watchers_.push_back({std::move(reply.stream), std::move(shows), user + " " + target});
  }

  struct Watcher {
    std::shared_ptr<http::FrameQueue> stream;
    std::set<std::string> shows;
    std::string what;
  };

  std::uint64_t seed_ = 0;
  std::mt19937_64 random_;
  Book book_;
  Databases databases_;
  jobs::test::FakeCluster cluster_;
  jobs::test::FakeEngine engine_{cluster_};
  std::unique_ptr<jobs::Jobs> real_jobs_;
  std::map<std::string, std::string> secrets_;  // → whose
  std::set<std::string> known_;                 // uids
  std::vector<Watcher> watchers_;
  std::string any_backup_;
  int names_ = 0;
};

TEST_F(Tenancy, RandomRequestsShowWhatTheyMayAndRefuseWhatTheyMust) {
  const std::uint64_t requests = from_environment("GB_TENANCY_REQUESTS", 20000);
  std::uint64_t refused = 0;
  const std::vector<std::string> accepts{
      "application/json", "application/yaml",
      "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
      "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"};
  for (std::uint64_t i = 0; i < requests; ++i) {
    if (i % (requests / 40 + 1) == 0) begin_watch();
    const std::string user = any_user();
    const Request request = any_request();
    const bool may = std::ranges::all_of(
        request.needs, [&](const Right& right) { return book_.has(user, right); });
    Reply reply = as(user, request.method, request.target, request.body, any(accepts));
    if (reply.stream != nullptr) {
      Lines lines(reply.stream);
      for (std::string line = lines.next(); !line.empty(); line = lines.next())
        reply.body += line + "\n";
    }
    const auto told = [&] { return described(user, request, reply); };
    if (may) {
      ASSERT_NE(reply.status, 403) << "a wrong refusal: " << told();
    } else {
      ASSERT_EQ(reply.status, 403) << "not refused: " << told();
      ++refused;
    }
    ASSERT_LT(reply.status, 500) << told();
    if (reply.status == 201 && request.target.find("dryRun") == std::string::npos)
      for (const std::string& ns : request.shows) learn(ns);
    if (request.shows_all && may) continue;
    const std::string leak = leak_in(reply.body, may ? request.shows : std::set<std::string>());
    ASSERT_EQ(leak, "") << told();
  }
  EXPECT_GT(refused, requests / 5) << "a test that refuses nobody proves nothing";
  EXPECT_LT(refused, requests * 4 / 5);

  std::uint64_t events = 0;
  for (const Watcher& watcher : watchers_) {
    for (auto frames = watcher.stream->take(std::size_t{1} << 22); !frames.empty();
         frames = watcher.stream->take(std::size_t{1} << 22))
      for (const auto& frame : frames) {
        ++events;
        ASSERT_EQ(leak_in(*frame, watcher.shows), "") << watcher.what;
      }
    watcher.stream->gone();
  }
  EXPECT_GT(events, 0U);
}

// The test itself: a server that forgot one check is caught.
TEST_F(Tenancy, AServerThatForgotACheckIsCaught) {
  const std::string ns = ns_name(0);
  const Reply list = as("root", "GET", collection(ns, "galerabackups"), "");
  EXPECT_NE(leak_in(list.body, {}), "");
  EXPECT_NE(leak_in(list.body, {ns_name(1)}), "");
  EXPECT_EQ(leak_in(list.body, {ns}), "");
  const Reply log = as("root", "GET", collection(ns, "galerabackups") + "/b0/log", "");
  EXPECT_NE(leak_in(log.body, {}), "");
}

}  // namespace
}  // namespace gb::handlers::test
