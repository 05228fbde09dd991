// The API: everything that a request can ask for, behind the one door that the transport calls.
//
// A request passes in this order: target and verb (request_info.h), limits, ?timeout=,
// authentication, impersonation, authorization (all of that on its head alone, before the body is
// read), then the route, and the verb's own work. Answers to reads come from memory, and what may
// wait for a store or a database (writes, logs) has workers of its own (http::Lane): a dead one
// never takes discovery, get, list or watch down.
//
// Thread safety: all methods, from any thread. Create a Service after what it depends on, destroy
// it before; the transport that calls it ends first.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "http/server.h"
#include "jobs/jobs.h"
#include "kube/access.h"
#include "storage/catalog/catalog.h"

namespace gb::handlers {

// Requests that are served or wait for it at once, counted as k8s.io/apiserver does: without
// watches and logs. Later ones get a 429 before anybody is asked who they are, so system:masters
// too; the health pages, discovery and OpenAPI never.
struct Limits {
  unsigned in_flight_reads = 400;
  unsigned in_flight_writes = 200;
  // Creates that wait for their job hold a worker of the transport each: so many may, later ones
  // are answered with what is known at once. Keep it well below ServerOptions::slow_workers.
  unsigned waiting_creates = 8;
  // Reads that wait for a revision that is still to come; later ones are told at once that it is
  // not there. Well below the workers that ServerOptions leaves to reads.
  unsigned waiting_reads = 8;
  // Requests of one namespace that would start a job, while its databases are asked: later ones get
  // a 429. So few that one tenant's silent databases leave most of ServerOptions::slow_workers.
  unsigned starting_each = 4;
  // How long these wait for the databases; 504 after it. Less than the 60 s of kube-apiserver.
  std::chrono::milliseconds start_wait{30000};
  // Watches and followed logs of one user; later ones get a 429.
  unsigned streams_each = 200;
};

// What /version says; empty: not known.
struct VersionInfo {
  std::string git_version = "v0.0.0";
  std::string git_commit;
  std::string git_tree_state;  // clean or dirty
  std::string build_date;      // RFC 3339
};

// One named check of /readyz and, when `live` is set, of /livez and /healthz. The error is logged
// and never shown there: the page is public.
struct HealthCheck {
  std::string name;
  std::function<Status()> check;
  bool live = false;
};

struct Dependencies {
  storage::Catalog* catalog = nullptr;
  jobs::Jobs* jobs = nullptr;
  kube::Authenticator* authenticator = nullptr;
  kube::Authorizer* authorizer = nullptr;
  kube::Namespaces* namespaces = nullptr;
  const Clock* clock = nullptr;
  Rng* rng = nullptr;
  metrics::Registry* metrics = nullptr;
  Limits limits;
  VersionInfo version;
  std::vector<HealthCheck> checks;  // besides ping and shutdown, which are always there
};

class Service final : public http::Service {
 public:
  // Subscribes to the catalog. Its error when that fails.
  static Result<std::unique_ptr<Service>> make(Dependencies dependencies);
  ~Service() override;  // ends every watch

  std::optional<Arrival> arrive(const http::RequestHead& head) override;
  http::Response turn_away(const http::RequestHead& head) override;
  std::variant<Admitted, http::Response> admit(const http::RequestHead& head) override;
  bool is_known(const Admitted& admitted) const override;
  http::Response handle(http::Request request, Admitted admitted) override;

  // Whether /readyz says ok.
  [[nodiscard]] bool ready() const;

  // From now on /readyz fails; everything else is served as before, until those who send requests
  // here have seen it.
  void fail_readiness();
  // That, and from now on creates answer without waiting for their job, and watches end.
  void begin_shutdown();

 private:
  struct Impl;
  explicit Service(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gb::handlers
