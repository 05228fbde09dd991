#include "jobs/cluster_instances.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace gb::jobs {
namespace {

kube::BlockedService service_of(const GateHolder& holder) {
  return {holder.ns, holder.instance, holder.restore, holder.uid};
}

class ServiceGate final : public galera::TrafficGate {
 public:
  ServiceGate(std::shared_ptr<kube::ActiveServices> services, kube::BlockedService who)
      : services_(std::move(services)), who_(std::move(who)) {}
  Status may_shut(std::stop_token stop) override {
    return services_->may_block(who_, std::move(stop));
  }
  Status shut(std::stop_token stop) override { return services_->block(who_, std::move(stop)); }
  Result<bool> keep_shut(std::stop_token stop) override {
    return services_->keep_blocked(who_, std::move(stop));
  }
  // Not called off with the job: this is what has to happen at its end.
  Status open() override { return services_->give_back(who_, {}); }

 private:
  const std::shared_ptr<kube::ActiveServices> services_;
  const kube::BlockedService who_;
};

galera::Endpoint endpoint_of(const kube::GaleraObject& object) {
  galera::Endpoint endpoint;
  endpoint.name = object.name;
  endpoint.uid = object.uid;
  const std::string domain = "." + kube::galera_set_name(object.name) + "." + object.ns + ".svc";
  for (const kube::GaleraPod& pod : object.pods) {
    galera::Address node;
    node.host = pod.name + domain;
    node.port = pod.port;
    node.name = pod.name;
    node.ips = pod.ips;
    endpoint.nodes.push_back(std::move(node));
  }
  endpoint.active_node = object.active_pod;
  endpoint.password = object.root_password;
  if (object.tls) endpoint.tls = galera::TlsMode::kRequired;
  endpoint.tls_ca_pem = object.ca_pem;
  return endpoint;
}

}  // namespace

Result<galera::Endpoint> ClusterInstances::resolve(std::string_view ns, std::string_view name) {
  const std::string in(ns);
  const std::string called(name);
  const auto object = objects_->read(in, called);
  if (object) {
    galera::Endpoint endpoint = endpoint_of(*object);
    endpoint.rotation = std::make_shared<galera::RotatingPassword>(
        object->root_password, [objects = objects_, in, called, uid = object->uid] {
          return objects->root_passwords(in, called, uid);
        });
    return endpoint;
  }
  // Where this server was not given the right to read Galera objects, there are none for it.
  const Code why = object.error().code;
  if (why != Code::kNotFound && why != Code::kForbidden) return fail(object.error());
  auto configured = configured_.resolve(ns, name);
  if (configured || configured.error().code != Code::kNotFound) return configured;
  if (why == Code::kForbidden) return wrap("instance \"" + called + "\"", object.error());
  Error error = std::move(configured).error();
  if (const auto others = objects_->names(in); others && !others->empty())
    error.hint = "Galera objects there: " + join(*others, ", ") + "; " + error.hint;
  else
    error.hint = "there is no Galera object there; " + error.hint;
  return fail(std::move(error));
}

std::shared_ptr<galera::TrafficGate> ClusterInstances::gate(const galera::Endpoint& endpoint,
                                                            const GateHolder& holder) {
  if (endpoint.uid.empty()) return nullptr;
  return std::make_shared<ServiceGate>(services_, service_of(holder));
}

Result<std::vector<GateHolder>> ClusterInstances::shut(std::stop_token stop) {
  GB_TRY_ASSIGN(const auto blocked, services_->blocked(std::move(stop)));
  std::vector<GateHolder> holders;
  for (const kube::BlockedService& one : blocked)
    holders.push_back({one.ns, one.service, one.restore, one.uid});
  return holders;
}

Status ClusterInstances::open(const GateHolder& holder, std::stop_token stop) {
  return services_->give_back(service_of(holder), std::move(stop));
}

}  // namespace gb::jobs
