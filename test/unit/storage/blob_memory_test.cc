#include "storage/blob/faulty_blob_store.h"
#include "storage/blob/memory_blob_store.h"
#include "test/unit/storage/blob_conformance.h"

namespace gb::storage {
namespace {

struct MemoryFixture {
  BlobStore& store() { return memory; }
  BlobStore& again() { return memory; }
  MemoryBlobStore memory;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, BlobConformance, MemoryFixture);

// A decorator that injects nothing keeps every promise of what it decorates.
struct DecoratedFixture {
  BlobStore& store() { return decorated; }
  BlobStore& again() { return decorated; }
  MemoryBlobStore memory;
  FaultyBlobStore decorated{memory};
};
INSTANTIATE_TYPED_TEST_SUITE_P(Decorated, BlobConformance, DecoratedFixture);

TEST(MemoryBlobStore, RefusesWhatDoesNotFitAndSaysHowMuchIsFree) {
  MemoryBlobStore store(10'000);
  ASSERT_TRUE(put(store, "a", as_bytes(std::string(6'000, 'x'))));
  const Status refused = put(store, "b", as_bytes(std::string(5'000, 'x')));
  ASSERT_EQ(code_of(refused), Code::kNoSpace);
  EXPECT_NE(refused.error().message.find("4000 free"), std::string::npos) << refused.error().text();
  EXPECT_EQ(code_of(store.get("b")), Code::kNotFound);
  EXPECT_EQ(store.free_bytes().value(), 4'000U);
  EXPECT_EQ(store.capacity_bytes().value(), 10'000U);
  EXPECT_EQ(code_of(put(store, "a", as_bytes(std::string(5'000, 'x')))), Code::kNoSpace)
      << "as on a disk, the old blob is there until the new one is";
  ASSERT_TRUE(put(store, "a", as_bytes(std::string(3'000, 'x'))));
  EXPECT_EQ(store.free_bytes().value(), 7'000U);
  ASSERT_TRUE(store.remove("a"));
  EXPECT_EQ(store.free_bytes().value(), 10'000U);
}

TEST(FaultyBlobStore, FailsTheNthMatchingCallOnce) {
  MemoryBlobStore memory;
  FaultyBlobStore store(memory);
  store.inject({.calls = {BlobCall::kPutIfAbsent}, .keys = "log/*", .skip = 1});
  EXPECT_TRUE(store.put_if_absent("log/1", as_bytes("x")));
  EXPECT_TRUE(store.put_if_absent("other", as_bytes("x")));
  EXPECT_EQ(code_of(store.put_if_absent("log/2", as_bytes("x"))), Code::kUnavailable);
  EXPECT_EQ(code_of(memory.get("log/2")), Code::kNotFound);
  EXPECT_TRUE(store.put_if_absent("log/2", as_bytes("x")));
  EXPECT_EQ(store.calls(), 4U);
}

TEST(FaultyBlobStore, LosesAnAnswerOfWhatDidHappen) {
  MemoryBlobStore memory;
  FaultyBlobStore store(memory);
  store.inject({.calls = {BlobCall::kPutIfAbsent}, .code = Code::kAmbiguous, .happens = true});
  EXPECT_EQ(code_of(store.put_if_absent("log/1", as_bytes("x"))), Code::kAmbiguous);
  EXPECT_EQ(memory.get("log/1").value(), "x");
}

TEST(FaultyBlobStore, FailsAfterSoManyBytes) {
  MemoryBlobStore memory;
  FaultyBlobStore store(memory);
  store.inject({.times = -1, .after_bytes = 10, .code = Code::kNoSpace});
  const auto writer = store.writer("k").value();
  EXPECT_TRUE(writer->append(as_bytes("12345678")));
  EXPECT_EQ(code_of(writer->append(as_bytes("9012"))), Code::kNoSpace);
  EXPECT_EQ(code_of(writer->append(as_bytes("x"))), Code::kNoSpace);
  EXPECT_TRUE(store.list("")) << "only appends are counted";
}

TEST(FaultyBlobStore, FailsEverythingFromOnePointOn) {
  MemoryBlobStore memory;
  FaultyBlobStore store(memory);
  store.inject({.skip = 1, .times = -1});
  EXPECT_TRUE(store.list(""));
  EXPECT_FALSE(store.list(""));
  EXPECT_FALSE(store.get("k"));
  store.clear();
  EXPECT_TRUE(store.list(""));
}

}  // namespace
}  // namespace gb::storage
