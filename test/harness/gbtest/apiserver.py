"""Our server, as a test starts it: from the build folder, with a configuration file written for it."""

import json
import os
import pathlib
import signal

from . import place
from .kubectl import Kubectl
from .controlplane import programs, write_kubeconfig
from .pki import Authority
from .process import BedError, Process, run, wait_until

SERVICE, NAMESPACE = "galera-backup-apiserver", "galera-backup"


def program(name):
    """The path of one of our programs: from $GB_BIN_DIR, else the newest build of dev and release."""
    given = os.environ.get("GB_BIN_DIR")
    folders = [pathlib.Path(given)] if given else [place.REPO / "build" / p / "bin" for p in ("dev", "release")]
    found = [f / name for f in folders if (f / name).exists()]
    if not found:
        raise BedError(f"{name} is not built: looked in {', '.join(map(str, folders))} (run make build, or set GB_BIN_DIR)")
    return max(found, key=lambda p: p.stat().st_mtime)


def instance(namespace, name, galera, active=1):
    """An entry of `instances:` for a Galera of this bed."""
    tls = {"mode": "Required", "caFile": str(galera.ca_file)} if galera.tls else {"mode": "Disabled"}
    return {"namespace": namespace, "name": name, "nodes": galera.endpoints, "activeNode": galera.node(active).endpoint,
            "user": "root", "passwordFile": str(galera.password_file), "tls": tls}


def to_yaml(value, indent=0):
    """Block YAML of dictionaries, lists and scalars; scalars as JSON, which YAML reads."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{k}:" + (f"\n{to_yaml(v, indent + 1)}" if isinstance(v, (dict, list)) and v else
                                       f" {json.dumps(v)}\n") for k, v in value.items())
    if isinstance(value, list) and value:
        items = []
        for v in value:
            text = to_yaml(v, indent + 1) if isinstance(v, (dict, list)) and v else f"{pad}  {json.dumps(v)}\n"
            items.append(f"{pad}- {text[len(pad) + 2:]}")
        return "".join(items)
    return f"{pad}{json.dumps(value)}\n"


class ApiServer:
    """galera-backup-apiserver. Without a control plane it runs standalone, and `client()` gives users for it.

    With one it is the server that kube-apiserver leads to, unless `registers` is false: a replica beside that one, which asks
    kube-apiserver as it does, and is itself asked by `client_by_token()` alone.
    """

    def __init__(self, folder, store, instances, control_plane=None, namespaces=("openstack",), registers=True):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = pathlib.Path(store)
        self.store.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.control_plane = control_plane
        self.registers = registers and control_plane is not None
        self.port = place.free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.ca = Authority(self.folder / "serving-ca", "galera-backup serving CA")
        self.cert, self.key = self.ca.issue("serving", SERVICE, ips=["127.0.0.1"], dns=[
            f"{SERVICE}.{NAMESPACE}.svc", f"{SERVICE}.{NAMESPACE}.svc.cluster.local", "localhost"])
        self.log = self.folder / "apiserver.log"
        self.process = None
        self.environment = {}
        self.apiservice = None
        self._client_ca = None
        self.config_file = self.folder / "config.yaml"
        self.config = {
            "apiVersion": "config.backup.rhoso.io/v1alpha1", "kind": "ServerConfiguration",
            "serving": {"bindAddress": "127.0.0.1", "port": self.port, "certFile": str(self.cert), "keyFile": str(self.key)},
            "stores": [{"name": "default", "filesystem": {"path": str(self.store)}, "trashRetention": "336h"}],
            "instances": list(instances),
            "log": {"level": "info", "format": "json"},
        }
        if control_plane is None:
            self._client_ca = Authority(self.folder / "client-ca", "standalone client CA")
            self.config["serving"]["clientCAFile"] = str(self._client_ca.cert)
            self.config["standalone"] = {"namespaces": list(namespaces), "adminGroup": "system:masters"}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self, timeout=60):
        if self.registers and self.apiservice is None:
            self.apiservice = self.control_plane.register(self.port, self.ca.cert)
        if self.control_plane is not None and "cluster" not in self.config:
            kubeconfig = self.control_plane.service_account_kubeconfig(NAMESPACE, SERVICE)
            self.config["cluster"] = {"kubeconfig": str(kubeconfig)}
        self.launch()
        wait_until("our server to be ready", self.ready, timeout, self.process)
        if self.registers:
            self.control_plane.wait_available(self.apiservice, process=self.process)
            # What kubectl is told of the resources may still be from while a server before this one was away.
            wait_until("kube-apiserver to show our resources", self._shown, 60, self.process)
            self.control_plane.wait_roles()
        return self

    def command(self, *flags):
        """How it is called, with the configuration file written."""
        self.config_file.write_text(to_yaml(self.config))
        return [program("galera-backup-apiserver"), "--config", self.config_file, *flags]

    def launch(self, *flags):
        """Starts the program and waits for nothing."""
        self.process = Process("galera-backup-apiserver", self.command(*flags), self.log, env=self.environment)
        return self.process

    def _shown(self):
        return "galerabackups" in self.control_plane.admin.run("api-resources", "--api-group=backup.rhoso.io", "--output=name").stdout

    def ready(self):
        done = run(["curl", "--silent", "--max-time", "5", "--cacert", self.ca.cert, f"{self.url}/readyz"], check=False)
        return done.stdout == "ok"

    def stop(self):
        """SIGTERM, and waits for the drain."""
        return self.process.stop(grace=30) if self.process else None

    def kill(self):
        self.process.kill()

    def restart(self):
        self.stop()
        return self.start()

    def terminate(self):
        self.process.signal(signal.SIGTERM)

    def client(self, name="alice", groups=("system:masters",), namespace="openstack", kubectl=None):
        """A kubectl straight at our server, by a certificate that it believes: standalone mode only."""
        cert, key = self.client_certificate(name, groups)
        config = write_kubeconfig(self.folder / f"{name}.kubeconfig", self.url, self.ca.cert,
                                  {"client-certificate": str(cert), "client-key": str(key)}, namespace)
        return Kubectl(kubectl or programs() / "kubectl", config, namespace)

    def client_by_token(self, token, namespace="openstack"):
        """A kubectl straight at our server, past kube-apiserver, for whoever the token is of."""
        config = write_kubeconfig(self.folder / "by-token.kubeconfig", self.url, self.ca.cert, {"token": token}, namespace)
        return Kubectl(programs() / "kubectl", config, namespace)

    def client_certificate(self, name, groups=()):
        """(certificate file, key file) of a user that our server believes: standalone mode only."""
        if self._client_ca is None:
            raise BedError("clients of their own exist only in standalone mode; use ControlPlane.user()")
        return self._client_ca.issue(f"client-{name}", name, groups, folder=self.folder)
