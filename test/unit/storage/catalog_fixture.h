// What the tests of the catalog share: small objects, and a sink that remembers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "storage/blob/faulty_blob_store.h"
#include "storage/blob/memory_blob_store.h"
#include "storage/catalog/log_catalog.h"

namespace gb::storage {

inline constexpr const char* kBackups = "galerabackups";

inline api::Json backup(const std::string& ns, const std::string& name, int value = 0) {
  return {{"apiVersion", "backup.rhoso.io/v1alpha1"},
          {"kind", "GaleraBackup"},
          {"metadata", {{"namespace", ns}, {"name", name}, {"uid", "uid-" + name}}},
          {"spec", {{"value", value}}}};
}

inline int value_of(const api::ObjectPtr& object) {
  return object->dom()["spec"]["value"].get<int>();
}

// "ns/name=value@revision" of each.
inline std::string text_of(const api::ObjectPtr& object) {
  return object->key().ns + "/" + object->key().name + "=" + std::to_string(value_of(object)) +
         "@" + std::to_string(object->revision());
}
inline std::vector<std::string> text_of(const Snapshot& snapshot) {
  std::vector<std::string> texts;
  for (const api::ObjectPtr& object : snapshot.objects) texts.push_back(text_of(object));
  return texts;
}

inline std::string text_of(const WatchEvent& event) {
  const char* type = event.type == WatchEvent::Type::kAdded      ? "ADDED "
                     : event.type == WatchEvent::Type::kModified ? "MODIFIED "
                                                                 : "DELETED ";
  return type + text_of(event.object);
}

class RecordingSink final : public WatchSink {
 public:
  void on_event(const WatchEvent& event) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  std::vector<WatchEvent> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const WatchEvent& event : events()) texts.push_back(text_of(event));
    return texts;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<WatchEvent> events_;
};

// Of a test, which outlives its catalogs.
inline std::shared_ptr<BlobStore> borrowed(BlobStore& store) {
  return {std::shared_ptr<void>(), &store};
}

template <typename Outcome>
Code failure_of(const Outcome& outcome) {
  return outcome ? Code::kInternal : outcome.error().code;
}

class CatalogTest : public testing::Test {
 protected:
  static Catalog::Options options() {
    Catalog::Options options;
    options.writer = "test";
    options.tail_interval = std::chrono::milliseconds(0);  // the test says when
    return options;
  }
  std::unique_ptr<LogCatalog> open(BlobStore& store, const Catalog::Options& with = options()) {
    auto catalog = LogCatalog::open(borrowed(store), clock_, rng_, with);
    EXPECT_TRUE(catalog) << catalog.error().text();
    return catalog ? std::move(*catalog) : nullptr;
  }
  void wipe() {
    const auto blobs = memory_.list("").value();
    for (const BlobInfo& blob : blobs) EXPECT_TRUE(memory_.remove(blob.key));
  }
  static api::ObjectKey key(const std::string& ns, const std::string& name) {
    return {kBackups, ns, name};
  }

  ManualClock clock_{WallTime(std::chrono::hours(24 * 365 * 56))};
  SeededRng rng_{1};
  MemoryBlobStore memory_;
  FaultyBlobStore store_{memory_};
};

}  // namespace gb::storage
