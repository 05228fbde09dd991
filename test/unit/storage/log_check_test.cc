#include "storage/log/check_log.h"
#include "storage/log/sealed_json.h"
#include "test/unit/storage/catalog_fixture.h"

namespace gb::storage {
namespace {

class CheckLogTest : public CatalogTest {
 protected:
  // 31 revisions, checkpoints at 11 and 21.
  void SetUp() override {
    const auto catalog = open(store_);
    for (int i = 0; i < 30; ++i) {
      if (i == 10 || i == 20) {
        ASSERT_TRUE(catalog->checkpoint());
      }
      const std::string before = std::to_string(i - 1);
      if (i % 5 == 4) {
        const auto object = catalog->get(key("ns", before)).value();
        ASSERT_TRUE(catalog->remove(key("ns", before), object->revision()));
      } else {
        ASSERT_TRUE(catalog->create(kBackups, backup("ns", std::to_string(i), i)));
      }
    }
  }
  // "damage log/…" or "harmless log/…" of each finding.
  std::vector<std::string> findings() {
    const auto found = check_log(store_, {});
    EXPECT_TRUE(found) << found.error().text();
    std::vector<std::string> texts;
    for (const Finding& finding : found.value_or(std::vector<Finding>{})) {
      texts.push_back((finding.damage ? "damage " : "harmless ") + finding.key);
      EXPECT_FALSE(finding.message.empty());
    }
    return texts;
  }
  using Texts = std::vector<std::string>;
};

TEST_F(CheckLogTest, FindsNothingInAWholeLog) {
  EXPECT_EQ(findings(), Texts{});
}

TEST_F(CheckLogTest, FindsNothingInAnEmptyStoreAndInANewRepository) {
  wipe();
  EXPECT_EQ(findings(), Texts{});
  open(store_);
  EXPECT_EQ(findings(), Texts{});
}

TEST_F(CheckLogTest, FindsNothingInATrimmedLog) {
  auto with = options();
  with.history_revisions = 5;
  with.history_time = std::chrono::hours(0);
  const auto catalog = open(store_, with);
  ASSERT_TRUE(catalog->create(kBackups, backup("ns", "x")));
  ASSERT_TRUE(catalog->checkpoint());
  EXPECT_EQ(read_boundary(store_).value(), 21U);
  EXPECT_EQ(findings(), Texts{});
}

TEST_F(CheckLogTest, AnyFlippedByteOfAnyFileIsNamed) {
  const auto blobs = memory_.list("").value();
  for (const BlobInfo& blob : blobs) {
    const std::string text = memory_.get(blob.key).value();
    for (std::size_t i = 0; i < text.size(); i += 131) {
      std::string flipped = text;
      flipped[i] ^= 0x10;
      ASSERT_TRUE(put(memory_, blob.key, as_bytes(flipped)));
      ASSERT_THAT(findings(), testing::Contains("damage " + blob.key)) << "byte " << i;
    }
    ASSERT_TRUE(put(memory_, blob.key, as_bytes(text)));
  }
}

TEST_F(CheckLogTest, AnyMissingCommitIsNamed) {
  for (std::uint64_t revision = 2; revision < 31; ++revision) {
    const std::string text = memory_.get(log_key(revision)).value();
    ASSERT_TRUE(memory_.remove(log_key(revision)));
    EXPECT_THAT(findings(), testing::Contains("damage " + log_key(revision)));
    ASSERT_TRUE(put(memory_, log_key(revision), as_bytes(text)));
  }
}

TEST_F(CheckLogTest, ALogThatEndsBeforeItsCheckpointIsDamage) {
  for (std::uint64_t revision = 16; revision <= 31; ++revision)
    ASSERT_TRUE(memory_.remove(log_key(revision)));
  EXPECT_EQ(findings(), Texts{"damage " + checkpoint_key(21)});
}

TEST_F(CheckLogTest, ACheckpointThatSaysOtherwiseThanTheLogIsDamage) {
  const std::string key = checkpoint_key(21);
  Checkpoint checkpoint = decode_checkpoint(key, memory_.get(key).value()).value();
  checkpoint.objects.pop_back();
  ASSERT_TRUE(put(memory_, key, as_bytes(encode(checkpoint).value())));
  EXPECT_EQ(findings(), Texts{"damage " + key});
}

TEST_F(CheckLogTest, ARewrittenCommitIsFoundByTheChain) {
  Commit commit = decode_commit(log_key(15), memory_.get(log_key(15)).value()).value();
  commit.writer = "somebody else";
  ASSERT_TRUE(put(memory_, log_key(15), as_bytes(encode(commit))));
  EXPECT_THAT(findings(), testing::Contains("damage " + log_key(16)));
}

TEST_F(CheckLogTest, ATrimmedLogWithoutItsCheckpointIsDamage) {
  ASSERT_TRUE(put(memory_, kBoundaryKey, as_bytes(seal_json(R"({"format":1,"revision":25)"))));
  for (std::uint64_t revision = 2; revision <= 25; ++revision)
    ASSERT_TRUE(memory_.remove(log_key(revision)));
  EXPECT_EQ(findings(), Texts{"damage checkpoint/"});
}

TEST_F(CheckLogTest, LeftoversAndStrangersAreHarmless) {
  ASSERT_TRUE(put(memory_, kBoundaryKey, as_bytes(seal_json(R"({"format":1,"revision":3)"))));
  ASSERT_TRUE(put(memory_, "log/notes.txt", as_bytes("hello")));
  EXPECT_EQ(findings(),
            (Texts{"harmless log/notes.txt", "harmless " + log_key(2), "harmless " + log_key(3)}));
}

TEST_F(CheckLogTest, AWriterThatTrimsMeanwhileIsNoFinding) {
  auto with = options();
  with.history_revisions = 5;
  with.history_time = std::chrono::hours(0);
  for (std::uint64_t at = 2; at < 31; at += 4) {
    wipe();
    SetUp();
    const auto catalog = open(memory_, with);
    ASSERT_TRUE(catalog->create(kBackups, backup("ns", "x")));
    bool done = false;
    store_.set_observer([&](BlobCall call, const std::string& key) {
      if (done || call != BlobCall::kGet || key != log_key(at)) return;
      done = true;
      EXPECT_TRUE(catalog->checkpoint());
    });
    EXPECT_EQ(findings(), Texts{}) << "trimmed before revision " << at << " was read";
    EXPECT_TRUE(done);
    store_.set_observer({});
  }
}

TEST_F(CheckLogTest, AStoreThatDoesNotAnswerIsAnErrorNotAFinding) {
  store_.inject({.skip = 5, .times = -1});
  EXPECT_EQ(failure_of(check_log(store_, {})), Code::kUnavailable);
  store_.clear();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(failure_of(check_log(store_, stop.get_token())), Code::kCancelled);
}

}  // namespace
}  // namespace gb::storage
