#include "apiserver/server.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include "apiserver/build_info.h"
#include "apiserver/doors.h"
#include "apiserver/files.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/wait.h"
#include "base/watched_file.h"
#include "handlers/service.h"
#include "http/listener.h"
#include "http/server.h"
#include "jobs/cluster_instances.h"
#include "jobs/jobs.h"
#include "jobs/record.h"
#include "kube/webhook.h"
#include "storage/blob/fs_blob_store.h"
#include "storage/catalog/catalog.h"

namespace gb::apiserver {
namespace {

// Load balancers and kube-proxy need a moment to see that readyz fails; until then everybody whom
// they send here is served in full.
constexpr std::chrono::seconds kShutdownDelay{3};
constexpr std::chrono::seconds kDrainDeadline{
    25};  // below Kubernetes' 30 s of grace, with the delay
constexpr std::chrono::seconds kReloadEvery{5};
constexpr std::chrono::milliseconds kReadyPoll{200};

// Tells systemd (Type=notify). Nothing to do where nobody asked.
void notify_ready() {
  const char* path = std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (path == nullptr || std::strlen(path) < 2) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::min(std::strlen(path), sizeof address.sun_path - 1);
  std::memcpy(address.sun_path, path, length);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // an abstract socket
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  constexpr std::string_view kReady = "READY=1";
  if (::sendto(fd, kReady.data(), kReady.size(), 0, reinterpret_cast<const sockaddr*>(&address),
               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length)) < 0)
    log::warn("systemd could not be told that the server is ready");
  ::close(fd);
}

Result<std::shared_ptr<http::TlsContext>> make_tls(const Config& config, const Clock& clock) {
  if (!config.serving.cert_file.empty()) {
    GB_TRY_ASSIGN(const http::KeyPair pair, read_key_pair(config.serving));
    return http::TlsContext::server(pair);
  }
  GB_TRY_ASSIGN(const http::KeyPair pair,
                http::make_self_signed({"localhost", "127.0.0.1", jobs::host_name()}, clock.now()));
  log::warn("serving.certFile is not set: a self-signed certificate was made in memory",
            {{"hint", "clients cannot verify it; set certFile and keyFile"}});
  return http::TlsContext::server(pair);
}

// Takes a new serving certificate in when its files change; a pair that does not fit is not taken.
void reload_certificate(const Config& config, http::TlsContext& tls, const std::stop_token& stop) {
  WatchedFile certificate(config.serving.cert_file);
  WatchedFile key(config.serving.key_file);
  std::uint64_t taken = 0;
  if (certificate.read() && key.read()) taken = certificate.generation() + key.generation();
  const auto look = [&] {
    const auto certificate_pem = certificate.read();
    const auto key_pem = key.read();
    const std::uint64_t now = certificate.generation() + key.generation();
    if (!certificate_pem || !key_pem || now == taken) return;
    taken = now;
    if (const Status replaced = tls.replace({*certificate_pem, *key_pem}); replaced)
      log::info("the serving certificate was read again");
    else
      log::error("the new serving certificate was not taken, the old one stays",
                 {{"error", replaced.error().text()}});
  };
  while (sleep_for(stop, kReloadEvery)) (void)guarded("a look at the serving certificate", look);
}

Result<std::vector<jobs::Store>> open_stores(const Config& config) {
  std::vector<jobs::Store> stores;
  for (const StoreConfig& store : config.stores) {
    auto blobs = storage::FsBlobStore::open(store.path);
    if (!blobs) return wrap("store \"" + store.name + "\"", blobs.error());
    stores.push_back(
        {store.name, "file://" + store.path, std::move(*blobs), store.trash_retention});
  }
  return stores;
}

}  // namespace

Status serve(const Config& config, std::stop_token stop) {
  const SystemClock clock;
  SystemRng rng;
  metrics::Registry metrics;

  // First, since a port that is taken must not be found when jobs run that would end with us.
  GB_TRY_ASSIGN(http::Listener listener,
                http::Listener::open(config.serving.bind_address, config.serving.port));
  GB_TRY_ASSIGN(const std::shared_ptr<http::TlsContext> tls, make_tls(config, clock));

  GB_TRY_ASSIGN(std::vector<jobs::Store> stores, open_stores(config));
  storage::Catalog::Options options;
  options.writer = jobs::host_name();
  auto opened = storage::Catalog::open(stores.front().blobs, clock, rng, options);
  if (!opened) return wrap("store \"" + stores.front().name + "\"", opened.error());
  const std::unique_ptr<storage::Catalog> catalog = std::move(*opened);

  GB_TRY_ASSIGN(Doors doors, make_doors(config, jobs::host_name(), clock, rng));
  std::unique_ptr<kube::WebhookRecorder> webhook;
  if (config.webhook) {
    GB_TRY_ASSIGN(webhook, kube::WebhookRecorder::make(
                               *config.webhook, "/backup.rhoso.io/" + catalog->repository_id(),
                               *doors.events, clock, rng, metrics, {}));
  }
  jobs::ConfiguredInstances configured(config.instances);
  std::unique_ptr<jobs::ClusterInstances> instances;
  if (doors.client != nullptr)
    instances = std::make_unique<jobs::ClusterInstances>(*doors.client, catalog->repository_id(),
                                                         configured);
  const std::unique_ptr<jobs::DumpEngine> engine = jobs::make_logical_engine(clock);
  galera::ScratchOptions scratch_options;
  scratch_options.place = config.verification.place;
  scratch_options.buffer_pool = config.verification.memory;
  const std::unique_ptr<jobs::ScratchServers> scratch = jobs::make_scratch_servers(
      config.verification.server, scratch_options,
      {"verification.server of the server", "verification.place of the server"});

  jobs::Dependencies job_dependencies;
  job_dependencies.catalog = catalog.get();
  job_dependencies.engine = engine.get();
  job_dependencies.scratch = scratch.get();
  job_dependencies.stores = std::move(stores);
  job_dependencies.instances = &configured;
  if (instances != nullptr) job_dependencies.instances = instances.get();
  job_dependencies.gates = instances.get();
  job_dependencies.authorizer = doors.authorizer.get();
  job_dependencies.namespaces = doors.namespaces.get();
  job_dependencies.events = doors.events.get();
  if (webhook != nullptr) job_dependencies.events = webhook.get();
  job_dependencies.metrics = &metrics;
  job_dependencies.clock = &clock;
  job_dependencies.rng = &rng;
  job_dependencies.parallel_backups = config.limits.parallel_backups;
  job_dependencies.quotas = config.limits.namespaces;
  job_dependencies.memory = config.limits.memory;
  job_dependencies.keeps_house = true;
  GB_TRY_ASSIGN(std::unique_ptr<jobs::Jobs> jobs, jobs::Jobs::start(std::move(job_dependencies)));

  handlers::Dependencies handler_dependencies;
  handler_dependencies.catalog = catalog.get();
  handler_dependencies.jobs = jobs.get();
  handler_dependencies.authenticator = doors.authenticator.get();
  handler_dependencies.authorizer = doors.authorizer.get();
  handler_dependencies.namespaces = doors.namespaces.get();
  handler_dependencies.clock = &clock;
  handler_dependencies.rng = &rng;
  handler_dependencies.metrics = &metrics;
  handler_dependencies.limits = {config.limits.in_flight_reads, config.limits.in_flight_writes};
  handler_dependencies.version = build_info();
  handler_dependencies.checks = doors.checks;
  // After the jobs, which its thread asks for their stores: ends before them.
  GB_TRY_ASSIGN(std::unique_ptr<handlers::Service> service,
                handlers::Service::make(std::move(handler_dependencies)));

  GB_TRY_ASSIGN(std::unique_ptr<http::Server> server,
                http::Server::start(std::move(listener), {}, tls, *service));
  std::jthread reloader;
  if (!config.serving.cert_file.empty())
    reloader = std::jthread(
        [&](const std::stop_token& token) { reload_certificate(config, *tls, token); });
  log::info("serving", {{"address", config.serving.bind_address},
                        {"port", static_cast<int>(server->port())},
                        {"mode", config.cluster ? "cluster" : "standalone"},
                        {"version", GB_VERSION},
                        {"repository", catalog->repository_id()},
                        {"revision", catalog->revision()}});
  // Serving and ready are two things: without kube-apiserver the one begins and the other waits.
  while (!service->ready())
    if (!sleep_for(stop, kReadyPoll)) break;
  if (!stop.stop_requested()) notify_ready();

  wait_for_stop(std::move(stop));
  log::info("stopping: finishing what is under way");
  service->fail_readiness();
  if (config.cluster) sleep_for({}, kShutdownDelay);
  service->begin_shutdown();
  server->drain(kDrainDeadline);
  server.reset();
  service.reset();
  jobs.reset();
  log::info("stopped");
  return {};
}

}  // namespace gb::apiserver
