#include "storage/catalog/catalog.h"

#include <nlohmann/json.hpp>

#include "storage/catalog/log_catalog.h"

namespace gb::storage {
namespace {

// Against many writers of one object some always get through; this often in a row is a defect.
constexpr int kUpdateTries = 100;

}  // namespace

Result<std::unique_ptr<Catalog>> Catalog::open(std::shared_ptr<BlobStore> store, const Clock& clock,
                                               Rng& rng, Options options) {
  return LogCatalog::open(std::move(store), clock, rng, std::move(options));
}

Result<api::ObjectPtr> Catalog::modify(
    const api::ObjectKey& key, const std::function<Result<api::Json>(const api::Object&)>& change) {
  for (int i = 0;; ++i) {
    GB_TRY_ASSIGN(const api::ObjectPtr object, get(key));
    GB_TRY_ASSIGN(api::Json dom, change(*object));
    auto updated = update(key, object->revision(), std::move(dom));
    if (updated || updated.error().code != Code::kConflict || i == kUpdateTries) return updated;
  }
}

}  // namespace gb::storage
