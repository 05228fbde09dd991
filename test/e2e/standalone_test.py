"""Without a control plane: kubectl straight at our server, by a client certificate; and kubectl-galera without either."""

import shutil
import unittest

from gbtest import place, process, proof
from gbtest.apiserver import ApiServer, instance, program
from support import BACKUPS, NAMESPACE, shared_bed


class Standalone(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = shared_bed()
        cls.folder = place.new_folder()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    def setUp(self):
        self.bed.second.drop_everything()

    def test_backup_and_restore_by_a_certificate(self):
        server = ApiServer(self.folder / "server", self.folder / "store", [
            instance(NAMESPACE, "openstack", self.bed.galera), instance(NAMESPACE, "openstack-dr", self.bed.second)])
        self.addCleanup(server.stop)
        server.start()
        alice = server.client("alice")
        head = {"apiVersion": "backup.rhoso.io/v1beta1"}
        alice("create", "-f", "-", stdin={**head, "kind": "GaleraBackup", "metadata": {"name": "b", "namespace": NAMESPACE},
                                          "spec": {"databaseInstances": ["openstack"]}})
        alice("wait", "--for=condition=Completed", f"{BACKUPS}/b", "--timeout=120s")
        alice("create", "-f", "-", stdin={**head, "kind": "GaleraRestore", "metadata": {"name": "r", "namespace": NAMESPACE},
                                          "spec": {"backup": "b", "targets": {"openstack": "openstack-dr"}}})
        alice("wait", "--for=condition=Completed", "galerarestores.backup.rhoso.io/r", "--timeout=180s")
        self.assertEqual(proof.fingerprint(self.bed.second), proof.fingerprint(self.bed.galera))
        stranger = server.client("mallory", groups=["users"])
        self.assertIn("Forbidden", stranger.run("get", BACKUPS).stderr)

    def galera_local(self, *arguments, galera=None, expect=0):
        where = [] if galera is None else ["--nodes", ",".join(galera.endpoints), "--user", "root",
                                           "--password-file", galera.password_file]
        done = process.run([program("kubectl-galera"), "local", *arguments, *where, "--store", self.folder / "local"],
                           check=False, timeout=300)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_the_offline_tool_backs_up_lists_checks_and_restores(self):
        self.galera_local("backup", "--name", "by-hand", galera=self.bed.galera)
        self.assertIn("by-hand", self.galera_local("list"))
        self.galera_local("check", "--read-data")
        self.galera_local("restore", "--backup", "latest", galera=self.bed.second)
        self.assertEqual(proof.fingerprint(self.bed.second), proof.fingerprint(self.bed.galera))
        there = proof.fingerprint(self.bed.second)
        refused = self.galera_local("restore", "--backup", "by-hand", galera=self.bed.second, expect=1)
        for words in ("the target already has", "glance", "existing: Replace"):
            self.assertIn(words, refused)
        self.assertEqual(proof.fingerprint(self.bed.second), there)
        self.assertIn("no-such", self.galera_local("restore", "--backup", "no-such", galera=self.bed.second, expect=1))
