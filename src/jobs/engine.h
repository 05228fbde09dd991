// The engine as the jobs see it. The logical engine of src/galera is one; physical and
// point-in-time engines may come beside it. Tests inject faults here that no real server can be
// made to show. So are the servers that a backup is restored into to see that it can be.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "galera/engine.h"
#include "galera/live_diff.h"
#include "galera/scratch_server.h"

namespace gb::jobs {

// spec.content of a backup or a restore (Data, Grants or All) as the engine calls it.
[[nodiscard]] galera::Content content_of(std::string_view content);

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
  // The digests of what a finished dump has stored.
  virtual Result<std::vector<galera::TableComparison>> compare_stored(
      const galera::InstanceModel& model, galera::DumpSource& source, unsigned threads,
      std::stop_token stop) = 0;
  // How a running cluster differs from a backup of it (live_diff.h).
  virtual Result<galera::LiveDifference> diff(const galera::Endpoint& endpoint,
                                              const galera::DumpOptions& options,
                                              const galera::InstanceModel& model,
                                              galera::DumpSource& source,
                                              galera::Progress& progress, std::stop_token stop) = 0;
  // Takes back what a dump of a process that died may have left on its donor ("host:port").
  virtual Status recover(const galera::Endpoint& endpoint, const std::string& donor,
                         std::stop_token stop) = 0;
  // The nodes ("host:port") that answer and are read_only.
  virtual Result<std::vector<std::string>> read_only_nodes(const galera::Endpoint& endpoint,
                                                           std::stop_token stop) = 0;
  // What recover() does, for a restore that had blocked the writes of applications; the nodes to
  // `keep` were read_only before it.
  virtual Status give_back_traffic(const galera::Endpoint& endpoint,
                                   const std::vector<std::string>& keep, std::stop_token stop) = 0;
};

// How whoever runs this program names what scratch servers are made with, for hints.
struct ScratchSettings {
  std::string server;  // the mariadbd
  std::string place;   // the folder that they are made in
};

// Thread safety: all methods, from any thread; a server is ended by the thread that started it.
class ScratchServers {
 public:
  virtual ~ScratchServers() = default;
  // The version of the servers that start() starts. NotFound: no such program is installed.
  virtual Result<std::string> version(std::stop_token stop) = 0;
  // `page_size`: of InnoDB, in bytes, as where the data comes from; a row that fits there fits then
  // here. Errors: those of version() and of ScratchServer::start.
  virtual Result<std::unique_ptr<galera::ScratchServer>> start(std::uint64_t page_size,
                                                               std::stop_token stop) = 0;
  [[nodiscard]] virtual const ScratchSettings& settings() const = 0;
};

// `server`: the mariadbd to take; empty: the one that is installed. Looked for every time, since it
// may be installed, or upgraded, while we run. What a process that was killed left in
// options.place goes at once.
[[nodiscard]] std::unique_ptr<ScratchServers> make_scratch_servers(std::string server,
                                                                   galera::ScratchOptions options,
                                                                   ScratchSettings settings);

// src/galera: the logical dump and restore.
[[nodiscard]] std::unique_ptr<DumpEngine> make_logical_engine(const Clock& clock);

}  // namespace gb::jobs
