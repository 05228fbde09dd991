#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "storage/log/checkpoint.h"
#include "storage/log/commit.h"
#include "storage/log/sealed_json.h"

namespace gb::storage {
namespace {

api::ObjectPtr object(const std::string& resource, const std::string& ns, const std::string& name,
                      std::uint64_t revision, const std::string& note = "") {
  return api::Object::make(resource, revision,
                           {{"apiVersion", "backup.rhoso.io/v1alpha1"},
                            {"kind", "GaleraBackup"},
                            {"metadata", {{"namespace", ns}, {"name", name}, {"uid", "u-" + name}}},
                            {"spec", {{"note", note}}}})
      .value();
}

Commit sample() {
  Commit commit;
  commit.first = 17;
  commit.id = std::string(32, 'a');
  commit.writer = "replica \"1\"";
  commit.time = WallTime(std::chrono::microseconds(1'700'000'000'123'456));
  commit.previous = sha256(as_bytes("before"));
  commit.mutations.push_back(
      {{"galerabackups", "ns", "one"}, object("galerabackups", "ns", "one", 17)});
  commit.mutations.push_back({{"galerabackups", "ns", "two"}, nullptr});
  return commit;
}

TEST(CommitFormat, ComesBackAsItWasWritten) {
  Commit commit = sample();
  const std::string text = encode(commit);
  const auto read = decode_commit("log/00000000000000000017.json", text);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->first, 17U);
  EXPECT_EQ(read->last(), 18U);
  EXPECT_EQ(read->id, commit.id);
  EXPECT_EQ(read->writer, commit.writer);
  EXPECT_EQ(read->time, commit.time);
  EXPECT_EQ(read->previous, commit.previous);
  EXPECT_EQ(read->digest, commit.digest);
  ASSERT_EQ(read->mutations.size(), 2U);
  EXPECT_EQ(read->mutations[0].object->json(), commit.mutations[0].object->json());
  EXPECT_EQ(read->mutations[1].key, commit.mutations[1].key);
  EXPECT_EQ(read->mutations[1].object, nullptr);
}

TEST(CommitFormat, EveryFlippedBitAndEveryCutIsCorruption) {
  Commit commit = sample();
  const std::string text = encode(commit);
  const std::string key = log_key(17);
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      const auto read = decode_commit(key, flipped);
      ASSERT_FALSE(read) << "byte " << i << " bit " << bit;
      ASSERT_EQ(read.error().code, Code::kCorruption);
      ASSERT_NE(read.error().message.find(key), std::string::npos);
    }
    ASSERT_FALSE(decode_commit(key, text.substr(0, i))) << "cut at " << i;
  }
}

TEST(CommitFormat, ACommitUnderAnotherKeyIsRefused) {
  Commit commit = sample();
  const std::string text = encode(commit);
  EXPECT_EQ(decode_commit(log_key(18), text).error().code, Code::kCorruption);
}

// A whole seal proves who wrote it least of all: what is inside is still not trusted.
TEST(CommitFormat, AWellSealedCommitThatCannotBeIsRefused) {
  const std::string head = R"({"format":1,"first":2,"last":2,"id":"a","writer":"w","time":)"
                           R"("2026-01-01T00:00:00Z","previous":")" +
                           std::string(64, '0') + "\",";
  for (
      const std::string& members :
      {head + R"("mutations":[])", head + R"("mutations":[{}])", head + R"("mutations":7)",
       head + R"("mutations":[{"resource":"r"}])",
       head + R"("mutations":[{"resource":"r","put":3}])",
       head +
           R"("mutations":[{"resource":"r","put":{"metadata":{"name":"x","resourceVersion":"9"}}}])",
       head + R"("mutations":[{"resource":"r","delete":{"name":7}}])",
       head + R"("mutations":[{"resource":"r","delete":{"name":""}}])",
       std::string(R"({"format":1,"first":"2")"), std::string(R"({"format":1)")}) {
    const auto read = decode_commit(log_key(2), seal_json(members));
    ASSERT_FALSE(read) << members;
    EXPECT_EQ(read.error().code, Code::kCorruption) << members;
  }
  EXPECT_EQ(decode_commit(log_key(2), seal_json(R"({"format":2)")).error().code, Code::kInvalid)
      << "a newer format is not damage";
}

TEST(KeyFormat, SortsLikeTheNumbers) {
  EXPECT_EQ(log_key(17), "log/00000000000000000017.json");
  EXPECT_EQ(checkpoint_key(UINT64_MAX), "checkpoint/18446744073709551615.json.zst");
  EXPECT_EQ(revision_of_log_key(log_key(UINT64_MAX)).value(), UINT64_MAX);
  for (const char* key : {"log/17.json", "log/00000000000000000017.json.zst", "log/",
                          "log/0000000000000000001x.json", "log/99999999999999999999.json",
                          "logs/00000000000000000017.json", "log/-0000000000000000017.json"})
    EXPECT_FALSE(revision_of_log_key(key)) << key;
}

Checkpoint sample_checkpoint() {
  Checkpoint checkpoint;
  checkpoint.revision = 30;
  checkpoint.digest = sha256(as_bytes("commit"));
  checkpoint.repository = "id";
  checkpoint.writer = "w";
  checkpoint.objects = {object("galerabackups", "a", "x", 12),
                        object("galerabackups", "b", "a", 30),
                        object("galerarestores", "a", "x", 2)};
  return checkpoint;
}

TEST(CheckpointFormat, ComesBackAsItWasWritten) {
  const Checkpoint checkpoint = sample_checkpoint();
  const auto read = decode_checkpoint(checkpoint_key(30), encode(checkpoint).value());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->revision, 30U);
  EXPECT_EQ(read->digest, checkpoint.digest);
  EXPECT_EQ(read->repository, "id");
  ASSERT_EQ(read->objects.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read->objects[i]->key(), checkpoint.objects[i]->key());
    EXPECT_EQ(read->objects[i]->json(), checkpoint.objects[i]->json());
  }
  Checkpoint empty;
  empty.revision = 1;
  EXPECT_TRUE(decode_checkpoint(checkpoint_key(1), encode(empty).value())->objects.empty());
}

TEST(CheckpointFormat, LargeObjectsCrossEveryBuffer) {
  Checkpoint checkpoint;
  checkpoint.revision = 9;
  for (int i = 0; i < 5; ++i)
    checkpoint.objects.push_back(
        object("galerabackups", "ns", std::to_string(i), 5, std::string(300'000 * i, 'x')));
  const auto read = decode_checkpoint(checkpoint_key(9), encode(checkpoint).value());
  ASSERT_TRUE(read) << read.error().text();
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(read->objects[i]->json(), checkpoint.objects[i]->json());
}

TEST(CheckpointFormat, EveryFlippedBitAndEveryCutIsRefused) {
  const std::string bytes = encode(sample_checkpoint()).value();
  const std::string key = checkpoint_key(30);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      const auto read = decode_checkpoint(key, flipped);
      // A bit of the frame's header may say nothing about the content: then it must be unharmed.
      if (read) {
        ASSERT_EQ(encode(*read).value(), bytes) << "byte " << i << " bit " << bit;
      } else {
        ASSERT_EQ(read.error().code, Code::kCorruption);
      }
    }
    ASSERT_FALSE(decode_checkpoint(key, bytes.substr(0, i))) << "cut at " << i;
  }
  EXPECT_FALSE(decode_checkpoint(key, bytes + "x"));
  EXPECT_FALSE(decode_checkpoint(key, bytes + bytes));
  EXPECT_FALSE(decode_checkpoint(checkpoint_key(31), bytes));
}

}  // namespace
}  // namespace gb::storage
