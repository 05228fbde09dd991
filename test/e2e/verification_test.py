"""Backups with verification: Restore: what it shows, what it finds, and that nothing of it stays behind."""

import pathlib
import shutil

from gbtest import place, process
from gbtest.apiserver import program
from gbtest.process import wait_until
from support import API, BACKUPS
from trial_support import TrialCase


class Verification(TrialCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = place.new_folder()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.addClassCleanup(cls.configure, None)
        cls.scratch = cls.folder / "scratch"
        cls.scratch.mkdir()
        cls.configure({"place": str(cls.scratch), "memory": "64Mi"})

    @classmethod
    def configure(cls, block):
        server = cls.bed.server
        server.config.pop("verification", None)
        if block is not None:
            server.config["verification"] = block
        server.restart()

    def reconfigure(self, **fields):
        before = self.bed.server.config["verification"]
        self.addCleanup(self.configure, before)
        self.configure({**before, **fields})

    def script(self, lines):
        """A mariadbd that tells its version, and runs as these lines of a shell have it."""
        file = self.folder / "mariadbd"
        real = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/libexec:/usr/local/sbin")
        file.write_text(f'#!/bin/sh\ncase "$*" in *--version*) exec {real} "$@";; esac\n' + lines.replace("MARIADBD", real))
        file.chmod(0o755)
        self.addCleanup(file.unlink, missing_ok=True)
        return file

    def folders(self):
        return list(self.scratch.glob("gb-scratch-*"))

    def nothing_is_left(self):
        self.assertEqual(self.folders(), [])
        self.assertEqual(process.run(["pgrep", "-f", f"datadir={self.scratch}"], check=False).stdout, "", "a server runs on")

    def verified(self, found):
        return next(c for c in found["status"]["conditions"] if c["type"] == "Verified")

    def test_it_is_restored_and_compared_and_nothing_stays(self):
        found = self.completed(self.backup("proven", verification="Restore"))
        tables = sum(d["tables"] for d in found["status"]["instances"][0]["databases"])
        shown = found["status"]["verification"]
        self.assertEqual((shown["method"], shown["tables"], shown["mismatches"]), ("Restore", tables, 0))
        verdict = self.verified(found)
        self.assertEqual((verdict["status"], verdict["reason"]), ("True", "Restore"), verdict)
        self.assertIn(f"{tables} tables were compared", verdict["message"])
        text = self.log_of(self.backup("proven"))
        for words in ("every digest of", "restoring it into a scratch server", "comparing what was restored"):
            self.assertIn(words, text)
        self.nothing_is_left()

    def test_rows_that_come_back_otherwise_are_named(self):
        backup = self.backup("refuted", verification="Restore")
        folder, holder = self.held_at_work(backup)
        wait_until("another table to be loaded", lambda: self.client(folder, "SELECT COUNT(*) FROM keystone.project") not in ("", "0"), 60)
        self.client(folder, "SET foreign_key_checks = 0; DELETE FROM keystone.project LIMIT 1")
        holder.kill()
        found = self.wait_phase(backup, "Failed")
        verdict = self.verified(found)
        self.assertEqual((verdict["status"], verdict["reason"]), ("False", "Mismatch"), verdict)
        self.assertIn("keystone.project", verdict["message"])
        self.assertEqual(found["status"]["verification"]["mismatches"], 1)
        self.assertIn("VerificationFailed", self.alice("describe", BACKUPS, "refuted"))
        self.nothing_is_left()

    def test_a_definition_that_comes_back_otherwise_is_named(self):
        backup = self.backup("reworded", verification="Restore")
        folder, holder = self.held_at_work(backup)
        wait_until("another table to be loaded", lambda: self.client(folder, "SELECT COUNT(*) FROM keystone.project") not in ("", "0"), 60)
        self.client(folder, "ALTER TABLE keystone.project COMMENT = 'planted'")
        holder.kill()
        verdict = self.verified(self.wait_phase(backup, "Completed"))
        self.assertEqual((verdict["status"], verdict["reason"]), ("Unknown", "DefinitionDiffers"), verdict)
        self.assertIn("`keystone`.`project`", verdict["message"])
        self.nothing_is_left()

    def test_cancelled_while_it_is_restored_it_leaves_nothing(self):
        backup = self.backup("cancelled-verification", verification="Restore")
        self.held_at_work(backup)
        self.alice("create", "--raw", f"{API}/galerabackups/cancelled-verification/cancel", "-f", "/dev/null")
        self.wait_phase(backup, "Cancelled")
        self.nothing_is_left()

    def test_a_server_that_is_stopped_meanwhile_keeps_the_backup(self):
        backup = self.backup("stopped-verification", verification="Restore")
        self.held_at_work(backup)
        self.addCleanup(self.server_again)
        self.bed.server.stop()
        self.nothing_is_left()
        self.server_again()
        verdict = self.verified(self.wait_phase(backup, "Completed"))
        self.assertEqual((verdict["status"], verdict["reason"]), ("Unknown", "ServerStopped"), verdict)

    def test_a_server_that_is_killed_meanwhile_takes_its_scratch_server_with_it(self):
        backup = self.backup("killed-verification", verification="Restore")
        folder, _ = self.held_at_work(backup)
        pid = int((folder / "pid").read_text())
        self.addCleanup(self.server_again)
        self.bed.server.kill()
        wait_until("the scratch server to end", lambda: not pathlib.Path(f"/proc/{pid}").exists(), 10)
        self.server_again()
        verdict = self.verified(self.wait_phase(backup, "Completed"))
        self.assertEqual((verdict["status"], verdict["reason"]), ("Unknown", "ServerDied"), verdict)
        self.nothing_is_left()

    def test_a_mariadbd_that_does_not_start_says_nothing_of_the_backup(self):
        self.reconfigure(server=str(self.script("echo the planted fault >&2\nexit 7\n")))
        found = self.completed(self.backup("untried", verification="Restore"))
        verdict = self.verified(found)
        self.assertEqual((verdict["status"], verdict["reason"]), ("Unknown", "NoScratchServer"), verdict)
        self.assertIn("the planted fault", verdict["message"])
        self.assertIn("not verified by a restore", found["status"]["message"])
        self.assertEqual(found["status"]["verification"]["method"], "Checksum")
        self.assertIn("NotVerified", self.alice("describe", BACKUPS, "untried"))
        self.nothing_is_left()

    def test_what_the_server_refuses_fails_the_backup(self):
        # Tables that the cluster has, and this server takes no rows into.
        self.reconfigure(server=str(self.script('exec MARIADBD "$@" --innodb-read-only-compressed=ON\n')))
        self.bed.galera.sql("CREATE DATABASE packed; CREATE TABLE packed.t (i int PRIMARY KEY) ROW_FORMAT=COMPRESSED; "
                            "INSERT INTO packed.t VALUES (1)")
        self.addCleanup(self.bed.galera.sql, "DROP DATABASE packed")
        backup = self.backup("unloadable", databases=["packed"], verification="Restore")
        self.create(backup)
        found = self.wait_phase(backup, "Failed")
        verdict = self.verified(found)
        self.assertEqual((verdict["status"], verdict["reason"]), ("False", "NotRestorable"), verdict)
        self.assertIn("packed", verdict["message"])
        self.nothing_is_left()

    def test_without_a_mariadbd_it_is_refused_before_anything_is_read(self):
        file = self.script("exit 1\n")
        self.reconfigure(server=str(file))
        file.unlink()
        self.create_fails(self.backup("nowhere", verification="Restore"), "Conflict", "is not a program",
                          hint="verification: Checksum")
        self.create_fails(self.manifest("GaleraBackupSchedule", "nowhere", {
            "schedule": "0 2 * * *", "template": {"spec": {"databaseInstances": ["openstack"], "verification": "Restore"}}}),
            "Conflict", "is not a program", hint="verification: Checksum")
        self.completed(self.backup("checked", databases=["glance"]))
        checked = process.run([program("galera-backup-apiserver"), "--config", self.bed.server.config_file, "--check-config"], check=False)
        self.assertEqual(checked.returncode, 1)
        self.assertIn("verification.server", checked.stderr)

    def test_a_place_that_is_too_small_is_said(self):
        small = self.folder / "small"
        small.mkdir()
        if process.run(["mount", "-t", "tmpfs", "-o", "size=200M,mode=0700", "tmpfs", small], check=False).returncode != 0:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(process.run, ["umount", small])
        self.reconfigure(place=str(small))
        verdict = self.verified(self.completed(self.backup("cramped", verification="Restore")))
        self.assertEqual((verdict["status"], verdict["reason"]), ("Unknown", "NoScratchSpace"), verdict)
        self.assertIn("verification.place", verdict["message"])
        self.assertEqual(list(small.glob("gb-scratch-*")), [])

    def test_the_plugin_takes_it_and_two_instances_are_restored_one_after_the_other(self):
        self.bed.second.drop_everything()
        self.bed.second.sql("CREATE DATABASE cell; CREATE TABLE cell.t (i int PRIMARY KEY, v varchar(9)); "
                            "INSERT INTO cell.t VALUES (1, 'a'), (2, NULL)")
        self.addCleanup(self.bed.second.drop_everything)
        backup = self.backup("both-proven")
        done = process.run([program("kubectl-galera"), "backup", "both-proven", "--instance", "openstack,openstack-dr", "--databases",
                            "glance,cell", "--verification", "Restore", "--kubeconfig", self.alice.kubeconfig, "-n", "openstack"],
                           check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = self.get(backup)
        self.assertEqual(self.verified(found)["reason"], "Restore")
        tables = sum(d["tables"] for i in found["status"]["instances"] for d in i["databases"])
        self.assertEqual(found["status"]["verification"]["tables"], tables)
        self.nothing_is_left()
