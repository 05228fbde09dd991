"""Disaster recovery: everything is lost but the repository. New control plane, new server, new and empty clusters.

What is done is what docs/restore-procedure.md says of a lost site, word for word.
"""

import shutil

from gbtest import place, proof
from gbtest.apiserver import ApiServer, instance
from gbtest.controlplane import ControlPlane
from gbtest.plugin import Plugin
from procedure import LOST_SITE, Reader
from support import NAMESPACE, Case


class Recovery(Case):
    def test_a_new_cluster_from_the_repository_alone(self):
        self.completed(self.backup("before-update"))
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
        plane.create_namespace(NAMESPACE)
        # The new cloud's database has another name; it is the empty one.
        server = ApiServer(folder / "server", self.bed.server.store, [instance(NAMESPACE, "openstack-dr", self.bed.second)], plane)
        # And what was its only store is called otherwise now.
        server.config["stores"][0]["name"] = "old-site"
        self.addCleanup(server.stop)
        server.start()

        plugin = Plugin(folder, plane.admin.program, plane.admin_kubeconfig)
        (folder / "plugin-bin" / "kubectl").symlink_to(plane.admin.program)
        reader = Reader(folder, {**plugin.environment, "STORE": str(server.store), "NODES": ",".join(self.bed.second.endpoints),
                                 "PASSWORD_FILE": str(self.bed.second.password_file)})
        listed, _ = reader.follow(LOST_SITE[0])
        self.assertRegex(listed, r"(?m)^openstack +before-update +.*Completed")
        self.is_restored(want, definitions)

        server.stop()
        self.bed.second.drop_everything()
        self.assertRegex(reader.follow(LOST_SITE[1])[0], r"(?m)^openstack +before-update +.*Completed")
        self.is_restored(want, definitions)
        self.assertEqual(reader.followed, LOST_SITE)

    def is_restored(self, want, definitions):
        for node in self.bed.second.nodes:
            self.assertEqual(proof.fingerprint(self.bed.second, node=node.number), want)
        self.assertEqual(proof.definitions(self.bed.second, self.bed.second.schemas()), definitions)
