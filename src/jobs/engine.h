// The engine as the jobs see it. The logical engine of src/galera is one; physical and
// point-in-time engines may come beside it. Tests inject faults here that no real server can be
// made to show.
#pragma once

#include <memory>
#include <stop_token>

#include "base/clock.h"
#include "base/error.h"
#include "galera/engine.h"

namespace gb::jobs {

// Thread safety: all methods, from any thread.
class DumpEngine {
 public:
  virtual ~DumpEngine() = default;
  virtual std::unique_ptr<galera::Dump> dump(galera::Endpoint endpoint, galera::DumpOptions options,
                                             galera::Narrator narrate) = 0;
  // `model` outlives the Restore.
  virtual std::unique_ptr<galera::Restore> restore(galera::Endpoint target,
                                                   galera::RestoreOptions options,
                                                   const galera::InstanceModel& model,
                                                   galera::Narrator narrate) = 0;
  // Takes back what a dump of a process that died may have left on its donor ("host:port").
  virtual Status recover(const galera::Endpoint& endpoint, const std::string& donor,
                         std::stop_token stop) = 0;
  // The same for a restore that had blocked the writes of applications.
  virtual Status give_back_traffic(const galera::Endpoint& endpoint, std::stop_token stop) = 0;
};

// src/galera: the logical dump and restore.
[[nodiscard]] std::unique_ptr<DumpEngine> make_logical_engine(const Clock& clock);

}  // namespace gb::jobs
