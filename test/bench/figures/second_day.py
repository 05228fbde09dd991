"""The backup of the second day: what it costs when most of the rows are those of the first."""

import shutil

from gbtest import load, process
from gbtest.apiserver import program

from . import cluster, measure, packs
from .report import Section

OURS, OURS_FIRST = "ours, second day", "ours, everything"
RESTIC, RESTIC_FIRST = "restic, second day", "restic, everything"
CONTENDERS = (OURS, OURS_FIRST, RESTIC, RESTIC_FIRST)


def run(options, folder):
    with cluster.loaded(folder, options, "--day2") as galera:
        bench = _Bench(galera, folder, options)
        bench.first_day()
        load.load_galera(folder / "data", galera, day2=True)
        shutil.rmtree(folder / "data")
        return bench.second_day()


class _Bench(cluster.ClusterBench):
    def __init__(self, galera, folder, options):
        super().__init__(galera, folder, options)
        self.saved = {OURS: folder / "ours.first", RESTIC: folder / "restic.first"}
        self.store = folder / "store"

    def first_day(self):
        measure.client(OURS_FIRST, self.our_backup(self.saved[OURS]))
        self.restic_init(self.saved[RESTIC])
        measure.client(RESTIC_FIRST, self.restic_backup(self.saved[RESTIC]))
        self.settle()

    def _prepare(self, name):
        """The store as the first day left it, or an empty one. Its bytes."""
        cluster.remove(self.store)
        if name in self.saved:
            shutil.copytree(self.saved[name], self.store)
        elif name == RESTIC_FIRST:
            self.restic_init(self.store)
        return measure.bytes_in(self.store) if self.store.exists() else 0

    def second_day(self):
        section = Section("Second day", cluster.COLUMNS + [("bytes", "MB added", 1e6, 2), ("metadata", "of it metadata", 0.01, 1)],
                          base=OURS)
        for number in range(self.options.rounds):
            for name in cluster.in_turn(CONTENDERS, number):
                before = self._prepare(name)
                ours = name in (OURS, OURS_FIRST)
                figures = self.measure(name, self.our_backup(self.store) if ours else self.restic_backup(self.store))
                figures.pop("said")
                figures["bytes"] = measure.bytes_in(self.store) - before
                if ours:
                    figures["metadata"] = packs.metadata_share(self.store, beside=self.saved[OURS] if name == OURS else None)
                section.add(name, figures)
                if name == OURS:
                    cluster.remove(self.folder / "last")
                    self.store.rename(self.folder / "last")
        section.note(f"{self._proof()}")
        section.note("The day: `gb-datagen --day2`, 1 % of the rows updated all over the tables, 3 % appended. \"Everything\" is a "
                     "backup of the same rows into an empty store. Metadata in %: pages, table objects, footers, manifest and log.")
        section.note(f"restic: {cluster.version('restic', 'version')}, repository version 2 (zstd), of mariadb-dump "
                     f"--single-transaction --quick; ours: {self.options.threads} threads, without verification.")
        return section

    def _proof(self):
        """The last backup of the second day is read whole and restored, SQL compares."""
        process.run([program("kubectl-galera"), "local", "check", "--store", self.folder / "last", "--read-data"], timeout=3600)
        rows, definitions = self.contents()
        self.empty()
        said = measure.client("the restore", self.our_restore(self.folder / "last"))["said"]
        return f"the last one of ours was restored: {cluster.verified(said)} {self.judge(rows, definitions)}"
