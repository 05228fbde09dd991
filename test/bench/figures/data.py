"""A dump and a restore beside their peers: one data set, one cluster, the same disk, each contender in turn."""

import shutil

from gbtest import process
from gbtest.apiserver import program

from . import cluster, measure
from .cluster import MYDUMPER, NEW_INSERT, NEW_LOAD, OURS, PHYSICAL, PLAIN, RESTIC
from .report import Section


def run(options, folder):
    """The sections "dump" and "restore", those of them that were asked for."""
    with cluster.loaded(folder, options) as galera:
        shutil.rmtree(folder / "data")
        return _Bench(galera, folder, options).sections()


class _Bench(cluster.ClusterBench):
    def __init__(self, galera, folder, options):
        super().__init__(galera, folder, options)
        self.sql_file = folder / "plain.sql"

    def sections(self):
        # Before anything reads it: what a restore must bring back is what was loaded.
        loaded = self.contents() if "restore" in self.options.only else None
        wanted = {"dump": self._dump()}
        if loaded:
            wanted["restore"] = self._restore(*loaded)
        return {name: section for name, section in wanted.items() if name in self.options.only}

    # The dump

    def _dump(self):
        """Measured if it was asked for; else one round, for the restore to have something."""
        section = Section("Dump", cluster.COLUMNS + [("bytes", "MB written", 1e6, 1)], base=OURS)
        pipelines = self.dump_pipelines() | {RESTIC: self.restic_backup(self.out[RESTIC])}
        for number in range(self.options.rounds if "dump" in self.options.only else 1):
            for name in cluster.in_turn(list(pipelines), number):
                cluster.remove(self.out[name])
                if name == RESTIC:
                    self.restic_init(self.out[name])
                figures = self.measure(name, pipelines[name], output=self.piped_into(name))
                figures.pop("said")
                figures["bytes"] = measure.bytes_in(self.out[name])
                section.add(name, figures)
        process.run([program("kubectl-galera"), "local", "check", "--store", self.out[OURS], "--read-data"], timeout=3600)
        threads = self.options.threads
        section.note(f"ours: kubectl-galera local backup, {threads} threads, without verification, as theirs; `check "
                     "--read-data` then read every byte of the last one: whole.")
        section.note(f"mydumper: {cluster.version('mydumper')}, {threads} threads, gzip, the only format it has; with triggers, events "
                     "and routines. mariadb-dump --single-transaction --quick | zstd -1. mariadb-backup "
                     f"--parallel={threads} --stream | zstd -1: the files of the whole server, which no other cluster can take in part. "
                     "restic of mariadb-dump, encrypted, into an empty repository. RSS of a pipe is the sum of its programs.")
        if self.newest:
            section.note(f"newest: {cluster.version(self.options.mydumper / 'mydumper')}, {threads} threads, zstd.")
        if self.options.tls:
            section.note("Every connection is encrypted, and the server's certificate is verified.")
        return section

    # The restore

    def _restore_pipelines(self):
        first = self.galera.node(1)
        process.run(["zstd", "-d", "-q", "-f", self.out[PLAIN] / "dump.sql.zst", "-o", self.sql_file], timeout=3600)
        pipelines = {
            OURS: self.our_restore(self.out[OURS]),
            MYDUMPER: [["myloader", *self.theirs(first), "-e", "-d", self.out[MYDUMPER]]],
            PLAIN: [["mariadb", self.options_file(first)]],
        }
        if self.newest:
            for name in (NEW_INSERT, NEW_LOAD):
                pipelines[name] = [[self.options.mydumper / "myloader", *self.theirs(first), "-d", self.out[name]]]
        return pipelines

    def _restore(self, rows, definitions):
        section = Section("Restore", cluster.COLUMNS, base=OURS)
        pipelines = self._restore_pipelines()
        for number in range(self.options.rounds):
            for name in cluster.in_turn(list(pipelines), number):
                self.empty()
                figures = self.measure(name, pipelines[name], stdin=self.sql_file if name == PLAIN else None)
                said = figures.pop("said")
                if name == OURS:
                    figures["verification"] = cluster.verified(said)
                elif said.strip():
                    figures["said"] = said.strip()[-1000:]
                section.add(name, figures)
                if number == self.options.rounds - 1:
                    section.note(f"{name}: {self.judge(rows, definitions)}")
        section.note(f"ours ({self.options.threads} threads) includes the proof: it read the backup whole first, and computed the "
                     "digest of every table anew from the restored rows. Each round said: Verified, "
                     f"\"{section.rows[OURS][-1]['verification']}\". No peer compares anything.")
        section.note(f"myloader: {cluster.version('myloader')}, {self.options.threads} threads, with -e (else other nodes get "
                     "nothing); mariadb < dump, unpacked before. Each began with all schemas dropped (not timed). Server CPU: all "
                     f"{len(self.galera.nodes)} nodes, until the last has applied.")
        return section
