// One consistent view of a server over several connections (engine.md calls it the snapshot).
//
// MariaDB cannot clone a snapshot, so all connections open theirs at the same time and then
// compare where each one stands in the binary log: equal and known positions are one snapshot.
// Without a binary log, or with one that lacks what the server is told by others, commits are held
// back for the few milliseconds that opening takes (BACKUP STAGE). In strict mode writes are held
// back until release(): by a session that says every few seconds that we still live, and that the
// server ends by itself a minute after the last time, so that no lock outlives us, however we
// ended.
//
// Thread safety: by one thread at a time, until the connections are handed to their threads;
// held_lately() from any.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "galera/connection.h"
#include "galera/engine.h"

namespace gb::galera {

// A connection set up to dump: binary, UTC, repeatable reads, patient with a slow reader.
Result<Connection> open_dump_connection(const Endpoint& endpoint, const Address& node,
                                        std::stop_token stop);

class Snapshot {
 public:
  // `connections` stay the caller's; on each, a transaction is open afterwards. `facts` receives
  // method, position and time. Conflict when writes did not leave a moment within many tries. For a
  // lock that somebody else holds it waits until it is stopped; `narrate`, which may be null, is
  // told.
  static Result<Snapshot> open(const Endpoint& endpoint, std::vector<Connection>& connections,
                               bool galera, bool strict, const Clock& clock, Facts& facts,
                               const Narrator& narrate, std::stop_token stop);
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;
  // Gives back locks; a desynced node returns to the cluster once it has caught up.
  ~Snapshot();
  Status release();
  // An error when what it held is held no more: the rows read since then may be of any moment.
  Status still_held();
  // The same as far as it was seen by whoever looks every few seconds; asks nothing.
  [[nodiscard]] Status held_lately() const;

 private:
  struct Strict;
  explicit Snapshot(std::unique_ptr<Strict> strict);
  std::unique_ptr<Strict> strict_;  // none: nothing is held
};

}  // namespace gb::galera
