"""Schedules, by kubectl: runs, retention, what goes wrong, and who may."""

import json
import time

from gbtest.process import wait_until
from support import API, BACKUPS, GROUP, NAMESPACE, Case

SCHEDULES = f"galerabackupschedules.{GROUP}"
NEVER = "0 0 29 2 1"  # a Monday that is a leap day


def soon():
    """Cron for the next minute but for what is about to begin, and then not for an hour."""
    return time.strftime("%M * * * *", time.gmtime(time.time() + 70))


class Schedules(Case):
    def schedule(self, name, schedule=NEVER, **spec):
        self.addCleanup(self._delete_backups_of, name)
        template = {"spec": {"databaseInstances": ["openstack"], "databases": ["keystone"]}}
        return self.manifest("GaleraBackupSchedule", name, {"schedule": schedule, "template": template, **spec})

    def _delete_backups_of(self, name):
        self.alice.run("delete", BACKUPS, "-l", f"{GROUP}/schedule={name}", "--wait=false")

    def backups_of(self, schedule):
        name = schedule["metadata"]["name"]
        return {b["metadata"]["name"]: b["status"]["phase"]
                for b in self.alice.json("get", BACKUPS, "-l", f"{GROUP}/schedule={name}")["items"]}

    def until(self, what, is_so, timeout=150):
        wait_until(what, is_so, timeout)

    def status(self, schedule):
        return self.get(schedule)["status"]

    def reason(self, schedule):
        return next(c["reason"] for c in self.status(schedule)["conditions"] if c["type"] == "Healthy")

    def test_it_runs_by_itself_and_keeps_what_its_rules_say(self):
        schedule = self.schedule("every-minute", "* * * * *", runOnCreate=True, retention={"keepLast": 1})
        self.create(schedule)
        self.until("the first backup", lambda: "Completed" in self.backups_of(schedule).values(), 30)
        first = self.status(schedule)["lastBackup"]
        self.until("the next run", lambda: self.status(schedule)["lastBackup"] != first
                   and not self.status(schedule)["active"], 90)
        status = self.status(schedule)
        self.assertEqual(status["phase"], "Enabled")
        self.assertEqual(status["consecutiveFailures"], 0)
        self.assertEqual(self.condition({"status": status}, "Healthy"), "True")
        self.assertTrue(status["lastScheduleTime"].endswith(":00Z"), status)
        self.until("the first one to go", lambda: first not in self.backups_of(schedule), 60)
        self.bed.second.drop_everything()
        restored = self.completed(self.restore("of-schedule", schedule="every-minute", targets={"openstack": "openstack-dr"}))
        self.assertIn(restored["status"]["backup"], self.backups_of(schedule))
        self.assertEqual(self.bed.second.schemas(), ["keystone"])
        line = next(r for r in self.alice("get", SCHEDULES).splitlines() if r.startswith("every-minute "))
        self.assertIn("* * * * *", line)
        self.assertIn("Started", self.alice("describe", SCHEDULES, "every-minute"))

    def test_a_server_that_is_killed_in_a_run_runs_it_again_and_only_once(self):
        schedule = self.schedule("killed", runOnCreate=True)
        schedule["spec"]["template"]["spec"].pop("databases")
        held = self.hold_dumps()
        self.addCleanup(self.server_again)
        self.create(schedule)
        self.until("the dump to stand", self.waiting_nodes, 60)
        self.bed.server.process.kill()
        self.bed.server.start()
        held.close()
        run = lambda: self.backups_of(schedule)
        self.until("the takeover", lambda: "Failed" in run().values(), 30)
        self.until("the next try", lambda: "Completed" in run().values(), 150)
        self.assertEqual(sorted(run().values()), ["Completed", "Failed"])
        self.assertEqual(self.status(schedule)["attempt"], 2)
        self.check_repository()

    def test_a_schedule_that_is_deleted_in_a_run_lets_it_end_and_runs_no_more(self):
        schedule = self.schedule("deleted", soon(), runOnCreate=True)
        schedule["spec"]["template"]["spec"].pop("databases")
        witness = self.schedule("witness", schedule["spec"]["schedule"])
        held = self.hold_dumps()
        self.create(schedule)
        self.create(witness)
        self.until("the dump to stand", self.waiting_nodes, 60)
        run, = self.backups_of(schedule)
        self.assertIn("deleted", self.alice("delete", SCHEDULES, "deleted"))
        self.assertFalse(self.alice.exists(SCHEDULES, "deleted"))
        # When it would have been due again, another one is.
        self.until("the other schedule to run", lambda: "Completed" in self.backups_of(witness).values(), 120)
        self.assertEqual(self.backups_of(schedule), {run: "Running"})
        self.assertRegex(self.alice("get", BACKUPS), rf"(?m)^{run} +openstack +Running ")
        held.close()
        self.wait_phase(self.manifest("GaleraBackup", run, {}), "Completed")
        self.assertEqual(self.backups_of(schedule), {run: "Completed"})
        again = self.schedule("deleted")  # of the same name: what an earlier one made is none of its runs
        self.create(again)
        self.assertNotIn("lastBackup", self.status(again))

    def test_a_run_out_of_turn_for_who_may_edit(self):
        self.create(self.schedule("by-hand"))
        path = f"{API}/galerabackupschedules/by-hand/trigger"
        refused = self.bed.user("victor").run("create", "--raw", path, "-f", "/dev/null")
        self.assertIn("forbidden", refused.stderr.lower())
        made = json.loads(self.bed.user("erin")("create", "--raw", path, "-f", "/dev/null"))
        self.assertEqual(made["kind"], "GaleraBackup")
        self.assertEqual(made["status"]["phase"], "Completed")
        self.assertTrue(made["metadata"]["name"].startswith("by-hand-manual-"), made["metadata"]["name"])

    def test_a_stricter_rule_tells_what_would_go_before_it_goes(self):
        schedule = self.schedule("strict", retention={"keepLast": 5})
        self.create(schedule)
        names = []
        for _ in range(2):
            made = self.alice("create", "--raw", f"{API}/galerabackupschedules/strict/trigger", "-f", "/dev/null")
            names.append(json.loads(made)["metadata"]["name"])
            self.until("its end to be told", lambda: not self.status(schedule).get("active"), 30)
            time.sleep(1)  # the names are of the second
        patch = json.dumps({"spec": {"retention": {"keepLast": 1}}})
        told = self.alice.run("patch", SCHEDULES, "strict", "--type=merge", "-p", patch, "--dry-run=server")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn(f"1 backup goes to the trash: {names[0]}", told.stderr)
        self.assertEqual(len(self.backups_of(schedule)), 2)

    def test_patch_and_apply_merge_what_is_a_set(self):
        schedule = self.schedule("merged")
        metadata, template = schedule["metadata"], schedule["spec"]["template"]["spec"]
        metadata["finalizers"], template["databases"] = ["example.com/mine"], ["keystone", "glance"]

        def apply():
            done = self.alice.run("apply", "-f", "-", stdin=schedule)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("error calculating patch", done.stderr)  # kubectl would go on with a JSON merge patch
            return self.get(schedule)

        def patch(what):  # without --type it is a strategic merge patch
            self.alice("patch", SCHEDULES, "merged", "-p", json.dumps(what))
            return self.get(schedule)

        apply()
        self.addCleanup(self.alice.run, "patch", SCHEDULES, "merged", "-p", '{"metadata": {"finalizers": null}}')
        found = patch({"metadata": {"finalizers": ["example.com/theirs"]}, "spec": {"suspend": True}})
        self.assertEqual(sorted(found["metadata"]["finalizers"]), ["example.com/mine", "example.com/theirs"])
        self.assertTrue(found["spec"]["suspend"])
        metadata["finalizers"], template["databases"] = [], ["glance", "cinder"]
        found = apply()
        self.assertEqual(found["metadata"]["finalizers"], ["example.com/theirs"], "mine went, theirs stays")
        self.assertEqual(found["spec"]["template"]["spec"]["databases"], ["glance", "cinder"], "lists of a spec are replaced")
        self.assertTrue(found["spec"]["suspend"], "apply leaves alone what it does not set")
        admin, uids = self.bed.control_plane.admin, []
        for name in ("owner-1", "owner-2"):  # there they must be: the garbage collector looks
            admin("create", "configmap", name, "-n", NAMESPACE)
            self.addCleanup(admin.run, "delete", "configmap", name, "-n", NAMESPACE)
            uids.append(admin.json("get", "configmap", name, "-n", NAMESPACE)["metadata"]["uid"])
            owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uids[-1]}
            found = patch({"metadata": {"ownerReferences": [owner]}})
        self.assertEqual({o["uid"] for o in found["metadata"]["ownerReferences"]}, set(uids))
        # As the garbage collector lets go of an owner.
        found = patch({"metadata": {"uid": found["metadata"]["uid"], "ownerReferences": [{"$patch": "delete", "uid": uids[0]}]}})
        self.assertEqual([o["uid"] for o in found["metadata"]["ownerReferences"]], uids[1:])
        patch({"metadata": {"ownerReferences": [{"$patch": "replace"}]}})
        self.assertNotIn("ownerReferences", self.get(schedule)["metadata"])

    def test_a_creator_who_lost_the_right_runs_nothing(self):
        admin = self.bed.control_plane.admin
        erin = self.bed.user("erin")
        admin("create", "rolebinding", "erin-for-a-while", "-n", NAMESPACE, "--clusterrole=admin", "--user=erin")
        self.addCleanup(admin.run, "delete", "rolebinding", "erin-for-a-while", "erin-gone", "-n", NAMESPACE, "--ignore-not-found")
        schedule = self.schedule("of-erin", "* * * * *", suspend=True)  # until the right is gone
        self.until("erin to be admin", lambda: erin.run("auth", "can-i", "create", SCHEDULES, "-n", NAMESPACE).returncode == 0, 30)
        erin("create", "-f", "-", stdin=schedule)
        self.assertEqual(self.status(schedule)["runAs"]["username"], "erin")
        edit = admin.json("get", "rolebinding", "-n", NAMESPACE)["items"]
        mine = [b for b in edit if any(s.get("name") == "erin" for s in b.get("subjects", []))]
        for binding in mine:
            admin("delete", "rolebinding", binding["metadata"]["name"], "-n", NAMESPACE)
            if binding["metadata"]["name"] != "erin-for-a-while":
                again = {**binding, "metadata": {k: binding["metadata"][k] for k in ("name", "namespace")}}
                self.addCleanup(admin.run, "apply", "-f", "-", stdin=again)
        time.sleep(11)  # what was allowed is believed for ten seconds
        self.alice("patch", SCHEDULES, "of-erin", "--type=merge", "-p", '{"spec": {"suspend": false}}')
        self.until("the run that is refused", lambda: self.status(schedule)["phase"] == "Failed", 130)
        self.assertIn('User "erin" cannot create resource "galerabackups"', self.status(schedule)["message"])
        self.assertEqual(self.backups_of(schedule), {})

    def test_bad_input(self):
        for field, said, spoil in (("spec.schedule", "no date matches", {"schedule": "0 0 30 2 *"}),
                                   ("spec.timeZone", "there is no time zone", {"timeZone": "Mars/Olympus"}),
                                   ("spec.retention", "keeps nothing", {"retention": {"keepLast": 0}})):
            schedule = self.schedule("bad")
            schedule["spec"].update(spoil)
            self.create_fails(schedule, "Invalid", field, said, hint=None)
        schedule = self.schedule("bad")
        schedule["spec"]["template"]["spec"]["databaseInstances"] = ["nowhere"]
        self.create_fails(schedule, "NotFound", "nowhere", hint="known there: ")

    def test_it_is_explained(self):
        for field in ("spec.schedule", "spec.retention.keepDaily", "spec.template.spec.databaseInstances", "status.nextScheduleTime"):
            self.assertIn("DESCRIPTION", self.alice("explain", f"galerabackupschedule.{field}"))
