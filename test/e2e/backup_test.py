"""One backup and its restores, by kubectl, with what SQL says before and after."""

import json
import re
import subprocess
import threading
import time

from gbtest import process, proof
from gbtest.apiserver import instance
from gbtest.process import wait_until
from support import API, BACKUPS, GROUP, NAMESPACE, RESTORES, Case

TO_DR = {"openstack": "openstack-dr"}


class BackupAndRestore(Case):
    def setUp(self):
        self.bed.second.drop_everything()

    def test_everything_comes_back_after_a_disaster_though_applications_wrote_meanwhile(self):
        galera = self.bed.galera
        schemas = galera.schemas()
        before = proof.fingerprint(galera, writer=True)
        definitions = proof.definitions(galera, schemas)
        backup, restore = self.backup("before-update"), self.restore("after-disaster", "before-update")
        with proof.Writer(galera) as writer:
            while writer.written < 20:
                time.sleep(0.02)
            low = writer.written
            self.completed(backup)
            high = writer.stop()
        galera.drop_everything()
        self.assertEqual(galera.schemas(), [])
        done = self.completed(restore)
        self.assertEqual(self.condition(done, "Verified"), "True")
        for node in galera.nodes:
            self.assertEqual(proof.fingerprint(galera, node=node.number, writer=True), before)
        k, problem = proof.writer_numbers(galera)
        self.assertEqual(problem, "")
        self.assertTrue(low <= k <= high, f"{low} <= {k} <= {high}")
        self.assertEqual(without_counters(proof.definitions(galera, schemas)), without_counters(definitions))

    def test_a_backup_tells_its_story(self):
        backup = self.backup("story", ttl="720h")
        found = self.completed(backup)
        status = found["status"]
        self.assertEqual(found["spec"]["store"], "default")
        self.assertEqual(found["metadata"]["generation"], 1)
        self.assertEqual(self.condition(found, "Completed"), "True")
        self.assertEqual(self.condition(found, "Verified"), "True")
        self.assertEqual(status["progress"]["percent"], 100)
        self.assertEqual([d["name"] for d in status["instances"][0]["databases"]], self.bed.galera.schemas())
        self.assertNotIn(self.bed.galera.node(1).endpoint, status["instances"][0]["node"], "the active node was read")
        line = next(r for r in self.alice("get", BACKUPS, "-o", "wide").splitlines() if r.startswith("story "))
        self.assertIn("Completed", line)
        self.assertIn("default", line)
        for event in (r"Normal +Started ", r"Normal +SnapshotOpened .* reading from 127\.", r"Normal +Completed "):
            wait_until(f"the event {event}", lambda: re.search(event, self.alice("describe", BACKUPS, "story")), 30)
        self.alice("wait", "--for=condition=Completed", f"{BACKUPS}/story", "--timeout=5s")
        self.assertIn("story", self.alice("get", BACKUPS, "-o", "name"))

    def test_the_log_tells_it_too(self):
        self.completed(self.backup("logged"))
        text = self.alice.raw(f"/apis/{GROUP}/v1beta1/namespaces/{NAMESPACE}/galerabackups/logged/log")
        self.assertIn("chosen of 3 nodes", text)
        self.assertIn("every digest of", text)
        self.assertIn("Completed", text)

    def test_the_log_is_followed_while_the_dump_runs_and_ends_with_it(self):
        backup = self.backup("followed")
        held = self.hold_dumps()
        self.running_dump(backup)
        follower = subprocess.Popen(self.alice.argv("get", "--raw", f"{API}/galerabackups/followed/log?follow=true"),
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.kill)
        for line in follower.stdout:
            if "chosen of 3 nodes" in line:
                break
        else:
            self.fail("the log ended before it said which node was chosen")
        self.assertIsNone(follower.poll(), "the log ended while the dump stands still")
        self.assertEqual(self.phase(backup), "Running")
        held.close()
        rest = follower.stdout.read()
        self.assertEqual(follower.wait(30), 0, rest)
        self.assertIn("every digest of", rest)
        self.assertIn("Completed", rest.splitlines()[-1])
        self.wait_phase(backup, "Completed")

    def test_a_second_backup_costs_only_what_changed(self):
        self.completed(self.backup("day-1"))
        # In place: on a data set this small a table is one chunk, and a row more changes each of its columns.
        self.bed.galera.sql("UPDATE nova_cell1.instances SET host = 'moved' ORDER BY id LIMIT 10")
        found = self.completed(self.backup("day-2"))
        size = {k: bytes_of(v) for k, v in found["status"]["size"].items()}
        self.assertLess(size["added"] * 4, size["stored"], size)
        expected = proof.fingerprint(self.bed.galera)
        self.completed(self.restore("day-2-back", "day-2", targets=TO_DR))
        self.assertEqual(proof.fingerprint(self.bed.second), expected)

    def test_one_schema_under_another_name_beside_the_live_one(self):
        self.completed(self.backup("all"))
        live = proof.fingerprint(self.bed.galera)
        self.addCleanup(self.bed.galera.sql, "DROP DATABASE IF EXISTS glance_old")
        self.completed(self.restore("beside", "all", databases=["glance"], rename={"glance": "glance_old"}))
        after = proof.fingerprint(self.bed.galera)
        for table, value in live.items():
            self.assertEqual(after[table], value, table)
            if table.startswith("glance."):
                self.assertEqual(after[table.replace("glance.", "glance_old.")], value)

    def test_a_restore_onto_existing_schemas_needs_replace(self):
        self.completed(self.backup("kept", databases=["keystone"]))
        galera = self.bed.galera
        want = proof.fingerprint(galera, ["keystone"])
        self.create_fails(self.restore("refused", "kept"), "Conflict", "keystone", hint="Replace")
        galera.sql("DELETE FROM keystone.revocation_event; CREATE TABLE keystone.made_later (i int PRIMARY KEY)")
        self.assertNotEqual(proof.fingerprint(galera, ["keystone"]), want)
        done = self.completed(self.restore("replaced", "kept", existing="Replace"))
        self.assertEqual(proof.fingerprint(galera, ["keystone"]), want)
        safety = done["status"]["safetyBackup"]
        self.addCleanup(self._delete, BACKUPS, safety)
        self.completed(self.restore("undone", safety, existing="Replace", safetyBackup=False))
        self.assertIn("keystone.made_later", proof.fingerprint(galera, ["keystone"]))
        self.completed(self.restore("again", "kept", existing="Replace", safetyBackup=False))
        self.assertEqual(proof.fingerprint(galera, ["keystone"]), want)

    def test_what_an_application_wrote_until_it_was_kept_away_is_in_the_safety_backup(self):
        galera = self.bed.galera
        galera.sql("CREATE DATABASE written; CREATE TABLE written.numbers (n int PRIMARY KEY); "
                   "CREATE USER IF NOT EXISTS app@'%' IDENTIFIED BY 'app'; GRANT ALL ON written.* TO app@'%'")
        self.addCleanup(galera.sql, "DROP USER app@'%'; DROP DATABASE IF EXISTS written; DROP DATABASE IF EXISTS written_until")
        self.completed(self.backup("empty", databases=["written"]))
        acknowledged = 0

        def write():
            """Until it is refused, or no table is there any more."""
            nonlocal acknowledged
            node = galera.node(1)
            while process.run(["mariadb", "-h", node.address, "-P", node.port, "-uapp", "-papp", "-e",
                               f"INSERT INTO written.numbers VALUES ({acknowledged + 1})"], check=False).returncode == 0:
                acknowledged += 1

        application = threading.Thread(target=write)
        application.start()
        wait_until("the application to write", lambda: acknowledged >= 3, 60)
        done = self.completed(self.restore("emptied", "empty", existing="Replace"))
        application.join()
        safety = done["status"]["safetyBackup"]
        self.addCleanup(self._delete, BACKUPS, safety)
        self.completed(self.restore("until", safety, rename={"written": "written_until"}))
        self.assertEqual(galera.sql("SELECT COUNT(*), MAX(n) FROM written_until.numbers"), [[str(acknowledged)] * 2])

    def test_a_dry_run_plans_and_changes_nothing(self):
        self.completed(self.backup("planned", databases=["glance"]))
        before = proof.fingerprint(self.bed.galera)
        planned = json.loads(self.alice("create", "--dry-run=server", "-o", "json", "-f", "-",
                                        stdin=self.restore("plan", "planned", existing="Replace")))
        self.assertEqual([(p["schema"], p["action"]) for p in planned["status"]["plan"]], [("glance", "Replace")])
        self.assertTrue(all(p["passed"] for p in planned["status"]["preflight"]))
        self.assertFalse(self.alice.exists(RESTORES, "plan"))
        self.assertEqual(proof.fingerprint(self.bed.galera), before)

    def test_two_instances_as_one_set(self):
        self.bed.second.sql("CREATE DATABASE cell; CREATE TABLE cell.t (i int PRIMARY KEY, v varchar(9)); "
                            "INSERT INTO cell.t VALUES (1, 'a'), (2, NULL)")
        galera, second = self.bed.galera, self.bed.second
        want = proof.fingerprint(galera, ["glance"]), proof.fingerprint(second)
        found = self.completed(self.backup("both", ["openstack", "openstack-dr"], databases=["glance", "cell"]))
        self.assertEqual([i["name"] for i in found["status"]["instances"]], ["openstack", "openstack-dr"])
        self.assertLess(found["status"]["skewSeconds"], 5)
        second.drop_everything()
        self.completed(self.restore("half", "both", databaseInstances=["openstack-dr"]))
        self.assertEqual(proof.fingerprint(second), want[1])
        galera.sql("DROP DATABASE glance")
        second.drop_everything()
        self.completed(self.restore("whole", "both"))
        self.assertEqual((proof.fingerprint(galera, ["glance"]), proof.fingerprint(second)), want)

    def test_latest_is_the_newest_completed_one(self):
        self.completed(self.backup("older", databases=["glance"]))
        self.completed(self.backup("newer", databases=["placement"]))
        done = self.completed(self.restore("newest", "latest", targets=TO_DR))
        self.assertEqual(done["status"]["backup"], "newer")
        self.assertIn('backup "newer" holds only a part', done["status"]["message"], "none here holds everything")
        self.assertEqual(self.bed.second.schemas(), ["placement"])

    def test_deleting_takes_it_out_of_the_list_and_hold_keeps_it(self):
        backup = self.backup("held", databases=["glance"], hold=True)
        self.completed(backup)
        refused = self.alice.run("delete", BACKUPS, "held")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("hold", refused.stderr)
        self.alice("patch", BACKUPS, "held", "-p", '{"spec": {"hold": false}}')
        self.alice("delete", BACKUPS, "held", "--timeout=20s")
        self.assertFalse(self.alice.exists(BACKUPS, "held"))


class NamespaceThatGoes(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reconfigured(instances=[*cls.bed.server.config["instances"], instance("short-lived", "main", cls.bed.galera)])

    def test_it_takes_its_backups_with_it_also_those_that_are_held(self):
        control_plane, admin = self.bed.control_plane, self.bed.control_plane.admin
        control_plane.create_namespace("short-lived", admins=["uma"])
        uma = self.bed.user("uma", namespace="short-lived")
        uids = {}
        for name, hold in (("plain", False), ("held", True)):
            uma("create", "-f", "-", stdin={
                "apiVersion": f"{GROUP}/v1beta1", "kind": "GaleraBackup", "metadata": {"name": name, "namespace": "short-lived"},
                "spec": {"databaseInstances": ["main"], "databases": ["glance"], "hold": hold}})
            uma("wait", "--for=condition=Completed", f"{BACKUPS}/{name}", "--timeout=120s")
            uids[name] = uma.json("get", BACKUPS, name)["metadata"]["uid"]
        self.assertIn("hold", uma.run("delete", BACKUPS, "held").stderr)
        admin("delete", "namespace", "short-lived", "--timeout=150s", timeout=180)
        self.assertFalse(admin.exists("namespace", "short-lived"))
        self.assertEqual(admin.json("get", BACKUPS, "-n", "short-lived")["items"], [])
        # Their bytes are not lost yet: an administrator who deleted the wrong one can have them back. Who gets the name
        # next, be it the one who had it before, cannot, and is not told what there is.
        control_plane.create_namespace("short-lived", admins=["uma"])
        self.addCleanup(admin, "delete", "namespace", "short-lived", "--timeout=150s", timeout=180)
        for name, uid in uids.items():
            undelete = ("create", "--raw", f"/apis/{GROUP}/v1beta1/namespaces/short-lived/galerabackups/{name}/undelete", "-f", "/dev/null")
            refused = uma.run(*undelete).stderr
            self.assertIn(f'holds no backup "{name}"', refused)
            self.assertNotIn("there is: ", refused)
            self.assertIn("earlier namespace of this name", refused)
            admin(*undelete)
            found = uma.json("get", BACKUPS, name)
            self.assertEqual((found["metadata"]["uid"], found["status"]["phase"]), (uid, "Completed"))


def without_counters(definitions):
    """AUTO_INCREMENT moves with the writer's rows."""
    return {k: " ".join(w for w in v.split(" ") if not w.startswith("AUTO_INCREMENT=")) for k, v in definitions.items()}


def bytes_of(quantity):
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}
    for unit, factor in units.items():
        if quantity.endswith(unit):
            return float(quantity[:-len(unit)]) * factor
    return float(quantity)
