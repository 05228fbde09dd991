#include <utility>

#include "storage/log/revision_log.h"
#include "storage/log/sealed_json.h"
#include "test/eventually.h"
#include "test/unit/storage/catalog_fixture.h"

namespace gb::storage {
namespace {

// The log under the catalog: one writer's view of it, driven by hand.
class RevisionLogTest : public CatalogTest {
 protected:
  std::unique_ptr<RevisionLog> open_log(const std::string& writer = "w") {
    auto log = RevisionLog::open(store_, clock_, rng_, {writer, false});
    EXPECT_TRUE(log) << log.error().text();
    return std::move(*log);
  }
  static std::vector<Mutation> put_of(const std::string& name, std::uint64_t revision) {
    const auto object = api::Object::make(kBackups, revision, backup("ns", name)).value();
    return {{object->key(), object}};
  }
  static Position origin(RevisionLog& log) {
    const auto state = log.newest_state().value();
    return {state.revision, state.digest};
  }
  void lose_answers(bool happens, std::int64_t times = 1) {
    store_.inject({.calls = {BlobCall::kPutIfAbsent},
                   .keys = "log/*",
                   .times = times,
                   .code = Code::kAmbiguous,
                   .happens = happens});
  }
};

TEST_F(RevisionLogTest, ALostAnswerIsSettledByReadingBack) {
  for (const bool happens : {true, false}) {
    wipe();
    const auto log = open_log();
    lose_answers(happens);
    const auto appended = log->append(origin(*log), put_of("a", 2));
    ASSERT_TRUE(appended) << appended.error().text();
    EXPECT_TRUE(appended->won);
    EXPECT_EQ(log->read_after(origin(*log), 10)->size(), 1U) << "once, not twice";
  }
}

TEST_F(RevisionLogTest, ALostAnswerOfALostRaceIsALostRace) {
  const auto ours = open_log("ours");
  const auto theirs = open_log("theirs");
  const Position at = origin(*ours);
  ASSERT_TRUE(theirs->append(at, put_of("theirs", 2))->won);
  lose_answers(false);
  const auto appended = ours->append(at, put_of("ours", 2));
  ASSERT_TRUE(appended);
  EXPECT_FALSE(appended->won);
  EXPECT_EQ(appended->commit.writer, "theirs");
  EXPECT_EQ(appended->commit.mutations[0].key.name, "theirs");
}

TEST_F(RevisionLogTest, WhatCannotBeSettledIsAmbiguousNeverARefusal) {
  for (const bool happens : {true, false}) {
    wipe();
    store_.clear();
    const auto log = open_log();
    const Position at = origin(*log);
    lose_answers(happens);
    store_.inject({.calls = {BlobCall::kGet}, .keys = "log/*", .times = -1});
    EXPECT_EQ(failure_of(log->append(at, put_of("a", 2))), Code::kAmbiguous);
  }
}

TEST_F(RevisionLogTest, ARefusalOfTheStoreIsPassedOn) {
  const auto log = open_log();
  const Position at = origin(*log);
  for (const Code code : {Code::kUnavailable, Code::kNoSpace, Code::kForbidden}) {
    store_.inject({.calls = {BlobCall::kPutIfAbsent}, .code = code});
    EXPECT_EQ(failure_of(log->append(at, put_of("a", 2))), code);
    store_.clear();
  }
  EXPECT_TRUE(log->read_after(at, 10)->empty());
}

// A writer that slept for longer than the log is kept wakes up and writes to a key that was
// trimmed.
TEST_F(RevisionLogTest, ACommitBehindTheBoundaryIsVoid) {
  const auto log = open_log();
  const Position asleep = origin(*log);
  ASSERT_TRUE(put(memory_, kBoundaryKey, as_bytes(seal_json(R"({"format":1,"revision":500)"))));
  EXPECT_EQ(failure_of(log->append(asleep, put_of("void", 2))), Code::kExpired);
  EXPECT_EQ(failure_of(memory_.get(log_key(2))), Code::kNotFound);
  EXPECT_EQ(failure_of(log->read_after(asleep, 10)), Code::kExpired);
}

TEST_F(RevisionLogTest, ACatalogThatFellBehindSaysSoAndRefusesWrites) {
  const auto catalog = open(store_);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "a")));
  ASSERT_TRUE(put(memory_, kBoundaryKey, as_bytes(seal_json(R"({"format":1,"revision":500)"))));
  EXPECT_EQ(failure_of(catalog->create(kBackups, backup("ns", "b"))), Code::kUnavailable);
  EXPECT_NE(catalog->health().error().message.find("fell behind"), std::string::npos);
  EXPECT_EQ(catalog->list(kBackups, "").objects.size(), 1U) << "reads go on";
}

// Trimming
// -----------------------------------------------------------------------------------------

class TrimTest : public CatalogTest {
 protected:
  static Catalog::Options keeping(std::uint64_t revisions, std::chrono::hours time) {
    Catalog::Options with = options();
    with.history_revisions = revisions;
    with.history_time = time;
    return with;
  }
  void write(LogCatalog& catalog, int count) {
    for (int i = 0; i < count; ++i)
      ASSERT_TRUE(catalog.create(kBackups, backup("ns", std::to_string(next_++))));
  }
  std::size_t count(std::string_view prefix) { return memory_.list(prefix)->size(); }
  int next_ = 0;
};

TEST_F(TrimTest, KeepsTheRevisionsAndTheTimeAskedFor) {
  const auto catalog = open(store_, keeping(10, std::chrono::hours(24)));
  write(*catalog, 30);
  ASSERT_TRUE(catalog->checkpoint());
  write(*catalog, 30);
  ASSERT_TRUE(catalog->checkpoint());
  EXPECT_EQ(count("log/"), 60U) << "nothing is older than a day";
  clock_.advance(std::chrono::hours(25));
  write(*catalog, 5);
  ASSERT_TRUE(catalog->checkpoint());
  EXPECT_EQ(read_boundary(store_).value(), 56U) << "of 66 revisions ten are kept";
  EXPECT_EQ(count("log/"), 10U);
  EXPECT_EQ(count("checkpoint/"), 2U);
  EXPECT_EQ(open(store_)->list(kBackups, "").objects.size(), 65U);
}

TEST_F(TrimTest, NeverTrimsWhatOneDamagedCheckpointWouldLose) {
  const auto catalog = open(store_, keeping(1, std::chrono::hours(0)));
  for (int i = 0; i < 4; ++i) {
    write(*catalog, 10);
    ASSERT_TRUE(catalog->checkpoint());
  }
  ASSERT_TRUE(put(memory_, memory_.list("checkpoint/")->back().key, as_bytes("rubbish")));
  const auto again = open(store_);
  EXPECT_EQ(again->revision(), 41U);
  EXPECT_EQ(again->list(kBackups, "").objects.size(), 40U);
}

TEST_F(TrimTest, AStoreThatFailsAnywhereInItLosesNothing) {
  for (int n = 0;; ++n) {
    wipe();
    store_.clear();
    next_ = 0;
    const auto catalog = open(store_, keeping(3, std::chrono::hours(0)));
    write(*catalog, 10);
    ASSERT_TRUE(catalog->checkpoint());
    write(*catalog, 10);
    const std::uint64_t before = store_.calls();
    store_.inject({.skip = n, .times = -1});
    const bool done = catalog->checkpoint().has_value();
    const std::uint64_t calls = store_.calls() - before;
    store_.clear();
    const auto again = open(store_);
    ASSERT_EQ(again->list(kBackups, "").objects.size(), 20U) << "failing from call " << n;
    ASSERT_EQ(again->revision(), 21U);
    if (done) {
      EXPECT_GT(calls, 5U);
      break;
    }
  }
}

TEST_F(TrimTest, ChecksAndWritesGoOnAfterATrimThatWasCutShort) {
  const auto catalog = open(store_, keeping(3, std::chrono::hours(0)));
  write(*catalog, 10);
  ASSERT_TRUE(catalog->checkpoint());
  write(*catalog, 10);
  store_.inject({.calls = {BlobCall::kRemove}, .skip = 2, .times = 1});
  EXPECT_FALSE(catalog->checkpoint());
  EXPECT_GT(memory_.list("log/")->size(), 10U);
  write(*catalog, 10);
  ASSERT_TRUE(catalog->checkpoint());
  EXPECT_EQ(memory_.list("log/")->front().key, log_key(read_boundary(store_).value() + 1));
}

TEST_F(TrimTest, TheBoundaryNeverGoesBack) {
  const auto wide = open(store_, keeping(20, std::chrono::hours(0)));
  const auto narrow = open(store_, keeping(1, std::chrono::hours(0)));
  write(*narrow, 10);
  ASSERT_TRUE(narrow->checkpoint());
  write(*narrow, 20);
  ASSERT_TRUE(narrow->checkpoint());
  const auto boundary = read_boundary(store_).value();
  EXPECT_EQ(boundary, 11U);
  write(*narrow, 1);
  EXPECT_EQ(failure_of(wide->sync()), Code::kUnavailable) << "it had seen nothing since";
  const auto wide_again = open(store_, keeping(20, std::chrono::hours(0)));
  ASSERT_TRUE(wide_again->create(kBackups, backup("ns", "more")));
  ASSERT_TRUE(wide_again->checkpoint());
  EXPECT_GE(read_boundary(store_).value(), boundary);
}

// One replica reads the boundary and sleeps; another one trims further; the first one wakes up, and
// sets the boundary back.
TEST_F(TrimTest, ABoundaryThatWasSetBackLosesNoWriteOfWhoFellBehindBoth) {
  const auto awake = open(store_, keeping(1, std::chrono::hours(0)));
  write(*awake, 10);
  ASSERT_TRUE(awake->checkpoint());
  write(*awake, 10);
  const auto behind = open(store_);
  const auto reader = open(store_);
  const auto asleep = open(store_, keeping(1, std::chrono::hours(0)));
  bool slept = false;
  store_.set_observer([&](BlobCall call, const std::string& key) {
    if (call != BlobCall::kWriter || key != kBoundaryKey || std::exchange(slept, true)) return;
    for (int i = 0; i < 2; ++i) {
      write(*awake, 10);
      ASSERT_TRUE(awake->checkpoint());
    }
    EXPECT_EQ(read_boundary(store_).value(), 31U);
  });
  ASSERT_TRUE(asleep->checkpoint());
  ASSERT_TRUE(slept);
  EXPECT_EQ(read_boundary(store_).value(), 11U) << "it was set back";

  EXPECT_EQ(failure_of(reader->sync()), Code::kUnavailable);
  const auto lost = behind->create(kBackups, backup("ns", "lost"));
  EXPECT_EQ(failure_of(lost), Code::kAmbiguous) << "nobody would ever read it";
  EXPECT_EQ(failure_of(behind->create(kBackups, backup("ns", "lost"))), Code::kUnavailable);
  EXPECT_NE(behind->health().error().message.find("fell behind"), std::string::npos);
  EXPECT_EQ(failure_of(reader->sync()), Code::kUnavailable) << "what it wrote there is not read";
  write(*awake, 1);
  EXPECT_EQ(open(store_)->list(kBackups, "").objects.size(), 41U);
  ASSERT_TRUE(awake->checkpoint());
  EXPECT_EQ(read_boundary(store_).value(), 41U);
  EXPECT_EQ(memory_.list("log/")->front().key, log_key(42)) << "what it wrote there is gone";
}

// Of a log that stands at its checkpoint nobody has read the last commit.
TEST_F(TrimTest, WhoBeganAtACheckpointAndFellBehindLosesNoWriteEither) {
  const auto awake = open(store_, keeping(1, std::chrono::hours(0)));
  write(*awake, 10);
  ASSERT_TRUE(awake->checkpoint());
  const auto behind = open(store_);
  for (int i = 0; i < 3; ++i) {
    write(*awake, 10);
    ASSERT_TRUE(awake->checkpoint());
  }
  ASSERT_TRUE(put(memory_, kBoundaryKey, as_bytes(seal_json(R"({"format":1,"revision":5)"))));
  EXPECT_EQ(failure_of(behind->create(kBackups, backup("ns", "lost"))), Code::kAmbiguous);
}

TEST_F(TrimTest, ACheckpointIsWrittenByItselfWhenItIsDue) {
  auto with = options();
  with.tail_interval = std::chrono::milliseconds(1);
  with.checkpoint_every = 20;
  const auto catalog = open(store_, with);
  write(*catalog, 25);
  ASSERT_TRUE(eventually([&] { return count("checkpoint/") > 0; }));
  EXPECT_GE(revision_of_checkpoint_key(memory_.list("checkpoint/")->front().key).value(), 21U);
}

// Recovery
// -----------------------------------------------------------------------------------------

class RecoveryTest : public TrimTest {
 protected:
  // 10 objects, a checkpoint, 10 more.
  void fill() {
    const auto catalog = open(store_);
    write(*catalog, 10);
    ASSERT_TRUE(catalog->checkpoint());
    write(*catalog, 10);
  }
  Error refusal() {
    auto opened = LogCatalog::open(borrowed(store_), clock_, rng_, options());
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }
  void expect_corruption_of(const std::string& key) {
    const Error error = refusal();
    EXPECT_EQ(error.code, Code::kCorruption);
    EXPECT_NE(error.message.find(key), std::string::npos) << error.text();
    EXPECT_FALSE(error.hint.empty()) << error.text();
  }
};

TEST_F(RecoveryTest, ReadsTheNewestCheckpointAndTheLogAfterIt) {
  fill();
  ASSERT_TRUE(memory_.remove(log_key(5)));  // behind the checkpoint: not read
  EXPECT_EQ(open(store_)->list(kBackups, "").objects.size(), 20U);
}

TEST_F(RecoveryTest, WithoutAWholeCheckpointReadsTheLogFromItsBeginning) {
  fill();
  ASSERT_TRUE(put(memory_, checkpoint_key(11), as_bytes("rubbish")));
  EXPECT_EQ(open(store_)->list(kBackups, "").objects.size(), 20U);
}

TEST_F(RecoveryTest, NamesTheCommitThatIsDamagedOrMissing) {
  fill();
  const std::string text = memory_.get(log_key(15)).value();
  std::string flipped = text;
  flipped[text.size() / 2] ^= 1;
  ASSERT_TRUE(put(memory_, log_key(15), as_bytes(flipped)));
  expect_corruption_of(log_key(15));
  ASSERT_TRUE(memory_.remove(log_key(15)));
  expect_corruption_of(log_key(15));
  ASSERT_TRUE(put(memory_, log_key(15), as_bytes(text)));
  EXPECT_TRUE(open(store_));
}

TEST_F(RecoveryTest, FindsAHistoryThatWasRewritten) {
  fill();
  auto commit = decode_commit(log_key(15), memory_.get(log_key(15)).value()).value();
  commit.writer = "somebody else";
  ASSERT_TRUE(put(memory_, log_key(15), as_bytes(encode(commit))));
  expect_corruption_of(log_key(16));
}

TEST_F(RecoveryTest, DoesNotMakeANewRepositoryOverAnOldOne) {
  fill();
  ASSERT_TRUE(memory_.remove(kRepositoryKey));
  expect_corruption_of("repository.json");
}

TEST_F(RecoveryTest, RefusesTheCheckpointOfAnotherRepository) {
  fill();
  MemoryBlobStore other;
  const auto catalog = open(other);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "foreign")));
  ASSERT_TRUE(catalog->checkpoint());
  ASSERT_TRUE(put(memory_, checkpoint_key(99), as_bytes(other.get(checkpoint_key(2)).value())));
  const auto again = open(store_);
  EXPECT_EQ(again->list(kBackups, "").objects.size(), 20U);
}

TEST_F(RecoveryTest, ANewerFormatIsRefusedNotGuessed) {
  ASSERT_TRUE(put(memory_, kRepositoryKey, as_bytes(seal_json(R"({"format":2,"id":"x")"))));
  EXPECT_EQ(refusal().code, Code::kInvalid);
  ASSERT_TRUE(put(memory_, kRepositoryKey,
                  as_bytes(seal_json(R"({"format":1,"id":"x","encryption":"aes-256-gcm")"))));
  EXPECT_EQ(refusal().code, Code::kInvalid);
}

TEST_F(RecoveryTest, TwoThatMakeTheRepositoryAtOnceAgreeOnOne) {
  std::vector<std::string> ids(4);
  std::vector<std::thread> threads;
  for (std::string& id : ids) threads.emplace_back([&] { id = open(store_)->repository_id(); });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& id : ids) EXPECT_EQ(id, ids.front());
}

}  // namespace
}  // namespace gb::storage
