"""`kubectl galera …` on the real control plane: each command on a terminal and without one."""

import json
import re

from gbtest.plugin import Plugin
from support import BACKUPS, GROUP, Case


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
        for words, said in (
                (("p-bad", "--instance=no-such"), 'there is no database instance "no-such"'),
                (("P_BAD", "--instance=openstack"), "metadata.name: Invalid value"),
                (("p-bad", "--instance=openstack", "--ttl=soon"), "spec.ttl"),
                (("p-bad", "--instance=openstack", "--databases=nowhere"), "nowhere")):
            done = self.fails(self.plugin.run("galera", "backup", *words), 1, "error: ", said)
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
