"""One table that is most of the data, as large as the disk allows: whether time grows with it, and memory does not."""

import concurrent.futures

from gbtest.galera import Galera
from gbtest.session import Session

from . import cluster, measure
from .cluster import MYDUMPER, NEW_LOAD, OURS
from .report import Section

_BATCH = 500_000  # rows of one transaction


def run(options, folder):
    with Galera(folder / "galera", nodes=options.nodes, buffer_pool=options.buffer_pool, redo_log="512M", gcache="128M",
                tls=options.tls) as galera:
        _fill(galera, options.rows)
        return _Bench(galera, folder, options).sections()


def _fill(galera, rows):
    """Samples of meters, as a telemetry keeps them: a number, a time, a uuid of one of 50,000 resources, a kind, a value."""
    galera.sql("CREATE DATABASE telemetry; CREATE TABLE telemetry.sample (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, "
               "taken datetime(6) NOT NULL, resource char(36) CHARACTER SET latin1 NOT NULL, meter tinyint unsigned NOT NULL, "
               "value double NOT NULL) ENGINE=InnoDB")

    def batch(first):
        last = min(first + _BATCH, rows + 1) - 1
        with Session(galera.node(1), timeout=1800) as session:
            session.ask("USE telemetry")
            session.insist("INSERT INTO telemetry.sample SELECT seq, '2026-01-01' + INTERVAL seq * 250000 MICROSECOND, "
                           "INSERT(INSERT(INSERT(INSERT(MD5(seq % 50000), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-'), seq % 7, "
                           f"ROUND(RAND(seq) * 1000, 3) FROM seq_{first}_to_{last}")
            if first % (8 * _BATCH) == 1:
                session.ask("FLUSH LOCAL BINARY LOGS")
                session.ask("PURGE BINARY LOGS BEFORE NOW()")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(batch, first) for first in range(1, rows + 1, _BATCH)]:
            done.result()
    # Sorted at once: row by row they take hours where the pool does not hold them.
    galera.sql("ALTER TABLE telemetry.sample ADD KEY taken (taken), ADD KEY resource (resource, meter)", timeout=3600)
    galera.sql("ANALYZE TABLE telemetry.sample", timeout=1800)


class _Bench(cluster.ClusterBench):
    def sections(self):
        dump = Section(f"Dump of one table of {self.options.rows:,} rows", cluster.COLUMNS + [("bytes", "MB written", 1e6, 1)], base=OURS)
        peers = [NEW_LOAD if self.newest else MYDUMPER]
        for name in [OURS, *peers]:
            cluster.remove(self.out[name])
            figures = self.measure(name, self.dump_pipelines()[name])
            figures.pop("said")
            dump.add(name, {**figures, "bytes": measure.bytes_in(self.out[name])})
        restore = Section(f"Restore of one table of {self.options.rows:,} rows", cluster.COLUMNS, base=OURS)
        restores = {OURS: self.our_restore(self.out[OURS])}
        loader = self.options.mydumper / "myloader" if self.newest else "myloader"
        restores[peers[0]] = [[loader, *self.theirs(self.galera.node(1)), *([] if self.newest else ["-e"]), "-d", self.out[peers[0]]]]
        sums = self._sum()
        for name, pipeline in restores.items():
            self.empty()
            figures = self.measure(name, pipeline)
            said = figures.pop("said")
            restore.add(name, figures)
            if name == OURS:
                restore.note(f"ours: Verified, \"{cluster.verified(said)}\"; {'the same' if self._sum() == sums else 'NOT THE SAME'} by CHECKSUM TABLE.")
        restore.note(f"One round; {self.options.nodes} node(s), {self.options.threads} threads, a buffer pool of {self.options.buffer_pool}.")
        return {"large dump": dump, "large restore": restore}

    def _sum(self):
        return self.galera.node(1).sql("CHECKSUM TABLE telemetry.sample", timeout=1800)
