// How fast the store recovers and commits. Usage: store_bench <empty directory> [objects] [rounds]
//
// Prints medians. It measures the machine's disk as much as this program: compare runs of one
// machine.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "storage/blob/fs_blob_store.h"
#include "storage/catalog/log_catalog.h"

namespace {

using namespace gb;
using namespace gb::storage;
using Seconds = std::chrono::duration<double>;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return Seconds(std::chrono::steady_clock::now() - begin).count();
}

// What this process spent: on a busy machine it says more than the wall clock.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "store_bench: %s\n", result.error().text().c_str());
  std::exit(1);
}

// Shaped like a finished GaleraBackup: about 2.5 KiB of JSON.
api::Json backup(int i) {
  api::Json conditions = api::Json::array();
  for (const char* type : {"Completed", "Verified", "Ready"})
    conditions.push_back({{"type", type},
                          {"status", "True"},
                          {"reason", "AsPlanned"},
                          {"message", "All tables were read and their digests compared."},
                          {"lastTransitionTime", "2026-01-01T00:00:00Z"}});
  api::Json instances = api::Json::array();
  for (const char* name : {"openstack", "openstack-cell1"})
    instances.push_back({{"name", name},
                         {"donor", "galera-1.svc"},
                         {"gtid", "0-1-" + std::to_string(i * 7919)},
                         {"databases", {"keystone", "nova_api", "nova_cell0", "neutron", "cinder"}},
                         {"rows", i * 31},
                         {"digest", std::string(64, static_cast<char>('a' + i % 6))}});
  return {
      {"apiVersion", "backup.rhoso.io/v1alpha1"},
      {"kind", "GaleraBackup"},
      {"metadata",
       {{"namespace", "tenant-" + std::to_string(i % 50)},
        {"name", "nightly-" + std::to_string(i)},
        {"uid", "00000000-0000-4000-8000-" + std::to_string(100000000000 + i)},
        {"creationTimestamp", "2026-01-01T00:00:00Z"},
        {"labels", {{"app", "openstack"}, {"schedule", "nightly"}}},
        {"annotations", {{"note", std::string(200, 'n')}}}}},
      {"spec", {{"instances", {{{"name", "openstack"}}, {{"name", "openstack-cell1"}}}}}},
      {"status", {{"phase", "Completed"}, {"conditions", conditions}, {"instances", instances}}}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: store_bench <empty directory> [objects] [rounds]\n");
    return 2;
  }
  const int objects = argc > 2 ? std::stoi(argv[2]) : 10'000;
  const int rounds = argc > 3 ? std::stoi(argv[3]) : 5;
  const auto store = must(FsBlobStore::open(std::filesystem::path(argv[1]) / "store"));
  const SystemClock clock;
  SystemRng rng;
  Catalog::Options options;
  options.tail_interval = std::chrono::milliseconds(0);
  auto catalog = must(LogCatalog::open(*store, clock, rng, options));

  // Fills the repository by many writers at once, as a group commit is meant for; checkpointed
  // where a running server has its last checkpoint: 1000 revisions ago.
  constexpr int kWriters = 32;
  const auto fill = [&](int from, int to) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kWriters; ++t)
      threads.emplace_back([&, t] {
        for (int i = from + t; i < to; i += kWriters)
          (void)must(catalog->create("galerabackups", backup(i)));
      });
    for (std::thread& thread : threads) thread.join();
  };
  const int before = std::max(objects - 1000, 0);
  const double group = seconds_of([&] { fill(0, before); });
  std::printf("commits, %d writers at once      %8.0f writes/s\n", kWriters, before / group);
  std::printf("object                           %8zu bytes\n",
              catalog->list("galerabackups", "").objects.front()->json().size());
  const double checkpoint = seconds_of([&] {
    if (const Status done = catalog->checkpoint(); !done) std::exit(1);
  });
  std::printf("checkpoint of %d objects       %8.3f s\n", before, checkpoint);
  // The tail of the log, one commit each: the worst case for recovery.
  const double single = seconds_of([&] {
    for (int i = before; i < objects; ++i) (void)must(catalog->create("galerabackups", backup(i)));
  });
  std::printf("commits, one writer              %8.0f writes/s\n", (objects - before) / single);

  std::vector<double> recoveries;
  std::vector<double> cpu;
  std::vector<double> lists;
  for (int round = 0; round < rounds; ++round) {
    catalog.reset();
    const double spent = cpu_seconds();
    recoveries.push_back(
        seconds_of([&] { catalog = must(LogCatalog::open(*store, clock, rng, options)); }));
    cpu.push_back(cpu_seconds() - spent);
    std::size_t listed = 0;
    lists.push_back(
        seconds_of([&] { listed = catalog->list("galerabackups", "").objects.size(); }));
    if (listed != static_cast<std::size_t>(objects)) {
      std::fprintf(stderr, "store_bench: %zu objects came back\n", listed);
      return 1;
    }
  }
  std::printf("recovery of %d objects        %8.3f s, %.3f s of CPU (median of %d)\n", objects,
              median(recoveries), median(cpu), rounds);
  std::printf("list of all in memory            %8.6f s\n", median(lists));

  const double seconds = seconds_of([&] {
    const std::string piece(128 << 10, 'p');
    for (int pack = 0; pack < 64; ++pack) {
      const auto writer = must(store->writer("data/ns/uid/" + std::to_string(pack) + ".pack"));
      for (int i = 0; i < 128; ++i)
        if (!writer->append(as_bytes(piece))) std::exit(1);
      if (!writer->commit()) std::exit(1);
    }
  });
  std::printf("packs, one writer                %8.0f MiB/s\n", 64 * 16 / seconds);
  return 0;
}
