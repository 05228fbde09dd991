// How fast and how small backups are written: an instance of nova's shape in memory, dumped by four
// threads into a directory; then a day of spread changes, a day of few changes, a day of none.
//
//   repo_bench DIRECTORY [CHUNKS]      DIRECTORY is made, and left behind for a look at it
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>
#include <vector>

#include "storage/blob/fs_blob_store.h"
#include "storage/repo/pack_source.h"
#include "storage/repo/repo.h"
#include "test/bench/process_usage.h"

namespace {

using namespace gb;
using namespace gb::storage;

constexpr std::size_t kRows = 1500;  // of a chunk, about 1 MiB
constexpr unsigned kThreads = 4;
const TableId kTable{"openstack", "nova_cell1", "instances"};

struct Chunk {
  std::uint64_t cut = 0;
  std::vector<std::string> columns;
};

template <typename T>
void fixed(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string word(std::mt19937_64& rng, std::size_t length) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < length; ++i) out.push_back(kHex[rng() % 16]);
  return out;
}

// 20 columns: ids, dates, uuids, states, constants, a document.
Chunk make_chunk(std::mt19937_64& rng, std::uint64_t number) {
  Chunk chunk{rng(), std::vector<std::string>(20)};
  auto& c = chunk.columns;
  for (std::size_t i = 0; i < kRows; ++i) {
    const std::uint64_t id = number * kRows + i;
    fixed(c[0], id);
    fixed(c[1], 1700000000000000ULL + id * 1000003);                       // created_at
    fixed(c[2], 1700000000000000ULL + id * 1000003 + rng() % 8000000000);  // updated_at
    fixed(c[3], std::uint64_t{0});                                         // deleted
    c[4] += word(rng, 36);                                                 // uuid
    c[5] += word(rng, 32);                                                 // project
    c[6] += "instance-" + word(rng, 8);
    c[7] += rng() % 50 == 0 ? "error" : "active";
    fixed(c[8], static_cast<std::uint32_t>(1024U << rng() % 6));
    fixed(c[9], static_cast<std::uint16_t>(1U << rng() % 4));
    c[10] += "compute-" + std::to_string(rng() % 200) + ".example.org";
    c[11] += word(rng, 36);
    c[12] += R"({"nova_object.name":"Flavor","nova_object.version":"1.2","vcpus":)" +
             std::to_string(rng() % 64) + R"(,"name":"m1.)" + word(rng, 6) +
             R"(","changes":["extra_specs","description","disabled","is_public"],"id":")" +
             word(rng, 36) + R"("})";
    for (std::size_t j = 13; j < 20; ++j)
      c[j].push_back(static_cast<char>(j == 15 ? rng() % 4 : 0));
    c[16] += word(rng, 200);
  }
  return chunk;
}

template <typename T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().text().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// What a backup added that is not compressed rows.
double metadata(BlobStore& store, const std::string& uid, std::uint64_t added) {
  std::uint64_t rows = 0;
  for (const BlobInfo& blob : must(store.list("data/ns/" + uid + "/"))) {
    if (!blob.key.ends_with(".pack")) continue;
    const repo::Pack pack = must(repo::load_pack(store, blob.key, blob.size));
    for (const auto& each : pack.footer.blobs)
      if (each.kind == repo::BlobKind::kColumn) rows += each.length - repo::kBlobHeader;
  }
  return 100.0 * double(added - rows) / double(added);
}

void dump(BlobStore& store, const char* what, const std::string& uid, const std::string& base_uid,
          const std::vector<Chunk>& chunks) {
  std::shared_ptr<const BackupReader> base;
  if (!base_uid.empty()) base = must(BackupReader::open(store, "ns", base_uid, std::nullopt));
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = cpu_seconds();
  const long before = resident_kib();
  auto writer = must(BackupWriter::create(store, "ns", uid, base));
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back("c" + std::to_string(i));
  auto table = must(writer->table(kTable, names));
  TableTotals totals;
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t i = chunks.size() * t / kThreads; i < chunks.size() * (t + 1) / kThreads;
             ++i) {
          std::vector<Bytes> columns;
          for (const std::string& column : chunks[i].columns) columns.push_back(as_bytes(column));
          must(table->add_chunk(t, chunks[i].cut, kRows, columns));
        }
      });
  }
  const long peak = resident_kib() - before;
  for (const Chunk& chunk : chunks)
    for (const std::string& column : chunk.columns) totals.bytes += column.size();
  totals.rows = chunks.size() * kRows;
  must(table->finish(totals));
  const FinishedBackup done = must(writer->finish({"{}", {}}));
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  const double used = cpu_seconds() - cpu;
  std::printf(
      "%-14s %8.1f MB in %5.2f s (%6.0f MB/s), CPU %5.2f s, memory %3ld MiB, added %9.3f MB, "
      "of it metadata %5.2f %%\n",
      what, double(totals.bytes) / 1e6, wall.count(), double(totals.bytes) / 1e6 / wall.count(),
      used, peak / 1024, double(done.sizes.added) / 1e6, metadata(store, uid, done.sizes.added));
}

void read(BlobStore& store, const std::string& uid) {
  const auto backup = must(BackupReader::open(store, "ns", uid, std::nullopt));
  auto table = must(backup->table(kTable));
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = cpu_seconds();
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t i = t; i < table->chunk_count(); i += kThreads) must(table->chunk(i));
      });
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  std::printf("%-14s %8.1f MB in %5.2f s (%6.0f MB/s), CPU %5.2f s\n", "read back",
              double(table->table().totals.bytes) / 1e6, wall.count(),
              double(table->table().totals.bytes) / 1e6 / wall.count(), cpu_seconds() - cpu);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: repo_bench DIRECTORY [CHUNKS]\n");
    return 2;
  }
  std::filesystem::create_directories(argv[1]);
  const auto store = must(FsBlobStore::open(argv[1]));
  std::mt19937_64 rng(1);
  std::vector<Chunk> chunks(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 600);
  for (std::size_t i = 0; i < chunks.size(); ++i) chunks[i] = make_chunk(rng, i);

  dump(*store, "first", "day0", "", chunks);
  // One row in a hundred is touched: its date and its state.
  for (Chunk& chunk : chunks) {
    for (std::size_t i = 0; i < kRows / 100; ++i) {
      chunk.columns[2][rng() % kRows * 8 + 3] ^= static_cast<char>(1 + rng() % 255);
      chunk.columns[15][rng() % kRows] ^= 1;
    }
  }
  dump(*store, "spread changes", "day1", "day0", chunks);
  // One chunk in fifty, one column of it.
  for (std::size_t i = 0; i < chunks.size(); i += 50) chunks[i].columns[2][80] ^= 1;
  dump(*store, "few changes", "day2", "day1", chunks);
  dump(*store, "no change", "day3", "day2", chunks);
  read(*store, "day3");
  return 0;
}
