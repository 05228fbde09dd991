"""What a server holds, by SQL alone: a dictionary from the name of each thing to everything that can be asked about it.

No code of ours that backs up or restores has a part in it. Values are read as hexadecimal digits, so that no client, escape or character
set can make two different ones look alike. `differences` names what is not the same on two servers.
"""

import collections
import hashlib
import itertools

from gbtest.process import BedError, run

# Longer values are compared by their length and SHA-256: hexadecimal digits of 60 MiB fit into no packet.
LONG = 4096
SYSTEM = ("mysql", "sys", "information_schema", "performance_schema")
NO_ACCOUNTS = ("root", "sst", "mariadb.sys", "mysql")

# Facts of information_schema: (what, table, condition's schema column, columns that name it, columns that are compared).
FACTS = (
    ("schema", "SCHEMATA", "SCHEMA_NAME", ("SCHEMA_NAME",), ("DEFAULT_CHARACTER_SET_NAME", "DEFAULT_COLLATION_NAME", "SCHEMA_COMMENT")),
    ("table facts", "TABLES", "TABLE_SCHEMA", ("TABLE_SCHEMA", "TABLE_NAME"),
     ("TABLE_TYPE", "ENGINE", "ROW_FORMAT", "TABLE_COLLATION", "CREATE_OPTIONS", "AUTO_INCREMENT",
      "IF(ENGINE IS NULL, '', TABLE_COMMENT)")),  # of a view it is an error's text
    ("column", "COLUMNS", "TABLE_SCHEMA", ("TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME"),
     ("ORDINAL_POSITION", "COLUMN_DEFAULT", "IS_NULLABLE", "DATA_TYPE", "CHARACTER_MAXIMUM_LENGTH", "NUMERIC_PRECISION", "NUMERIC_SCALE",
      "DATETIME_PRECISION", "CHARACTER_SET_NAME", "COLLATION_NAME", "COLUMN_TYPE", "COLUMN_KEY", "EXTRA", "COLUMN_COMMENT",
      "IS_GENERATED", "GENERATION_EXPRESSION")),
    ("key", "STATISTICS", "TABLE_SCHEMA", ("TABLE_SCHEMA", "TABLE_NAME", "INDEX_NAME", "SEQ_IN_INDEX"),
     ("NON_UNIQUE", "COLUMN_NAME", "COLLATION", "SUB_PART", "NULLABLE", "INDEX_TYPE", "INDEX_COMMENT",
      "CONCAT('' /*M!100600 , IF(IGNORED = 'NO', '', IGNORED) */)")),  # from 10.6 on
    ("constraint", "KEY_COLUMN_USAGE", "TABLE_SCHEMA", ("TABLE_SCHEMA", "TABLE_NAME", "CONSTRAINT_NAME", "ORDINAL_POSITION"),
     ("COLUMN_NAME", "REFERENCED_TABLE_SCHEMA", "REFERENCED_TABLE_NAME", "REFERENCED_COLUMN_NAME")),
    ("foreign key", "REFERENTIAL_CONSTRAINTS", "CONSTRAINT_SCHEMA", ("CONSTRAINT_SCHEMA", "TABLE_NAME", "CONSTRAINT_NAME"),
     ("UNIQUE_CONSTRAINT_NAME", "MATCH_OPTION", "UPDATE_RULE", "DELETE_RULE", "REFERENCED_TABLE_NAME")),
    ("check", "CHECK_CONSTRAINTS", "CONSTRAINT_SCHEMA", ("CONSTRAINT_SCHEMA", "TABLE_NAME", "CONSTRAINT_NAME"), ("LEVEL", "CHECK_CLAUSE")),
    ("partition", "PARTITIONS", "TABLE_SCHEMA", ("TABLE_SCHEMA", "TABLE_NAME", "PARTITION_NAME", "SUBPARTITION_NAME"),
     ("PARTITION_ORDINAL_POSITION", "SUBPARTITION_ORDINAL_POSITION", "PARTITION_METHOD", "SUBPARTITION_METHOD", "PARTITION_EXPRESSION",
      "SUBPARTITION_EXPRESSION", "PARTITION_DESCRIPTION", "PARTITION_COMMENT")),
    ("shape", "GEOMETRY_COLUMNS", "G_TABLE_SCHEMA", ("G_TABLE_SCHEMA", "G_TABLE_NAME", "G_GEOMETRY_COLUMN"), ("GEOMETRY_TYPE", "SRID")),
    ("view facts", "VIEWS", "TABLE_SCHEMA", ("TABLE_SCHEMA", "TABLE_NAME"),
     ("VIEW_DEFINITION", "CHECK_OPTION", "DEFINER", "SECURITY_TYPE", "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "ALGORITHM")),
    ("trigger facts", "TRIGGERS", "TRIGGER_SCHEMA", ("TRIGGER_SCHEMA", "TRIGGER_NAME"),
     ("EVENT_MANIPULATION", "EVENT_OBJECT_TABLE", "ACTION_ORDER", "ACTION_STATEMENT", "ACTION_TIMING", "SQL_MODE", "DEFINER",
      "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "DATABASE_COLLATION")),
    ("routine facts", "ROUTINES", "ROUTINE_SCHEMA", ("ROUTINE_SCHEMA", "ROUTINE_TYPE", "SPECIFIC_NAME"),
     ("DTD_IDENTIFIER", "ROUTINE_DEFINITION", "IS_DETERMINISTIC", "SQL_DATA_ACCESS", "SECURITY_TYPE", "SQL_MODE", "ROUTINE_COMMENT",
      "DEFINER", "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "DATABASE_COLLATION")),
    ("parameter", "PARAMETERS", "SPECIFIC_SCHEMA", ("SPECIFIC_SCHEMA", "ROUTINE_TYPE", "SPECIFIC_NAME", "ORDINAL_POSITION"),
     ("PARAMETER_MODE", "PARAMETER_NAME", "DTD_IDENTIFIER", "CHARACTER_SET_NAME", "COLLATION_NAME")),
    ("event facts", "EVENTS", "EVENT_SCHEMA", ("EVENT_SCHEMA", "EVENT_NAME"),
     ("DEFINER", "TIME_ZONE", "EVENT_DEFINITION", "EVENT_TYPE", "EXECUTE_AT", "INTERVAL_VALUE", "INTERVAL_FIELD", "SQL_MODE", "STARTS",
      "ENDS", "STATUS", "ON_COMPLETION", "EVENT_COMMENT", "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "DATABASE_COLLATION")),
)
# What comes with the accounts, and belongs to no schema.
ACCOUNTS = ("account", "account facts", "grants", "roles", "server", "server options")
SERVER = ("Wrapper", "Host", "Db", "Username", "Password", "Socket", "Owner", "Port")
SHOWN = {"PROCEDURE": 2, "FUNCTION": 2, "PACKAGE": 2, "PACKAGE BODY": 2}


def name(text):
    return "`" + text.replace("`", "``") + "`"


def literal(text):
    return f"CONVERT(X'{text.encode().hex()}' USING utf8mb4)"


class Session:
    """Many statements, asked by one client: `ask` returns one list of rows for each."""

    def __init__(self, node):
        self._node = node

    def ask(self, statements, timeout=300):
        marks = "".join(f"SELECT 'the answer to {i}';\n{s};\n" for i, s in enumerate(statements))
        argv = ["mariadb", f"--defaults-extra-file={self._node.cluster.client_config}", f"--socket={self._node.socket}", "--user=root",
                "--batch", "--skip-column-names", "--default-character-set=utf8mb4", "--max-allowed-packet=1G"]
        script = ("SET NAMES utf8mb4, sql_mode='', time_zone='+00:00', wsrep_sync_wait=1, sql_quote_show_create=1, "
                  "group_concat_max_len=1073741824, foreign_key_checks=0;\n" + marks + "SELECT 'the answer to nothing';\n")
        done = run(argv, stdin=script, timeout=timeout, check=False)
        if done.returncode != 0:
            raise BedError(f"node {self._node.number}: {done.stderr.strip()}")
        answers, rows = [], None
        for line in done.stdout.split("\n"):
            if line.startswith("the answer to "):
                rows = []
                answers.append(rows)
            elif line or rows:
                rows.append(line.split("\t"))
        return answers[:-1]

    def query(self, statement):
        return self.ask([statement])[0]


def text_of(hexadecimal):
    return bytes.fromhex(hexadecimal).decode()


def in_hex(columns):
    return ", ".join(f"IFNULL(HEX(CAST({c} AS CHAR)), '~')" for c in columns)


def shown_value(column, kind):
    """The SQL that shows a value exactly, whatever its type."""
    c = name(column)
    if kind in ("float", "double"):
        return f"{c} * 1e0"  # as DOUBLE: prints what reads back as the same bits, the sign of zero too
    if kind in ("enum", "set"):
        return f"CONCAT({c} + 0, ':', HEX({c}))"
    if kind == "bit":
        return f"{c} + 0"
    if kind in ("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection"):
        return f"CONCAT(ST_SRID({c}), ':', HEX(ST_AsWKB({c})))"
    if kind in ("uuid", "inet4", "inet6"):
        return f"CAST({c} AS CHAR)"
    if kind in ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "date", "datetime", "timestamp", "time", "year"):
        return f"CAST({c} AS CHAR)"
    return f"IF(OCTET_LENGTH({c}) > {LONG}, CONCAT('long:', OCTET_LENGTH({c}), ':', SHA2({c}, 256)), HEX({c}))"


class Photo:
    """things: {(what, schema, name…): value}; counts: how many of what there are."""

    def __init__(self, node, schemas=None, accounts=True):
        self.things = {}
        self.counts = collections.Counter()
        self._session = Session(node)
        self._schemas = schemas
        if self._schemas is None:
            found = self._session.query("SELECT HEX(SCHEMA_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN "
                                        f"({','.join(repr(s) for s in SYSTEM)})")
            self._schemas = [text_of(row[0]) for row in found]
        self._where = "(" + (",".join(literal(s) for s in self._schemas) or "''") + ")"
        self._facts()
        self._tables()
        self._programs()
        if accounts:
            self._accounts()

    def _put(self, what, names, value):
        key = (what, *names)
        if key in self.things:
            raise BedError(f"two things are called {key}")
        self.things[key] = value

    def _facts(self):
        queries = [f"SELECT {in_hex(names)}, {in_hex(columns)} FROM information_schema.{table} WHERE {schema} IN {self._where}"
                   for _, table, schema, names, columns in FACTS]
        for (what, _, _, names, columns), rows in zip(FACTS, self._session.ask(queries)):
            for row in rows:
                key = [text_of(c) if c != "~" else "" for c in row[:len(names)]]
                values = [bytes.fromhex(c).decode(errors="replace") if c != "~" else None for c in row[len(names):]]
                self._put(what, key, dict(zip(columns, values)))

    def _of(self, what):
        return [(key[1:], value) for key, value in self.things.items() if key[0] == what]

    def _tables(self):
        columns = collections.defaultdict(list)
        for (schema, table, column), facts in self._of("column"):
            columns[schema, table].append((int(facts["ORDINAL_POSITION"]), column, facts))
        asked = []  # (what, key, statement)
        for (schema, table), facts in self._of("table facts"):
            kind, of = facts["TABLE_TYPE"], f"{name(schema)}.{name(table)}"
            if kind == "VIEW":
                self.counts["views"] += 1
                asked.append(("create", (schema, table), f"SHOW CREATE VIEW {of}"))
                if not columns[schema, table]:
                    continue  # what it stands on is gone
            else:
                asked.append(("create", (schema, table), f"SHOW CREATE TABLE {of}"))
            if kind == "SEQUENCE":
                self.counts["sequences"] += 1
                asked.append(("state", (schema, table), f"SELECT * FROM {of}"))
                continue
            if kind != "VIEW":
                self.counts["tables"] += 1
            told = sorted(columns[schema, table])
            values = [shown_value(c, f["DATA_TYPE"]) for _, c, f in told]
            history = ""
            if kind == "SYSTEM VERSIONED":
                history = " FOR SYSTEM_TIME ALL"
                if not any(f["GENERATION_EXPRESSION"] == "ROW START" for _, _, f in told):
                    values += ["CAST(row_start AS CHAR)", "CAST(row_end AS CHAR)"]
            shown = ", ".join(f"IFNULL({v}, '~')" for v in values)
            asked.append(("rows" if kind != "VIEW" else "view rows", (schema, table), f"SELECT {shown} FROM {of}{history}"))
            if kind != "VIEW":
                literals = [c for _, c, f in told if (f["COLUMN_DEFAULT"] or "").startswith(("'", "x'"))]
                for c in literals:
                    # No default of a NOT NULL column is in the row that an outer join makes up.
                    ask = f"SELECT HEX(CAST(DEFAULT({name(c)}) AS BINARY)) FROM"
                    asked.append(("default", (schema, table, c), f"SELECT IFNULL(({ask} {of} LIMIT 1), "
                                  f"({ask} (SELECT 1 x) x LEFT JOIN {of} ON 0))"))
        for (schema, table, partition, sub), _ in self._of("partition"):
            if partition:
                asked.append(("rows of partition", (schema, table, partition, sub), f"SELECT COUNT(*) FROM {name(schema)}.{name(table)} "
                              f"PARTITION ({name(sub or partition)})"))
        for (what, key, _), rows in zip(asked, self._session.ask([a[2] for a in asked])):
            if what in ("rows", "view rows"):
                self._put(what, key, collections.Counter(tuple(row) for row in rows))
                self.counts["rows"] += len(rows) if what == "rows" else 0
            elif what == "create":
                self._put(what, key, rows[0][1:])
            else:
                self._put(what, key, rows)

    def _programs(self):
        asked = []
        for (schema, trigger), _ in self._of("trigger facts"):
            asked.append(("triggers", (schema, trigger), f"SHOW CREATE TRIGGER {name(schema)}.{name(trigger)}", 6))
        for (schema, kind, routine), _ in self._of("routine facts"):
            asked.append(("routines", (schema, kind, routine), f"SHOW CREATE {kind} {name(schema)}.{name(routine)}", 6))
        for (schema, event), _ in self._of("event facts"):
            asked.append(("events", (schema, event), f"SHOW CREATE EVENT {name(schema)}.{name(event)}", 7))
        for (what, key, _, columns), rows in zip(asked, self._session.ask([a[2] for a in asked])):
            self._put("create " + what, key, rows[0][:columns])  # then: when a trigger was made
            self.counts[what] += 1

    def _accounts(self):
        skip = ",".join(repr(a) for a in NO_ACCOUNTS)
        users = self._session.query(f"SELECT HEX(User), HEX(Host), JSON_VALUE(Priv, '$.is_role') FROM mysql.global_priv WHERE User NOT IN ({skip})")
        asked = []
        for user, host, role in users:
            user, host, role = text_of(user), text_of(host), role in ("1", "true")
            account = name(user) + ("" if role else "@" + name(host))
            if user == "PUBLIC":
                account = "PUBLIC"
            elif role:
                self.counts["roles"] += 1
            else:
                self.counts["accounts"] += 1
                asked.append(("account", (account,), f"SHOW CREATE USER {account}"))
            asked.append(("grants", (account,), f"SHOW GRANTS FOR {account}"))
            asked.append(("account facts", (account,), "SELECT JSON_REMOVE(Priv, '$.password_last_changed') FROM mysql.global_priv WHERE "
                          f"User = {literal(user)} AND Host = {literal(host)}"))
        asked.append(("roles", (), f"SELECT HEX(User), HEX(Host), HEX(Role), Admin_option FROM mysql.roles_mapping WHERE User NOT IN ({skip})"))
        for (what, key, _), rows in zip(asked, self._session.ask([a[2] for a in asked])):
            # A role that is not logged in with has no state of its password.
            self._put(what, key, sorted(rows))
            self.counts["grants"] += len(rows) if what == "grants" else 0
        servers, options = self._session.ask([
            f"SELECT HEX(Server_name), {in_hex(SERVER)} FROM mysql.servers",
            "SELECT HEX(Server_name), '' /*M!110800 , HEX(Options) */ FROM mysql.servers WHERE 0 /*M!110800 OR Options <> '' */"])
        for what, rows in (("server", servers), ("server options", options)):
            for named, *facts in rows:
                self._put(what, (text_of(named),), facts)
        self.counts["servers"] = len(servers)

    @staticmethod
    def renamed(things, change):
        """The same where things have other names: `change` is applied to every name and text."""
        def of(value):
            if isinstance(value, str):
                return change(value)
            if isinstance(value, dict) and not isinstance(value, collections.Counter):
                return {k: of(v) for k, v in value.items()}
            if isinstance(value, list):
                return [of(v) for v in value]
            return value  # rows are no names
        return {tuple(change(k) for k in key): of(value) for key, value in things.items()}

    def digest(self):
        return hashlib.sha256(repr(sorted((k, sorted(v.items(), key=repr) if isinstance(v, dict) else v) for k, v in self.things.items()))
                              .encode()).hexdigest()


def _how(expected, found):
    if isinstance(expected, collections.Counter):
        gone, new = expected - found, found - expected
        shown = [f"- {r}" for r in itertools.islice(gone.elements(), 3)] + [f"+ {r}" for r in itertools.islice(new.elements(), 3)]
        return f"{sum(gone.values())} rows are gone, {sum(new.values())} are new\n      " + "\n      ".join(s[:1500] for s in shown)
    if isinstance(expected, dict):
        return "; ".join(f"{k}: {expected[k]!r} is now {found.get(k)!r}" for k in expected if expected[k] != found.get(k))[:2000]
    return f"{expected!r}\n      is now {found!r}"[:4000]


def differences(expected, found):
    """{key: how} of everything that differs between two dictionaries of things."""
    out = {}
    for key in expected.keys() | found.keys():
        if key not in found:
            out[key] = "is missing"
        elif key not in expected:
            out[key] = "should not be there"
        elif expected[key] != found[key]:
            out[key] = _how(expected[key], found[key])
    return out


def told(found, limit=40):
    lines = [f"  {' '.join(key)}: {how}" for key, how in sorted(found.items())]
    return "\n".join(lines[:limit] + ([f"  … and {len(lines) - limit} more"] if len(lines) > limit else []))
