// The rows of a backup come to the digest that a dump computed of what the server sent.
#include "galera/stored_rows.h"

#include <gtest/gtest.h>

#include <map>
#include <new>

#include "galera/column_codec.h"
#include "galera/engine.h"
#include "test/unit/galera/memory_source.h"

namespace gb::galera {
namespace {

class CompareStored : public testing::Test {
 protected:
  CompareStored() {
    model_.schemas.resize(1);
    model_.schemas[0].name = "nova";
    add_table("instances", 5, 1000);
    add_table("nothing", 0, 0);
    add_table("flavors", 1, 3);
  }

  // Encoded as a dump does it, with the digest that it computes on the way.
  void add_table(const std::string& name, int chunks, int rows) {
    Table table;
    table.name = name;
    for (const auto& [column, kind] :
         {std::pair{"id", ValueKind::kSigned}, std::pair{"note", ValueKind::kBytes},
          std::pair{"ratio", ValueKind::kDouble}}) {
      table.columns.emplace_back().name = column;
      table.columns.back().kind = kind;
    }
    table.primary_key = {"id"};
    const std::vector<std::string> names = {"id", "note", "ratio"};
    DigestSum digest;
    for (int c = 0; c < chunks; ++c) {
      ColumnEncoder id(ValueKind::kSigned);
      ColumnEncoder note(ValueKind::kBytes);
      ColumnEncoder ratio(ValueKind::kDouble);
      for (int i = 0; i < rows; ++i) {
        const auto number = static_cast<std::uint64_t>(c * rows + i);
        const std::string text = "row " + std::to_string(number);
        RowEncoding row;
        row.number(ValueKind::kSigned, number);
        id.add_number(number);
        if (i % 3 == 0) {
          row.null();
          note.add_null();
        } else {
          row.bytes(text);
          note.add_bytes(text);
        }
        row.number(ValueKind::kDouble, number * 7);
        ratio.add_number(number * 7);
        digest.add(row.hash(row_seed(names)));
      }
      Chunk chunk{static_cast<std::uint64_t>(rows), {}};
      for (ColumnEncoder* column : {&id, &note, &ratio})
        chunk.columns.emplace_back(as_text(column->encode()));
      source_.chunks[name].push_back(std::move(chunk));
    }
    table.totals = {static_cast<std::uint64_t>(chunks) * static_cast<std::uint64_t>(rows), 0,
                    digest.digest()};
    model_.schemas[0].tables.push_back(std::move(table));
  }

  std::map<std::string, bool> equal(unsigned threads = 3) {
    const auto compared = compare_stored(model_, source_, threads, {});
    EXPECT_TRUE(compared) << (compared ? "" : compared.error().text());
    std::map<std::string, bool> out;
    if (compared)
      for (const TableComparison& each : *compared) out[each.table] = each.equal();
    return out;
  }

  InstanceModel model_;
  MemorySource source_;
};

using Verdicts = std::map<std::string, bool>;

TEST_F(CompareStored, WhatWasStoredAsItWasReadIsEqual) {
  const Verdicts all = {{"flavors", true}, {"instances", true}, {"nothing", true}};
  EXPECT_EQ(equal(1), all);
  EXPECT_EQ(equal(4), all);
}

TEST_F(CompareStored, OneOtherValueIsFoundInItsTable) {
  ColumnEncoder ratio(ValueKind::kDouble);
  for (std::uint64_t i = 0; i < 3; ++i) ratio.add_number(i == 2 ? 0 : i * 7);
  source_.chunks["flavors"][0].columns[2] = as_text(ratio.encode());
  EXPECT_EQ(equal(), (Verdicts{{"flavors", false}, {"instances", true}, {"nothing", true}}));
}

TEST_F(CompareStored, AChunkThatIsGoneOrThereTwiceIsFound) {
  auto& chunks = source_.chunks["instances"];
  chunks.push_back(chunks.front());
  EXPECT_FALSE(equal()["instances"]);
  chunks.erase(chunks.begin(), chunks.begin() + 2);
  EXPECT_FALSE(equal()["instances"]);
}

TEST_F(CompareStored, WhatCannotBeDecodedNamesItsTable) {
  source_.chunks["instances"][3].columns[0].pop_back();
  const auto compared = compare_stored(model_, source_, 2, {});
  ASSERT_FALSE(compared);
  EXPECT_EQ(compared.error().code, Code::kCorruption);
  EXPECT_NE(compared.error().text().find("nova.instances"), std::string::npos);
}

TEST_F(CompareStored, RowsThatWereLeftOutAreNotAskedFor) {
  model_.schemas[0].tables[0].data_excluded = true;
  source_.chunks.erase("instances");
  EXPECT_EQ(equal(), (Verdicts{{"flavors", true}, {"nothing", true}}));
}

// As a library does, or a server without memory: one comparison fails, and not the process.
TEST_F(CompareStored, WhatIsThrownIsAnError) {
  class Throwing final : public DumpSource, public TableSource {
   public:
    Result<std::unique_ptr<TableSource>> table(const std::string&, const std::string&) override {
      return std::make_unique<Throwing>();
    }
    [[nodiscard]] std::size_t chunk_count() const override { return 3; }
    Result<Chunk> chunk(std::size_t /*index*/) override { throw std::bad_alloc(); }
  } source;
  for (const unsigned threads : {1U, 3U}) {
    const auto compared = compare_stored(model_, source, threads, {});
    ASSERT_FALSE(compared);
    EXPECT_EQ(compared.error().code, Code::kInternal);
    EXPECT_NE(compared.error().text().find("table nova."), std::string::npos);
  }
}

TEST_F(CompareStored, AStopEndsIt) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(compare_stored(model_, source_, 2, stop.get_token()).error().code, Code::kCancelled);
}

}  // namespace
}  // namespace gb::galera
