// What every driver of blob_store.h promises, as one suite. A driver gives a Fixture with
//   BlobStore& store();           an empty store
//   BlobStore& again();           the same store opened once more, as another process would
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "storage/blob/blob_store.h"

namespace gb::storage {

inline std::vector<std::string> keys_of(const Result<std::vector<BlobInfo>>& list) {
  std::vector<std::string> keys;
  if (!list) return {"error: " + list.error().text()};
  for (const BlobInfo& blob : *list) keys.push_back(blob.key);
  return keys;
}

template <typename Status>
Code code_of(const Status& status) {
  return status ? Code::kInternal : status.error().code;
}

template <typename Fixture>
class BlobConformance : public testing::Test {
 protected:
  BlobStore& store() { return fixture_.store(); }
  Fixture fixture_;
};

TYPED_TEST_SUITE_P(BlobConformance);

TYPED_TEST_P(BlobConformance, WhatWasPutComesBack) {
  std::string bytes("\0\xff\n", 3);
  bytes += std::string(300'000, 'x');
  ASSERT_TRUE(put(this->store(), "a/b/c.pack", as_bytes(bytes)));
  EXPECT_EQ(this->store().get("a/b/c.pack").value(), bytes);
  EXPECT_EQ(this->fixture_.again().get("a/b/c.pack").value(), bytes);
  ASSERT_TRUE(put(this->store(), "a/b/c.pack", as_bytes("new")));
  EXPECT_EQ(this->store().get("a/b/c.pack").value(), "new");
  ASSERT_TRUE(put(this->store(), "empty", {}));
  EXPECT_EQ(this->store().get("empty").value(), "");
}

TYPED_TEST_P(BlobConformance, ABlobAppearsWholeAtItsCommit) {
  auto writer = this->store().writer("data/ns/1.pack");
  ASSERT_TRUE(writer);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE((*writer)->append(as_bytes(std::string(50'000, 'a'))));
  EXPECT_EQ(code_of(this->store().get("data/ns/1.pack")), Code::kNotFound);
  EXPECT_EQ(keys_of(this->store().list("")), std::vector<std::string>{});
  ASSERT_TRUE((*writer)->commit());
  EXPECT_EQ(this->store().get("data/ns/1.pack")->size(), 5'000'000U);
}

TYPED_TEST_P(BlobConformance, AWriterThatGivesUpLeavesNothing) {
  ASSERT_TRUE(put(this->store(), "k", as_bytes("old")));
  {
    auto writer = this->store().writer("k");
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->append(as_bytes("half of the new")));
  }
  EXPECT_EQ(this->store().get("k").value(), "old");
  EXPECT_EQ(keys_of(this->store().list("")), std::vector<std::string>{"k"});
}

TYPED_TEST_P(BlobConformance, PutIfAbsentNeverReplaces) {
  ASSERT_TRUE(this->store().put_if_absent("log/1", as_bytes("first")));
  EXPECT_EQ(code_of(this->store().put_if_absent("log/1", as_bytes("second"))),
            Code::kAlreadyExists);
  EXPECT_EQ(code_of(this->fixture_.again().put_if_absent("log/1", as_bytes("third"))),
            Code::kAlreadyExists);
  EXPECT_EQ(this->store().get("log/1").value(), "first");
  EXPECT_EQ(keys_of(this->store().list("")), std::vector<std::string>{"log/1"});
}

TYPED_TEST_P(BlobConformance, OfRacingWritersExactlyOneWins) {
  constexpr int kThreads = 8;
  for (int round = 0; round < 20; ++round) {
    const std::string key = "log/" + std::to_string(round);
    std::atomic<int> ready{0};
    std::vector<int> won(kThreads);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        BlobStore& store = i % 2 == 0 ? this->store() : this->fixture_.again();
        ++ready;
        while (ready < kThreads) std::this_thread::yield();
        won[i] = store.put_if_absent(key, as_bytes("writer " + std::to_string(i))) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    int winners = 0;
    for (int i = 0; i < kThreads; ++i) {
      winners += won[i];
      if (won[i] == 0) continue;
      EXPECT_EQ(this->store().get(key).value(), "writer " + std::to_string(i));
    }
    EXPECT_EQ(winners, 1);
  }
}

TYPED_TEST_P(BlobConformance, ReadersSeeOldOrNewWhileABlobIsReplaced) {
  const std::string a(200'000, 'a');
  const std::string b(100'000, 'b');
  ASSERT_TRUE(put(this->store(), "k", as_bytes(a)));
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::thread reader([&] {
    while (!stop) {
      const auto seen = this->store().get("k");
      if (!seen || (*seen != a && *seen != b)) ++torn;
    }
  });
  for (int i = 0; i < 50; ++i) {
    const Status done = put(this->store(), "k", as_bytes(i % 2 == 0 ? b : a));
    EXPECT_TRUE(done);
  }
  stop = true;
  reader.join();
  EXPECT_EQ(torn, 0);
}

TYPED_TEST_P(BlobConformance, RangesAreReadExactly) {
  ASSERT_TRUE(put(this->store(), "k", as_bytes("0123456789")));
  EXPECT_EQ(this->store().get_range("k", 0, 4).value(), "0123");
  EXPECT_EQ(this->store().get_range("k", 8, 2).value(), "89");
  EXPECT_EQ(this->store().get_range("k", 8, 100).value(), "89") << "past the end: what is there";
  EXPECT_EQ(this->store().get_range("k", 10, 1).value(), "");
  EXPECT_EQ(code_of(this->store().get_range("k", 11, 1)), Code::kInvalid);
  EXPECT_EQ(code_of(this->store().get_range("none", 0, 1)), Code::kNotFound);
}

TYPED_TEST_P(BlobConformance, ListsByPrefixInByteOrder) {
  for (const char* key : {"data/ns/u1/0.pack", "data/ns/u1/manifest", "data/ns/u10/0.pack",
                          "data/ns-2/u/0.pack", "data/nsx", "log/2", "log/10", "top"})
    ASSERT_TRUE(put(this->store(), key, as_bytes(key)));
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys_of(this->store().list("")),
            (Keys{"data/ns-2/u/0.pack", "data/ns/u1/0.pack", "data/ns/u1/manifest",
                  "data/ns/u10/0.pack", "data/nsx", "log/10", "log/2", "top"}));
  EXPECT_EQ(keys_of(this->store().list("data/ns/u1")),
            (Keys{"data/ns/u1/0.pack", "data/ns/u1/manifest", "data/ns/u10/0.pack"}));
  EXPECT_EQ(keys_of(this->store().list("data/ns/u1/")),
            (Keys{"data/ns/u1/0.pack", "data/ns/u1/manifest"}));
  EXPECT_EQ(keys_of(this->store().list("data/ns/u1/manifest")), (Keys{"data/ns/u1/manifest"}));
  EXPECT_EQ(keys_of(this->store().list("nothing/here/")), Keys{});
  EXPECT_EQ(this->store().list("log/")->front().size, 6U);
}

TYPED_TEST_P(BlobConformance, RemovingIsForGoodAndTwiceIsFine) {
  for (const char* key : {"data/ns/u/1", "data/ns/u/2", "data/ns/v/1"})
    ASSERT_TRUE(put(this->store(), key, as_bytes("x")));
  ASSERT_TRUE(this->store().remove("data/ns/u/1"));
  ASSERT_TRUE(this->store().remove("data/ns/u/1"));
  ASSERT_TRUE(this->store().remove("never/was"));
  EXPECT_EQ(code_of(this->store().get("data/ns/u/1")), Code::kNotFound);
  const std::vector<std::string> rest{"data/ns/u/2", "data/ns/none", "data/ns/v/1"};
  ASSERT_TRUE(this->store().remove_all(rest));
  EXPECT_EQ(keys_of(this->store().list("")), std::vector<std::string>{});
  ASSERT_TRUE(put(this->store(), "data/ns/u/1", as_bytes("again")));
  EXPECT_EQ(this->fixture_.again().get("data/ns/u/1").value(), "again");
}

// One process removes the last blob of a folder again and again while another writes into it.
TYPED_TEST_P(BlobConformance, WritingAndRemovingSideBySideLosesNothing) {
  std::thread other([&] {
    for (int i = 0; i < 200; ++i)
      EXPECT_TRUE(put(this->fixture_.again(), "data/ns/u/b", as_bytes("b")));
  });
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(this->store().put_if_absent("data/ns/u/a", as_bytes("a")));
    EXPECT_TRUE(this->store().remove("data/ns/u/a"));
    EXPECT_TRUE(this->store().remove("data/ns/u/b"));
  }
  other.join();
  ASSERT_TRUE(put(this->store(), "data/ns/u/c", as_bytes("c")));
  EXPECT_EQ(this->fixture_.again().get("data/ns/u/c").value(), "c");
}

TYPED_TEST_P(BlobConformance, WhatIsNoKeyIsRefusedEverywhere) {
  ASSERT_TRUE(put(this->store(), "a", as_bytes("x")));
  for (const std::string& key :
       {std::string(""), std::string("/a"), std::string("a/"), std::string("a//b"),
        std::string("."), std::string(".."), std::string("../a"), std::string("a/../b"),
        std::string("a/./b"), std::string("a b"), std::string("~tmp/x"), std::string("a\0b", 3),
        std::string("\xc3\xa4"), std::string(201, 'a'), std::string("a\\b")}) {
    EXPECT_EQ(code_of(put(this->store(), key, {})), Code::kInvalid) << key;
    EXPECT_EQ(code_of(this->store().put_if_absent(key, {})), Code::kInvalid) << key;
    EXPECT_EQ(code_of(this->store().get(key)), Code::kInvalid) << key;
    EXPECT_EQ(code_of(this->store().get_range(key, 0, 1)), Code::kInvalid) << key;
    EXPECT_EQ(code_of(this->store().remove(key)), Code::kInvalid) << key;
  }
}

TYPED_TEST_P(BlobConformance, NoKeyIsAFolderOfAnother) {
  ASSERT_TRUE(put(this->store(), "a/b", as_bytes("x")));
  EXPECT_EQ(code_of(put(this->store(), "a", as_bytes("y"))), Code::kInvalid);
  EXPECT_EQ(code_of(put(this->store(), "a/b/c", as_bytes("y"))), Code::kInvalid);
  EXPECT_EQ(code_of(this->store().get("a")), Code::kNotFound);
  EXPECT_EQ(code_of(this->store().get("a/b/c")), Code::kNotFound);
  EXPECT_TRUE(this->store().remove("a"));
  EXPECT_TRUE(this->store().remove("a/b/c"));
  EXPECT_EQ(this->store().get("a/b").value(), "x");
}

REGISTER_TYPED_TEST_SUITE_P(BlobConformance, WhatWasPutComesBack, ABlobAppearsWholeAtItsCommit,
                            AWriterThatGivesUpLeavesNothing, PutIfAbsentNeverReplaces,
                            OfRacingWritersExactlyOneWins, ReadersSeeOldOrNewWhileABlobIsReplaced,
                            RangesAreReadExactly, ListsByPrefixInByteOrder,
                            RemovingIsForGoodAndTwiceIsFine,
                            WritingAndRemovingSideBySideLosesNothing,
                            WhatIsNoKeyIsRefusedEverywhere, NoKeyIsAFolderOfAnother);

}  // namespace gb::storage
