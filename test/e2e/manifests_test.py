"""The manifests are what a kube-apiserver of today accepts, and give people the rights that the documentation tells."""

import json
import os
import re
import shutil
import unittest

from gbtest import place
from gbtest.controlplane import ControlPlane

GROUP = "backup.rhoso.io"


def mebibytes(quantity):
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = place.new_folder()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.plane = ControlPlane(cls.folder / "control-plane")
        cls.addClassCleanup(cls.plane.stop)
        cls.plane.start()
        manifests = place.REPO / "manifests"
        cls.plane.admin("apply", "--server-side", "-f", manifests / "namespace.yaml")
        cls.dry_run = cls.plane.admin.run("apply", "--server-side", "--dry-run=server", "-o", "name", "-k", manifests)
        cls.plane.admin("apply", "-f", manifests / "rbac-users.yaml", "-f", manifests / "rbac-server.yaml")
        cls.plane.wait_roles()
        cls.plane.create_namespace("openstack", admins=["alice"], editors=["erin"], viewers=["victor"])

    def allowed(self, user, verb, resource, namespace="openstack", group=GROUP, name="", groups=("system:authenticated",)):
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": user, "groups": list(groups), "resourceAttributes": {
                "group": group, "resource": resource, "verb": verb, "namespace": namespace, "name": name}}}
        return json.loads(self.plane.admin("create", "-f", "-", "-o", "json", stdin=review))["status"]["allowed"]

    def test_the_server_accepts_every_object(self):
        self.assertEqual(self.dry_run.returncode, 0, self.dry_run.stderr)
        for kind in ("apiservice.apiregistration.k8s.io/v1beta1.backup.rhoso.io", "deployment.apps/galera-backup-apiserver",
                     "poddisruptionbudget.policy/", "networkpolicy.networking.k8s.io/", "persistentvolumeclaim/",
                     "configmap/", "service/", "serviceaccount/"):
            self.assertIn(kind, self.dry_run.stdout)
        self.assertNotIn("Warning", self.dry_run.stderr)  # pod security "restricted" among others

    def test_a_viewer_reads_and_no_more(self):
        self.assertTrue(self.allowed("victor", "list", "galerabackups"))
        self.assertTrue(self.allowed("victor", "watch", "galerarestores"))
        for verb in ("create", "update", "delete"):
            self.assertFalse(self.allowed("victor", verb, "galerabackups"), verb)

    def test_an_editor_takes_backups_but_neither_restores_nor_deletes(self):
        self.assertTrue(self.allowed("erin", "create", "galerabackups"))
        self.assertTrue(self.allowed("erin", "get", "galeras", group="mariadb.openstack.org"))
        self.assertTrue(self.allowed("erin", "use", "galerabackupstores", namespace="", name="default"))
        self.assertFalse(self.allowed("erin", "create", "galerarestores"))
        self.assertFalse(self.allowed("erin", "delete", "galerabackups"))
        self.assertFalse(self.allowed("erin", "patch", "galerabackups"))
        # She may stop what she may begin; a restore that is stopped half-way is an administrator's matter.
        self.assertTrue(self.allowed("erin", "create", "galerabackups/cancel"))
        for resource in ("galerarestores/cancel", "galerabackups/undelete"):
            self.assertFalse(self.allowed("erin", "create", resource), resource)
            self.assertTrue(self.allowed("alice", "create", resource), resource)

    def test_an_admin_restores_and_deletes_in_his_namespace_only(self):
        for resource in ("galerabackups", "galerarestores"):
            for verb in ("create", "get", "patch", "delete", "deletecollection"):
                self.assertTrue(self.allowed("alice", verb, resource), f"{verb} {resource}")
                self.assertFalse(self.allowed("alice", verb, resource, namespace="default"), f"{verb} {resource}")

    def test_other_stores_are_not_for_everybody(self):
        self.assertFalse(self.allowed("alice", "use", "galerabackupstores", namespace="", name="offsite"))

    def test_monitoring_is_a_component_of_an_overlay(self):
        built = self.plane.admin("kustomize", self.overlay("monitoring"))
        for kind in ("kind: ServiceMonitor", "kind: PrometheusRule", "name: backup.rhoso.io:metrics-reader", "kind: APIService"):
            self.assertIn(kind, built)
        self.plane.admin("apply", "-f", place.REPO / "manifests/components/monitoring/rbac.yaml")
        for name, may in (("prometheus-k8s", True), ("default", False)):
            review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
                "user": f"system:serviceaccount:monitoring:{name}", "nonResourceAttributes": {"path": "/metrics", "verb": "get"}}}
            made = json.loads(self.plane.admin("create", "-f", "-", "-o", "json", stdin=review))
            self.assertEqual(made["status"]["allowed"], may, name)
            for group, resource in (("", "endpoints"), ("", "pods"), ("discovery.k8s.io", "endpointslices")):
                self.assertEqual(self.allowed(f"system:serviceaccount:monitoring:{name}", "list", resource, namespace="galera-backup", group=group),
                                 may, f"{name}: {resource}")

    def overlay(self, *components):
        """A folder that kustomize builds manifests/ from, with these components."""
        overlay = self.folder / "-".join(["overlay", *components])
        overlay.mkdir(exist_ok=True)
        manifests = os.path.relpath(place.REPO / "manifests", overlay.resolve())
        (overlay / "kustomization.yaml").write_text(json.dumps({
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [manifests],
            "components": [f"{manifests}/components/{c}" for c in components]}))
        return overlay

    def built(self, *components):
        """{kind: object} of manifests/ with these components, accepted by kube-apiserver."""
        made = self.plane.admin("apply", "--server-side", "--dry-run=server", "-o", "json", "-k", self.overlay(*components))
        return {item["kind"]: item for item in json.loads(made)["items"]}

    def test_openshift_or_cert_manager_makes_the_certificate_that_is_mounted(self):
        made = self.built("openshift")
        mounted = next(v["secret"]["secretName"] for v in made["Deployment"]["spec"]["template"]["spec"]["volumes"] if "secret" in v)
        self.assertNotIn("fsGroup", made["Deployment"]["spec"]["template"]["spec"]["securityContext"])
        annotation = "service.beta.openshift.io/"
        self.assertEqual(made["Service"]["metadata"]["annotations"][annotation + "serving-cert-secret-name"], mounted)
        self.assertEqual(made["APIService"]["metadata"]["annotations"][annotation + "inject-cabundle"], "true")
        # cert-manager's kinds are not known here.
        built = self.plane.admin("kustomize", self.overlay("cert-manager")).split("\n---\n")
        serving = next(o for o in built if "kind: Certificate\n" in o and "  name: galera-backup-apiserver\n" in o)
        service = made["Service"]["metadata"]
        self.assertIn(f"  secretName: {mounted}\n", serving)
        self.assertIn(f"  - {service['name']}.{service['namespace']}.svc\n", serving)
        apiservice = next(o for o in built if "kind: APIService\n" in o)
        self.assertIn(f"    cert-manager.io/inject-ca-from: {service['namespace']}/galera-backup-apiserver\n", apiservice)

    def test_as_many_servers_run_as_the_volume_lets(self):
        for components, replicas, strategy, mode in (((), 1, "Recreate", "ReadWriteOnce"),
                                                     (("replicas",), 2, "RollingUpdate", "ReadWriteMany")):
            made = self.built(*components)
            deployment = made["Deployment"]["spec"]
            self.assertEqual((deployment["replicas"], deployment["strategy"]["type"]), (replicas, strategy))
            self.assertEqual(made["PersistentVolumeClaim"]["spec"]["accessModes"], [mode])

    def test_the_memory_is_enough_for_backups_and_one_restore(self):
        """The rule of docs/operator-guide.md, "How large", whose 300Mi are the server's own."""
        made = self.built()
        container = made["Deployment"]["spec"]["template"]["spec"]["containers"][0]
        limits = re.search(r"^limits: \{(.*)\}$", made["ConfigMap"]["data"]["config.yaml"], re.MULTILINE).group(1)
        limits = dict(item.split(": ") for item in limits.split(", "))
        memory = mebibytes(limits["memory"])
        self.assertGreaterEqual(mebibytes(container["resources"]["limits"]["memory"]), memory + memory / int(limits["parallelBackups"]) + 300)

    def test_the_server_may_ask_who_and_whether_but_not_write_secrets(self):
        server = "system:serviceaccount:galera-backup:galera-backup-apiserver"
        self.assertTrue(self.allowed(server, "create", "tokenreviews", namespace="", group="authentication.k8s.io"))
        self.assertTrue(self.allowed(server, "create", "subjectaccessreviews", namespace="", group="authorization.k8s.io"))
        self.assertTrue(self.allowed(server, "watch", "namespaces", namespace="", group=""))
        self.assertTrue(self.allowed(server, "create", "events", group=""))
        self.assertTrue(self.allowed(server, "watch", "configmaps", namespace="kube-system", group="",
                                     name="extension-apiserver-authentication"))
        for verb in ("create", "update", "delete", "list"):
            self.assertFalse(self.allowed(server, verb, "secrets", group=""), verb)

    def test_the_server_follows_galera_objects_and_changes_nothing_but_services(self):
        server = "system:serviceaccount:galera-backup:galera-backup-apiserver"
        galera = "mariadb.openstack.org"
        used = {(galera, "galeras"): {"get", "list"}, (galera, "mariadbaccounts"): {"get"}, ("", "secrets"): {"get"},
                ("", "pods"): {"list"}, ("", "services"): {"get", "list", "patch"}}
        for (group, resource), verbs in used.items():
            for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
                self.assertEqual(self.allowed(server, verb, resource, group=group), verb in verbs, f"{verb} {resource}")
