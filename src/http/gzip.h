// Compresses a response as kube-apiserver does: gzip, level 1.
#pragma once

#include <vector>

#include "base/error.h"
#include "http/server.h"

namespace gb::http {

// Thread safety: pure. Internal when zlib has no memory.
Result<std::vector<Piece>> gzip(const std::vector<Piece>& pieces);

}  // namespace gb::http
