"""What every figure of dumps and restores needs: one data set on one cluster, our program, the peers' ways in."""

import contextlib
import json
import os
import shutil

from gbtest import load, process, proof
from gbtest.apiserver import program
from gbtest.galera import Galera

from . import measure

OURS, MYDUMPER, PLAIN = "ours", "mydumper/myloader", "mariadb-dump/mariadb"
# Of a mydumper that is newer than Debian's (--mydumper), with the rows as statements or as files for LOAD DATA.
NEW_INSERT, NEW_LOAD = "newest mydumper, INSERT", "newest mydumper, LOAD DATA"
PHYSICAL, RESTIC = "mariadb-backup", "restic of mariadb-dump"
COLUMNS = [("wall", "wall s", 1, 2), ("cpu", "client CPU s", 1, 2), ("server_cpu", "server CPU s", 1, 2),
           ("rss", "client peak RSS MB", 1e6, 1)]


@contextlib.contextmanager
def loaded(folder, options, *more):
    """A Galera that holds the data set; its files stay in folder/data. Its logs are as large as they are by default, unlike those
    of the tests: with a redo log of 16 MB whoever writes much waits for checkpoints with a busy loop."""
    with Galera(folder / "galera", nodes=options.nodes, buffer_pool=options.buffer_pool, redo_log="96M", gcache="128M",
                tls=options.tls, binlog=not options.no_binlog) as galera:
        load.generate(folder / "data", program("gb-datagen"), "--size", options.size, *more)
        load.load_galera(folder / "data", galera)
        yield galera


def version(name, *words):
    return process.run([name, *(words or ["--version"])]).stdout.split(",")[0].strip()


class ClusterBench:
    def __init__(self, galera, folder, options):
        self.galera = galera
        self.folder = folder
        self.options = options
        self.donor = galera.node(len(galera.nodes))
        self.schemas = galera.schemas()
        self.out = {name: folder / name.replace("/", "-").replace(", ", "-").replace(" ", "-")
                    for name in (OURS, MYDUMPER, NEW_INSERT, NEW_LOAD, PLAIN, PHYSICAL, RESTIC)}
        self.password_of_restic = folder / "restic.password"
        self.password_of_restic.write_text("bench\n")

    @property
    def newest(self):
        """Whether there is a newer mydumper than Debian's to measure."""
        return self.options.mydumper is not None

    def options_file(self, node):
        """For clients of this node: a password on a command line is seen by all. And what myloader's sessions are to be: else
        it keeps what it loads from the other nodes."""
        path = self.galera.folder / f"client{node.number}.cnf"
        ca = f"ssl-ca={self.galera.ca_file}\nssl-verify-server-cert\n" if self.galera.tls else ""
        path.write_text(f"[client]\nhost={node.address}\nport={node.port}\nuser=root\npassword={self.galera.password}\n{ca}"
                        "[myloader_session_variables]\nSQL_LOG_BIN=1\n")
        os.chmod(path, 0o600)
        return f"--defaults-file={path}"

    def ours(self, *words, store):
        tls = ["--tls-ca-file", self.galera.ca_file] if self.galera.tls else []
        return [program("kubectl-galera"), "local", *words, "--user", "root", "--password-file", self.galera.password_file, *tls,
                "--store", store, "--threads", str(self.options.threads), "-o", "json"]

    def our_backup(self, store):
        """Without its verification, as the peers have none."""
        return [self.ours("backup", *self.all_nodes(), "--verification", "None", store=store)]

    def our_restore(self, store):
        return [self.ours("restore", *self.all_nodes(), "--backup", "latest", store=store)]

    def mariadb_dump(self):
        return ["mariadb-dump", self.options_file(self.donor), "--single-transaction", "--quick", "--routines", "--events",
                "--databases", *self.schemas]

    def theirs(self, node):
        """Of mydumper and myloader, which read no password from an options file."""
        tls = ["--ssl", "--ca", self.galera.ca_file] if self.galera.tls else []
        return [self.options_file(node), "-h", node.address, "-P", str(node.port), "-u", "root", "-p", self.galera.password, *tls,
                "-t", str(self.options.threads)]

    def restic(self, repository, *words):
        return ["restic", "--repo", repository, "--password-file", self.password_of_restic, "--cache-dir",
                self.folder / "restic.cache", "--quiet", *words]

    def restic_init(self, repository):
        process.run(self.restic(repository, "init", "--repository-version", "2"))

    def restic_backup(self, repository):
        """Of SQL as mariadb-dump writes it, which is what restic can have of a server that is running."""
        return [self.mariadb_dump(), self.restic(repository, "backup", "--stdin", "--stdin-filename", "dump.sql")]

    def mydumper(self, program_file, name, *format_words):
        return [[program_file, *self.theirs(self.donor), *format_words, "-o", self.out[name], "-G", "-E", "-R",
                 "--regex", "^(?!(mysql|sys|performance_schema|information_schema)\\.)"]]

    def physical(self, *words):
        # The first that mariadb-backup wants is the file with the options.
        return ["mariadb-backup", self.options_file(self.donor), "--backup", f"--datadir={self.donor.folder}/data",
                f"--parallel={self.options.threads}", *words]

    def dump_pipelines(self):
        """What makes a dump, by contender: programs that are connected by pipes, each at its best options. Debian's mydumper
        knows gzip only."""
        pipelines = {
            OURS: self.our_backup(self.out[OURS]),
            MYDUMPER: self.mydumper("mydumper", MYDUMPER, "-c"),
            PLAIN: [self.mariadb_dump(), ["zstd", "-1", "-q"]],
            PHYSICAL: [self.physical("--stream=mbstream"), ["zstd", "-1", "-q"]],
        }
        if self.newest:
            file = self.options.mydumper / "mydumper"
            pipelines[NEW_INSERT] = self.mydumper(file, NEW_INSERT, "-c", "ZSTD")
            pipelines[NEW_LOAD] = self.mydumper(file, NEW_LOAD, "-c", "ZSTD", "--format", "LOAD_DATA")
        return pipelines

    def piped_into(self, name):
        """The file that a contender's pipe ends in; None: it writes its files itself."""
        if name not in (PLAIN, PHYSICAL):
            return None
        self.out[name].mkdir()
        return self.out[name] / ("dump.sql.zst" if name == PLAIN else "backup.zst")

    def all_nodes(self):
        """A dump looks at all, and reads one that is not the active one, as the peers do."""
        first, *others = self.galera.endpoints
        return ["--nodes", ",".join([first, *others])] + (["--active-node", first] if others else [])

    def measure(self, name, pipeline, **more):
        """With the CPU of all nodes until each has applied what it got."""
        before = self.server_seconds()
        figures = measure.client(name, pipeline, **more)
        self.settle()
        figures["server_cpu"] = self.server_seconds() - before
        figures["rss_each"] = figures["rss"]
        figures["rss"] = sum(figures["rss_each"])
        return figures

    def server_seconds(self):
        return measure.cpu_seconds(*(n.process for n in self.galera.nodes))

    def settle(self):
        for node in self.galera.nodes:
            node.sql("SET SESSION wsrep_sync_wait=1; SELECT 1", timeout=1800)

    def empty(self):
        if self.galera.schemas():
            self.galera.drop_everything()
        self.settle()
        for node in self.galera.nodes:  # a log of every round would fill the disk
            if not self.options.no_binlog:
                node.sql("FLUSH LOCAL BINARY LOGS; PURGE BINARY LOGS BEFORE NOW()")

    def contents(self):
        """By SQL alone, of every node: the rows of each table, and the definition of everything."""
        return ([proof.fingerprint(self.galera, self.schemas, n.number) for n in self.galera.nodes],
                proof.definitions(self.galera, self.schemas))

    def judge(self, rows, definitions):
        """What the last restore brought back, against what had been there."""
        now_rows, now_definitions = self.contents()
        bad = sorted({table for was, now in zip(rows, now_rows) for table in was if now.get(table) != was[table]})
        other = sorted(d for d in definitions if now_definitions.get(d) != definitions[d])
        text = f"CHECKSUM TABLE on every node: {len(rows[0]) - len(bad)} of {len(rows[0])} tables equal"
        text += f" (not: {', '.join(bad[:5])})" if bad else ""
        text += f"; definitions: {len(definitions) - len(other)} of {len(definitions)} equal"
        return text + (f" (not: {', '.join(other[:5])})" if other else "")


def verified(said):
    """The condition Verified of the restore that was printed; it must say that all is equal."""
    status = json.JSONDecoder().raw_decode(said, said.index("{\n"))[0]["status"]
    condition = {c["type"]: c for c in status["conditions"]}.get("Verified", {})
    if status["phase"] != "Completed" or condition.get("status") != "True":
        raise process.BedError(f"our restore did not prove itself: {status}")
    return condition["message"]


def in_turn(contenders, number):
    """Each begins as often as the others."""
    at = number % len(contenders)
    return contenders[at:] + contenders[:at]


def remove(path):
    shutil.rmtree(path, ignore_errors=True)
