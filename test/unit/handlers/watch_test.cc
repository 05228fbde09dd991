#include <atomic>
#include <future>
#include <thread>

#include "handlers/store_view.h"
#include "test/eventually.h"
#include "test/unit/handlers/world.h"

namespace gb::handlers::test {
namespace {

using testing::HasSubstr;

class Watch : public World {
 protected:
  // A watch that has begun, as kubectl has it.
  std::unique_ptr<Lines> watch(const std::string& query, const std::string& accept = "",
                               const std::string& target = kCollection) {
    const Reply reply = get_as(target + "?watch=true" + (query.empty() ? "" : "&" + query), accept);
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(reply.header("Content-Type"), "application/json");
    EXPECT_NE(reply.stream, nullptr);
    return reply.stream ? std::make_unique<Lines>(reply.stream) : nullptr;
  }
  std::string now() { return std::to_string(catalog->revision()); }
};

TEST_F(Watch, FromAnywhereBeginsWithWhatIsThere) {
  put("a");
  put("b");
  for (const char* query : {"", "resourceVersion=0"}) {
    auto lines = watch(query);
    EXPECT_EQ(lines->brief(), "ADDED openstack/a");
    EXPECT_EQ(lines->brief(), "ADDED openstack/b");
  }
  auto lines = watch("");
  lines->brief();
  lines->brief();
  put("c");
  EXPECT_EQ(lines->brief(), "ADDED openstack/c");
  change("a", [](Json& dom) { dom["metadata"]["labels"]["x"] = "1"; });
  const Json modified = lines->event();
  EXPECT_EQ(modified["type"], "MODIFIED");
  EXPECT_EQ(modified["object"]["metadata"]["resourceVersion"], now());
  erase("b");
  const Json deleted = lines->event();
  EXPECT_EQ(deleted["type"], "DELETED");
  EXPECT_EQ(deleted["object"]["metadata"]["resourceVersion"], now()) << "the deletion's own";
}

TEST_F(Watch, FromARevisionGivesEverythingAfterIt) {
  put("a");
  const std::string from = now();
  put("b");
  erase("a");
  auto lines = watch("resourceVersion=" + from);
  EXPECT_EQ(lines->brief(), "ADDED openstack/b");
  EXPECT_EQ(lines->brief(), "DELETED openstack/a");
  put("c");
  EXPECT_EQ(lines->brief(), "ADDED openstack/c");
}

TEST_F(Watch, FromARevisionBeforeThisProcessBegan) {
  put("a");
  const std::string from = now();
  put("b");
  start();
  EXPECT_EQ(watch("resourceVersion=" + from)->brief(), "ADDED openstack/b");
}

TEST_F(Watch, OfOneNamespaceSeesNoOther) {
  auto lines = watch("");
  put("a", {}, "other");
  put("b");
  EXPECT_EQ(lines->brief(), "ADDED openstack/b");
  auto all = watch("", "", kRoot + "/galerabackups");
  EXPECT_EQ(all->brief(), "ADDED openstack/b");
  EXPECT_EQ(all->brief(), "ADDED other/a");
}

TEST_F(Watch, ABookmarkEndsTheInitialEvents) {
  put("a");
  const std::string wanted =
      "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  for (const std::string& query :
       {wanted, wanted + "&resourceVersion=1", std::string("allowWatchBookmarks=true"),
        std::string("allowWatchBookmarks=true&resourceVersion=0")}) {
    auto lines = watch(query);
    EXPECT_EQ(lines->brief(), "ADDED openstack/a") << query;
    const Json bookmark = lines->event();
    EXPECT_EQ(bookmark["type"], "BOOKMARK") << query;
    EXPECT_EQ(bookmark["object"]["kind"], "GaleraBackup");
    EXPECT_EQ(bookmark["object"]["metadata"]["resourceVersion"], now());
    EXPECT_EQ(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
  }
}

TEST_F(Watch, WithoutInitialEventsNothingIsToldOfThePast) {
  put("a");
  auto lines = watch("sendInitialEvents=false&resourceVersionMatch=NotOlderThan");
  put("b");
  EXPECT_EQ(lines->brief(), "ADDED openstack/b");
}

TEST_F(Watch, OptionsThatDoNotGoTogether) {
  for (const char* query :
       {"sendInitialEvents=true", "sendInitialEvents=true&resourceVersionMatch=Exact",
        "resourceVersion=1&resourceVersionMatch=NotOlderThan"}) {
    const Reply reply = get(kCollection + "?watch=1&" + query);
    EXPECT_EQ(reply.status, 422) << query;
    EXPECT_THAT(reply.message(), HasSubstr("ListOptions.meta.k8s.io \"\" is invalid: ")) << query;
  }
  const Reply bad = get(kCollection + "?watch=1&resourceVersion=abc");
  EXPECT_EQ(bad.status, 500);
  EXPECT_THAT(bad.message(),
              HasSubstr("resourceVersion: Invalid value: \"abc\": strconv.ParseUint: "
                        "parsing \"abc\": invalid syntax"));
  EXPECT_EQ(get_as(kCollection + "?watch=1", "application/yaml").status, 406);
}

TEST_F(Watch, TooOldIsOneErrorEventInA200) {
  storage::Catalog::Options options;
  options.history_revisions = 2;
  start({}, {}, options);
  for (const char* name : {"a", "b", "c", "d", "e"}) put(name);
  start({}, {}, options);  // a hub that has not seen those events itself
  auto lines = watch("resourceVersion=1");
  const Json event = lines->event();
  EXPECT_EQ(event["type"], "ERROR");
  EXPECT_EQ(event["object"]["code"], 410);
  EXPECT_EQ(event["object"]["reason"], "Expired");
  EXPECT_EQ(event["object"]["message"],
            "too old resource version: 1 (" + std::to_string(catalog->oldest_revision()) + ")");
  EXPECT_EQ(lines->brief(), "(end)");
  // A list by watch does not need the history.
  EXPECT_EQ(watch("resourceVersion=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&"
                  "allowWatchBookmarks=true")
                ->brief(),
            "ADDED openstack/a");
}

TEST_F(Watch, SelectorTransitionsBecomeAddedAndDeleted) {
  put("a", {{"tier", "gold"}});
  auto lines = watch("labelSelector=tier%3Dgold");
  EXPECT_EQ(lines->brief(), "ADDED openstack/a");
  change("a", [](Json& dom) { dom["metadata"]["labels"]["tier"] = "tin"; });
  const Json left = lines->event();
  EXPECT_EQ(left["type"], "DELETED");
  EXPECT_EQ(left["object"]["metadata"]["labels"]["tier"], "gold") << "the old labels";
  EXPECT_EQ(left["object"]["metadata"]["resourceVersion"], now()) << "the new revision";
  change("a", [](Json& dom) { dom["metadata"]["labels"]["y"] = "1"; });  // not seen
  change("a", [](Json& dom) { dom["metadata"]["labels"]["tier"] = "gold"; });
  EXPECT_EQ(lines->brief(), "ADDED openstack/a");
  erase("a");
  EXPECT_EQ(lines->brief(), "DELETED openstack/a");
}

TEST_F(Watch, FieldSelectorsFollowTheStatus) {
  put("a");
  auto lines = watch("fieldSelector=status.phase%3DFailed");
  change("a", [](Json& dom) { dom["status"]["phase"] = "Failed"; });
  EXPECT_EQ(lines->brief(), "ADDED openstack/a");
}

TEST_F(Watch, BookmarksComeEachMinuteAndBeforeTheEnd) {
  auto lines = watch("allowWatchBookmarks=true&timeoutSeconds=100");
  EXPECT_EQ(lines->brief(), "BOOKMARK initial-events-end");
  put("elsewhere", {}, "other");
  clock.advance(std::chrono::seconds(60));
  const Json bookmark = lines->event();
  EXPECT_EQ(bookmark["type"], "BOOKMARK");
  EXPECT_EQ(bookmark["object"]["metadata"]["resourceVersion"], now()) << "others' changes count";
  clock.advance(std::chrono::seconds(38));
  EXPECT_EQ(lines->brief(), "BOOKMARK");
  clock.advance(std::chrono::seconds(2));
  EXPECT_EQ(lines->brief(), "(end)");
}

TEST_F(Watch, WithoutAskingThereAreNoBookmarks) {
  auto lines = watch("timeoutSeconds=100");
  clock.advance(std::chrono::seconds(100));
  EXPECT_EQ(lines->brief(), "(end)");
}

TEST_F(Watch, EndsBetweenHalfAnHourAndAnHourByItself) {
  auto lines = watch("allowWatchBookmarks=true");
  EXPECT_EQ(lines->brief(), "BOOKMARK initial-events-end");
  clock.advance(std::chrono::seconds(1790));
  EXPECT_EQ(lines->brief(), "BOOKMARK");
  // Each step brings one bookmark, or the end.
  std::chrono::seconds lasted{1790};
  do {
    ASSERT_LT(lasted, std::chrono::hours(1)) << "it goes on";
    clock.advance(std::chrono::minutes(5));
    lasted += std::chrono::minutes(5);
  } while (lines->brief() != "(end)");
}

TEST_F(Watch, TablesDescribeTheirColumnsOnce) {
  const char* accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  put("a");
  auto lines = watch("", accept);
  const Json first = lines->event();
  EXPECT_EQ(first["object"]["kind"], "Table");
  EXPECT_FALSE(first["object"]["columnDefinitions"].empty());
  EXPECT_EQ(first["object"]["rows"][0]["cells"][0], "a");
  put("b");
  const Json second = lines->event();
  EXPECT_TRUE(second["object"]["columnDefinitions"].is_null());
  EXPECT_EQ(second["object"]["rows"][0]["cells"][0], "b");
}

TEST_F(Watch, TablesOfAnEmptyListDescribeTheirColumnsWithTheFirstEvent) {
  auto lines = watch("", "application/json;as=Table;v=v1;g=meta.k8s.io");
  put("a");
  EXPECT_FALSE(lines->event()["object"]["columnDefinitions"].empty());
}

TEST_F(Watch, MetadataOnly) {
  auto lines = watch("allowWatchBookmarks=1",
                     "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
  EXPECT_EQ(lines->event()["object"]["kind"], "PartialObjectMetadata");
  put("a");
  const Json added = lines->event();
  EXPECT_EQ(added["object"]["kind"], "PartialObjectMetadata");
  EXPECT_EQ(added["object"]["metadata"]["name"], "a");
}

TEST_F(Watch, OneFrameServesEveryWatcherOfAnEvent) {
  const Reply one = get(kCollection + "?watch=1");
  const Reply two = get(kCollection + "?watch=1");
  put("a");
  const auto take = [](const Reply& reply) {
    std::vector<http::FrameQueue::Frame> frames;
    EXPECT_TRUE(eventually([&] {
      frames = reply.stream->take(1 << 20);
      return !frames.empty();
    }));
    return frames.empty() ? nullptr : frames.front();
  };
  const auto first = take(one);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first, take(two));
}

TEST_F(Watch, ASlowReaderIsDroppedWithAnError) {
  const Reply slow = get(kCollection + "?watch=1");
  put("big");
  const std::string filler(1 << 20, 'x');
  for (int i = 0; i < 6; ++i)
    change("big", [&](Json& dom) { dom["status"]["message"] = filler + std::to_string(i); });
  Lines lines(slow.stream);
  ASSERT_TRUE(eventually([&] { return slow.stream->closed(); })) << "it is waited for";
  std::string last;
  for (std::string line = lines.next(); !line.empty(); line = lines.next()) last = line;
  EXPECT_EQ(Json::parse(last)["type"], "ERROR");
  EXPECT_EQ(Json::parse(last)["object"]["code"], 410);
}

TEST_F(Watch, ALargeStateIsNoSlowness) {
  const std::string filler(1 << 20, 'x');
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
    put(name);
    change(name, [&](Json& dom) { dom["status"]["message"] = filler; });
  }
  auto lines = watch("allowWatchBookmarks=true");
  for (const char* name : {"a", "b", "c", "d", "e", "f"})
    EXPECT_EQ(lines->brief(), std::string("ADDED openstack/") + name);
  EXPECT_EQ(lines->brief(), "BOOKMARK initial-events-end");
}

TEST_F(Watch, EndsWhenTheServerStops) {
  auto lines = watch("");
  service->begin_shutdown();
  EXPECT_EQ(lines->brief(), "(end)");
  EXPECT_EQ(watch("")->brief(), "(end)");
}

// Watchers that begin at any moment of a storm of writes see every object exactly once in each of
// its states after the one they began with, in order.
TEST_F(Watch, NoEventIsLostOrToldTwiceWhileWritersWrite) {
  constexpr int kWriters = 3;
  constexpr int kChanges = 60;
  constexpr int kWatchers = 6;
  for (int w = 0; w < kWriters; ++w) put("w" + std::to_string(w));
  std::atomic<int> failures{0};
  {
    std::vector<std::jthread> threads;
    for (int w = 0; w < kWriters; ++w)
      threads.emplace_back([&, w] {
        for (int i = 1; i <= kChanges; ++i)
          change("w" + std::to_string(w), [i](Json& dom) { dom["status"]["step"] = i; });
      });
    for (int r = 0; r < kWatchers; ++r)
      threads.emplace_back([&, r] {
        std::map<std::string, int> seen;
        std::string query = r % 2 == 0 ? "?watch=1" : "?watch=1&resourceVersion=";
        if (r % 2 != 0) {
          const Json list = get(kCollection).json();
          for (const Json& item : list["items"])
            seen[item["metadata"]["name"]] = item["status"].value("step", 0);
          query += list["metadata"]["resourceVersion"].get<std::string>();
        }
        Lines lines(get(kCollection + query).stream);
        std::uint64_t last = 0;
        const auto done = [&] {
          if (seen.size() != kWriters) return false;
          for (const auto& [name, step] : seen)
            if (step != kChanges) return false;
          return true;
        };
        while (!done()) {
          const Json event = lines.event();
          if (event.is_null()) {
            ++failures;
            return;
          }
          const std::string name = event["object"]["metadata"]["name"];
          const int step = event["object"]["status"].value("step", 0);
          const bool first = event["type"] == "ADDED";
          const auto revision =
              std::stoull(event["object"]["metadata"]["resourceVersion"].get<std::string>());
          if (!first && (step != seen[name] + 1 || revision <= last)) ++failures;
          if (!first) last = revision;
          seen[name] = step;
        }
      });
  }
  EXPECT_EQ(failures, 0);
}

class Stores : public World {};

TEST_F(Stores, AreComputedAndReadOnly) {
  const Reply list = get(kRoot + "/galerabackupstores");
  EXPECT_EQ(list.json()["kind"], "GaleraBackupStoreList");
  EXPECT_THAT(names(list), testing::ElementsAre("default"));
  EXPECT_EQ(get(kRoot + "/galerabackupstores/default").json()["status"]["phase"], "Available");
  EXPECT_EQ(get(kRoot + "/galerabackupstores/none").status, 404);
  EXPECT_EQ(ask("PUT", kRoot + "/galerabackupstores/default", "{}").status, 405);
}

TEST_F(Stores, KeepTheirVersionUntilTheyChange) {
  const auto version = [this] {
    return get(kRoot + "/galerabackupstores/default")
        .json()["metadata"]["resourceVersion"]
        .get<std::string>();
  };
  const std::string before = version();
  put("a");  // the catalog's revision moves, the store does not
  EXPECT_EQ(version(), before);
  jobs->set_store("default", "Unavailable");
  EXPECT_NE(version(), before);
}

TEST_F(Stores, CanBeWatched) {
  const Json list = get(kRoot + "/galerabackupstores").json();
  const std::string version = list["metadata"]["resourceVersion"];
  Lines lines(get(kRoot + "/galerabackupstores?watch=1&resourceVersion=" + version).stream);
  jobs->set_store("default", "Unavailable");
  get(kRoot + "/galerabackupstores");  // whoever looks finds the change for all
  const Json changed = lines.event();
  EXPECT_EQ(changed["type"], "MODIFIED");
  EXPECT_EQ(changed["object"]["status"]["phase"], "Unavailable");
  jobs->set_store("offsite", "Available");
  get(kRoot + "/galerabackupstores");
  EXPECT_EQ(lines.brief(), "ADDED /offsite");
  // Who comes back with the old version is told what is now.
  Lines late(get(kRoot + "/galerabackupstores?watch=1&resourceVersion=" + version).stream);
  EXPECT_EQ(late.brief(), "MODIFIED /default");
}

// Nobody knows what an earlier process had, or what has gone since: who resumes there lists again.
TEST_F(Stores, AWatchFromBeforeWhatIsKnownIsExpired) {
  const std::string stores = kRoot + "/galerabackupstores";
  const std::string version = get(stores).json()["metadata"]["resourceVersion"];
  const std::string ages_ago = std::to_string(std::stoull(version) - 3600000000U);
  Lines lost(get(stores + "?watch=1&resourceVersion=" + ages_ago).stream);
  const Json expired = lost.event();
  EXPECT_EQ(expired["type"], "ERROR");
  EXPECT_EQ(expired["object"]["code"], 410);
  EXPECT_EQ(expired["object"]["reason"], "Expired");
  EXPECT_EQ(lost.next(), "");

  Lines lines(get(stores + "?watch=1&resourceVersion=" + version).stream);
  jobs->remove_store("default");
  const std::string after = get(stores).json()["metadata"]["resourceVersion"];
  EXPECT_EQ(lines.brief(), "DELETED /default");
  Lines late(get(stores + "?watch=1&resourceVersion=" + version).stream);
  EXPECT_EQ(late.event()["object"]["code"], 410) << "it was never told of the deletion";
  Lines in_time(get(stores + "?watch=1&resourceVersion=" + after).stream);
  jobs->set_store("default", "Available");
  get(stores);
  EXPECT_EQ(in_time.brief(), "ADDED /default");
}

TEST_F(Stores, ARevisionOfTheFutureIsWaitedFor) {
  const std::string stores = kRoot + "/galerabackupstores";
  const auto at = [&](std::chrono::seconds from_now) {
    return std::to_string((clock.now() + from_now).time_since_epoch().count());
  };
  // What another server gave out a moment ago: what is computed now is not older.
  const std::string theirs = at(std::chrono::seconds(-1));
  clock.advance(std::chrono::seconds(3));
  const Reply reached = get(stores + "?resourceVersion=" + theirs);
  EXPECT_EQ(reached.status, 200);
  EXPECT_GE(std::stoull(reached.json()["metadata"]["resourceVersion"].get<std::string>()),
            std::stoull(theirs));
  const std::string soon = at(std::chrono::seconds(10));
  std::jthread time([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    clock.advance(std::chrono::seconds(20));
  });
  EXPECT_EQ(get(stores + "/default?resourceVersion=" + soon).status, 200);
  time.join();
  const auto begun = std::chrono::steady_clock::now();
  const Reply late = get(stores + "?resourceVersion=" + at(std::chrono::hours(1)));
  EXPECT_EQ(late.status, 504);
  EXPECT_EQ(late.json()["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
}

TEST_F(Stores, AnOlderStateIsNeverToldAfterANewerOne) {
  class Told final : public storage::WatchSink {
   public:
    void on_event(const storage::WatchEvent& event) override {
      phases.push_back(event.object->dom()["status"]["phase"]);
    }
    std::vector<std::string> phases;
  };
  StoreView view(*jobs, clock);
  view.refresh();
  Told told;
  const auto watch = view.watch(view.revision(), told);
  std::atomic<bool> first{true};
  std::promise<void> asked;
  std::promise<void> newer_told;
  jobs->on_stores = [&] {
    if (!first.exchange(false)) return;
    asked.set_value();
    // Long enough for the other one, if nothing holds it back.
    newer_told.get_future().wait_for(std::chrono::milliseconds(300));
  };
  std::jthread slow([&] { view.refresh(); });
  asked.get_future().wait();
  jobs->set_store("default", "Unavailable");
  view.refresh();
  newer_told.set_value();
  slow.join();
  jobs->on_stores = nullptr;
  EXPECT_THAT(told.phases, testing::ElementsAre("Unavailable"));
}

class Logs : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    put("a");
  }
};

TEST_F(Logs, AreText) {
  const Reply reply = get(kCollection + "/a/log");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(reply.body, "one\ntwo\nthree\n");
  EXPECT_EQ(get(kCollection + "/nope/log").status, 404);
}

TEST_F(Logs, TailLines) {
  const auto tail = [this](const std::string& n) {
    return get(kCollection + "/a/log?tailLines=" + n);
  };
  EXPECT_EQ(tail("1").body, "three\n");
  EXPECT_EQ(tail("2").body, "two\nthree\n");
  EXPECT_EQ(tail("9").body, "one\ntwo\nthree\n");
  EXPECT_EQ(tail("0").body, "");
  EXPECT_EQ(tail("-1").status, 400);
  jobs->log_text = "";
  EXPECT_EQ(tail("1").body, "");
}

// Each takes a connection, of which there are not so many.
TEST_F(Logs, AUserHasSoManyWatchesAndFollowedLogsAtOnce) {
  start({.streams_each = 3});
  put("b");
  const std::string watched = kCollection + "?watch=1";
  const std::string followed = kCollection + "/b/log?follow=true";
  std::vector<std::unique_ptr<Lines>> open;
  for (const std::string& target : {watched, followed, watched}) {
    const Reply reply = get(target);
    ASSERT_EQ(reply.status, 200) << reply.body;
    open.push_back(std::make_unique<Lines>(reply.stream));
  }
  for (const std::string& target : {watched, followed}) {
    const Reply refused = get(target);
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.header("Retry-After"), "1");
    EXPECT_EQ(refused.reason(), "TooManyRequests");
    EXPECT_EQ(
        refused.message(),
        "user \"alice\" has 3 watches and followed logs open, and no more may be at once; end "
        "some of them, or wait until they end");
  }
  EXPECT_EQ(get(kCollection + "/b/log").status, 200) << "what ends at once is not counted";
  EXPECT_EQ(get(watched, {{"X-User", "bob"}}).status, 200);
  open.erase(open.begin() + 1);
  EXPECT_EQ(get(followed).status, 200);
}

TEST_F(Logs, CanBeFollowedToTheEnd) {
  const Reply reply = get(kCollection + "/a/log?follow=true&tailLines=1");
  ASSERT_NE(reply.stream, nullptr);
  Lines lines(reply.stream);
  EXPECT_EQ(lines.next(), "three");
  jobs->say("four\n");
  EXPECT_EQ(lines.next(), "four");
  jobs->end_log();
  EXPECT_EQ(lines.next(), "");
}

TEST_F(Logs, AFollowerThatLeavesIsLetGo) {
  {
    const Reply reply = get(kCollection + "/a/log?follow=true");
  }
  jobs->wait_until_reader_left();
  jobs->say("nobody hears this\n");
}

TEST_F(Logs, AFollowerWhoseStoreHangsWhenItLeavesHoldsUpNoWatch) {
  std::promise<void> leaving;
  std::promise<void> store_answers;
  jobs->on_reader_left = [&] {
    leaving.set_value();
    store_answers.get_future().wait();
  };
  Lines watch(
      get(kCollection + "?watch=1&resourceVersion=" + std::to_string(catalog->revision())).stream);
  {
    const Reply reply = get(kCollection + "/a/log?follow=true");
  }
  leaving.get_future().wait();
  put("b");
  auto told = std::async(std::launch::async, [&] { return watch.brief(); });
  EXPECT_EQ(told.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  store_answers.set_value();
  EXPECT_EQ(told.get(), "ADDED openstack/b");
  jobs->wait_until_reader_left();
}

}  // namespace
}  // namespace gb::handlers::test
