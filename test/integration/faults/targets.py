"""A target that is not as the source was: its settings, its room, its accounts."""

import contextlib
import os
import shutil

from gbtest import process
from gbtest.plain import Plain
from gbtest.proxy import Through
from photo import Photo, differences, told

from lane import Failed

# Each by itself does something to texts, quotation, dates or definitions; the last is most of them at once.
SQL_MODES = ("ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "ORACLE,PIPES_AS_CONCAT,EMPTY_STRING_IS_NULL", "TRADITIONAL,NO_ZERO_DATE,NO_ZERO_IN_DATE",
             "ANSI,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,PAD_CHAR_TO_FULL_LENGTH,NO_KEY_OPTIONS,NO_TABLE_OPTIONS,"
             "NO_FIELD_OPTIONS,HIGH_NOT_PRECEDENCE,NO_UNSIGNED_SUBTRACTION,ONLY_FULL_GROUP_BY,TIME_ROUND_FRACTIONAL,NO_AUTO_CREATE_USER")

# What InnoDB takes without its strict mode alone, with a warning.
LOOSE = ("CREATE TABLE wide (id INT PRIMARY KEY, " + ", ".join(f"c{i} CHAR(250)" for i in range(40)) + ") CHARSET=latin1",
         "CREATE TABLE long_texts (id INT PRIMARY KEY, " + ", ".join(f"c{i} TEXT" for i in range(20)) + ", KEY (c0(9))) ROW_FORMAT=COMPACT",
         "CREATE TABLE fixed (id INT PRIMARY KEY) ROW_FORMAT=FIXED", "CREATE TABLE blocks (id INT PRIMARY KEY) KEY_BLOCK_SIZE=7",
         "CREATE TABLE ignored (id INT PRIMARY KEY, other INT, KEY (other), FOREIGN KEY (other) REFERENCES blocks (id)) "
         "ROW_FORMAT=DYNAMIC KEY_BLOCK_SIZE=8")


class Targets:
    """One server is source and target in turn, with other settings; others are started where they have to be made so."""

    def __init__(self, lane, server):
        self.lane = lane
        self.server = server
        self.node = server.nodes[0]

    def run(self):
        for fault in (self.test_small_packets, self.test_sql_modes, self.test_strict_innodb, self.test_small_pages, self.test_unknown_time_zone, self.test_absent_definer,
                      self.test_accounts_that_exist, self.test_replica, self.test_full_disk):
            fault()
            self.lane.step(f"{fault.__name__.removeprefix('test_').replace('_', ' ')}: {(fault.__doc__ or '').splitlines()[0]}")

    # A schema of its own: made, backed up, and looked at.

    def made(self, schema, *statements):
        self.server.sql("; ".join((f"CREATE OR REPLACE DATABASE {schema}", f"USE {schema}", *statements)))
        self.lane.insist(schema, "backup", "--name", schema.replace("_", "-"), "--databases", schema, "--content", "Data", cluster=self.server)
        return Photo(self.node, [schema], accounts=False).things

    def restore(self, schema, cluster, *options):
        return self.lane.command("restore", "--backup", schema.replace("_", "-"), "--existing", "Replace", "--no-safety-backup", *options,
                                 cluster=cluster)

    def comes_back(self, schema, before, cluster, *options):
        ended = self.restore(schema, cluster, *options)
        if ended.code != 0:
            raise Failed(f"{schema}: exit code {ended.code}: {ended.said}")
        different = differences(before, Photo(cluster.nodes[0], [schema], accounts=False).things)
        if different:
            raise Failed(f"{schema}: {len(different)} things differ\n{told(different)}")
        self.lane.left_alone(schema, cluster.nodes[0])
        return ended

    def fails(self, schema, cluster, *patterns):
        ended = self.restore(schema, cluster)
        if ended.code != 1:
            raise Failed(f"{schema}: exit code {ended.code}: {ended.said}")
        self.lane.says(schema, ended.error, *patterns)
        self.lane.left_alone(schema, cluster.nodes[0])

    @contextlib.contextmanager
    def setting(self, name, value):
        before = self.server.sql(f"SELECT @@GLOBAL.{name}")[0][0]
        self.server.sql(f"SET GLOBAL {name} = {value}")
        try:
            yield
        finally:
            self.server.sql(f"SET GLOBAL {name} = '{before}'" if not before.isdigit() else f"SET GLOBAL {name} = {before}")

    # The faults.

    def test_small_packets(self):
        """the setting and the table are named; it dumps and restores what does fit"""
        before = self.made("flt_cell", "CREATE TABLE small (id INT PRIMARY KEY, b TEXT)", "INSERT INTO small VALUES (1, 'x')",
                           "CREATE TABLE large (id INT PRIMARY KEY, b LONGBLOB)", "INSERT INTO large VALUES (1, REPEAT('x', 3 * 1024 * 1024))")
        with self.setting("max_allowed_packet", 1024 * 1024):
            self.fails("flt_cell", self.server, "a row of `flt_cell`.`large` .* does not fit into the target's max_allowed_packet .1024Ki.",
                       "raise max_allowed_packet of the target", "run the restore again with existing: Replace")
            self.lane.restored("small packets", "original", self.server)
            self.lane.insist("small packets", "backup", "--name", "by-small-packets", cluster=self.server)
        self.comes_back("flt_cell", before, self.server)

    def test_sql_modes(self):
        """everything comes back and is dumped the same, whatever the global one"""
        backup = "original"
        for number, mode in enumerate(SQL_MODES):
            with self.setting("sql_mode", f"'{mode}'"):
                self.lane.restored(f"sql_mode {mode}", backup, self.server)
                backup = f"sql-mode-{number}"
                self.lane.insist(f"sql_mode {mode}", "backup", "--name", backup, cluster=self.server)
        self.lane.restored(f"dumped with sql_mode {mode}", backup, self.server)

    def test_strict_innodb(self):
        """what is possible without innodb_strict_mode alone comes back with it"""
        before = self.made("flt_loose", "SET innodb_strict_mode = 0", *LOOSE)
        with self.setting("innodb_strict_mode", 1):
            self.comes_back("flt_loose", before, self.server)

    def test_small_pages(self):
        """the table whose rows do not fit is named, and what is not known before"""
        self.made("flt_wide", "CREATE TABLE fits (id INT PRIMARY KEY)",
                  "CREATE TABLE wide (id INT PRIMARY KEY, " + ", ".join(f"c{i} CHAR(100)" for i in range(30)) + ") CHARSET=latin1")
        with self.plain("small-pages", "innodb_page_size=4k") as target:
            looked = self.restore("flt_wide", target, "--dry-run")
            self.lane.says("small pages", looked.said, '"check": "PageSize"', "the target has innodb_page_size 4096, the source 16384")
            self.fails("flt_wide", target, "`flt_wide`.`wide` failed: creating the table gave the warning 139: Row size too large",
                       "make the target's settings like those")
            self.lane.restored("small pages", "original", target)

    def test_unknown_time_zone(self):
        """the zone and the event are named before anything is touched"""
        berlin = process.run(["mariadb-tzinfo-to-sql", "/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"]).stdout
        self.server.sql(berlin, database="mysql")
        before = self.made("flt_zone", "CREATE TABLE t (id INT PRIMARY KEY)", "SET time_zone = 'Europe/Berlin'",
                           "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2026-07-01 12:00:00' DO DELETE FROM t")
        with self.plain("no-zones") as target:
            self.fails("flt_zone", target, "nothing was changed: .*TimeZones: the target does not know time zones that events of the backup were made in: "
                       "Europe/Berlin .event `flt_zone`.`e`", "mariadb-tzinfo-to-sql")
            if "flt_zone" in target.schemas():
                raise Failed("a time zone is not known, and something was changed")
            target.sql(berlin, database="mysql")
            self.comes_back("flt_zone", before, target)

    def test_absent_definer(self):
        """it is named before anything is touched"""
        self.server.sql("CREATE USER departed")
        before = self.made("flt_definer", "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE DEFINER=departed@'%' VIEW v AS SELECT 1 AS a")
        self.server.sql("DROP USER departed; CREATE TABLE flt_definer.later (id INT PRIMARY KEY)")
        self.fails("flt_definer", self.server, "nothing was changed: .*Definers: .*departed@% .view flt_definer.v", "create them on the target")
        self.server.sql("DO (SELECT COUNT(*) FROM flt_definer.later); CREATE USER departed")
        self.comes_back("flt_definer", before, self.server)
        self.server.sql("DROP USER departed")

    def test_accounts_that_exist(self):
        """they keep their password and what they may, get what the backup gives them, and it is said"""
        self.server.sql("CREATE OR REPLACE DATABASE flt_grants; CREATE TABLE flt_grants.t (id INT PRIMARY KEY); "
                        "CREATE OR REPLACE USER app IDENTIFIED BY 'of the backup'; GRANT SELECT ON flt_grants.* TO app")
        self.lane.insist("accounts", "backup", "--name", "flt-grants", "--databases", "flt_grants", cluster=self.server)
        self.server.sql("ALTER USER app IDENTIFIED BY 'of the target'; REVOKE SELECT ON flt_grants.* FROM app; GRANT DELETE ON flt_app.* TO app")
        ended = self.restore("flt_grants", self.server, "--grants")
        self.lane.says("accounts", ended.said, '"phase": "Completed"')
        self.lane.says("accounts", self.lane.local.job_log(ended.object), "accounts that exist keep their passwords and get the backup's grants added: `app`@`%`")
        grants = " ".join(row[0] for row in self.server.sql("SHOW GRANTS FOR app"))
        self.lane.says("accounts", grants, r"GRANT SELECT ON `flt_grants`\.\* TO `app`@`%`", r"GRANT DELETE ON `flt_app`\.\* TO `app`@`%`")
        for password, code in (("of the target", 0), ("of the backup", 1)):
            done = process.run(["mariadb", "--no-defaults", f"--socket={self.node.socket}", "--user=app", "--execute=SELECT 1"], check=False,
                               env={"MYSQL_PWD": password})
            if done.returncode != code:
                raise Failed(f"accounts: with the password {password!r} the client ended with {done.returncode}: {done.stderr}")
        self.server.sql("DROP USER app")

    def test_replica(self):
        """a source whose binary log lacks what its primary tells it is held for the moment that the snapshot takes"""
        with self.plain("replica", "log_bin", "server_id=9", "log_slave_updates=OFF") as source:
            source.sql("CREATE DATABASE flt_replica; CREATE TABLE flt_replica.t (id INT PRIMARY KEY)")
            for method, statement in (("Optimistic", "DO 1"), ("BackupStage", "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_USER='nobody'")):
                source.sql(statement)
                ended = self.lane.insist("replica", "backup", "--name", self.lane.new_name(), "--databases", "flt_replica", "--content", "Data", cluster=source)
                self.lane.says("replica", self.lane.local.job_log(ended.object), rf"snapshot opened on \d+ connections .{method}")

    def test_full_disk(self):
        """the cause is named, the server still answers, and with more room everything comes back"""
        before = self.made("flt_room", "CREATE TABLE t (id INT PRIMARY KEY, v TEXT)", "INSERT INTO t SELECT seq, REPEAT(seq, 1500) FROM seq_1_to_6000")
        small = self.lane.folder / "small"
        small.mkdir()
        if process.run(["mount", "-t", "tmpfs", "-o", "size=160M,mode=0700", "tmpfs", small], check=False).returncode != 0:
            return self.lane.step("NOT SHOWN: mounting is not allowed here")
        try:
            with self.plain("small/server") as target:
                ballast = small / "ballast"
                free = shutil.disk_usage(small).free
                with open(ballast, "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, free - (12 << 20))
                self.fails("flt_room", target, r"the disk of node \S+ is full", "free space on the database's volume", "`flt_room`.`t`",
                           "run the restore again with existing: Replace")
                ballast.unlink()
                self.comes_back("flt_room", before, target)
        finally:
            process.run(["umount", small])

    @contextlib.contextmanager
    def plain(self, name, *options):
        target = Plain(self.lane.folder / name, options)
        try:
            yield target.start()
        finally:
            target.stop()
