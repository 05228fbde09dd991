// The log's part of a check of the whole repository (storage/repo/repo.h, check_repository).
#pragma once

#include <stop_token>
#include <vector>

#include "base/error.h"
#include "storage/blob/blob_store.h"
#include "storage/repo/repo.h"

namespace gb::storage {

// Reads repository.json, boundary.json, every commit and every checkpoint: seals, the chain of
// digests, gaps, and each checkpoint against the commits before it. Beside writers: what they add
// or trim meanwhile is not a finding. Changes nothing. An error is returned only when the store
// does not answer or `stop` was requested.
Result<std::vector<Finding>> check_log(BlobStore& store, std::stop_token stop);

}  // namespace gb::storage
