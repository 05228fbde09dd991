"""Random schemas with random rows, and what is left of one that fails when all that does not matter is taken away.

A schema is lists in lists: what `script` makes of it leaves out what needs something that is gone, and the server may refuse a statement: neither is
an error. That is what lets `shrink` take away whatever it likes.
"""

import copy
import dataclasses
import random

SCHEMA = "fid_random"


@dataclasses.dataclass
class Clause:
    """A piece of SQL, and the names without which it means nothing."""
    sql: str
    needs: tuple = ()


@dataclasses.dataclass
class Column:
    name: str
    type: str
    extras: list = dataclasses.field(default_factory=list)
    made: bool = False  # by an expression: it takes no value
    needs: tuple = ()


@dataclasses.dataclass
class Table:
    name: str
    columns: list = dataclasses.field(default_factory=list)
    clauses: list = dataclasses.field(default_factory=list)
    options: list = dataclasses.field(default_factory=list)
    rows: list = dataclasses.field(default_factory=list)  # {name of a column: literal}
    changes: list = dataclasses.field(default_factory=list)  # after the rows


@dataclasses.dataclass
class Schema:
    tables: list = dataclasses.field(default_factory=list)
    programs: list = dataclasses.field(default_factory=list)  # each needs its table


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def _there(clauses, names):
    return [c for c in clauses if set(c.needs) <= names]


def table_script(table):
    names = {c.name for c in table.columns}
    columns = _there(table.columns, names)
    entries = [" ".join([quoted(c.name), c.type, *c.extras]) for c in columns]
    entries += [c.sql for c in _there(table.clauses, names)]
    options = " ".join(c.sql for c in _there(table.options, names))
    out = [f"CREATE TABLE {quoted(table.name)} ({', '.join(entries)}) {options}"]
    for row in table.rows:
        filled = [c.name for c in columns if not c.made and c.name in row]
        out.append(f"INSERT INTO {quoted(table.name)} ({', '.join(map(quoted, filled))}) VALUES ({', '.join(row[n] for n in filled)})")
    return out + [c.sql for c in _there(table.changes, names)]


def script(schema):
    tables = {t.name for t in schema.tables}
    out = ["SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00', foreign_key_checks = 0",
           f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4", f"USE {SCHEMA}"]
    for table in schema.tables:
        out += table_script(table)
    out += [c.sql for c in _there(schema.programs, tables)]
    return ";\n".join(out) + ";\n"


# --- at random

TEXTS = ("", " ", "a", "A", "it''s", "\\\\", "é", "ß", "ü ", "語", "😀", "a\\0b", "NULL", "%_", "0", "привет", "a" * 50)
CHARSETS = ("utf8mb4", "utf8mb3", "latin1", "ucs2", "utf16", "utf32", "cp1251", "sjis", "gbk", "ascii", "koi8r", "latin2")
COLLATIONS = {"utf8mb4": ("utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_nopad_bin", "utf8mb4_german2_ci", "utf8mb4_uca1400_ai_ci"),
              "latin1": ("latin1_bin", "latin1_swedish_ci", "latin1_german2_ci"), "ucs2": ("ucs2_bin", "ucs2_unicode_ci")}
BYTES = ("''", "X'00'", "X'FF00'", "X'5C27'", "X'0A0D1A22'", "' '", "REPEAT(X'27', 40)")
DATES = ("'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2024-02-29'", "'2024-00-00'")
TIMES_OF_DAY = ("00:00:00", "23:59:59.999999", "12:34:56.000001")
SHAPES = ("POINT(0, 0)", "POINT(-1.5, 1e300)", "ST_GeomFromText('LINESTRING(0 0,1 1)')", "ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))', 4326)")


def _integer(r):
    name, bits = r.choice((("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)))
    if r.random() < 0.4:
        return f"{name} unsigned" + r.choice(("", " zerofill")), ("0", "1", str(2 ** bits - 1), str(r.randrange(2 ** bits)))
    return name, ("0", "-1", str(-2 ** (bits - 1)), str(2 ** (bits - 1) - 1), str(r.randrange(2 ** (bits - 1))))


def _decimal(r):
    digits = r.randint(1, 65)
    scale = r.randint(0, min(digits, 30))
    whole, part = "9" * (digits - scale) or "0", "9" * scale
    return f"decimal({digits},{scale})", ("0", "1", "-1", f"{whole}.{part}0", f"-{whole}.{part}0", "0." + "0" * max(scale - 1, 0) + "1")


def _floating(r):
    return r.choice((("float", ("0", "0.1", "-3.402823466e38", "1e-45", "16777217", str(r.random()))),
                     ("double", ("0", "0.1", "1.7976931348623157e308", "-5e-324", "9007199254740993", str(r.random()))),
                     ("float(9,3)", ("0", "0.001", "-999999.999")), ("double(30,5)", ("1e24", "-0.00001"))))


def _bits(r):
    width = r.randint(1, 64)
    return f"bit({width})", ("0", "1", str(2 ** width - 1), str(r.randrange(2 ** width)))


def _moment(r):
    precision = r.randint(0, 6)
    kind = r.choice(("date", "datetime", "timestamp", "time", "year"))
    if kind == "date":
        return kind, DATES
    if kind == "year":
        return kind, ("0", "1901", "2155")
    if kind == "time":
        return f"time({precision})", ("'-838:59:59.999999'", "'838:59:59'", "'00:00:00.000001'", "'-00:00:01'")
    if kind == "datetime":
        return f"datetime({precision})", tuple(f"{d[:-1]} {r.choice(TIMES_OF_DAY)}'" for d in DATES)
    return f"timestamp({precision}) NULL", ("'1970-01-01 00:00:01'", "'2038-01-19 03:14:07.999'", "0", "'2024-02-29 12:34:56.789012'")


def _charset(r):
    charset = r.choice(CHARSETS)
    collation = r.choice(COLLATIONS.get(charset, ("",)))
    return f"CHARACTER SET {charset}" + (f" COLLATE {collation}" if collation and r.random() < 0.6 else "")


def _text(r):
    kind = r.choice(("char({n})", "varchar({n})", "tinytext", "text", "mediumtext", "longtext", "varchar({n}) COMPRESSED"))
    values = [f"'{t}'" for t in r.sample(TEXTS, 6)]
    if kind == "longtext":
        values.append("REPEAT('é語', 3000)")
    return f"{kind.format(n=r.choice((1, 5, 60)))} {_charset(r)}", tuple(values)


def _bytes(r):
    return r.choice(("binary(7)", "varbinary(50)", "tinyblob", "blob", "longblob", "varbinary(300) COMPRESSED")), BYTES


def _members(r):
    members = r.sample([t for t in TEXTS if "\\0" not in t and not t.endswith(" ")], r.randint(1, 6))
    kind = r.choice(("enum", "set"))
    return f"{kind}({','.join(repr_sql(m) for m in dict.fromkeys(members))}) {_charset(r)}", ("0", "1", str(2 ** len(members) - 1), "''")


def repr_sql(text):
    return f"'{text}'"


def _other(r):
    return r.choice((("uuid", ("'00000000-0000-0000-0000-000000000000'", "'6ccd780c-baba-1026-9564-5b8c656024db'", "uuid()")),
                     ("inet4", ("'0.0.0.0'", "'255.255.255.255'", "'10.0.0.1'")), ("inet6", ("'::'", "'::ffff:192.0.2.1'", "'fe80::1'")),
                     ("json", ("'{}'", "'[1,  2, null]'", "'{\"a\": \"é\"}'")), ("geometry", SHAPES), ("point", SHAPES[:2])))


KINDS = (_integer, _integer, _decimal, _floating, _bits, _moment, _moment, _text, _text, _text, _bytes, _members, _other)
LONG = ("text", "blob", "json", "geometry", "point")  # no key without a prefix, no default without an expression
NAMES = ("{}", "{} b", "{}`x", "ü{}", "select{}", "{}.{}", "it's {}")


def _name(r, plain):
    return (r.choice(NAMES) if r.random() < 0.2 else "{}").replace("{}", plain)


def _is_long(column):
    return any(w in column.type for w in LONG)


def _column(r, number):
    kind, values = r.choice(KINDS)(r)
    column = Column(_name(r, f"c{number}"), kind)
    if r.random() < 0.25:
        column.extras.append("NOT NULL")
    if r.random() < 0.35 and not _is_long(column) and kind != "float(9,3)":  # KNOWN_GAPS
        plain = [v for v in values if "(" not in v]
        column.extras.append(f"DEFAULT {r.choice(plain)}" if plain else "DEFAULT (1 + 1)")
    if r.random() < 0.1:
        column.extras.append("INVISIBLE")
    if r.random() < 0.15:
        column.extras.append(f"COMMENT {repr_sql(r.choice(TEXTS))}")
    return column, (*values, "NULL") if r.random() < 0.8 else values


def _made(r, number, of):
    expression = f"CONCAT('é', {quoted(of.name)})" if r.random() < 0.5 else f"LENGTH({quoted(of.name)})"
    kind = "varchar(200)" if "CONCAT" in expression else "int"
    return Column(f"g{number}", f"{kind} AS ({expression}) {r.choice(('VIRTUAL', 'STORED'))}", made=True, needs=(of.name,))


def _key(r, number, columns):
    chosen = r.sample(columns, min(len(columns), r.randint(1, 3)))
    parts = [quoted(c.name) + (f"({r.randint(1, 4)})" if _is_long(c) else "") + r.choice(("", "", " DESC")) for c in chosen]
    kind = r.choice(("KEY", "KEY", "UNIQUE KEY"))
    return Clause(f"{kind} k{number} ({', '.join(parts)})" + r.choice(("", " COMMENT 'ü'")), tuple(c.name for c in chosen))


def _table(r, number, earlier):
    table = Table(_name(r, f"t{number}"))
    values = {}
    key = r.choice(("id", "id", "counter", "none", "own"))
    if key in ("id", "counter"):
        table.columns.append(Column("id", "int" if key == "id" else "bigint unsigned AUTO_INCREMENT", ["NOT NULL"]))
        table.clauses.append(Clause("PRIMARY KEY (id)", ("id",)))
    for n in range(r.randint(1, 8)):
        column, values_of = _column(r, n)
        table.columns.append(column)
        values[column.name] = values_of
    own = [c for c in table.columns if c.name != "id"]
    if key == "own":
        column = r.choice(own)
        table.clauses.append(Clause(f"PRIMARY KEY ({quoted(column.name)}{'(3)' if _is_long(column) else ''})", (column.name,)))
    table.columns += [_made(r, n, r.choice(own)) for n in range(r.choice((0, 0, 0, 1, 2)))]
    table.clauses += [_key(r, n, own) for n in range(r.choice((0, 0, 1, 2)))]
    if r.random() < 0.2:
        column = r.choice(own)
        table.clauses.append(Clause(f"CONSTRAINT `ch {number}` CHECK ({quoted(column.name)} IS NULL OR LENGTH({quoted(column.name)}) >= 0)", (column.name,)))
    if earlier and key != "none" and r.random() < 0.25:
        table.clauses.append(Clause(f"CONSTRAINT `fk {number}` FOREIGN KEY (id) REFERENCES {quoted(r.choice(earlier))} (id)"
                                    + r.choice(("", " ON DELETE CASCADE")), ("id",)))
    elif key in ("id", "counter") and r.random() < 0.2:
        table.options.append(Clause(r.choice(("PARTITION BY HASH (id) PARTITIONS 3", "PARTITION BY KEY () PARTITIONS 2", "PARTITION BY RANGE (id) "
                                              "(PARTITION p0 VALUES LESS THAN (3), PARTITION p1 VALUES LESS THAN MAXVALUE)")), ("id",)))
    options = ["ROW_FORMAT = COMPRESSED", "ROW_FORMAT = REDUNDANT", "COMMENT = 'it''s ü'", "STATS_PERSISTENT = 0", f"DEFAULT {_charset(r)}"]
    table.options[:0] = [Clause(o) for o in r.sample(options, r.choice((0, 0, 1, 2)))]
    for n in range(r.choice((0, 1, 5, 20))):
        row = {name: r.choice(of) for name, of in values.items() if r.random() < 0.95}
        if key == "id":
            row["id"] = str(n + 1)
        table.rows.append(row)
    if r.random() < 0.15:
        table.options.insert(0, Clause("WITH SYSTEM VERSIONING"))
        column = r.choice(own)
        change = r.choice((f"UPDATE {quoted(table.name)} SET {quoted(column.name)} = {values[column.name][0]}", f"DELETE FROM {quoted(table.name)} LIMIT 2"))
        table.changes.append(Clause(change, (column.name,)))
    return table


def generate(seed, tables=12):
    """The same for the same seed."""
    r = random.Random(seed)
    schema = Schema()
    for n in range(tables):
        schema.tables.append(_table(r, n, [t.name for t in schema.tables if any(c.name == "id" for c in t.columns)]))
    for n in range(tables // 4):
        of = r.choice(schema.tables)
        schema.programs.append(Clause(f"CREATE VIEW {quoted(_name(r, f'v{n}'))} AS SELECT *, '{r.choice(TEXTS)}' AS x FROM {quoted(of.name)}", (of.name,)))
        of = r.choice(schema.tables)
        schema.programs.append(Clause(f"CREATE TRIGGER {quoted(_name(r, f'r{n}'))} BEFORE {r.choice(('INSERT', 'UPDATE'))} ON {quoted(of.name)} FOR EACH ROW "
                                      f"SET @x = '{r.choice(TEXTS)}'", (of.name,)))
    return schema


# --- smaller

def _lists(schema):
    """Every list that something can be taken from, the largest things first."""
    yield schema.tables
    yield schema.programs
    for table in schema.tables:
        yield table.changes
        yield table.options
        yield table.clauses
        yield table.columns
        yield table.rows
        for column in table.columns:
            yield column.extras


def shrink(schema, fails):
    """The smallest schema found that still fails: without any one thing of it `fails` is false."""
    again = True
    while again:
        again = False
        which = 0
        while which < len(lists := list(_lists(schema))):
            step = len(lists[which])
            while step > 0:
                at = 0
                while at < len(list(_lists(schema))[which]):
                    smaller = copy.deepcopy(schema)
                    del list(_lists(smaller))[which][at:at + step]
                    if fails(smaller):
                        schema, again = smaller, True
                    else:
                        at += step
                step //= 2
            which += 1
    return schema
