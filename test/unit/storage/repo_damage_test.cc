// Whatever happens to the bytes of a backup, it is found: nobody ever gets other rows than were
// dumped.
#include <algorithm>

#include "storage/repo/repo.h"
#include "test/unit/storage/repo_support.h"

namespace gb::storage {
namespace {

using namespace repo_test;

// Two small backups, the second derived from the first, that use every part of the format.
struct SmallRepository {
  SmallRepository() {
    std::mt19937_64 rng(1);
    tables = {{kNova, make_table(rng, 4, 4, 120)}, {kGlance, make_table(rng, 2, 3, 100)}};
    tables.at(kNova).chunks[1].columns[2] = incompressible(rng, 300);
    EXPECT_TRUE(ok(write_backup(store, "one", tables)));
    tables.at(kNova).chunks[1].columns[2][150] ^= 1;  // stored as a delta
    tables.at(kNova).chunks[3].columns[2] = incompressible(rng, 100);
    EXPECT_TRUE(ok(write_backup(store, "two", tables, open_backup(store, "one"))));
    const auto listed = store.list("data/");
    for (const BlobInfo& blob : *listed) keys.push_back(blob.key);
  }

  void replace(const std::string& key, const std::string& bytes) {
    EXPECT_TRUE(ok(put(store, key, as_bytes(bytes))));
  }

  // The backup "two", which needs every byte but the first one's manifest and what changed, is read
  // whole or refused, and it is refused when `must_fail`.
  testing::AssertionResult found(const std::string& key) {
    bool noticed = false;
    for (const char* uid : {"one", "two"}) {
      const auto reader = BackupReader::open(store, "ns", uid, std::nullopt);
      if (!reader) {
        if (reader.error().message.find(key) == std::string::npos &&
            reader.error().code != Code::kNotFound)
          return testing::AssertionFailure() << "does not name the key: " << reader.error().text();
        noticed = true;
        continue;
      }
      const auto verified = (*reader)->verify(4, {});
      Result<bool> read = true;
      if (std::string_view(uid) == "two") read = read_back(**reader, tables);
      if (read && !*read) return testing::AssertionFailure() << uid << " gave other rows";
      if (!read && verified)
        return testing::AssertionFailure() << "verify is content: " << read.error().text();
      if (verified) continue;
      if (verified.error().code != Code::kCorruption)
        return testing::AssertionFailure() << "not Corruption: " << verified.error().text();
      if (verified.error().text().find(key) == std::string::npos)
        return testing::AssertionFailure() << "does not name the key: " << verified.error().text();
      noticed = true;
    }
    if (!noticed) return testing::AssertionFailure() << "neither opening nor verifying noticed";
    const auto findings = check_repository(store, {.read_data = true}, {});
    if (!findings) return testing::AssertionFailure() << findings.error().text();
    const bool named = std::ranges::any_of(
        *findings, [&](const Finding& each) { return each.damage && each.key == key; });
    if (!named) return testing::AssertionFailure() << "check found no damage in " << key;
    return testing::AssertionSuccess();
  }

  MemoryBlobStore store;
  TestBackup tables;
  std::vector<std::string> keys;
};

TEST(RepoDamage, AFlippedBitInAnyByteIsFound) {
  SmallRepository small;
  for (const std::string& key : small.keys) {
    const std::string whole = *small.store.get(key);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      small.replace(key, damaged);
      ASSERT_TRUE(small.found(key)) << key << ", byte " << i << " of " << whole.size();
    }
    small.replace(key, whole);
  }
  EXPECT_TRUE(holds(small.store, "two", small.tables)) << "the test put everything back";
}

TEST(RepoDamage, ACutAtAnyLengthIsFound) {
  SmallRepository small;
  for (const std::string& key : small.keys) {
    const std::string whole = *small.store.get(key);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      small.replace(key, whole.substr(0, length));
      ASSERT_TRUE(small.found(key)) << key << " cut to " << length << " of " << whole.size();
    }
    small.replace(key, whole + '\0');
    ASSERT_TRUE(small.found(key)) << key << " with a byte more";
    small.replace(key, whole);
  }
}

TEST(RepoDamage, AMissingPackIsNamed) {
  SmallRepository small;
  for (const std::string& key : small.keys) {
    if (!key.ends_with(".pack")) continue;
    const std::string whole = *small.store.get(key);
    ASSERT_TRUE(ok(small.store.remove(key)));
    EXPECT_TRUE(small.found(key));
    const auto reader = open_backup(small.store, "two");
    EXPECT_EQ(reader->verify_structure({}).error().code, Code::kCorruption);
    small.replace(key, whole);
  }
}

TEST(RepoDamage, AnotherBackupsPackUnderTheSameNameIsNotTakenForIt) {
  SmallRepository small;
  small.replace("data/ns/one/0.0.pack", *small.store.get("data/ns/two/0.0.pack"));
  EXPECT_TRUE(small.found("data/ns/one/0.0.pack"));
}

TEST(RepoDamage, AnotherBackupsManifestIsNotTakenForIt) {
  SmallRepository small;
  small.replace("data/ns/one/manifest", *small.store.get("data/ns/two/manifest"));
  EXPECT_TRUE(small.found("data/ns/one/manifest"));
}

TEST(RepoDamage, ADamagedBaseIsNotReliedOn) {
  SmallRepository small;
  const auto base = open_backup(small.store, "two");
  // Bytes of the base that are lost before the dump begins are stored again, not referred to.
  ASSERT_TRUE(ok(small.store.remove("data/ns/one/0.0.pack")));
  ASSERT_TRUE(ok(write_backup(small.store, "three", small.tables, base)));
  EXPECT_TRUE(holds(small.store, "three", small.tables));
  EXPECT_FALSE(base->verify(4, {}));
}

}  // namespace
}  // namespace gb::storage
