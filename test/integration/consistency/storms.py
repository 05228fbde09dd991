"""Schema changes that go on during a dump, each of which leaves a state that is known and can be looked for."""

import dataclasses
import itertools

from gbtest.session import Session, SqlError
from workload import BANKS, Beside, own_gtid

# 1047: the node is under FLUSH TABLES WITH READ LOCK right now, as a strict dump's donor is.
_AGAIN = {1047, 1205, 1213, 1317, 1969}


@dataclasses.dataclass(frozen=True)
class Storm:
    """`steps` go round and round, {k} being the number of the round; what they change is theirs alone."""

    name: str
    setup: tuple
    steps: tuple
    rows: bool = True  # False: others write rows of these tables, only their columns are looked at
    schema: str = ""
    # Through the active node alone. CREATE VIEW takes its locks before it waits for its place in the cluster's order: through
    # a node that is behind, it and the applier of an earlier DROP wait for each other for ever (MariaDB 10.11.19).
    active: bool = False

    @property
    def home(self):
        return self.schema or f"con_storm_{self.name}"


STORMS = (
    # Column by column, in a schema of its own and in one that is written to at the same time.
    Storm("columns", ("CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL)", "INSERT INTO t SELECT seq, seq FROM seq_1_to_500"),
          ("ALTER TABLE t ADD COLUMN extra INT NOT NULL DEFAULT {k}, ALGORITHM=INSTANT", "UPDATE t SET v = v + 1, extra = extra + 1",
           "ALTER TABLE t MODIFY v BIGINT NOT NULL", "ALTER TABLE t DROP COLUMN extra", "ALTER TABLE t MODIFY v VARCHAR(30) NOT NULL",
           "ALTER TABLE t MODIFY v INT NOT NULL")),
    Storm("accounts", (), (f"ALTER TABLE {BANKS[0]}.accounts ADD COLUMN note INT", f"ALTER TABLE {BANKS[2]}.ledger ADD KEY (account)",
                           f"ALTER TABLE {BANKS[0]}.accounts DROP COLUMN note", f"ALTER TABLE {BANKS[2]}.ledger DROP KEY account"),
          rows=False, schema=BANKS[0]),
    # Tables of one shape that change places: only their rows tell.
    Storm("rename", tuple(s for t in ("a", "m", "z") for s in (f"CREATE TABLE {t} (id INT PRIMARY KEY, was TEXT)",
                                                               f"INSERT INTO {t} SELECT seq, '{t}' FROM seq_1_to_500")),
          ("RENAME TABLE a TO x, z TO a, x TO z", "RENAME TABLE m TO x, a TO m, x TO a")),
    Storm("truncate", ("CREATE TABLE t (id INT PRIMARY KEY, k INT)", "CREATE TABLE z (id INT PRIMARY KEY, k INT)"),
          ("INSERT INTO t SELECT seq, {k} FROM seq_1_to_500", "INSERT INTO z SELECT seq, {k} FROM seq_1_to_500", "TRUNCATE TABLE z",
           "TRUNCATE TABLE t")),
    Storm("create", (), ("CREATE TABLE t (id INT PRIMARY KEY, k INT)", "INSERT INTO t SELECT seq, {k} FROM seq_1_to_500", "DROP TABLE t",
                         "CREATE TABLE t (id INT PRIMARY KEY, k INT)", "INSERT INTO t SELECT seq, -{k} FROM seq_1_to_500",
                         "CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, k INT)", "DROP TABLE t")),
    Storm("exchange", ("CREATE TABLE p (id INT PRIMARY KEY, was TEXT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (1000), "
                       "PARTITION p1 VALUES LESS THAN MAXVALUE)", "INSERT INTO p SELECT seq, 'inside' FROM seq_1_to_500",
                       "CREATE TABLE t (id INT PRIMARY KEY, was TEXT)", "INSERT INTO t SELECT seq, 'outside' FROM seq_1_to_500"),
          ("ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE t",)),
    Storm("programs", ("CREATE TABLE t (id INT PRIMARY KEY)",),
          ("CREATE OR REPLACE VIEW v AS SELECT {k} AS k FROM t", "CREATE OR REPLACE FUNCTION f() RETURNS INT DETERMINISTIC RETURN {k}",
           "CREATE OR REPLACE PROCEDURE p() SELECT {k}", "CREATE OR REPLACE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.id = {k}",
           "DROP VIEW v", "DROP FUNCTION f", "DROP TRIGGER g", "DROP PROCEDURE p"), active=True),
)


def look(session, storm):
    """What the storm's schema holds, as text that is the same on every server."""
    where = f"= '{storm.home}'"
    out = [session.insist(f"SELECT {what} FROM information_schema.{table} WHERE {schema} {where} ORDER BY 1, 2") for what, table, schema in (
        ("TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT", "COLUMNS", "TABLE_SCHEMA"),
        ("TABLE_NAME, VIEW_DEFINITION", "VIEWS", "TABLE_SCHEMA"), ("TRIGGER_NAME, ACTION_STATEMENT", "TRIGGERS", "TRIGGER_SCHEMA"),
        ("ROUTINE_NAME, ROUTINE_DEFINITION", "ROUTINES", "ROUTINE_SCHEMA"))]
    tables = session.insist(f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA {where}")
    if storm.rows and tables:
        out.append(session.insist("CHECKSUM TABLE " + ", ".join(sorted(f"{storm.home}.{t}" for t, in tables)) + " EXTENDED"))
    return repr(out)


class Raging(Beside):
    """Storms, each with a thread of its own. Afterwards what belongs to others is as it was. `states` is what each left, in the cluster's order."""

    def __init__(self, cluster, storms, pause):
        super().__init__()
        self._cluster = cluster
        self._pause = pause
        self.storms = storms
        self.states = {storm: [] for storm in storms}
        self.each(*((self._run, storm) for storm in storms))

    def __enter__(self):
        for storm in self.storms:
            with Session(self._cluster.nodes[0]) as session:
                if not storm.schema:
                    session.ask(f"CREATE DATABASE {storm.home}")
                self._go_to(session, storm)
                for statement in storm.setup:
                    session.ask(statement)
                # Not its own: what was written last may have come through another session.
                self.states[storm].append((0, look(session, storm)))
        return super().__enter__()

    def clear(self):
        """Drops what belongs to the storms alone."""
        for storm in self.storms:
            if not storm.schema:
                self._cluster.sql(f"DROP DATABASE IF EXISTS {storm.home}")

    @staticmethod
    def _go_to(session, storm):
        session.ask("SET SESSION wsrep_sync_wait = 15")
        session.ask("SELECT COUNT(*) FROM information_schema.SCHEMATA")  # USE waits for nothing: its schema may not be here yet
        session.ask(f"USE {storm.home}")

    def _run(self, storm):
        sessions = [Session(node) for node in self._cluster.nodes[:1 if storm.active else None]]
        for session in sessions:
            self._go_to(session, storm)
        turns = itertools.cycle(sessions)
        for k in itertools.count(1):
            for step in storm.steps:
                # What belongs to others is left as it was found: whole rounds only.
                if self._stop.wait(self._pause) and (not storm.schema or step is storm.steps[0]):
                    return
                self._step(next(turns), storm, step.format(k=k))

    def _step(self, session, storm, statement):
        while True:
            try:
                session.ask(statement)
                break
            except SqlError as error:
                if error.number not in _AGAIN:
                    raise
                if self._stop.wait(0.05) and not storm.schema:
                    return
        self.states[storm].append((own_gtid(session), look(session, storm)))


def problems(raging, session, earliest, latest):
    """What no moment between two places in the cluster's order, both included, can have looked like."""
    seen = {storm: look(session, storm) for storm in raging.storms}
    moments = {earliest, latest, *(gtid for states in raging.states.values() for gtid, _ in states if earliest < gtid < latest)}
    best = None
    for moment in sorted(moments):
        wrong = []
        for storm, states in raging.states.items():
            gtid, expected = max((s for s in states if s[0] <= moment), key=lambda s: s[0])
            if seen[storm] != expected:
                wrong.append(f"storm {storm.name}: at {moment} it had left (at {gtid}) {expected[:1500]}\nand there is {seen[storm][:1500]}")
        if best is None or len(wrong) < len(best):
            best = wrong
    return best
