"""The corpus: the SQL files beside this one, and what would be silly to write out."""

import pathlib

from gbtest.session import Session

FILES = pathlib.Path(__file__).resolve().parent / "corpus"
# Others first: accounts.sql grants on what they made.
LAST = "accounts"
# What another node has committed is here, too.
CAUGHT_UP = "SET wsrep_sync_wait = 15; DO (SELECT COUNT(*) FROM mysql.db); SHOW DATABASES LIKE 'nothing';\n"


# Of Debian's mariadb-server, for the accounts of accounts.sql; each node has plugins of its own.
PLUGINS = {"ed25519": "auth_ed25519", "pam": "auth_pam"}


def install_plugins(cluster):
    for node in cluster.nodes:
        node.sql("; ".join(f"INSTALL PLUGIN IF NOT EXISTS {name} SONAME '{library}'" for name, library in PLUGINS.items()))


def themes():
    names = sorted(p.name.split(".")[0] for p in FILES.glob("*.sql"))
    return [n for n in dict.fromkeys(names) if n != LAST] + [LAST]


def wide():
    """1,000 columns, of all kinds in turn; InnoDB has room for 1,017."""
    kinds = ("int", "varchar(3)", "tinyint unsigned", "date", "char(1) CHARACTER SET latin1", "bit(3)", "decimal(5,2)", "enum('a','é')")
    values = ("{n}", "'é{d}'", "{d}", "'20{d}{d}-01-0{e}'", "'ü'", "{d} % 8", "-{d}.5", "'é'")
    columns = ", ".join(f"c{n} {kinds[n % len(kinds)]}" for n in range(999))
    row = ", ".join(values[n % len(values)].format(n=n, d=n % 10, e=n % 9 + 1) for n in range(999))
    return ("CREATE DATABASE fid_generated CHARACTER SET utf8mb4; USE fid_generated; SET NAMES utf8mb4, sql_mode = '';\n"
            f"CREATE TABLE wide (id int PRIMARY KEY, {columns});\n"
            f"INSERT INTO wide VALUES (1, {row}), (2, {', '.join(['NULL'] * 999)});\n"
            "INSERT INTO wide (id) VALUES (3);\n")


def many_rows():
    """Enough for a table to be cut into chunks, loaded at once and given its keys afterwards; a key in each of four directions."""
    rows = "REPEAT(MD5(seq), 10), seq % 97, IF(seq % 5 = 0, NULL, CONCAT('é', seq))"
    return ("USE fid_generated;\n"
            "CREATE TABLE many (id int PRIMARY KEY AUTO_INCREMENT, t text, n int, u varchar(20), UNIQUE KEY u (u), KEY n (n DESC, id), "
            "FULLTEXT KEY t (t), KEY p (t(7)) COMMENT 'it''s');\n"
            f"INSERT INTO many SELECT seq * 3, {rows} FROM seq_1_to_6000;\n"
            "CREATE TABLE many_no_key (t text, n int, u varchar(20) CHARACTER SET ucs2, KEY n (n));\n"
            f"INSERT INTO many_no_key SELECT {rows} FROM seq_1_to_4000; INSERT INTO many_no_key SELECT * FROM many_no_key WHERE n = 5;\n"
            "CREATE TABLE fid_history.many_past (id int PRIMARY KEY, t text) WITH SYSTEM VERSIONING;\n"
            "INSERT INTO fid_history.many_past SELECT seq, REPEAT(SHA1(seq), 10) FROM seq_1_to_4000;\n"
            "UPDATE fid_history.many_past SET t = CONCAT('new ', t) WHERE id % 3 = 0; DELETE FROM fid_history.many_past WHERE id % 7 = 0;\n")


# Of each character set in several bytes: text that only it can hold, or that has a backslash or a quote among its bytes.
SAMPLES = {"big5": "許功蓋", "ujis": "あ日本語", "sjis": "ソ表能", "euckr": "한국어", "gb2312": "啊阿埃", "gbk": "誠啊", "utf8mb3": "é語\uffff", "ucs2": "é語",
           "utf8mb4": "é語😀", "utf16": "é語😀", "utf16le": "é語😀", "utf32": "é語😀", "cp932": "ソ①㈱", "eucjpms": "あ①㈱"}


def letters_of(node):
    """(character set, some of its letters) for each that the server has; those of one byte with all its printable bytes, too."""
    sets = [(name, int(width)) for name, width in node.sql("SELECT CHARACTER_SET_NAME, MAXLEN FROM information_schema.CHARACTER_SETS ORDER BY 1")]
    printable = [f"{b:02X}" for b in range(0x21, 0x100)]
    bytes_of = {name: printable[:0x5E] if name == "ascii" else printable for name, width in sets if width == 1}
    # What a byte is to people; none where it is no character of the set.
    asked = "; ".join("SELECT " + ", ".join(f"IF(HEX(CONVERT(CONVERT(_{name} X'{b}' USING utf8mb4) USING {name})) = '{b}', "
                                            f"HEX(CONVERT(_{name} X'{b}' USING utf8mb4)), '')" for b in its)
                      for name, its in bytes_of.items() if name != "binary")
    printed = iter(node.sql(asked))
    for name, width in sets:
        if name == "binary":
            letters = ["a", "é"]
        elif width == 1:
            # The last ones are letters of its language, or of ASCII where there is nothing else.
            letters = [c for c in (bytes.fromhex(b).decode() for b in next(printed) if b) if c.isalpha()][-3:]
        else:
            letters = list(SAMPLES["utf8mb3" if name == "utf8" else name])
        yield name, letters, "".join(bytes_of.get(name, ()))


def character_sets(node):
    """A table for each that the server has: every byte of those of one byte, else a sample, in a column of every kind."""
    script = "CREATE DATABASE fid_charsets CHARACTER SET utf8mb4; USE fid_charsets; SET NAMES utf8mb4, sql_mode = '';\n"
    for name, letters, every_byte in letters_of(node):
        text = "".join(letters)
        every = f"_{name} X'{every_byte}'" if every_byte else f"'{text}'"
        members = ",".join(f"'{c}'" for c in letters)
        binary = name if name == "binary" else f"{name}_bin"
        script += (f"CREATE TABLE `{name}` (id int PRIMARY KEY, c char(10), v varchar(300) DEFAULT '{text}', t text, m mediumtext, "
                   f"e enum({members}) COLLATE `{binary}`, s set({members}) COLLATE `{binary}`) CHARACTER SET {name};\n"
                   f"INSERT INTO `{name}` VALUES (1, '{text}', {every}, {every}, REPEAT('{text}', 900), '{letters[-1]}', '{','.join(letters)}'), "
                   f"(2, '', '', '', '', '', ''), (3, NULL, NULL, NULL, NULL, NULL, NULL);\nINSERT INTO `{name}` (id, e) VALUES (4, '{letters[0]}');\n")
    return script


# No client speaks them.
NO_CLIENT = ("ucs2", "utf16", "utf16le", "utf32", "binary")
# What is made by a client of each character set: its letters in names, literals, and comments, which the server keeps in UTF-8.
MADE_BY_CLIENTS = (
    "CREATE TABLE `t{0}` (`{0}` varchar(20) CHARACTER SET {1} DEFAULT '{0}', e enum('{2}')) COMMENT '{0}'",
    "CREATE VIEW `v{0}` AS SELECT '{0}' AS `{0}`, `{0}` AS c FROM `t{0}`",
    "CREATE PROCEDURE `p{0}`(IN `{2}` varchar(10) CHARACTER SET {1}) COMMENT '{0} it''s \\\\ \\n' SELECT '{0}', `{2}` AS `{0}`",
    "CREATE FUNCTION `f{0}`(`{2}` enum('{2}')) RETURNS enum('{2}') CHARACTER SET {1} DETERMINISTIC COMMENT '{0}' RETURN '{0}'",
    "CREATE TRIGGER `tr{0}` BEFORE INSERT ON `t{0}` FOR EACH ROW SET NEW.`{0}` = '{0}'",
    "CREATE EVENT `e{0}` ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01' DISABLE COMMENT '{0} it''s \\\\' DO SET @a = '{0}'",
)


def clients(node):
    """Programs and tables whose text came in each character set that a client may speak."""
    with Session(node) as session:
        session.ask("CREATE DATABASE fid_clients CHARACTER SET utf8mb4")
        session.ask("USE fid_clients")
        for number, (name, letters, _) in enumerate(letters_of(node)):
            if name in NO_CLIENT:
                continue
            text = "".join(c for c in letters if c <= "\uffff")
            hexadecimal = session.ask(f"SELECT HEX(CONVERT('{text}' USING {name})), HEX(CONVERT('{text[0]}' USING {name}))")[0]
            spoken, first = (bytes.fromhex(h).decode("latin1") for h in hexadecimal)
            session.ask(f"SET NAMES {name}")
            for statement in MADE_BY_CLIENTS:
                session.ask(statement.format(f"{number}{spoken}", name, first).encode("latin1"))
            session.ask("SET NAMES utf8mb4")
        # A backslash is one there, and a comment is kept as it was said.
        for number, (mode, name) in enumerate((("NO_BACKSLASH_ESCAPES", "utf8mb4"), ("NO_BACKSLASH_ESCAPES", "latin1"), ("ANSI_QUOTES", "latin1"))):
            session.ask(f"SET NAMES {name}, sql_mode = '{mode}'")
            for statement in MADE_BY_CLIENTS:
                session.ask(statement.format(f"mode {number} ü" + ("\\" if number < 2 else ""), name, "ü").encode("utf-8" if name == "utf8mb4" else name))
        session.ask("SET NAMES latin1, sql_mode = 'ORACLE'")
        session.ask("CREATE PACKAGE `pk ü` COMMENT 'ü it''s \\\\' AS FUNCTION f RETURN enum('ü'); END".encode("latin1"))
        session.ask("CREATE PACKAGE BODY `pk ü` COMMENT 'ü' AS FUNCTION f RETURN enum('ü') AS BEGIN RETURN 'ü'; END; END".encode("latin1"))
        session.ask("CREATE FUNCTION `f oracle ü` RETURN enum('ü') DETERMINISTIC COMMENT 'ü' AS BEGIN RETURN 'ü'; END".encode("latin1"))


# With what stands beside it in its packet, the largest that fits into the servers' max_allowed_packet of 64 MiB.
LARGEST = 64 * 1024 * 1024 - 1024


def large():
    """The largest cell that the servers take, beside smaller ones."""
    return ("USE fid_generated; CREATE TABLE large (id int PRIMARY KEY, b longblob, t longtext CHARACTER SET utf8mb4);\n"
            "INSERT INTO large VALUES (1, X'00', 'small');\n"
            "INSERT INTO large VALUES (2, REPEAT(X'00FF27', 16 * 1024 * 1024 / 3), NULL);\n"
            f"INSERT INTO large VALUES (3, NULL, REPEAT('é語', {LARGEST // 5}));\n"
            "INSERT INTO large VALUES (4, REPEAT(X'27', 100000), REPEAT('\\\\', 70000));\n")


def load(cluster):
    """Makes all of it."""
    for theme in themes():
        for path in (FILES / f"{theme}.sql", FILES / f"{theme}.rows.sql"):
            if not path.exists():
                continue
            # Rows of engines that Galera does not replicate are written on each node.
            nodes = cluster.nodes if path.name.endswith(".rows.sql") else cluster.nodes[:1]
            for node in nodes:
                node.sql(CAUGHT_UP + path.read_text())
    for script in (wide(), many_rows(), large(), character_sets(cluster.nodes[0])):
        cluster.sql(script)
    clients(cluster.nodes[0])
    for node in cluster.nodes:
        node.sql(CAUGHT_UP)
