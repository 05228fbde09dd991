"""`kubectl galera local diff`: what of a running cluster is not as a backup has it, to the row."""

import json
import shutil

from gbtest import place, process
from gbtest.apiserver import program
from support import Case

SHOP = """
CREATE DATABASE shop;
USE shop;
CREATE TABLE items (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200), price DECIMAL(10,2), noted TEXT);
INSERT INTO items SELECT seq, CONCAT('item ', seq), seq / 7, REPEAT(MD5(seq), 8) FROM seq_1_to_30000;
CREATE TABLE pairs (a INT, b VARCHAR(20) COLLATE utf8mb4_general_ci, n INT, PRIMARY KEY (b, a)) CHARSET utf8mb4;
INSERT INTO pairs SELECT seq, CONCAT('B', seq % 50), 1 FROM seq_1_to_2000;
CREATE TABLE no_key (a INT, b TEXT);
INSERT INTO no_key VALUES (1, 'twice'), (1, 'twice'), (2, NULL);
CREATE TABLE untouched (id INT PRIMARY KEY);
INSERT INTO untouched VALUES (1), (2);
CREATE TABLE doomed (id INT PRIMARY KEY);
INSERT INTO doomed VALUES (1), (2), (3);
CREATE TABLE widened (id INT PRIMARY KEY);
INSERT INTO widened VALUES (1);
CREATE VIEW cheap AS SELECT id FROM items WHERE price < 100;
CREATE PROCEDURE tidy() DELETE FROM no_key;
"""

A_DAY_LATER = """
USE shop;
UPDATE items SET price = price + 1 WHERE id % 300 = 0;
DELETE FROM items WHERE id BETWEEN 10001 AND 10007;
INSERT INTO items (name) VALUES ('new'), ('newer'), ('newest');
UPDATE pairs SET n = 2 WHERE b = 'B7';
DELETE FROM no_key WHERE a = 1 LIMIT 1;
INSERT INTO no_key VALUES (3, 'three'), (3, 'three');
DROP TABLE doomed;
ALTER TABLE widened ADD COLUMN more INT;
CREATE TABLE born (id INT PRIMARY KEY);
CREATE OR REPLACE VIEW cheap AS SELECT id FROM items WHERE price < 200;
DROP PROCEDURE tidy;
"""


class Diff(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = place.new_folder()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    def setUp(self):
        super().setUp()
        self.bed.galera.sql(SHOP)
        self.addCleanup(self.bed.galera.sql, "DROP DATABASE shop")
        self.store = self.folder / self.id().rpartition(".")[2]
        self.local("backup", "--name", "yesterday", "--databases", "shop", expect=0)

    def local(self, *words, expect):
        galera = self.bed.galera
        done = process.run([str(w) for w in (program("kubectl-galera"), "local", *words, "--store", self.store, "--nodes",
                                             ",".join(galera.endpoints), "--password-file", galera.password_file)],
                           check=False, timeout=300)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def test_what_is_as_it_was_has_no_difference(self):
        done = self.local("diff", "--backup", "latest", expect=0)
        self.assertEqual(done.stdout, "")
        self.assertIn('6 of 6 tables', done.stderr)

    def test_every_difference_is_counted_to_the_row(self):
        self.bed.galera.sql(A_DAY_LATER)
        found = json.loads(self.local("diff", "--backup", "yesterday", "-o", "json", expect=3).stdout)
        self.assertFalse(found["equal"])
        tables = {t["table"]: {k: v for k, v in t.items() if k not in ("schema", "table")} for t in found["tables"]}
        born = tables.pop("born")
        self.assertEqual(born["state"], "OnlyLive")
        self.assertEqual(tables, {
            "items": {"state": "RowsDiffer", "backupRows": 30000, "liveRows": 29996, "added": 3, "changed": 100, "removed": 7},
            "pairs": {"state": "RowsDiffer", "backupRows": 2000, "liveRows": 2000, "added": 0, "changed": 40, "removed": 0},
            "no_key": {"state": "RowsDiffer", "backupRows": 3, "liveRows": 4, "added": 2, "changed": 0, "removed": 1},
            "doomed": {"state": "OnlyInBackup", "backupRows": 3},
            "widened": {"state": "ColumnsDiffer", "backupRows": 1, "liveRows": 1}})
        self.assertEqual(found["definitions"], [
            "procedure `shop`.`tidy` was dropped", "table `shop`.`doomed` was dropped", "table `shop`.`widened` was altered",
            "view `shop`.`cheap` was altered", "table `shop`.`born` was created"])

        text = self.local("diff", "--backup", "yesterday", expect=3)
        self.assertRegex(text.stdout, r"shop\.items +RowsDiffer +30000 +29996 +3 +100 +7")
        self.assertNotIn("untouched", text.stdout)
        self.assertIn("view `shop`.`cheap` was altered", text.stdout)

    def test_a_restore_takes_every_difference_away(self):
        self.bed.galera.sql(A_DAY_LATER)
        self.local("restore", "--backup", "yesterday", "--existing", "Replace", "--no-safety-backup", expect=0)
        self.assertEqual(self.local("diff", "--backup", "yesterday", expect=0).stdout, "")

    def test_it_does_not_wait_for_a_transaction(self):
        # A row that is locked by who has not committed yet is nothing to a reader of a snapshot.
        with self.bed.galera.node(1).holding("BEGIN; UPDATE shop.untouched SET id = 9 WHERE id = 1"):
            self.assertEqual(self.local("diff", "--backup", "yesterday", expect=0).stdout, "")

    def test_what_is_wrong_is_said(self):
        self.assertIn("nothing-like-it", self.local("diff", "--backup", "nothing-like-it", expect=1).stderr)
        self.assertIn('"keystone"', self.local("diff", "--backup", "yesterday", "--databases", "keystone", expect=2).stderr)
