"""A dump and a restore beside their peers: one data set, one cluster, the same disk, each contender in turn."""

import json
import os
import shutil

from gbtest import load, process, proof
from gbtest.apiserver import program
from gbtest.galera import Galera

from . import measure
from .report import Section

OURS, MYDUMPER, PLAIN = "ours", "mydumper/myloader", "mariadb-dump/mariadb"
CONTENDERS = (OURS, MYDUMPER, PLAIN)
_COLUMNS = [("wall", "wall s", 1, 2), ("cpu", "client CPU s", 1, 2), ("server_cpu", "server CPU s", 1, 2),
            ("rss", "client peak RSS MB", 1e6, 1)]


def run(options, folder):
    """The sections "dump" and "restore", those of them that were asked for."""
    with Galera(folder / "galera", nodes=options.nodes, buffer_pool=options.buffer_pool) as galera:
        load.generate(folder / "data", program("gb-datagen"), "--size", options.size)
        load.load_galera(folder / "data", galera)
        shutil.rmtree(folder / "data")
        bench = _Bench(galera, folder, options)
        return bench.sections()


class _Bench:
    def __init__(self, galera, folder, options):
        self.galera = galera
        self.options = options
        self.out = {name: folder / name.replace("/", "-") for name in CONTENDERS}
        self.sql_file = folder / "plain.sql"
        self.donor = galera.node(len(galera.nodes))
        self.schemas = galera.schemas()
        help_text = process.run(["mydumper", "--help"]).stdout
        self.compress = ["--compress=ZSTD"] if "zstd" in help_text.lower() else ["-c"]

    def sections(self):
        dump = self._dump()
        wanted = {"dump": dump}
        if "restore" in self.options.only:
            wanted["restore"] = self._restore()
        return {name: section for name, section in wanted.items() if name in self.options.only}

    def _options_file(self, node):
        """For clients of this node: a password on a command line is seen by all. mydumper reads none from there."""
        path = self.galera.folder / f"client{node.number}.cnf"
        path.write_text(f"[client]\nhost={node.address}\nport={node.port}\nuser=root\npassword={self.galera.password}\n")
        os.chmod(path, 0o600)
        return f"--defaults-file={path}"

    def _theirs(self, node):
        return [self._options_file(node), "-h", node.address, "-P", str(node.port), "-u", "root", "-p", self.galera.password,
                "-t", str(self.options.threads)]

    def _ours(self, *words):
        return [program("kubectl-galera"), "local", *words, "--user", "root", "--password-file", self.galera.password_file,
                "--store", self.out[OURS], "--threads", str(self.options.threads), "-o", "json"]

    def _all_nodes(self):
        """A dump looks at all, and reads one that is not the active one, as theirs do."""
        first, *others = self.galera.endpoints
        return ["--nodes", ",".join([first, *others])] + (["--active-node", first] if others else [])

    def _measure(self, name, pipeline, **more):
        """With the CPU of all nodes until each has applied what it got."""
        servers = [n.process for n in self.galera.nodes]
        before = measure.cpu_seconds(*servers)
        figures = measure.client(name, pipeline, **more)
        self._settle()
        figures["server_cpu"] = measure.cpu_seconds(*servers) - before
        figures["rss_each"] = figures["rss"]
        figures["rss"] = sum(figures["rss_each"])
        return figures

    def _settle(self):
        for node in self.galera.nodes:
            node.sql("SET SESSION wsrep_sync_wait=1; SELECT 1", timeout=1800)

    def _in_turn(self, number):
        """Each begins as often as the others."""
        at = number % len(CONTENDERS)
        return CONTENDERS[at:] + CONTENDERS[:at]

    # The dump

    def _dump(self):
        """Measured if it was asked for; else one round, for the restore to have something."""
        section = Section("Dump", _COLUMNS + [("bytes", "MB written", 1e6, 1)], base=OURS)
        pipelines = {
            OURS: [self._ours("backup", *self._all_nodes(), "--verification", "None")],
            MYDUMPER: [["mydumper", *self._theirs(self.donor), *self.compress, "-o", self.out[MYDUMPER], "-G", "-E", "-R",
                        "--regex", "^(?!(mysql|sys|performance_schema|information_schema)\\.)"]],
            PLAIN: [["mariadb-dump", self._options_file(self.donor), "--single-transaction", "--quick", "--routines",
                     "--events", "--databases", *self.schemas], ["zstd", "-1", "-q"]],
        }
        for number in range(self.options.rounds if "dump" in self.options.only else 1):
            for name in self._in_turn(number):
                shutil.rmtree(self.out[name], ignore_errors=True)
                if name == PLAIN:
                    self.out[name].mkdir()
                figures = self._measure(name, pipelines[name],
                                        output=self.out[name] / "dump.sql.zst" if name == PLAIN else None)
                figures.pop("said")
                figures["bytes"] = measure.bytes_in(self.out[name])
                section.add(name, figures)
        process.run([program("kubectl-galera"), "local", "check", "--store", self.out[OURS], "--read-data"], timeout=3600)
        threads = self.options.threads
        section.note(f"ours: kubectl-galera local backup, {threads} threads, without verification, as theirs; `check "
                     "--read-data` then read every byte of the last one: whole.")
        section.note(f"mydumper: {_version('mydumper')}, {threads} threads, {' '.join(self.compress)} "
                     f"({'gzip, the only format it has' if self.compress == ['-c'] else 'zstd'}), with triggers, events and "
                     "routines; mariadb-dump --single-transaction --quick | zstd -1. RSS of a pipe is the sum of its programs.")
        return section

    # The restore

    def _restore(self):
        section = Section("Restore", _COLUMNS, base=OURS)
        first = self.galera.node(1)
        process.run(["zstd", "-d", "-q", "-f", self.out[PLAIN] / "dump.sql.zst", "-o", self.sql_file], timeout=3600)
        pipelines = {
            OURS: [self._ours("restore", *self._all_nodes(), "--backup", "latest")],
            MYDUMPER: [["myloader", *self._theirs(first), "-e", "-d", self.out[MYDUMPER]]],
            PLAIN: [["mariadb", self._options_file(first)]],
        }
        rows, definitions = self._contents()
        for number in range(self.options.rounds):
            for name in self._in_turn(number):
                self._empty()
                figures = self._measure(name, pipelines[name], stdin=self.sql_file if name == PLAIN else None)
                said = figures.pop("said")
                if name == OURS:
                    figures["verification"] = _verified(said)
                elif said.strip():
                    figures["said"] = said.strip()[-1000:]
                section.add(name, figures)
                if number == self.options.rounds - 1:
                    section.note(f"{name}: {self._judge(rows, definitions)}")
        section.note(f"ours ({self.options.threads} threads) includes the proof: it read the backup whole first, and computed the "
                     "digest of every table anew from the restored rows. Each round said: Verified, "
                     f"\"{section.rows[OURS][-1]['verification']}\". Neither peer compares anything.")
        section.note(f"myloader: {_version('myloader')}, {self.options.threads} threads, with -e (else other nodes get nothing); "
                     "mariadb < dump, unpacked before. Each began with all schemas dropped (not timed). Server CPU: all "
                     f"{len(self.galera.nodes)} nodes, until the last has applied.")
        return section

    def _empty(self):
        if self.galera.schemas():
            self.galera.drop_everything()
        self._settle()
        for node in self.galera.nodes:  # a log of every round would fill the disk
            node.sql("FLUSH LOCAL BINARY LOGS; PURGE BINARY LOGS BEFORE NOW()")

    def _contents(self):
        """By SQL alone, of every node: the rows of each table, and the definition of everything."""
        return ([proof.fingerprint(self.galera, self.schemas, n.number) for n in self.galera.nodes],
                proof.definitions(self.galera, self.schemas))

    def _judge(self, rows, definitions):
        """What the last restore brought back, against what had been there."""
        now_rows, now_definitions = self._contents()
        bad = sorted({table for was, now in zip(rows, now_rows) for table in was if now.get(table) != was[table]})
        other = sorted(d for d in definitions if now_definitions.get(d) != definitions[d])
        text = f"CHECKSUM TABLE on every node: {len(rows[0]) - len(bad)} of {len(rows[0])} tables equal"
        text += f" (not: {', '.join(bad[:5])})" if bad else ""
        text += f"; definitions: {len(definitions) - len(other)} of {len(definitions)} equal"
        return text + (f" (not: {', '.join(other[:5])})" if other else "")


def _version(name):
    return process.run([name, "--version"]).stdout.split(",")[0].strip()


def _verified(said):
    """The condition Verified of the restore that was printed; it must say that all is equal."""
    status = json.JSONDecoder().raw_decode(said, said.index("{\n"))[0]["status"]
    condition = {c["type"]: c for c in status["conditions"]}.get("Verified", {})
    if status["phase"] != "Completed" or condition.get("status") != "True":
        raise process.BedError(f"our restore did not prove itself: {status}")
    return condition["message"]
