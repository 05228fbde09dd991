"""What a Galera object lacks, and what becomes of it meanwhile: each has its answer."""

from gbtest.process import wait_until
from object_support import ObjectCase
from schedule_test import SCHEDULES, soon
from support import BACKUPS, GROUP


class ObjectFaults(ObjectCase):
    def test_what_is_missing_is_said(self):
        def refused(name, reason, *words, hint):
            self.create_fails(self.backup(name, ["cell1"]), reason, *words, hint=hint)

        self.addCleanup(self.cell1.create)
        self.cell1.secret(self.cell1.root_secret, "password", "x")
        refused("no-key", "Invalid", self.cell1.root_secret, "has no key", hint="DatabasePassword")
        self.cell1.run("delete", "secret", self.cell1.root_secret)
        refused("no-secret", "ServiceUnavailable", self.cell1.root_secret, "does not exist", hint="create it again")
        self.cell1.secret(self.cell1.root_secret, "DatabasePassword", self.bed.second.password)
        for node in self.bed.second.nodes:
            self.cell1.set_ready(node, False)
        refused("no-pod", "ServiceUnavailable", "no pod", "cell1-galera-0: not ready", hint="kubectl get pods -l galera/name=cell1")
        self.cell1.set_ready(self.bed.second.node(3))
        self.completed(self.backup("one-pod", ["cell1"]))

    def test_a_run_that_finds_no_secret_waits_and_says_so(self):
        schedule = self.manifest("GaleraBackupSchedule", "of-cell1", {
            "schedule": soon(), "template": {"spec": {"databaseInstances": ["cell1"]}}})
        self.addCleanup(self.alice.run, "delete", BACKUPS, "-l", f"{GROUP}/schedule=of-cell1", "--wait=false")
        self.create(schedule)
        due = self.get(schedule)["status"]["nextScheduleTime"]
        self.addCleanup(self.cell1.create)
        self.cell1.run("delete", "secret", self.cell1.root_secret)

        def healthy():
            return next(c for c in self.get(schedule)["status"]["conditions"] if c["type"] == "Healthy")
        wait_until("the run to be due", lambda: healthy()["reason"] == "RunWaits", 120)
        told = healthy()
        self.assertEqual(told["status"], "False")
        self.assertTrue(told["message"].startswith(f"the run due at {due} waits: "), told)
        for words in (self.cell1.root_secret, "does not exist", "create it again"):
            self.assertIn(words, told["message"])
        self.assertEqual(self.get(schedule)["status"]["message"], told["message"])
        self.assertIn("RunWaits", self.alice("describe", SCHEDULES, "of-cell1"))
        self.assertEqual(self.alice("get", BACKUPS, "-l", f"{GROUP}/schedule=of-cell1", "-o", "name"), "")

        self.cell1.secret(self.cell1.root_secret, "DatabasePassword", self.bed.second.password)
        wait_until("the run to be made up for", lambda: healthy()["reason"] == "LastRunCompleted", 120)
        status = self.get(schedule)["status"]
        self.assertEqual((status["lastScheduleTime"], status["message"], status["attempt"]), (due, "", 1))
        made = self.alice("get", BACKUPS, "-l", f"{GROUP}/schedule=of-cell1", "-o", "name").split()
        self.assertEqual(made, [f"galerabackup.{GROUP}/{status['lastBackup']}"])

    def test_an_object_that_is_deleted_and_created_again(self):
        lost = self.make_object("lost", self.bed.second)
        self.completed(self.backup("of-main", ["main"], databases=["glance"]))
        lost.delete()
        self.create_fails(self.restore("onto-nothing", "of-main", targets={"main": "lost"}), "NotFound", "lost", hint="main")
        lost.create()  # the same name, another object: a new cluster is what one restores onto after a loss
        self.completed(self.restore("onto-new", "of-main", targets={"main": "lost"}))

    def test_a_donor_that_goes_with_its_object(self):
        lost = self.make_object("going", self.bed.galera)
        backup = self.backup("of-going", ["going"])
        held = self.hold_dumps()
        self.running_dump(backup)
        donor = self.waiting_nodes()[0]
        lost.delete()
        donor.kill()
        self.addCleanup(donor.start)
        held.close()
        found = self.wait_phase(backup, "Failed")
        self.assertIn('Galera object "going" was deleted while this ran', found["status"]["message"])

    def test_a_cluster_that_has_lost_its_majority(self):
        self.second_loses_its_majority()
        self.create_fails(self.backup("non-primary", ["cell1"]), "ServiceUnavailable", "Primary", "cell1-galera-0",
                          hint="wait until the cluster is healthy")
