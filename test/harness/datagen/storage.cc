// cinder, glance and placement: what instances are made of and where they are booked.
#include "table.h"

namespace gb::datagen {

void add_cinder(DataSet& set, const Counts& counts) {
  const auto projects = counts.projects, users = counts.users, volumes = counts.volumes;
  const auto instances = counts.instances, images = counts.images, hosts = counts.hosts;
  const std::string head = R"(
  `created_at` datetime(6) DEFAULT NULL,
  `updated_at` datetime(6) DEFAULT NULL,
  `deleted_at` datetime(6) DEFAULT NULL,
  `deleted` tinyint(1) DEFAULT NULL,
)";
  const auto stamp = [](Row& r, bool deleted) {
    const auto born = r.born();
    r.micros(born).micros(born + 40);
    if (deleted)
      r.micros(born + 7000000).number(1);
    else
      r.null().number(0);
  };
  set.tables.push_back({"cinder", "volume_types", head + R"(
  `id` varchar(36) NOT NULL,
  `name` varchar(255) DEFAULT NULL,
  `qos_specs_id` varchar(36) DEFAULT NULL,
  `is_public` tinyint(1) DEFAULT NULL,
  `description` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`))",
                        4, false, "", [=](Row& r) {
                          stamp(r, false);
                          r.uuid("volume_type", r.i)
                              .raw("ceph-tier-" + std::to_string(r.i))
                              .null()
                              .number(1)
                              .text("Größe: bis 10 TiB");
                        }});
  set.tables.push_back({"cinder", "volumes", head + R"(
  `id` varchar(36) NOT NULL,
  `user_id` varchar(255) DEFAULT NULL,
  `project_id` varchar(255) DEFAULT NULL,
  `host` varchar(255) DEFAULT NULL,
  `size` int(11) DEFAULT NULL,
  `availability_zone` varchar(255) DEFAULT NULL,
  `status` varchar(255) DEFAULT NULL,
  `attach_status` varchar(255) DEFAULT NULL,
  `launched_at` datetime(6) DEFAULT NULL,
  `display_name` varchar(255) DEFAULT NULL,
  `display_description` varchar(255) DEFAULT NULL,
  `volume_type_id` varchar(36) NOT NULL,
  `bootable` tinyint(1) DEFAULT NULL,
  `multiattach` tinyint(1) DEFAULT NULL,
  `use_quota` tinyint(1) NOT NULL DEFAULT 1,
  PRIMARY KEY (`id`),
  KEY `volumes_deleted_project_id_idx` (`deleted`,`project_id`),
  KEY `volumes_deleted_host_idx` (`deleted`,`host`),
  KEY `volume_type_id` (`volume_type_id`),
  CONSTRAINT `volumes_ibfk_1` FOREIGN KEY (`volume_type_id`) REFERENCES `volume_types` (`id`))",
                        volumes, true,
                        "`status` = 'available', `updated_at` = '2026-11-20 06:30:00.123456'",
                        [=](Row& r) {
                          stamp(r, r.chance(20));
                          r.uuid("volume", r.i)
                              .hex32("user", r.below(users))
                              .hex32("project", r.below(projects))
                              .raw("hostgroup@ceph#ceph");
                          r.number(static_cast<std::int64_t>(10 + r.below(990)))
                              .raw("nova")
                              .raw("in-use")
                              .raw("attached")
                              .micros(r.born() + 9);
                          r.raw("volume-" + std::to_string(r.i))
                              .text(r.chance(5) ? "data\tof the\nshop" : "")
                              .uuid("volume_type", r.i % 4);
                          r.number(1).number(0).number(1);
                        }});
  set.tables.push_back(
      {"cinder", "volume_attachment", head + R"(
  `id` varchar(36) NOT NULL,
  `volume_id` varchar(36) NOT NULL,
  `attached_host` varchar(255) DEFAULT NULL,
  `instance_uuid` varchar(36) DEFAULT NULL,
  `mountpoint` varchar(255) DEFAULT NULL,
  `attach_time` datetime(6) DEFAULT NULL,
  `attach_mode` varchar(36) DEFAULT NULL,
  `attach_status` varchar(255) DEFAULT NULL,
  `connection_info` text DEFAULT NULL,
  `connector` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `volume_id` (`volume_id`),
  CONSTRAINT `volume_attachment_ibfk_1` FOREIGN KEY (`volume_id`) REFERENCES `volumes` (`id`))",
       volumes, true, "", [=](Row& r) {
         stamp(r, r.chance(20));
         r.uuid("attachment", r.i)
             .uuid("volume", r.i % volumes)
             .raw("compute-" + std::to_string(r.below(hosts)));
         r.uuid("instance", r.i % instances)
             .raw("/dev/vda")
             .micros(r.born())
             .raw("rw")
             .raw("attached");
         r.raw(
             R"({"driver_volume_type": "rbd", "attachment_id": null, "encrypted": false, "access_mode": "rw"})");
         r.raw(
             R"({"platform": "x86_64", "os_type": "linux", "multipath": true, "do_local_attach": false, "mountpoint": null})");
       }});
  set.tables.push_back({"cinder", "volume_glance_metadata", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `volume_id` varchar(36) DEFAULT NULL,
  `snapshot_id` varchar(36) DEFAULT NULL,
  `key` varchar(255) DEFAULT NULL,
  `value` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `volume_id` (`volume_id`),
  CONSTRAINT `volume_glance_metadata_ibfk_1` FOREIGN KEY (`volume_id`) REFERENCES `volumes` (`id`))",
                        volumes * 3, true, "", [=](Row& r) {
                          static constexpr std::array<std::string_view, 3> kKeys = {
                              "image_id", "disk_format", "min_ram"};
                          stamp(r, false);
                          r.id().uuid("volume", r.i / 3 % volumes).null().raw(kKeys[r.i % 3]);
                          if (r.i % 3 == 0)
                            r.uuid("image", r.below(images));
                          else
                            r.raw(r.i % 3 == 1 ? "raw" : "0");
                        }});
  set.tables.push_back(
      {"cinder", "quota_usages", head + R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `project_id` varchar(255) DEFAULT NULL,
  `resource` varchar(300) NOT NULL,
  `in_use` int(11) NOT NULL,
  `reserved` int(11) NOT NULL,
  `until_refresh` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `quota_usages_project_resource` (`project_id`,`resource`))",
       projects * 2, true, "`in_use` = `in_use` + 1", [=](Row& r) {
         stamp(r, false);
         r.id().hex32("project", r.i / 2).raw(r.i % 2 == 0 ? "volumes" : "gigabytes");
         r.number(static_cast<std::int64_t>(r.below(500))).number(0).null();
       }});
}

void add_glance(DataSet& set, const Counts& counts) {
  const auto projects = counts.projects, images = counts.images;
  set.tables.push_back(
      {"glance", "images", R"(
  `id` varchar(36) NOT NULL,
  `name` varchar(255) DEFAULT NULL,
  `size` bigint(20) DEFAULT NULL,
  `status` varchar(30) NOT NULL,
  `created_at` datetime NOT NULL,
  `updated_at` datetime DEFAULT NULL,
  `deleted_at` datetime DEFAULT NULL,
  `deleted` tinyint(1) NOT NULL,
  `disk_format` varchar(20) DEFAULT NULL,
  `container_format` varchar(20) DEFAULT NULL,
  `checksum` varchar(32) DEFAULT NULL,
  `owner` varchar(255) DEFAULT NULL,
  `min_disk` int(11) NOT NULL,
  `min_ram` int(11) NOT NULL,
  `protected` tinyint(1) NOT NULL DEFAULT 0,
  `virtual_size` bigint(20) DEFAULT NULL,
  `visibility` enum('private','public','shared','community') NOT NULL DEFAULT 'shared',
  `os_hidden` tinyint(1) NOT NULL DEFAULT 0,
  `os_hash_algo` varchar(64) DEFAULT NULL,
  `os_hash_value` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_images_deleted` (`deleted`),
  KEY `owner_image_idx` (`owner`),
  KEY `created_at_image_idx` (`created_at`),
  KEY `visibility_image_idx` (`visibility`))",
       images, true, "`os_hidden` = 1", [=](Row& r) {
         static constexpr std::array<std::string_view, 4> kVisibility = {"private", "public",
                                                                         "shared", "community"};
         const auto size = static_cast<std::int64_t>(r.below(20ULL << 30));
         r.uuid("image", r.i)
             .text(r.chance(5) ? "映像-" + std::to_string(r.i)
                               : "rhel-9." + std::to_string(r.i % 8))
             .number(size);
         r.raw("active").stamps(r.born()).null().number(0).raw("qcow2").raw("bare").hex32(
             "checksum", r.i);
         r.hex32("project", r.below(projects))
             .number(0)
             .number(0)
             .number(r.chance(5))
             .number(size * 2)
             .one_of(kVisibility);
         std::string digest;
         for (int k = 0; k < 8; ++k) append_hex(digest, r.random(), 16);
         r.number(0).raw("sha512").raw(digest);
       }});
  set.tables.push_back({"glance", "image_properties", R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `image_id` varchar(36) NOT NULL,
  `name` varchar(255) NOT NULL,
  `value` text DEFAULT NULL,
  `created_at` datetime NOT NULL,
  `updated_at` datetime DEFAULT NULL,
  `deleted_at` datetime DEFAULT NULL,
  `deleted` tinyint(1) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `ix_image_properties_image_id_name` (`image_id`,`name`),
  KEY `ix_image_properties_deleted` (`deleted`),
  CONSTRAINT `image_properties_ibfk_1` FOREIGN KEY (`image_id`) REFERENCES `images` (`id`))",
                        images * 4, true, "",
                        [=](Row& r) {
                          static constexpr std::array<std::string_view, 4> kNames = {
                              "hw_disk_bus", "os_distro", "hw_machine_type", "owner_specified"};
                          r.id()
                              .uuid("image", r.i / 4)
                              .raw(kNames[r.i % 4])
                              .text(r.i % 4 == 3 ? R"({"path": "C:\\images\\x"})" : "q35");
                          r.stamps(r.born()).null().number(0);
                        },
                        4});
  set.tables.push_back(
      {"glance", "image_locations", R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `image_id` varchar(36) NOT NULL,
  `value` text NOT NULL,
  `created_at` datetime NOT NULL,
  `updated_at` datetime DEFAULT NULL,
  `meta_data` text DEFAULT NULL,
  `status` varchar(30) NOT NULL DEFAULT 'active',
  PRIMARY KEY (`id`),
  KEY `ix_image_locations_image_id` (`image_id`),
  CONSTRAINT `image_locations_ibfk_1` FOREIGN KEY (`image_id`) REFERENCES `images` (`id`))",
       images, true, "", [=](Row& r) {
         std::string where = "rbd://f1d2/images/";
         append_uuid(where, r.kind("image"), r.i);
         r.id().uuid("image", r.i).raw(where + "/snap").stamps(r.born()).raw("{}").raw("active");
       }});
}

void add_placement(DataSet& set, const Counts& counts) {
  const auto hosts = counts.hosts, instances = counts.instances;
  set.tables.push_back({"placement", "resource_providers", R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `uuid` varchar(36) NOT NULL,
  `name` varchar(200) DEFAULT NULL,
  `generation` int(11) DEFAULT NULL,
  `root_provider_id` int(11) DEFAULT NULL,
  `parent_provider_id` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_resource_providers0uuid` (`uuid`),
  UNIQUE KEY `uniq_resource_providers0name` (`name`),
  KEY `resource_providers_root_provider_id_idx` (`root_provider_id`),
  CONSTRAINT `resource_providers_ibfk_1` FOREIGN KEY (`root_provider_id`) REFERENCES `resource_providers` (`id`))",
                        hosts, false, "`generation` = `generation` + 1", [](Row& r) {
                          r.stamps(r.born())
                              .id()
                              .uuid("host", r.i)
                              .raw("compute-" + std::to_string(r.i) + ".example.com");
                          r.number(static_cast<std::int64_t>(r.below(90000))).id().null();
                        }});
  set.tables.push_back({"placement", "inventories", R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `resource_provider_id` int(11) NOT NULL,
  `resource_class_id` int(11) NOT NULL,
  `total` int(11) NOT NULL,
  `reserved` int(11) NOT NULL,
  `min_unit` int(11) NOT NULL,
  `max_unit` int(11) NOT NULL,
  `step_size` int(11) NOT NULL,
  `allocation_ratio` float NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_inventories0resource_provider_resource_class` (`resource_provider_id`,`resource_class_id`))",
                        hosts * 3, false, "", [](Row& r) {
                          r.stamps(r.born())
                              .id()
                              .number(static_cast<std::int64_t>(r.i / 3) + 1)
                              .number(static_cast<std::int64_t>(r.i % 3));
                          r.number(1048576).number(512).number(1).number(1048576).number(1).raw(
                              r.i % 3 == 0 ? "16" : "1.0625");
                        }});
  set.tables.push_back({"placement", "consumers", R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `uuid` varchar(36) NOT NULL,
  `project_id` int(11) NOT NULL,
  `user_id` int(11) NOT NULL,
  `generation` int(11) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_consumers0uuid` (`uuid`),
  KEY `consumers_project_id_uuid_idx` (`project_id`,`uuid`))",
                        instances, true, "", [=](Row& r) {
                          r.stamps(r.born())
                              .id()
                              .uuid("instance", r.i)
                              .number(static_cast<std::int64_t>(mix(r.i) % counts.projects) + 1);
                          r.number(static_cast<std::int64_t>(mix(r.i) % counts.users) + 1)
                              .number(static_cast<std::int64_t>(r.below(4)));
                        }});
  set.tables.push_back({"placement", "allocations", R"(
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `resource_provider_id` int(11) NOT NULL,
  `consumer_id` varchar(36) NOT NULL,
  `resource_class_id` int(11) NOT NULL,
  `used` int(11) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `allocations_resource_provider_class_used_idx` (`resource_provider_id`,`resource_class_id`,`used`),
  KEY `allocations_resource_class_id_idx` (`resource_class_id`),
  KEY `allocations_consumer_id_idx` (`consumer_id`))",
                        instances * 2, true, "`used` = `used` + 1", [=](Row& r) {
                          r.stamps(r.born())
                              .id()
                              .number(static_cast<std::int64_t>(mix(r.i / 2) % hosts) + 1)
                              .uuid("instance", r.i / 2);
                          r.number(static_cast<std::int64_t>(r.i % 2))
                              .number(static_cast<std::int64_t>(1 + r.below(16)));
                        }});
  // NOCACHE: a Galera cluster takes a cached sequence only with INCREMENT BY 0.
  set.programs.push_back(
      "CREATE SEQUENCE `placement`.`ticket` START WITH 1000 MINVALUE 1 MAXVALUE 999999 INCREMENT "
      "BY 5 "
      "NOCACHE CYCLE ENGINE=InnoDB");
  set.programs.push_back("SELECT SETVAL(`placement`.`ticket`, 1234)");
}

}  // namespace gb::datagen
