#include "storage/catalog/catalog.h"

#include <atomic>
#include <thread>

#include "test/eventually.h"
#include "test/unit/storage/catalog_fixture.h"

namespace gb::storage {
namespace {

using Texts = std::vector<std::string>;

TEST_F(CatalogTest, WhatWasCreatedIsThereAfterARestart) {
  std::string id;
  WallTime made;
  {
    const auto catalog = open(store_);
    id = catalog->repository_id();
    made = catalog->repository_created();
    EXPECT_EQ(made, clock_.now());
    const auto created = catalog->create(kBackups, backup("ns", "nightly", 7));
    ASSERT_TRUE(created) << created.error().text();
    EXPECT_EQ(text_of(*created), "ns/nightly=7@2");
    EXPECT_EQ((*created)->dom()["metadata"]["resourceVersion"], "2");
    EXPECT_EQ(catalog->revision(), 2U);
  }
  const auto again = open(store_);
  EXPECT_EQ(again->repository_id(), id);
  EXPECT_EQ(again->repository_created(), made);
  EXPECT_EQ(again->revision(), 2U);
  EXPECT_EQ(text_of(again->get(key("ns", "nightly")).value()), "ns/nightly=7@2");
}

TEST_F(CatalogTest, ANewRepositoryIsEmptyAtRevisionOne) {
  const auto catalog = open(store_);
  EXPECT_EQ(catalog->revision(), 1U) << "0 means something else to a client of Kubernetes";
  EXPECT_EQ(catalog->list(kBackups, "").revision, 1U);
  EXPECT_TRUE(catalog->list(kBackups, "").objects.empty());
}

TEST_F(CatalogTest, CreatesOnceOnly) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a")));
  const auto twice = catalog->create(kBackups, backup("ns", "a"));
  EXPECT_EQ(failure_of(twice), Code::kAlreadyExists);
  EXPECT_TRUE(catalog->create("galerarestores", backup("ns", "a"))) << "another resource";
  EXPECT_TRUE(catalog->create(kBackups, backup("other", "a"))) << "another namespace";
}

TEST_F(CatalogTest, UpdatesOnlyWhatTheCallerHasSeen) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a", 1)));
  ASSERT_TRUE(catalog->update(key("ns", "a"), 2, backup("ns", "a", 2)));
  const auto stale = catalog->update(key("ns", "a"), 2, backup("ns", "a", 3));
  EXPECT_EQ(failure_of(stale), Code::kConflict);
  EXPECT_FALSE(stale.error().hint.empty());
  EXPECT_EQ(text_of(catalog->get(key("ns", "a")).value()), "ns/a=2@3");
  EXPECT_EQ(failure_of(catalog->update(key("ns", "none"), 2, backup("ns", "none"))),
            Code::kNotFound);
}

TEST_F(CatalogTest, AnUpdateThatChangesNothingWritesNothing) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a", 1)));
  EXPECT_EQ(text_of(catalog->update(key("ns", "a"), 2, backup("ns", "a", 1)).value()), "ns/a=1@2");
  EXPECT_EQ(catalog->revision(), 2U);
  const auto same = catalog->modify(key("ns", "a"), [](const api::Object& o) { return o.dom(); });
  EXPECT_EQ((*same)->revision(), 2U);
}

TEST_F(CatalogTest, CreatesTheOneAndUpdatesTheOtherOrNeither) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "schedule", 1)));
  const auto both = catalog->create_and_update(kBackups, backup("ns", "run"), key("ns", "schedule"),
                                               2, backup("ns", "schedule", 2));
  ASSERT_TRUE(both) << both.error().text();
  EXPECT_EQ(text_of(*both), "ns/run=0@3");
  EXPECT_EQ(text_of(catalog->get(key("ns", "schedule")).value()), "ns/schedule=2@4");

  const auto stale = catalog->create_and_update(kBackups, backup("ns", "run2"),
                                                key("ns", "schedule"), 2, backup("ns", "x", 3));
  EXPECT_FALSE(stale);
  EXPECT_EQ(
      failure_of(catalog->create_and_update(kBackups, backup("ns", "run2"), key("ns", "schedule"),
                                            2, backup("ns", "schedule", 3))),
      Code::kConflict);
  EXPECT_EQ(
      failure_of(catalog->create_and_update(kBackups, backup("ns", "run"), key("ns", "schedule"), 4,
                                            backup("ns", "schedule", 3))),
      Code::kAlreadyExists);
  EXPECT_EQ(failure_of(catalog->get(key("ns", "run2"))), Code::kNotFound);
  EXPECT_EQ(text_of(catalog->get(key("ns", "schedule")).value()), "ns/schedule=2@4");
  EXPECT_EQ(catalog->revision(), 4U);
}

TEST_F(CatalogTest, OfManyWhoStartTheSameRunOneDoes) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "schedule", 1)));
  const auto other = open(store_);
  std::atomic<int> won = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&, i] {
        Catalog& mine = i % 2 == 0 ? *catalog : *other;
        if (mine.create_and_update(kBackups, backup("ns", "run" + std::to_string(i)),
                                   key("ns", "schedule"), 2, backup("ns", "schedule", 2 + i)))
          ++won;
      });
  }
  EXPECT_EQ(won, 1);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "last")));
  EXPECT_EQ(catalog->list(kBackups, "").objects.size(), 3U);
}

TEST_F(CatalogTest, RemovesAndSaysAtWhichRevision) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a", 1)));
  EXPECT_EQ(failure_of(catalog->remove(key("ns", "a"), 1)), Code::kConflict);
  EXPECT_EQ(text_of(catalog->remove(key("ns", "a"), 2).value()), "ns/a=1@3");
  EXPECT_EQ(failure_of(catalog->get(key("ns", "a"))), Code::kNotFound);
  EXPECT_EQ(failure_of(catalog->remove(key("ns", "a"), 2)), Code::kNotFound);
  EXPECT_EQ(text_of(catalog->create(kBackups, backup("ns", "a", 2)).value()), "ns/a=2@4");
}

TEST_F(CatalogTest, MalformedMetadataIsRefusedAndNothingIsWritten) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a")));
  EXPECT_EQ(failure_of(catalog->create(kBackups, backup("ns", ""))), Code::kInvalid);
  EXPECT_EQ(failure_of(catalog->create(kBackups, api::Json(7))), Code::kInvalid);
  EXPECT_EQ(failure_of(catalog->create(kBackups, {{"metadata", {{"name", 7}}}})), Code::kInvalid);
  const auto renamed = catalog->update(key("ns", "a"), 2, backup("ns", "b"));
  EXPECT_EQ(failure_of(renamed), Code::kInvalid);
  EXPECT_EQ(catalog->revision(), 2U);
}

TEST_F(CatalogTest, ListsByNamespaceInOrder) {
  const auto catalog = open(store_);
  for (const char* ns : {"b", "a", "ab"})
    for (const char* name : {"y", "x"}) ASSERT_TRUE(catalog->create(kBackups, backup(ns, name)));
  EXPECT_EQ(text_of(catalog->list(kBackups, "")),
            (Texts{"a/x=0@5", "a/y=0@4", "ab/x=0@7", "ab/y=0@6", "b/x=0@3", "b/y=0@2"}));
  EXPECT_EQ(text_of(catalog->list(kBackups, "a")), (Texts{"a/x=0@5", "a/y=0@4"}));
  EXPECT_EQ(text_of(catalog->list(kBackups, "none")), Texts{});
  EXPECT_EQ(catalog->list("unknown", "").revision, 7U);
}

TEST_F(CatalogTest, ModifyGetsThroughAgainstOthers) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "count", 0)));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 25; ++n) {
        const auto done =
            catalog->modify(key("ns", "count"), [](const api::Object& o) -> Result<api::Json> {
              api::Json dom = o.dom();
              dom["spec"]["value"] = dom["spec"]["value"].get<int>() + 1;
              return dom;
            });
        EXPECT_TRUE(done) << done.error().text();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(value_of(catalog->get(key("ns", "count")).value()), 100);
}

TEST_F(CatalogTest, AnErrorOfTheChangeEndsModify) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a")));
  const auto refused = catalog->modify(key("ns", "a"), [](const api::Object&) -> Result<api::Json> {
    return fail(Code::kExhausted, "enough");
  });
  EXPECT_EQ(failure_of(refused), Code::kExhausted);
}

TEST_F(CatalogTest, ListsAsItWasAtEachRevisionOfTheHistory) {
  const auto catalog = open(store_);
  std::map<std::uint64_t, Texts> then{{1, {}}};
  const auto note = [&] { then[catalog->revision()] = text_of(catalog->list(kBackups, "")); };
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a", 1)));
  note();
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "b", 1)));
  note();
  ASSERT_TRUE(catalog->update(key("ns", "a"), 2, backup("ns", "a", 2)));
  note();
  ASSERT_TRUE(catalog->remove(key("ns", "b"), 3));
  note();
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "b", 9)));
  note();
  for (const auto& [revision, texts] : then) {
    const auto snapshot = catalog->list_at(kBackups, "", revision);
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(snapshot->revision, revision);
    EXPECT_EQ(text_of(*snapshot), texts) << "at " << revision;
  }
  EXPECT_EQ(failure_of(catalog->list_at(kBackups, "", 0)), Code::kExpired);
  EXPECT_EQ(failure_of(catalog->list_at(kBackups, "", 99)), Code::kInvalid);
}

TEST_F(CatalogTest, AWatchGetsTheHistoryThenWhatComes) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a", 1)));
  ASSERT_TRUE(catalog->create("galerarestores", backup("ns", "r", 1)));
  ASSERT_TRUE(catalog->update(key("ns", "a"), 2, backup("ns", "a", 2)));
  RecordingSink sink;
  auto subscription = catalog->watch(kBackups, 2, sink);
  ASSERT_TRUE(subscription);
  EXPECT_EQ(sink.texts(), (Texts{"MODIFIED ns/a=2@4"}));
  ASSERT_TRUE(catalog->create(kBackups, backup("other", "b", 3)));
  ASSERT_TRUE(catalog->remove(key("ns", "a"), 4));
  EXPECT_EQ(sink.texts(), (Texts{"MODIFIED ns/a=2@4", "ADDED other/b=3@5", "DELETED ns/a=2@6"}));
  EXPECT_EQ(value_of(sink.events()[0].previous), 1) << "selectors need the old state";
  EXPECT_EQ(sink.events()[1].previous, nullptr);
  EXPECT_EQ(sink.events()[2].previous->revision(), 4U);
  subscription->reset();
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "late")));
  EXPECT_EQ(sink.texts().size(), 3U) << "a subscription that ended is silent";
}

TEST_F(CatalogTest, AWatchFromBeforeTheHistoryIsExpired) {
  auto with = options();
  with.history_revisions = 3;
  const auto catalog = open(store_, with);
  for (int i = 0; i < 6; ++i)
    ASSERT_TRUE(catalog->create(kBackups, backup("ns", std::to_string(i))));
  EXPECT_EQ(catalog->oldest_revision(), 4U);
  RecordingSink sink;
  EXPECT_EQ(failure_of(catalog->watch(kBackups, 3, sink)), Code::kExpired);
  EXPECT_EQ(failure_of(catalog->list_at(kBackups, "", 3)), Code::kExpired);
  ASSERT_TRUE(catalog->watch(kBackups, 4, sink));
  EXPECT_EQ(sink.texts().size(), 3U);
  EXPECT_EQ(catalog->list_at(kBackups, "", 4)->objects.size(), 3U);
}

// Objects may have a megabyte: ten thousand old ones are more than there is.
TEST_F(CatalogTest, TheHistoryIsBoundedInBytesToo) {
  constexpr std::uint64_t kEach = 100000;
  Index index(1000, 10 * kEach);
  std::uint64_t revision = 1;
  index.load(revision, {});
  const auto change = [&](const std::string& name, std::size_t size) {
    api::Json dom = backup("ns", name);
    dom["metadata"]["annotations"] = {{"note", std::string(size, 'x')}};
    Commit commit;
    commit.first = ++revision;
    commit.mutations.push_back(
        {key("ns", name), api::Object::make(kBackups, revision, std::move(dom)).value()});
    ASSERT_TRUE(index.apply(commit));
  };
  for (int i = 0; i < 9; ++i) change(std::to_string(i), kEach);
  EXPECT_EQ(index.oldest_revision(), 1U);
  for (int i = 9; i < 30; ++i) change(std::to_string(i), kEach);
  EXPECT_EQ(index.oldest_revision(), revision - 9) << "nine, with what is around their notes";
  EXPECT_EQ(failure_of(index.events_after(kBackups, revision - 10)), Code::kExpired);
  EXPECT_EQ(failure_of(index.list_at(kBackups, "", revision - 10)), Code::kExpired);
  EXPECT_EQ(index.events_after(kBackups, revision - 9)->size(), 9U);
  EXPECT_EQ(index.list_at(kBackups, "", revision - 9)->objects.size(), 21U);
  // What small changes of large objects leave behind counts as what it is.
  for (int i = 0; i < 20; ++i) change(std::to_string(i), 1);
  EXPECT_EQ(index.oldest_revision(), revision - 9);
  for (int i = 0; i < 100; ++i) change(std::to_string(i), 1);
  const std::uint64_t oldest = index.oldest_revision();
  for (int i = 0; i < 100; ++i) change(std::to_string(i), 1);
  EXPECT_EQ(index.oldest_revision(), oldest) << "there is room for many";
}

TEST_F(CatalogTest, AWatchFromAListMissesNothingAndRepeatsNothing) {
  const auto catalog = open(store_);
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i)
      EXPECT_TRUE(catalog->create(kBackups, backup("ns", std::to_string(i))));
  });
  std::vector<std::unique_ptr<RecordingSink>> sinks;
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  std::vector<Snapshot> snapshots(20);
  for (Snapshot& snapshot : snapshots) {
    sinks.push_back(std::make_unique<RecordingSink>());
    snapshot = catalog->list(kBackups, "ns");
    subscriptions.push_back(catalog->watch(kBackups, snapshot.revision, *sinks.back()).value());
  }
  writer.join();
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    std::set<std::uint64_t> seen;
    for (const auto& object : snapshots[i].objects) seen.insert(object->revision());
    EXPECT_TRUE(seen.empty() || *seen.rbegin() == snapshots[i].revision);
    std::uint64_t last = snapshots[i].revision;
    for (const WatchEvent& event : sinks[i]->events()) {
      EXPECT_EQ(event.object->revision(), last + 1);
      last = event.object->revision();
      seen.insert(last);
    }
    EXPECT_EQ(seen.size(), 300U);
  }
}

// A bookmark at revision() promises that all before it was sent.
TEST_F(CatalogTest, TheRevisionIsShownAfterItsEventsWereGiven) {
  const auto catalog = open(store_);
  struct Checking final : WatchSink {
    void on_event(const WatchEvent& event) override {
      if (catalog->revision() >= event.object->revision()) ++early;
    }
    Catalog* catalog = nullptr;
    int early = 0;
  } sink;
  sink.catalog = catalog.get();
  const auto subscription = catalog->watch(kBackups, 1, sink).value();
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(catalog->create(kBackups, backup("ns", std::to_string(i))));
  EXPECT_EQ(sink.early, 0);
  EXPECT_EQ(catalog->revision(), 6U);
}

TEST_F(CatalogTest, WaitsForARevision) {
  const auto catalog = open(store_);
  std::thread writer([&] { EXPECT_TRUE(catalog->create(kBackups, backup("ns", "a"))); });
  EXPECT_TRUE(catalog->wait_for(2, std::chrono::minutes(1), {}));
  writer.join();
  EXPECT_TRUE(catalog->get(key("ns", "a")));
  EXPECT_EQ(failure_of(catalog->wait_for(3, std::chrono::milliseconds(1), {})), Code::kUnavailable);
  std::stop_source stop;
  std::thread caller([&] {
    EXPECT_EQ(failure_of(catalog->wait_for(3, std::chrono::minutes(5), stop.get_token())),
              Code::kCancelled);
  });
  stop.request_stop();
  caller.join();
}

// The jobs, which share it, end before the catalog does: its threads must not be left without one.
TEST_F(CatalogTest, KeepsItsStoreForAsLongAsItLives) {
  auto store = std::make_shared<MemoryBlobStore>();
  auto with = options();
  with.tail_interval = std::chrono::milliseconds(1);
  auto catalog = *LogCatalog::open(store, clock_, rng_, with);
  const std::weak_ptr<MemoryBlobStore> watched = std::exchange(store, nullptr);
  ASSERT_FALSE(watched.expired());
  EXPECT_TRUE(catalog->create(kBackups, backup("ns", "a")));
  catalog->refresh(std::chrono::minutes(1));
  EXPECT_TRUE(catalog->health());
  catalog.reset();
  EXPECT_TRUE(watched.expired());
}

TEST_F(CatalogTest, AWriteThatThrowsIsAnsweredAndTheNextOneGoesOn) {
  const auto catalog = open(store_);
  store_.set_observer([](BlobCall call, const std::string& key) {
    if (call == BlobCall::kPutIfAbsent && key.starts_with("log/")) throw std::bad_alloc();
  });
  EXPECT_EQ(failure_of(catalog->create(kBackups, backup("ns", "a"))), Code::kAmbiguous);
  store_.set_observer({});
  EXPECT_TRUE(catalog->create(kBackups, backup("ns", "b")));
  EXPECT_EQ(catalog->list(kBackups, "").objects.size(), 1U);
}

TEST_F(CatalogTest, ReadOnlyNeverWrites) {
  auto read_only = options();
  read_only.read_only = true;
  const auto nothing = LogCatalog::open(borrowed(store_), clock_, rng_, read_only);
  EXPECT_EQ(failure_of(nothing), Code::kNotFound);
  EXPECT_TRUE(memory_.list("")->empty());

  const auto writer = open(store_);
  ASSERT_TRUE(writer->create(kBackups, backup("ns", "a", 1)));
  const auto before = memory_.list("")->size();
  const auto reader = open(store_, read_only);
  EXPECT_EQ(failure_of(reader->create(kBackups, backup("ns", "b"))), Code::kForbidden);
  EXPECT_EQ(failure_of(reader->remove(key("ns", "a"), 2)), Code::kForbidden);
  EXPECT_EQ(failure_of(reader->checkpoint()), Code::kForbidden);
  ASSERT_TRUE(writer->update(key("ns", "a"), 2, backup("ns", "a", 2)));
  ASSERT_TRUE(reader->sync());
  EXPECT_EQ(text_of(reader->get(key("ns", "a")).value()), "ns/a=2@3");
  EXPECT_EQ(memory_.list("")->size(), before + 1);
}

// With a thread of its own it sees other writers without being asked.
TEST_F(CatalogTest, TailsOtherWriters) {
  auto tailing = options();
  tailing.tail_interval = std::chrono::milliseconds(1);
  const auto one = open(store_, tailing);
  const auto two = open(store_, tailing);
  RecordingSink sink;
  const auto subscription = two->watch(kBackups, 1, sink).value();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(one->create(kBackups, backup("ns", std::to_string(i))));
  ASSERT_TRUE(two->wait_for(51, std::chrono::minutes(1), {}));
  EXPECT_EQ(sink.texts().size(), 50U);
}

constexpr std::chrono::hours kNever{1};

TEST_F(CatalogTest, ARefreshShowsAtOnceWhatOthersHaveCommitted) {
  auto asked = options();
  asked.tail_interval = kNever;
  const auto one = open(store_, asked);
  const auto two = open(store_, asked);
  for (int i = 0; i < 50; ++i) {
    const std::string name = std::to_string(i);
    const auto& [writer, reader] = i % 2 == 0 ? std::tie(one, two) : std::tie(two, one);
    ASSERT_TRUE(writer->create(kBackups, backup("ns", name)));
    std::vector<std::jthread> readers;
    for (int k = 0; k < 4; ++k)
      readers.emplace_back([&] {
        reader->refresh(kNever);
        EXPECT_TRUE(reader->get(key("ns", name)));
      });
  }
}

TEST_F(CatalogTest, AStoreThatDoesNotAnswerHoldsUpOneReadAndOnlyForAWhile) {
  auto asked = options();
  asked.tail_interval = kNever;
  const auto one = open(memory_, asked);
  const auto two = open(store_, asked);
  std::mutex hangs;
  store_.set_observer([&](BlobCall, const std::string&) { const std::lock_guard lock(hangs); });
  ASSERT_TRUE(one->create(kBackups, backup("ns", "a")));
  {
    const std::lock_guard lock(hangs);
    two->refresh(std::chrono::milliseconds(1));
    two->refresh(kNever);  // what follows does not even try
    EXPECT_FALSE(two->get(key("ns", "a")));
  }
  ASSERT_TRUE(two->wait_for(2, std::chrono::minutes(1), {}));
  ASSERT_TRUE(one->create(kBackups, backup("ns", "b")));
  // As soon as the look that took so long has ended, looks are waited for again.
  EXPECT_TRUE(eventually([&] {
    two->refresh(kNever);
    return two->get(key("ns", "b")).has_value();
  }));
}

TEST_F(CatalogTest, ManyWritersShareCommits) {
  const auto catalog = open(store_);
  // The first commit is held until the others wait behind it.
  std::mutex mutex;
  std::condition_variable changed;
  bool inside = false;
  bool open_gate = false;
  store_.set_observer([&](BlobCall call, const std::string& key) {
    if (call != BlobCall::kPutIfAbsent || key != log_key(2)) return;
    std::unique_lock lock(mutex);
    inside = true;
    changed.notify_all();
    changed.wait(lock, [&] { return open_gate; });
  });
  std::thread first([&] { EXPECT_TRUE(catalog->create(kBackups, backup("ns", "first"))); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside; });
  }
  EXPECT_TRUE(catalog->list(kBackups, "").objects.empty()) << "reads go on, and see nothing yet";
  std::atomic<int> started{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      ++started;
      EXPECT_TRUE(catalog->create(kBackups, backup("ns", std::to_string(i))));
    });
  }
  EXPECT_TRUE(eventually([&] { return started == 8; }));
  {
    const std::lock_guard lock(mutex);
    open_gate = true;
    changed.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
  first.join();
  EXPECT_EQ(catalog->revision(), 10U);
  EXPECT_LE(memory_.list("log/")->size(), 9U);
  EXPECT_EQ(open(store_)->list(kBackups, "").objects.size(), 9U);
}

}  // namespace
}  // namespace gb::storage
