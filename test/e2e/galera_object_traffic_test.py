"""Applications are kept away from a Galera object that is restored, and let in again, whatever happens."""

import subprocess

from gbtest.galera_object import ACTIVE
from gbtest.process import wait_until
from object_support import TO_CELL1, ObjectCase


class Traffic(ObjectCase):
    def setUp(self):
        super().setUp()
        self.cell1.lead_to("cell1-galera-0")
        self.bed.second.sql("CREATE USER IF NOT EXISTS app@'%' IDENTIFIED BY 'app'")
        self.completed(self.backup("source", ["main"]))

    def standing_restore(self):
        restore, held = self.running_restore("source", TO_CELL1)
        self.wait_log(restore, "applications are kept away until the restore ends")
        return restore, held

    def application(self, node, *where):
        """A connection that would stay for ten minutes; `where` other than over the network, as applications come."""
        client = subprocess.Popen(["mariadb", "--no-defaults", *(where or (f"--host={node.address}", f"--port={node.port}")),
                                   "--user=app", "--password=app", "--execute=SELECT SLEEP(600)"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        return client

    @staticmethod
    def applications(node):
        return node.sql("SELECT id FROM information_schema.processlist WHERE user='app'")

    def test_applications_are_kept_away_until_the_end(self):
        first = self.application(self.bed.second.node(1))
        local = self.application(self.bed.second.node(1), f"--socket={self.bed.second.node(1).socket}")
        wait_until("both to be connected", lambda: len(self.applications(self.bed.second.node(1))) == 2, 30)
        restore, held = self.standing_restore()
        self.assertEqual(self.cell1.active_pod(), "")
        first.wait(30)  # it was put out
        service = self.cell1.service()["metadata"]
        self.assertEqual(service["labels"]["backup.rhoso.io/blocked-by"], self.get(restore)["metadata"]["uid"])
        self.assertEqual(service["annotations"]["backup.rhoso.io/active-pod"], "cell1-galera-0")

        # What mysql_wsrep_notify.sh does on a node that joins; an application that is quick gets in, and out.
        self.cell1.lead_to("cell1-galera-1")
        wait_until("the Service to lead nowhere again", lambda: self.cell1.active_pod() == "", 10)
        self.wait_log(restore, "the cluster let applications in again: they are kept away again")
        self.application(self.bed.second.node(2)).wait(30)
        self.assertIsNone(local.poll(), "what runs beside the server is none of the applications")

        held.close()
        self.wait_phase(restore, "Completed")
        self.assertEqual(self.cell1.active_pod(), "cell1-galera-1", "where the cluster led it last")
        self.assert_no_marks(self.cell1)
        self.assertEqual(self.bed.second.sql("SELECT @@GLOBAL.read_only"), [["0"]])

    def test_a_pod_that_is_gone_at_the_end_is_not_led_to(self):
        restore, held = self.standing_restore()
        self.addCleanup(self.cell1.set_ready, self.bed.second.node(1))
        self.cell1.set_ready(self.bed.second.node(1), False)
        held.close()
        self.wait_phase(restore, "Completed")
        self.assertEqual(self.cell1.active_pod(), "cell1-galera-1")

    def test_sigkill_and_a_restart_give_traffic_back(self):
        restore, held = self.standing_restore()
        self.bed.server.kill()
        self.assertEqual(self.cell1.active_pod(), "", "nobody has given it back yet")
        held.close()
        self.addCleanup(self.server_again)
        self.bed.server.start()
        self.wait_phase(restore, "Failed")
        self.assertEqual(self.cell1.active_pod(), "cell1-galera-0")
        self.assert_no_marks(self.cell1)

    def test_a_block_whose_restore_is_no_more_is_taken_off(self):
        restore, held = self.standing_restore()
        marked = self.cell1.service()["metadata"]
        held.close()
        self.wait_phase(restore, "Completed")
        # As if the server had died in the moment in which the restore was deleted.
        self.cell1.patch("service", "cell1", {
            "metadata": {"labels": {"backup.rhoso.io/blocked-by": "a-restore-that-was-deleted"}, "annotations": {
                **{k: v for k, v in marked["annotations"].items() if "rhoso" in k}, "backup.rhoso.io/restore": "deleted"}},
            "spec": {"selector": {ACTIVE: ""}}})
        wait_until("the Service to be given back", lambda: self.cell1.active_pod() == "cell1-galera-0", 90)
        self.assert_no_marks(self.cell1)

    def test_a_service_that_cannot_be_blocked_is_said_before_anything_happens(self):
        self.cell1.run("delete", "service", "cell1")
        self.addCleanup(self.cell1.create)
        self.create_fails(self.restore("unblockable", "source", targets=TO_CELL1), "Conflict", "Traffic", "no Service",
                          hint="spec.blockTraffic")
        self.completed(self.restore("unblocked", "source", targets=TO_CELL1, blockTraffic=False))
