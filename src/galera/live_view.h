// The tables of a running cluster in one snapshot (snapshot.h), for who compares them with a
// backup. What is read is a donor as a dump would choose it, or a node that serves a state transfer
// in this moment, where there is no other.
//
// Thread safety: by one thread at a time.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/engine.h"
#include "galera/introspect.h"
#include "galera/snapshot.h"

namespace gb::galera {

struct LiveView {
  // In the snapshot, with the savepoint gb_snapshot set.
  std::vector<Connection> connections;
  std::unique_ptr<Snapshot> snapshot;
  Facts facts;
  std::vector<std::string> notes;
};

// Opens it over so many connections.
Result<LiveView> open_live_view(const Endpoint& endpoint, unsigned threads, std::stop_token stop);

// Tables and sequences of those of `schemas` that are there; no programs.
Result<Definitions> read_live_definitions(LiveView& view, const std::vector<std::string>& schemas);

}  // namespace gb::galera
