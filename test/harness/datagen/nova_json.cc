#include "nova_json.h"

namespace gb::datagen {

std::string flavor_json(Row& r, std::uint64_t flavor) {
  const std::string id = std::to_string(flavor), mb = std::to_string(512U << (flavor % 8));
  return R"({"cur": {"nova_object.name": "Flavor", "nova_object.namespace": "nova", "nova_object.version": "1.2", )"
         R"("nova_object.data": {"id": )" +
         id + R"(, "name": "m1.size)" + id + R"(", "memory_mb": )" + mb + R"(, "vcpus": )" +
         std::to_string(1 + flavor % 16) + R"(, "root_gb": )" + std::to_string(10 + flavor * 5) +
         R"(, "ephemeral_gb": 0, "flavorid": ")" + id +
         R"(", "swap": 0, "rxtx_factor": 1.0, "vcpu_weight": 0, )"
         R"("disabled": false, "is_public": true, "extra_specs": {"hw:cpu_policy": "shared", "hw:mem_page_size": )" +
         (r.chance(20) ? R"("1GB")" : R"("small")") +
         R"(}, "description": null, "created_at": "2024-01-01T00:00:00Z", "updated_at": null, "deleted_at": null, )"
         R"("deleted": false}, "nova_object.changes": ["extra_specs"]}, "old": null, "new": null})";
}

std::string numa_json(const std::string& uuid) {
  return R"({"nova_object.name": "InstanceNUMATopology", "nova_object.namespace": "nova", "nova_object.version": "1.3", )"
         R"("nova_object.data": {"cells": [{"nova_object.name": "InstanceNUMACell", "nova_object.namespace": "nova", )"
         R"("nova_object.version": "1.6", "nova_object.data": {"id": 0, "cpuset": [0, 1, 2, 3], "pcpuset": [], )"
         R"("memory": 4096, "pagesize": 1048576, "cpu_pinning_raw": {"0": 4, "1": 5, "2": 6, "3": 7}, )"
         R"("cpu_policy": "dedicated", "cpu_thread_policy": null, "cpuset_reserved": null}}], "emulator_threads_policy": )"
         R"(null, "instance_uuid": ")" +
         uuid + R"("}})";
}

std::string keypair_json(Row& r) {
  std::string key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5";
  for (int k = 0; k < 3; ++k) append_hex(key, r.random(), 16);
  return R"({"nova_object.name": "KeyPairList", "nova_object.namespace": "nova", "nova_object.version": "1.3", )"
         R"("nova_object.data": {"objects": [{"nova_object.name": "KeyPair", "nova_object.data": {"name": "default", )"
         R"("type": "ssh", "public_key": ")" +
         key + R"( user@host\n"}}]}})";
}

std::string network_json(Row& r, const std::string& port, const std::string& network) {
  const std::string a = std::to_string(r.below(250)), b = std::to_string(2 + r.below(250));
  return R"([{"id": ")" + port + R"(", "address": "fa:16:3e:00:)" +
         (a.size() > 1 ? a.substr(0, 2) : "0" + a) + R"(:01", "network": {"id": ")" + network +
         R"(", "bridge": "br-int", "label": "private", "subnets": [{"cidr": )"
         R"("10.0.)" +
         a + R"(.0/24", "dns": [], "gateway": {"address": "10.0.)" + a +
         R"(.1", "type": "gateway", )"
         R"("version": 4, "meta": {}}, "ips": [{"address": "10.0.)" +
         a + "." + b +
         R"(", "type": "fixed", "version": 4, )"
         R"("meta": {}, "floating_ips": []}], "routes": [], "version": 4}], "meta": {"injected": false, "tenant_id": "x", )"
         R"("mtu": 1442, "physical_network": null, "tunneled": true}}, "type": "ovs", "details": {"port_filter": true, )"
         R"("connectivity": "l2"}, "devname": "tap0", "ovs_interfaceid": ")" +
         port +
         R"(", "qbh_params": null, )"
         R"("active": true, "vnic_type": "normal", "profile": {}, "preserve_on_delete": false, "meta": {}}])";
}

std::string uuid_of(const Row& r, std::string_view kind, std::uint64_t i) {
  std::string text;
  append_uuid(text, r.kind(kind), i);
  return text;
}

}  // namespace gb::datagen
