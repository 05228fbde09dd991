"""A comparison that cannot fail proves nothing: one difference of each kind, made on purpose, each of which must be seen."""

from photo import ACCOUNTS, Photo, differences, told

# (what is seen to differ, the statements that make it): the least change that there can be, of everything that is compared.
PLANTS = (
    # Rows
    (("rows", "fid_numbers", "floats"), "UPDATE fid_numbers.floats SET d = 1e-323 WHERE id = 5"),  # one bit
    (("rows", "fid_numbers", "decimals"), "UPDATE fid_numbers.decimals SET d65 = d65 + 0.000000000000000000000000000001 WHERE id = 5"),
    (("rows", "fid_numbers", "bits"), "UPDATE fid_numbers.bits SET b64 = b64 - 1 WHERE id = 2"),
    (("rows", "fid_numbers", "ints"), "UPDATE fid_numbers.ints SET bu = bu - 1 WHERE id = 7"),
    (("rows", "fid_times", "times"), "UPDATE fid_times.times SET t6 = '-838:59:59.999998' WHERE id = 2"),
    (("rows", "fid_times", "stamps"), "UPDATE fid_times.stamps SET changed = changed + INTERVAL 1 MICROSECOND, dt = dt WHERE id = 1"),
    (("rows", "fid_texts", "escapes"), "UPDATE fid_texts.escapes SET v = 'a ' WHERE id = 4"),  # a trailing space less
    (("rows", "fid_texts", "c_ucs2"), "UPDATE fid_texts.c_ucs2 SET v = NULL WHERE id = 2"),  # no longer empty
    (("rows", "fid_charsets", "dec8"), "UPDATE fid_charsets.dec8 SET t = INSERT(t, 200, 1, _dec8 X'C4') WHERE id = 1"),
    (("rows", "fid_texts", "padded"), "UPDATE fid_texts.padded SET b = X'6120' WHERE v = ''"),
    (("rows", "fid_bytes", "blobs"), "UPDATE fid_bytes.blobs SET lb = INSERT(lb, 700001, 1, X'00') WHERE id = 5"),
    (("rows", "fid_bytes", "enums"), "UPDATE fid_bytes.enums SET e = '' WHERE id = 2"),  # the empty member for the empty error
    (("rows", "fid_bytes", "documents"), "UPDATE fid_bytes.documents SET j = REPLACE(j, '  ', ' ') WHERE id = 1"),
    (("rows", "fid_bytes", "shapes"), "UPDATE fid_bytes.shapes SET p = POINT(0, 5e-324) WHERE id = 1"),
    (("rows", "fid_bytes", "addresses"), "UPDATE fid_bytes.addresses SET i6 = '::1' WHERE id = 1"),
    (("rows", "fid_columns", "invisible"), "UPDATE fid_columns.invisible SET unseen = 8 WHERE id = 1"),
    (("rows", "fid_columns", "only_made"), "DELETE FROM fid_columns.only_made LIMIT 1"),
    (("rows", "fid_keys", "no_key"), "DELETE FROM fid_keys.no_key WHERE a = 1 LIMIT 1"),  # one of three equal ones
    (("rows", "fid_keys", "nullable_unique"), "INSERT INTO fid_keys.nullable_unique VALUES (NULL, NULL)"),
    (("rows", "fid_history", "hidden"), "SET system_versioning_insert_history = 1; INSERT INTO fid_history.hidden (id, x, row_start, row_end) "
     "VALUES (3, 'c', '2001-01-01', '2001-01-01 00:00:00.000001')"),
    (("rows", "fid_engines", "memory"), "DELETE FROM fid_engines.memory WHERE id = 3"),
    (("rows", "fid_generated", "wide"), "UPDATE fid_generated.wide SET c998 = 0.01 WHERE id = 3"),
    (("rows", "fid_generated", "large"), "UPDATE fid_generated.large SET t = CONCAT(LEFT(t, CHAR_LENGTH(t) - 1), 'x') WHERE id = 3"),
    (("rows of partition", "fid_partitions", "by_list", "pd", ""), "UPDATE fid_partitions.by_list SET a = 2 WHERE a = 99"),
    # Definitions
    (("schema", "fid_no_tables"), "ALTER DATABASE fid_no_tables COLLATE koi8r_bin"),
    (("default", "fid_columns", "hidden_defaults", "smile"), "ALTER TABLE fid_columns.hidden_defaults ALTER smile SET DEFAULT 'a??'"),
    (("default", "fid_columns", "defaults", "l"), "ALTER TABLE fid_columns.defaults ALTER l SET DEFAULT X'C3A9'"),
    (("column", "fid_columns", "comments", "b"), "ALTER TABLE fid_columns.comments MODIFY b int COMMENT 'other'"),
    (("check", "fid_columns", "checked", "both of them"), "SET check_constraint_checks = 0; ALTER TABLE fid_columns.checked DROP CONSTRAINT `both of them`"),
    (("key", "fid_keys", "descending", "c", "1"), "ALTER TABLE fid_keys.descending DROP KEY c, ADD KEY c (c)"),
    (("key", "fid_keys", "ignored", "a", "1"), "ALTER TABLE fid_keys.ignored ALTER INDEX a NOT IGNORED"),
    (("foreign key", "fid_foreign_a", "circle1", "to 2"), "SET foreign_key_checks = 0; ALTER TABLE fid_foreign_a.circle1 DROP FOREIGN KEY `to 2`; "
     "ALTER TABLE fid_foreign_a.circle1 ADD CONSTRAINT `to 2` FOREIGN KEY (n) REFERENCES fid_foreign_a.circle2 (id) ON UPDATE CASCADE"),
    (("partition", "fid_partitions", "by_range", "p0", ""), "ALTER TABLE fid_partitions.by_range REORGANIZE PARTITION p0 INTO "
     "(PARTITION p0 VALUES LESS THAN (to_days('2020-01-01')))"),  # its comment is gone
    (("table facts", "fid_numbers", "ahead_counter"), "ALTER TABLE fid_numbers.ahead_counter AUTO_INCREMENT = 1000001"),
    (("create", "fid_options", "dynamic"), "ALTER TABLE fid_options.dynamic STATS_SAMPLE_PAGES = 9"),
    (("state", "fid_sequences", "cy`cled"), "SELECT NEXTVAL(fid_sequences.`cy``cled`)"),
    (("shape", "fid_bytes", "shapes", "p"), "ALTER TABLE fid_bytes.shapes MODIFY p point REF_SYSTEM_ID = 1"),
    # Programs
    (("view facts", "fid_programs", "m_temp"), "ALTER ALGORITHM = TEMPTABLE SQL SECURITY DEFINER VIEW fid_programs.m_temp AS "
     "SELECT COUNT(*) AS n, MAX(t) AS `größte` FROM fid_programs.t"),
    (("view rows", "fid_views", "uni"), "ALTER VIEW fid_views.uni AS SELECT 2 AS a"),
    (("trigger facts", "fid_programs", "z_second"), "DROP TRIGGER fid_programs.z_second; CREATE TRIGGER fid_programs.z_second BEFORE INSERT ON "
     "fid_programs.t FOR EACH ROW SET NEW.x = NEW.x + 1, @trigger = 'ü'"),  # last now
    (("trigger facts", "fid_programs", "t_third"), "DO 0"),  # and this one before it
    (("routine facts", "fid_programs", "PROCEDURE", "p_empty"), "ALTER PROCEDURE fid_programs.p_empty SQL SECURITY INVOKER"),
    (("parameter", "fid_programs", "FUNCTION", "f_sum", "1"), "DROP FUNCTION fid_programs.f_sum"),
    (("event facts", "fid_programs", "e_zone"), "SET time_zone = '+05:31'; ALTER EVENT fid_programs.e_zone ON SCHEDULE AT '2037-01-01 00:01:00'"),
    # Accounts
    (("account", "`acc_plain`@`%`"), "ALTER USER acc_plain@'%' ACCOUNT LOCK"),
    (("account facts", "`acc_limited`@`%`"), "ALTER USER acc_limited@'%' WITH MAX_STATEMENT_TIME 5.6"),
    (("grants", "`acc_tls`@`%`"), "SET DEFAULT ROLE NONE FOR acc_tls@'%'"),
    (("grants", "`acc_any_cert`@`%`"), "REVOKE INSERT (a) ON fid_grants.t FROM acc_any_cert@'%'"),
    (("grants", "PUBLIC"), "REVOKE SELECT ON fid_grants.t FROM PUBLIC"),
    (("roles",), "DROP ROLE `acc role's \"name`"),
    (("server", "fid_plain"), "ALTER SERVER fid_plain OPTIONS (PASSWORD 'q')"),
)


class Unseen(Exception):
    pass


def check(before, cluster, schemas):
    """Plants all of them, and looks once."""
    for _, statements in PLANTS:
        cluster.sql(statements)
    found = differences(before, Photo(cluster.nodes[0], schemas).things)
    unseen = [f"{' '.join(key)}: {statements}" for key, statements in PLANTS if key not in found]
    if unseen:
        raise Unseen("planted differences were not found:\n  " + "\n  ".join(unseen))
    # What was not touched is not seen to differ.
    touched = {key[1:3] for key, _ in PLANTS}
    surprising = {k: how for k, how in found.items() if k[1:3] not in touched and k[0] not in ACCOUNTS}
    if surprising:
        raise Unseen("what was left alone differs, too:\n" + told(surprising))
