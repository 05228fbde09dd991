"""Dumps that OSK's GaleraBackup left: adopted by kubectl-galera, then backups like every other.

The dumps are made by the command lines of its job (gbtest/osk.py), from the cluster of the bed.
"""

import ctypes
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from gbtest import osk, place, process, proof
from gbtest.apiserver import program
from gbtest.process import wait_until
from support import BACKUPS, NAMESPACE, Case

FIRST, FIRST_NAME = "2026-11-01_02-00-00", "openstack-20261101020000"


class Adopt(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = place.new_folder()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.left = cls.folder / "left"
        galera = cls.bed.galera
        galera.sql("CREATE USER 'adopt me'@'%' IDENTIFIED BY 'it''s'; GRANT SELECT ON glance.* TO 'adopt me'@'%'; "
                   r"GRANT INSERT ON `nova\_api`.* TO 'adopt me'@'%'")
        cls.addClassCleanup(galera.sql, "DROP USER 'adopt me'@'%'")
        dumped = osk.dump(galera, cls.left, FIRST)
        # What the stock client makes of it: mariadb-dump itself rounds FLOAT.
        cls.bed.second.drop_everything()
        osk.load(cls.bed.second, dumped)
        cls.by_client = proof.fingerprint(cls.bed.second)
        lost = {t for t, value in proof.fingerprint(galera).items() if cls.by_client.get(t) != value}
        if lost - {"nova_cell1.compute_nodes"}:
            raise AssertionError(f"mariadb-dump lost more than FLOATs: {lost}")

    def setUp(self):
        self.bed.second.drop_everything()
        self.scratch = pathlib.Path(self.enterContext(_temporary(self.folder)))
        self.store = self.scratch / "store"

    def adopt(self, *arguments, expect=0, **where):
        done = process.run(self.argv(*arguments, **where), check=False, timeout=300)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        self.assertEqual(list(self.scratch.glob("gb-scratch-*")), [], "something stayed behind")
        return done

    def argv(self, *arguments, left=None, store=None, scratch=None):
        return [str(a) for a in (program("kubectl-galera"), "local", "adopt", "--from", left or self.left, "--store",
                                 store or self.store, "-n", NAMESPACE, "--instance", "openstack", "--scratch", scratch or self.scratch,
                                 *arguments)]

    def local(self, *arguments, expect=0):
        done = process.run([program("kubectl-galera"), "local", *arguments, "--store", self.store], check=False, timeout=300)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def backups(self):
        return {i["metadata"]["name"]: i for i in json.loads(self.local("list", "-o", "json").stdout)["items"]}

    def copy_of_left(self):
        folder = self.scratch / "left"
        shutil.copytree(self.left, folder)
        return folder

    def test_an_adopted_dump_is_restored_by_the_offline_tool_with_its_grants(self):
        told = json.loads(self.adopt("-o", "json").stdout)["dumps"]
        self.assertEqual([(d["backup"], d["result"], d["taken"]) for d in told], [(FIRST_NAME, "adopted", "2026-11-01T02:00:00Z")])
        found = self.backups()[FIRST_NAME]
        self.assertEqual(found["status"]["instances"][0]["snapshotTime"], "2026-11-01T02:00:00Z")
        self.assertEqual(found["metadata"]["labels"]["backup.rhoso.io/adopted"], "true")
        self.assertEqual(found["metadata"]["annotations"]["backup.rhoso.io/adopted-sha256"], told[0]["sha256"])
        self.local("check", "--read-data")
        second = self.bed.second
        self.addCleanup(second.sql, "DROP USER IF EXISTS 'adopt me'@'%', poor@'%'")
        self.local("restore", "--backup", "latest", "--grants", "--nodes", ",".join(second.endpoints), "--password-file",
                   second.password_file)
        self.assertEqual(proof.fingerprint(second), self.by_client)
        grants = "".join(row[0] for row in second.sql("SHOW GRANTS FOR 'adopt me'@'%'"))
        self.assertIn("GRANT SELECT ON `glance`.*", grants)
        self.assertIn(self.bed.galera.sql("SHOW CREATE USER 'adopt me'@'%'")[0][0],
                      second.sql("SHOW CREATE USER 'adopt me'@'%'")[0][0])

    def test_what_was_adopted_before_is_left_alone(self):
        self.adopt()
        before = self.backups()
        again = self.adopt()
        self.assertRegex(again.stdout, f"{FIRST_NAME} +adopted before")
        self.assertEqual(self.backups(), before)

    def test_what_is_damaged_is_told_and_the_rest_is_adopted(self):
        left = self.copy_of_left()
        whole = (left / f"openstack_backup_{FIRST}.sql.gz").read_bytes()
        bad = {"cut": whole[:len(whole) // 2], "tail": whole[:-1], "more": whole + b"garbage", "flipped": _flip(whole),
               "empty": b"", "broke-off": _gzip(b"-- MariaDB dump\nCREATE TABLE t (i int);\n")}
        for stamp, data in bad.items():
            (left / f"openstack_backup_{stamp}.sql.gz").write_bytes(data)
        (left / "openstack_backup_2026-11-03_02-00-00.sql.gz.tmp").write_bytes(b"half")
        looked = self.adopt("--dry-run", left=left, expect=3)
        self.assertFalse(self.store.exists())
        done = self.adopt(left=left, expect=3)
        self.assertIn(".sql.gz.tmp is left out", done.stderr)
        for text in (looked.stdout, done.stdout):
            for stamp, words in (("cut", "truncated"), ("tail", "truncated"), ("more", "behind its end"), ("flipped", "damaged"),
                                 ("empty", "empty"), ("broke-off", "Dump completed")):
                self.assertRegex(text, rf"openstack_backup_{stamp}.sql.gz .*bad: .*{words}")
        self.assertEqual(list(self.backups()), [FIRST_NAME])

    def test_a_statement_that_the_server_refuses_is_named_and_the_others_go_on(self):
        left = self.copy_of_left()
        text = "-- Server version\t10.5.1-MariaDB\nCREATE DATABASE a;\nINSERT INTO `a`.`b` VALUES ('secret');\n-- Dump completed\n"
        (left / "openstack_backup_2026-10-31_00-00-00.sql.gz").write_bytes(_gzip(text.encode()))
        done = self.adopt(left=left, expect=1)
        self.assertRegex(done.stdout, r"failed: statement 2 \(line 3, INSERT INTO `a`\) was refused by the server with error 1146")
        self.assertNotIn("secret", done.stdout + done.stderr)
        self.assertEqual(list(self.backups()), [FIRST_NAME])

    def test_a_statement_that_no_dump_holds_is_bad_and_does_nothing(self):
        left = self.copy_of_left()
        target = self.scratch / "target"
        head = "-- Server version\t10.5.1-MariaDB\nCREATE DATABASE a;\n"
        # Neither by itself, nor by a trigger, whose body nobody looks at: the scratch server writes nothing outside of its folder.
        bad = {"2026-10-30": f"SET GLOBAL general_log_file='{target}';\nSET GLOBAL general_log=1;\n",
               "2026-10-29": f"/*!999999 INSERT INTO t VALUES (1) */ SELECT 'x' INTO OUTFILE '{target}';\n",
               "2026-10-28": "INSTALL SONAME 'ha_connect';\n"}
        trigger = (f"USE a;\nCREATE TABLE t (i int);\nDELIMITER ;;\nCREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET GLOBAL general_log_file="
                   f"'{target}'; SET GLOBAL general_log=1; END ;;\nDELIMITER ;\nINSERT INTO t VALUES (1);\n")
        dumps = {**bad, "2026-10-27": trigger} if _has_landlock() else bad
        for day, text in dumps.items():
            (left / f"openstack_backup_{day}_00-00-00.sql.gz").write_bytes(_gzip((head + text + "-- Dump completed\n").encode()))
        done = self.adopt(left=left, expect=3 if dumps is bad else 1)
        self.assertIn("1 adopted, 3 bad" + ("" if dumps is bad else ", 1 failed"), done.stderr)
        for day, words in (("2026-10-30", "SET GLOBAL general_log_file ="), ("2026-10-29", r"INSERT INTO t VALUES \( 1 \) SELECT"),
                           ("2026-10-28", "INSTALL SONAME")):
            self.assertRegex(done.stdout, rf"openstack_backup_{day}_00-00-00.sql.gz .*bad: statement 2 \(line 3\) is none that a dump holds: {words}")
        self.assertFalse(target.exists())
        self.assertEqual(list(self.backups()), [FIRST_NAME])

    def test_a_dump_of_a_newer_server_says_what_is_needed(self):
        left = self.scratch / "newer"
        left.mkdir()
        text = "-- Server version\t99.1.1-MariaDB\nCREATE DATABASE a;\n-- Dump completed\n"
        (left / f"openstack_backup_{FIRST}.sql.gz").write_bytes(_gzip(text.encode()))
        self.assertRegex(self.adopt(left=left, expect=1).stdout, "failed: it was taken from MariaDB 99.1.1.*--mariadbd")
        self.assertEqual(self.backups(), {})

    def test_a_disk_that_is_too_small_is_said(self):
        small = self.scratch / "small"
        small.mkdir()
        if process.run(["mount", "-t", "tmpfs", "-o", "size=160M,mode=0700", "tmpfs", small], check=False).returncode != 0:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(process.run, ["umount", small])
        (small / "fill").write_bytes(bytes(30 << 20))
        done = self.adopt(scratch=small, expect=1)
        self.assertIn("name a folder on a larger disk with --scratch", done.stderr)
        self.assertEqual(list(small.glob("gb-scratch-*")), [])

    def test_killed_while_it_loads_it_leaves_no_server_and_the_next_one_cleans_up(self):
        child, folder = self.adopting()
        pid = int(wait_until("the server's pid", lambda: _text(folder / "pid").strip(), 60))
        child.send_signal(signal.SIGKILL)
        child.wait()
        wait_until("the scratch server to end", lambda: not _runs(pid), 10)
        self.assertTrue(folder.exists())
        self.adopt()
        self.assertFalse(folder.exists())
        self.assertEqual([b["status"]["phase"] for b in self.backups().values()], ["Completed"])

    def test_killed_while_it_dumps_the_next_one_begins_again(self):
        child, folder = self.adopting()
        self.hold(folder, "glance.images")  # no view reads it: it would keep the loading up
        wait_until("the dump to run", lambda: self.store.exists() and [
            b for b in self.backups().values() if b["status"]["phase"] == "Running"], 60)
        child.send_signal(signal.SIGKILL)
        child.wait()
        self.adopt()
        self.assertEqual([b["status"]["phase"] for b in self.backups().values()], ["Completed"])
        self.local("check", "--read-data")

    def test_an_interrupt_leaves_nothing(self):
        child, folder = self.adopting()
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 1, said)
        self.assertFalse(folder.exists())
        self.assertEqual(self.backups(), {})

    def adopting(self):
        """A run that has its scratch server: its process and that server's folder."""
        child = subprocess.Popen(self.argv(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.kill)
        socket = wait_until("the scratch server's socket", lambda: next(iter(self.scratch.glob("gb-scratch-*/socket")), None), 60)
        return child, socket.parent

    def hold(self, folder, table):
        """Locks a table of a scratch server as soon as it is loaded."""
        client = ["mariadb", "--no-defaults", "-uroot", f"--socket={folder}/socket"]
        wait_until("the table to be there", lambda: process.run(
            [*client, "-e", f"SELECT 1 FROM {table} LIMIT 1"], check=False).stdout, 60, interval=0.02)
        holder = subprocess.Popen([*client, "-e", f"LOCK TABLES {table} WRITE; SELECT SLEEP(300)"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)

    def test_adopted_into_a_served_store_it_is_restored_by_kubectl(self):
        self.addCleanup(self._delete, BACKUPS, FIRST_NAME)
        self.adopt(store=self.bed.server.store)
        wait_until("the server to see it", lambda: self.alice.exists(BACKUPS, FIRST_NAME), 30)
        # It reads the repository's log line by line, and may see the adoption on its way.
        found = self.wait_phase(self.backup(FIRST_NAME), "Completed")
        self.assertEqual(self.condition(found, "Verified"), "True")
        restore = self.restore("from-osk", FIRST_NAME, targets={"openstack": "openstack-dr"})
        self.completed(restore)
        self.assertEqual(proof.fingerprint(self.bed.second), self.by_client)

    def test_what_the_command_line_lacks_is_said(self):
        for arguments, expect, words in (
                (["--from", self.left], 2, "--store"),
                (["--from", self.left, "--store", self.store], 2, "does not tell of which instance it is"),
                (["--from", self.folder / "nowhere", "--dry-run"], 1, "there is no folder"),
                (["--from", self.left, "--only", "x*", "--dry-run"], 1, "holds no dump that --only lets through"),
                (["--from", self.left, "--store", self.store, "--instance", "a", "--mariadbd", "/no/such"], 1, "/no/such")):
            done = process.run([program("kubectl-galera"), "local", "adopt", *arguments], check=False)
            self.assertEqual(done.returncode, expect, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertFalse(self.store.exists())


def _temporary(folder):
    return tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True)


def _flip(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:]


def _has_landlock():
    """Whether the kernel keeps a scratch server to its folder: landlock_create_ruleset tells its version."""
    return ctypes.CDLL(None).syscall(444, None, 0, 1) > 0


def _gzip(data):
    return gzip.compress(data)


def _text(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in _text(pathlib.Path(f"/proc/{pid}/status"))
