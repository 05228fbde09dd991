// gb-datagen: schemas and rows shaped like an OpenStack's, as files for test/harness/load. The same
// options give the same bytes, on every machine.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <thread>
#include <utility>

#include "table.h"

namespace gb::datagen {
namespace {

constexpr const char* kUsage =
    R"(usage: gb-datagen --out DIR [--rows N | --size BYTES] [--seed N] [--day2]

  --out DIR     where the files go: schema.sql, programs.sql, tables.tsv and one SCHEMA.TABLE.tsv a table
  --rows N      at least so many rows in all (default 300000)
  --size BYTES  at least so many bytes of rows instead; k, M and G are understood (powers of 1024)
  --seed N      another data set of the same shape (default 1)
  --day2        also DIR/day2: the changes of one day, 1 % of the rows updated (day2.sql), 3 % appended (*.tsv)
)";

struct Options {
  std::filesystem::path out;
  std::uint64_t rows = 300000, size = 0, seed = 1;
  bool day2 = false;
};

std::uint64_t parse_number(std::string_view name, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  static const std::map<std::string_view, unsigned> kShifts = {
      {"", 0}, {"k", 10}, {"M", 20}, {"G", 30}};
  const auto shift = kShifts.find(unit);
  if (error != std::errc() || shift == kShifts.end() || value == 0) {
    throw std::invalid_argument(std::string(name) +
                                ": not a positive number: " + std::string(text));
  }
  return value << shift->second;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int k = 1; k < argc; ++k) {
    const std::string_view name = argv[k];
    if (name == "--help") {
      std::cout << kUsage;
      std::exit(0);
    }
    if (name == "--day2") {
      options.day2 = true;
      continue;
    }
    if (k + 1 == argc)
      throw std::invalid_argument(std::string(name) + ": unknown, or its value is missing");
    const std::string_view value = argv[++k];
    if (name == "--out")
      options.out = value;
    else if (name == "--rows")
      options.rows = parse_number(name, value);
    else if (name == "--size")
      options.size = parse_number(name, value);
    else if (name == "--seed")
      options.seed = parse_number(name, value);
    else
      throw std::invalid_argument("unknown option " + std::string(name));
  }
  if (options.out.empty()) throw std::invalid_argument("--out is missing");
  return options;
}

// One unit of scale is one instance; everything else follows in the proportions of a cloud that is
// some years old.
DataSet describe(std::uint64_t instances) {
  const auto at_least = [](std::uint64_t floor, std::uint64_t value) {
    return std::max(floor, value);
  };
  Counts counts;
  counts.instances = instances;
  counts.failed_instances = at_least(5, instances / 20);
  counts.projects = at_least(8, instances / 25);
  counts.users = at_least(12, instances / 12);
  counts.hosts = at_least(3, instances / 100);
  counts.networks = at_least(5, instances / 15);
  counts.ports = at_least(20, instances + instances / 8);
  counts.security_groups = at_least(counts.projects, instances / 12);
  counts.volumes = at_least(10, instances / 3);
  counts.images = at_least(6, instances / 30);
  DataSet set;
  add_keystone(set, counts);
  add_nova_api(set, counts);
  add_nova_cell(set, counts, "nova_cell0");
  add_nova_cell(set, counts, "nova_cell1");
  add_neutron(set, counts);
  add_cinder(set, counts);
  add_glance(set, counts);
  add_placement(set, counts);
  return set;
}

std::uint64_t total_rows(const DataSet& set) {
  std::uint64_t rows = 0;
  for (const Table& table : set.tables) rows += table.rows;
  return rows;
}

std::string quoted_name(const Table& table) {
  return "`" + table.schema + "`.`" + table.name + "`";
}

void fill(const Table& table, std::uint64_t seed, std::uint64_t from, std::uint64_t to,
          const auto& take) {
  constexpr std::size_t kBlock = 1 << 20;
  const std::uint64_t identity = hash_name(table.schema + "." + table.name);
  std::string block;
  block.reserve(kBlock + 65536);
  for (std::uint64_t i = from; i < to; ++i) {
    Row row(block, seed, identity, i, table.rows);
    table.fill(row);
    row.end();
    if (block.size() >= kBlock) {
      take(block);
      block.clear();
    }
  }
  take(block);
}

std::uint64_t measure(const DataSet& set, std::uint64_t seed) {
  std::uint64_t bytes = 0;
  for (const Table& table : set.tables) {
    fill(table, seed, 0, table.rows, [&](const std::string& block) { bytes += block.size(); });
  }
  return bytes;
}

// Bytes grow nearly in proportion to the instances: a sample tells how many are needed.
DataSet scaled(const Options& options) {
  constexpr std::uint64_t kSample = 1000;
  const DataSet sample = describe(kSample);
  const std::uint64_t wanted = options.size != 0 ? options.size : options.rows;
  const std::uint64_t have = options.size != 0 ? measure(sample, options.seed) : total_rows(sample);
  std::uint64_t instances = std::max<std::uint64_t>(20, wanted * kSample / have);
  DataSet set = describe(instances);
  while (options.size == 0 && total_rows(set) < wanted) set = describe(++instances);
  return set;
}

class File {
 public:
  explicit File(const std::filesystem::path& path)
      : path_(path), file_(std::fopen(path.c_str(), "wb")) {
    if (file_ == nullptr) fail();
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (file_ != nullptr) std::fclose(file_);
  }
  void write(std::string_view data) {
    if (std::fwrite(data.data(), 1, data.size(), file_) != data.size()) fail();
  }
  void close() {
    if (std::fclose(std::exchange(file_, nullptr)) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw std::runtime_error("cannot write " + path_.string() + ": " + std::strerror(errno));
  }
  std::filesystem::path path_;
  std::FILE* file_;
};

void write_file(const std::filesystem::path& path, std::string_view text) {
  File file(path);
  file.write(text);
  file.close();
}

void write_schema(const DataSet& set, const std::filesystem::path& out) {
  std::string schema = "SET FOREIGN_KEY_CHECKS=0;\n", last, list;
  for (const Table& table : set.tables) {
    if (table.schema != last)
      schema += "CREATE DATABASE `" + table.schema + "` DEFAULT CHARACTER SET utf8mb3;\n";
    last = table.schema;
    schema +=
        "CREATE TABLE " + quoted_name(table) + " (" + table.columns + ") " + table.options + ";\n";
    list += table.schema + "\t" + table.name + "\t" + std::to_string(table.rows) + "\n";
  }
  write_file(out / "schema.sql", schema);
  write_file(out / "tables.tsv", list);
  std::string programs = "DELIMITER $$\n";
  for (const std::string& statement : set.programs) programs += statement + "$$\n";
  write_file(out / "programs.sql", programs);
}

// One row in a hundred, by a hash of its key: spread evenly, the same at every run.
void write_changes(const DataSet& set, const std::filesystem::path& out) {
  std::string sql;
  for (const Table& table : set.tables) {
    if (table.day2_changes.empty()) continue;
    sql += "UPDATE " + quoted_name(table) + " SET " + table.day2_changes +
           " WHERE CRC32(CONCAT(`id`, 'day2')) % 100 = 7;\n";
  }
  write_file(out / "day2.sql", sql);
}

struct Totals {
  std::atomic<std::uint64_t> rows = 0, bytes = 0;
};

void write_rows(const DataSet& set, const Options& options, bool day2, Totals& totals) {
  const std::filesystem::path folder = day2 ? options.out / "day2" : options.out;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::string failure;
  const auto work = [&] {
    try {
      for (std::size_t k = next++; k < set.tables.size() && !failed; k = next++) {
        const Table& table = set.tables[k];
        if (day2 && !table.grows) continue;
        const std::uint64_t from = day2 ? table.rows : 0;
        const std::uint64_t grown = table.rows * 3 / 100 / table.per_parent * table.per_parent;
        const std::uint64_t to = day2 ? table.rows + grown : table.rows;
        File file(folder / (table.schema + "." + table.name + ".tsv"));
        fill(table, options.seed, from, to, [&](const std::string& block) {
          file.write(block);
          totals.bytes += block.size();
        });
        file.close();
        totals.rows += to - from;
      }
    } catch (const std::exception& error) {
      if (!failed.exchange(true)) failure = error.what();
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned k = 0; k < std::max(1U, std::thread::hardware_concurrency()); ++k)
    threads.emplace_back(work);
  threads.clear();  // joins
  if (failed) throw std::runtime_error(failure);
}

void run(const Options& options) {
  std::filesystem::create_directories(options.day2 ? options.out / "day2" : options.out);
  const DataSet set = scaled(options);
  write_schema(set, options.out);
  Totals first, second;
  write_rows(set, options, false, first);
  std::cout << first.rows << " rows, " << first.bytes << " bytes, " << set.tables.size()
            << " tables in " << options.out.string() << "\n";
  if (!options.day2) return;
  write_changes(set, options.out / "day2");
  write_rows(set, options, true, second);
  std::cout << "day 2: " << second.rows << " rows, " << second.bytes << " bytes\n";
}

}  // namespace
}  // namespace gb::datagen

int main(int argc, char** argv) {
  try {
    gb::datagen::run(gb::datagen::parse(argc, argv));
    return 0;
  } catch (const std::invalid_argument& error) {
    std::cerr << "gb-datagen: " << error.what() << "\n" << gb::datagen::kUsage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "gb-datagen: " << error.what() << "\n";
    return 1;
  }
}
