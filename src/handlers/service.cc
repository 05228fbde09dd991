#include "handlers/service.h"

#include <algorithm>
#include <array>
#include <thread>

#include "api/types.h"
#include "base/log.h"
#include "base/process_metrics.h"
#include "base/text.h"
#include "base/wait.h"
#include "handlers/admission.h"
#include "handlers/discovery.h"
#include "handlers/health.h"
#include "handlers/hub.h"
#include "handlers/respond.h"
#include "handlers/store_view.h"
#include "handlers/verbs.h"

namespace gb::handlers {
namespace {

constexpr std::chrono::seconds kStorePoll{5};
// For what another server has committed; a store that is slower is read from memory.
constexpr std::chrono::milliseconds kRefreshPatience{250};

const std::vector<double>& latency_buckets() {
  static const std::vector<double> kBuckets{.005, .025, .05, .1, .2, .4, .6, .8, 1,  1.25, 1.5, 2,
                                            3,    4,    5,   6,  8,  10, 15, 20, 30, 45,   60};
  return kBuckets;
}

// An id that a client chose, if it is fit for a header and a log; else one of ours.
std::string audit_id(const http::RequestHead& head, Rng& rng) {
  const std::string_view given = head.headers.get("Audit-Id").value_or("");
  const bool fit = !given.empty() && given.size() <= 64 &&
                   std::ranges::all_of(given, [](char c) { return c > ' ' && c < 0x7f; });
  return fit ? std::string(given) : make_uuid(rng);
}

std::string joined(const std::vector<std::string_view>& values) {
  std::string out;
  for (const std::string_view value : values) {
    if (!out.empty()) out += ", ";
    out += value;
  }
  return out;
}

// RFC 7240, with parameters and other preferences beside it.
bool prefers_async(const http::RequestHead& head) {
  for (const std::string& one : split(joined(head.headers.all("Prefer")), ','))
    if (to_lower(trim(split(one, ';').front())) == "respond-async") return true;
  return false;
}

// How metrics name a verb: the method, except where one method is several verbs.
std::string metric_verb(const Call& call) {
  const std::string& verb = call.info.verb;
  if (call.info.is_resource) {
    if (verb == "list") return "LIST";
    if (verb == "watch") return "WATCH";
    if (verb == "deletecollection") return "DELETECOLLECTION";
  }
  constexpr std::array<std::string_view, 7> kKnown{"GET",   "HEAD",   "POST",   "PUT",
                                                   "PATCH", "DELETE", "OPTIONS"};
  return std::ranges::find(kKnown, call.method) != kKnown.end() ? call.method : "other";
}

std::string metric_scope(const Call& call) {
  if (!call.info.is_resource) return "";
  if (call.info.name_from_path) return "resource";
  return call.info.ns.empty() ? "cluster" : "namespace";
}

// Of the body, before it may be compressed; a stream has none yet.
std::uint64_t bytes_of(const http::Response& response) {
  if (const auto* text = std::get_if<std::string>(&response.body)) return text->size();
  std::uint64_t bytes = 0;
  if (const auto* pieces = std::get_if<std::vector<http::Piece>>(&response.body))
    for (const http::Piece& piece : *pieces) bytes += piece->size();
  return bytes;
}

http::Response method_refused(const Call& call, const std::string& allowed) {
  http::Response out = refusal(api::method_not_allowed(), call.accept);
  out.headers.add("Allow", allowed);
  return out;
}

}  // namespace

struct Service::Impl {
  explicit Impl(Dependencies dependencies)
      : env{std::move(dependencies), {}, nullptr, {}, {}, {}, {}, {}},
        gate(env.deps),
        health(env.deps.checks),
        discovery(env.deps.version) {}

  Status start();
  http::Response handle(const http::Request& request, Call& call);
  void begin(const http::RequestHead& head, Call& call) const;
  std::variant<Admitted, http::Response> admit(const http::RequestHead& head,
                                               const std::shared_ptr<Call>& call);
  http::Response answer_path(const Call& call);
  http::Response answer_resource(Call& call, std::string_view body);
  Answer dispatch(Call& call, std::string_view body);
  void finish(const Call& call, http::Response& response) const;
  void record(const Call& call, const http::Response& response) const;

  Env env;
  Gatekeeper gate;
  Health health;
  Discovery discovery;
  std::vector<std::unique_ptr<metrics::Collection>> collections;  // after what they read
  std::jthread poller;  // looks for changes of stores; the last member, it ends first
};

Status Service::Impl::start() {
  collections.push_back(env.deps.metrics->collect(metrics::process_metrics));
  collections.push_back(env.deps.metrics->collect([this] {
    return std::vector<metrics::Gauges>{
        {"apiserver_current_inflight_requests",
         "Requests that are served now, by kind; those that have no limit are not counted.",
         {{{{"request_kind", "readOnly"}}, static_cast<double>(gate.reads())},
          {{{"request_kind", "mutating"}}, static_cast<double>(gate.writes())}}}};
  }));
  env.hub = std::make_unique<Hub>(*env.deps.clock, *env.deps.metrics);
  for (const api::ResourceType& type : api::resources()) {
    if (type.plural == api::kStores) {
      auto stores = std::make_unique<StoreView>(*env.deps.jobs, *env.deps.clock);
      stores->refresh();
      poller = std::jthread([this, view = stores.get()](const std::stop_token& stop) {
        while (sleep_for(stop, kStorePoll))
          if (env.hub->watched(api::kStores)) view->refresh();
      });
      env.sources.emplace(type.plural, std::move(stores));
    } else {
      env.sources.emplace(type.plural,
                          std::make_unique<CatalogSource>(*env.deps.catalog, type.plural));
    }
    env.hub->add_source(type.plural, env.source(type));
  }
  return env.hub->start();
}

void Service::Impl::begin(const http::RequestHead& head, Call& call) const {
  call.started = env.deps.clock->steady_now();
  call.method = head.method;
  call.raw_target = head.target;
  call.peer = head.peer;
  call.audit_id = audit_id(head, *env.deps.rng);
  call.accept = joined(head.headers.all("Accept"));
  call.content_type = head.headers.get("Content-Type").value_or("");
  call.user_agent = head.headers.get("User-Agent").value_or("");
  call.respond_async = prefers_async(head);
  call.if_none_match = head.headers.get("If-None-Match").value_or("");
}

std::variant<Service::Admitted, http::Response> Service::Impl::admit(
    const http::RequestHead& head, const std::shared_ptr<Call>& call) {
  begin(head, *call);
  auto target = parse_target(head.target);
  if (!target) return refusal(target.error(), call->accept);
  call->target = std::move(*target);
  call->info = request_info(head.method, call->target);
  if (!call->info.long_running()) {
    const auto timeout = api::parse_timeout(call->query());
    if (!timeout) return refusal(timeout.error(), call->accept);
    call->timeout = *timeout;
  }
  if (auto refused = gate.pass(head, *call)) return std::move(*refused);
  return Admitted(call);
}

// What is no resource: documents, health, metrics.
http::Response Service::Impl::answer_path(const Call& call) {
  if (auto response = health.answer(call)) return std::move(*response);
  if (auto response = discovery.answer(call)) return std::move(*response);
  if (call.target.clean && call.target.parts == std::vector<std::string>{"metrics"}) {
    http::Response out;
    out.headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    out.body = env.deps.metrics->text();
    return out;
  }
  return unknown_path(404);
}

// The route is read from the segments alone: what authorization was asked is what is served.
http::Response Service::Impl::answer_resource(Call& call, std::string_view body) {
  const RequestInfo& info = call.info;
  if (info.group != api::kGroup) return unknown_path(404);
  call.type = api::find_resource(info.resource);
  const bool known = info.version == api::kVersion && call.type != nullptr && !info.too_deep;
  if (!known) return refusal(api::path_not_found(), call.accept);
  const bool wrong_scope =
      call.type->namespaced ? info.ns.empty() && info.name_from_path : !info.ns.empty();
  if (wrong_scope) return refusal(api::path_not_found(), call.accept);

  if (!info.subresource.empty()) {
    const api::Subresource* sub = call.type->subresource(info.subresource);
    if (sub == nullptr) return refusal(api::path_not_found(), call.accept);
    const bool action = sub->verbs.front() == "create";
    if (call.method != (action ? "POST" : "GET"))
      return method_refused(call, action ? "POST" : "GET");
  } else {
    const bool collection = !info.name_from_path;
    const bool all_namespaces = call.type->namespaced && info.ns.empty();
    std::vector<std::string> methods;
    for (const auto& [method, verb] :
         {std::pair("DELETE", collection ? "deletecollection" : "delete"),
          std::pair("GET", collection ? "list" : "get"),
          std::pair("PATCH", collection ? "" : "patch"),
          std::pair("POST", collection ? "create" : ""),
          std::pair("PUT", collection ? "" : "update")})
      if (call.type->has_verb(verb) && (!all_namespaces || std::string_view(method) == "GET"))
        methods.emplace_back(method);
    if (std::ranges::find(methods, call.method) == methods.end())
      return method_refused(call, join(methods, ", "));
  }
  auto answer = dispatch(call, body);
  return answer ? std::move(*answer) : refusal(answer.error(), call.accept);
}

Answer Service::Impl::dispatch(Call& call, std::string_view body) {
  const std::string& verb = call.info.verb;
  // Who was answered by another server before is not told less by this one. Reads that name a
  // revision say themselves how new is new enough.
  if (api::query_value(call.query(), "resourceVersion").empty())
    env.deps.catalog->refresh(kRefreshPatience);
  if (call.info.subresource == "log") return read_log(env, call);
  if (call.info.subresource == "cancel") return cancel_job(env, call, body);
  if (call.info.subresource == "undelete") return undelete_object(env, call, body);
  if (call.info.subresource == "verify") return verify_backup(env, call, body);
  if (call.info.subresource == "trigger") return trigger_schedule(env, call, body);
  if (verb == "get") return get_object(env, call);
  if (verb == "list") return list_objects(env, call);
  if (verb == "watch") return watch_objects(env, call);
  if (verb == "create") return create_object(env, call, body);
  if (verb == "update") return update_object(env, call, body);
  if (verb == "patch") return patch_object(env, call, body);
  if (verb == "delete") return delete_object(env, call, body);
  if (verb == "deletecollection") return delete_objects(env, call, body);
  return api::refuse(api::method_not_allowed());
}

http::Response Service::Impl::handle(const http::Request& request, Call& call) {
  // The catch-all wall: what a library throws becomes a 500 without internals.
  try {
    return call.info.is_resource ? answer_resource(call, request.body) : answer_path(call);
  } catch (const std::exception& thrown) {
    log::error("a request ended in an exception",
               {{"auditID", call.audit_id}, {"target", call.raw_target}, {"what", thrown.what()}});
    return refusal(api::internal_error("the request failed inside the server; its log has the "
                                       "cause under auditID " +
                                       call.audit_id),
                   call.accept);
  }
}

// What every answer carries, refusals too.
void Service::Impl::finish(const Call& call, http::Response& response) const {
  response.headers.add("Audit-Id", call.audit_id);
  if (!response.headers.get("Cache-Control"))
    response.headers.add("Cache-Control", "no-cache, private");
  for (std::string& value : api::warning_headers(call.warnings))
    response.headers.add("Warning", std::move(value));
  record(call, response);
}

void Service::Impl::record(const Call& call, const http::Response& response) const {
  const RequestInfo& info = call.info;
  // Names come from the client: only what exists becomes a label.
  const bool known =
      info.is_resource && api::find_resource(info.resource) != nullptr && info.group == api::kGroup;
  metrics::Labels labels{{"verb", metric_verb(call)},
                         {"group", known ? info.group : ""},
                         {"version", known ? info.version : ""},
                         {"resource", known ? info.resource : ""},
                         {"subresource", known && call.type != nullptr &&
                                                 call.type->subresource(info.subresource) != nullptr
                                             ? info.subresource
                                             : ""},
                         {"scope", known ? metric_scope(call) : ""},
                         {"component", "apiserver"},
                         {"dry_run", call.dry_run ? "All" : ""}};
  if (known && info.version != api::kVersion) labels["version"] = "";
  metrics::Labels counted = labels;
  counted["code"] = std::to_string(response.status);
  metrics::Registry& metrics = *env.deps.metrics;
  metrics.count("apiserver_request_total",
                "Counter of apiserver requests broken out for each verb, dry run value, group, "
                "version, resource, scope, component, and HTTP response code.",
                counted);
  const std::chrono::duration<double> took = env.deps.clock->steady_now() - call.started;
  if (!info.long_running())
    metrics.observe("apiserver_request_duration_seconds",
                    "Response latency distribution in seconds for each verb, dry run value, group, "
                    "version, resource, subresource, scope and component.",
                    labels, latency_buckets(), took.count());
  if (!info.is_resource || info.read_only()) return;
  log::info("audit", {{"auditID", call.audit_id},
                      {"user", call.user.name},
                      {"uid", call.user.uid},
                      {"impersonatedBy", call.impersonator},
                      {"peer", call.peer},
                      {"verb", info.verb},
                      {"group", info.group},
                      {"resource", info.resource},
                      {"subresource", info.subresource},
                      {"namespace", info.ns},
                      {"name", info.name},
                      {"dryRun", call.dry_run ? "All" : ""},
                      {"code", response.status},
                      {"bytes", bytes_of(response)},
                      {"milliseconds", static_cast<std::int64_t>(took.count() * 1000)}});
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Service::~Service() {
  begin_shutdown();
}

Result<std::unique_ptr<Service>> Service::make(Dependencies dependencies) {
  auto impl = std::make_unique<Impl>(std::move(dependencies));
  GB_TRY(impl->start());
  return std::unique_ptr<Service>(new Service(std::move(impl)));
}

std::optional<http::Service::Arrival> Service::arrive(const http::RequestHead& head) {
  return impl_->gate.arrive(head);
}

http::Response Service::turn_away(const http::RequestHead& head) {
  Call call;
  impl_->begin(head, call);
  if (auto target = parse_target(head.target)) call.info = request_info(head.method, *target);
  http::Response response = refusal(api::too_many_requests(), call.accept);
  impl_->finish(call, response);
  return response;
}

std::variant<Service::Admitted, http::Response> Service::admit(const http::RequestHead& head) {
  const auto call = std::make_shared<Call>();
  auto result = impl_->admit(head, call);
  if (auto* refused = std::get_if<http::Response>(&result)) impl_->finish(*call, *refused);
  return result;
}

bool Service::is_known(const Admitted& admitted) const {
  return std::static_pointer_cast<Call>(admitted)->user.name != kube::kAnonymous;
}

http::Response Service::handle(http::Request request, Admitted admitted) {
  Call& call = *std::static_pointer_cast<Call>(admitted);
  http::Response response = impl_->handle(request, call);
  impl_->finish(call, response);
  return response;
}

bool Service::ready() const {
  return impl_->health.ready();
}

void Service::fail_readiness() {
  impl_->health.fail_readiness();
}

void Service::begin_shutdown() {
  fail_readiness();
  impl_->env.stopping.request_stop();
  impl_->env.hub->close();
}

}  // namespace gb::handlers
