// keystone: who there is. String keys of 32 hexadecimal digits, composite keys, an enum, secrets'
// hashes.
#include "table.h"

namespace gb::datagen {
namespace {

constexpr std::array<std::string_view, 6> kDescriptions = {
    "Created by the self-service portal",
    "Labor für Übertragung",
    "研究用プロジェクト",
    "",
    "Line one\nline two\twith a tab and a back\\slash",
    "CI tenant; \"quoted\" and 'quoted'"};
constexpr std::array<std::string_view, 4> kTypes = {"UserProject", "GroupProject", "UserDomain",
                                                    "GroupDomain"};

}  // namespace

void add_keystone(DataSet& set, const Counts& counts) {
  const auto projects = counts.projects, users = counts.users;
  set.tables.push_back(
      {"keystone", "project", R"(
  `id` varchar(64) NOT NULL,
  `name` varchar(64) NOT NULL,
  `extra` text DEFAULT NULL,
  `description` text DEFAULT NULL,
  `enabled` tinyint(1) DEFAULT NULL,
  `domain_id` varchar(64) NOT NULL,
  `parent_id` varchar(64) DEFAULT NULL,
  `is_domain` tinyint(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `ixu_project_name_domain_id` (`domain_id`,`name`),
  KEY `project_parent_id_fkey` (`parent_id`),
  CONSTRAINT `project_domain_id_fkey` FOREIGN KEY (`domain_id`) REFERENCES `project` (`id`),
  CONSTRAINT `project_parent_id_fkey` FOREIGN KEY (`parent_id`) REFERENCES `project` (`id`))",
       projects, true, "`description` = CONCAT('changed ', `id`)", [](Row& r) {
         r.hex32("project", r.i).raw((r.i == 0 ? "Default" : "tenant-") + std::to_string(r.i));
         r.raw("{}").text(kDescriptions[r.below(kDescriptions.size())]).number(r.chance(95));
         r.hex32("project", 0);
         if (r.i == 0)
           r.null().number(1);
         else
           r.hex32("project", 0).number(0);
       }});
  set.tables.push_back({"keystone", "user", R"(
  `id` varchar(64) NOT NULL,
  `extra` text DEFAULT NULL,
  `enabled` tinyint(1) DEFAULT NULL,
  `default_project_id` varchar(64) DEFAULT NULL,
  `created_at` datetime DEFAULT NULL,
  `last_active_at` date DEFAULT NULL,
  `domain_id` varchar(64) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `ixu_user_id_domain_id` (`id`,`domain_id`),
  KEY `ix_default_project_id` (`default_project_id`))",
                        users, true, "`last_active_at` = '2026-11-20'", [projects](Row& r) {
                          const auto born = r.born();
                          r.hex32("user", r.i)
                              .raw("{\"email\": \"user" + std::to_string(r.i) + "@example.com\"}")
                              .number(1);
                          if (r.chance(60))
                            r.hex32("project", r.below(projects));
                          else
                            r.null();
                          r.datetime(born);
                          if (r.chance(40))
                            r.date(born + 8640000);
                          else
                            r.null();
                          r.hex32("project", 0);
                        }});
  set.tables.push_back(
      {"keystone", "local_user", R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `domain_id` varchar(64) NOT NULL,
  `user_id` varchar(64) NOT NULL,
  `name` varchar(255) NOT NULL,
  `failed_auth_count` int(11) DEFAULT NULL,
  `failed_auth_at` datetime DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `user_id` (`user_id`),
  UNIQUE KEY `domain_id` (`domain_id`,`name`),
  CONSTRAINT `local_user_user_id_fkey` FOREIGN KEY (`user_id`, `domain_id`) REFERENCES `user` (`id`, `domain_id`)
    ON DELETE CASCADE ON UPDATE CASCADE)",
       users, true, "`failed_auth_count` = 1, `failed_auth_at` = '2026-11-20 08:00:00'",
       [](Row& r) {
         r.id().hex32("project", 0).hex32("user", r.i).raw("user" + std::to_string(r.i));
         if (r.chance(10))
           r.number(static_cast<std::int64_t>(r.below(5))).datetime(r.born());
         else
           r.number(0).null();
       }});
  set.tables.push_back(
      {"keystone", "password", R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `local_user_id` int(11) NOT NULL,
  `expires_at` datetime DEFAULT NULL,
  `self_service` tinyint(1) NOT NULL DEFAULT 0,
  `password_hash` varchar(255) DEFAULT NULL,
  `created_at_int` bigint(20) NOT NULL DEFAULT 0,
  `expires_at_int` bigint(20) DEFAULT NULL,
  `created_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  KEY `local_user_id` (`local_user_id`),
  CONSTRAINT `password_ibfk_1` FOREIGN KEY (`local_user_id`) REFERENCES `local_user` (`id`) ON DELETE CASCADE)",
       users, true, "", [](Row& r) {
         std::string hash = "$2b$12$";
         for (int k = 0; k < 4; ++k) append_hex(hash, r.random(), k == 3 ? 5 : 16);
         const auto born = r.born();
         r.id().id().null().number(0).raw(hash).number(born * 1000000).null().datetime(born);
       }});
  set.tables.push_back(
      {"keystone", "role", R"(
  `id` varchar(64) NOT NULL,
  `name` varchar(255) NOT NULL,
  `extra` text DEFAULT NULL,
  `domain_id` varchar(64) NOT NULL DEFAULT '<<null>>',
  `description` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `ixu_role_name_domain_id` (`name`,`domain_id`))",
       6, false, "", [](Row& r) {
         static constexpr std::array<std::string_view, 6> kRoles = {
             "admin", "member", "reader", "manager", "service", "heat_stack_user"};
         r.hex32("role", r.i).raw(kRoles[r.i % 6]).raw("{}").raw("<<null>>").null();
       }});
  set.tables.push_back({"keystone", "assignment", R"(
  `type` enum('UserProject','GroupProject','UserDomain','GroupDomain') NOT NULL,
  `actor_id` varchar(64) NOT NULL,
  `target_id` varchar(64) NOT NULL,
  `role_id` varchar(64) NOT NULL,
  `inherited` tinyint(1) NOT NULL,
  PRIMARY KEY (`type`,`actor_id`,`target_id`,`role_id`,`inherited`),
  KEY `ix_actor_id` (`actor_id`))",
                        users * 2, true, "", [projects](Row& r) {
                          r.raw(kTypes[r.i % 10 == 9 ? 2 : 0])
                              .hex32("user", r.i / 2)
                              .hex32("project", r.below(projects));
                          r.hex32("role", r.i % 6).number(0);
                        }});
  set.tables.push_back({"keystone", "revocation_event", R"(
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `domain_id` varchar(64) DEFAULT NULL,
  `project_id` varchar(64) DEFAULT NULL,
  `user_id` varchar(64) DEFAULT NULL,
  `role_id` varchar(64) DEFAULT NULL,
  `issued_before` datetime NOT NULL,
  `revoked_at` datetime NOT NULL,
  `audit_id` varchar(32) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_revocation_event_new_revoked_at` (`revoked_at`),
  KEY `ix_revocation_event_audit_id_issued_before` (`audit_id`,`issued_before`))",
                        users, true, "", [users](Row& r) {
                          const auto born = r.born();
                          r.id()
                              .null()
                              .null()
                              .hex32("user", r.below(users))
                              .null()
                              .datetime(born)
                              .datetime(born)
                              .hex32("audit", r.i);
                        }});
  // A view that hides the rest, and a trigger of the kind that sites add.
  set.programs.push_back(
      "CREATE VIEW `keystone`.`enabled_projects` AS SELECT `id`, `name`, `description` FROM "
      "`keystone`.`project` WHERE `enabled` = 1 AND `is_domain` = 0");
  set.programs.push_back(
      "CREATE VIEW `keystone`.`enabled_tenants` AS SELECT `name` FROM "
      "`keystone`.`enabled_projects` "
      "WHERE `name` LIKE 'tenant-%'");
  set.programs.push_back(
      "CREATE TRIGGER `keystone`.`local_user_name` BEFORE INSERT ON `keystone`.`local_user` FOR "
      "EACH "
      "ROW SET NEW.`name` = TRIM(NEW.`name`)");
}

}  // namespace gb::datagen
