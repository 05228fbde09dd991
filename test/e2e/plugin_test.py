"""`kubectl galera …` on the real control plane: each command on a terminal and without one."""

import json
import re

from gbtest import place, process, proof
from gbtest.plugin import Plugin, oldest_kubectl
from gbtest.process import wait_until
from support import BACKUPS, GROUP, NAMESPACE, RESTORES, Case, write_over


class PluginCase(Case):
    def setUp(self):
        self.plugin = self.plugin_of(self.alice)

    def plugin_of(self, user, kubectl=None):
        return Plugin(self.bed.folder, kubectl or user.program, user.kubeconfig)

    def made(self, kind, name):
        """Deletes it behind the test."""
        self.addCleanup(self._delete, f"galera{kind}s.{GROUP}", name)
        return name

    def ok(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def fails(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        return done


class Backup(PluginCase):
    def test_without_a_terminal_it_is_created_followed_and_summed_up(self):
        done = self.ok(self.plugin.run("galera", "backup", self.made("backup", "p-plain"), "--instance", "openstack",
                                       "--databases", "glance,placement"))
        self.assertIn(f"galerabackup.{GROUP}/p-plain created\nbackup p-plain: Completed\n", done.stdout)
        self.assertNotIn("\r", done.stderr)
        self.assertRegex(done.stderr, r"(?m)^(Pending|Running|Verifying): \d+%, ")
        found = self.get(self.backup("p-plain"))
        self.assertEqual(found["spec"]["databases"], ["glance", "placement"])

    def test_on_a_terminal_a_bar_shows_how_far_it_is(self):
        held = self.hold_dumps()
        terminal = self.plugin.terminal("galera", "backup", self.made("backup", "p-bar"), "--instance=openstack")
        terminal.read_until("Running")
        held.close()
        self.assertEqual(terminal.wait(), 0, terminal.text)
        self.assertRegex(terminal.text, r"\r\x1b\[KRunning +\[[#.]{30}\] +\d+%  \d+ rows, ")
        self.assertTrue(terminal.text.rstrip().splitlines()[-2].endswith("backup p-bar: Completed"), terminal.text)

    def test_output_is_the_object_at_its_end_and_nothing_else(self):
        done = self.ok(self.plugin.run("galera", "backup", self.made("backup", "p-json"), "--instance=openstack",
                                       "--databases=glance", "-o", "json"))
        self.assertEqual(json.loads(done.stdout)["status"]["phase"], "Completed")
        named = self.ok(self.plugin.run("galera", "backup", self.made("backup", "p-name"), "--instance=openstack",
                                        "--databases=glance", "-o", "name", "--wait=false"))
        self.assertEqual(named.stdout, f"galerabackup.{GROUP}/p-name\n")

    def test_every_field_of_the_spec_has_its_flag(self):
        done = self.ok(self.plugin.run(
            "galera", "backup", "p-all", "--instance=openstack", "--instance=openstack-dr", "--databases=glance",
            "--exclude-databases=nova_api", "--exclude-tables=glance.image_*,nova.shadow_*", "--content=Data", "--store=default",
            "--ttl=720h", "--hold", "--verification=None", "--active-deadline=1h", "--threads=2", "--dry-run=client", "-o", "json"))
        self.assertEqual(json.loads(done.stdout), {
            "apiVersion": f"{GROUP}/v1beta1", "kind": "GaleraBackup", "metadata": {"name": "p-all", "namespace": "openstack"},
            "spec": {"databaseInstances": ["openstack", "openstack-dr"], "databases": ["glance"], "excludeDatabases": ["nova_api"],
                     "excludeTables": ["glance.image_*", "nova.shadow_*"], "content": "Data", "store": "default", "ttl": "720h",
                     "hold": True, "verification": "None", "activeDeadline": "1h", "threads": 2}})
        self.assertFalse(self.alice.exists(BACKUPS, "p-all"))

    def test_an_interrupt_leaves_it_running_and_says_how_to_go_on(self):
        held = self.hold_dumps()
        terminal = self.plugin.terminal("galera", "backup", self.made("backup", "p-left"), "--instance=openstack")
        terminal.read_until("Running")
        terminal.press("\x03")
        self.assertEqual(terminal.wait(20), 130, terminal.text)
        self.assertIn("backup/p-left goes on without you.", terminal.text)
        self.assertIn("kubectl galera logs backup/p-left -n openstack -f", terminal.text)
        self.assertIn("kubectl galera cancel backup/p-left -n openstack", terminal.text)
        held.close()
        self.wait_phase(self.backup("p-left"), "Completed")

    def test_the_servers_refusals_are_shown_as_it_says_them(self):
        for words, said, what_to_do in (
                (("p-bad", "--instance=no-such"), 'there is no database instance "no-such"', "known there: "),
                (("P_BAD", "--instance=openstack"), "metadata.name: Invalid value", "must consist of lower case"),
                (("p-bad", "--instance=openstack", "--ttl=soon"), "spec.ttl", "720h"),
                (("p-bad", "--instance=openstack", "--databases=nowhere"), '"nowhere"', "name only schemas that are there"),
                (("p-bad", "--instance=unreachable"), ":9", "check that the server runs and that"),
                (("p-bad", "--instance=wrong-password"), 'user "root" was refused', "check the user and the password"),
                (("p-bad", "--instance=no-privileges"), "lacks the privilege SELECT on *.*", "GRANT SELECT ON *.* TO the user")):
            done = self.fails(self.plugin.run("galera", "backup", *words), 1, "error: ", said, what_to_do)
            self.assertNotIn("kube-apiserver answered", done.stderr)
        self.completed(self.backup("p-taken", databases=["glance"]))
        self.fails(self.plugin.run("galera", "backup", "p-taken", "--instance=openstack"), 1, '"p-taken" already exists')

    def test_bad_usage_is_exit_code_2(self):
        for words, said in (((), "NAME is required"), (("x",), "--instance is required"),
                            (("x", "--instance=a", "--content=Half"), "Half not in {All,Data,Grants}"),
                            (("x", "--instance=a", "--threads=0"), "--threads"),
                            (("x", "--instance=a", "--treads=2"), "--treads")):
            self.fails(self.plugin.run("galera", "backup", *words), 2, said)

    def test_a_failed_one_is_exit_code_1_with_its_message(self):
        if len(self.bed.server.config["stores"]) < 2:
            self.skipTest("no small file system: mounting is not allowed here")
        admin = Plugin(self.bed.folder, self.alice.program, self.bed.control_plane.admin_kubeconfig)
        done = admin.run("galera", "backup", self.made("backup", "p-full"), "-n", "openstack", "--instance=openstack", "--store=tiny")
        self.fails(done, 1, "error: ")
        self.assertIn("backup p-full: Failed", done.stdout)
        self.assertTrue(re.search("space|full", done.stderr.lower()), done.stderr)


class Restore(PluginCase):
    def setUp(self):
        super().setUp()
        self.bed.second.drop_everything()

    def test_latest_onto_another_cluster_is_followed_to_its_end(self):
        self.completed(self.backup("p-src", databases=["glance"]))
        want = proof.fingerprint(self.bed.galera, ["glance"])
        terminal = self.plugin.terminal("galera", "restore", self.made("restore", "p-back"), "--from=latest",
                                        "--target=openstack=openstack-dr")
        self.assertEqual(terminal.wait(), 0, terminal.text)
        self.assertIn("restore p-back: Completed", terminal.text)
        self.assertEqual(proof.fingerprint(self.bed.second), want)

    def test_a_dry_run_shows_checks_and_plan_and_changes_nothing(self):
        self.completed(self.backup("p-plan", databases=["glance"]))
        before = proof.fingerprint(self.bed.galera)
        refused = self.plugin.run("galera", "restore", "p-dry", "--from=p-plan", "--dry-run=server")
        self.assertEqual(refused.returncode, 1, "a check failed: the schema is there")
        self.assertRegex(refused.stdout, r"(?m)^\S+ +FAILED +.*glance")
        done = self.ok(self.plugin.run("galera", "restore", "p-dry", "--from=p-plan", "--dry-run=server", "--existing=Replace"))
        self.assertIn(f"galerarestore.{GROUP}/p-dry created (server dry run)\nbackup: p-plan\n", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^glance +glance +Replace +\d+ +\d+")
        documented = (place.REPO / "docs/cli.md").read_text().partition("look-first created (server dry run)")[2]
        self.assertEqual(*(re.findall(r"(?m)^(\w+) +passed", text) for text in (documented.partition("```")[0], done.stdout)))
        self.assertFalse(self.alice.exists(RESTORES, "p-dry"))
        self.assertEqual(proof.fingerprint(self.bed.galera), before)

    def test_every_field_of_the_spec_has_its_flag(self):
        done = self.ok(self.plugin.run(
            "galera", "restore", "p-all", "--as-of=2026-11-20T02:00:00Z", "--source-namespace=other", "--instance=a,b", "--target=a=c",
            "--databases=nova", "--rename=nova=nova_old", "--content=All", "--existing=Replace", "--no-safety-backup",
            "--no-block-traffic", "--verification=None", "--threads=8", "--dry-run=client", "-o", "json"))
        self.assertEqual(json.loads(done.stdout)["spec"], {
            "asOf": "2026-11-20T02:00:00Z", "sourceNamespace": "other", "databaseInstances": ["a", "b"], "targets": {"a": "c"},
            "databases": ["nova"], "rename": {"nova": "nova_old"}, "content": "All", "existing": "Replace", "safetyBackup": False,
            "blockTraffic": False, "verification": "None", "threads": 8})
        done = self.ok(self.plugin.run("galera", "restore", "p-standby", "--schedule=nightly", "--follow", "--existing=Replace",
                                       "--target=a=c", "--dry-run=client", "-o", "yaml"))
        self.assertEqual(done.stdout, f"""apiVersion: {GROUP}/v1beta1
kind: GaleraRestore
metadata:
  name: p-standby
  namespace: openstack
spec:
  existing: Replace
  follow: true
  schedule: nightly
  targets:
    a: c
""")
        self.fails(self.plugin.run("galera", "restore", "r", "--from=latest", "--follow"), 2, "--schedule")

    def test_refusals_and_bad_usage(self):
        self.fails(self.plugin.run("galera", "restore", "r"), 2, "--from")
        self.fails(self.plugin.run("galera", "restore", "r", "--from=a", "--as-of=b"), 2)
        self.fails(self.plugin.run("galera", "restore", "r", "--from=a", "--rename=x"), 2, '--rename "x" is not OLD=NEW')
        self.fails(self.plugin.run("galera", "restore", "r", "--from=no-such"), 1, 'no backup "no-such"', "kubectl get galerabackups")
        erin = self.plugin_of(self.bed.user("erin"))
        self.fails(erin.run("galera", "restore", "r", "--from=latest"), 1, 'User "erin" cannot create resource "galerarestores"')


class WhileItRuns(PluginCase):
    def test_logs_are_followed_until_the_end(self):
        backup = self.backup("p-log")
        held = self.hold_dumps()
        self.running_dump(backup)
        follower = self.plugin.start("galera", "logs", "backup/p-log", "-f")
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.stderr.close)
        for line in follower.stdout:
            if "chosen of 3 nodes" in line:
                break
        self.assertIsNone(follower.poll(), "the log ended while the dump stands still")
        held.close()
        self.assertTrue(follower.stdout.read().splitlines()[-1].endswith("Completed"))
        self.assertEqual(follower.wait(30), 0)
        whole = self.ok(self.plugin.run("galera", "logs", "gbk/p-log"))
        self.assertEqual(self.ok(self.plugin.run("galera", "logs", "backup/p-log", "--tail=1")).stdout,
                         whole.stdout.splitlines(True)[-1])
        self.fails(self.plugin.run("galera", "logs", "backup/no-such"), 1, '"no-such" not found')
        self.fails(self.plugin.run("galera", "logs", "p-log"), 2, "write backup/NAME or restore/NAME")

    def test_an_interrupt_ends_the_following_only(self):
        backup = self.backup("p-log2")
        held = self.hold_dumps()
        self.running_dump(backup)
        terminal = self.plugin.terminal("galera", "logs", "backup/p-log2", "-f")
        terminal.read_until("chosen of 3 nodes")
        terminal.press("\x03")
        self.assertEqual(terminal.wait(20), 130, terminal.text)
        held.close()
        self.wait_phase(backup, "Completed")

    def test_cancel_ends_it_and_the_object_says_by_whom(self):
        backup = self.backup("p-cancel")
        held = self.hold_dumps()
        self.running_dump(backup)
        dry = self.ok(self.plugin.run("galera", "cancel", "backup/p-cancel", "--dry-run"))
        self.assertIn("cancelled (server dry run)", dry.stdout)
        self.assertEqual(self.phase(backup), "Running")
        erin = self.plugin_of(self.bed.user("erin"))
        done = self.ok(erin.run("galera", "cancel", "backup/p-cancel"))
        self.assertEqual(done.stdout, f"galerabackup.{GROUP}/p-cancel cancelled\n")
        held.close()
        found = self.wait_phase(backup, "Cancelled", "Cancelled")
        self.assertEqual(found["status"]["message"], "the backup was cancelled by erin")
        self.assertIn("cancelled by erin", self.alice("describe", BACKUPS, "p-cancel"))
        self.fails(self.plugin.run("galera", "cancel", "backup/p-cancel"), 1, "is Cancelled: there is nothing left to cancel")
        self.fails(self.plugin.run("galera", "restore", "r", "--from=p-cancel"), 1, 'error: ', 'backup "p-cancel" is Cancelled, not Completed',
                   "restore from a backup whose phase is Completed")
        self.check_repository()

    def test_a_restore_is_cancelled_by_an_admin_only_and_says_what_it_leaves(self):
        self.bed.second.drop_everything()
        self.completed(self.backup("p-csrc", databases=["nova_cell1"]))
        restore, held = self.running_restore("p-csrc", {"openstack": "openstack-dr"})
        name = f"restore/{restore['metadata']['name']}"
        erin = self.plugin_of(self.bed.user("erin"))
        self.fails(erin.run("galera", "cancel", name), 1, 'cannot create resource "galerarestores/cancel"')
        self.plugin.run("galera", "cancel", name)
        held.close()
        found = self.wait_phase(restore, "Cancelled")
        self.assertIn("cancelled by alice; the target may hold a part of the restored schemas", found["status"]["message"])
        self.made("backup", "p-again-safety")
        self.completed(self.restore("p-again", "p-csrc", targets={"openstack": "openstack-dr"}, existing="Replace"))

    def test_a_second_restore_on_a_target_is_refused(self):
        self.bed.second.drop_everything()
        self.completed(self.backup("p-wanted"))
        first, held = self.running_restore("p-wanted", {"openstack": "openstack-dr"})
        self.fails(self.plugin.run("galera", "restore", "p-second", "--from=p-wanted", "--target=openstack=openstack-dr"), 1, "error: ",
                   f'{first["metadata"]["name"]}" is running on instance "openstack-dr"', "wait until it has ended, or delete it to cancel it")
        self.assertFalse(self.alice.exists(RESTORES, "p-second"))
        held.close()
        self.wait_phase(first, "Completed")

    def test_waiting_for_what_is_cancelled_elsewhere_is_exit_code_1(self):
        held = self.hold_dumps()
        waiting = self.plugin.start("galera", "backup", self.made("backup", "p-elsewhere"), "--instance=openstack")
        self.addCleanup(waiting.stdout.close)
        self.addCleanup(waiting.stderr.close)
        self.wait_phase_of_new(self.backup("p-elsewhere"), "Running")
        self.ok(self.plugin.run("galera", "cancel", "backup/p-elsewhere"))
        held.close()
        self.assertEqual(waiting.wait(60), 1)
        self.assertIn("error: the backup was cancelled by alice", waiting.stderr.read())

    def test_a_server_that_dies_while_we_wait_is_waited_for_and_tells_the_end(self):
        self.addCleanup(self.server_again)
        held = self.hold_dumps()
        terminal = self.plugin.terminal("galera", "backup", self.made("backup", "p-orphan"), "--instance=openstack")
        terminal.read_until("Running")
        self.bed.server.kill()
        terminal.read_until("no answer, trying again")
        self.bed.server.start()
        held.close()
        self.assertEqual(terminal.wait(120), 1, terminal.text)
        self.assertIn("backup p-orphan: Failed\n", terminal.text)
        self.assertIn("error: the server that ran this backup ended", terminal.text)

    def test_waiting_for_what_is_deleted_is_exit_code_1(self):
        held = self.hold_dumps()
        waiting = self.plugin.start("galera", "backup", self.made("backup", "p-deleted"), "--instance=openstack")
        self.addCleanup(waiting.stdout.close)
        self.addCleanup(waiting.stderr.close)
        self.wait_phase_of_new(self.backup("p-deleted"), "Running")
        self.alice("delete", BACKUPS, "p-deleted", "--wait=false")
        held.close()
        self.assertEqual(waiting.wait(60), 1)
        self.assertIn("backup/p-deleted was deleted while it ran", waiting.stderr.read())

    def wait_phase_of_new(self, manifest, phase):
        wait_until(f"{manifest['metadata']['name']} to be created", lambda: self.alice.exists(BACKUPS, manifest["metadata"]["name"]), 60)
        self.wait_phase(manifest, phase)


class Trash(PluginCase):
    def test_a_deleted_backup_comes_back_and_restores(self):
        self.bed.second.drop_everything()
        was = self.completed(self.backup("p-gone", databases=["glance"]))
        want = proof.fingerprint(self.bed.galera, ["glance"])
        self.fails(self.plugin.run("galera", "undelete", "p-gone"), 1, '"p-gone" already exists', "it was not deleted")
        self.alice("delete", BACKUPS, "p-gone")
        erin = self.plugin_of(self.bed.user("erin"))
        self.fails(erin.run("galera", "undelete", "p-gone"), 1, 'cannot create resource "galerabackups/undelete"')
        done = self.ok(self.plugin.run("galera", "undelete", "p-gone"))
        self.assertEqual(done.stdout, f"galerabackup.{GROUP}/p-gone undeleted\n")
        found = self.get(self.backup("p-gone"))
        self.assertEqual(found["metadata"]["uid"], was["metadata"]["uid"])
        self.assertEqual(found["status"], was["status"])
        self.completed(self.restore("p-regained", "p-gone", targets={"openstack": "openstack-dr"}))
        self.assertEqual(proof.fingerprint(self.bed.second), want)

    def test_it_survives_the_server(self):
        self.completed(self.backup("p-durable", databases=["glance"]))
        self.alice("delete", BACKUPS, "p-durable")
        self.bed.server.restart()
        wait_until("the API to be back", lambda: self.alice.run("get", BACKUPS).returncode == 0, 60)
        self.ok(self.plugin.run("galera", "undelete", "p-durable"))
        self.bed.server.restart()
        wait_until("the API to be back", lambda: self.alice.run("get", BACKUPS).returncode == 0, 60)
        self.assertEqual(self.phase(self.backup("p-durable")), "Completed")
        self.check_repository()

    def test_what_was_never_there_says_what_there_is(self):
        self.completed(self.backup("p-other", databases=["glance"]))
        self.alice("delete", BACKUPS, "p-other")
        self.fails(self.plugin.run("galera", "undelete", "p-never"), 1, 'holds no backup "p-never"', "p-other")
        self.fails(self.plugin.run("galera", "undelete", "p-other", "--uid=wrong"), 1, "with the uid wrong")
        self.fails(self.plugin.run("galera", "undelete", "restore/x"), 2, "is a restore, not a backup")


class Status(PluginCase):
    def test_one_screen_answers_what_is_asked_at_night(self):
        self.completed(self.backup("p-tonight", instances=["openstack", "openstack-dr"]))
        self.completed(self.restore("p-tried", "p-tonight", databaseInstances=["openstack"], databases=["glance"],
                                    rename={"glance": "glance_tried"}))
        self.addCleanup(self.bed.galera.sql, "DROP DATABASE IF EXISTS glance_tried")
        done = self.ok(self.plugin.run("galera", "status"))
        line = next(row for row in done.stdout.splitlines() if row.startswith("openstack "))
        self.assertRegex(line, r"^openstack +p-tonight +\d+s +yes +\d+\w+ +~\d+")
        self.assertIn("~ is an estimate, from how long the last restore took", done.stdout)
        self.assertIn("The stores are not yours to see", done.stdout)
        self.assertLessEqual(len(done.stdout.splitlines()), 24, done.stdout)
        terminal = self.plugin.terminal("galera", "status")
        self.assertEqual(terminal.wait(), 0)
        self.assertIn("p-tonight", terminal.text)

    def test_the_report_is_data_too(self):
        self.completed(self.backup("p-data"))
        report = json.loads(self.ok(self.plugin.run("galera", "status", "-o", "json")).stdout)
        instance = next(i for i in report["instances"] if i["name"] == "openstack")
        self.assertEqual(instance["lastGoodBackup"]["name"], "p-data")
        self.assertTrue(instance["lastGoodBackup"]["verified"])
        self.assertGreater(instance["lastGoodBackup"]["bytes"], 1000000)
        self.assertIn("lastGoodBackup:", self.ok(self.plugin.run("galera", "status", "-o", "yaml")).stdout)
        self.fails(self.plugin.run("galera", "status", "-o", "name"), 2, "name not in {json,yaml}")

    def test_of_all_namespaces_with_the_stores_for_who_may_see_them(self):
        self.completed(self.backup("p-wide", databases=["glance"]))
        self.fails(self.plugin.run("galera", "status", "-A"), 1, "at the cluster scope")
        admin = Plugin(self.bed.folder, self.alice.program, self.bed.control_plane.admin_kubeconfig)
        done = self.ok(admin.run("galera", "status", "-A"))
        self.assertRegex(done.stdout, r"(?m)^NAMESPACE +INSTANCE +")
        self.assertRegex(done.stdout, r"(?m)^openstack +openstack +")
        self.assertRegex(done.stdout, r"(?m)^default +Available +\d+ +")

    def test_what_runs_is_on_it(self):
        backup = self.backup("p-now")
        held = self.hold_dumps()
        self.running_dump(backup)
        done = self.ok(self.plugin.run("galera", "status"))
        held.close()
        self.assertRegex(done.stdout, r"(?m)^backup/p-now +openstack +Running +\d+% +\d+s")


    def test_schedules_tell_when_the_next_one_is(self):
        self.completed(self.backup("p-before", databases=["glance"]))
        self.alice.create(self.manifest("GaleraBackupSchedule", "p-yearly", {
            "schedule": "0 2 1 1 *", "template": {"spec": {"databaseInstances": ["openstack"]}}}))

        def screen(words):
            return wait_until(words, lambda: re.search(words, self.ok(self.plugin.run("galera", "status")).stdout, re.M), 30)
        screen(r"^openstack .* in \d+d \(p-yearly\)$")
        self.alice("patch", f"galerabackupschedules.{GROUP}", "p-yearly", "--type=merge", "-p", '{"spec": {"suspend": true}}')
        screen(r"^openstack .* SUSPENDED \(p-yearly\)$")
        screen(r"^  ! schedule/p-yearly: it is suspended: no backup will be made$")


class EachCommand(PluginCase):
    """Each command on a terminal and without one, with the oldest kubectl and today's: what it says and its exit code."""

    def ask(self, kubectl, on_terminal, *words):
        """(exit code, everything that was said)."""
        plugin = self.plugin_of(self.alice, kubectl)
        if on_terminal:
            terminal = plugin.terminal(*words)
            return terminal.wait(), terminal.text
        done = plugin.run(*words)
        return done.returncode, done.stdout + done.stderr

    def test_of_both_kubectls_on_a_terminal_and_without_one(self):
        for version, kubectl in (("1.29", oldest_kubectl()), ("today", self.alice.program)):
            self.assertEqual("v1.29." in process.run([kubectl, "version", "--client"]).stdout, version == "1.29")
            for on_terminal in (False, True):
                with self.subTest(kubectl=version, on_terminal=on_terminal):
                    self.all_of_them(f"p-{version.replace('.', '-')}-{'on' if on_terminal else 'off'}", kubectl, on_terminal)

    def all_of_them(self, name, kubectl, on_terminal):
        def says(code, said, *words):
            found = self.ask(kubectl, on_terminal, *words)
            self.assertEqual(found[0], code, found[1])
            self.assertIn(said, found[1])
        onto = "--target=openstack=openstack-dr"
        self.made("backup", name)
        self.made("restore", name)
        says(0, f"backup {name}: Completed", "galera", "backup", name, "--instance=openstack", "--databases=glance")
        says(1, "already exists", "galera", "backup", name, "--instance=openstack", "--databases=glance")
        says(2, "--instance is required", "galera", "backup", name)
        says(0, "every digest of", "galera", "logs", f"backup/{name}", "-f")
        says(0, "LAST GOOD BACKUP", "galera", "status")
        says(0, "Passed: every byte was read back and compared", "galera", "verify", name)
        says(0, f'are as in backup "{name}"', "galera", "diff", name)
        says(1, "there is nothing left to cancel", "galera", "cancel", f"backup/{name}")
        self.alice("delete", BACKUPS, name)
        says(0, f"{name} undeleted", "galera", "undelete", name)
        says(1, "it was not deleted", "galera", "undelete", name)
        self.bed.second.drop_everything()
        says(0, f"restore {name}: Completed", "galera", "restore", name, f"--from={name}", onto)
        says(1, "FAILED", "galera", "restore", f"{name}-dry", f"--from={name}", "--dry-run=server", onto)
        # kubectl 1.29 finds the links only where a flag comes first.
        says(0, "phase: Completed", "create", "galerabackup", "--instance=openstack", self.made("backup", f"{name}-2"),
             "--databases=glance", "-o", "yaml")
        self.bed.second.drop_everything()
        says(0, "phase: Completed", "create", "galerarestore", f"--from={name}-2", self.made("restore", f"{name}-2"), onto,
             "-o", "yaml")
        held = self.hold_dumps()
        running = self.backup(f"{name}-3")
        self.running_dump(running)
        says(0, f"{name}-3 cancelled", "galera", "cancel", f"backup/{name}-3")
        held.close()
        self.wait_phase(running, "Cancelled")

    def test_what_has_no_bar_says_the_same_on_a_terminal(self):
        self.completed(self.backup("p-same", databases=["glance"]))
        for words in (("logs", "backup/p-same"), ("cancel", "backup/p-same"), ("undelete", "p-same"), ("backup", "x"),
                      ("restore", "r", "--from=no-such"), ("undelete", "p-none", "--dry-run")):
            plain = self.plugin.run("galera", *words)
            terminal = self.plugin.terminal("galera", *words)
            self.assertEqual(terminal.wait(), plain.returncode, terminal.text)
            self.assertEqual(terminal.text, plain.stdout + plain.stderr)


class Verify(PluginCase):
    """What `verify` and `diff` find, and who may ask."""

    def test_damage_is_found_and_told_and_latest_passes_over_it(self):
        self.completed(self.backup("p-sound", databases=["glance"]))
        damaged = self.completed(self.backup("p-rotten", databases=["glance"]))
        manifest = self.bed.server.store / "data" / NAMESPACE / damaged["metadata"]["uid"] / "manifest"
        sound = manifest.read_bytes()
        self.addCleanup(write_over, manifest, sound)
        write_over(manifest, sound[:100] + bytes([sound[100] ^ 1]) + sound[101:])
        done = self.fails(self.plugin.run("galera", "verify", "backup/p-rotten"), 1)
        self.assertIn("p-rotten: Failed: the backup is damaged: ", done.stdout)
        found = self.get(self.backup("p-rotten"))
        self.assertEqual(found["status"]["phase"], "Completed")
        self.assertIn("VerificationFailed", self.alice("describe", BACKUPS, "p-rotten"))
        shown = self.ok(self.plugin.run("galera", "restore", "p-latest", "--from=latest", "--dry-run=server",
                                        "--target=openstack=openstack-dr", "--existing=Replace", "-o", "json"))
        self.assertEqual(json.loads(shown.stdout)["status"]["backup"], "p-sound")
        write_over(manifest, sound)
        self.assertIn("Passed", self.ok(self.plugin.run("galera", "verify", "p-rotten")).stdout)

    def test_one_is_restored_into_a_scratch_server(self):
        self.completed(self.backup("p-tried", databases=["glance"]))
        done = self.ok(self.plugin.run("galera", "verify", "p-tried", "--method=Restore", "-o", "json"))
        status = json.loads(done.stdout)["status"]
        self.assertEqual((status["check"]["phase"], status["verification"]["method"]), ("Passed", "Restore"))
        self.assertIn("row by row", status["check"]["message"])

    def test_what_differs_is_counted_row_by_row(self):
        galera = self.bed.galera
        self.completed(self.backup("p-before", databases=["glance"]))
        self.addCleanup(galera.sql, "DROP VIEW IF EXISTS glance.later; DELETE FROM glance.image_properties WHERE name = 'p-new'")
        galera.sql("CREATE VIEW glance.later AS SELECT 1 AS one; INSERT INTO glance.image_properties (image_id, name, value, created_at, deleted) "
                   "SELECT id, 'p-new', 'x', NOW(), 0 FROM glance.images LIMIT 1")
        done = self.fails(self.plugin.run("galera", "diff", "p-before"), 3, 'are as in backup "p-before"; definitions differ')
        self.assertRegex(done.stdout, r"(?m)^glance\.image_properties +RowsDiffer +\d+ +\d+ +1 +0 +0$")
        self.assertIn("`glance`.`later`", done.stdout)
        found = self.get(self.backup("p-before"))["status"]
        self.assertEqual((found["check"]["phase"], found["comparison"]["equal"]), ("Differs", False))
        told = json.loads(self.fails(self.plugin.run("galera", "diff", "p-before", "-o", "json"), 3).stdout)
        self.assertEqual([t["added"] for t in told["instances"][0]["tables"]], [1])

    def test_an_editor_may_and_a_viewer_may_not(self):
        self.completed(self.backup("p-whose", databases=["glance"]))
        self.fails(self.plugin_of(self.bed.user("victor")).run("galera", "verify", "p-whose"), 1, 'cannot create resource "galerabackups/verify"')
        self.ok(self.plugin_of(self.bed.user("erin")).run("galera", "verify", "p-whose"))
        self.fails(self.plugin.run("galera", "verify", "restore/x"), 2, "is a restore, not a backup")
        self.fails(self.plugin.run("galera", "verify", "p-none"), 1, '"p-none" not found')


class Create(PluginCase):
    """`kubectl create galerabackup`, by the links."""

    def test_todays_kubectl_takes_the_name_first_too(self):
        done = self.ok(self.plugin.run("create", "galerabackup", self.made("backup", "p-name-first"), "--instance=openstack",
                                       "--databases=glance", "-o", "name"))
        self.assertEqual(done.stdout, f"galerabackup.{GROUP}/p-name-first\n")

    def test_help_names_the_command_as_it_was_called(self):
        done = self.ok(self.plugin.run("create", "galerabackup", "--help"))
        self.assertIn("Usage: kubectl create galerabackup [OPTIONS] NAME", done.stdout)


class Completion(PluginCase):
    def complete(self, plugin, *words):
        """What kubectl itself offers a shell."""
        done = self.ok(plugin.run("__complete", *words))
        lines = done.stdout.splitlines()
        return [line.split("\t")[0] for line in lines[:-1]], lines[-1]

    def test_kubectl_offers_our_commands_flags_and_names(self):
        self.completed(self.backup("p-offered", databases=["glance"]))
        for kubectl in (self.alice.program, oldest_kubectl()):
            with self.subTest(kubectl=kubectl):
                plugin = self.plugin_of(self.alice, kubectl)
                offered, directive = self.complete(plugin, "galera", "")
                self.assertEqual(directive, ":4")
                self.assertLessEqual({"backup", "restore", "status", "logs", "cancel", "undelete", "local"}, set(offered))
                self.assertEqual(self.complete(plugin, "galera", "restore", "r", "--fr"), (["--from"], ":4"))
                self.assertIn("p-offered", self.complete(plugin, "galera", "restore", "r", "--from", "p-off")[0])
                self.assertIn("backup/p-offered", self.complete(plugin, "galera", "logs", "backup/p-o")[0])
                self.assertIn("openstack", self.complete(plugin, "galera", "backup", "x", "--instance", "")[0])

    def test_without_a_cluster_there_is_silence(self):
        done = self.plugin.run("__complete", "galera", "logs", "", environment={"KUBECONFIG": "/none"})
        self.assertEqual(done.stdout.splitlines()[-1], ":4")


class NoWay(PluginCase):
    """Errors provoked on purpose: what is said, and that it is one exit code."""

    def test_no_kubeconfig(self):
        self.fails(self.plugin.run("galera", "status", environment={"KUBECONFIG": "/none"}), 1,
                   "there is no kubeconfig at /none", "--kubeconfig FILE")

    def test_a_context_that_is_not_there(self):
        self.fails(self.plugin.run("galera", "status", "--context=prod"), 1, 'there is no context "prod"', "there is: bed")

    def test_a_namespace_that_is_not_ones_own(self):
        self.fails(self.plugin.run("galera", "status", "-n", "other"), 1, 'User "alice" cannot list resource', 'namespace "other"')
        self.fails(self.plugin.run("galera", "backup", "x", "-n", "other", "--instance=a"), 1, 'User "alice" cannot create resource')

    def test_impersonation(self):
        admin = Plugin(self.bed.folder, self.alice.program, self.bed.control_plane.admin_kubeconfig)
        self.fails(admin.run("galera", "status", "-n", "openstack", "--as=mallory"), 1, 'User "mallory" cannot list resource')

    def test_a_control_plane_that_is_not_there(self):
        config = json.loads(self.alice.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
        away = self.bed.folder / "away.kubeconfig"
        away.write_text(json.dumps(config))
        self.fails(self.plugin.run("galera", "status", environment={"KUBECONFIG": str(away)}), 1, "127.0.0.1:1",
                   "check that the cluster runs, and --context")

    def test_our_server_that_is_not_there(self):
        self.addCleanup(self.server_again)
        self.bed.server.kill()
        done = self.plugin.run("galera", "status")
        self.fails(done, 1, "kubectl get apiservice v1beta1.backup.rhoso.io")

    def test_a_credential_plugin_is_asked(self):
        config = json.loads(self.alice.kubeconfig.read_text())
        user = config["users"][0]["user"]
        said = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {
            "clientCertificateData": open(user["client-certificate"]).read(), "clientKeyData": open(user["client-key"]).read()}}
        (self.bed.folder / "said.json").write_text(json.dumps(said))
        config["users"][0]["user"] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "cat",
                                               "args": [str(self.bed.folder / "said.json")], "interactiveMode": "Never"}}
        path = self.bed.folder / "exec.kubeconfig"
        path.write_text(json.dumps(config))
        self.ok(self.plugin.run("galera", "status", environment={"KUBECONFIG": str(path)}))
