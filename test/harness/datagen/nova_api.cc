// nova's API database: which instance lives in which cell, and what was asked for when it was made.
#include "nova_json.h"
#include "table.h"

namespace gb::datagen {

void add_nova_api(DataSet& set, const Counts& counts) {
  const auto instances = counts.instances + counts.failed_instances;
  const auto projects = counts.projects, users = counts.users, hosts = counts.hosts;
  set.tables.push_back({"nova_api", "cell_mappings", R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `uuid` varchar(36) NOT NULL,
  `name` varchar(255) DEFAULT NULL,
  `transport_url` text DEFAULT NULL,
  `database_connection` text DEFAULT NULL,
  `disabled` tinyint(1) DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_cell_mappings0uuid` (`uuid`))",
                        2, false, "", [](Row& r) {
                          r.datetime(1704067200).null().id();
                          if (r.i == 0)
                            r.raw("00000000-0000-0000-0000-000000000000");
                          else
                            r.uuid("cell", 1);
                          r.raw(r.i == 0 ? "cell0" : "cell1")
                              .raw("none:///")
                              .raw("{scheme}://{username}:{password}@{hostname}/nova")
                              .number(0);
                        }});
  set.tables.push_back({"nova_api", "host_mappings", R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `cell_id` int(11) NOT NULL,
  `host` varchar(255) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_host_mappings0host` (`host`),
  KEY `cell_id` (`cell_id`),
  CONSTRAINT `host_mappings_ibfk_1` FOREIGN KEY (`cell_id`) REFERENCES `cell_mappings` (`id`))",
                        hosts, false, "", [](Row& r) {
                          r.stamps(r.born()).id().number(2).raw("compute-" + std::to_string(r.i));
                        }});
  set.tables.push_back(
      {"nova_api", "flavors", R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `name` varchar(255) NOT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `memory_mb` int(11) NOT NULL,
  `vcpus` int(11) NOT NULL,
  `swap` int(11) NOT NULL,
  `vcpu_weight` int(11) DEFAULT NULL,
  `flavorid` varchar(255) NOT NULL,
  `rxtx_factor` float DEFAULT NULL,
  `root_gb` int(11) DEFAULT NULL,
  `ephemeral_gb` int(11) DEFAULT NULL,
  `disabled` tinyint(1) DEFAULT NULL,
  `is_public` tinyint(1) DEFAULT NULL,
  `description` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_flavors0flavorid` (`flavorid`),
  UNIQUE KEY `uniq_flavors0name` (`name`))",
       counts.flavors, false, "", [](Row& r) {
         r.stamps(1704067200).raw("m1.size" + std::to_string(r.i)).id().number(512 << (r.i % 8));
         r.number(static_cast<std::int64_t>(1 + r.i % 16))
             .number(0)
             .number(0)
             .number(static_cast<std::int64_t>(r.i));
         r.raw("0.1")
             .number(static_cast<std::int64_t>(10 + r.i * 5))
             .number(0)
             .number(0)
             .number(1)
             .null();
       }});
  set.tables.push_back({"nova_api", "instance_mappings", R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `instance_uuid` varchar(36) NOT NULL,
  `cell_id` int(11) DEFAULT NULL,
  `project_id` varchar(255) NOT NULL,
  `queued_for_delete` tinyint(1) DEFAULT NULL,
  `user_id` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_instance_mappings0instance_uuid` (`instance_uuid`),
  KEY `instance_mappings_project_id_idx` (`project_id`),
  KEY `instance_mappings_user_id_project_id_idx` (`user_id`,`project_id`),
  KEY `cell_id` (`cell_id`),
  CONSTRAINT `instance_mappings_ibfk_1` FOREIGN KEY (`cell_id`) REFERENCES `cell_mappings` (`id`))",
                        instances, true,
                        "`updated_at` = '2026-11-20 07:00:00', `queued_for_delete` = 1",
                        [projects, users](Row& r) {
                          r.stamps(r.born())
                              .id()
                              .uuid("instance", r.i)
                              .number(2)
                              .hex32("project", mix(r.i) % projects)
                              .number(r.chance(30));
                          r.hex32("user", mix(r.i) % users);
                        }});
  set.tables.push_back(
      {"nova_api", "request_specs", R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `instance_uuid` varchar(36) NOT NULL,
  `spec` mediumtext NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_request_specs0instance_uuid` (`instance_uuid`))",
       instances, true, "", [projects](Row& r) {
         r.stamps(r.born()).id().uuid("instance", r.i);
         std::string project;
         append_hex(project, mix(r.kind("project") ^ (mix(r.i) % projects * 2 + 1)), 16);
         r.text(
             R"({"nova_object.name": "RequestSpec", "nova_object.namespace": "nova", "nova_object.version": "1.14", )"
             R"("nova_object.data": {"instance_uuid": ")" +
             uuid_of(r, "instance", r.i) + R"(", "project_id": ")" + project +
             R"(", "num_instances": 1, "availability_zone": "nova", "flavor": )" +
             flavor_json(r, mix(r.i) % 24) +
             R"(, "force_hosts": null, "ignore_hosts": null, "limits": {"nova_object.name": "SchedulerLimits", )"
             R"("nova_object.data": {"numa_topology": null, "vcpu": null, "disk_gb": null, "memory_mb": null}}, )"
             R"("scheduler_hints": {}, "is_bfv": true, "requested_resources": null}})");
       }});
  set.tables.push_back({"nova_api", "key_pairs", R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(255) NOT NULL,
  `user_id` varchar(255) NOT NULL,
  `fingerprint` varchar(255) DEFAULT NULL,
  `public_key` text DEFAULT NULL,
  `type` enum('ssh','x509') NOT NULL DEFAULT 'ssh',
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_key_pairs0user_id0name` (`user_id`,`name`))",
                        users, true, "", [](Row& r) {
                          r.stamps(r.born(), 0)
                              .id()
                              .raw("default")
                              .hex32("user", r.i)
                              .hex32("fingerprint", r.i)
                              .text(keypair_json(r));
                          r.raw(r.chance(90) ? "ssh" : "x509");
                        }});
}

}  // namespace gb::datagen
