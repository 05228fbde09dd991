// Nobody reaches what is another's: random requests of random users with random rights, against a
// model that knows which rights each kind of request takes and what it may show. And the test
// itself: a server that forgot one check is found out.
//
// GB_TENANCY_SEED and GB_TENANCY_REQUESTS repeat or prolong a run.
#include "api/schema.h"
#include "test/unit/handlers/tenancy_world.h"

namespace gb::handlers::test {
namespace {

// A request, the rights that it takes, and the namespaces whose secrets its answer may hold.
struct Request {
  std::string method;
  std::string target;
  std::string body;
  std::vector<Right> needs;
  std::set<std::string> shows;
  bool shows_all = false;
  bool is_invalid = false;  // 422 to who has the rights
  // When it is done: what of another namespace it made known in the first that it shows.
  std::string publishes = {};
};

const Right kUseStore{"use", "galerabackupstores", "", "default"};

class Tenancy : public TenancyWorld {
 protected:
  void TearDown() override {
    watchers_.clear();
    TenancyWorld::TearDown();
  }

  std::string any_object(const std::string& resource, const std::string& ns) {
    if (resource == "galerabackups") return any_backup(ns);
    return resource == "galerarestores" ? "r0" : "s0";
  }

  Request reading(const std::string& ns) {
    const std::string resource = any(kNamespaced);
    const std::string object = any_object(resource, ns);
    const std::string path = collection(ns, resource);
    switch (any_of(7)) {
      case 0:
        return {"GET", path, "", {{"list", resource, ns, ""}}, {ns}};
      case 1:
        return {
            "GET", path + "?labelSelector=secret&limit=2", "", {{"list", resource, ns, ""}}, {ns}};
      case 2:
        return {"GET", kRoot + "/" + resource, "", {{"list", resource, "", ""}}, {}, true};
      case 3: {
        const std::string of = resource == "galerabackupschedules" ? "galerabackups" : resource;
        const std::string name = any_object(of, ns);
        return {"GET",
                collection(ns, of) + "/" + name + "/log" + (chance(0.5) ? "?follow=true" : ""),
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

  // Most are tried only; what is really done makes the world move on.
  std::string dry() {
    if (!chance(0.05)) return "?dryRun=All";
    clock.advance(std::chrono::seconds(1));
    return "";
  }
  // Each with a name of its own: a name that is taken is refused before the rest is looked at.
  std::string new_name() { return "n" + std::to_string(++names_) + "-" + hex(16); }

  Request making(const std::string& ns) {
    switch (any_of(5)) {
      case 0: {
        Json made = backup_named(new_name());
        const std::string instance = chance(0.2) ? "typo" : "main";
        made["spec"]["databaseInstances"] = {instance};
        return {"POST",
                collection(ns, "galerabackups") + dry(),
                made.dump(),
                {{"create", "galerabackups", ns, ""}, {"get", "galeras", ns, instance}, kUseStore},
                {ns}};
      }
      case 1:
        return {"POST",
                collection(ns, "galerabackupschedules") + dry(),
                schedule(new_name()).dump(),
                {{"create", "galerabackupschedules", ns, ""},
                 {"create", "galerabackups", ns, ""},
                 {"get", "galeras", ns, "main"},
                 kUseStore},
                {ns}};
      case 2:
        // It acts as who created the schedule: root. Its backup is named by the time.
        clock.advance(std::chrono::seconds(1));
        return {"POST",
                collection(ns, "galerabackupschedules") + "/s0/trigger" + dry(),
                "",
                {{"create", "galerabackupschedules/trigger", ns, "s0"}},
                {ns}};
      case 3: {
        const std::string name = any_backup(ns);
        Request request{"POST",
                        collection(ns, "galerabackups") + "/" + name + "/verify" + dry(),
                        "",
                        {{"create", "galerabackups/verify", ns, name}},
                        {ns}};
        // A comparison shows what the instances hold now, which the backup does not.
        if (chance(0.5)) {
          request.body = R"({"method":"Live"})";
          request.needs.push_back({"get", "galeras", ns, "main"});
        }
        return request;
      }
      default: {
        if (chance(0.5)) {
          const std::string name = deleted_backup(ns);
          return {"POST",
                  collection(ns, "galerabackups") + "/" + name + "/undelete?dryRun=All",
                  "",
                  {{"create", "galerabackups/undelete", ns, name}},
                  {ns}};
        }
        const std::string of = any<std::string>({"galerabackups", "galerarestores"});
        const std::string name = any_object(of, ns);
        return {"POST",
                collection(ns, of) + "/" + name + "/cancel",
                "",
                {{"create", of + "/cancel", ns, name}},
                {ns}};
      }
    }
  }

  // Mostly from another namespace: the answer tells what its backup holds.
  Request restoring(const std::string& ns) {
    const std::string from = any_ns();
    Json spec = {{"sourceNamespace", from}, {"existing", "Replace"}};
    const auto is_run = [](const Json& backup) {
      return backup["metadata"]["labels"].value(jobs::kScheduleLabel, "") == "s0";
    };
    std::string chosen;
    bool from_itself = false;
    switch (any_of(6)) {
      case 0:
        chosen = any_backup(from);
        spec["backup"] = chosen;
        break;
      case 1:
        chosen = newest_whole(from, [](const Json&) { return true; });
        spec["backup"] = "latest";
        break;
      case 2:
        chosen = newest(from, is_run);
        spec["schedule"] = "s0";
        break;
      case 3: {
        const WallTime as_of = born_ + std::chrono::seconds(any_of(100));
        chosen = newest_whole(from, [&](const Json& backup) { return taken_at(backup) <= as_of; });
        spec["asOf"] = to_rfc3339(as_of);
        break;
      }
      case 4:
        // Who follows gets whatever comes: the right to one of them is not enough.
        spec["schedule"] = "s0";
        spec["follow"] = true;
        from_itself = from == ns;  // refused when it is known what is restored to what
        break;
      default:
        return {"POST",
                collection(ns, "galerarestores") + dry(),
                restore_of({{"backup", deleted_backup(from)}, {"sourceNamespace", from}}).dump(),
                {{"create", "galerarestores", ns, ""},
                 {"get", "galerabackups", from, deleted_backup(from)}},
                {ns, from}};
    }
    Request request{"POST",
                    collection(ns, "galerarestores") + dry(),
                    restore_of(spec).dump(),
                    {{"create", "galerarestores", ns, ""}, {"get", "galerabackups", from, chosen}},
                    {ns, from}};
    // Where nothing is chosen, nothing of it is looked at.
    if (!chosen.empty() || spec.contains("follow"))
      request.needs.push_back({"get", "galeras", ns, "main"});
    if (!chosen.empty() || (spec.contains("follow") && !from_itself))
      request.needs.push_back(kUseStore);
    request.publishes = spec.contains("follow") ? newest(from, is_run) : chosen;
    return request;
  }
  Json restore_of(Json spec) {
    return {{"apiVersion", api::kGroupVersion},
            {"kind", "GaleraRestore"},
            {"metadata", {{"name", new_name()}}},
            {"spec", std::move(spec)}};
  }

  Json object_of(const std::string& resource, const std::string& ns, const std::string& name) {
    return (*catalog->get({resource, ns, name}))->dom();
  }

  Request changing(const std::string& ns) {
    const std::string resource = any(kNamespaced);
    const std::string name = any_object(resource, ns);
    const std::string path = collection(ns, resource);
    switch (any_of(6)) {
      case 0:
        return {"PATCH",
                path + "/" + name,
                R"({"metadata":{"annotations":{"touched":")" + hex(4) + "\"}}}",
                {{"patch", resource, ns, name}},
                {ns}};
      case 1:
        return {"PATCH",
                path + "/" + name + dry(),
                resource == "galerabackups"
                    ? R"([{"op":"add","path":"/spec/ttl","value":"72h"}])"
                    : R"([{"op":"add","path":"/metadata/annotations","value":{"touched":"x"}}])",
                {{"patch", resource, ns, name}},
                {ns}};
      case 2: {
        Json put = object_of(resource, ns, name);
        put["metadata"]["annotations"] = {{"touched", hex(4)}};
        return {
            "PUT", path + "/" + name + dry(), put.dump(), {{"update", resource, ns, name}}, {ns}};
      }
      case 3:
        return {"DELETE",
                path + "/" + name + "?dryRun=All",
                "",
                {{"delete", resource, ns, name}},
                {ns}};
      case 4:
        return {"DELETE", path + "?dryRun=All", "", {{"deletecollection", resource, ns, ""}}, {ns}};
      default:
        return changing_schedule(ns);
    }
  }

  // Its runs act as root: who changes what they back up must be allowed to do it.
  Request changing_schedule(const std::string& ns) {
    const std::string path = collection(ns, "galerabackupschedules") + "/s0";
    const std::string instance = chance(0.2) ? "typo" : "main";
    const Json backup_spec = {{"databaseInstances", {instance}}, {"databases", {"d" + hex(4)}}};
    const std::vector<Right> for_template{
        {"create", "galerabackups", ns, ""}, {"get", "galeras", ns, instance}, kUseStore};
    Request request{
        "PATCH", path + dry(), "", {{"patch", "galerabackupschedules", ns, "s0"}}, {ns}};
    const auto put = [&](const Json& object) {
      request.method = "PUT";
      request.needs.front().verb = "update";
      request.body = object.dump();
    };
    Json changed = object_of(api::kSchedules, ns, "s0");
    switch (any_of(5)) {
      case 0:
        request.body = R"({"spec":{"suspend":true}})";
        return request;
      case 1:
        changed["spec"]["suspend"] = chance(0.5);
        put(changed);
        return request;
      case 2:
        request.body = Json{{"spec", {{"template", {{"spec", backup_spec}}}}}}.dump();
        break;
      case 3:
        request.body =
            Json::array(
                {{{"op", "replace"}, {"path", "/spec/template/spec"}, {"value", backup_spec}}})
                .dump();
        break;
      default:
        changed["spec"]["template"]["spec"] = backup_spec;
        put(changed);
    }
    request.needs.insert(request.needs.end(), for_template.begin(), for_template.end());
    return request;
  }

  // The labels that tell where a backup or a restore comes from are nobody's to write: who could
  // would have another's schedule keep, remove or restore what it did not make.
  Request forging(const std::string& ns) {
    const std::string label =
        "backup.rhoso.io/" + any<std::string>({"schedule", "safety-of", "follow"});
    const std::string backups = collection(ns, "galerabackups");
    const std::string name = any_backup(ns);
    Request request{"POST", backups + dry(), "", {{"create", "galerabackups", ns, ""}}, {ns}};
    request.is_invalid = true;
    switch (any_of(6)) {
      case 0: {
        Json made = backup_named(new_name());
        made["metadata"]["labels"][label] = "s0";
        request.body = made.dump();
        return request;
      }
      case 1: {
        Json made = restore_of({{"backup", name}});
        made["metadata"]["labels"][label] = "s0";
        request.target = collection(ns, "galerarestores") + dry();
        request.needs.front().resource = "galerarestores";
        request.body = made.dump();
        return request;
      }
      case 2: {
        Json made = schedule(new_name());
        made["spec"]["template"]["metadata"]["labels"][label] = "other";
        request.target = collection(ns, "galerabackupschedules") + dry();
        request.needs.front().resource = "galerabackupschedules";
        request.body = made.dump();
        return request;
      }
      case 3: {
        Json put = object_of(api::kBackups, ns, name);
        put["metadata"]["labels"][label] = "s0";
        request.method = "PUT";
        request.target = backups + "/" + name + dry();
        request.needs = {{"update", "galerabackups", ns, name}};
        request.body = put.dump();
        return request;
      }
      case 4:
        request.target = backups + "/" + name + dry();
        request.needs = {{"patch", "galerabackups", ns, name}};
        request.body = Json{{"metadata", {{"labels", {{label, "s0"}}}}}}.dump();
        break;
      default: {
        const std::string run = run_of_schedule_[ns];
        request.target = backups + "/" + run + dry();
        request.needs = {{"patch", "galerabackups", ns, run}};
        request.body = Json{{"metadata", {{"labels", {{jobs::kScheduleLabel, nullptr}}}}}}.dump();
      }
    }
    request.method = "PATCH";
    return request;
  }

  Request any_request() {
    const std::string ns = any_ns();
    const double kind = std::uniform_real_distribution<double>(0, 1)(random_);
    if (kind < 0.50) return reading(ns);
    if (kind < 0.62) return making(ns);
    if (kind < 0.76) return restoring(ns);
    if (kind < 0.93) return changing(ns);
    if (kind < 0.96) return forging(ns);
    if (kind < 0.98) return {"GET", "/metrics", "", {{"get", "/metrics", "", ""}}, {}};
    return reading_stores();
  }
  Request reading_stores() {
    const std::string path = kRoot + "/galerabackupstores";
    switch (any_of(3)) {
      case 0:
        return {"GET", path, "", {{"list", "galerabackupstores", "", ""}}, {}};
      case 1:
        return {"GET", path + "/default", "", {{"get", "galerabackupstores", "", "default"}}, {}};
      default:
        return {"GET",
                path + "/default/status",
                "",
                {{"get", "galerabackupstores/status", "", "default"}},
                {}};
    }
  }

  std::int64_t lacking(const std::string& user, const Request& request) const {
    return std::ranges::count_if(request.needs,
                                 [&](const Right& right) { return !book_.has(user, right); });
  }
  // Anybody; or who lacks none of the rights for it, or only one: what takes many rights would
  // hardly ever be done else, or refused for the want of each of them.
  std::string user_for(const Request& request) {
    const int wanted = any_of(3);
    const int first = any_of(kUsers);
    for (int i = 0; i < kUsers && wanted < 2; ++i)
      if (const std::string user = user_name((first + i) % kUsers);
          lacking(user, request) == wanted)
        return user;
    return user_name(first);
  }

  std::string described(const std::string& user, const Request& request, const Reply& reply) {
    return "seed " + std::to_string(seed_) + ": " + user + " " + request.method + " " +
           request.target + "\n" + request.body + "\n→ " + std::to_string(reply.status) + " " +
           reply.body.substr(0, 2000);
  }

  // Everything that a reply says: its body, a stream to its end, and its headers.
  static std::string text_of(const Reply& reply) {
    std::string text = reply.body;
    if (reply.stream != nullptr) {
      Lines lines(reply.stream);
      for (std::string line = lines.next(); !line.empty(); line = lines.next()) text += line + "\n";
    }
    for (const auto& [name, value] : reply.headers.fields()) text += name + ": " + value + "\n";
    return text;
  }

  // Sends one random request; what is wrong with the answer, "" when nothing is.
  std::string wrong_with_one() {
    const Request request = any_request();
    const std::string user = user_for(request);
    const bool may = lacking(user, request) == 0;
    const Reply reply = as(user, request.method, request.target, request.body, any(kAccepts));
    const auto told = [&](const std::string& what) {
      return what + ": " + described(user, request, reply);
    };
    refused_ += may ? 0 : 1;
    if (may && reply.status == 403) return told("a wrong refusal");
    if (!may && reply.status != 403) return told("not refused");
    if (may && request.is_invalid && reply.status != 422) return told("not invalid");
    if (reply.status >= 500) return told("broken");
    const std::string leak =
        request.shows_all && may
            ? ""
            : leak_in(text_of(reply), may ? request.shows : std::set<std::string>(),
                      request.target + " " + request.body);
    if (!leak.empty()) return told("shows " + leak);
    if (request.method != "GET" && reply.status < 300 &&
        request.target.find("dryRun") == std::string::npos)
      for (const std::string& ns : request.shows) {
        settle(ns);
        learn(ns);
        // The object and the log of a restore name the backup that its creator was allowed to take.
        if (!request.publishes.empty()) hide(request.publishes, ns);
      }
    if (reply.status == 201 && request.shows.size() > 1) ++restored_;
    return {};
  }

  // A random watch of a random user; what is wrong with its beginning.
  std::string wrong_with_watch() {
    const std::string user = any_user();
    const std::string resource = chance(0.2) ? "galerabackupstores" : any(kNamespaced);
    const bool everywhere = resource == "galerabackupstores" || chance(0.2);
    const std::string ns = everywhere ? "" : any_ns();
    const std::string target = (everywhere ? kRoot + "/" + resource : collection(ns, resource)) +
                               "?watch=1&resourceVersion=0";
    std::string accept;
    do accept = any(kAccepts);
    while (accept == "application/yaml");  // which no watch speaks
    Reply reply = as(user, "GET", target, "", accept);
    const bool may = book_.has(user, {"watch", resource, ns, ""});
    if (reply.status != (may ? 200 : 403))
      return "watch: " + user + " " + target + " → " + std::to_string(reply.status);
    if (!may) return {};
    std::set<std::string> shows{ns};
    if (everywhere)
      for (int n = 0; n < kNamespaces; ++n) shows.insert(ns_name(n));
    watchers_.push_back({std::move(reply.stream), std::move(shows), user + " " + target});
    return {};
  }

  // The first thing that is wrong in so many requests.
  std::string wrong_in(std::uint64_t requests) {
    for (std::uint64_t i = 0; i < requests; ++i) {
      if (i % (requests / 80 + 1) == 0)
        if (std::string wrong = wrong_with_watch(); !wrong.empty()) return wrong;
      if (std::string wrong = wrong_with_one(); !wrong.empty()) return wrong;
    }
    for (const Watcher& watcher : watchers_) {
      for (auto frames = watcher.stream->take(std::size_t{1} << 22); !frames.empty();
           frames = watcher.stream->take(std::size_t{1} << 22))
        for (const auto& frame : frames) {
          ++events_;
          if (const std::string leak = leak_in(*frame, watcher.shows); !leak.empty())
            return watcher.what + " shows " + leak;
        }
      watcher.stream->gone();
    }
    return {};
  }

  static std::uint64_t requests() { return from_environment("GB_TENANCY_REQUESTS", 20000); }

  struct Watcher {
    std::shared_ptr<http::FrameQueue> stream;
    std::set<std::string> shows;
    std::string what;
  };

  const std::vector<std::string> kNamespaced{"galerabackups", "galerarestores",
                                             "galerabackupschedules"};
  const std::vector<std::string> kAccepts{
      "application/json", "application/yaml",
      "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
      "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"};
  std::vector<Watcher> watchers_;
  std::uint64_t refused_ = 0;
  std::uint64_t events_ = 0;    // of the watches
  std::uint64_t restored_ = 0;  // from another namespace, dry or not
  int names_ = 0;
};

TEST_F(Tenancy, RandomRequestsShowWhatTheyMayAndRefuseWhatTheyMust) {
  ASSERT_EQ(wrong_in(requests()), "");
  EXPECT_GT(refused_, requests() / 5) << "a test that refuses nobody proves nothing";
  EXPECT_LT(refused_, requests() * 4 / 5);
  EXPECT_GT(events_, 0U);
  EXPECT_GT(restored_, requests() / 1000) << "from the backups of others, too";
}

// A check that the server forgot, or makes without need.
struct Wrong {
  bool allows;
  std::string verb;
  std::string resource;
  bool only_of_all = false;  // where it asks for all names at once

  friend void PrintTo(const Wrong& wrong, std::ostream* out) {
    *out << (wrong.allows ? "allows " : "refuses ") << wrong.verb << " " << wrong.resource
         << (wrong.only_of_all ? " of all names" : "");
  }
};

class ServerThatIsWrong : public Tenancy, public testing::WithParamInterface<Wrong> {};

TEST_P(ServerThatIsWrong, IsFoundOut) {
  const Wrong wrong = GetParam();
  mistake_ = [&](const Right& right) -> std::optional<bool> {
    if (right.verb != wrong.verb || right.resource != wrong.resource) return std::nullopt;
    if (wrong.only_of_all && !right.name.empty()) return std::nullopt;
    return wrong.allows;
  };
  EXPECT_NE(wrong_in(requests()), "");
}

// Every verb of every resource and subresource that there is, so that none is left out that comes
// new; what a spec names; and checks that are made without need.
std::vector<Wrong> every_wrong() {
  std::vector<Wrong> all{{true, "get", "galerabackups", true}, {true, "get", "galeras"},
                         {true, "use", "galerabackupstores"},  {true, "get", "/metrics"},
                         {false, "get", "galerabackups"},      {false, "get", "galeras"},
                         {false, "use", "galerabackupstores"}, {false, "create", "galerabackups"}};
  for (const api::ResourceType& type : api::resources()) {
    for (const std::string& verb : type.verbs) all.push_back({true, verb, type.plural});
    for (const api::Subresource& sub : type.subresources)
      for (const std::string& verb : sub.verbs)
        all.push_back({true, verb, type.plural + "/" + sub.name});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, ServerThatIsWrong, testing::ValuesIn(every_wrong()));

// Which stores there are is nobody's to know who may use none.
TEST_F(Tenancy, AStoreThatMayNotBeUsedIsForbiddenWhetherItIsThereOrNot) {
  const std::string ns = ns_name(0);
  book_.give("mallory", {"create", "galerabackups", ns, ""});
  book_.give("mallory", {"create", "galerabackupschedules", ns, ""});
  book_.give("mallory", {"get", "galeras", ns, ""});
  const auto ask_for = [&](const std::string& called) {
    Json made = backup_named("x");
    made["spec"]["store"] = called;
    Json regular = schedule("x");
    regular["spec"]["template"]["spec"]["store"] = called;
    const Reply reply =
        as("mallory", "POST", collection(ns, "galerabackups") + "?dryRun=All", made.dump());
    EXPECT_EQ(as("mallory", "POST", collection(ns, "galerabackupschedules") + "?dryRun=All",
                 regular.dump())
                  .status,
              reply.status);
    return reply;
  };
  for (const char* called : {"default", "tape"}) {
    const Reply refused = ask_for(called);
    EXPECT_EQ(refused.status, 403) << refused.body;
    EXPECT_THAT(refused.message(), testing::HasSubstr("galerabackupstores.backup.rhoso.io \"" +
                                                      std::string(called) + "\" is forbidden"));
    EXPECT_THAT(refused.message(), testing::Not(testing::HasSubstr("use one of")));
  }
  book_.give("mallory", {"use", "galerabackupstores", "", "tape"});
  EXPECT_EQ(ask_for("tape").status, 422) << "who may use what is not there is told what there is";
  EXPECT_EQ(ask_for("default").status, 403);
}

// What is looked for in answers is found in those that hold it, and what was said is no leak.
TEST_F(Tenancy, AnAnswerThatShowsWhatItMayNotIsFoundOut) {
  const std::string ns = ns_name(0);
  const std::string name = any_backup(ns);
  const Reply list = as("root", "GET", collection(ns, "galerabackups"), "");
  EXPECT_NE(leak_in(list.body, {}), "");
  EXPECT_NE(leak_in(list.body, {ns_name(1)}), "");
  EXPECT_EQ(leak_in(list.body, {ns}), "");
  const Reply log = as("root", "GET", collection(ns, "galerabackups") + "/" + name + "/log", "");
  EXPECT_NE(leak_in(log.body, {}), "");
  const std::string quoted = "galerabackups \"" + name + "\" is forbidden";
  EXPECT_EQ(leak_in(quoted, {ns_name(1)}), name + " of " + ns);
  EXPECT_EQ(leak_in(quoted, {}, "GET /" + name), "");
}

}  // namespace
}  // namespace gb::handlers::test
