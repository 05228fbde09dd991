// neutron: networks, and everything hung on a port. Bigint identities, cascading foreign keys,
// composite keys.
#include "table.h"

namespace gb::datagen {
namespace {

std::string address(std::uint64_t i) {
  return "10." + std::to_string(i / 62500 % 250) + "." + std::to_string(i / 250 % 250) + "." +
         std::to_string(i % 250 + 2);
}

}  // namespace

void add_neutron(DataSet& set, const Counts& counts) {
  const auto projects = counts.projects, networks = counts.networks, ports = counts.ports;
  const auto groups = counts.security_groups, hosts = counts.hosts, instances = counts.instances;
  // standardattributes number every resource: networks first, then subnets, groups, ports.
  const auto subnets_from = networks, groups_from = 2 * networks,
             ports_from = 2 * networks + groups;
  set.tables.push_back(
      {"neutron", "standardattributes", R"(
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `resource_type` varchar(255) NOT NULL,
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `description` varchar(255) DEFAULT NULL,
  `revision_number` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`))",
       ports_from + ports, true,
       "`revision_number` = `revision_number` + 1, `updated_at` = '2026-11-20 11:00:00'",
       [=](Row& r) {
         r.id().raw(r.i < subnets_from  ? "networks"
                    : r.i < groups_from ? "subnets"
                    : r.i < ports_from  ? "securitygroups"
                                        : "ports");
         r.stamps(r.born()).raw("").number(static_cast<std::int64_t>(r.below(12)));
       }});
  set.tables.push_back({"neutron", "networks", R"(
  `project_id` varchar(255) DEFAULT NULL,
  `id` varchar(36) NOT NULL,
  `name` varchar(255) DEFAULT NULL,
  `status` varchar(16) DEFAULT NULL,
  `admin_state_up` tinyint(1) DEFAULT NULL,
  `vlan_transparent` tinyint(1) DEFAULT NULL,
  `standard_attr_id` bigint(20) NOT NULL,
  `availability_zone_hints` varchar(255) DEFAULT NULL,
  `mtu` int(11) NOT NULL DEFAULT 1500,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_networks0standard_attr_id` (`standard_attr_id`),
  KEY `ix_networks_project_id` (`project_id`),
  CONSTRAINT `networks_ibfk_1` FOREIGN KEY (`standard_attr_id`) REFERENCES `standardattributes` (`id`) ON DELETE CASCADE)",
                        networks, false, "", [=](Row& r) {
                          r.hex32("project", r.i % projects)
                              .uuid("network", r.i)
                              .raw("net-" + std::to_string(r.i))
                              .raw("ACTIVE")
                              .number(1)
                              .null();
                          r.id().raw("").number(1442);
                        }});
  set.tables.push_back({"neutron", "subnets", R"(
  `project_id` varchar(255) DEFAULT NULL,
  `id` varchar(36) NOT NULL,
  `name` varchar(255) DEFAULT NULL,
  `network_id` varchar(36) NOT NULL,
  `ip_version` int(11) NOT NULL,
  `cidr` varchar(64) NOT NULL,
  `gateway_ip` varchar(64) DEFAULT NULL,
  `enable_dhcp` tinyint(1) DEFAULT NULL,
  `ipv6_ra_mode` enum('slaac','dhcpv6-stateful','dhcpv6-stateless') DEFAULT NULL,
  `standard_attr_id` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_subnets0standard_attr_id` (`standard_attr_id`),
  KEY `network_id` (`network_id`),
  CONSTRAINT `subnets_ibfk_1` FOREIGN KEY (`network_id`) REFERENCES `networks` (`id`),
  CONSTRAINT `subnets_ibfk_2` FOREIGN KEY (`standard_attr_id`) REFERENCES `standardattributes` (`id`) ON DELETE CASCADE)",
                        networks, false, "", [=](Row& r) {
                          const bool six = r.chance(10);
                          r.hex32("project", r.i % projects)
                              .uuid("subnet", r.i)
                              .raw("subnet-" + std::to_string(r.i))
                              .uuid("network", r.i);
                          r.number(six ? 6 : 4)
                              .raw(six ? "fd00::/64" : "10.0.0.0/8")
                              .raw(six ? "fd00::1" : "10.0.0.1")
                              .number(1);
                          if (six)
                            r.raw("slaac");
                          else
                            r.null();
                          r.number(static_cast<std::int64_t>(subnets_from + r.i) + 1);
                        }});
  set.tables.push_back({"neutron", "securitygroups", R"(
  `project_id` varchar(255) DEFAULT NULL,
  `id` varchar(36) NOT NULL,
  `name` varchar(255) DEFAULT NULL,
  `standard_attr_id` bigint(20) NOT NULL,
  `stateful` tinyint(1) NOT NULL DEFAULT 1,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_securitygroups0standard_attr_id` (`standard_attr_id`),
  CONSTRAINT `securitygroups_ibfk_1` FOREIGN KEY (`standard_attr_id`) REFERENCES `standardattributes` (`id`) ON DELETE CASCADE)",
                        groups, false, "", [=](Row& r) {
                          r.hex32("project", r.i % projects)
                              .uuid("group", r.i)
                              .raw(r.i < projects ? "default" : "web");
                          r.number(static_cast<std::int64_t>(groups_from + r.i) + 1).number(1);
                        }});
  set.tables.push_back({"neutron", "securitygrouprules", R"(
  `project_id` varchar(255) DEFAULT NULL,
  `id` varchar(36) NOT NULL,
  `security_group_id` varchar(36) NOT NULL,
  `direction` enum('ingress','egress') DEFAULT NULL,
  `ethertype` varchar(40) DEFAULT NULL,
  `protocol` varchar(40) DEFAULT NULL,
  `port_range_min` int(11) DEFAULT NULL,
  `port_range_max` int(11) DEFAULT NULL,
  `remote_ip_prefix` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `security_group_id` (`security_group_id`),
  CONSTRAINT `securitygrouprules_ibfk_1` FOREIGN KEY (`security_group_id`) REFERENCES `securitygroups` (`id`) ON DELETE CASCADE)",
                        groups * 5, true, "`remote_ip_prefix` = '192.0.2.0/24'", [=](Row& r) {
                          const auto group = r.i / 5 % groups;
                          r.hex32("project", group % projects)
                              .uuid("rule", r.i)
                              .uuid("group", group)
                              .raw(r.i % 5 < 3 ? "ingress" : "egress");
                          r.raw(r.chance(80) ? "IPv4" : "IPv6");
                          if (r.chance(50))
                            r.raw("tcp").number(443).number(443).raw("0.0.0.0/0");
                          else
                            r.null().null().null().null();
                        }});
  set.tables.push_back(
      {"neutron", "ports", R"(
  `project_id` varchar(255) DEFAULT NULL,
  `id` varchar(36) NOT NULL,
  `name` varchar(255) DEFAULT NULL,
  `network_id` varchar(36) NOT NULL,
  `mac_address` varchar(32) NOT NULL,
  `admin_state_up` tinyint(1) NOT NULL,
  `status` varchar(16) NOT NULL,
  `device_id` varchar(255) NOT NULL,
  `device_owner` varchar(255) NOT NULL,
  `standard_attr_id` bigint(20) NOT NULL,
  `ip_allocation` varchar(16) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_ports0network_id0mac_address` (`network_id`,`mac_address`),
  UNIQUE KEY `uniq_ports0standard_attr_id` (`standard_attr_id`),
  KEY `ix_ports_network_id_device_owner` (`network_id`,`device_owner`),
  KEY `ix_ports_device_id` (`device_id`),
  CONSTRAINT `ports_ibfk_1` FOREIGN KEY (`network_id`) REFERENCES `networks` (`id`),
  CONSTRAINT `ports_ibfk_2` FOREIGN KEY (`standard_attr_id`) REFERENCES `standardattributes` (`id`) ON DELETE CASCADE)",
       ports, true, "`status` = 'DOWN'", [=](Row& r) {
         const auto network = mix(r.i) % networks;
         std::string mac = "fa:16:3e:";
         append_hex(mac, r.i >> 16, 2), mac += ':', append_hex(mac, r.i >> 8, 2), mac += ':',
             append_hex(mac, r.i, 2);
         r.hex32("project", network % projects)
             .uuid("port", r.i)
             .raw("")
             .uuid("network", network)
             .raw(mac)
             .number(1);
         r.raw(r.chance(90) ? "ACTIVE" : "DOWN");
         if (r.i < instances)
           r.uuid("instance", r.i).raw("compute:nova");
         else
           r.raw("dhcp" + std::to_string(r.i)).raw("network:dhcp");
         r.number(static_cast<std::int64_t>(ports_from + r.i) + 1).raw("immediate");
       }});
  set.tables.push_back(
      {"neutron", "ipallocations", R"(
  `port_id` varchar(36) DEFAULT NULL,
  `ip_address` varchar(64) NOT NULL,
  `subnet_id` varchar(36) NOT NULL,
  `network_id` varchar(36) NOT NULL,
  PRIMARY KEY (`ip_address`,`subnet_id`,`network_id`),
  KEY `port_id` (`port_id`),
  KEY `subnet_id` (`subnet_id`),
  KEY `network_id` (`network_id`),
  CONSTRAINT `ipallocations_ibfk_1` FOREIGN KEY (`network_id`) REFERENCES `networks` (`id`) ON DELETE CASCADE,
  CONSTRAINT `ipallocations_ibfk_2` FOREIGN KEY (`port_id`) REFERENCES `ports` (`id`) ON DELETE CASCADE,
  CONSTRAINT `ipallocations_ibfk_3` FOREIGN KEY (`subnet_id`) REFERENCES `subnets` (`id`) ON DELETE CASCADE)",
       ports, true, "", [=](Row& r) {
         const auto network = mix(r.i) % networks;
         r.uuid("port", r.i).raw(address(r.i)).uuid("subnet", network).uuid("network", network);
       }});
  set.tables.push_back(
      {"neutron", "ml2_port_bindings", R"(
  `port_id` varchar(36) NOT NULL,
  `host` varchar(255) NOT NULL DEFAULT '',
  `vif_type` varchar(64) NOT NULL,
  `vnic_type` varchar(64) NOT NULL DEFAULT 'normal',
  `profile` varchar(4095) NOT NULL DEFAULT '',
  `vif_details` varchar(4095) NOT NULL DEFAULT '',
  `status` varchar(16) NOT NULL DEFAULT 'ACTIVE',
  PRIMARY KEY (`port_id`,`host`),
  CONSTRAINT `ml2_port_bindings_ibfk_1` FOREIGN KEY (`port_id`) REFERENCES `ports` (`id`) ON DELETE CASCADE)",
       ports, true, "", [=](Row& r) {
         r.uuid("port", r.i)
             .raw("compute-" + std::to_string(mix(r.i) % hosts))
             .raw("ovs")
             .raw("normal")
             .raw("");
         r.raw(
             R"({"port_filter": true, "connectivity": "l2", "bound_drivers": {"0": "ovn"}, "datapath_type": "system"})");
         r.raw("ACTIVE");
       }});
  set.tables.push_back(
      {"neutron", "agents", R"(
  `id` varchar(36) NOT NULL,
  `agent_type` varchar(255) NOT NULL,
  `binary` varchar(255) NOT NULL,
  `topic` varchar(255) NOT NULL,
  `host` varchar(255) NOT NULL,
  `admin_state_up` tinyint(1) NOT NULL DEFAULT 1,
  `created_at` datetime NOT NULL,
  `started_at` datetime NOT NULL,
  `heartbeat_timestamp` datetime NOT NULL,
  `configurations` varchar(4095) NOT NULL,
  `load` int(11) NOT NULL DEFAULT 0,
  `resource_versions` varchar(8191) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_agents0agent_type0host` (`agent_type`,`host`))",
       hosts, false, "`heartbeat_timestamp` = '2026-11-20 12:00:00'", [](Row& r) {
         const auto born = r.born();
         r.uuid("agent", r.i).raw("OVN Controller agent").raw("ovn-controller").raw("N/A");
         r.raw("compute-" + std::to_string(r.i))
             .number(1)
             .datetime(born)
             .datetime(born + 3)
             .datetime(born + 9000);
         r.raw("{}").number(0).null();
       }});
  set.programs.push_back(
      "CREATE TRIGGER `neutron`.`port_status` BEFORE UPDATE ON `neutron`.`ports` FOR EACH ROW "
      "BEGIN IF "
      "NEW.`status` NOT IN ('ACTIVE', 'BUILD', 'DOWN', 'ERROR', 'N/A') THEN SIGNAL SQLSTATE "
      "'45000' SET "
      "MESSAGE_TEXT = 'unknown port status'; END IF; END");
  set.programs.push_back(
      "CREATE VIEW `neutron`.`addresses` AS SELECT `p`.`device_id`, `p`.`mac_address`, "
      "`a`.`ip_address` "
      "FROM `neutron`.`ports` `p` JOIN `neutron`.`ipallocations` `a` ON `a`.`port_id` = `p`.`id`");
}

}  // namespace gb::datagen
