"""Faults on the real chain: each leaves an object that says what happened, and a repository that passes its check."""

import glob
import os
import pathlib
import signal


from gbtest.process import wait_until
from support import API, BACKUPS, RESTORES, Case, write_over

TO_DR = {"openstack": "openstack-dr"}


class Faults(Case):
    def setUp(self):
        self.bed.second.drop_everything()

    def test_sigkill_during_a_dump(self):
        backup = self.backup("killed")
        held = self.hold_dumps()
        self.running_dump(backup)
        self.bed.server.kill()
        held.close()
        self.addCleanup(self.server_again)
        self.bed.server.start()
        found = self.wait_phase(backup, "Failed")
        self.assertEqual(self.condition(found, "Completed"), "False")
        self.assertIn("the server that ran this backup ended", found["status"]["message"])
        self.create_fails(self.restore("of-killed", "killed", targets=TO_DR), "Conflict", "killed", "Failed")
        self.check_repository()
        self.completed(self.backup("next", databases=["glance"]))

    def test_sigkill_during_a_restore(self):
        self.completed(self.backup("source"))
        restore, held = self.running_restore("source", TO_DR)
        self.bed.server.kill()
        held.close()
        self.addCleanup(self.server_again)
        self.bed.server.start()
        found = self.wait_phase(restore, "Failed")
        self.assertIn("the server that ran this restore ended", found["status"]["message"])
        self.check_repository()
        done = self.completed(self.restore("once-more", "source", targets=TO_DR, existing="Replace", safetyBackup=False))
        self.assertEqual(self.condition(done, "Verified"), "True")

    def test_a_client_that_goes_away_does_not_stop_the_dump(self):
        backup = self.backup("left-alone")
        held = self.hold_dumps()
        client = self.start_kubectl("create", "--raw", f"{API}/galerabackups?timeout=30s", "-f", "-", stdin=backup)
        wait_until("the dump to run", lambda: self.alice.exists(BACKUPS, "left-alone") and self.waiting_nodes(), 60)
        client.send_signal(signal.SIGKILL)
        client.wait()
        held.close()
        self.wait_phase(backup, "Completed")

    def test_deleting_a_running_backup_cancels_it(self):
        backup = self.backup("cancelled")
        held = self.hold_dumps()
        self.running_dump(backup)
        self.alice("delete", BACKUPS, "cancelled", "--wait=false")
        held.close()
        wait_until("the backup to be gone", lambda: not self.alice.exists(BACKUPS, "cancelled"), 60)
        self.check_repository()

    def test_a_node_killed_during_the_dump(self):
        backup = self.backup("node-killed")
        held = self.hold_dumps()
        self.running_dump(backup)
        donor = self.waiting_nodes()[0]
        donor.kill()
        self.addCleanup(lambda: donor.running() or donor.start())
        held.close()
        found = self.wait_phase(backup, "Completed", "Failed")
        if found["status"]["phase"] == "Failed":
            self.assertIn(donor.address, found["status"]["message"])
        donor.start()
        self.check_repository()
        self.completed(self.backup("after-node", databases=["glance"]))

    def test_a_cluster_that_is_not_primary(self):
        for number in (2, 3):
            self.bed.second.node(number).isolate()
        self.addCleanup(self.second_primary)
        wait_until("the last node to be non-Primary",
                   lambda: self.bed.second.node(1).status().get("wsrep_cluster_status") != "Primary", 30)
        self.create_fails(self.backup("non-primary", ["openstack-dr"]), "ServiceUnavailable", "Primary", "openstack-dr")

    def second_primary(self):
        second = self.bed.second
        second.sql("SET GLOBAL wsrep_provider_options='pc.bootstrap=1'")
        for number in (2, 3):
            second.node(number).rejoin()
        second.wait_synced()

    def test_two_restores_at_once_on_one_target(self):
        self.completed(self.backup("wanted"))
        first, held = self.running_restore("wanted", TO_DR)
        self.create_fails(self.restore("second", "wanted", targets=TO_DR), "Conflict", first["metadata"]["name"], "openstack-dr")
        held.close()
        self.wait_phase(first, "Completed")

    def test_a_full_disk(self):
        if len(self.bed.server.config["stores"]) < 2:
            self.skipTest("no small file system: mounting is not allowed here")
        admin = self.bed.control_plane.admin
        # kubectl create clusterrole knows only the verbs that it has seen before.
        admin("create", "-f", "-", stdin={
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "use-tiny"},
            "rules": [{"apiGroups": ["backup.rhoso.io"], "resources": ["galerabackupstores"], "resourceNames": ["tiny"],
                       "verbs": ["use"]}]})
        self.addCleanup(admin, "delete", "clusterrole", "use-tiny")
        admin("create", "clusterrolebinding", "use-tiny", "--clusterrole=use-tiny", "--user=alice")
        self.addCleanup(admin, "delete", "clusterrolebinding", "use-tiny")
        backup = self.backup("too-big", store="tiny")
        self.alice.run("create", "-f", "-", stdin=backup)
        found = self.wait_phase(backup, "Failed")
        self.assertRegex(found["status"]["message"].lower(), "space|full")
        self.check_repository(self.bed.server.config["stores"][1]["filesystem"]["path"])
        self.completed(self.backup("elsewhere", databases=["glance"]))

    def test_a_flipped_bit_in_a_pack(self):
        self.completed(self.backup("to-be-damaged", databases=["glance"]))
        store = self.bed.server.store
        packs = [p for p in glob.glob(f"{store}/**", recursive=True) if os.path.isfile(p) and "pack" in p]
        self.assertTrue(packs, f"no pack below {store}")
        # Every pack is hit, so that whatever this backup refers to is among it.
        originals = {p: pathlib.Path(p).read_bytes() for p in packs}

        def put_back():
            for path, data in originals.items():
                write_over(path, data)
        self.addCleanup(put_back)
        for path, data in originals.items():
            middle = len(data) // 2
            write_over(path, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:])
        said = self.check_repository(expect=3)
        self.assertIn(os.path.basename(packs[0]).split(".")[0], said)
        self.alice.run("create", "-f", "-", stdin=self.restore("of-damaged", "to-be-damaged", targets=TO_DR))
        if self.alice.exists(RESTORES, "of-damaged"):
            found = self.wait_phase(self.restore("of-damaged", "to-be-damaged"), "Failed")
            self.assertRegex(found["status"]["message"].lower(), "damage|corrupt|digest")
        self.assertEqual(self.bed.second.schemas(), [], "the target was touched")

    def test_discovery_lives_while_the_database_is_dead(self):
        for node in self.bed.second.nodes:
            node.stop()
        try:
            self.alice("get", BACKUPS)
            self.alice("api-resources", "--api-group=backup.rhoso.io", "--cached=false")
        finally:
            for node in self.bed.second.nodes:
                node.cont()
            self.bed.second.wait_synced()
