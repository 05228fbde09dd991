"""A real Galera cluster of three nodes on loopback addresses of its own."""

import contextlib
import getpass
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import time

from . import place
from .pki import Authority
from .process import BedError, Process, run, wait_until
from .server_root import ServerRoot

SQL_PORT, GROUP_PORT, IST_PORT, SST_PORT = 13306, 14567, 14568, 14444
_TEMPLATE_FORMAT = 1  # part of the cache key: raise it when _build_template changes

_CONFIG = """\
[mariadbd]
datadir={folder}/data
socket={folder}/mariadb.sock
pid_file={folder}/mariadb.pid
log_error={folder}/error.log
tmpdir={folder}/tmp
user={user}
bind-address={address}
port={port}
skip-name-resolve
server_id=7
max_allowed_packet=64M
max_connections=200
table_open_cache=2000
performance_schema=OFF
event_scheduler=OFF
innodb_buffer_pool_size={buffer_pool}
innodb_log_file_size={redo_log}
innodb_flush_log_at_trx_commit=2
innodb_doublewrite=OFF
innodb_autoinc_lock_mode=2
innodb_fast_shutdown=1
binlog_format=ROW
{binlog}
{tls}
wsrep_on=ON
wsrep_provider=/usr/lib/galera/libgalera_smm.so
wsrep_cluster_name=galera_cluster
wsrep_cluster_address=gcomm://{peers}
wsrep_node_name=node{number}
wsrep_node_address={address}
wsrep_node_incoming_address={address}:{port}
wsrep_slave_threads=2
wsrep_sst_method=mariabackup
wsrep_sst_auth=sst:{sst_password}
wsrep_sst_receive_address={address}:{sst_port}
wsrep_provider_options="base_host={address};base_port={group_port};gmcast.listen_addr=tcp://{address}:{group_port};\
ist.recv_addr={address}:{ist_port};gcache.size={gcache};gcs.fc_limit=16;evs.suspect_timeout=PT2S;\
evs.inactive_timeout=PT4S;evs.inactive_check_period=PT0.5S;evs.keepalive_period=PT0.5S;evs.install_timeout=PT4S;\
pc.recovery=true"

[sst]
ssl-mode=DISABLED
sockopt=bind={address}
sst-log-archive=0
"""

_BINLOG = """\
log_bin=binlog
log_slave_updates=ON
sync_binlog=0
gtid_strict_mode=ON
gtid_domain_id={gtid_domain}
wsrep_gtid_mode=ON
wsrep_gtid_domain_id=7"""


def make_data(root, folder, options=("--innodb-log-file-size=16M",), statements=""):
    """`folder`/data of a server that is new; returns the password of its root. `statements` are run in it once, too."""
    user = getpass.getuser()
    data = folder / "data"
    # --force: whether the machine's name is known in that root is of no interest.
    run(root.command(["mariadb-install-db", "--no-defaults", "--force", f"--user={user}", f"--datadir={data}", "--skip-test-db",
                      "--auth-root-authentication-method=normal", *options], folder))
    password = secrets.token_urlsafe(18)
    statements = f"""
      FLUSH PRIVILEGES;
      DELETE FROM mysql.global_priv WHERE user='' OR (user='root' AND host<>'localhost');
      FLUSH PRIVILEGES;
      ALTER USER root@localhost IDENTIFIED BY '{password}';
      CREATE USER root@'%' IDENTIFIED BY '{password}';
      GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;
      {statements}
    """
    # --bootstrap reads one statement a line.
    bootstrap = "".join(" ".join(s.split()) + ";\n" for s in statements.split(";") if s.strip())
    run(root.command(["mariadbd", "--no-defaults", f"--user={user}", f"--datadir={data}", "--bootstrap", *options,
                      f"--log-error={folder}/bootstrap.log"], folder), stdin=bootstrap)
    return password


def _build_template(folder, root):
    """A data folder that was once a cluster of one: its copies agree on their history and need no state transfer."""
    user = getpass.getuser()
    data = folder / "data"
    sst = secrets.token_urlsafe(18)
    admin = make_data(root, folder, statements=f"""
      CREATE USER sst@localhost IDENTIFIED BY '{sst}';
      GRANT RELOAD, PROCESS, LOCK TABLES, REPLICATION CLIENT ON *.* TO sst@localhost;
    """)
    for name, password in (("root", admin), ("sst", sst)):
        (folder / f"{name}.password").write_text(password)
        (folder / f"{name}.password").chmod(0o600)
    network = place.claim_network([SQL_PORT, GROUP_PORT], 1)
    server = Process("mariadbd (template)", root.command([
        "mariadbd", "--no-defaults", f"--user={user}", f"--datadir={data}", "--innodb-log-file-size=16M",
        f"--socket={folder}/mariadb.sock", f"--pid-file={folder}/mariadb.pid", f"--log-error={folder}/error.log",
        f"--bind-address={network}.1", f"--port={SQL_PORT}", "--skip-log-bin", "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2", "--wsrep-on=ON", "--wsrep-provider=/usr/lib/galera/libgalera_smm.so",
        "--wsrep-cluster-address=gcomm://", "--wsrep-cluster-name=galera_cluster", "--wsrep-new-cluster",
        f"--wsrep-node-address={network}.1", "--server-id=7", "--wsrep-gtid-mode=ON", "--wsrep-gtid-domain-id=7",
        "--wsrep-provider-options="
        f"base_host={network}.1;base_port={GROUP_PORT};gmcast.listen_addr=tcp://{network}.1:{GROUP_PORT};gcache.size=16M"], folder),
        folder / "stdout.log")
    log = folder / "error.log"
    wait_until("the template to be ready", lambda: log.exists() and b"Synchronized with group, ready" in log.read_bytes(),
               60, server)
    server.stop(grace=60)
    if "seqno:   -1" in (data / "grastate.dat").read_text():
        raise BedError(f"the template did not stop cleanly: see {log}")
    for scrap in ("ibtmp1", "galera.cache", "gvwstate.dat"):
        (data / scrap).unlink(missing_ok=True)


def _template(which, root):
    """The folder of template number `which`: two clusters that run side by side must have different identities."""
    path = place.cache_dir() / f"galera-{root.version}-{_TEMPLATE_FORMAT}.{which}"
    if path.is_dir():
        return path
    with place.Lock("galera"):
        if not path.is_dir():
            part = path.with_name(path.name + ".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            _build_template(part, root)
            part.rename(path)
    return path


class Node:
    """One server of a cluster. States are Galera's own words: Synced, Donor/Desynced, Initialized, …"""

    def __init__(self, cluster, number):
        self.cluster = cluster
        self.number = number
        self.address = f"{cluster.network}.{number}"
        self.port = SQL_PORT
        self.folder = cluster.folder / f"node{number}"
        self.socket = self.folder / "mariadb.sock"
        self.log = self.folder / "error.log"
        self.process = None

    @property
    def endpoint(self):
        return f"{self.address}:{self.port}"

    def prepare(self, template, config):
        (self.folder / "tmp").mkdir(parents=True)
        run(["cp", "-a", "--reflink=auto", template / "data", self.folder / "data"])
        (self.folder / "my.cnf").write_text(config)
        (self.folder / "my.cnf").chmod(0o600)

    def launch(self, *options):
        self.process = Process(f"mariadbd node{self.number}",
                               self._server(*options),
                               self.folder / "stdout.log", env={"BASH_ENV": str(self.cluster.bash_env)})

    def _server(self, *options):
        return self.cluster.root.command(["mariadbd", f"--defaults-file={self.folder}/my.cnf", *options], self.cluster.folder)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def running(self):
        return self.process is not None and self.process.running()

    def sql(self, statement, database=None, timeout=120, check=True, go_on=False):
        """Rows of text columns (NULL is None), through the node's unix socket. `go_on`: after statements that it refuses, too."""
        argv = ["mariadb", f"--defaults-extra-file={self.cluster.client_config}", f"--socket={self.socket}",
                "--user=root", "--batch", "--skip-column-names", "--skip-progress-reports", "--default-character-set=utf8mb4",
                *(["--force"] if go_on else [])]
        done = run(argv + ([database] if database else []), stdin=statement, timeout=timeout, check=False)
        if done.returncode != 0 and not go_on:
            if check:
                raise BedError(f"node {self.number}: {statement[:200]!r}: {done.stderr.strip()}")
            return None
        return [[None if c == "NULL" else c for c in line.split("\t")] for line in done.stdout.splitlines()]

    @contextlib.contextmanager
    def holding(self, statement):
        """A session that has run the statement (a lock, say) and stays open for the duration of the block.

        Galera aborts a lock that stands in the way of a replicated statement: then it is asked for again.
        """
        argv = ["mariadb", f"--defaults-extra-file={self.cluster.client_config}", f"--socket={self.socket}", "--user=root",
                "--batch", "--skip-column-names", "--unbuffered", "--skip-reconnect"]
        for _ in range(20):
            session = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                session.stdin.write(f"{statement};\nSELECT 'held';\n")
                session.stdin.flush()
                said = []
                for line in session.stdout:
                    said.append(line.strip())
                    if said[-1] == "held":
                        yield
                        return
            finally:
                with contextlib.suppress(OSError):
                    session.stdin.close()
                try:
                    session.wait(5)
                except subprocess.TimeoutExpired:
                    session.kill()
                    session.wait()
                session.stdout.close()
            time.sleep(0.1)
        raise BedError(f"node {self.number}: {statement!r} was not held: {' '.join(said)}")

    def status(self):
        """The wsrep_% status as a dictionary; empty when the node does not answer."""
        rows = self.sql("SHOW GLOBAL STATUS LIKE 'wsrep\\_%'", check=False, timeout=15) if self.running() else None
        return {r[0]: r[1] if len(r) > 1 else "" for r in rows or []}

    def synced(self):
        s = self.status()
        return s.get("wsrep_local_state_comment") == "Synced" and s.get("wsrep_cluster_status") == "Primary"

    def wait_synced(self, timeout=90):
        wait_until(f"node {self.number} to be Synced in a Primary component", self.synced, timeout, self.process)

    # What the command line calls `bed node N VERB`.

    def kill(self):
        """SIGKILL: the node is gone at once; the others notice after evs.suspect_timeout (2 s)."""
        self.process.kill()

    def stop(self):
        """SIGSTOP: the node hangs without closing a connection."""
        self.process.signal(signal.SIGSTOP)

    def cont(self):
        self.process.signal(signal.SIGCONT)

    def shutdown(self):
        """A clean stop."""
        self.process.stop(grace=60)

    def isolate(self, timeout=30):
        """Cuts the node off from its group: it answers, and is non-Primary (error 1047)."""
        self.sql("SET GLOBAL wsrep_provider_options='gmcast.isolate=1'")
        wait_until(f"node {self.number} to be non-Primary",
                   lambda: self.status().get("wsrep_cluster_status") not in (None, "Primary"), timeout, self.process)

    def rejoin(self, timeout=60):
        self.sql("SET GLOBAL wsrep_provider_options='gmcast.isolate=0'")
        self.wait_synced(timeout)

    def start(self, timeout=120):
        """After kill or shutdown; by IST where possible. Bootstraps when no other node is there. Waits for Synced."""
        if self.running():
            raise BedError(f"node {self.number} runs already")
        options = []
        state = (self.folder / "data" / "grastate.dat").read_text()
        if not any(n.running() for n in self.cluster.nodes):
            (self.folder / "data" / "grastate.dat").write_text(state.replace("safe_to_bootstrap: 0", "safe_to_bootstrap: 1"))
            options.append("--wsrep-new-cluster")
        elif "seqno:   -1" in state:  # it did not stop cleanly: the position is in InnoDB
            recovery = self.folder / "recovery.log"
            recovery.unlink(missing_ok=True)
            run(self._server("--wsrep-recover", f"--log-error={recovery}"), check=False, timeout=timeout)
            found = re.findall(r"Recovered position: (\S+)", recovery.read_text(errors="replace"))
            if found and not found[-1].endswith(":-1"):
                options.append(f"--wsrep-start-position={found[-1].split(',')[0]}")
        self.launch(*options)
        self.wait_synced(timeout)


class Galera:
    """A cluster. `start()` returns when every node is Synced; use it as a context manager or call `stop()`."""

    def __init__(self, folder, nodes=3, binlog=True, tls=False, buffer_pool="32M", gcache="16M", redo_log="16M",
                 template=1, dns=(), root=None):
        self.root = root or ServerRoot()  # of which MariaDB it is
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.binlog = binlog
        self.tls = tls
        self.dns = list(dns)  # whom the certificate is made out to, instead of the addresses
        self.buffer_pool = buffer_pool
        self.gcache = gcache
        self.redo_log = redo_log
        self.template = template
        self.network = place.claim_network([SQL_PORT, GROUP_PORT, IST_PORT, SST_PORT], nodes)
        self.bash_env = self.folder / "bash_env"
        self.client_config = self.folder / "client.cnf"
        self.password_file = self.folder / "root.password"
        self.ca_file = None
        self.nodes = [Node(self, n) for n in range(1, nodes + 1)]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def endpoints(self):
        return [n.endpoint for n in self.nodes]

    @property
    def password(self):
        return self.password_file.read_text()

    def node(self, number):
        if not 1 <= number <= len(self.nodes):
            raise BedError(f"there is no node {number}: this cluster has 1 to {len(self.nodes)}")
        return self.nodes[number - 1]

    def sql(self, statement, database=None, node=1, timeout=120):
        return self.node(node).sql(statement, database, timeout)

    def start(self):
        template = _template(self.template, self.root)
        password = (template / "root.password").read_text()
        self._write_secret(self.password_file, password)
        # The donor's SST script waits ten seconds so that the joiner can get ready; ours is ready at once.
        self.bash_env.write_text('sleep() { [ "${1-}" = 10 ] && set -- 0.1; command sleep "$@"; }\n')
        self._write_secret(self.client_config, f"[client]\npassword={password}\n")
        tls = self._tls()
        for node in self.nodes:
            node.prepare(template, self._config(node, template, tls))
        first, *others = self.nodes
        first.launch("--wsrep-new-cluster")
        for node in others:
            # One after the other: two nodes that join in the same moment disturb each other for seconds.
            quorum = f"/{node.number - 1} (joined/total)"
            wait_until(f"the cluster to have {node.number - 1} members", lambda: quorum in first.log_text(), 60,
                       first.process, interval=0.05)
            node.launch()
        for node in self.nodes:
            node.wait_synced()
        return self

    def stop(self):
        for node in self.nodes:  # ask all at once, so that they leave together
            if node.running():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(node.process.pid, signal.SIGTERM)
        for node in self.nodes:
            if node.process is not None:
                node.process.stop(grace=15)

    def wait_synced(self, timeout=90):
        for node in self.nodes:
            if node.running():
                node.wait_synced(timeout)

    def schemas(self, node=1):
        return [r[0] for r in self.sql(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN "
            "('mysql','sys','information_schema','performance_schema') ORDER BY 1", node=node)]

    def checksums(self, schemas=None, node=1):
        """{"schema.table": CHECKSUM TABLE EXTENDED}: the server's own word on every row, independent of our code."""
        tables = self.sql(
            "SELECT CONCAT('`',table_schema,'`.`',table_name,'`') FROM information_schema.tables WHERE table_type IN "
            "('BASE TABLE','SEQUENCE','SYSTEM VERSIONED') AND table_schema IN ("
            + ",".join(f"'{s}'" for s in (schemas if schemas is not None else self.schemas(node)) or ["-"]) + ") ORDER BY 1",
            node=node)
        if not tables:
            return {}
        rows = self.sql("CHECKSUM TABLE " + ", ".join(t[0] for t in tables) + " EXTENDED", node=node, timeout=600)
        return {r[0]: r[1] for r in rows}

    def drop_everything(self):
        self.sql("SET foreign_key_checks=0; " + "".join(f"DROP DATABASE `{s}`; " for s in self.schemas()))

    def holding_everywhere(self, statement, nodes=None):
        """Node.holding on several nodes (all, unless numbers are given)."""
        stack = contextlib.ExitStack()
        try:
            for number in nodes or [n.number for n in self.nodes]:
                stack.enter_context(self.node(number).holding(statement))
        except BaseException:
            stack.close()
            raise
        return stack

    def environment(self, suffix=""):
        """What a test program needs to know, as GB_TEST_… variables."""
        env = {f"GB_TEST_NODES{suffix}": ",".join(self.endpoints),
               f"GB_TEST_USER{suffix}": "root",
               f"GB_TEST_PASSWORD_FILE{suffix}": str(self.password_file)}
        if self.ca_file:
            env[f"GB_TEST_CA_FILE{suffix}"] = str(self.ca_file)
        return env

    def _config(self, node, template, tls):
        return _CONFIG.format(
            folder=node.folder, user=getpass.getuser(), address=node.address, port=node.port, number=node.number,
            buffer_pool=self.buffer_pool, redo_log=self.redo_log, gcache=self.gcache, group_port=GROUP_PORT, ist_port=IST_PORT,
            sst_port=SST_PORT, binlog=_BINLOG.format(gtid_domain=100 + node.number) if self.binlog else "skip-log-bin",
            tls=tls, sst_password=(template / "sst.password").read_text(),
            peers=",".join(f"{n.address}:{GROUP_PORT}" for n in self.nodes))

    def _tls(self):
        if not self.tls:
            return ""
        authority = Authority(self.folder / "tls", "galera test CA")
        addresses = [] if self.dns else ["127.0.0.1"] + [n.address for n in self.nodes]
        cert, key = authority.issue("server", "galera", dns=self.dns or ["localhost"], ips=addresses)
        self.ca_file = authority.cert
        return f"ssl_ca={authority.cert}\nssl_cert={cert}\nssl_key={key}\nrequire_secure_transport=ON"

    @staticmethod
    def _write_secret(path, text):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(text)
