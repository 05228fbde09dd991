"""What the e2e tests share: one bed for a whole run, and words for what they do with it."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from gbtest import load, process
from gbtest.apiserver import instance, program
from gbtest.bed import NAMESPACE, Bed
from gbtest.process import wait_until
from gbtest.session import Session, SqlError

GROUP = "backup.rhoso.io"
API = f"/apis/{GROUP}/v1beta1/namespaces/{NAMESPACE}"
BACKUPS, RESTORES = f"galerabackups.{GROUP}", f"galerarestores.{GROUP}"
FINAL = ("Completed", "Failed", "Cancelled")
ROWS = "40000"
RESTORED_TABLE = "compute_nodes"
BAD_DATABASE, NO_SUCH_TABLE, LOCK_DEADLOCK = 1049, 1146, 1213

_bed = None
_mounted = []


def may_mount():
    with tempfile.TemporaryDirectory() as folder:
        if process.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=False).returncode != 0:
            return False
        process.run(["umount", folder])
        return True


def shared_bed():
    """Galera "openstack" with a small data set, Galera "openstack-dr" (empty), control plane, our server."""
    global _bed
    if _bed is None:
        process.run([program("gb-datagen"), "--help"])
        bed = Bed(second=True, instances=_broken_instances, stores=_tiny_store())
        try:
            bed.start()
            load.generate(bed.folder / "data", program("gb-datagen"), "--rows", ROWS, "--day2")
            load.load_galera(bed.folder / "data", bed.galera)
        except BaseException:
            _show_log(bed)
            bed.stop()
            raise
        _bed = bed
    return _bed


def tear_down():
    global _bed
    if _bed is not None:
        bed, _bed = _bed, None
        keep = os.environ.get("KEEP", "") not in ("", "0")
        bed.stop(keep_folder=keep)
        if keep:
            print(f"data and logs are in {bed.folder}", file=sys.stderr)
    while _mounted:
        folder = _mounted.pop()
        if process.run(["umount", folder], check=False).returncode == 0:
            os.rmdir(folder)


def _show_log(bed):
    if bed.server and bed.server.log.exists():
        print(f"--- the end of {bed.server.log}\n" + "".join(bed.server.log.read_text().splitlines(True)[-20:]), file=sys.stderr)


def _broken_instances(galera):
    """Entries that each have one thing wrong with them."""
    galera.sql("CREATE USER poor@'%' IDENTIFIED BY 'poor'")
    folder = galera.folder
    for name, text in (("wrong", "not the password"), ("poor", "poor")):
        (folder / f"{name}.password").write_text(text)
        (folder / f"{name}.password").chmod(0o600)
    good = instance(NAMESPACE, "good", galera)
    nobody = [f"{n.address}:9" for n in galera.nodes]
    return [{**good, "name": "unreachable", "nodes": nobody, "activeNode": nobody[0]},
            {**good, "name": "wrong-password", "passwordFile": str(folder / "wrong.password")},
            {**good, "name": "no-privileges", "user": "poor", "passwordFile": str(folder / "poor.password")}]


def _tiny_store():
    """A store on a tmpfs that a dump does not fit into; none where mounting is not allowed."""
    folder = tempfile.mkdtemp(prefix="gb-tiny-")
    if process.run(["mount", "-t", "tmpfs", "-o", "size=1M,mode=0700", "tmpfs", folder], check=False).returncode != 0:
        os.rmdir(folder)
        return []
    _mounted.append(folder)
    return [{"name": "tiny", "filesystem": {"path": folder}}]


class Case(unittest.TestCase):
    """A test on the shared bed. Objects that it makes are deleted behind it."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.bed = shared_bed()
        cls.alice = cls.bed.alice

    def backup(self, name, instances=("openstack",), **spec):
        return self.manifest("GaleraBackup", name, {"databaseInstances": list(instances), **spec})

    def restore(self, name, backup=None, **spec):
        return self.manifest("GaleraRestore", name, {**({"backup": backup} if backup else {}), **spec})

    def manifest(self, kind, name, spec):
        self.addCleanup(self._delete, f"{kind.lower()}s.{GROUP}", name)
        return {"apiVersion": f"{GROUP}/v1beta1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}

    def _delete(self, resource, name):
        for _ in range(20):  # kube-apiserver may not have found our server again
            done = self.alice.run("delete", resource, name, "--ignore-not-found", "--wait=false")
            if "resource type" not in done.stderr and "ServiceUnavailable" not in done.stderr:
                return
            time.sleep(0.5)

    def create(self, manifest, timeout=None, through=None):
        """Creates (by the kubectl `through`, else as alice), and returns the object as answered; `timeout` is the server's (\"2s\")."""
        through = through or self.alice
        if timeout is None:
            return through.create(manifest)
        resource = manifest["kind"].lower() + "s"
        return json.loads(through("create", "--raw", f"{API}/{resource}?timeout={timeout}", "-f", "-", stdin=manifest))

    def create_fails(self, manifest, reason, *words, hint):
        """The Status has this reason, and its message these words and `hint`, which says what to do; nothing was created.

        None as the hint: the sentence is Kubernetes' own.
        """
        resource, name = f"{manifest['kind'].lower()}s.{GROUP}", manifest["metadata"]["name"]
        there = self.alice.exists(resource, name)
        done = self.alice.run("create", "-f", "-", stdin=manifest)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        # kubectl words an Invalid differently from every other reason.
        self.assertIn("is invalid:" if reason == "Invalid" else f"({reason})", done.stderr)
        for word in (*words, *([] if hint is None else [hint])):
            self.assertIn(word.lower(), done.stderr.lower())
        self.assertEqual(there, self.alice.exists(resource, name), "an object that was refused is there")
        return done.stderr

    def get(self, manifest):
        return self.alice.json("get", f"{manifest['kind'].lower()}s.{GROUP}", manifest["metadata"]["name"])

    def phase(self, manifest):
        return self.get(manifest).get("status", {}).get("phase")

    def wait_phase(self, manifest, *phases, timeout=180):
        """Waits until the phase is one of these, and returns the object; another final phase fails at once."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.get(manifest)
            phase = found.get("status", {}).get("phase")
            if phase in phases:
                return found
            if phase in FINAL or time.monotonic() > deadline:
                _show_log(self.bed)
                self.fail(f"{manifest['kind']} {manifest['metadata']['name']} is {phase}, not one of {phases}: "
                          f"{found.get('status', {}).get('message')}")
            time.sleep(0.1)

    def completed(self, manifest, timeout=None):
        self.create(manifest, timeout)
        return self.wait_phase(manifest, "Completed")

    def hold_dumps(self):
        """Dumps stop at a table until the returned stack is closed: a lock on every node."""
        held = self.bed.galera.holding_everywhere("LOCK TABLES nova_cell1.instance_system_metadata WRITE")
        self.addCleanup(held.close)
        return held

    def running_dump(self, backup, held_at="a table"):
        self.create(backup, timeout="5s")
        self.wait_phase(backup, "Running")
        wait_until(f"the dump to stand at {held_at}", self.waiting_nodes, 60)

    def running_restore(self, backup, targets, through=None, **spec):
        """A restore onto the second cluster, by the kubectl `through`, that stands still among rows until what is returned is closed.

        It stands at a small table of its own rows: no statement comes to that one any more but those that read and write
        rows (it has no foreign keys, and keys that are made with it), so Galera has no cause to take the lock away. The lock is
        asked for until the table is there; all other tables, their foreign keys and the views come before its comparison.
        """
        restore = self.restore("running", backup, targets=targets, **spec)
        # The node that applications use is written through.
        held = Session(self.bed.second.node(1))
        self.addCleanup(held.close)
        client = self.start_kubectl("create", "--raw", f"{API}/galerarestores?timeout=30s", "-f", "-", stdin=restore, through=through)

        def locked():
            if client.poll():
                self.fail(client.stdout.read())
            return self.locks(held, f"nova_cell1.{RESTORED_TABLE}")
        wait_until("the restore's table to be there, and locked", locked, 60, interval=0.01)
        client.terminate()
        client.wait()
        wait_until("the restore to wait for the lock", self.held_rows, 60)
        # Rarely the lock is given only when the table's rows are there: then its comparison waits.
        self.assertIn(self.get(restore)["status"]["phase"], ("Restoring", "Verifying"))
        return restore, held

    @staticmethod
    def locks(session, table):
        """Whether the lock was given; there is no such table yet, or Galera took it away."""
        try:
            session.ask(f"LOCK TABLES {table} WRITE")
            return True
        except SqlError as error:
            if error.number in (BAD_DATABASE, NO_SUCH_TABLE, LOCK_DEADLOCK):
                return False
            raise

    def held_rows(self):
        return self.bed.second.node(1).sql("SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND "
                                           f"info LIKE '%{RESTORED_TABLE}%' AND info NOT LIKE 'LOCK TABLES%'", check=False)

    def log_of(self, manifest):
        return self.alice.raw(f"{API}/{manifest['kind'].lower()}s/{manifest['metadata']['name']}/log")

    def wait_log(self, manifest, text):
        wait_until(f"the log to say {text!r}", lambda: text in self.log_of(manifest), 60)

    def waiting_nodes(self):
        """The nodes on which a dump waits for our lock."""
        return [n for n in self.bed.galera.nodes if n.running() and n.sql(
            "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND info LIKE '%select%'",
            check=False)]

    def second_loses_its_majority(self):
        """No node of the second cluster is Primary until the test has ended."""
        second = self.bed.second

        def primary_again():
            second.sql("SET GLOBAL wsrep_provider_options='pc.bootstrap=1'")
            for number in (2, 3):
                second.node(number).rejoin()
            second.wait_synced()
        for number in (2, 3):
            second.node(number).isolate()
        self.addCleanup(primary_again)
        wait_until("the last node to be non-Primary", lambda: second.node(1).status().get("wsrep_cluster_status") != "Primary", 30)

    @classmethod
    def reconfigured(cls, **values):
        """The server has these values in its configuration until the class has run."""
        server = cls.bed.server
        before = {key: server.config.get(key) for key in values}

        def restart(config):
            for key, value in config.items():
                if value is None:
                    server.config.pop(key, None)
                else:
                    server.config[key] = value
            server.restart()
        cls.addClassCleanup(restart, before)
        restart(values)

    def server_again(self):
        if not self.bed.server.process.running():
            self.bed.server.start()

    def condition(self, found, kind):
        return next((c["status"] for c in found["status"]["conditions"] if c["type"] == kind), None)

    def check_repository(self, store=None, expect=0):
        """`kubectl-galera local check`, which reads everything back."""
        done = process.run([program("kubectl-galera"), "local", "check", "--read-data", "--store", store or self.bed.server.store],
                           check=False)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def lines_of(self, argv):
        """What a program says that goes on: a list that grows by its lines until the test ends."""
        lines = []
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

        def read():
            for line in child.stdout:
                lines.append(line)
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        for clear_away in (child.stdout.close, child.wait, reader.join, child.kill):
            self.addCleanup(clear_away)
        return lines

    def start_kubectl(self, *arguments, stdin, through=None):
        """kubectl (alice's, unless another is given) in the background, with its input written."""
        child = subprocess.Popen((through or self.alice).argv(*arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        self.addCleanup(child.stdout.close)
        child.stdin.write(json.dumps(stdin))
        child.stdin.close()
        return child


def write_over(path, data):
    mode = os.stat(path).st_mode
    os.chmod(path, 0o600)
    pathlib.Path(path).write_bytes(data)
    os.chmod(path, mode)
