// Faults at every call of the store, races of several writers, and random histories against a
// model.
#include <random>
#include <set>
#include <thread>

#include "storage/blob/fs_blob_store.h"
#include "storage/log/check_log.h"
#include "test/unit/storage/catalog_fixture.h"
#include "test/unit/storage/temp_folder.h"

namespace gb::storage {
namespace {

using Model = std::map<std::string, int>;  // name → value, in one namespace

Model model_of(const Catalog& catalog) {
  Model model;
  const Snapshot snapshot = catalog.list(kBackups, "");
  for (const api::ObjectPtr& object : snapshot.objects)
    model[object->key().name] = value_of(object);
  return model;
}

// One step of a history: what it does to the catalog, and to the model when it is acknowledged.
struct Step {
  enum class Kind { kCreate, kUpdate, kRemove, kCreateAndUpdate, kCheckpoint } kind;
  std::string name;
  int value = 0;
  std::string other = {};  // of kCreateAndUpdate: what is updated
};

// Nothing when the step could not apply to the objects as they are.
std::optional<Status> take(LogCatalog& catalog, const Step& step, Model& model) {
  const api::ObjectKey key{kBackups, "ns", step.name};
  const api::ObjectKey other{kBackups, "ns", step.other};
  const auto current = catalog.get(step.kind == Step::Kind::kCreateAndUpdate ? other : key);
  Status outcome;
  switch (step.kind) {
    case Step::Kind::kCheckpoint:
      return catalog.checkpoint();
    case Step::Kind::kCreate: {
      const auto done = catalog.create(kBackups, backup("ns", step.name, step.value));
      if (!done) outcome = fail(done.error());
      break;
    }
    case Step::Kind::kUpdate: {
      if (!current) return std::nullopt;
      const auto done =
          catalog.update(key, (*current)->revision(), backup("ns", step.name, step.value));
      if (!done) outcome = fail(done.error());
      break;
    }
    case Step::Kind::kCreateAndUpdate: {
      if (!current) return std::nullopt;
      const auto done =
          catalog.create_and_update(kBackups, backup("ns", step.name, step.value), other,
                                    (*current)->revision(), backup("ns", step.other, step.value));
      if (!done) outcome = fail(done.error());
      break;
    }
    case Step::Kind::kRemove: {
      if (!current) return std::nullopt;
      const auto done = catalog.remove(key, (*current)->revision());
      if (!done) outcome = fail(done.error());
      break;
    }
  }
  if (outcome || outcome.error().code == Code::kAmbiguous) {
    if (step.kind == Step::Kind::kRemove)
      model.erase(step.name);
    else
      model[step.name] = step.value;
    if (step.kind == Step::Kind::kCreateAndUpdate) model[step.other] = step.value;
  }
  return outcome;
}

std::vector<Step> script() {
  std::vector<Step> steps;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "n" + std::to_string(i);
    steps.push_back({Step::Kind::kCreate, name, i});
    steps.push_back({Step::Kind::kUpdate, name, i + 100});
    steps.push_back({Step::Kind::kCreateAndUpdate, "m" + std::to_string(i), i + 200, name});
    if (i % 2 == 1) steps.push_back({Step::Kind::kRemove, "n" + std::to_string(i - 1)});
    if (i % 2 == 0) steps.push_back({Step::Kind::kCheckpoint, ""});
  }
  return steps;
}

class FaultSweep : public CatalogTest,
                   public testing::WithParamInterface<std::tuple<Code, bool, bool>> {
 protected:
  static Catalog::Options trimming() {
    Catalog::Options with = options();
    with.history_revisions = 3;
    with.history_time = std::chrono::hours(0);
    return with;
  }
};

// The n-th call of the store fails, for every n: as a refusal or as a lost answer, once or from
// then on (a crash). Whatever was acknowledged is there afterwards, and nothing that was refused.
TEST_P(FaultSweep, WhatWasAcknowledgedIsThereAndWhatWasRefusedIsNot) {
  const auto [code, happens, for_good] = GetParam();
  const std::vector<Step> steps = script();
  bool hit = true;
  for (int n = 0; hit; ++n) {
    wipe();
    store_.clear();
    const auto catalog = open(store_, trimming());
    const std::uint64_t before = store_.calls();
    store_.inject({.skip = n, .times = for_good ? -1 : 1, .code = code, .happens = happens});
    Model model;
    for (const Step& step : steps) {
      Model after = model;
      const auto outcome = take(*catalog, step, after);
      if (outcome && !*outcome && (*outcome).error().code == Code::kAmbiguous) {
        // Whether it happened shows when the store answers again: one or the other, nothing else.
        store_.clear();
        ASSERT_TRUE(catalog->sync());
        const Model seen = model_of(*catalog);
        ASSERT_TRUE(seen == model || seen == after) << "fault at call " << n;
        model = seen;
        if (for_good) store_.inject({.times = -1, .code = code, .happens = happens});
        continue;
      }
      model = std::move(after);
      ASSERT_EQ(model_of(*catalog), model) << "fault at call " << n << ", reads from memory";
    }
    hit = store_.calls() - before > static_cast<std::uint64_t>(n);
    store_.clear();
    const auto again = open(store_);
    ASSERT_NE(again, nullptr) << "fault at call " << n;
    ASSERT_EQ(model_of(*again), model) << "fault at call " << n;
    const auto findings = check_log(store_, {});
    ASSERT_TRUE(findings);
    for (const Finding& finding : *findings)
      ASSERT_FALSE(finding.damage) << finding.key << ": " << finding.message;
    // And it goes on from there, in both.
    ASSERT_TRUE(again->create(kBackups, backup("ns", "more", 1)));
    ASSERT_TRUE(catalog->sync());
    ASSERT_EQ(model_of(*catalog), model_of(*again));
  }
}

INSTANTIATE_TEST_SUITE_P(All, FaultSweep,
                         testing::Values(std::tuple(Code::kUnavailable, false, false),
                                         std::tuple(Code::kUnavailable, false, true),
                                         std::tuple(Code::kNoSpace, false, false),
                                         std::tuple(Code::kNoSpace, false, true),
                                         std::tuple(Code::kAmbiguous, true, false),
                                         std::tuple(Code::kAmbiguous, false, false),
                                         std::tuple(Code::kAmbiguous, true, true)),
                         [](const auto& parameter) {
                           return std::string(to_string(std::get<0>(parameter.param))) +
                                  (std::get<1>(parameter.param) ? "Happens" : "") +
                                  (std::get<2>(parameter.param) ? "ForGood" : "Once");
                         });

TEST_F(CatalogTest, ReadsGoOnWhileTheStoreIsDownAndWritesSayWhy) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a", 1)));
  RecordingSink sink;
  const auto subscription = catalog->watch(kBackups, 2, sink).value();
  store_.inject({.times = -1});
  const auto refused = catalog->create(kBackups, backup("ns", "b"));
  ASSERT_EQ(failure_of(refused), Code::kUnavailable);
  EXPECT_TRUE(refused.error().retry_after) << "for Retry-After";
  EXPECT_EQ(failure_of(catalog->remove(key("ns", "a"), 1)), Code::kUnavailable)
      << "a conflict that cannot be proven is not claimed";
  EXPECT_EQ(failure_of(catalog->health()), Code::kUnavailable);
  EXPECT_EQ(value_of(catalog->get(key("ns", "a")).value()), 1);
  EXPECT_EQ(catalog->list(kBackups, "").objects.size(), 1U);
  EXPECT_TRUE(sink.texts().empty());
  store_.clear();
  EXPECT_TRUE(catalog->create(kBackups, backup("ns", "b")));
  EXPECT_TRUE(catalog->health());
}

TEST_F(CatalogTest, AFullStoreRefusesWritesAndTakesThemAgainWhenThereIsRoom) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a", 1)));
  memory_.set_capacity(0);
  EXPECT_EQ(failure_of(catalog->create(kBackups, backup("ns", "b"))), Code::kNoSpace);
  memory_.set_capacity({});
  EXPECT_EQ(text_of(catalog->create(kBackups, backup("ns", "b")).value()), "ns/b=0@3");
}

TEST_F(CatalogTest, ARefusalIsNeverFromAStateThatIsNotTheNewest) {
  const auto one = open(store_);
  const auto two = open(store_);
  ASSERT_TRUE(one->create(kBackups, backup("ns", "a", 1)));
  EXPECT_EQ(text_of(two->update(key("ns", "a"), 2, backup("ns", "a", 2)).value()), "ns/a=2@3")
      << "two had not seen it";
  EXPECT_EQ(failure_of(one->create(kBackups, backup("ns", "a"))), Code::kAlreadyExists);
  EXPECT_EQ(failure_of(one->update(key("ns", "a"), 2, backup("ns", "a", 3))), Code::kConflict);
  ASSERT_TRUE(two->remove(key("ns", "a"), 3));
  EXPECT_TRUE(one->create(kBackups, backup("ns", "a", 9)));
}

// Several catalogs on one store, several threads each.
void race(std::vector<LogCatalog*> catalogs, BlobStore& store, const Clock& clock, Rng& rng) {
  constexpr int kThreads = 3;
  constexpr int kEach = 25;
  ASSERT_TRUE(catalogs[0]->create(kBackups, backup("ns", "count", 0)));
  std::mutex mutex;
  std::map<std::string, std::uint64_t> acknowledged;  // name → revision
  std::atomic<int> taken{0};
  std::vector<std::unique_ptr<RecordingSink>> sinks;
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  std::vector<std::thread> threads;
  for (std::size_t c = 0; c < catalogs.size(); ++c) {
    LogCatalog& catalog = *catalogs[c];
    sinks.push_back(std::make_unique<RecordingSink>());
    subscriptions.push_back(
        catalog.watch(kBackups, catalog.oldest_revision(), *sinks.back()).value());
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, c, t] {
        for (int i = 0; i < kEach; ++i) {
          const std::string name =
              std::to_string(c) + "-" + std::to_string(t) + "-" + std::to_string(i);
          const auto created = catalog.create(kBackups, backup("ns", name, i));
          EXPECT_TRUE(created) << created.error().text();
          if (!created) continue;
          {
            const std::lock_guard lock(mutex);
            acknowledged[name] = (*created)->revision();
          }
          // One name that all want: one gets it.
          if (catalog.create(kBackups, backup("ns", "wanted-" + std::to_string(i)))) ++taken;
          const auto counted = catalog.modify(
              {kBackups, "ns", "count"}, [](const api::Object& object) -> Result<api::Json> {
                api::Json dom = object.dom();
                dom["spec"]["value"] = dom["spec"]["value"].get<int>() + 1;
                return dom;
              });
          EXPECT_TRUE(counted) << counted.error().text();
          if (i % 10 == 9) {
            EXPECT_TRUE(catalog.checkpoint());
          }
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kEach);
  for (LogCatalog* catalog : catalogs) ASSERT_TRUE(catalog->sync());
  const auto fresh = LogCatalog::open(borrowed(store), clock, rng,
                                      [] {
                                        Catalog::Options options;
                                        options.tail_interval = std::chrono::milliseconds(0);
                                        return options;
                                      }())
                         .value();
  const auto all = text_of(fresh->list(kBackups, ""));
  EXPECT_EQ(value_of(fresh->get({kBackups, "ns", "count"}).value()),
            static_cast<int>(catalogs.size()) * kThreads * kEach);
  std::set<std::uint64_t> revisions;
  for (const auto& [name, revision] : acknowledged) {
    EXPECT_TRUE(revisions.insert(revision).second) << "revision " << revision << " twice";
    const auto object = fresh->get({kBackups, "ns", name});
    EXPECT_TRUE(object && (*object)->revision() == revision) << name;
  }
  for (LogCatalog* catalog : catalogs) EXPECT_EQ(text_of(catalog->list(kBackups, "")), all);
  // Every watcher saw the same history, without a gap.
  for (const auto& sink : sinks) {
    std::uint64_t last = 1;
    const auto events = sink->events();
    for (const WatchEvent& event : events) EXPECT_EQ(event.object->revision(), ++last);
    EXPECT_EQ(last, fresh->revision());
  }
  const auto findings = check_log(store, {}).value();
  EXPECT_TRUE(findings.empty()) << findings.front().key << ": " << findings.front().message;
}

TEST_F(CatalogTest, WritersThatRaceInMemoryLoseNothing) {
  const auto one = open(store_);
  const auto two = open(store_);
  const auto three = open(store_);
  race({one.get(), two.get(), three.get()}, memory_, clock_, rng_);
}

TEST_F(CatalogTest, WritersThatRaceOnADirectoryLoseNothing) {
  const TempFolder folder;
  const auto store_one = FsBlobStore::open(folder.path()).value();
  const auto store_two = FsBlobStore::open(folder.path()).value();
  const auto one = open(*store_one);
  const auto two = open(*store_two);
  race({one.get(), two.get()}, *store_one, clock_, rng_);
}

// The same with answers that get lost: nothing acknowledged is missing, nothing is there twice.
TEST_F(CatalogTest, WritersThatRaceWithLostAnswersLoseNothing) {
  FaultyBlobStore other(memory_);
  const auto one = open(store_);
  const auto two = open(other);
  for (FaultyBlobStore* store : {&store_, &other})
    for (int i = 0; i < 20; ++i)
      store->inject({.calls = {BlobCall::kPutIfAbsent},
                     .keys = "log/*",
                     .skip = i * 5,
                     .code = Code::kAmbiguous,
                     .happens = i % 2 == 0});
  race({one.get(), two.get()}, memory_, clock_, rng_);
}

// Random histories of two replicas, with faults, checkpoints and restarts, against the model.
TEST_F(CatalogTest, RandomHistoriesAgreeWithTheModel) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    wipe();
    store_.clear();
    std::mt19937 random(seed);
    const auto pick = [&](unsigned below) { return static_cast<int>(random() % below); };
    auto with = options();
    with.history_revisions = 5 + random() % 30;
    with.history_time = std::chrono::hours(0);
    std::unique_ptr<LogCatalog> replicas[2] = {open(store_, with), open(store_, with)};
    Model model;
    std::map<std::uint64_t, Model> then;
    for (int i = 0; i < 80; ++i) {
      auto& replica = replicas[pick(2)];
      if (pick(10) == 0) replica = open(store_, with);
      // A replica that was outrun by the trims of the other has to be restarted.
      if (!replica->sync()) replica = open(store_, with);
      const Step step{pick(20) == 0 ? Step::Kind::kCheckpoint : static_cast<Step::Kind>(pick(4)),
                      "n" + std::to_string(pick(6)), pick(1000), "n" + std::to_string(pick(6))};
      if (pick(4) == 0)
        store_.inject({.skip = pick(5),
                       .code = pick(2) == 0 ? Code::kAmbiguous : Code::kUnavailable,
                       .happens = false});
      Model after = model;
      const auto outcome = take(*replica, step, after);
      store_.clear();
      ASSERT_TRUE(replica->sync());
      if (outcome && !*outcome && (*outcome).error().code == Code::kAmbiguous) {
        const Model seen = model_of(*replica);
        ASSERT_TRUE(seen == model || seen == after) << "step " << i;
        model = seen;
      } else {
        model = after;
      }
      ASSERT_EQ(model_of(*replica), model) << "step " << i;
      then[replica->revision()] = model;
      for (const auto& [revision, expected] : then) {
        const auto snapshot = replica->list_at(kBackups, "", revision);
        if (revision < replica->oldest_revision()) {
          ASSERT_EQ(failure_of(snapshot), Code::kExpired);
          continue;
        }
        ASSERT_TRUE(snapshot);
        Model seen;
        for (const auto& object : snapshot->objects) seen[object->key().name] = value_of(object);
        ASSERT_EQ(seen, expected) << "step " << i << " as of revision " << revision;
      }
    }
    const auto findings = check_log(store_, {}).value();
    for (const Finding& finding : findings)
      ASSERT_FALSE(finding.damage) << finding.key << ": " << finding.message;
    ASSERT_EQ(model_of(*open(store_)), model);
  }
}

}  // namespace
}  // namespace gb::storage
