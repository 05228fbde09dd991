"""A user finds the API through kubectl alone: what there is, what its fields mean, what it holds."""

import json
import re
import time

from gbtest import process
from gbtest.process import wait_until
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
        self.assertRegex(self.alice("explain", "galerabackup.spec"), r"(?m)^ +databaseInstances\t<\[\]string> -required-$")
        self.assertIn("ttl", self.alice("explain", "galerabackup.spec.ttl"))
        for resource in ("galerabackups", "galerarestores", "galerabackupschedules", "galerabackupstores"):
            paths = self.objects_in(resource)
            self.assertLessEqual({f"{resource}.spec", f"{resource}.status"} if resource != "galerabackupstores" else {f"{resource}.status"}, set(paths))
            for path in [resource, *paths]:
                explained = self.alice("explain", path)
                # What kubectl prints where a type or a field has no description.
                for nothing in ("<empty>", "<no description>"):
                    self.assertNotIn(nothing, explained, path)

    def objects_in(self, resource):
        """The paths of the fields of ours that have fields of their own, as kubectl lists them."""
        paths, above = [], [resource]
        listed = self.alice("explain", resource, "--recursive").partition("FIELDS:\n")[2]
        for line in listed.splitlines():
            field = re.fullmatch(r"((?:  )+)(\w+)\t<(.*?)>.*", line)
            if field is None:
                continue
            depth = len(field[1]) // 2
            above[depth:] = [field[2]]
            if field[3].endswith("Object") and "metadata" not in above:
                paths.append(".".join(above))
        return paths

    def aggregated(self):
        """The aggregated discovery of kube-apiserver, as client-go asks for it: {group: {version: its entry}}."""
        config = json.loads(self.bed.control_plane.admin.kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        done = process.run([
            "curl", "--silent", "--fail-with-body", "--cacert", cluster["certificate-authority"],
            "--cert", user["client-certificate"], "--key", user["client-key"], cluster["server"] + "/apis", "--header",
            "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"])
        document = json.loads(done.stdout)
        self.assertEqual(document["kind"], "APIGroupDiscoveryList")
        return {g["metadata"]["name"]: {v["version"]: v for v in g["versions"]} for g in document["items"]}

    def freshness(self):
        # kube-apiserver looks again each minute, and at once where the APIService changes.
        self.bed.control_plane.admin("annotate", "apiservice", f"v1beta1.{GROUP}", f"looked={time.time()}", "--overwrite")
        return self.aggregated().get(GROUP, {}).get("v1beta1", {}).get("freshness", "absent")

    def test_the_group_is_in_the_aggregated_discovery_and_current(self):
        wait_until("the group to be Current", lambda: self.freshness() == "Current", 90)
        entry = self.aggregated()[GROUP]["v1beta1"]
        resources = {r["resource"]: r for r in entry["resources"]}
        self.assertEqual(sorted(resources), ["galerabackups", "galerabackupschedules", "galerabackupstores", "galerarestores"])
        backups = resources["galerabackups"]
        self.assertEqual(backups["responseKind"]["kind"], "GaleraBackup")
        self.assertEqual(backups["scope"], "Namespaced")
        self.assertEqual(resources["galerabackupstores"]["scope"], "Cluster")
        self.assertIn("watch", backups["verbs"])
        self.assertIn("log", [s["subresource"] for s in backups["subresources"]])
        legacy = json.loads(self.bed.control_plane.admin.raw("/apis"))
        self.assertIn(GROUP, [g["name"] for g in legacy["groups"]])

    def test_a_server_that_is_gone_is_stale_harms_no_other_group_and_comes_back(self):
        wait_until("the group to be Current", lambda: self.freshness() == "Current", 90)
        self.addCleanup(self.server_again)
        self.bed.server.kill()
        wait_until("the group to be Stale", lambda: self.freshness() in ("Stale", "absent"), 90)
        wait_until("it to be said", lambda: " False " in self.bed.control_plane.admin("get", "apiservice", f"v1beta1.{GROUP}"), 30)
        self.assertEqual(self.aggregated()["apps"]["v1"]["freshness"], "Current")
        self.assertIn("deployments", self.alice.run("api-resources", "--cached=false").stdout)
        self.bed.server.start()
        wait_until("the group to be Current again", lambda: self.freshness() == "Current", 90)
        self.assertIn("galerabackups", self.alice("api-resources", f"--api-group={GROUP}", "--cached=false"))

    def test_discovery_lives_while_the_store_is_gone(self):
        store = self.bed.server.store
        away = store.with_name(store.name + ".away")
        away.mkdir()
        self.addCleanup(away.rmdir)
        there = [entry.name for entry in store.iterdir()]

        def put_back():
            for name in there:
                (away / name).rename(store / name)
        for name in there:
            (store / name).rename(away / name)
        self.addCleanup(put_back)
        listed = self.alice("api-resources", f"--api-group={GROUP}", "--cached=false")
        self.assertIn("galerabackups", listed)
        self.alice("get", f"galerabackups.{GROUP}")
        self.assertEqual(self.freshness(), "Current")

    def test_an_empty_list_says_so(self):
        done = self.alice.run("get", f"galerabackups.{GROUP}", "--selector=no=such")
        self.assertEqual(done.returncode, 0)
        self.assertIn("No resources found in openstack namespace", done.stderr)

    def test_stores_are_shown_to_those_who_may(self):
        listed = self.bed.control_plane.admin("get", f"galerabackupstores.{GROUP}")
        self.assertRegex(listed, r"default\s+.*Available")

    def test_health(self):
        self.assertTrue(self.bed.server.ready())
