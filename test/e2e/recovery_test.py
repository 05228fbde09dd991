"""Disaster recovery: everything is lost but the repository. New control plane, new server, new and empty clusters."""

import shutil

from gbtest import place, proof
from gbtest.apiserver import ApiServer, instance
from gbtest.controlplane import ControlPlane
from support import BACKUPS, NAMESPACE, Case


class Recovery(Case):
    def test_a_new_cluster_from_the_repository_alone(self):
        backup = self.backup("the-last-one")
        self.completed(backup)
        want = proof.fingerprint(self.bed.galera)
        definitions = proof.definitions(self.bed.galera, self.bed.galera.schemas())
        self.bed.second.drop_everything()
        self.bed.server.stop()  # one writer a repository
        self.addCleanup(self.bed.server.start)

        folder = place.new_folder()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        plane = ControlPlane(folder / "control-plane")
        self.addCleanup(plane.stop)
        plane.start()
        plane.create_namespace(NAMESPACE, admins=["carol"])
        # The new cloud's database has the old one's name; it is the empty one.
        server = ApiServer(folder / "server", self.bed.server.store, [instance(NAMESPACE, "openstack", self.bed.second)], plane)
        self.addCleanup(server.stop)
        server.start()

        carol = plane.user("carol", namespace=NAMESPACE)
        listed = carol.json("get", BACKUPS, "the-last-one")
        self.assertEqual(listed["status"]["phase"], "Completed")
        carol("create", "-f", "-", stdin={
            "apiVersion": "backup.rhoso.io/v1beta1", "kind": "GaleraRestore",
            "metadata": {"name": "new-beginning", "namespace": NAMESPACE}, "spec": {"backup": "the-last-one"}})
        carol("wait", "--for=condition=Completed", "galerarestores.backup.rhoso.io/new-beginning", "--timeout=180s")
        for node in self.bed.second.nodes:
            self.assertEqual(proof.fingerprint(self.bed.second, node=node.number), want)
        self.assertEqual(proof.definitions(self.bed.second, self.bed.second.schemas()), definitions)
