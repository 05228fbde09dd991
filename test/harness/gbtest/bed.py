"""Everything at once: Galera, a control plane, our server, and alice, who is admin of the namespace openstack."""

import concurrent.futures
import os
import shlex
import shutil

from . import control, place
from .apiserver import ApiServer, instance, program
from .controlplane import ControlPlane
from .galera import Galera

NAMESPACE = "openstack"


class Bed:
    """`galera` is the instance openstack; `second`, when asked for, the instance openstack-dr: empty, for restores."""

    def __init__(self, standalone=False, second=False, tls=False, binlog=True, buffer_pool="32M", instances=None, stores=()):
        program("galera-backup-apiserver")  # say at once when it is not built
        self.standalone = standalone
        self.folder = place.new_folder()
        self.galera = Galera(self.folder / "galera", tls=tls, binlog=binlog, buffer_pool=buffer_pool)
        self.second = Galera(self.folder / "second", tls=tls, binlog=binlog, buffer_pool=buffer_pool, template=2) if second else None
        self.control_plane = None if standalone else ControlPlane(self.folder / "control-plane")
        self.server = None
        self.alice = None
        self._more_instances = instances  # a function of the Galera: further entries of `instances:`
        self._more_stores = list(stores)  # further entries of `stores:`

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            parts = [p for p in (self.galera, self.second, self.control_plane) if p is not None]
            for started in [pool.submit(p.start) for p in parts]:
                started.result()
        clusters = {"galera": self.galera, **({"second": self.second} if self.second else {})}
        control.ControlServer(self.folder, clusters)
        instances = [instance(NAMESPACE, "openstack", self.galera)]
        if self.second:
            instances.append(instance(NAMESPACE, "openstack-dr", self.second))
        if self._more_instances:
            instances += self._more_instances(self.galera)
        if self.control_plane:
            self.control_plane.create_namespace(NAMESPACE, admins=["alice"], editors=["erin"], viewers=["victor"])
            self.control_plane.create_namespace("other", admins=["mallory"])
        self.server = ApiServer(self.folder / "server", self.folder / "store", instances, self.control_plane)
        self.server.config["stores"] += self._more_stores
        self.server.start()
        self.alice = self.user("alice")
        self._write_environment()
        return self

    def user(self, name, namespace=NAMESPACE):
        """alice is admin, erin edits and victor views in openstack; mallory is admin of `other` and nobody here."""
        if self.standalone:
            return self.server.client(name, ["system:masters"] if name == "alice" else [], namespace)
        return self.control_plane.user(name, namespace=namespace)

    def stop(self, keep_folder=False):
        for part in (self.server, self.control_plane, self.galera, self.second):
            if part is not None:
                part.stop()
        if keep_folder:
            place.keep_folder(self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _write_environment(self):
        env = {"KUBECONFIG": str(self.alice.kubeconfig), "GB_TEST_BED": str(self.folder),
               "GB_TEST_BED_TOOL": str(place.REPO / "test/harness/bed"), **self.galera.environment(),
               **(self.second.environment("2") if self.second else {}), "GB_TEST_STORE": str(self.server.store)}
        if self.control_plane:
            env["GB_TEST_ADMIN_KUBECONFIG"] = str(self.control_plane.admin_kubeconfig)
        lines = [f"export {k}={shlex.quote(v)}" for k, v in env.items()]
        lines.append(f"export PATH={shlex.quote(str(os.path.dirname(self.alice.program)))}:$PATH")
        (self.folder / "env").write_text("\n".join(lines) + "\n")
        (self.folder / "pid").write_text(str(os.getpid()))
