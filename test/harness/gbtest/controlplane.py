"""etcd, kube-apiserver and kube-controller-manager on loopback, and users for them."""

import base64
import json
import pathlib

from . import place
from .kubectl import Kubectl
from .pki import Authority
from .process import BedError, Process, run, wait_until


def programs():
    """The folder with the four programs; built from source the first time (minutes)."""
    out = run([place.REPO / "test/harness/control-plane/build", place.cache_dir()], timeout=3600).stdout
    return pathlib.Path(out.strip())


def write_kubeconfig(path, server, ca, user, namespace="default"):
    """JSON, which is YAML too."""
    path = pathlib.Path(path)
    path.touch(mode=0o600)
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "bed", "preferences": {},
        "clusters": [{"name": "bed", "cluster": {"server": server, "certificate-authority": str(ca)}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "user", "namespace": namespace}}],
    }, indent=1))
    return path


class ControlPlane:
    """Up in a few seconds. `admin` is a Kubectl of system:masters; `user()` makes others."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.bin = programs()
        self.port = place.free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.processes = []
        self.ca = Authority(self.folder / "ca", "cluster CA")
        self.front_proxy_ca = Authority(self.folder / "front-proxy-ca", "front proxy CA")
        self.admin_kubeconfig = self._certificate_kubeconfig("admin", "admin", ["system:masters"])
        self.admin = Kubectl(self.bin / "kubectl", self.admin_kubeconfig)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        f = self.folder
        client, peer = place.free_port(), place.free_port()
        self._spawn("etcd", "--name=bed", f"--data-dir={f}/etcd", "--unsafe-no-fsync",
                    f"--listen-client-urls=http://127.0.0.1:{client}", f"--advertise-client-urls=http://127.0.0.1:{client}",
                    f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                    f"--initial-cluster=bed=http://127.0.0.1:{peer}", "--log-level=warn")
        cert, key = self.ca.issue("kube-apiserver", "kube-apiserver", ips=["127.0.0.1", "10.0.0.1"],
                                  dns=["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"])
        proxy_cert, proxy_key = self.front_proxy_ca.issue("front-proxy-client", "front-proxy-client")
        sa_key, sa_pub = f / "sa.key", f / "sa.pub"
        run(["openssl", "genrsa", "-out", sa_key, "2048"])
        run(["openssl", "rsa", "-in", sa_key, "-pubout", "-out", sa_pub])
        apiserver = self._spawn(
            "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{client}", "--bind-address=127.0.0.1",
            "--advertise-address=192.0.2.1", f"--secure-port={self.port}", f"--tls-cert-file={cert}",
            f"--tls-private-key-file={key}", f"--client-ca-file={self.ca.cert}", "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={sa_pub}", f"--service-account-signing-key-file={sa_key}",
            f"--requestheader-client-ca-file={self.front_proxy_ca.cert}", "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-uid-headers=X-Remote-Uid",
            f"--proxy-client-cert-file={proxy_cert}", f"--proxy-client-key-file={proxy_key}",
            "--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none")
        manager_config = self._certificate_kubeconfig("controller-manager", "system:kube-controller-manager")
        wait_until("kube-apiserver to be ready",
                   lambda: self.admin.run("get", "--raw", "/readyz", timeout=10).stdout == "ok", 90, apiserver)
        self._spawn("kube-controller-manager", f"--kubeconfig={manager_config}",
                    f"--authentication-kubeconfig={manager_config}", f"--authorization-kubeconfig={manager_config}",
                    f"--service-account-private-key-file={sa_key}", f"--root-ca-file={self.ca.cert}",
                    "--use-service-account-credentials", "--leader-elect=false", "--bind-address=127.0.0.1",
                    f"--secure-port={place.free_port()}")
        return self

    def stop(self):
        for process in reversed(self.processes):
            process.stop(grace=5)
        self.processes.clear()

    def user(self, name, groups=(), namespace=None):
        """A user by a certificate of the cluster CA."""
        return Kubectl(self.bin / "kubectl", self._certificate_kubeconfig(name, name, groups, namespace or "default"), namespace)

    def service_account_kubeconfig(self, namespace, name):
        token = self.admin("create", "token", name, f"--namespace={namespace}", "--duration=24h").strip()
        return write_kubeconfig(self.folder / f"sa-{namespace}-{name}.kubeconfig", self.url, self.ca.cert, {"token": token})

    def create_namespace(self, name, admins=(), editors=(), viewers=()):
        """A namespace with RoleBindings of users to the standard ClusterRoles."""
        if not self.admin.exists("namespace", name):
            self.admin("create", "namespace", name)
        for role, users in (("admin", admins), ("edit", editors), ("view", viewers)):
            for user in users:
                self.admin("create", "rolebinding", f"{user}-{role}", f"--clusterrole={role}", f"--user={user}", "-n", name)

    def register(self, port, ca_file):
        """Installs RBAC, and the APIService of manifests/apiservice.yaml pointed at a server on localhost:port."""
        manifests = place.REPO / "manifests"
        self.admin("apply", "-f", manifests / "namespace.yaml", "-f", manifests / "serviceaccount.yaml",
                   "-f", manifests / "rbac-server.yaml", "-f", manifests / "rbac-users.yaml")
        apiservice = json.loads(self.admin("create", "--dry-run=client", "-o", "json", "-f", manifests / "apiservice.yaml"))
        apiservice["spec"]["caBundle"] = base64.b64encode(pathlib.Path(ca_file).read_bytes()).decode()
        service = apiservice["spec"]["service"]
        service["port"] = port
        # Endpoints cannot hold loopback addresses; a name can.
        self.admin("apply", "-f", "-", stdin={
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": service["name"], "namespace": service["namespace"]},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port, "protocol": "TCP"}]}})
        self.admin("apply", "-f", "-", stdin=apiservice)
        return apiservice["metadata"]["name"]

    def wait_available(self, apiservice, timeout=60, process=None):
        def available():
            conditions = self.admin.json("get", "apiservice", apiservice).get("status", {}).get("conditions", [])
            found = [c for c in conditions if c["type"] == "Available"]
            if found and found[0]["status"] != "True":
                raise BedError(f"{found[0].get('reason')}: {found[0].get('message')}")
            return bool(found)
        wait_until(f"APIService {apiservice} to be Available", available, timeout, process)

    def wait_roles(self, timeout=60):
        """Until the controller has put all our rules, the admin's and the editor's, into the standard role admin."""
        def aggregated():
            verbs = set()
            for rule in self.admin.json("get", "clusterrole", "admin")["rules"] or []:
                if "backup.rhoso.io" in rule.get("apiGroups", []):
                    verbs.update(rule["verbs"])
            return {"get", "create", "deletecollection"} <= verbs
        wait_until("ClusterRole aggregation", aggregated, timeout)

    def _spawn(self, program, *arguments):
        process = Process(program, [self.bin / program, *arguments], self.folder / f"{program}.log")
        self.processes.append(process)
        return process

    def _certificate_kubeconfig(self, name, common_name, groups=(), namespace="default"):
        cert, key = self.ca.issue(f"user-{name}", common_name, groups, folder=self.folder)
        return write_kubeconfig(self.folder / f"{name}.kubeconfig", self.url, self.ca.cert,
                                {"client-certificate": str(cert), "client-key": str(key)}, namespace)
