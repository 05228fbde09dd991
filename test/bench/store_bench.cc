// How fast the store recovers and commits.
//
//   store_bench DIRECTORY [OBJECTS] [ROUNDS]    everything, in an empty directory; prints medians
//   store_bench fill DIRECTORY OBJECTS          only fills it: a server can serve it afterwards
//   store_bench recover DIRECTORY               recovers it once, in a fresh process
//
// It measures the machine's disk as much as this program: compare runs of one machine.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/types.h"
#include "storage/blob/fs_blob_store.h"
#include "storage/catalog/log_catalog.h"
#include "test/bench/process_usage.h"

namespace {

using namespace gb;
using namespace gb::storage;
using Seconds = std::chrono::duration<double>;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return Seconds(std::chrono::steady_clock::now() - begin).count();
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

// Shaped like a finished GaleraBackup of an OpenStack's eight schemas: about 2.5 KiB of JSON.
api::Json backup(int i) {
  const std::string number = std::to_string(100000000000 + i);
  const std::string ns = "tenant-" + std::to_string(i % 50);
  const std::string uid = "00000000-0000-4000-8000-" + number;
  const auto condition = [](const char* type, const char* reason,
                            const char* message) -> api::Json {
    return {{"type", type},
            {"status", "True"},
            {"reason", reason},
            {"message", message},
            {"lastTransitionTime", "2026-01-01T00:00:09Z"}};
  };
  api::Json databases = api::Json::array();
  for (const char* name : {"cinder", "glance", "keystone", "neutron", "nova_api", "nova_cell0",
                           "nova_cell1", "placement"})
    databases.push_back({{"name", name}, {"tables", 40}, {"rows", i * 31}, {"bytes", i * 7919}});
  return {
      {"apiVersion", api::kGroupVersion},
      {"kind", "GaleraBackup"},
      {"metadata",
       {{"namespace", ns},
        {"name", "nightly-" + std::to_string(i)},
        {"uid", uid},
        {"generation", 1},
        {"creationTimestamp", "2026-01-01T00:00:00Z"},
        {"labels", {{"app", "openstack"}, {"schedule", "nightly"}}},
        {"annotations", {{"note", std::string(200, 'n')}}}}},
      {"spec",
       {{"databaseInstances", {"openstack"}},
        {"content", "All"},
        {"store", "default"},
        {"threads", 4},
        {"verification", "Checksum"},
        {"activeDeadline", "6h"},
        {"hold", false},
        {"resources", "None"}}},
      {"status",
       {{"phase", "Completed"},
        {"message", ""},
        {"startTime", "2026-01-01T00:00:00Z"},
        {"completionTime", "2026-01-01T00:00:09Z"},
        {"digest", "sha256:" + std::string(64, static_cast<char>('a' + i % 6))},
        {"location", "file:///var/lib/galera-backup/data/" + ns + "/" + uid},
        {"conditions",
         {condition("Completed", "Completed", "everything is in the store and durable"),
          condition("Verified", "Checksum", "every byte was read back and compared")}},
        {"executor",
         {{"host", "galera-backup-apiserver-0"}, {"id", uid}, {"pid", 1}, {"processStart", "1"}}},
        {"progress",
         {{"bytes", i * 7919},
          {"bytesPerSecond", 100000000},
          {"percent", 100},
          {"rows", i * 248},
          {"tables", {{"done", 320}, {"total", 320}}}}},
        {"size", {{"logical", "1100Mi"}, {"stored", "97Mi"}, {"added", "3Mi"}}},
        {"verification",
         {{"method", "Checksum"},
          {"mismatches", 0},
          {"tables", 320},
          {"time", "2026-01-01T00:00:09Z"}}},
        {"instances",
         {{{"name", "openstack"},
           {"node", "galera-1.galera.openstack.svc:3306"},
           {"serverVersion", "10.11.14-MariaDB-log"},
           {"snapshotTime", "2026-01-01T00:00:00Z"},
           {"gtid", "7-7-" + std::to_string(i * 7919)},
           {"galera",
            {{"clusterUUID", "d50389e1-e591-11f1-815a-17e4909f713f"}, {"seqno", i * 7919}}},
           {"flowControlPaused", 0.0},
           {"databases", databases}}}}}}};
}

// The catalog without its thread: what is written, and when, is up to this program.
struct Store {
  SystemClock clock;
  SystemRng rng;
  std::shared_ptr<FsBlobStore> blobs;
  std::unique_ptr<LogCatalog> catalog;

  explicit Store(const char* directory)
      : blobs(must(FsBlobStore::open(std::filesystem::path(directory) / "store"))) {}
  void open() {
    Catalog::Options options;
    options.tail_interval = std::chrono::milliseconds(0);
    catalog = must(LogCatalog::open(blobs, clock, rng, options));
  }
};

// Many writers at once, as a group commit is meant for; checkpointed where a running server has its
// last checkpoint: 1000 revisions ago. The tail is one commit each: the worst case for recovery.
void fill(Store& store, int objects) {
  constexpr int kWriters = 32;
  const auto create = [&](int i) { (void)must(store.catalog->create("galerabackups", backup(i))); };
  const int before = std::max(objects - 1000, 0);
  const double group = seconds_of([&] {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kWriters; ++t)
      threads.emplace_back([&, t] {
        for (int i = t; i < before; i += kWriters) create(i);
      });
  });
  std::printf("commits, %d writers at once      %8.0f writes/s\n", kWriters, before / group);
  const double checkpoint = seconds_of([&] {
    if (const Status done = store.catalog->checkpoint(); !done) std::exit(1);
  });
  std::printf("checkpoint of %d objects       %8.3f s\n", before, checkpoint);
  const double single = seconds_of([&] {
    for (int i = before; i < objects; ++i) create(i);
  });
  std::printf("commits, one writer              %8.0f writes/s\n", (objects - before) / single);
  std::printf("object                           %8zu bytes\n",
              store.catalog->list("galerabackups", "").objects.front()->json().size());
}

struct Recovery {
  double wall;
  double cpu;
  double list;
  std::size_t objects;
};

Recovery recover(Store& store) {
  store.catalog.reset();
  Recovery figures{};
  const double spent = cpu_seconds();
  figures.wall = seconds_of([&] { store.open(); });
  figures.cpu = cpu_seconds() - spent;
  figures.list = seconds_of(
      [&] { figures.objects = store.catalog->list("galerabackups", "").objects.size(); });
  return figures;
}

void write_packs(Store& store) {
  const double seconds = seconds_of([&] {
    const std::string piece(128 << 10, 'p');
    for (int pack = 0; pack < 64; ++pack) {
      const auto writer =
          must(store.blobs->writer("data/ns/uid/" + std::to_string(pack) + ".pack"));
      for (int i = 0; i < 128; ++i)
        if (!writer->append(as_bytes(piece))) std::exit(1);
      if (!writer->commit()) std::exit(1);
    }
  });
  std::printf("packs, one writer                %8.0f MiB/s\n", 64 * 16 / seconds);
}

int everything(Store& store, int objects, int rounds) {
  store.open();
  fill(store, objects);
  std::array<std::vector<double>, 3> figures;
  for (int round = 0; round < rounds; ++round) {
    const Recovery one = recover(store);
    if (one.objects != static_cast<std::size_t>(objects)) {
      std::fprintf(stderr, "store_bench: %zu objects came back\n", one.objects);
      return 1;
    }
    figures[0].push_back(one.wall);
    figures[1].push_back(one.cpu);
    figures[2].push_back(one.list);
  }
  std::printf("recovery of %d objects        %8.3f s, %.3f s of CPU (median of %d)\n", objects,
              median(figures[0]), median(figures[1]), rounds);
  std::printf("list of all in memory            %8.6f s\n", median(figures[2]));
  write_packs(store);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "fill" && argc == 4) {
    Store store(argv[2]);
    store.open();
    fill(store, std::stoi(argv[3]));
    return 0;
  }
  if (verb == "recover" && argc == 3) {
    Store store(argv[2]);
    const Recovery one = recover(store);
    std::printf(R"({"objects": %zu, "wall": %.6f, "cpu": %.6f, "list": %.6f})"
                "\n",
                one.objects, one.wall, one.cpu, one.list);
    return 0;
  }
  if (argc < 2 || argc > 4 || verb == "fill" || verb == "recover") {
    std::fprintf(
        stderr, "usage: store_bench [fill|recover] DIRECTORY [OBJECTS] [ROUNDS]: see the source\n");
    return 2;
  }
  Store store(argv[1]);
  return everything(store, argc > 2 ? std::stoi(argv[2]) : 10'000,
                    argc > 3 ? std::stoi(argv[3]) : 5);
}
