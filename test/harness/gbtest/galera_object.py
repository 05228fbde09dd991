"""Galera objects of mariadb.openstack.org as openstack-k8s-operators/mariadb-operator leaves them, for a cluster of the bed.

No operator and no kubelet runs: what they would have done is written here. The StatefulSet and its pods are real objects,
owned as they are there, so that the garbage collector takes them along with the Galera object.
"""

import base64
import json

from .process import wait_until

GROUP = "mariadb.openstack.org"
ACTIVE = "statefulset.kubernetes.io/pod-name"


def install_kinds(kubectl):
    """The two kinds that we read, with no more of a schema than that."""
    for kind, plural in (("Galera", "galeras"), ("MariaDBAccount", "mariadbaccounts")):
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        kubectl("apply", "-f", "-", stdin={
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{GROUP}"},
            "spec": {"group": GROUP, "scope": "Namespaced", "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                     "versions": [{"name": "v1beta1", "served": True, "storage": True, "subresources": {"status": {}},
                                   "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                                       "spec": anything, "status": anything}}}}]}})
    kubectl("wait", "--for=condition=Established", f"crd/galeras.{GROUP}", f"crd/mariadbaccounts.{GROUP}", "--timeout=30s")


class GaleraObject:
    """`name`, for the servers of `galera`. Pod N-1 is node N; `create()` returns when all are Ready."""

    def __init__(self, kubectl, namespace, name, galera):
        self.kubectl = kubectl  # of an administrator
        self.namespace = namespace
        self.name = name
        self.galera = galera
        self.set = f"{name}-galera"
        self.labels = {"app": "galera", "cr": f"galera-{name}", "galera/name": name, "owner": "mariadb-operator"}
        self.root_secret = f"{name}-db-root"
        self.uid = None

    def pod(self, node):
        return f"{self.set}-{node.number - 1}"

    def hosts(self):
        """Lines of a hosts file: the names of the pods."""
        return "".join(f"{n.address} {self.pod(n)}.{self.set}.{self.namespace}.svc\n" for n in self.galera.nodes)

    def run(self, *arguments, **options):
        return self.kubectl(f"--namespace={self.namespace}", *arguments, **options)

    def apply(self, manifest):
        manifest["metadata"].setdefault("namespace", self.namespace)
        return json.loads(self.run("apply", "-f", "-", "-o", "json", stdin=manifest))

    def secret(self, name, key, value):
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                    "data": {key: base64.b64encode(value.encode()).decode()}})

    def create(self, spec=None, status=None):
        tls = {"secretName": f"cert-{self.name}", "caBundleSecretName": f"{self.name}-ca"} if self.galera.tls else None
        if tls:
            self.secret(tls["caBundleSecretName"], "tls-ca-bundle.pem", self.galera.ca_file.read_text())
        self.secret(self.root_secret, "DatabasePassword", self.galera.password)
        made = self.apply({"apiVersion": f"{GROUP}/v1beta1", "kind": "Galera", "metadata": {"name": self.name}, "spec": {
            "secret": "osp-secret", "replicas": 3, "storageClass": "local", "storageRequest": "5G",
            **({"tls": tls} if tls else {}), **(spec or {})}})
        self.uid = made["metadata"]["uid"]
        self.patch(f"galeras.{GROUP}", self.name, {"status": {"rootDatabaseSecret": self.root_secret} if status is None else status},
                   "--subresource=status")
        self._make_services()
        self._make_pods()
        return self

    def delete(self):
        """The object and, by the garbage collector, all that it owns."""
        self.run("delete", f"galeras.{GROUP}", self.name, "--ignore-not-found")
        self.run("delete", "pod", f"{self.name}-backup-1", "--ignore-not-found")
        wait_until(f"what Galera {self.name} owned to be gone", lambda: not self.run(
            "get", "statefulsets,services,pods", "-l", f"galera/name={self.name}", "-o", "name").strip(), 60)

    def patch(self, kind, name, change, *arguments):
        self.run("patch", kind, name, "--type=merge", "-p", json.dumps(change), *arguments)

    def service(self):
        return self.kubectl.json(f"--namespace={self.namespace}", "get", "service", self.name)

    def active_pod(self):
        """Where the Service leads applications; "" when nowhere."""
        return self.service()["spec"]["selector"][ACTIVE]

    def lead_to(self, pod):
        """What mysql_wsrep_notify.sh does on the node that becomes the first of its cluster."""
        self.patch("service", self.name, {"spec": {"selector": {ACTIVE: pod}}})

    def set_ready(self, node, ready=True):
        self.patch("pod", self.pod(node), {"status": {
            "phase": "Running", "podIP": node.address, "podIPs": [{"ip": node.address}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}}, "--subresource=status")

    def make_backup_pod(self):
        """A pod of the operator's own backups: it wears the labels of the servers and is none."""
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"{self.name}-backup-1", "labels": self.labels},
                    "spec": {"containers": [{"name": "backup", "image": "none"}]}})
        self.patch("pod", f"{self.name}-backup-1", {"status": {
            "phase": "Running", "podIP": "127.255.255.254", "podIPs": [{"ip": "127.255.255.254"}],
            "conditions": [{"type": "Ready", "status": "True"}]}}, "--subresource=status")

    def _owned(self, name):
        return {"name": name, "labels": self.labels, "ownerReferences": [{
            "apiVersion": f"{GROUP}/v1beta1", "kind": "Galera", "name": self.name, "uid": self.uid, "controller": True,
            "blockOwnerDeletion": True}]}

    def _make_services(self):
        selector = {"app": "galera", "cr": f"galera-{self.name}"}
        self.apply({"apiVersion": "v1", "kind": "Service", "metadata": self._owned(self.name), "spec": {
            "selector": {**selector, ACTIVE: f"{self.set}-0"}, "ports": [{"name": "database", "port": 3306}]}})
        self.apply({"apiVersion": "v1", "kind": "Service", "metadata": self._owned(self.set), "spec": {
            "clusterIP": "None", "publishNotReadyAddresses": True, "selector": selector,
            "ports": [{"name": "mysql", "port": 3306}]}})

    def _make_pods(self):
        port = self.galera.nodes[0].port
        self.apply({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": self._owned(self.set), "spec": {
            "serviceName": self.set, "replicas": len(self.galera.nodes), "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": self.labels}, "template": {"metadata": {"labels": self.labels}, "spec": {
                "containers": [{"name": "galera", "image": "none", "ports": [
                    {"name": "mysql", "containerPort": port}, {"name": "galera", "containerPort": 4567}]}]}}}})
        wait_until(f"the pods of {self.set}", lambda: len(self.run(
            "get", "pods", *[self.pod(n) for n in self.galera.nodes], "--ignore-not-found", "-o", "name").split()) ==
            len(self.galera.nodes), 60)
        for node in self.galera.nodes:
            self.set_ready(node)
