"""Metrics and notifications of a server at work: what Prometheus scrapes, and what a receiver is told when something fails."""

import json
import re
import time

from gbtest import place, process
from gbtest.process import wait_until
from gbtest.receiver import Receiver
from support import API, GROUP, NAMESPACE, RESTORES, Case

SCHEDULES = f"galerabackupschedules.{GROUP}"
OURS = re.compile(r"\bgalera_backup_[a-z_]+[a-z]\b")


class Monitoring(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        server = cls.bed.server
        # The first message is not taken at once.
        cls.receiver = Receiver(cls.bed.folder / "receiver", answers=[503, 429])
        cls.addClassCleanup(cls.receiver.close)
        server.config["notifications"] = {"webhook": {"url": cls.receiver.url, "caFile": str(cls.receiver.ca.cert),
                                                      "secretFile": str(cls.receiver.secret_file)}}
        cls.addClassCleanup(server.restart)
        cls.addClassCleanup(server.config.pop, "notifications")
        server.restart()
        admin = cls.bed.control_plane.admin
        admin("create", "namespace", "monitoring")
        cls.addClassCleanup(admin, "delete", "namespace", "monitoring", "--wait=false")
        for name in ("prometheus-k8s", "stranger"):
            admin("create", "serviceaccount", name, "-n", "monitoring")
        rbac = place.REPO / "manifests/components/monitoring/rbac.yaml"
        admin("apply", "-f", rbac)
        cls.addClassCleanup(admin, "delete", "-f", rbac)

    def scrape(self, account="prometheus-k8s"):
        """(status, text) of /metrics, as a Prometheus in the cluster would ask."""
        token = self.bed.control_plane.admin("create", "token", account, "-n", "monitoring").strip()
        server = self.bed.server
        done = process.run(["curl", "--silent", "--max-time", "10", "--cacert", server.ca.cert, "--header",
                            f"Authorization: Bearer {token}", "--write-out", "\n%{http_code}", f"{server.url}/metrics"])
        text, _, status = done.stdout.rpartition("\n")
        return int(status), text

    def value(self, name, **labels):
        """The value of the one series with (at least) these labels; None."""
        for line in self.scrape()[1].splitlines():
            series = re.fullmatch(r"galera_backup_(\w+)(?:\{(.*)\})? (\S+)", line)
            if series and series[1] == name and labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', series[2] or "")).items():
                return float(series[3])
        return None

    def test_metrics_are_for_those_who_may_see_them(self):
        wait_until("the role", lambda: self.scrape()[0] == 200, 30)
        status, text = self.scrape("stranger")
        self.assertEqual(status, 403, text)
        self.assertNotIn("galera_backup_", text)

    def test_a_backup_and_a_restore_are_seen(self):
        wait_until("the role", lambda: self.scrape()[0] == 200, 30)
        backup = self.backup("measured")
        found = self.completed(backup)
        mine = {"namespace": NAMESPACE, "database_instance": "openstack"}
        self.assertAlmostEqual(self.value("last_success_timestamp_seconds", **mine), time.time(), delta=120)
        self.assertGreater(self.value("last_snapshot_timestamp_seconds", **mine), time.time() - 300)
        rows = sum(d["bytes"] for d in found["status"]["instances"][0]["databases"])
        self.assertEqual(self.value("last_success_size_bytes", **mine), rows)
        self.assertEqual(self.value("last_verification_success", kind="backup", **mine), 1)
        self.assertLess(self.value("rpo_seconds", **mine), 300)
        self.assertEqual(self.value("last_success_partial", **mine), 0)
        self.bed.second.drop_everything()
        self.completed(self.restore("measured", "measured", targets={"openstack": "openstack-dr"}))
        self.assertGreaterEqual(self.value("rto_seconds", **mine), 1)
        self.assertEqual(self.value("traffic_blocked", database_instance="openstack-dr"), 0)
        self.assertEqual(self.value("last_verification_success", kind="restore", database_instance="openstack-dr"), 1)
        self.assertEqual(self.value("store_up", store="default"), 1)
        self.assertGreater(self.value("store_capacity_bytes", store="default"), self.value("store_free_bytes", store="default"))
        self.assertNotIn("measured", self.scrape()[1])
        self.alice("delete", RESTORES, "measured")

    def test_failures_are_told_and_every_metric_that_is_named_is_there(self):
        wait_until("the role", lambda: self.scrape()[0] == 200, 30)
        self.completed(self.backup("checked", databases=["glance"]))
        self.alice("create", "--raw", f"{API}/galerabackups/checked/verify", "-f", "-", stdin="{}")
        self.assertEqual(self.value("checks_total", phase="Passed"), 1)
        held = self.hold_dumps()
        failing = self.backup("too-slow", activeDeadline="2s")
        self.create(failing)
        failed = self.wait_phase(failing, "Failed")
        wait_until("the receiver to take it", lambda: self.receiver.taken("galerabackup.failed", "too-slow"), 60)
        event = self.receiver.taken("galerabackup.failed", "too-slow")
        self.assertEqual(event["specversion"], "1.0")
        self.assertEqual(event["subject"], f"namespaces/{NAMESPACE}/galerabackups/too-slow")
        self.assertEqual(event["data"], {
            "kind": "GaleraBackup", "namespace": NAMESPACE, "name": "too-slow", "uid": failed["metadata"]["uid"], "phase": "Failed",
            "reason": "DeadlineExceeded", "message": failed["status"]["message"], "databaseInstances": ["openstack"]})
        of_it = [p for p in self.receiver.posts() if json.loads(p["body"])["data"]["name"] == "too-slow"]
        self.assertEqual([p["status"] for p in of_it][:3], [503, 429, 204])
        self.assertEqual({p["headers"]["webhook-id"] for p in of_it}, {event["id"]})
        self.assertIn("Failed", self.alice("describe", f"galerabackups.{GROUP}", "too-slow"))

        # A run that begins too late, because the one before it goes on: it is skipped, and that is told.
        schedule = self.manifest("GaleraBackupSchedule", "watched", {
            "schedule": "* * * * *", "runOnCreate": True, "startingDeadline": "1s",
            "template": {"spec": {"databaseInstances": ["openstack"], "databases": ["nova_cell1"]}}})
        self.addCleanup(lambda: self.alice.run("delete", f"galerabackups.{GROUP}", "-l", f"{GROUP}/schedule=watched", "--wait=false"))
        time.sleep(max(0, 15 - time.time() % 60))  # the first run is not to fall on the minute
        self.create(schedule)
        wait_until("the dump to stand", self.waiting_nodes, 60)
        self.assertEqual(self.value("running_jobs", namespace=NAMESPACE, kind="backup"), 1)
        self.assertGreater(self.value("schedule_success_due_timestamp_seconds", schedule="watched"), time.time())
        due = self.value("schedule_next_run_timestamp_seconds", schedule="watched")
        wait_until("the run that is due", lambda: time.time() > due + 3, 90)
        held.close()
        wait_until("the receiver to hear of it", lambda: self.receiver.taken("galerabackupschedule.runmissed", "watched"), 60)
        self.alice("patch", SCHEDULES, "watched", "--type=merge", "-p", '{"spec": {"suspend": true}}')
        wait_until("the suspension", lambda: self.value("schedule_suspended", schedule="watched") == 1, 30)
        self.assertIsNone(self.value("schedule_success_due_timestamp_seconds", schedule="watched"))

        for post in self.receiver.posts():
            self.assertTrue(self.receiver.is_signed(post), post)
            self.assertTrue(post["headers"]["content-type"].startswith("application/cloudevents+json"), post)
            self.assertNotIn(self.bed.galera.password_file.read_text().strip().encode(), post["body"])
        self.assertEqual(self.value("notifications_total", result="retried"), 2)
        self.assertEqual(self.value("notifications_total", result="dropped"), 0)
        self.assertGreaterEqual(self.value("job_failures_total", kind="backup", reason="DeadlineExceeded"), 1)
        self.assertGreaterEqual(self.value("schedule_missed_runs_total", schedule="watched"), 1)

        told = set(re.findall(r"^# TYPE (galera_backup_\w+) ", self.scrape()[1], re.M))
        for named_in in ("manifests/components/monitoring/prometheusrule.yaml", "docs/operator-guide.md"):
            named = set(OURS.findall((place.REPO / named_in).read_text()))
            self.assertTrue(named)
            self.assertEqual(named - told, set(), f"{named_in} names what no server tells")
        documented = set(OURS.findall((place.REPO / "docs/operator-guide.md").read_text()))
        self.assertEqual(told - documented, set(), "docs/operator-guide.md does not tell of these")
