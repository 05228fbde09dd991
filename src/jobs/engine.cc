#include "jobs/engine.h"

#include <utility>

namespace gb::jobs {
namespace {

class LogicalEngine final : public DumpEngine {
 public:
  explicit LogicalEngine(const Clock& clock) : clock_(clock) {}

  std::unique_ptr<galera::Dump> dump(galera::Endpoint endpoint, galera::DumpOptions options,
                                     galera::Narrator narrate) override {
    return galera::Dump::make(std::move(endpoint), std::move(options), clock_, std::move(narrate));
  }

  std::unique_ptr<galera::Restore> restore(galera::Endpoint target, galera::RestoreOptions options,
                                           const galera::InstanceModel& model,
                                           galera::Narrator narrate) override {
    return galera::Restore::make(std::move(target), std::move(options), model, std::move(narrate));
  }

  Result<std::vector<galera::TableComparison>> compare_stored(const galera::InstanceModel& model,
                                                              galera::DumpSource& source,
                                                              unsigned threads,
                                                              std::stop_token stop) override {
    return galera::compare_stored(model, source, threads, std::move(stop));
  }

  Result<galera::LiveDifference> diff(const galera::Endpoint& endpoint,
                                      const galera::DumpOptions& options,
                                      const galera::InstanceModel& model,
                                      galera::DumpSource& source, galera::Progress& progress,
                                      std::stop_token stop) override {
    return galera::diff_live(endpoint, options, model, source, progress, std::move(stop));
  }

  Status recover(const galera::Endpoint& endpoint, const std::string& donor,
                 std::stop_token stop) override {
    return galera::recover_donor(endpoint, donor, std::move(stop));
  }

  Result<std::vector<std::string>> read_only_nodes(const galera::Endpoint& endpoint,
                                                   std::stop_token stop) override {
    GB_TRY_ASSIGN(const galera::Topology topology, galera::inspect(endpoint, std::move(stop)));
    std::vector<std::string> nodes;
    for (const galera::NodeState& node : topology.nodes)
      if (node.read_only) nodes.push_back(node.address.text());
    return nodes;
  }

  Status give_back_traffic(const galera::Endpoint& endpoint, const std::vector<std::string>& keep,
                           std::stop_token stop) override {
    return galera::give_back_traffic(endpoint, keep, std::move(stop));
  }

 private:
  const Clock& clock_;
};

class InstalledServers final : public ScratchServers {
 public:
  InstalledServers(std::string server, galera::ScratchOptions options, ScratchSettings settings)
      : server_(std::move(server)), options_(std::move(options)), settings_(std::move(settings)) {
    galera::sweep_scratch_place(options_.place);
  }

  Result<std::string> version(std::stop_token stop) override {
    GB_TRY_ASSIGN(galera::ServerPrograms programs,
                  galera::find_server_programs(server_, std::move(stop)));
    return std::move(programs.version);
  }

  Result<std::unique_ptr<galera::ScratchServer>> start(std::uint64_t page_size,
                                                       std::stop_token stop) override {
    GB_TRY_ASSIGN(const galera::ServerPrograms programs,
                  galera::find_server_programs(server_, stop));
    galera::ScratchOptions options = options_;
    options.page_size = page_size;
    return galera::ScratchServer::start(programs, options, std::move(stop));
  }

  [[nodiscard]] const ScratchSettings& settings() const override { return settings_; }

 private:
  const std::string server_;
  const galera::ScratchOptions options_;
  const ScratchSettings settings_;
};

}  // namespace

galera::Content content_of(std::string_view content) {
  if (content == "Data") return galera::Content::kData;
  if (content == "Grants") return galera::Content::kGrants;
  return galera::Content::kAll;
}

std::unique_ptr<ScratchServers> make_scratch_servers(std::string server,
                                                     galera::ScratchOptions options,
                                                     ScratchSettings settings) {
  return std::make_unique<InstalledServers>(std::move(server), std::move(options),
                                            std::move(settings));
}

std::unique_ptr<DumpEngine> make_logical_engine(const Clock& clock) {
  return std::make_unique<LogicalEngine>(clock);
}

}  // namespace gb::jobs
