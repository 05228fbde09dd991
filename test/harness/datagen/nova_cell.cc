// A cell of nova: most of an OpenStack's rows, and nearly all of its JSON.
#include "nova_json.h"
#include "table.h"

namespace gb::datagen {
namespace {

constexpr std::array<std::string_view, 4> kVmStates = {"active", "stopped", "error", "deleted"};
constexpr std::array<std::string_view, 4> kMetadataKeys = {
    "image_hw_rng_model", "image_base_image_ref", "owner_project_name", "boot_roles"};
constexpr std::array<std::string_view, 6> kActions = {"create", "reboot", "stop",
                                                      "start",  "resize", "live-migration"};
constexpr std::array<std::string_view, 4> kEvents = {
    "compute__do_build_and_run_instance", "compute_reboot_instance", "compute_stop_instance",
    "conductor_migrate_server"};

}  // namespace

void add_nova_cell(DataSet& set, const Counts& counts, const std::string& schema) {
  const bool failed = schema == "nova_cell0";  // cell0 holds what could not be scheduled
  const auto instances = failed ? counts.failed_instances : counts.instances;
  const auto first = failed ? counts.instances : 0;  // its number among all instances
  const auto projects = counts.projects, users = counts.users, images = counts.images;
  const auto hosts = counts.hosts, networks = counts.networks, volumes = counts.volumes;
  const std::string head = R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `deleted_at` datetime DEFAULT NULL,
)";
  const auto stamp = [](Row& r, bool deleted) {
    const auto born = r.born();
    r.stamps(born);
    if (deleted)
      r.datetime(born + 6000000);
    else
      r.null();
  };
  const auto gone = [](std::uint64_t instance) { return mix(instance) % 10 < 3; };

  set.tables.push_back(
      {schema, "instances", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `user_id` varchar(255) DEFAULT NULL,
  `project_id` varchar(255) DEFAULT NULL,
  `image_ref` varchar(255) DEFAULT NULL,
  `power_state` int(11) DEFAULT NULL,
  `vm_state` varchar(255) DEFAULT NULL,
  `memory_mb` int(11) DEFAULT NULL,
  `vcpus` int(11) DEFAULT NULL,
  `hostname` varchar(255) DEFAULT NULL,
  `host` varchar(255) DEFAULT NULL,
  `user_data` mediumtext DEFAULT NULL,
  `reservation_id` varchar(255) DEFAULT NULL,
  `launched_at` datetime DEFAULT NULL,
  `terminated_at` datetime DEFAULT NULL,
  `display_name` varchar(255) DEFAULT NULL,
  `availability_zone` varchar(255) DEFAULT NULL,
  `locked_by` enum('owner','admin') DEFAULT NULL,
  `instance_type_id` int(11) DEFAULT NULL,
  `uuid` varchar(36) NOT NULL,
  `root_device_name` varchar(255) DEFAULT NULL,
  `task_state` varchar(255) DEFAULT NULL,
  `progress` int(11) DEFAULT NULL,
  `node` varchar(255) DEFAULT NULL,
  `deleted` int(11) DEFAULT NULL,
  `cleaned` int(11) DEFAULT NULL,
  `hidden` tinyint(1) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_instances0uuid` (`uuid`),
  KEY `instances_reservation_id_idx` (`reservation_id`),
  KEY `instances_terminated_at_launched_at_idx` (`terminated_at`,`launched_at`),
  KEY `instances_task_state_updated_at_idx` (`task_state`,`updated_at`),
  KEY `instances_host_deleted_cleaned_idx` (`host`,`deleted`,`cleaned`),
  KEY `instances_project_id_deleted_idx` (`project_id`,`deleted`))",
       instances, !failed, "`updated_at` = '2026-11-20 09:15:00', `task_state` = 'rebooting'",
       [=](Row& r) {
         const auto which = first + r.i;
         const bool deleted = gone(which);
         const auto born = r.born();
         stamp(r, deleted);
         r.id()
             .hex32("user", mix(which) % users)
             .hex32("project", mix(which) % projects)
             .uuid("image", r.below(images));
         r.number(deleted ? 0 : 1)
             .raw(failed    ? "error"
                  : deleted ? "deleted"
                            : kVmStates[r.below(3)]);
         r.number(512 << (mix(which) % 24 % 8))
             .number(static_cast<std::int64_t>(1 + mix(which) % 24 % 16));
         const std::string name = "vm-" + std::to_string(which),
                           host = "compute-" + std::to_string(mix(which) % hosts);
         r.raw(name);
         if (failed)
           r.null();
         else
           r.raw(host);
         if (r.chance(25))
           r.text(
               "I2Nsb3VkLWNvbmZpZwpwYWNrYWdlczoKLSBuZ2lueApydW5jbWQ6Ci0gc3lzdGVtY3RsIGVuYWJsZSBuZ2l"
               "ueAo=\n");
         else
           r.null();
         r.raw("r-" + std::to_string(mix(which) % 100000000)).datetime(born + 30);
         if (deleted)
           r.datetime(born + 6000000);
         else
           r.null();
         r.text(r.chance(3) ? "Größe-测试-" + name : name).raw("nova");
         if (r.chance(2))
           r.raw(r.chance(50) ? "owner" : "admin");
         else
           r.null();
         r.number(static_cast<std::int64_t>(1 + mix(which) % 24))
             .uuid("instance", which)
             .raw("/dev/vda")
             .null()
             .number(0);
         if (failed)
           r.null();
         else
           r.raw(host + ".example.com");
         r.number(deleted ? static_cast<std::int64_t>(r.i) + 1 : 0).number(deleted).number(0);
       }});
  set.tables.push_back({schema, "instance_extra", head + R"(
  `deleted` int(11) DEFAULT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `instance_uuid` varchar(36) NOT NULL,
  `numa_topology` text DEFAULT NULL,
  `pci_requests` text DEFAULT NULL,
  `flavor` text DEFAULT NULL,
  `vcpu_model` text DEFAULT NULL,
  `migration_context` text DEFAULT NULL,
  `keypairs` text DEFAULT NULL,
  `device_metadata` text DEFAULT NULL,
  `trusted_certs` text DEFAULT NULL,
  `resources` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `instance_extra_idx` (`instance_uuid`),
  CONSTRAINT `instance_extra_instance_uuid_fkey` FOREIGN KEY (`instance_uuid`) REFERENCES `instances` (`uuid`))",
                        instances, !failed, "", [=](Row& r) {
                          const auto which = first + r.i;
                          stamp(r, gone(which));
                          r.number(gone(which) ? static_cast<std::int64_t>(r.i) + 1 : 0)
                              .id()
                              .uuid("instance", which);
                          if (r.chance(20))
                            r.text(numa_json(uuid_of(r, "instance", which)));
                          else
                            r.null();
                          r.raw("[]")
                              .text(flavor_json(r, mix(which) % 24))
                              .null()
                              .null()
                              .text(keypair_json(r))
                              .null()
                              .null()
                              .null();
                        }});
  set.tables.push_back(
      {schema, "instance_info_caches", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `network_info` mediumtext DEFAULT NULL,
  `instance_uuid` varchar(36) NOT NULL,
  `deleted` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_instance_info_caches0instance_uuid` (`instance_uuid`),
  CONSTRAINT `instance_info_caches_instance_uuid_fkey` FOREIGN KEY (`instance_uuid`) REFERENCES `instances` (`uuid`))",
       instances, !failed, "`updated_at` = '2026-11-20 09:15:01', `network_info` = '[]'",
       [=](Row& r) {
         const auto which = first + r.i;
         stamp(r, gone(which));
         r.id();
         if (failed)
           r.raw("[]");
         else
           r.text(network_json(r, uuid_of(r, "port", which),
                               uuid_of(r, "network", mix(which) % networks)));
         r.uuid("instance", which).number(gone(which) ? static_cast<std::int64_t>(r.i) + 1 : 0);
       }});
  set.tables.push_back({schema, "instance_system_metadata", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `instance_uuid` varchar(36) NOT NULL,
  `key` varchar(255) NOT NULL,
  `value` varchar(255) DEFAULT NULL,
  `deleted` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `instance_uuid` (`instance_uuid`),
  CONSTRAINT `instance_system_metadata_ibfk_1` FOREIGN KEY (`instance_uuid`) REFERENCES `instances` (`uuid`))",
                        instances * 4, !failed, "",
                        [=](Row& r) {
                          const auto which = first + r.i / 4;
                          stamp(r, gone(which));
                          r.id().uuid("instance", which).raw(kMetadataKeys[r.i % 4]);
                          if (r.i % 4 == 1)
                            r.uuid("image", r.below(images));
                          else
                            r.raw(r.i % 4 == 0   ? "virtio"
                                  : r.i % 4 == 2 ? "tenant-" + std::to_string(mix(which) % projects)
                                                 : "member,reader");
                          r.number(gone(which) ? static_cast<std::int64_t>(r.i) + 1 : 0);
                        },
                        4});
  set.tables.push_back(
      {schema, "instance_faults", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `instance_uuid` varchar(36) DEFAULT NULL,
  `code` int(11) NOT NULL,
  `message` varchar(255) DEFAULT NULL,
  `details` mediumtext DEFAULT NULL,
  `host` varchar(255) DEFAULT NULL,
  `deleted` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `host` (`host`),
  KEY `instance_faults_instance_uuid_deleted_created_at_idx` (`instance_uuid`,`deleted`,`created_at`),
  CONSTRAINT `fk_instance_faults_instance_uuid` FOREIGN KEY (`instance_uuid`) REFERENCES `instances` (`uuid`))",
       failed ? instances : instances / 10, false, "", [=](Row& r) {
         const auto which = first + (failed ? r.i : r.i * 10);
         stamp(r, false);
         r.id()
             .uuid("instance", which)
             .number(500)
             .raw("No valid host was found. There are not enough hosts available.");
         r.text(
             "  File \"/usr/lib/python3.9/site-packages/nova/conductor/manager.py\", line 1654, in "
             "schedule_and_build\n"
             "    host_lists = self._schedule_instances(context, "
             "request_specs[0])\n\tnova.exception_Remote.NoValidHost\n");
         r.null().number(0);
       }});
  if (failed) return;

  set.tables.push_back({schema, "instance_actions", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `action` varchar(255) DEFAULT NULL,
  `instance_uuid` varchar(36) DEFAULT NULL,
  `request_id` varchar(255) DEFAULT NULL,
  `user_id` varchar(255) DEFAULT NULL,
  `project_id` varchar(255) DEFAULT NULL,
  `start_time` datetime DEFAULT NULL,
  `finish_time` datetime DEFAULT NULL,
  `message` varchar(255) DEFAULT NULL,
  `deleted` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `instance_uuid_idx` (`instance_uuid`),
  KEY `request_id_idx` (`request_id`),
  KEY `instance_actions_instance_uuid_updated_at_idx` (`instance_uuid`,`updated_at`),
  CONSTRAINT `fk_instance_actions_instance_uuid` FOREIGN KEY (`instance_uuid`) REFERENCES `instances` (`uuid`))",
                        instances * 2, true, "",
                        [=](Row& r) {
                          const auto which = r.i / 2;
                          const auto born = r.born();
                          stamp(r, false);
                          std::string request = "req-";
                          append_uuid(request, r.kind("request"), r.i);
                          r.id()
                              .raw(r.i % 2 == 0 ? "create" : kActions[r.below(6)])
                              .uuid("instance", which)
                              .raw(request);
                          r.hex32("user", mix(which) % users)
                              .hex32("project", mix(which) % projects)
                              .datetime(born)
                              .datetime(born + 12);
                          r.null().number(0);
                        },
                        2});
  set.tables.push_back({schema, "instance_actions_events", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `event` varchar(255) DEFAULT NULL,
  `action_id` int(11) DEFAULT NULL,
  `start_time` datetime DEFAULT NULL,
  `finish_time` datetime DEFAULT NULL,
  `result` varchar(255) DEFAULT NULL,
  `traceback` text DEFAULT NULL,
  `deleted` int(11) DEFAULT NULL,
  `host` varchar(255) DEFAULT NULL,
  `details` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `action_id` (`action_id`),
  CONSTRAINT `instance_actions_events_ibfk_1` FOREIGN KEY (`action_id`) REFERENCES `instance_actions` (`id`))",
                        instances * 2, true, "",
                        [=](Row& r) {
                          const auto born = r.born();
                          stamp(r, false);
                          r.id()
                              .one_of(kEvents)
                              .id()
                              .datetime(born)
                              .datetime(born + 9)
                              .raw(r.chance(97) ? "Success" : "Error")
                              .null()
                              .number(0);
                          r.raw("compute-" + std::to_string(r.below(hosts))).null();
                        },
                        2});
  set.tables.push_back(
      {schema, "block_device_mapping", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `device_name` varchar(255) DEFAULT NULL,
  `delete_on_termination` tinyint(1) DEFAULT NULL,
  `snapshot_id` varchar(36) DEFAULT NULL,
  `volume_id` varchar(36) DEFAULT NULL,
  `volume_size` int(11) DEFAULT NULL,
  `no_device` tinyint(1) DEFAULT NULL,
  `connection_info` mediumtext DEFAULT NULL,
  `instance_uuid` varchar(36) DEFAULT NULL,
  `deleted` int(11) DEFAULT NULL,
  `source_type` varchar(255) DEFAULT NULL,
  `destination_type` varchar(255) DEFAULT NULL,
  `boot_index` int(11) DEFAULT NULL,
  `uuid` varchar(36) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_block_device_mapping0uuid` (`uuid`),
  KEY `volume_id` (`volume_id`),
  KEY `block_device_mapping_instance_uuid_device_name_idx` (`instance_uuid`,`device_name`),
  CONSTRAINT `block_device_mapping_instance_uuid_fkey` FOREIGN KEY (`instance_uuid`) REFERENCES `instances` (`uuid`))",
       instances, true, "", [=](Row& r) {
         stamp(r, gone(r.i));
         r.id().raw("/dev/vda").number(1).null();
         const auto volume = r.i % volumes;
         r.uuid("volume", volume).number(20).null();
         r.text(
             R"({"driver_volume_type": "rbd", "data": {"name": "volumes/volume-)" +
             uuid_of(r, "volume", volume) +
             R"(", "hosts": ["172.18.0.11", "172.18.0.12"], "ports": ["6789", "6789"], "cluster_name": "ceph", )"
             R"("auth_enabled": true, "auth_username": "openstack", "secret_type": "ceph", "discard": true, "qos_specs": )"
             R"(null, "access_mode": "rw", "encrypted": false, "cacheable": false}})");
         r.uuid("instance", r.i)
             .number(gone(r.i) ? static_cast<std::int64_t>(r.i) + 1 : 0)
             .raw("volume")
             .raw("volume")
             .number(0);
         r.uuid("bdm", r.i);
       }});
  set.tables.push_back({schema, "virtual_interfaces", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `address` varchar(255) DEFAULT NULL,
  `network_id` int(11) DEFAULT NULL,
  `uuid` varchar(36) DEFAULT NULL,
  `instance_uuid` varchar(36) DEFAULT NULL,
  `deleted` int(11) DEFAULT NULL,
  `tag` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_virtual_interfaces0address0deleted` (`address`,`deleted`),
  KEY `virtual_interfaces_uuid_idx` (`uuid`),
  KEY `virtual_interfaces_instance_uuid_fkey` (`instance_uuid`),
  CONSTRAINT `virtual_interfaces_instance_uuid_fkey` FOREIGN KEY (`instance_uuid`) REFERENCES `instances` (`uuid`))",
                        instances, true, "", [=](Row& r) {
                          stamp(r, gone(r.i));
                          std::string address = "fa:16:3e:";
                          append_hex(address, r.i, 8);
                          r.id().raw(address).null().uuid("port", r.i).uuid("instance", r.i);
                          r.number(gone(r.i) ? static_cast<std::int64_t>(r.i) + 1 : 0).null();
                        }});
  set.tables.push_back(
      {schema, "compute_nodes", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `service_id` int(11) DEFAULT NULL,
  `vcpus` int(11) NOT NULL,
  `memory_mb` int(11) NOT NULL,
  `local_gb` int(11) NOT NULL,
  `hypervisor_type` mediumtext NOT NULL,
  `hypervisor_version` int(11) NOT NULL,
  `cpu_info` mediumtext NOT NULL,
  `free_ram_mb` int(11) DEFAULT NULL,
  `hypervisor_hostname` varchar(255) DEFAULT NULL,
  `deleted` int(11) DEFAULT NULL,
  `host_ip` varchar(39) DEFAULT NULL,
  `host` varchar(255) DEFAULT NULL,
  `ram_allocation_ratio` float DEFAULT NULL,
  `cpu_allocation_ratio` float DEFAULT NULL,
  `disk_allocation_ratio` float DEFAULT NULL,
  `uuid` varchar(36) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `compute_nodes_uuid_idx` (`uuid`),
  UNIQUE KEY `uniq_compute_nodes0host0hypervisor_hostname0deleted` (`host`,`hypervisor_hostname`,`deleted`))",
       hosts, false, "`updated_at` = '2026-11-20 10:00:00', `free_ram_mb` = 1000", [](Row& r) {
         r.stamps(1704067200, 100)
             .null()
             .id()
             .null()
             .number(128)
             .number(1048576)
             .number(7000)
             .raw("QEMU")
             .number(8002000);
         r.text(
             R"({"arch": "x86_64", "model": "Icelake-Server", "vendor": "Intel", "topology": {"cells": 2, "sockets": 1, )"
             R"("cores": 32, "threads": 2}, "features": ["avx512f", "aes", "vmx", "pcid", "sse4.2"]})");
         const std::string host = "compute-" + std::to_string(r.i);
         r.number(static_cast<std::int64_t>(r.below(1048576))).raw(host + ".example.com").number(0);
         r.raw("172.17." + std::to_string(r.i / 250) + "." + std::to_string(r.i % 250 + 1))
             .raw(host);
         r.raw("1.5").raw("16").raw("0.3333333").uuid("host", r.i);
       }});
  set.tables.push_back(
      {schema, "migrations", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `source_compute` varchar(255) DEFAULT NULL,
  `dest_compute` varchar(255) DEFAULT NULL,
  `status` varchar(255) DEFAULT NULL,
  `instance_uuid` varchar(36) DEFAULT NULL,
  `old_instance_type_id` int(11) DEFAULT NULL,
  `migration_type` enum('migration','resize','live-migration','evacuation') DEFAULT NULL,
  `hidden` tinyint(1) DEFAULT NULL,
  `memory_total` bigint(20) DEFAULT NULL,
  `uuid` varchar(36) DEFAULT NULL,
  `deleted` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `migrations_uuid` (`uuid`),
  KEY `fk_migrations_instance_uuid` (`instance_uuid`),
  KEY `migrations_updated_at_idx` (`updated_at`),
  CONSTRAINT `fk_migrations_instance_uuid` FOREIGN KEY (`instance_uuid`) REFERENCES `instances` (`uuid`))",
       instances / 5, false, "", [=](Row& r) {
         static constexpr std::array<std::string_view, 4> kTypes = {"migration", "resize",
                                                                    "live-migration", "evacuation"};
         stamp(r, false);
         r.id()
             .raw("compute-" + std::to_string(r.below(hosts)))
             .raw("compute-" + std::to_string(r.below(hosts)));
         r.raw(r.chance(95) ? "completed" : "error")
             .uuid("instance", r.i * 5)
             .number(1)
             .one_of(kTypes)
             .number(0);
         r.number(static_cast<std::int64_t>(r.below(1ULL << 40))).uuid("migration", r.i).number(0);
       }});

  const std::string db = "`" + schema + "`.";
  set.programs.push_back("CREATE VIEW " + db +
                         "`live_instances` AS SELECT `i`.`uuid`, `i`.`display_name`, `i`.`host`, "
                         "`c`.`network_info` FROM " +
                         db + "`instances` `i` JOIN " + db +
                         "`instance_info_caches` `c` ON "
                         "`c`.`instance_uuid` = `i`.`uuid` WHERE `i`.`deleted` = 0");
  set.programs.push_back("CREATE FUNCTION " + db +
                         "`host_load`(`wanted` varchar(255)) RETURNS bigint READS SQL DATA "
                         "COMMENT 'memory of the live instances of a host' RETURN (SELECT "
                         "COALESCE(SUM(`memory_mb`), 0) "
                         "FROM " +
                         db + "`instances` WHERE `host` = `wanted` AND `deleted` = 0)");
  set.programs.push_back("CREATE PROCEDURE " + db +
                         "`archive_deleted_rows`(IN `batch` int) MODIFIES SQL DATA BEGIN DECLARE "
                         "`limit_time` datetime DEFAULT NOW() - INTERVAL 90 DAY; DELETE FROM " +
                         db +
                         "`instance_faults` "
                         "WHERE `deleted` <> 0 AND `deleted_at` < `limit_time` LIMIT `batch`; END");
  set.programs.push_back(
      "CREATE EVENT " + db +
      "`nightly_archive` ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01 02:30:00' "
      "ON COMPLETION PRESERVE DISABLE COMMENT 'calls archive_deleted_rows' DO CALL " +
      db + "`archive_deleted_rows`(1000)");
}

}  // namespace gb::datagen
