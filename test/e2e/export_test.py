"""`kubectl galera local export`: a backup as plain SQL, loaded by the stock client, is the same database again."""

import os
import shutil

from gbtest import place, process, proof
from gbtest.apiserver import program
from support import Case

ODD = r"""
CREATE DATABASE odd CHARACTER SET latin1 COLLATE latin1_german2_ci COMMENT 'it''s; odd';
USE odd;
CREATE SEQUENCE numbers START WITH 5 INCREMENT BY -2 MINVALUE -100 MAXVALUE 50 CYCLE NOCACHE;
SELECT NEXTVAL(numbers), NEXTVAL(numbers);
CREATE TABLE `all;kinds` (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, l VARCHAR(50) DEFAULT 'Maß', u TEXT CHARACTER SET utf8mb4, w VARCHAR(20) CHARACTER SET ucs2,
  b BLOB, f FLOAT, d DOUBLE, m DECIMAL(40,20), big BIGINT UNSIGNED, bits BIT(13), e ENUM('a','','ç'), s SET('x','y','z'),
  day DATE, at DATETIME(6), ts TIMESTAMP(3) NULL, t TIME(6), g POINT, ip INET6, id2 UUID,
  twice INT AS (id * 2) VIRTUAL, hidden INT INVISIBLE DEFAULT 7) AUTO_INCREMENT = 1000;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';
INSERT INTO `all;kinds` (id, l, u, w, b, f, d, m, big, bits, e, s, day, at, ts, t, g, ip, id2, hidden) VALUES
  (0, 'Grüße', 'snow ☃ 😀', 'Ω', X'000A0D1A5C27225F25FF', 0.1, -0.1, -12345678901234567890.12345678901234567890,
   18446744073709551615, b'1000000000001', '', 'x,z', '2024-02-31', '1000-01-01 00:00:00.000001', '2038-01-19 03:14:07.999',
   '-838:59:59.999999', POINT(1.5, -2), '::1', 'deadbeef-0000-4000-8000-000000000001', NULL),
  (-2147483648, '', '', NULL, '', 3.4028234e38, 2.2250738585072014e-308, 0, 0, b'0', 'ç', '', '0000-00-00', '0000-00-00 00:00:00',
   NULL, '00:00:00', NULL, NULL, NULL, 8),
  (5, 'ends with \\', 'a''b"c`d', 'x', 'plain', 1e-45, 1.7976931348623157e308, 1, 9, b'1', NULL, 'y', NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, 9);
CREATE TABLE no_key (a INT, b TEXT);
INSERT INTO no_key VALUES (1, 'twice'), (1, 'twice'), (NULL, NULL);
CREATE TABLE past (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING;
INSERT INTO past VALUES (1, 1), (2, 2);
UPDATE past SET v = 10 WHERE id = 1;
DELETE FROM past WHERE id = 2;
CREATE TABLE z_parent (id INT PRIMARY KEY);
CREATE TABLE child (id INT PRIMARY KEY, up INT, other INT, FOREIGN KEY (up) REFERENCES child (id),
  CONSTRAINT far FOREIGN KEY (other) REFERENCES z_parent (id));
"""

PROGRAMS = r"""
USE odd;
SET NAMES utf8mb4;
DELIMITER ##
CREATE TABLE audit (id INT AUTO_INCREMENT PRIMARY KEY, what TEXT)##
CREATE VIEW z_view AS SELECT id, u FROM `all;kinds`##
CREATE VIEW a_view AS SELECT id FROM z_view##
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'##
CREATE PROCEDURE count_them(OUT n INT) COMMENT 'with ;; and -- in it'
BEGIN
  -- a comment that stays; with a delimiter ;;
  /* and another ⛄ */
  SELECT COUNT(*) INTO n FROM "all;kinds" WHERE l <> '\';
END##
SET sql_mode = DEFAULT##
CREATE FUNCTION thrice(x INT) RETURNS INT DETERMINISTIC RETURN x * 3##
CREATE TRIGGER second BEFORE INSERT ON no_key FOR EACH ROW SET NEW.b = CONCAT(NEW.b, ' seen')##
CREATE TRIGGER first BEFORE INSERT ON no_key FOR EACH ROW PRECEDES second INSERT INTO audit (what) VALUES (NEW.b)##
CREATE EVENT long_ago ON SCHEDULE AT '2037-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE DO DELETE FROM audit##
DELIMITER ;
"""


class Export(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = place.new_folder()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.store = cls.folder / "store"
        galera = cls.bed.galera
        galera.sql(ODD)
        cls.addClassCleanup(galera.sql, "SET foreign_key_checks = 0; DROP DATABASE odd")
        cls.ok(cls.client(galera, PROGRAMS))
        cls.ok(cls.local("backup", "--nodes", ",".join(galera.endpoints), "--password-file", galera.password_file, "--name", "whole"))

    @classmethod
    def local(cls, *arguments):
        argv = [program("kubectl-galera"), "local", arguments[0], "--store", cls.store, *arguments[1:]]
        return process.run([str(a) for a in argv], check=False, timeout=300)

    @classmethod
    def ok(cls, done):
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        return done

    def setUp(self):
        self.bed.second.drop_everything()

    @staticmethod
    def client(galera, sql):
        """The stock client, as the first lines of an export say that it is to be called."""
        argv = ["mariadb", f"--defaults-extra-file={galera.client_config}", f"--socket={galera.node(1).socket}", "--user=root", "--comments",
                "--binary-mode"]
        return process.run(argv, stdin=sql, check=False, timeout=300)

    def load(self, file):
        self.ok(self.client(self.bed.second, file.read_text()))

    def test_loaded_by_the_stock_client_it_is_the_same_database(self):
        file = self.folder / "whole.sql"
        told = self.ok(self.local("export", "--backup", "whole", "--output", file)).stderr
        self.assertRegex(told, r"whole\.sql: \d+ tables, \d+ rows")
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        self.assertRegex(file.read_bytes()[-60:].decode(), r"-- complete: \d+ tables, \d+ rows\n$")
        self.load(file)
        self.assertEqual(proof.fingerprint(self.bed.second), proof.fingerprint(self.bed.galera))
        self.assertEqual(proof.definitions(self.bed.second, ["odd"]), proof.definitions(self.bed.galera, ["odd"]))
        past = "SELECT id, v, row_start, row_end FROM odd.past FOR SYSTEM_TIME ALL ORDER BY id, row_end"
        self.assertEqual(self.bed.second.sql(past), self.bed.galera.sql(past))
        self.assertEqual(len(self.bed.second.sql(past)), 3)
        exact = "SELECT HEX(f), f = 1e-45, HEX(d), d, m, bits+0, e+0, s+0, at, ts, t, ST_AsText(g), ip, id2, hidden, HEX(w), HEX(l) " \
                "FROM odd.`all;kinds` ORDER BY id"
        self.assertEqual(self.bed.second.sql(exact), self.bed.galera.sql(exact))
        for node in (self.bed.galera, self.bed.second):
            self.assertIn("a comment that stays", str(node.sql("SHOW CREATE PROCEDURE odd.count_them")))
        state = "SELECT * FROM odd.numbers"
        self.assertEqual(self.bed.second.sql(state), self.bed.galera.sql(state))

    def test_a_part_of_it_with_grants_to_standard_output(self):
        galera = self.bed.galera
        galera.sql("CREATE USER exported@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON odd.* TO exported@'%'; "
                   "GRANT SELECT ON glance.* TO exported@'%'")
        self.addCleanup(galera.sql, "DROP USER exported@'%'")
        self.ok(self.local("backup", "--nodes", ",".join(galera.endpoints), "--password-file", galera.password_file, "--name", "granted",
                           "--databases", "odd,glance"))
        done = self.ok(self.local("export", "--backup", "granted", "--databases", "glance", "--grants", "--output", "-"))
        file = self.folder / "part.sql"
        file.write_text(done.stdout)
        self.load(file)
        self.addCleanup(self.bed.second.sql, "DROP USER exported@'%'")
        self.assertEqual(self.bed.second.schemas(), ["glance"])
        grants = str(self.bed.second.sql("SHOW GRANTS FOR exported@'%'"))
        self.assertIn("`glance`.*", grants)
        self.assertNotIn("`odd`.*", grants)

    def test_a_foreign_key_that_no_server_makes_again_ends_no_loading(self):
        galera = self.bed.galera
        galera.sql("CREATE DATABASE unfit; USE unfit; CREATE TABLE parent (i INT PRIMARY KEY, k INT, KEY k (k)); "
                   "CREATE TABLE child (i INT PRIMARY KEY, k INT, CONSTRAINT lost FOREIGN KEY (k) REFERENCES parent (k), "
                   "CONSTRAINT kept FOREIGN KEY (i) REFERENCES parent (i)); CREATE VIEW after_it AS SELECT 1 AS a; "
                   "SET foreign_key_checks = 0; ALTER TABLE parent DROP KEY k")
        self.addCleanup(galera.sql, "SET foreign_key_checks = 0; DROP DATABASE unfit")
        self.ok(self.local("backup", "--nodes", ",".join(galera.endpoints), "--password-file", galera.password_file, "--name", "unfit",
                           "--databases", "unfit"))
        file = self.folder / "unfit.sql"
        told = self.ok(self.local("export", "--backup", "unfit", "--output", file)).stderr
        self.assertIn("the foreign key `lost` of `unfit`.`child` refers to columns of `unfit`.`parent` that have no key there", told)
        done = self.ok(self.client(self.bed.second, file.read_text()))
        self.assertIn("a foreign key is left out", done.stdout)
        self.assertEqual(self.bed.second.sql("SELECT CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE "
                                             "CONSTRAINT_SCHEMA = 'unfit'"), [["kept"]])
        self.assertEqual(self.bed.second.sql("SELECT a FROM unfit.after_it"), [["1"]])

    def test_nothing_that_is_there_is_overwritten(self):
        file = self.folder / "taken.sql"
        file.write_text("mine")
        done = self.local("export", "--backup", "whole", "--output", file)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("is there already", done.stderr)
        self.assertIn("name another file with --output", done.stderr)
        self.assertEqual(file.read_text(), "mine")
        self.bed.second.sql("CREATE DATABASE glance; CREATE TABLE glance.precious (i INT)")
        part = self.folder / "glance.sql"
        self.ok(self.local("export", "--backup", "whole", "--databases", "glance", "--output", part))
        with self.assertRaisesRegex(AssertionError, "database exists"):
            self.load(part)
        self.assertEqual(self.bed.second.sql("SHOW TABLES FROM glance"), [["precious"]])

    def test_what_is_not_there_says_what_is(self):
        for arguments, words in ((("--backup", "nowhere"), 'holds no backup "nowhere"'),
                                 (("--backup", "whole", "--databases", "nowhere"), "it has cinder, glance"),
                                 (("--backup", "whole", "--instance", "nowhere"), 'does not hold the instance "nowhere"')):
            file = self.folder / "never.sql"
            done = self.local("export", *arguments, "--output", file)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)
            self.assertFalse(file.exists() or (self.folder / "never.sql.partial").exists())
