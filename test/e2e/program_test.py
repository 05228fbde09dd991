"""The program galera-backup-apiserver as docs/configuration.md has it: flags, files, readiness. Without a control plane."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import threading
import unittest
import urllib.parse

from gbtest import place, process
from gbtest.apiserver import ApiServer, instance, program
from gbtest.controlplane import write_kubeconfig
from gbtest.pki import Authority
from gbtest.process import wait_until
from support import NAMESPACE, Case


class ProgramCase(unittest.TestCase):
    def setUp(self):
        self.folder = place.new_folder()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.server = ApiServer(self.folder / "server", self.folder / "store", [])
        self.addCleanup(self.server.stop)

    def file(self, name, text="", mode=0o600):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def check(self, *flags):
        return process.run(self.server.command("--check-config", *flags), check=False)

    def away(self):
        """A kubeconfig of a kube-apiserver that does not answer."""
        return write_kubeconfig(self.folder / "away.kubeconfig", f"https://127.0.0.1:{place.free_port()}", self.server.ca.cert,
                                {"token": "t"}, NAMESPACE)

    def said(self, text):
        return self.server.log.exists() and text in self.server.log.read_text()

    def page(self, path="/readyz"):
        """An answer, also of a server that has a certificate of its own."""
        return process.run(["curl", "--silent", "--insecure", "--max-time", "5", self.server.url + path], check=False).stdout

    def shown_certificate(self):
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.server.port)))


class CommandLine(ProgramCase):
    def test_help_and_version_need_no_file(self):
        said = process.run([program("galera-backup-apiserver"), "--help"]).stdout
        for flag in ("--config", "--check-config", "--bind-address", "--secure-port", "--kubeconfig", "--log-level", "--version"):
            self.assertIn(flag, said)
        self.assertRegex(process.run([program("galera-backup-apiserver"), "--version"]).stdout, r"^\d+\.\d+\.\d+\n$")

    def test_what_it_does_not_know_is_an_error_that_names_it(self):
        for flags, *words in ((("--secure-prot=8443",), "--secure-prot"), (("--secure-port=70000",), "--secure-port", "70000"),
                              (("--secure-port=https",), "--secure-port", "https"),
                              (("--log-level=loud",), '"loud" is not a log level', "use debug, info, warn or error")):
            with self.subTest(flags):
                done = self.check(*flags)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                for word in words:
                    self.assertIn(word, done.stderr)
        done = self.check("--bind-address=localhost")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn('--bind-address must be an IP address, not "localhost"', done.stderr)
        done = process.run([program("galera-backup-apiserver")], check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--config is required", done.stderr)

    def test_the_flags_stand_above_the_file(self):
        def told(*flags):
            done = self.check(*flags)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout
        before = told()
        kubeconfig = self.file("a.kubeconfig", "{}")
        after = told("--bind-address=127.0.0.9", "--secure-port=4711", f"--kubeconfig={kubeconfig}", "--log-level=debug")
        for line, other in ((f"  port: {self.server.port}\n", "  port: 4711\n"),
                            ("  bindAddress: 127.0.0.1\n", "  bindAddress: 127.0.0.9\n"),
                            ("standalone:\n", f"cluster:\n  kubeconfig: {kubeconfig}\n"),
                            ("  level: info\n", "  level: debug\n")):
            self.assertIn(line, before)
            self.assertNotIn(line, after)
            self.assertIn(other, after)


class CheckConfig(ProgramCase):
    def setUp(self):
        super().setUp()
        self.serving = self.server.config["serving"]
        self.instance = {"namespace": NAMESPACE, "name": "main", "nodes": ["127.0.0.1:9"], "user": "root",
                         "passwordFile": self.file("password", "hunter2"),
                         "tls": {"mode": "Required", "caFile": str(self.server.ca.cert)}}
        self.webhook = {"url": "https://hooks.example.com/T0P-SECRET", "caFile": str(self.server.ca.cert),
                        "secretFile": self.file("webhook.key", "whsec_bm90IHRvIGJlIHNob3duIHRvIGFueWJvZHk=")}
        self.server.config["instances"] = [self.instance]
        self.server.config["notifications"] = {"webhook": self.webhook}

    def test_what_was_understood_is_shown_and_no_secret(self):
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in ("bindAddress: 127.0.0.1", f"port: {self.server.port}", f"certFile: {self.server.cert}",
                     f"keyFile: {self.server.key}", f"path: {self.server.store}", "name: main", "user: root",
                     f"passwordFile: {self.instance['passwordFile']}", "url: https://hooks.example.com:443/(hidden)", "level: info"):
            self.assertIn(f" {line}\n", done.stdout)
        for secret in ("hunter2", "T0P", "bm90IHRv", "PRIVATE KEY"):
            self.assertNotIn(secret, done.stdout)
        self.assertEqual(list(self.server.store.iterdir()), [], "something was served")

    def broken(self, where, key, value, *words):
        """With one value replaced the check, and the program itself, end with 1 and these words."""
        good = where.get(key)
        where[key] = value
        try:
            with self.subTest(words[0], value=value):
                for flags in (["--check-config"], []):
                    done = process.run(self.server.command(*flags), check=False)
                    self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                    self.assertEqual(done.stdout, "")
                    self.assertTrue(done.stderr.startswith(f"error: {words[0]}"), done.stderr)
                    for word in words[1:]:
                        self.assertIn(word, done.stderr)
                    self.assertNotIn("hunter2", done.stderr)
        finally:
            if good is None:
                del where[key]
            else:
                where[key] = good

    def test_each_file_that_is_broken_is_named_by_its_key(self):
        none, empty, junk = str(self.folder / "none"), self.file("empty"), self.file("junk", "no PEM at all\n")
        unreadable = ("cannot be read", "check that it exists and that this program may read it")
        _, other_key = self.server.ca.issue("other", "other")
        pair = "serving.certFile and serving.keyFile"
        self.broken(self.serving, "bindAddress", "localhost", str(self.server.config_file),
                    'serving.bindAddress must be an IP address, not "localhost"', "0.0.0.0")
        self.broken(self.serving, "certFile", none, "serving.certFile: ", none, *unreadable)
        self.broken(self.serving, "keyFile", none, "serving.keyFile: ", none, *unreadable)
        self.broken(self.serving, "certFile", junk, pair, "holds no certificate", "BEGIN CERTIFICATE")
        self.broken(self.serving, "keyFile", junk, pair, "no usable private key", "give an unencrypted PEM private key")
        self.broken(self.serving, "keyFile", str(other_key), pair, "does not belong to the certificate", "give the key")
        self.broken(self.serving, "clientCAFile", none, "serving.clientCAFile: ", none, *unreadable)
        self.broken(self.serving, "clientCAFile", junk, "serving.clientCAFile: ", junk, "holds no certificate")
        self.broken(self.instance, "passwordFile", none, "instances: openstack/main: passwordFile: ", none, *unreadable)
        self.broken(self.instance, "passwordFile", empty, "instances: openstack/main: passwordFile: ", empty, "is empty",
                    "write the password as its first line")
        self.broken(self.instance["tls"], "caFile", none, "instances: openstack/main: tls.caFile: ", none, *unreadable)
        self.broken(self.webhook, "secretFile", none, "notifications.webhook.secretFile: ", none, *unreadable)
        self.broken(self.webhook, "secretFile", junk, "notifications.webhook.secretFile: ", junk)
        self.broken(self.webhook, "caFile", junk, "notifications.webhook.caFile: ", junk)
        self.broken(self.server.config, "verification", {"server": none}, "verification.server: ", none)
        self.broken(self.server.config, "verification", {"place": none}, "verification.place: ", none, "a folder")
        self.assertEqual(self.check().returncode, 0, "the configuration without the fault")

    def test_a_kubeconfig_that_is_not_there(self):
        del self.server.config["standalone"]
        none = str(self.folder / "none")
        self.broken(self.server.config, "cluster", {"kubeconfig": none}, "cluster.kubeconfig: ", none, "cannot be read")

    def test_a_store_that_cannot_be_written(self):
        folder = self.server.config["stores"][0]["filesystem"]
        what_to_do = "it must be a folder that this program may write into"
        for path in (self.file("a-file"), str(self.folder / "no" / "such")):
            self.broken(folder, "path", path, f'stores: the folder {path} of store "default" cannot be used', what_to_do)
        # Root may write everywhere, until it gives up its capabilities.
        mortal = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
        self.assertEqual(process.run(mortal + self.server.command("--check-config")).returncode, 0)
        self.server.store.chmod(0o500)
        done = process.run(mortal + self.server.command("--check-config"), check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f'stores: the folder {self.server.store} of store "default"', done.stderr)
        self.assertIn(what_to_do, done.stderr)


class ReadinessCase(ProgramCase):
    def setUp(self):
        super().setUp()
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        self.systemd.settimeout(60)
        self.systemd.bind(str(self.folder / "notify"))
        self.server.environment = {"NOTIFY_SOCKET": str(self.folder / "notify")}


class Readiness(ReadinessCase):
    def test_systemd_is_told_when_it_is_ready(self):
        self.server.start()
        self.assertEqual(self.systemd.recv(100), b"READY=1")

    def test_it_is_told_through_an_abstract_socket_too(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.settimeout(60)
            systemd.bind(f"\0{self.folder}/notify")
            self.server.environment = {"NOTIFY_SOCKET": f"@{self.folder}/notify"}
            self.server.start()
            self.assertEqual(systemd.recv(100), b"READY=1")

    def test_a_port_that_is_taken_ends_it_before_anything_is_begun(self):
        with socket.create_server(("127.0.0.1", self.server.port)):
            done = process.run(self.server.command(), check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(f"cannot listen on 127.0.0.1 port {self.server.port}: Address already in use", done.stderr)
        self.assertEqual(list(self.server.store.iterdir()), [], "the store was opened")

    def test_it_is_told_nothing_while_kube_apiserver_is_away(self):
        self.server.launch(f"--kubeconfig={self.away()}")
        page = wait_until("the server to serve", self.page, 60, self.server.process)
        self.assertIn("[-]extension-apiserver-authentication failed", page)
        self.assertIn("readyz check failed", page)
        self.assertEqual(self.page("/livez"), "ok")
        self.assertEqual(self.server.stop(), 0)
        self.systemd.setblocking(False)
        with self.assertRaises(BlockingIOError, msg="it said that it is ready"):
            self.systemd.recv(100)

    def test_it_tells_what_it_was_built_from(self):
        self.server.start()
        told = json.loads(self.server.client().raw("/version"))
        self.assertRegex(told["gitVersion"], r"^v\d+\.\d+\.\d+$")
        self.assertRegex(told["buildDate"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        cloned = (place.REPO / ".git").exists()
        self.assertRegex(told["gitCommit"], r"^[0-9a-f]{40}$" if cloned else "^$")
        self.assertIn(told["gitTreeState"], ("clean", "dirty") if cloned else ("",))

    def test_it_may_open_as_many_files_as_the_system_lets(self):
        command = self.server.command
        self.server.command = lambda *flags: ["prlimit", "--nofile=1024:8192", "--", *command(*flags)]
        self.server.start()
        self.assertIn("\nprocess_max_fds 8192\n", self.server.client().raw("/metrics"))

    def test_the_port_of_the_flag_is_served_and_that_of_the_file_is_not(self):
        in_file, self.server.port = self.server.port, place.free_port()
        self.server.url = f"https://127.0.0.1:{self.server.port}"
        self.server.launch(f"--secure-port={self.server.port}")
        wait_until("the server to be ready", self.server.ready, 60, self.server.process)
        with socket.socket() as other:
            self.assertNotEqual(other.connect_ex(("127.0.0.1", in_file)), 0)


class Certificates(ProgramCase):
    def test_without_files_one_is_made_in_memory_and_said_so(self):
        for key in ("certFile", "keyFile"):
            del self.server.config["serving"][key]
        self.assertIn('certFile: ""  # a self-signed one, made in memory', self.check().stdout)
        self.server.launch()
        wait_until("the server to serve", lambda: self.page() == "ok", 60, self.server.process)
        self.assertTrue(self.said("a self-signed certificate was made in memory"))
        shown = self.file("shown.crt", ssl.get_server_certificate(("127.0.0.1", self.server.port)))
        for host in ("127.0.0.1", "localhost"):
            done = process.run(["curl", "--silent", "--show-error", "--cacert", shown, f"https://{host}:{self.server.port}/readyz"])
            self.assertEqual(done.stdout, "ok")
        made = [p.name for p in self.folder.rglob("*.key") if "PRIVATE KEY" in p.read_text()]
        self.assertEqual(sorted(made), ["ca.key", "ca.key", "serving.key"], "a key was written to a file")

    def test_a_new_pair_is_served_when_both_files_are_there(self):
        self.server.start()
        old = ssl.PEM_cert_to_DER_cert(self.server.cert.read_text())
        self.assertEqual(self.shown_certificate(), old)
        cert, key = self.server.ca.issue("renewed", "renewed", ips=["127.0.0.1"], folder=self.folder)
        new = ssl.PEM_cert_to_DER_cert(cert.read_text())
        self.server.cert.write_text(cert.read_text())
        wait_until("the half of a pair to be refused", lambda: self.said("the new serving certificate was not taken"), 30)
        self.assertEqual(self.shown_certificate(), old)
        self.server.key.write_text(key.read_text())
        wait_until("the new certificate to be served", lambda: self.shown_certificate() == new, 30)
        self.assertTrue(self.server.ready())

    def test_a_new_authority_of_clients_is_believed_and_the_old_one_no_more(self):
        self.server.start()
        alice = self.server.client_certificate("alice", ["system:masters"])
        renewed = Authority(self.folder / "renewed", "renewed")
        bob = renewed.issue("bob", "bob", ["system:masters"])

        def asked_by(pair):
            return process.run(["curl", "--silent", "--cacert", self.server.ca.cert, "--cert", pair[0], "--key", pair[1],
                                "--output", "/dev/null", "--write-out", "%{http_code}",
                                f"{self.server.url}/apis/backup.rhoso.io"]).stdout
        self.assertEqual((asked_by(alice), asked_by(bob)), ("200", "401"))
        with open(self.server.config["serving"]["clientCAFile"], "w") as file:
            file.write(renewed.cert.read_text())
        self.assertEqual((asked_by(alice), asked_by(bob)), ("401", "200"))


def forward(port, to):
    """From now on the port leads to the address `to`; ends when what is returned is closed."""
    listener = socket.create_server(("127.0.0.1", port))

    def pump(source, sink):
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                sink.sendall(block)
            sink.shutdown(socket.SHUT_WR)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                near = listener.accept()[0]
                far = socket.create_connection(to)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener


class ReadinessBehindKubeApiserver(ReadinessCase, Case):
    def test_systemd_is_told_when_kube_apiserver_has_answered(self):
        kubeconfig = self.away()
        real = json.loads(self.bed.control_plane.service_account_kubeconfig("galera-backup", "galera-backup-apiserver").read_text())
        where = urllib.parse.urlsplit(real["clusters"][0]["cluster"]["server"])
        away = urllib.parse.urlsplit(json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
        real["clusters"][0]["cluster"]["server"] = away.geturl()
        kubeconfig.write_text(json.dumps(real))
        self.server.launch(f"--kubeconfig={kubeconfig}")
        wait_until("the server to serve", self.page, 60, self.server.process)
        self.assertIn("readyz check failed", self.page())
        listener = forward(away.port, (where.hostname, where.port))
        self.addCleanup(listener.close)
        self.assertEqual(self.systemd.recv(100), b"READY=1")
        self.assertEqual(self.page(), "ok")


class PasswordFile(ProgramCase, Case):
    def test_a_new_password_is_read_when_the_database_has_it(self):
        second = self.bed.second
        second.sql("CREATE USER turning@'%' IDENTIFIED BY 'the first'; GRANT ALL ON *.* TO turning@'%' WITH GRANT OPTION")
        self.addCleanup(second.sql, "DROP USER turning@'%'")
        password = self.file("turning", "the first\n")
        self.server.config["instances"] = [{**instance(NAMESPACE, "main", second), "user": "turning", "passwordFile": password}]
        self.server.start()
        user = self.server.client("alice")
        backup = {"apiVersion": "backup.rhoso.io/v1beta1", "kind": "GaleraBackup",
                  "metadata": {"name": "b", "namespace": NAMESPACE}, "spec": {"databaseInstances": ["main"]}}

        def tried():
            return user.run("create", "--dry-run=server", "-f", "-", stdin=backup)
        self.assertEqual(tried().returncode, 0, tried().stderr)
        second.sql("ALTER USER turning@'%' IDENTIFIED BY 'the second'")
        self.assertIn("(Forbidden)", tried().stderr)
        with open(password, "w") as file:
            file.write("the second\n")
        self.assertEqual(tried().returncode, 0, tried().stderr)
