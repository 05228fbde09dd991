"""How far our dump and restore are from what no program can do without: rows that are read and dropped, rows that the server itself
copies from table to table and gives their keys."""

import concurrent.futures
import json
import queue
import re
import shutil
import time

from gbtest.apiserver import program
from gbtest.session import Session

from . import cluster
from .cluster import OURS
from .report import Section

READ, COPY, CHECK, RESTORE, SERVER = ("rows read and dropped", "their bytes, copied in memory once", "the backup, read whole (check)",
                                      "our restore, proof included", "the server alone: INSERT … SELECT, then the keys")
_PREFIX = "floor_"


def run(options, folder):
    with cluster.loaded(folder, options) as galera:
        shutil.rmtree(folder / "data")
        return _Bench(galera, folder, options).section()


class _Bench(cluster.ClusterBench):
    def section(self):
        section = Section("How far from the floor", cluster.COLUMNS)
        store = self.out[OURS]
        for _ in range(self.options.rounds):
            cluster.remove(store)
            for name, pipeline in ((f"{OURS}: dump", self.our_backup(store)), (READ, self._read())):
                figures = self.measure(name, pipeline)
                said = figures.pop("said")
                section.add(name, figures)
            section.add(COPY, {"wall": json.loads(said)["copy"]})
            section.add(CHECK, self._silent(CHECK, [[program("kubectl-galera"), "local", "check", "--read-data", "--store", store]]))
            section.add(SERVER, self._server_alone())
            self.empty()
            section.add(RESTORE, self._silent(RESTORE, self.our_restore(store)))
        section.note(f"{self.options.threads} connections each. Rows are read by the binary protocol, as by us; \"the server alone\" makes each table "
                     "with its primary key, copies it by InnoDB's bulk path, and adds the other keys: no client, no network, no parsing, no proof.")
        return section

    def _read(self):
        tls = [self.galera.ca_file] if self.galera.tls else []
        return [[program("floor_bench"), self.donor.address, self.donor.port, "root", self.galera.password_file, self.options.threads, *tls]]

    def _silent(self, name, pipeline):
        figures = self.measure(name, pipeline)
        figures.pop("said")
        return figures

    def _server_alone(self):
        """Every table once more, in other schemas, which are dropped again."""
        tables = self._tables()
        for schema in self.schemas:
            self.galera.sql(f"CREATE DATABASE `{_PREFIX}{schema}`")
        waiting = queue.SimpleQueue()
        for table in tables:
            waiting.put(table)
        before = self.server_seconds()
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(self.options.threads) as pool:
            for done in [pool.submit(self._copy_tables, waiting) for _ in range(self.options.threads)]:
                done.result()
        figures = {"wall": time.monotonic() - begun}
        self.settle()
        figures["server_cpu"] = self.server_seconds() - before
        for schema in self.schemas:
            self.galera.sql(f"DROP DATABASE `{_PREFIX}{schema}`", timeout=600)
        return figures

    def _tables(self):
        """(schema, table, its statement without its other keys, the statement that adds them), the largest first."""
        found = []
        with Session(self.galera.node(1), timeout=1800) as session:
            rows = session.ask("SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA IN "
                               f"({','.join(repr(s) for s in self.schemas)}) ORDER BY DATA_LENGTH DESC")
            for schema, table in rows:
                lines = session.ask(f"SHOW CREATE TABLE `{schema}`.`{table}`")[0][1].split("\n")
                keys = [line.strip().rstrip(",") for line in lines if re.match(r"  (UNIQUE |FULLTEXT )?KEY ", line)]
                # Of a foreign key only the table that it refers to would stand in the way.
                body = [line.rstrip(",") for line in lines[1:-1] if not re.match(r"  ((UNIQUE |FULLTEXT )?KEY|CONSTRAINT .* FOREIGN KEY) ", line)]
                name = f"`{_PREFIX}{schema}`.`{table}`"
                create = f"CREATE TABLE {name} (\n" + ",\n".join(body) + "\n" + lines[-1] + " STATS_AUTO_RECALC=0"
                adds = f"ALTER TABLE {name} " + ", ".join(f"ADD {key}" for key in keys) if keys else None
                found.append((schema, table, create, adds))
        return found

    def _copy_tables(self, waiting):
        with Session(self.galera.node(1), timeout=1800) as session:
            session.ask("SET unique_checks = 0, foreign_key_checks = 0, sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'")
            while True:
                try:
                    schema, table, create, adds = waiting.get_nowait()
                except queue.Empty:
                    return
                session.ask(create)
                columns = ", ".join(f"`{row[0]}`" for row in session.ask(
                    f"SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{schema}' AND TABLE_NAME = '{table}' AND "
                    "IS_GENERATED = 'NEVER'"))
                session.ask(f"INSERT INTO `{_PREFIX}{schema}`.`{table}` ({columns}) SELECT {columns} FROM `{schema}`.`{table}`")
                if adds:
                    session.ask(adds)
