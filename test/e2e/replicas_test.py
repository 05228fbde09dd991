"""Two servers on one store: each shows what the other does, one of them does what is due, and one finishes what the other left.

kube-apiserver leads to the bed's server; the other one is asked past it, as one of several behind a Service would be.
"""

import json
import shutil
import signal
import time
import unittest

from gbtest import place
from gbtest.apiserver import ApiServer, instance
from gbtest.process import wait_until
from schedule_test import NEVER, SCHEDULES
from support import API, BACKUPS, GROUP, NAMESPACE, RESTORES, shared_bed
from trial_support import TrialCase

TO_DR = {"openstack": "openstack-dr"}
SMALL = {"databases": ["keystone"]}


class Replicas(TrialCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = place.new_folder()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.scratch = cls.folder / "scratch"
        cls.scratch.mkdir()
        plane, first = cls.bed.control_plane, cls.bed.server
        plane.admin("create", "serviceaccount", "operator", "-n", NAMESPACE)
        cls.addClassCleanup(plane.admin, "delete", "serviceaccount", "operator", "-n", NAMESPACE)
        plane.admin("create", "rolebinding", "operator-admin", "--clusterrole=admin", f"--serviceaccount={NAMESPACE}:operator", "-n", NAMESPACE)
        cls.addClassCleanup(plane.admin, "delete", "rolebinding", "operator-admin", "-n", NAMESPACE)
        token = plane.admin("create", "token", "operator", "-n", NAMESPACE, "--duration=2h").strip()
        cls.other = ApiServer(cls.folder / "other", first.store, first.config["instances"], plane, registers=False)
        cls.other.config.update(stores=first.config["stores"], limits={"parallelBackups": 1},
                                verification={"place": str(cls.scratch), "memory": "64Mi"})
        cls.addClassCleanup(cls.other.stop)
        cls.other.start()
        # Straight at each of the two, whichever of them lives.
        cls.kubectl = {server: server.client_by_token(token, NAMESPACE) for server in (first, cls.other)}
        cls.operator = cls.kubectl[cls.other]

    def setUp(self):
        for server in self.kubectl:
            if not server.process.running():
                server.start()
        self.bed.second.drop_everything()

    def at(self, server, manifest):
        return self.kubectl[server].json("get", f"{manifest['kind'].lower()}s.{GROUP}", manifest["metadata"]["name"])

    def runs_it(self, manifest):
        """The server that executes it."""
        pid = self.get(manifest)["status"]["executor"]["pid"]
        return next(server for server in self.kubectl if server.process.pid == pid)

    def died(self, found, phase):
        self.assertEqual((found["status"]["phase"], self.reason(found)), ("Failed", "ServerDied"))
        self.assertRegex(found["status"]["message"], f"^the server that ran this (backup|restore) ended while it was {phase} ")

    def reason(self, found, kind="Completed"):
        return next(c["reason"] for c in found["status"]["conditions"] if c["type"] == kind)

    def watch(self, server):
        """The events of backups at this server from now on: a list that grows."""
        revision = json.loads(self.kubectl[server].raw(f"{API}/galerabackups"))["metadata"]["resourceVersion"]
        return self.lines_of(self.kubectl[server].argv("get", "--raw", f"{API}/galerabackups?watch=true&resourceVersion={revision}"))

    def test_what_one_commits_the_other_shows_at_once_and_a_watch_sees_in_the_same_order(self):
        first, other = self.kubectl
        seen = {server: self.watch(server) for server in self.kubectl}
        backup = self.backup("at-the-other", **SMALL)
        self.create(backup, through=self.operator)
        # Without a wait: who has the answer of one is led to the other for the next.
        self.assertEqual(self.at(first, backup)["status"]["phase"], "Completed")
        self.assertEqual(self.runs_it(backup), other)

        stale = self.at(other, backup)
        self.kubectl[first]("label", BACKUPS, "at-the-other", "seen-by=first")
        self.assertIn("at-the-other", self.operator("get", BACKUPS, "-l", "seen-by=first", "-o", "name"))
        stale["spec"]["hold"] = True
        refused = self.operator.run("replace", "-f", "-", stdin=stale)
        self.assertIn("(Conflict)", refused.stderr)
        lists = [self.kubectl[server].json("get", BACKUPS)["items"] for server in self.kubectl]
        self.assertEqual(lists[0], lists[1])

        self.operator("delete", BACKUPS, "at-the-other")
        self.assertFalse(self.kubectl[first].exists(BACKUPS, "at-the-other"))
        for server in self.kubectl:
            wait_until("the watch to see the deletion", lambda s=server: seen[s] and json.loads(seen[s][-1])["type"] == "DELETED", 30)
        events = {server: [json.loads(line) for line in lines] for server, lines in seen.items()}
        in_short = {server: [(e["type"], e["object"]["metadata"]["resourceVersion"]) for e in each] for server, each in events.items()}
        self.assertEqual(in_short[first], in_short[other])
        self.assertEqual(events[first], events[other])
        self.check_repository()

    def test_a_log_is_followed_at_the_server_that_does_not_run_the_job(self):
        backup = self.backup("told-by-the-other", databases=["nova_cell1"])
        held = self.hold_dumps()
        self.create(backup, timeout="1s", through=self.operator)
        told = self.lines_of(self.kubectl[self.bed.server].argv("get", "--raw", f"{API}/galerabackups/told-by-the-other/log?follow=true"))
        wait_until("the log to begin", lambda: "chosen of 3 nodes" in "".join(told), 30)
        held.close()
        self.wait_phase(backup, "Completed")
        wait_until("the log to end", lambda: told[-1].endswith("Z Completed\n"), 30)
        self.assertEqual("".join(told), self.log_of(backup))

    def test_what_runs_at_the_other_is_cancelled_and_deleted_from_here(self):
        for name, stop in (("cancelled-there", lambda: self.alice("create", "--raw", f"{API}/galerabackups/cancelled-there/cancel", "-f", "/dev/null")),
                           ("deleted-there", lambda: self.alice("delete", BACKUPS, "deleted-there", "--wait=false"))):
            backup = self.backup(name)
            held = self.hold_dumps()
            self.create(backup, timeout="1s", through=self.operator)
            wait_until("the dump to stand at a table", self.waiting_nodes, 60)
            stop()
            # The lock is still held: only one that is stopped lets its connections go.
            wait_until("the dump's statements to end", lambda: not self.waiting_nodes(), 30)
            held.close()
        self.wait_phase(self.backup("cancelled-there"), "Cancelled")
        for kubectl in self.kubectl.values():
            self.assertFalse(kubectl.exists(BACKUPS, "deleted-there"))
        self.check_repository()

    def test_what_it_dumped_and_what_waited_for_its_turn_fails(self):
        running, pending = self.backup("running-there"), self.backup("pending-there")
        held = self.hold_dumps()
        self.create(running, timeout="1s", through=self.operator)
        wait_until("the dump to stand at a table", self.waiting_nodes, 60)
        self.create(pending, timeout="1s", through=self.operator)
        self.assertEqual((self.phase(running), self.phase(pending)), ("Running", "Pending"))
        self.other.kill()
        self.died(self.wait_phase(running, "Failed"), "Running")
        self.died(self.wait_phase(pending, "Failed"), "Pending")
        held.close()
        self.completed(self.backup("next", databases=["glance"]))
        self.check_repository()

    def test_a_run_of_a_schedule_is_tried_again_once_by_who_is_left(self):
        schedule = self.manifest("GaleraBackupSchedule", "survives", {
            "schedule": NEVER, "runOnCreate": True, "template": {"spec": {"databaseInstances": ["openstack"]}}})
        self.addCleanup(self.alice.run, "delete", BACKUPS, "-l", f"{GROUP}/schedule=survives", "--wait=false")
        held = self.hold_dumps()
        self.create(schedule)
        wait_until("the dump to stand at a table", self.waiting_nodes, 60)

        def runs(kubectl):
            return sorted(kubectl.json("get", BACKUPS, "-l", f"{GROUP}/schedule=survives")["items"], key=lambda b: b["metadata"]["name"])
        dead = self.runs_it(runs(self.alice)[0])
        left = next(server for server in self.kubectl if server is not dead)
        dead.kill()
        held.close()
        wait_until("the second try to complete", lambda: len(runs(self.kubectl[left])) == 2
                   and runs(self.kubectl[left])[1]["status"]["phase"] == "Completed", 150)
        tried, again = runs(self.kubectl[left])
        self.died(tried, "Running")
        self.assertEqual(again["metadata"]["name"], tried["metadata"]["name"] + "-try2")
        self.assertEqual(again["status"]["executor"]["pid"], left.process.pid)
        dead.start()
        wait_until("both to tell of the end", lambda: all(not self.at(s, schedule)["status"].get("active") for s in self.kubectl), 30)
        for server in self.kubectl:
            status = self.at(server, schedule)["status"]
            self.assertEqual((status["attempt"], status["consecutiveFailures"]), (2, 0))
        self.assertEqual(len(runs(self.alice)), 2)

    def test_what_was_written_and_not_yet_verified_is_read_back_and_completed(self):
        backup = self.backup("verifying-there", verification="Restore")
        self.held_at_work(backup, through=self.operator)
        self.other.kill()
        found = self.wait_phase(backup, "Completed")
        self.assertEqual(self.reason(found, "Verified"), "ServerDied")
        self.assertEqual(self.reason(found), "Completed")
        self.completed(self.restore("of-verifying", "verifying-there", targets=TO_DR))
        self.check_repository()

    def test_a_restore_fails_and_traffic_is_given_back(self):
        self.completed(self.backup("source"))
        restore, held = self.running_restore("source", TO_DR, through=self.operator)
        self.assertEqual(self.runs_it(restore), self.other)
        self.assertEqual([n.sql("SELECT @@GLOBAL.read_only") for n in self.bed.second.nodes], [[["1"]]] * 3)
        self.other.kill()
        found = self.wait_phase(restore, "Failed")
        self.died(found, "(Restoring|Verifying)")
        self.assertIn("the target may hold a part of the restored schemas", found["status"]["message"])
        self.assertNotIn("trafficLeftBlocked", found["status"])
        self.assertEqual([n.sql("SELECT @@GLOBAL.read_only") for n in self.bed.second.nodes], [[["0"]]] * 3)
        held.close()
        self.completed(self.restore("once-more", "source", targets=TO_DR, existing="Replace", safetyBackup=False))

    def test_of_two_restores_that_are_sent_to_both_at_once_one_goes_on(self):
        self.completed(self.backup("wanted", **SMALL))
        for n in range(4):
            rivals = [self.restore(f"rival-{n}-{name}", "wanted", targets=TO_DR, existing="Replace", safetyBackup=False)
                      for name in ("first", "other")]
            clients = [self.start_kubectl("create", "-f", "-", stdin=rival, through=kubectl)
                       for rival, kubectl in zip(rivals, self.kubectl.values())]
            said = [client.stdout.read() for client in clients]
            there = [rival for rival in rivals if self.alice.exists(RESTORES, rival["metadata"]["name"])]
            ends = {rival["metadata"]["name"]: self.end_of(rival) for rival in there}
            winners = [name for name, end in ends.items() if end["phase"] == "Completed"]
            self.assertEqual(len(winners), 1, f"{said} { {name: (end['phase'], end['message']) for name, end in ends.items()} }")
            for rival, text in zip(rivals, said):
                name = rival["metadata"]["name"]
                if name in winners:
                    self.assertEqual(self.condition(self.get(rival), "Verified"), "True")
                elif name in ends:  # both were recorded
                    self.assertIn(f'restore "{winners[0]}" is running on instance "openstack-dr"', ends[name]["message"])
                else:
                    self.assertIn("(Conflict)", text)

    def end_of(self, manifest):
        wait_until("the restore to end", lambda: self.phase(manifest) in ("Completed", "Failed"), 60)
        return self.get(manifest)["status"]


class DueTogether(unittest.TestCase):
    """Two servers that stand alone, so that both can be held up for a minute without kube-apiserver losing them."""

    def test_each_run_that_is_due_is_begun_by_one_of_two_that_look_in_the_same_moment(self):
        bed = shared_bed()
        folder = place.new_folder()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        servers = [ApiServer(folder / name, folder / "store", [instance(NAMESPACE, "openstack", bed.galera)]) for name in ("one", "two")]
        for server in servers:
            self.addCleanup(server.stop)
            server.start()
        alice = servers[0].client("alice")
        names = [f"both-{n}" for n in range(12)]
        for name in names:
            alice("create", "-f", "-", stdin={
                "apiVersion": f"{GROUP}/v1beta1", "kind": "GaleraBackupSchedule", "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": {"schedule": "* * * * *", "template": {"spec": {"databaseInstances": ["openstack"], **SMALL}}}})
        due = max(s["status"]["nextScheduleTime"] for s in alice.json("get", SCHEDULES)["items"])

        for number in (signal.SIGSTOP, signal.SIGCONT):
            for server in servers:
                server.process.signal(number)
            wait_until("the runs to be due", lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) > due, 70)

        def runs():
            return alice.json("get", BACKUPS)["items"]
        wait_until("every schedule to have run", lambda: {b["metadata"]["labels"][f"{GROUP}/schedule"] for b in runs()
                                                         if b["status"]["phase"] == "Completed"} == set(names), 120)
        made = [b["metadata"]["name"] for b in runs()]
        stamp = due.translate(str.maketrans("", "", "-:TZ"))
        self.assertEqual(sorted(name for name in made if stamp in name), sorted(f"{name}-{stamp}" for name in names))
        self.assertEqual([b["metadata"]["name"] for b in runs() if b["status"]["phase"] == "Failed"], [])
        for name in names:
            status = alice.json("get", SCHEDULES, name)["status"]
            self.assertEqual((status["consecutiveFailures"], status["message"]), (0, ""), name)
