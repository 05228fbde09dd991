"""Warm standby, by kubectl: a cluster that follows the backups of another one's schedule."""

import json
import time

from gbtest.process import wait_until
from schedule_test import NEVER, SCHEDULES
from support import API, BACKUPS, GROUP, RESTORES, Case

ONTO_STANDBY = {"openstack": "openstack-dr"}


class Follow(Case):
    def setUp(self):
        self.bed.second.drop_everything()
        self.addCleanup(self.alice.run, "delete", BACKUPS, "-l", f"{GROUP}/schedule=followed")
        template = {"spec": {"databaseInstances": ["openstack"], "databases": ["keystone", "glance"]}}
        self.schedule = self.manifest("GaleraBackupSchedule", "followed", {"schedule": NEVER, "template": template})
        self.create(self.schedule)

    def standby(self, name="standby", **spec):
        self.addCleanup(self.alice.run, "delete", RESTORES, "-l", f"{GROUP}/follow={name}", "--wait=false")
        return self.restore(name, **{"schedule": "followed", "follow": True, "existing": "Replace", "targets": ONTO_STANDBY, **spec})

    def take(self):
        wait_until("the schedule to be idle", lambda: not self.get(self.schedule)["status"].get("active"), 30)
        time.sleep(1)  # the names are of the second
        made = json.loads(self.alice("create", "--raw", f"{API}/galerabackupschedules/followed/trigger", "-f", "/dev/null"))
        self.assertEqual(made["status"]["phase"], "Completed", made["status"].get("message"))
        return made["metadata"]["name"]

    def until_it_holds(self, standby, backup):
        wait_until(f"the standby to hold {backup}", lambda: self.get(standby)["status"].get("backup") == backup, 90)
        return self.get(standby)["status"]

    def test_the_standby_holds_each_new_backup_until_it_is_told_to_stop(self):
        standby = self.standby()
        self.create(standby)
        found = self.get(standby)["status"]
        self.assertEqual(found["phase"], "Following")
        self.assertIn("waits for the first completed backup", found["message"])
        first = self.take()
        self.until_it_holds(standby, first)
        self.bed.galera.sql("CREATE TABLE keystone.of_the_second_day (id INT PRIMARY KEY); INSERT INTO keystone.of_the_second_day VALUES (1), (2)")
        self.addCleanup(self.bed.galera.sql, "DROP TABLE keystone.of_the_second_day")
        second = self.take()
        status = self.until_it_holds(standby, second)
        self.assertEqual(self.bed.second.sql("SELECT COUNT(*) FROM keystone.of_the_second_day")[0][0], "2")
        self.assertEqual(status["follow"]["restored"], 2)
        self.assertLess(status["follow"]["lagSeconds"], 120)
        self.assertEqual(self.condition({"status": status}, "Healthy"), "True")
        made = self.alice.json("get", RESTORES, "-l", f"{GROUP}/follow=standby")["items"]
        self.assertEqual([r["status"]["phase"] for r in made], ["Completed", "Completed"])
        self.assertIn("Following", self.alice("get", RESTORES, "standby"))
        self.assertIn("Restored", self.alice("describe", RESTORES, "standby"))

        ended = json.loads(self.alice("create", "--raw", f"{API}/galerarestores/standby/cancel", "-f", "/dev/null"))
        self.assertEqual(ended["status"]["phase"], "Cancelled")
        self.assertIn(f"the target holds backup {second}", ended["status"]["message"])
        third = self.take()
        # The look that has another one follow has come to this one before.
        other = self.standby("standby-other")
        self.create(other)
        self.until_it_holds(other, third)
        self.assertEqual(self.get(standby)["status"]["backup"], second)
        made = self.alice.json("get", RESTORES, "-l", f"{GROUP}/follow=standby")["items"]
        self.assertEqual(len(made), 2)

    def test_a_server_that_is_killed_goes_on_following(self):
        first = self.take()
        standby = self.standby()
        self.create(standby)
        self.until_it_holds(standby, first)
        self.addCleanup(self.server_again)
        self.bed.server.process.kill()
        self.bed.server.start()
        wait_until("our server to be back", lambda: self.alice.run("get", RESTORES).returncode == 0, 60)
        second = self.take()
        self.assertEqual(self.until_it_holds(standby, second)["follow"]["restored"], 2)

    def test_never_onto_the_cluster_that_the_backups_come_from(self):
        self.create_fails(self.standby(targets={}), "Invalid", "is the cluster that the backups come from",
                          hint="name another cluster in spec.targets")
        # Another name for the same servers.
        self.create_fails(self.standby(targets={"openstack": "wrong-password"}), "Invalid", "is the cluster that the backups come from",
                          hint="name another cluster in spec.targets")

    def test_bad_input(self):
        self.create_fails(self.standby(existing="Fail"), "Invalid", "spec.existing", hint="must be Replace with follow")
        self.create_fails(self.standby(schedule=None, backup="latest"), "Invalid", "spec.schedule", hint="follow restores the backups of a schedule")
        self.create_fails(self.standby(schedule="typo"), "NotFound", 'no schedule "typo"',
                          hint=f"kubectl get {SCHEDULES.split('.')[0]}")
        self.create_fails(self.standby(targets={"openstack": "typo"}), "NotFound", "typo", hint="known there: ")

    def test_a_dry_run_tells_what_differs_table_by_table(self):
        backup = self.take()
        self.completed(self.restore("before", backup, targets=ONTO_STANDBY))
        self.bed.second.sql("DROP TABLE keystone.role; CREATE TABLE keystone.of_mine (id INT)")
        plan = self.alice.json("create", "--dry-run=server", "-f", "-",
                               stdin=self.restore("diff", backup, targets=ONTO_STANDBY, existing="Replace"))["status"]["plan"]
        keystone = next(p for p in plan if p["schema"] == "keystone")
        self.assertEqual(keystone["onlyInTarget"], ["of_mine"])
        self.assertEqual(keystone["onlyInBackup"], ["role"])
        rows = {t["table"]: t for t in keystone["tableRows"]}
        self.assertNotIn("targetRows", rows["role"])
        self.assertEqual(rows["project"]["rows"], int(self.bed.galera.sql("SELECT COUNT(*) FROM keystone.project")[0][0]))
        self.assertIn("targetRows", rows["project"])
