"""A volume that can no longer be written to: what is refused, what goes on, and that all is well again afterwards."""

import json
import os
import shutil
import tempfile
import unittest

from gbtest import place, process
from gbtest.apiserver import ApiServer, instance, program
from gbtest.process import wait_until
from schedule_test import SCHEDULES, soon
from support import API, BACKUPS, GROUP, NAMESPACE, shared_bed


class Store(unittest.TestCase):
    def setUp(self):
        self.bed = shared_bed()
        folder = place.new_folder()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.volume = tempfile.mkdtemp(prefix="gb-volume-")
        self.addCleanup(os.rmdir, self.volume)
        if process.run(["mount", "-t", "tmpfs", "-o", "size=200M,mode=0700", "tmpfs", self.volume], check=False).returncode != 0:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(process.run, ["umount", self.volume])
        self.server = ApiServer(folder, self.volume, [instance(NAMESPACE, "openstack", self.bed.galera)])
        self.addCleanup(self.server.stop)
        self.server.start()
        self.alice = self.server.client("alice")

    @staticmethod
    def backup(name):
        return {"apiVersion": f"{GROUP}/v1beta1", "kind": "GaleraBackup", "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": {"databaseInstances": ["openstack"], "databases": ["glance"]}}

    def store(self):
        return self.alice.json("get", f"galerabackupstores.{GROUP}", "default")["status"]

    def completed(self, name):
        self.alice("create", "-f", "-", stdin=self.backup(name))
        self.alice("wait", "--for=condition=Completed", f"{BACKUPS}/{name}", "--timeout=60s")

    def store_is(self, phase):
        """The status is looked at every ten seconds."""
        return wait_until(f"the store to be {phase}", lambda: self.store()["phase"] == phase, 30)

    def test_a_backup_that_fills_the_only_store_takes_back_what_it_wrote(self):
        """Where it is that full, the end of the job and the objects of others have to be written, too."""
        self.completed("before")
        filler = os.path.join(self.volume, "filler")
        self.addCleanup(lambda: os.path.exists(filler) and os.remove(filler))
        room = os.statvfs(self.volume)
        process.run(["fallocate", "-l", str(room.f_bavail * room.f_frsize - (1 << 20)), filler])
        backup = self.backup("too-big")
        del backup["spec"]["databases"]
        self.alice.run("create", "-f", "-", stdin=backup)
        wait_until("the backup to fail", lambda: self.phase("too-big") == "Failed", 90)
        failed = self.alice.json("get", BACKUPS, "too-big")
        self.assertIn("no space left on the device", failed["status"]["message"])
        left = os.path.join(self.volume, "data", NAMESPACE, failed["metadata"]["uid"])
        wait_until("what it wrote to be gone", lambda: not os.path.isdir(left) or not os.listdir(left), 30)
        os.remove(filler)
        self.completed("afterwards")
        process.run([program("kubectl-galera"), "local", "check", "--store", self.volume, "--read-data"])

    def phase(self, name):
        return self.alice.json("get", BACKUPS, name).get("status", {}).get("phase")

    def test_writes_answer_503_and_reads_go_on(self):
        self.completed("before")
        self.store_is("Available")
        process.run(["mount", "-o", "remount,ro", self.volume])
        # Not by kubectl, which does as Retry-After asks and tries for most of a minute.
        certificate, key = self.server.client_certificate("alice", ["system:masters"])
        refused = process.run(["curl", "--silent", "--include", "--cacert", self.server.ca.cert, "--cert", certificate, "--key", key,
                               "--header", "Content-Type: application/json", "--data", json.dumps(self.backup("meanwhile")),
                               f"{self.server.url}{API}/galerabackups"]).stdout
        for words in ("HTTP/1.1 503", "Retry-After: 5", '"reason":"ServiceUnavailable"', "Read-only file system"):
            self.assertIn(words, refused)
        self.assertIn("(ServiceUnavailable)", self.alice.run("delete", BACKUPS, "before").stderr)
        self.store_is("ReadOnly")
        self.assertIn("is mounted read-only", self.store()["message"])
        self.assertIn('\ngalera_backup_store_up{store="default"} 0\n', self.alice.raw("/metrics"))
        self.assertEqual(self.alice("get", BACKUPS, "-o", "name"), f"galerabackup.{GROUP}/before\n")
        self.assertIn("Completed", self.alice.raw(f"{API}/galerabackups/before/log"))
        process.run(["mount", "-o", "remount,rw", self.volume])
        self.completed("after")
        self.store_is("Available")

    def test_a_run_that_is_due_meanwhile_is_late_and_made_once(self):
        self.alice("create", "-f", "-", stdin={
            "apiVersion": f"{GROUP}/v1beta1", "kind": "GaleraBackupSchedule", "metadata": {"name": "late", "namespace": NAMESPACE},
            "spec": {"schedule": soon(), "template": {"spec": {"databaseInstances": ["openstack"], "databases": ["glance"]}}}})

        def status():
            return self.alice.json("get", SCHEDULES, "late")["status"]
        due = status()["nextScheduleTime"]
        process.run(["mount", "-o", "remount,ro", self.volume])
        # Neither a backup nor a word about it can be recorded.
        wait_until("the run to be due", lambda: "a scheduled backup waits" in self.server.log.read_text(), 120)
        self.assertEqual(self.alice("get", BACKUPS, "-o", "name"), "")
        self.assertEqual(status()["nextScheduleTime"], due)
        process.run(["mount", "-o", "remount,rw", self.volume])
        wait_until("the run to be made up for", lambda: status().get("lastSuccessfulTime"), 120)
        self.assertEqual((status()["lastScheduleTime"], status()["consecutiveFailures"], status()["message"]), (due, 0, ""))
        name = "late-" + due.translate(str.maketrans("", "", "-:TZ"))
        self.assertEqual(self.alice("get", BACKUPS, "-o", "name"), f"galerabackup.{GROUP}/{name}\n")
