"""What applications notice of a dump. Their statements come at a fixed rate, whether the last one has ended or not: what waits is counted from
when it was due, so that a stall is seen by all that came meanwhile."""

import concurrent.futures
import os
import random
import shutil
import statistics
import threading
import time

from gbtest import process
from gbtest.session import Session, SqlError

from . import cluster, measure
from .cluster import MYDUMPER, OURS, PHYSICAL, PLAIN
from .report import Section

IDLE = "no dump"
_COLUMNS = [("p50", "client p50 ms", 1e-3, 2), ("p99", "client p99 ms", 1e-3, 2), ("worst", "client max ms", 1e-3, 0),
            ("to_idle", "p99 to idle", 1, 2), ("paused", "flow control ms", 1e-3, 0), ("failed", "failed statements", 1, 0),
            ("ddl", "slowest DDL ms", 1e-3, 0), ("update", "slowest large UPDATE ms", 1e-3, 0), ("wall", "s", 1, 1)]
_ROWS, _SESSIONS, _IDLE_SECONDS = 20_000, 16, 10


def run(options, folder):
    with cluster.loaded(folder, options) as galera:
        shutil.rmtree(folder / "data")
        # The schema that is changed is nobody's to dump: that a change makes a dump begin again is another measurement.
        galera.sql("CREATE DATABASE work; USE work; CREATE TABLE small (id INT PRIMARY KEY, n INT NOT NULL, t VARCHAR(100) NOT NULL); "
                   f"INSERT INTO small SELECT seq, 0, MD5(seq) FROM seq_1_to_{_ROWS}; CREATE TABLE large LIKE small; "
                   "INSERT INTO large SELECT * FROM small; CREATE DATABASE changing")
        cores = os.sched_getaffinity(0)
        try:
            return _Bench(galera, folder, options).section()
        finally:
            os.sched_setaffinity(0, cores)


class _Load:
    """On the active node, until stop(). Latencies are in seconds."""

    def __init__(self, node, rate):
        self._node = node
        self._pause = 1 / rate
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._next = 0
        self.latencies = []
        self.slowest = {"ddl": 0.0, "update": 0.0}
        self.failed = 0

    def __enter__(self):
        self._begin = time.monotonic()
        self._pool = concurrent.futures.ThreadPoolExecutor(_SESSIONS + 2)
        self._running = [self._pool.submit(self._statements, i) for i in range(_SESSIONS)]
        self._running.append(self._pool.submit(self._now_and_then, "ddl", "CREATE TABLE changing.t (id INT PRIMARY KEY); DROP TABLE changing.t"))
        self._running.append(self._pool.submit(self._now_and_then, "update", "UPDATE work.large SET n = n + 1 WHERE id <= 2000"))
        return self

    def __exit__(self, *_):
        self._stop.set()
        for future in self._running:
            future.result()
        self._pool.shutdown()

    def _due(self):
        """When the next statement is to begin."""
        with self._lock:
            self._next += 1
            return self._begin + self._next * self._pause

    def _statements(self, number):
        chance = random.Random(number)
        with Session(self._node) as session:
            while not self._stop.is_set():
                due = self._due()
                self._stop.wait(max(0.0, due - time.monotonic()))
                key = chance.randint(1, _ROWS)
                failed = self._ask(session, chance.choice((f"UPDATE work.small SET n = n + 1 WHERE id = {key}",
                                                           f"SELECT * FROM work.small WHERE id = {key}")))
                with self._lock:
                    self.failed += failed
                    self.latencies.append(time.monotonic() - due)

    def _now_and_then(self, what, statements):
        with Session(self._node) as session:
            while not self._stop.wait(1):
                for statement in statements.split("; "):
                    begun = time.monotonic()
                    failed = self._ask(session, statement)
                    with self._lock:
                        self.failed += failed
                        self.slowest[what] = max(self.slowest[what], time.monotonic() - begun)

    @staticmethod
    def _ask(session, statement):
        try:
            session.ask(statement)
            return False
        except SqlError:
            return True


class _Bench(cluster.ClusterBench):
    _before = []  # what stands before a program that dumps

    def section(self):
        section = Section("What applications notice of a dump", _COLUMNS)
        self.schemas.remove("changing")
        if self.options.apart:
            self._put_apart()
        contenders = [IDLE, *self.dump_pipelines()]
        for number in range(self.options.rounds):
            for name in cluster.in_turn(contenders, number):
                section.add(name, self._figures(name))
        for name, rounds in section.rows.items():
            for mine, idle in zip(rounds, section.rows[IDLE]):
                mine["to_idle"] = mine["p99"] / idle["p99"]
        section.note(f"{self.options.nodes} nodes; {self.options.rate:.0f} statements a second on the first, half of them UPDATEs of one row, through "
                     f"{_SESSIONS} sessions; each second CREATE and DROP TABLE in a schema that is not dumped, and an UPDATE of 2,000 rows. "
                     "Latencies are counted from when a statement was due. The last node is read, by us and by all others; clients and nodes "
                     "share the machine's cores. Each line lasts as long as its dump.")
        if self.options.apart:
            section.note("The node that is read and whoever reads it have a core of their own, and all others the rest, as if on machines "
                         "of their own.")
        section.note("Flow control: wsrep_flow_control_paused_ns of the node that is written through.")
        return section

    def _put_apart(self):
        *rest, own = sorted(os.sched_getaffinity(0))
        if not rest or len(self.galera.nodes) < 2:
            raise process.BedError("--apart needs two cores and two nodes at least")
        for node in self.galera.nodes:
            cores = [own] if node is self.donor else rest
            process.run(["taskset", "--all-tasks", "--cpu-list", "--pid", ",".join(map(str, cores)), str(node.process.pid)])
        os.sched_setaffinity(0, rest)  # of the load, whose threads are still to come
        self._before = ["taskset", "--cpu-list", str(own)]

    def dump_pipelines(self):
        pipelines = super().dump_pipelines()
        pipelines[OURS][0] += ["--exclude-databases", "changing"]
        for name in pipelines:
            if "mydumper" in name:
                pipelines[name][0][-1] = pipelines[name][0][-1].replace("(mysql|", "(changing|mysql|")
        return {name: [[*self._before, *argv] for argv in programs] for name, programs in pipelines.items()}

    def _figures(self, name):
        process.run(["rm", "-rf", *self.out.values()])
        self.settle()
        active = self.galera.nodes[0]
        with _Load(active, self.options.rate) as clients:
            before = self._paused(active)
            begun = time.monotonic()
            if name == IDLE:
                time.sleep(_IDLE_SECONDS)
            else:
                measure.client(name, self.dump_pipelines()[name], output=self.piped_into(name))
            wall = time.monotonic() - begun
            paused = self._paused(active) - before
        cuts = statistics.quantiles(clients.latencies, n=100)
        return {"p50": cuts[49], "p99": cuts[98], "worst": max(clients.latencies), "paused": paused, "failed": clients.failed,
                "wall": wall, "statements": len(clients.latencies), **clients.slowest}

    @staticmethod
    def _paused(node):
        return int(node.status()["wsrep_flow_control_paused_ns"]) / 1e9
