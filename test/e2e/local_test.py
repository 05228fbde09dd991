"""kubectl-galera against real clusters where something is wrong: what it says, its exit code, and what it left alone.

What needs no database is in test/unit/cli; that all goes well, in standalone_test.py.
"""

import json
import pathlib
import shutil
import signal
import subprocess
import tempfile

from gbtest import place, process, proof
from gbtest.apiserver import program
from gbtest.offline import printed
from gbtest.process import wait_until
from support import Case, write_over


class Local(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = place.new_folder()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.store = cls.folder / "store"
        done = process.run(cls.argv("backup", "--name", "good", "--databases", "glance", galera=cls.bed.galera), check=False)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)

    def setUp(self):
        self.bed.second.drop_everything()

    @classmethod
    def argv(cls, *arguments, galera=None, store=None, user="root", password_file=None):
        where = [] if galera is None else ["--nodes", ",".join(galera.endpoints), "--user", user, "--password-file",
                                           password_file or galera.password_file]
        return [str(a) for a in (program("kubectl-galera"), "local", *arguments, *where, "--store", store or cls.store)]

    def local(self, *arguments, expect, **where):
        done = process.run(self.argv(*arguments, **where), check=False, timeout=300)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def says(self, done, *words):
        self.assertTrue(done.stderr.splitlines()[-1].strip(), done.stderr)
        self.assertIn("error: ", done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def phases(self, store=None):
        listed = json.loads(self.local("list", "-o", "json", expect=0, store=store).stdout)
        return {i["metadata"]["name"]: i["status"]["phase"] for i in listed["items"]}

    def test_a_wrong_password_names_the_user_and_the_node_and_not_the_password(self):
        wrong = self.folder / "wrong"
        wrong.write_text("a guess\n")
        done = self.local("backup", "--name", "b", galera=self.bed.galera, password_file=wrong, expect=1)
        self.says(done, "root", "password", self.bed.galera.node(2).address.rsplit(".", 1)[0], "check the user and the password")
        self.assertNotIn("a guess", done.stderr)
        self.assertNotIn("b", self.phases())

    def test_a_user_without_privileges_is_told_which_one_to_grant(self):
        done = self.local("backup", "--name", "b", galera=self.bed.galera, user="poor",
                          password_file=self.bed.galera.folder / "poor.password", expect=1)
        self.says(done, "user poor@% lacks the privilege SELECT on *.*", "GRANT SELECT ON *.* TO the user")
        self.assertNotIn("b", self.phases())

    def test_a_cluster_that_is_not_primary(self):
        self.second_loses_its_majority()
        done = self.local("backup", "--name", "b", galera=self.bed.second, expect=1)
        self.says(done, "is Primary and Synced", self.bed.second.node(1).endpoint, "wait until the cluster is healthy")
        done = self.local("restore", "--backup", "good", galera=self.bed.second, expect=1)
        self.says(done, "is part of a primary component", "wait until the cluster has a quorum, or bootstrap it")
        self.assertNotIn("b", self.phases())

    def test_a_node_killed_during_the_dump_and_what_it_leaves_is_not_restored(self):
        held = self.hold_dumps()
        child = subprocess.Popen(self.argv("backup", "--name", "broken", galera=self.bed.galera), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        self.addCleanup(child.kill)
        wait_until("the dump to stand at a table", self.waiting_nodes, 60)
        donor = self.waiting_nodes()[0]
        donor.kill()
        self.addCleanup(lambda: donor.running() or donor.start())
        held.close()
        _, said = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 1, said)
        self.assertIn(f"the connection to {donor.endpoint} was lost", said)
        self.assertIn("try again when the node is back", said)
        donor.start()
        self.assertEqual(self.phases()["broken"], "Failed")
        done = self.local("restore", "--backup", "broken", galera=self.bed.second, expect=1)
        self.says(done, 'backup "broken" is Failed, not Completed', "restore from a backup whose phase is Completed")
        self.assertEqual(self.bed.second.schemas(), [])
        self.local("check", "--read-data", expect=0)

    def test_a_backup_is_restored_into_a_scratch_server_before_it_is_completed(self):
        scratch = self.folder / "scratch"
        scratch.mkdir()
        done = self.local("backup", "--name", "proven", "--databases", "glance", "--verification", "Restore", "--scratch", scratch,
                          "-o", "json", galera=self.bed.galera, expect=0)
        status = printed(done.stdout)["status"]
        verified = next(c for c in status["conditions"] if c["type"] == "Verified")
        self.assertEqual((verified["status"], verified["reason"]), ("True", "Restore"), verified)
        self.assertEqual(status["verification"]["tables"], status["instances"][0]["databases"][0]["tables"])
        self.assertEqual(list(scratch.iterdir()), [])

    def test_a_scratch_server_that_is_not_there_is_said_before_anything_is_read(self):
        done = self.local("backup", "--name", "b", "--verification", "Restore", "--mariadbd", "/nowhere/mariadbd",
                          galera=self.bed.galera, expect=1)
        self.says(done, "/nowhere/mariadbd is not a program", "name the path of a mariadbd")
        done = self.local("backup", "--name", "b", "--scratch", self.folder, galera=self.bed.galera, expect=2)
        self.says(done, "--scratch and --mariadbd are for --verification Restore", "add that, or leave them out")
        self.assertNotIn("b", self.phases())

    def test_a_schema_that_the_cluster_lacks(self):
        done = self.local("backup", "--name", "b", "--databases", "glance,nowhere", galera=self.bed.galera, expect=2)
        self.says(done, '"nowhere"', "name only schemas that are there")
        self.assertNotIn("b", self.phases())

    def test_a_schema_that_the_backup_lacks(self):
        done = self.local("restore", "--backup", "good", "--databases", "keystone", galera=self.bed.second, expect=2)
        self.says(done, "keystone", "it holds: glance")
        self.assertEqual(self.bed.second.schemas(), [])

    def test_a_dry_run_shows_what_stands_in_the_way_and_changes_nothing(self):
        before = proof.fingerprint(self.bed.galera)
        refused = self.local("restore", "--backup", "good", "--dry-run", galera=self.bed.galera, expect=1)
        self.assertIn("FAILED", refused.stdout)
        self.assertIn("glance", refused.stdout)
        planned = self.local("restore", "--backup", "good", "--dry-run", "--existing", "Replace", galera=self.bed.galera, expect=0)
        self.assertRegex(planned.stdout, r"glance +glance +Replace ")
        self.assertEqual(proof.fingerprint(self.bed.galera), before)

    def test_a_damaged_backup_is_refused_before_anything_is_dropped(self):
        damaged = self.folder / "damaged"
        shutil.copytree(self.store, damaged)
        packs = [p for p in (damaged / "data").rglob("*pack*") if p.is_file()]
        self.assertTrue(packs)
        for pack in packs:
            data = pack.read_bytes()
            middle = len(data) // 2
            write_over(pack, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:])
        found = self.local("check", "--read-data", store=damaged, expect=3).stdout
        for pack in packs:
            self.assertIn(f"damage: {pack.relative_to(damaged)}", found)
        self.bed.second.sql("CREATE DATABASE glance; CREATE TABLE glance.precious (i int PRIMARY KEY); "
                            "INSERT INTO glance.precious VALUES (1)")
        before = proof.fingerprint(self.bed.second)
        done = self.local("restore", "--backup", "good", "--existing", "Replace", galera=self.bed.second, store=damaged, expect=1)
        self.says(done, 'backup "good" is damaged; nothing was changed on the target: ', "restore from another backup")
        self.assertRegex(done.stderr, r"data/\S+\.pack \(blob \d+\): ")
        self.assertEqual(proof.fingerprint(self.bed.second), before, "the target was touched")

    def test_a_full_disk(self):
        small = pathlib.Path(tempfile.mkdtemp(prefix="gb-small-", dir=self.folder))
        if process.run(["mount", "-t", "tmpfs", "-o", "size=1M,mode=0700", "tmpfs", small], check=False).returncode != 0:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(process.run, ["umount", small])
        done = self.local("backup", "--name", "too-big", galera=self.bed.galera, store=small, expect=1)
        self.says(done, "no space left")
        self.assertEqual(self.phases(small), {"too-big": "Failed"})
        self.local("check", "--read-data", store=small, expect=0)

    def test_an_interrupt_ends_the_dump_and_leaves_a_repository_that_is_whole(self):
        held = self.hold_dumps()
        child = subprocess.Popen(self.argv("backup", "--name", "stopped", galera=self.bed.galera), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        self.addCleanup(child.kill)
        wait_until("the dump to stand at a table", self.waiting_nodes, 60)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)  # the lock is still held
        self.assertEqual(child.returncode, 1, said)
        self.assertIn("error: ", said)
        self.assertIn(self.phases()["stopped"], ("Failed", "Cancelled"))
        wait_until("the dump's statements to end", lambda: not self.waiting_nodes(), 30)
        held.close()
        self.local("check", "--read-data", expect=0)
