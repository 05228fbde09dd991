"""Instances that are Galera objects: found, backed up and restored as the mariadb-operator of OpenStack leaves them."""

import contextlib

from gbtest import proof
from gbtest.galera_object import GaleraObject, install_kinds
from gbtest.process import wait_until
from support import NAMESPACE, Case


class ObjectCase(Case):
    """`main` is the Galera object of the cluster with data, `cell1` that of the other."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        admin = cls.bed.control_plane.admin
        install_kinds(admin)
        cls.main = GaleraObject(admin, NAMESPACE, "main", cls.bed.galera)
        cls.cell1 = GaleraObject(admin, NAMESPACE, "cell1", cls.bed.second)
        for one in (cls.main, cls.cell1):
            cls.addClassCleanup(one.delete)
            one.create()

    def setUp(self):
        self.bed.second.drop_everything()

    def log_of(self, manifest):
        return self.alice.raw(f"/apis/backup.rhoso.io/v1beta1/namespaces/{NAMESPACE}/{manifest['kind'].lower()}s/"
                              f"{manifest['metadata']['name']}/log")


class FoundByTheirObject(ObjectCase):
    def test_backup_and_restore_by_the_name_of_the_object(self):
        self.main.make_backup_pod()
        backup = self.backup("of-object", ["main"])
        found = self.completed(backup)
        node = found["status"]["instances"][0]["node"]
        self.assertIn(node, ("main-galera-1", "main-galera-2"), "applications use main-galera-0")
        self.assertIn("chosen of 3 nodes", self.log_of(backup))
        restore = self.restore("onto-object", "of-object", targets={"main": "cell1"})
        self.completed(restore)
        self.assertEqual(proof.fingerprint(self.bed.second), proof.fingerprint(self.bed.galera))
        log = self.log_of(restore)
        self.assertIn("applications are kept away until the restore ends", log)
        self.assertIn("applications are let in again", log)
        self.assertEqual(self.cell1.active_pod(), "cell1-galera-0")
        self.assertNotIn("backup.rhoso.io", str(self.cell1.service()["metadata"]))
