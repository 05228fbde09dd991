"""SIGTERM while everything is going on: nobody is cut off in the middle of a word, and nothing half-written looks whole."""

import json
import socket
import ssl
import subprocess
import threading
import time

from gbtest import process
from gbtest.apiserver import program
from gbtest.process import wait_until
from support import API, BACKUPS, NAMESPACE, Case

GRACE = 60  # terminationGracePeriodSeconds of manifests/deployment.yaml


class Peer:
    """A client straight at our server that sees how its connection ends."""

    def __init__(self, server, path, token):
        context = ssl.create_default_context(cafile=server.ca.cert)
        self._socket = context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 30),
                                           server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        self._socket.settimeout(GRACE)
        self.text = b""
        self.problem = "it did not end"
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            while block := self._socket.recv(65536):
                self.text += block
            self.problem = ""
        except OSError as error:  # also the end without TLS's good-bye
            self.problem = repr(error)
        finally:
            self._socket.close()

    def end(self):
        """Everything that was received; fails unless the server closed in order."""
        self._thread.join(GRACE)
        assert not self.problem, f"{self.problem} after {self.text[-300:]!r}"
        return self.text


class Shutdown(Case):
    def token(self):
        admin = self.bed.control_plane.admin
        admin("create", "serviceaccount", "onlooker", "-n", NAMESPACE)
        self.addCleanup(admin, "delete", "serviceaccount", "onlooker", "-n", NAMESPACE)
        admin("create", "rolebinding", "onlooker", "--clusterrole=admin", f"--serviceaccount={NAMESPACE}:onlooker", "-n", NAMESPACE)
        self.addCleanup(admin, "delete", "rolebinding", "onlooker", "-n", NAMESPACE)
        return admin("create", "token", "onlooker", "-n", NAMESPACE).strip()

    def readyz(self):
        server = self.bed.server
        return process.run(["curl", "--silent", "--max-time", "5", "--cacert", server.ca.cert, f"{server.url}/readyz"],
                           check=False).stdout

    def created(self, schedule, token):
        """The status of the answer of our server itself."""
        return process.run(["curl", "--silent", "--max-time", "5", "--cacert", self.bed.server.ca.cert, "--output", "/dev/null",
                            "--write-out", "%{http_code}", "--header", f"Authorization: Bearer {token}",
                            "--json", json.dumps(schedule), f"{self.bed.server.url}{API}/galerabackupschedules"]).stdout

    def test_sigterm_during_a_dump_a_watch_a_log_and_an_idle_connection(self):
        server, backup, token = self.bed.server, self.backup("interrupted"), self.token()
        late = self.manifest("GaleraBackupSchedule", "late", {"schedule": "0 0 31 12 *", "suspend": True, "template": {
            "spec": {"databaseInstances": ["openstack"]}}})
        held = self.hold_dumps()
        self.running_dump(backup)
        watch = Peer(server, f"{API}/galerabackups?watch=true", token)
        schedules = Peer(server, f"{API}/galerabackupschedules?watch=true", token)
        log = Peer(server, f"{API}/galerabackups/interrupted/log?follow=true", token)
        idle = Peer(server, "/livez", token)
        wait_until("the watch to show the backup", lambda: b'"ADDED"' in watch.text, 30)
        wait_until("the log to begin", lambda: b"chosen of 3 nodes" in log.text, 30)
        wait_until("the idle connection to have its answer", lambda: idle.text.endswith(b"ok"), 30)
        kubectl = subprocess.Popen(self.alice.argv("get", BACKUPS, "interrupted", "--watch"), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.addCleanup(kubectl.stdout.close)
        self.addCleanup(kubectl.kill)
        wait_until("kubectl's watch to begin", lambda: "Running" in kubectl.stdout.readline(), 30)

        self.addCleanup(self.server_again)
        began = time.monotonic()
        server.terminate()
        wait_until("readyz to fail", lambda: "[-]shutdown failed" in self.readyz(), 3, interval=0.02)
        # Whoever has not seen that yet is served in full.
        self.assertEqual(self.created(late, token), "201")
        wait_until("the old watch to tell of it", lambda: b'"name":"late"' in schedules.text, 2, interval=0.02)
        # The table is still locked: the end of the server does not wait for the end of a statement.
        self.assertEqual(server.process.wait(GRACE), 0, server.process.tail())
        self.assertLess(time.monotonic() - began, 25)

        for stream in (watch.end(), schedules.end(), log.end()):
            self.assertTrue(stream.endswith(b"\r\n0\r\n\r\n"), stream[-300:])
        self.assertTrue(idle.end().endswith(b"ok"))
        said = kubectl.stdout.read()
        self.assertEqual(kubectl.wait(30), 0, said)
        self.assertNotIn("EOF", said)
        wait_until("the dump's statements to end", lambda: not self.waiting_nodes(), 30)

        # What the store says without any server.
        listed = json.loads(process.run([program("kubectl-galera"), "local", "list", "-o", "json", "--store", server.store]).stdout)
        status = next(i for i in listed["items"] if i["metadata"]["name"] == "interrupted")["status"]
        self.assertEqual(status["phase"], "Failed")
        self.assertIn("the server was stopped", status["message"])
        self.check_repository()
        held.close()
        server.start()
        found = self.wait_phase(backup, "Failed")
        self.assertEqual(found["status"]["message"], status["message"], "the cause is kept")
        self.assertEqual(self.condition(found, "Completed"), "False")
        self.create_fails(self.restore("of-interrupted", "interrupted", targets={"openstack": "openstack-dr"}),
                          "Conflict", "interrupted", "Failed", hint="restore from a backup whose phase is Completed")
        self.completed(self.backup("next", databases=["glance"]))

    def test_sigterm_with_nothing_to_do_ends_soon(self):
        self.addCleanup(self.server_again)
        began = time.monotonic()
        self.bed.server.terminate()
        self.assertEqual(self.bed.server.process.wait(GRACE), 0)
        self.assertLess(time.monotonic() - began, 15)
