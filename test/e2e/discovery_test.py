"""A user finds the API through kubectl alone: what there is, what its fields mean, what it holds."""

import json

from support import GROUP, Case


class Discovery(Case):
    def test_the_apiservice_is_available(self):
        found = self.bed.control_plane.admin.json("get", "apiservice", f"v1beta1.{GROUP}")
        self.assertEqual([c["status"] for c in found["status"]["conditions"] if c["type"] == "Available"], ["True"])

    def test_api_resources_names_kinds_short_names_and_verbs(self):
        listed = self.alice("api-resources", f"--api-group={GROUP}", "-o", "wide")
        for words in (("galerabackups", "gbk", "GaleraBackup", "true"), ("galerarestores", "grs", "GaleraRestore", "true"),
                      ("galerabackupstores", "gbst", "GaleraBackupStore", "false")):
            line = next(row for row in listed.splitlines() if row.startswith(words[0] + " "))
            for word in words:
                self.assertIn(word, line.split())
        self.assertIn("deletecollection", listed)

    def test_short_names_and_the_category_work(self):
        self.alice("get", "gbk")
        self.alice("get", "grs")
        self.assertEqual(self.alice.run("get", "galera").stderr.count("error"), 0)

    def test_explain_describes_every_field(self):
        self.assertIn("databaseInstances", self.alice("explain", "galerabackup.spec"))
        self.assertIn("Required", self.alice("explain", "galerabackup.spec").replace("-required-", "Required"))
        for resource in ("galerabackups", "galerarestores", "galerabackupstores"):
            everything = self.alice("explain", resource, "--recursive")
            self.assertIn("status", everything)
        self.assertIn("ttl", self.alice("explain", "galerabackup.spec.ttl"))
        self.assertNotIn("<empty>", self.alice("explain", "galerabackup.spec"))
        self.assertNotIn("<empty>", self.alice("explain", "galerarestore.status"))

    def test_the_group_is_in_the_aggregated_discovery_and_current(self):
        document = json.loads(self.bed.control_plane.admin.raw("/apis"))
        self.assertIn(GROUP, [g["name"] for g in document["groups"]])

    def test_an_empty_list_says_so(self):
        done = self.alice.run("get", f"galerabackups.{GROUP}", "--selector=no=such")
        self.assertEqual(done.returncode, 0)
        self.assertIn("No resources found in openstack namespace", done.stderr)

    def test_stores_are_shown_to_those_who_may(self):
        listed = self.bed.control_plane.admin("get", f"galerabackupstores.{GROUP}")
        self.assertRegex(listed, r"default\s+.*Available")

    def test_health(self):
        self.assertTrue(self.bed.server.ready())
