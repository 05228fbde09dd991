"""What SQL says about a database, without any code of ours: the other half of every comparison."""

import threading

from .process import BedError


class Writer:
    """Applications that go on writing: transactions that each add an action and its event to nova_cell1, numbered.

    A snapshot of them is consistent exactly when it holds the numbers 1 to k without a gap in both tables.
    """

    def __init__(self, galera, node=1):
        self._galera = galera
        self._node = node
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer")
        self._error = None
        self.written = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Returns how many transactions were committed."""
        self._stop.set()
        self._thread.join()
        if self._error:
            raise self._error
        return self.written

    def _run(self):
        try:
            while not self._stop.is_set():
                numbers = range(self.written + 1, self.written + 11)
                self._galera.sql("".join(
                    "BEGIN; INSERT INTO nova_cell1.instance_actions (created_at, action, request_id, message, deleted) "
                    f"VALUES (NOW(), 'writer', 'req-writer-{n}', '{n}', 0); "
                    "INSERT INTO nova_cell1.instance_actions_events (created_at, event, action_id, details, deleted) "
                    f"VALUES (NOW(), 'writer', LAST_INSERT_ID(), '{n}', 0); COMMIT;" for n in numbers), node=self._node)
                self.written = numbers[-1]
        except BedError as error:
            self._error = error


# The tables that a Writer changes; compared by everything but its rows.
WRITER_TABLES = {"nova_cell1.instance_actions": "`action` <> 'writer' OR `action` IS NULL",
                 "nova_cell1.instance_actions_events": "`event` <> 'writer' OR `event` IS NULL"}


def writer_numbers(galera, node=1):
    """(k, problem): the numbers 1..k are there; problem is "" or says what is wrong with them."""
    counts = []
    for query in ("SELECT COUNT(*), COALESCE(MIN(message+0),1), COALESCE(MAX(message+0),0), COUNT(DISTINCT message) "
                  "FROM nova_cell1.instance_actions WHERE action='writer'",
                  "SELECT COUNT(*), COALESCE(MIN(e.details+0),1), COALESCE(MAX(e.details+0),0), COUNT(DISTINCT e.details) "
                  "FROM nova_cell1.instance_actions_events e JOIN nova_cell1.instance_actions a ON a.id=e.action_id "
                  "AND a.message=e.details WHERE e.event='writer'"):
        counts.append([int(float(v)) for v in galera.sql(query, node=node)[0]])
    k = counts[0][0]
    for rows, low, high, distinct in counts:
        if not (rows == distinct == high == k and low == 1):
            return k, f"rows, lowest, highest, distinct number in actions and events: {counts}"
    return k, ""


def row_checksum(galera, table, where, node=1):
    """Number of rows and the sum of their CRCs, for the rows of a table that a condition selects."""
    schema, name = table.split(".")
    columns = galera.sql("SELECT column_name FROM information_schema.columns WHERE table_schema="
                         f"'{schema}' AND table_name='{name}' ORDER BY ordinal_position", node=node)
    text = ", '|', ".join(f"QUOTE(`{c[0]}`)" for c in columns)
    return tuple(galera.sql(f"SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT({text}))),0) FROM `{schema}`.`{name}` WHERE {where}",
                            node=node)[0])


def fingerprint(galera, schemas=None, node=1, writer=False):
    """One value a table, equal exactly when all rows are; with `writer`, the rows of a Writer do not count."""
    prints = galera.checksums(schemas, node)
    if writer:
        for table, where in WRITER_TABLES.items():
            if table in prints:
                prints[table] = row_checksum(galera, table, where, node)
    return prints


def definitions(galera, schemas, node=1):
    """{"kind schema.name": text} of every table, view, trigger, routine, event and sequence."""
    found = {}
    names = ",".join(f"'{s}'" for s in schemas) or "''"
    for schema, table, kind in galera.sql(
            f"SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema IN ({names})",
            node=node):
        rows = galera.sql(f"SHOW CREATE TABLE `{schema}`.`{table}`", node=node)
        found[f"{kind} {schema}.{table}"] = rows[0][1]
    for schema, trigger in galera.sql(
            f"SELECT trigger_schema, trigger_name FROM information_schema.triggers WHERE trigger_schema IN ({names})", node=node):
        found[f"TRIGGER {schema}.{trigger}"] = galera.sql(f"SHOW CREATE TRIGGER `{schema}`.`{trigger}`", node=node)[0][2]
    for schema, routine, kind in galera.sql(
            "SELECT routine_schema, routine_name, routine_type FROM information_schema.routines WHERE routine_schema IN "
            f"({names})", node=node):
        found[f"{kind} {schema}.{routine}"] = galera.sql(f"SHOW CREATE {kind} `{schema}`.`{routine}`", node=node)[0][2]
    for schema, event in galera.sql(
            f"SELECT event_schema, event_name FROM information_schema.events WHERE event_schema IN ({names})", node=node):
        found[f"EVENT {schema}.{event}"] = galera.sql(f"SHOW CREATE EVENT `{schema}`.`{event}`", node=node)[0][3]
    return found
