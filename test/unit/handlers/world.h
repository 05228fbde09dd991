// A whole API in memory: the real catalog on memory blobs, and doors and jobs that tests steer.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/types.h"
#include "handlers/service.h"
#include "storage/blob/faulty_blob_store.h"
#include "storage/blob/memory_blob_store.h"

namespace gb::handlers::test {

using api::Json;

class FakeAuthenticator final : public kube::Authenticator {
 public:
  // X-User and X-Group say who asks; X-User: bad has bad credentials. Nobody said: alice.
  Result<kube::User> authenticate(const http::RequestHead& head) override {
    const std::string name(head.headers.get("X-User").value_or("alice"));
    if (name == "bad") return fail(Code::kUnauthenticated, "the token is not known");
    kube::User user;
    user.name = name;
    for (const auto group : head.headers.all("X-Group")) user.groups.emplace_back(group);
    user.groups.emplace_back(kube::kAuthenticatedGroup);
    return user;
  }
};

class FakeAuthorizer final : public kube::Authorizer {
 public:
  using Rule = std::function<Result<kube::Decision>(const kube::User&, const kube::Attributes&)>;

  Result<kube::Decision> authorize(const kube::User& user, const kube::Attributes& asked) override {
    const std::lock_guard lock(mutex_);
    asked_.push_back(asked);
    users_.push_back(user);
    return rule ? rule(user, asked) : kube::Decision{true, ""};
  }
  std::vector<kube::Attributes> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  kube::User last_user() {
    const std::lock_guard lock(mutex_);
    return users_.back();
  }
  Rule rule;  // none: everything is allowed

 private:
  std::mutex mutex_;
  std::vector<kube::Attributes> asked_;
  std::vector<kube::User> users_;
};

class FakeNamespaces final : public kube::Namespaces {
 public:
  Result<kube::NamespaceState> state(std::string_view name) override {
    const auto it = states.find(std::string(name));
    return it == states.end() ? kube::NamespaceState::kActive : it->second;
  }
  Result<std::string> uid(std::string_view name) override { return "uid-of-" + std::string(name); }
  std::map<std::string, kube::NamespaceState> states;
};

// Records objects as Running and leaves the rest to the test.
class FakeJobs final : public jobs::Jobs {
 public:
  FakeJobs(storage::Catalog& catalog) : catalog_(catalog) {}

  Result<api::ObjectPtr> submit_backup(Json object, const kube::User& user, bool dry_run,
                                       std::stop_token stop) override {
    if (on_admission) GB_TRY(on_admission(stop));
    return submit(api::kBackups, std::move(object), user, dry_run);
  }
  Result<api::ObjectPtr> submit_restore(Json object, const kube::User& user, bool dry_run,
                                        std::stop_token) override {
    return submit(api::kRestores, std::move(object), user, dry_run);
  }
  Result<api::ObjectPtr> submit_schedule(Json object, const kube::User& user,
                                         bool dry_run) override {
    return submit(api::kSchedules, std::move(object), user, dry_run);
  }
  std::vector<std::string> review_retention(const Json&) override { return schedule_warnings; }
  Result<std::vector<std::string>> review_schedule(const Json&, Json& updated,
                                                   const kube::User& user) override {
    if (user.name != "alice") return fail(Code::kForbidden, "bob may not back that up");
    updated["status"]["settledTime"] = "2026-11-20T10:00:00Z";
    return schedule_warnings;
  }
  Result<api::ObjectPtr> trigger(const api::ObjectKey& schedule, bool dry_run,
                                 std::stop_token stop) override {
    if (on_admission) GB_TRY(on_admission(stop));
    if (refuse_trigger) return fail(Code::kConflict, "backup \"a\" is running", "wait for it");
    Json backup = {{"kind", "GaleraBackup"},
                   {"metadata", {{"name", schedule.name + "-manual"}, {"namespace", schedule.ns}}},
                   {"spec", {{"databaseInstances", {"main"}}}}};
    return submit(api::kBackups, std::move(backup), {"alice", "", {}, {}}, dry_run);
  }
  Result<api::ObjectPtr> wait(const api::ObjectKey& key, const std::string&,
                              std::chrono::milliseconds timeout, std::stop_token) override {
    waited.push_back(timeout);
    if (!ends_check_with.empty())
      GB_TRY(catalog_.modify(key, [&](const api::Object& object) -> Result<Json> {
        Json dom = object.dom();
        dom["status"]["check"]["phase"] = ends_check_with;
        return dom;
      }));
    if (!ends_with.empty()) {
      auto ended = catalog_.modify(key, [&](const api::Object& object) -> Result<Json> {
        Json dom = object.dom();
        dom["status"]["phase"] = ends_with;
        if (ends_with == "Failed") dom["status"]["message"] = "the node \"n1\" went away";
        return dom;
      });
      if (!ended) return ended;
    }
    return catalog_.get(key);
  }
  Result<api::ObjectPtr> cancel(const api::ObjectKey& key, const kube::User& user,
                                bool dry_run) override {
    GB_TRY_ASSIGN(const api::ObjectPtr object, catalog_.get(key));
    if (!action_error.message.empty()) return fail(action_error);
    asked_for.push_back("cancel " + key.name + " by " + user.name + (dry_run ? " (dry run)" : ""));
    return object;
  }
  Result<api::ObjectPtr> undelete(const api::ObjectKey& key, const std::string& uid,
                                  const kube::User& /*user*/, bool dry_run) override {
    if (!action_error.message.empty()) return fail(action_error);
    asked_for.push_back("undelete " + key.name + " " + uid + (dry_run ? " (dry run)" : ""));
    return catalog_.get(key);
  }
  Result<api::ObjectPtr> verify(const api::ObjectKey& key, const std::string& method,
                                const kube::User& user, bool dry_run,
                                std::stop_token stop) override {
    if (on_admission) GB_TRY(on_admission(stop));
    if (!action_error.message.empty()) return fail(action_error);
    asked_for.push_back("verify " + key.name + " " + method + " by " + user.name +
                        (dry_run ? " (dry run)" : ""));
    return catalog_.get(key);
  }
  std::string ends_check_with;
  std::vector<std::string> schedule_warnings;
  bool refuse_trigger = false;
  Status before_deletion(const api::Object& /*object*/) override {
    if (on_deletion) on_deletion();
    if (refuse_deletion) return fail(Code::kUnavailable, "the store does not answer");
    return {};
  }
  void deleted(const api::Object& object) override { deleted_names.push_back(object.key().name); }
  Result<std::unique_ptr<jobs::LogReader>> follow_log(const api::Object&, bool follow,
                                                      std::function<void(std::string_view)> on_text,
                                                      std::function<void()> on_end) override {
    class Reader final : public jobs::LogReader {
     public:
      explicit Reader(std::function<void()> left) : left_(std::move(left)) {}
      ~Reader() override {
        if (left_) left_();
      }

     private:
      std::function<void()> left_;
    };
    on_text(log_text);
    if (!follow) {
      on_end();
      return std::make_unique<Reader>(nullptr);
    }
    const std::lock_guard lock(mutex_);
    say_ = std::move(on_text);
    end_ = std::move(on_end);
    return std::make_unique<Reader>([this] {
      if (on_reader_left) on_reader_left();
      const std::lock_guard inner(mutex_);
      readers_left_ += 1;
      left_.notify_all();
    });
  }
  std::vector<api::ObjectPtr> store_objects() override {
    std::vector<api::ObjectPtr> objects;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, phase] : stores_) {
        Json dom{{"apiVersion", api::kGroupVersion},
                 {"kind", "GaleraBackupStore"},
                 {"metadata", {{"name", name}, {"uid", "uid-" + name}}},
                 {"status", {{"phase", phase}, {"type", "filesystem"}}}};
        objects.push_back(*api::Object::make(api::kStores, catalog_.revision(), std::move(dom)));
      }
    }
    if (on_stores) on_stores();
    return objects;
  }

  // The job's side of a followed log.
  void say(std::string_view text) { say_(text); }
  void end_log() { end_(); }
  void wait_until_reader_left() {
    std::unique_lock lock(mutex_);
    left_.wait(lock, [this] { return readers_left_ > 0; });
  }
  void set_store(const std::string& name, const std::string& phase) {
    const std::lock_guard lock(mutex_);
    stores_[name] = phase;
  }
  void remove_store(const std::string& name) {
    const std::lock_guard lock(mutex_);
    stores_.erase(name);
  }

  std::function<void()> on_reader_left;  // on the thread that lets it go
  std::function<void()> on_stores;       // on the thread that asks, which has its answer
  std::function<void()> on_submit;       // on the thread that submits
  // What the databases of a job say before it is recorded, on the thread that submits.
  std::function<Status(std::stop_token)> on_admission;
  Error submit_error;  // kInternal without a message: none
  Error action_error;  // of cancel and undelete; the same
  std::vector<std::string> asked_for;
  int taken_names = 0;    // so many submissions find their name taken
  std::string ends_with;  // the phase that wait() brings about
  bool refuse_deletion = false;
  std::function<void()> on_deletion;  // what happens meanwhile
  std::string log_text = "one\ntwo\nthree\n";
  std::vector<std::string> submitted;  // names
  std::vector<std::string> deleted_names;
  std::vector<std::chrono::milliseconds> waited;
  kube::User submitter;

 private:
  Result<api::ObjectPtr> submit(const char* resource, Json object, const kube::User& user,
                                bool dry_run) {
    if (on_submit) on_submit();
    const std::lock_guard lock(mutex_);
    submitter = user;
    submitted.push_back(object["metadata"]["name"]);
    if (!submit_error.message.empty()) return fail(submit_error);
    if (taken_names-- > 0) return fail(Code::kAlreadyExists, "taken");
    object["status"] = {{"phase", "Running"}};
    if (dry_run) return api::Object::make(resource, 0, std::move(object));
    return catalog_.create(resource, std::move(object));
  }

  storage::Catalog& catalog_;
  std::mutex mutex_;
  std::map<std::string, std::string> stores_{{"default", "Available"}};
  std::function<void(std::string_view)> say_;
  std::function<void()> end_;
  int readers_left_ = 0;
  std::condition_variable left_;
};

// One answer, whole.
struct Reply {
  int status = 0;
  http::Headers headers;
  std::string body;
  std::shared_ptr<http::FrameQueue> stream;  // null: not a stream
  bool before_body = false;                  // refused on the head alone
  bool pieces = false;                       // the body came in shared pieces

  [[nodiscard]] std::string header(std::string_view name) const {
    return std::string(headers.get(name).value_or("(none)"));
  }
  [[nodiscard]] Json json() const { return Json::parse(body); }
  // What a Status says.
  [[nodiscard]] std::string message() const { return json().value("message", "(none)"); }
  [[nodiscard]] std::string reason() const { return json().value("reason", "(none)"); }
};

// Reads the lines of a stream as a client does.
class Lines {
 public:
  explicit Lines(std::shared_ptr<http::FrameQueue> queue) : queue_(std::move(queue)) {
    queue_->set_wake([this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      wake_.notify_all();
    });
  }
  ~Lines() { queue_->gone(); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  // The next line; empty when the stream has ended.
  std::string next() {
    while (true) {
      const std::size_t end = text_.find('\n');
      if (end != std::string::npos) {
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return line;
      }
      {
        const std::lock_guard lock(mutex_);
        woken_ = false;
      }
      const auto frames = queue_->take(std::size_t{1} << 20);
      for (const auto& frame : frames) text_ += *frame;
      if (!frames.empty()) continue;
      if (queue_->finished()) return {};
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return woken_; });
    }
  }
  Json event() {
    const std::string line = next();
    return line.empty() ? Json() : Json::parse(line);
  }
  // "ADDED openstack/a", with the annotation of an initial end told too.
  std::string brief() {
    const Json event = this->event();
    if (event.is_null()) return "(end)";
    const std::string type = event["type"];
    const Json& object = event["object"];
    if (type == "ERROR") return type + " " + std::to_string(object["code"].get<int>());
    const Json& metadata = object["metadata"];
    if (type == "BOOKMARK")
      return metadata.contains("annotations") ? "BOOKMARK initial-events-end" : "BOOKMARK";
    return type + " " + metadata.value("namespace", "") + "/" + metadata.value("name", "");
  }

 private:
  std::shared_ptr<http::FrameQueue> queue_;
  std::string text_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
};

using Fields = std::vector<std::pair<std::string, std::string>>;

inline const std::string kRoot = "/apis/backup.rhoso.io/v1beta1";
inline const std::string kCollection = kRoot + "/namespaces/openstack/galerabackups";

class World : public testing::Test {
 protected:
  void SetUp() override { start(); }

  void start(Limits limits = {}, std::vector<HealthCheck> checks = {},
             storage::Catalog::Options options = {}) {
    service.reset();
    jobs.reset();
    options.tail_interval = std::chrono::milliseconds(0);
    auto opened = storage::Catalog::open({std::shared_ptr<void>(), &store}, clock, rng, options);
    ASSERT_TRUE(opened) << opened.error().text();
    catalog = std::move(*opened);
    jobs = std::make_unique<FakeJobs>(*catalog);
    serve(*jobs, limits, std::move(checks));
  }
  void serve(jobs::Jobs& with, Limits limits = {}, std::vector<HealthCheck> checks = {}) {
    Dependencies deps;
    deps.catalog = catalog.get();
    deps.jobs = &with;
    deps.authenticator = &authenticator;
    deps.authorizer = &authorizer;
    deps.namespaces = &namespaces;
    deps.clock = &clock;
    deps.rng = &rng;
    deps.metrics = &metrics;
    deps.limits = limits;
    deps.version.git_version = "v1.2.3";
    deps.checks = std::move(checks);
    auto made = Service::make(std::move(deps));
    ASSERT_TRUE(made) << made.error().text();
    service = std::move(*made);
  }

  static http::RequestHead head(const std::string& method, const std::string& target,
                                const Fields& fields) {
    http::RequestHead out;
    out.method = method;
    out.target = target;
    out.peer = "127.0.0.1:40000";
    for (const auto& [name, value] : fields) out.headers.add(name, value);
    return out;
  }

  Reply ask(const std::string& method, const std::string& target, const std::string& body = "",
            const Fields& fields = {}) {
    const http::RequestHead h = head(method, target, fields);
    const auto arrival = service->arrive(h);
    if (!arrival) {
      http::Response turned_away = service->turn_away(h);
      return reply(turned_away, true);
    }
    auto admitted = service->admit(h);
    if (auto* refused = std::get_if<http::Response>(&admitted)) return reply(*refused, true);
    http::Response response =
        service->handle({h, body}, std::get<http::Service::Admitted>(admitted));
    return reply(response, false);
  }
  Reply get(const std::string& target, const Fields& fields = {}) {
    return ask("GET", target, "", fields);
  }
  Reply get_as(const std::string& target, const std::string& accept) {
    return ask("GET", target, "", {{"Accept", accept}});
  }
  Reply patch(const std::string& target, const std::string& body,
              const std::string& type = "application/merge-patch+json") {
    return ask("PATCH", target, body, {{"Content-Type", type}});
  }

  static Reply reply(http::Response& response, bool before_body) {
    Reply out;
    out.status = response.status;
    out.headers = response.headers;
    out.before_body = before_body;
    if (auto* text = std::get_if<std::string>(&response.body)) out.body = *text;
    if (auto* pieces = std::get_if<std::vector<http::Piece>>(&response.body)) {
      out.pieces = true;
      for (const auto& piece : *pieces) out.body += *piece;
    }
    if (auto* stream = std::get_if<std::shared_ptr<http::FrameQueue>>(&response.body))
      out.stream = *stream;
    return out;
  }

  // A backup as a user writes it.
  static Json backup(const std::string& name) {
    return {{"apiVersion", api::kGroupVersion},
            {"kind", "GaleraBackup"},
            {"metadata", {{"name", name}}},
            {"spec", {{"databaseInstances", {"openstack"}}}}};
  }
  // One that is there already, put beside the API.
  api::ObjectPtr put(const std::string& name, const Json& labels = Json::object(),
                     const std::string& ns = "openstack") {
    Json dom = backup(name);
    dom["metadata"]["namespace"] = ns;
    dom["metadata"]["uid"] = "uid-" + name;
    dom["metadata"]["generation"] = 1;
    dom["metadata"]["creationTimestamp"] = "2026-11-20T02:00:00Z";
    if (!labels.empty()) dom["metadata"]["labels"] = labels;
    dom["spec"]["hold"] = false;
    dom["spec"]["activeDeadline"] = "6h";
    dom["spec"]["threads"] = 4;
    dom["spec"]["content"] = "All";
    dom["spec"]["resources"] = "None";
    dom["spec"]["verification"] = "Checksum";
    dom["status"] = {{"phase", "Completed"}, {"completionTime", "2026-11-20T02:01:00Z"}};
    auto made = catalog->create(api::kBackups, std::move(dom));
    EXPECT_TRUE(made) << made.error().text();
    return *made;
  }
  api::ObjectPtr change(const std::string& name, const std::function<void(Json&)>& how,
                        const std::string& ns = "openstack") {
    auto made =
        catalog->modify({api::kBackups, ns, name}, [&](const api::Object& object) -> Result<Json> {
          Json dom = object.dom();
          how(dom);
          return dom;
        });
    EXPECT_TRUE(made) << made.error().text();
    return *made;
  }
  void erase(const std::string& name, const std::string& ns = "openstack") {
    const api::ObjectKey key{api::kBackups, ns, name};
    ASSERT_TRUE(catalog->remove(key, (*catalog->get(key))->revision()));
  }
  static std::vector<std::string> names(const Reply& list) {
    std::vector<std::string> out;
    const Json document = list.json();
    for (const Json& item : document["items"]) out.push_back(item["metadata"]["name"]);
    return out;
  }

  ManualClock clock{*from_rfc3339("2026-11-20T03:00:00Z")};
  SeededRng rng{7};
  storage::MemoryBlobStore blobs;
  storage::FaultyBlobStore store{blobs};
  metrics::Registry metrics;
  FakeAuthenticator authenticator;
  FakeAuthorizer authorizer;
  FakeNamespaces namespaces;
  std::unique_ptr<storage::Catalog> catalog;
  std::unique_ptr<FakeJobs> jobs;
  std::unique_ptr<Service> service;
};

}  // namespace gb::handlers::test
