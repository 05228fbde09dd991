// The jobs over an engine in memory, a catalog on memory blobs, and doors that tests steer.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "api/schema.h"
#include "api/types.h"
#include "base/text.h"
#include "jobs/jobs.h"
#include "jobs/record.h"
#include "storage/blob/faulty_blob_store.h"
#include "storage/blob/memory_blob_store.h"
#include "test/eventually.h"
#include "test/unit/jobs/fake_engine.h"

namespace gb::jobs::test {

class Instances final : public InstanceResolver {
 public:
  Result<galera::Endpoint> resolve(std::string_view ns, std::string_view name) override {
    ++asked;
    if (gone) return fail(Code::kNotFound, "it is gone");
    if (no_secret)
      return fail(Code::kUnavailable, "Secret \"db\" does not exist", "create it again");
    if (no_key) return fail(Code::kInvalid, "Secret \"db\" has no key \"DatabasePassword\"");
    if ((ns == "openstack" || ns == "elsewhere") &&
        (name == "main" || name == "cell1" || name == "dr")) {
      galera::Endpoint endpoint;
      endpoint.name = name;
      const std::scoped_lock lock(mutex);
      endpoint.uid = uid;
      endpoint.active_node = active_node;
      if (const auto found = nodes.find(endpoint.name); found != nodes.end())
        endpoint.nodes = found->second;
      return endpoint;
    }
    return fail(Code::kNotFound, "there is no database instance \"" + std::string(name) + "\"",
                "known there: main, cell1, dr");
  }
  std::atomic<int> asked{0};
  std::atomic<bool> gone{false};
  std::atomic<bool> no_secret{false};
  std::atomic<bool> no_key{false};
  std::mutex mutex;
  std::string active_node;
  std::string uid;  // of the object that describes them; empty: a configuration does
  std::map<std::string, std::vector<galera::Address>> nodes;  // by name; of the others none
};

// Gates that stand open but for those in `held`.
class Gates final : public TrafficGates {
 public:
  std::shared_ptr<galera::TrafficGate> gate(const galera::Endpoint& /*endpoint*/,
                                            const GateHolder& /*holder*/) override {
    return nullptr;
  }
  Result<std::vector<GateHolder>> shut(std::stop_token /*stop*/) override {
    const std::scoped_lock lock(mutex);
    ++looks;
    if (out_of_memory) throw std::bad_alloc();
    if (failures > 0 && failures-- > 0) return fail(Code::kUnavailable, "no answer");
    return held;
  }
  Status open(const GateHolder& holder, std::stop_token /*stop*/) override {
    const std::scoped_lock lock(mutex);
    if (stuck) return fail(Code::kUnavailable, "the Service cannot be changed");
    std::erase_if(held, [&](const GateHolder& h) { return h.uid == holder.uid; });
    return {};
  }
  [[nodiscard]] std::size_t count() {
    const std::scoped_lock lock(mutex);
    return held.size();
  }
  std::mutex mutex;
  std::vector<GateHolder> held;
  int looks = 0;  // one in each round of a server for what was left blocked
  int failures = 0;
  bool stuck = false;          // none can be opened
  bool out_of_memory = false;  // who looks at them throws
};

class Rules final : public kube::Authorizer {
 public:
  Result<kube::Decision> authorize(const kube::User& user,
                                   const kube::Attributes& attributes) override {
    const std::string asked =
        user.name + " " + attributes.verb + " " + attributes.resource + " " + attributes.name;
    return kube::Decision{!denied.contains(asked), ""};
  }
  std::set<std::string> denied;
};

class Events final : public kube::EventRecorder {
 public:
  void record(const api::Object& about, kube::EventType /*type*/, std::string_view reason,
              std::string_view message) override {
    if (before) before(about.key().name + " " + std::string(reason));
    const std::scoped_lock lock(mutex);
    told.push_back(about.key().name + " " + std::string(reason));
    messages.push_back(told.back() + ": " + std::string(message));
  }
  // "name Reason"
  bool has(const std::string& event) {
    const std::scoped_lock lock(mutex);
    return std::ranges::find(told, event) != told.end();
  }
  // "name Reason: message"
  std::vector<std::string> all() {
    const std::scoped_lock lock(mutex);
    return messages;
  }
  // Called with "name Reason" on the thread that tells it; set before anything runs.
  std::function<void(const std::string& event)> before;
  std::mutex mutex;
  std::vector<std::string> told;
  std::vector<std::string> messages;
};

// How the answer to a commit gets lost that is in the log: the store says that it failed, or says
// nothing and cannot be asked, or cannot tell whether the commit counts.
enum class Lost { kPut, kReadBack, kBoundary };
inline std::string name_of_lost(const testing::TestParamInfo<Lost>& lost) {
  return std::array{"Put", "ReadBack", "Boundary"}.at(static_cast<std::size_t>(lost.param));
}

class JobsTest : public testing::Test {
 protected:
  void SetUp() override {
    catalog_ = *storage::Catalog::open(blobs_, clock(), rng_, {});
    start();
  }

  // Before the clock of a derived fixture goes, which threads of both look at.
  void TearDown() override {
    jobs_.reset();
    catalog_.reset();
  }

  // Tests of what happens over days bring one that they move by hand.
  virtual Clock& clock() { return clock_; }

  Dependencies dependencies(storage::Catalog& catalog) {
    Dependencies d;
    d.catalog = &catalog;
    d.engine = &engine_;
    d.stores = {{"default",
                 "file:///backups",
                 {std::shared_ptr<void>(), &faulty_},  // outlives the jobs
                 "72h"}};
    d.instances = &instances_;
    d.scratch = &scratch_;
    d.gates = &gates_;
    d.authorizer = &rules_;
    d.events = &events_;
    d.clock = &clock();
    d.rng = &rng_;
    d.parallel_backups = 1;
    d.keeps_house = true;
    return d;
  }

  void start(std::uint64_t memory = 0) {
    Dependencies d = dependencies(*catalog_);
    d.memory = memory;
    jobs_ = *Jobs::start(std::move(d));
  }

  api::Json object(const char* resource, const std::string& name, api::Json spec) {
    const api::ResourceType& type = *api::find_resource(resource);
    api::Json dom = {{"apiVersion", api::kGroupVersion},
                     {"kind", type.kind},
                     {"metadata",
                      {{"name", name},
                       {"namespace", "openstack"},
                       {"uid", make_uuid(rng_)},
                       {"creationTimestamp", to_rfc3339(clock().now())}}},
                     {"spec", std::move(spec)}};
    api::apply_defaults(type, dom);
    return dom;
  }
  api::Json backup(const std::string& name, api::Json extra = api::Json::object()) {
    api::Json spec = {{"databaseInstances", {"main"}}};
    spec.update(extra);
    return object(api::kBackups, name, spec);
  }
  api::Json restore(const std::string& name, api::Json spec) {
    return object(api::kRestores, name, std::move(spec));
  }

  Result<api::ObjectPtr> submit(api::Json dom, bool dry_run = false) {
    const bool is_backup = dom["kind"] == "GaleraBackup";
    return is_backup ? jobs_->submit_backup(std::move(dom), alice_, dry_run, {})
                     : jobs_->submit_restore(std::move(dom), alice_, dry_run, {});
  }
  api::Json finish(const Result<api::ObjectPtr>& submitted) {
    EXPECT_TRUE(submitted) << (submitted ? "" : submitted.error().text());
    if (!submitted) return {};
    return (*jobs_->wait((*submitted)->key(), (*submitted)->uid(), std::chrono::minutes(1), {}))
        ->dom();
  }
  // "False RunMissed": status and reason of the condition of this type; empty when there is none.
  static std::string condition(const api::Json& dom, const std::string& type) {
    for (const api::Json& one : dom["status"]["conditions"])
      if (one["type"] == type)
        return one["status"].get<std::string>() + " " + one["reason"].get<std::string>();
    return {};
  }
  std::string log_of(const api::Json& dom) {
    std::string text;
    const auto object =
        catalog_->get({dom["kind"] == "GaleraBackup" ? api::kBackups : api::kRestores, "openstack",
                       dom["metadata"]["name"]});
    EXPECT_TRUE(jobs_->follow_log(**object, false, [&](std::string_view t) { text += t; }, [] {}));
    return text;
  }
  // The next commit happens, and its writer is answered an error; the catalog is open on faulty_.
  void lose_next_answer(Lost how) {
    faulty_.set_observer([this, how, lost = std::make_shared<std::atomic<bool>>(false)](
                             storage::BlobCall call, const std::string& key) {
      using enum storage::BlobCall;
      if (call != kPutIfAbsent || !key.starts_with("log/") || lost->exchange(true)) return;
      if (how == Lost::kPut)
        faulty_.inject({.calls = {kPutIfAbsent}, .keys = key, .happens = true});
      if (how == Lost::kReadBack) {
        faulty_.inject(
            {.calls = {kPutIfAbsent}, .keys = key, .code = Code::kAmbiguous, .happens = true});
        faulty_.inject({.calls = {kGet}, .keys = key});
      }
      if (how == Lost::kBoundary) faulty_.inject({.calls = {kGet}, .keys = "boundary.json"});
    });
  }
  std::string phase_at(const api::ObjectKey& key) {
    const auto found = catalog_->get(key);
    return found ? api::phase_of((*found)->dom()) : "";
  }
  void until_running(const api::ObjectKey& key) {
    EXPECT_TRUE(eventually([&] {
      const std::string phase = phase_at(key);
      return !phase.empty() && phase != "Pending";
    })) << key.name
        << " does not begin";
  }
  // Of a job that this process did not begin, too.
  void until_ended(const api::ObjectKey& key) {
    EXPECT_TRUE(eventually([&] { return api::is_terminal_phase(phase_at(key)); }))
        << key.name << " does not end";
  }

  SystemClock clock_;
  SystemRng rng_;
  FakeCluster cluster_;
  FakeEngine engine_{cluster_};
  FakeScratch scratch_;
  Instances instances_;
  Gates gates_;
  Rules rules_;
  Events events_;
  kube::User alice_{"alice", "", {}, {}};
  std::shared_ptr<storage::MemoryBlobStore> blobs_ = std::make_shared<storage::MemoryBlobStore>();
  storage::FaultyBlobStore faulty_{*blobs_};
  std::unique_ptr<storage::Catalog> catalog_;
  std::unique_ptr<Jobs> jobs_;
};

// A server that looks every tenth of a second at what nobody runs, and in every sixth such time at
// what was left blocked.
class QuickLooksTest : public JobsTest {
 protected:
  void SetUp() override {
    catalog_ = *storage::Catalog::open({std::shared_ptr<void>(), &faulty_}, clock(), rng_,
                                       {.tail_interval = std::chrono::milliseconds(20)});
    start_quick();
  }
  void start_quick() {
    Dependencies d = dependencies(*catalog_);
    d.look_every = std::chrono::milliseconds(20);
    jobs_ = *Jobs::start(std::move(d));
  }
  api::Json status_of(const char* resource, const char* name) {
    const auto found = catalog_->get({resource, "openstack", name});
    return found ? (*found)->dom()["status"] : api::Json::object();
  }
  bool fails(const char* resource, const char* name) {
    return eventually([&] { return status_of(resource, name).value("phase", "") == "Failed"; });
  }
};

}  // namespace gb::jobs::test
