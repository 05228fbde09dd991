// Where the objects of one resource are read from: the catalog, or what is computed (store_view.h).
//
// Thread safety: all methods, from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "storage/catalog/catalog.h"

namespace gb::handlers {

class Source {
 public:
  virtual ~Source() = default;
  virtual Result<api::ObjectPtr> get(const api::ObjectKey& key) = 0;
  // `ns` empty: of all namespaces.
  virtual storage::Snapshot list(std::string_view ns) = 0;
  // Expired when it is not held any more.
  virtual Result<storage::Snapshot> list_at(std::string_view ns, std::uint64_t revision) = 0;
  virtual Status wait_for(std::uint64_t revision, std::chrono::milliseconds timeout,
                          std::stop_token stop) = 0;
  // As storage::Catalog::watch: the history after `from` is delivered before this returns.
  virtual Result<std::unique_ptr<storage::Subscription>> watch(std::uint64_t from,
                                                               storage::WatchSink& sink) = 0;
  // Every event up to this revision has been given to the sinks.
  [[nodiscard]] virtual std::uint64_t revision() const = 0;
  [[nodiscard]] virtual std::uint64_t oldest_revision() const = 0;
};

class CatalogSource final : public Source {
 public:
  CatalogSource(storage::Catalog& catalog, std::string resource)
      : catalog_(catalog), resource_(std::move(resource)) {}

  Result<api::ObjectPtr> get(const api::ObjectKey& key) override { return catalog_.get(key); }
  storage::Snapshot list(std::string_view ns) override { return catalog_.list(resource_, ns); }
  Result<storage::Snapshot> list_at(std::string_view ns, std::uint64_t revision) override {
    return catalog_.list_at(resource_, ns, revision);
  }
  Status wait_for(std::uint64_t revision, std::chrono::milliseconds timeout,
                  std::stop_token stop) override {
    return catalog_.wait_for(revision, timeout, std::move(stop));
  }
  Result<std::unique_ptr<storage::Subscription>> watch(std::uint64_t from,
                                                       storage::WatchSink& sink) override {
    return catalog_.watch(resource_, from, sink);
  }
  [[nodiscard]] std::uint64_t revision() const override { return catalog_.revision(); }
  [[nodiscard]] std::uint64_t oldest_revision() const override {
    return catalog_.oldest_revision();
  }

 private:
  storage::Catalog& catalog_;
  std::string resource_;
};

}  // namespace gb::handlers
