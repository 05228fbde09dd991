"""Faults on the real chain: each leaves an object that says what happened, and a repository that passes its check."""

import signal

from gbtest.process import wait_until
from support import API, BACKUPS, Case, write_over

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
        self.create_fails(self.restore("of-killed", "killed", targets=TO_DR), "Conflict", "killed", "Failed",
                          hint="restore from a backup whose phase is Completed")
        self.check_repository()
        self.completed(self.backup("next", databases=["glance"]))

    def test_sigkill_during_a_restore(self):
        self.completed(self.backup("source"))
        restore, held = self.running_restore("source", TO_DR)
        self.assertEqual([n.sql("SELECT @@GLOBAL.read_only") for n in self.bed.second.nodes], [[["1"]]] * 3)
        self.bed.server.kill()
        held.close()
        self.addCleanup(self.server_again)
        self.bed.server.start()
        found = self.wait_phase(restore, "Failed")
        self.assertIn("the server that ran this restore ended", found["status"]["message"])
        self.assertEqual([n.sql("SELECT @@GLOBAL.read_only") for n in self.bed.second.nodes], [[["0"]]] * 3)
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
        # The lock is still held: a dump that only went on to its end would not get there.
        wait_until("the backup to be gone", lambda: not self.alice.exists(BACKUPS, "cancelled"), 60)
        wait_until("the dump's statements to end", lambda: not self.waiting_nodes(), 30)
        held.close()
        self.check_repository()

    def test_a_node_killed_during_the_dump(self):
        backup = self.backup("node-killed")
        held = self.hold_dumps()
        self.running_dump(backup)
        donor = self.waiting_nodes()[0]
        donor.kill()
        self.addCleanup(lambda: donor.running() or donor.start())
        held.close()
        message = self.wait_phase(backup, "Failed")["status"]["message"]
        self.assertIn(f"the connection to {donor.endpoint} was lost", message)
        self.assertIn("try again when the node is back", message)
        donor.start()
        self.check_repository()
        self.completed(self.backup("after-node", databases=["glance"]))

    def test_a_cluster_that_is_not_primary(self):
        self.second_loses_its_majority()
        self.create_fails(self.backup("non-primary", ["openstack-dr"]), "ServiceUnavailable",
                          'no node of instance "openstack-dr" is Primary and Synced', hint="wait until the cluster is healthy")

    def test_two_restores_at_once_on_one_target(self):
        self.completed(self.backup("wanted"))
        first, held = self.running_restore("wanted", TO_DR)
        self.create_fails(self.restore("second", "wanted", targets=TO_DR), "Conflict", first["metadata"]["name"],
                          'is running on instance "openstack-dr"', hint="wait until it has ended")
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
        self.assertIn("no space left on the device", found["status"]["message"])
        self.check_repository(self.bed.server.config["stores"][1]["filesystem"]["path"])
        self.completed(self.backup("elsewhere", databases=["glance"]))

    def test_a_flipped_bit_in_a_pack(self):
        made = self.completed(self.backup("to-be-damaged", databases=["glance"]))
        store = self.bed.server.store
        packs = [p for p in (store / "data").rglob("*pack*") if p.is_file()]
        own = [p for p in packs if made["metadata"]["uid"] in str(p)]
        self.assertTrue(own, f"no pack of the backup below {store}")
        # Every pack is hit, so that whatever this backup refers to is among it.
        originals = {p: p.read_bytes() for p in packs}

        def put_back():
            for path, data in originals.items():
                write_over(path, data)
        self.addCleanup(put_back)
        for path, data in originals.items():
            middle = len(data) // 2
            write_over(path, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:])
        said = self.check_repository(expect=3)
        for pack in own:
            self.assertIn(f"damage: {pack.relative_to(store)}", said)
        restore = self.restore("of-damaged", "to-be-damaged", targets=TO_DR)
        self.create(restore)
        message = self.wait_phase(restore, "Failed")["status"]["message"]
        self.assertRegex(message, r'^backup "to-be-damaged" is damaged; nothing was changed on the target: .*data/\S+\.pack \(blob \d+\): ')
        self.assertIn("restore from another backup; 'check --read-data' tells what else is damaged", message)
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
