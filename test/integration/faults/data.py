"""What is backed up and restored here: small, of every kind, and with tables that are loaded in each of the ways there are."""

SCHEMAS = ("flt_app", "flt_other")

# Rows enough for a table to have several chunks and its keys made afterwards; cells larger than a packet of the network.
_SCRIPT = r"""
SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00';
CREATE DATABASE flt_app CHARACTER SET utf8mb4;
CREATE DATABASE flt_other CHARACTER SET latin1;
USE flt_app;
CREATE TABLE parents (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(80) NOT NULL, born DATE, UNIQUE KEY (name));
INSERT INTO parents SELECT seq, CONCAT('é ', SHA1(seq)), IF(seq % 7 = 0, '0000-00-00', '2026-01-01' + INTERVAL seq DAY) FROM seq_1_to_1500;
CREATE TABLE children (id BIGINT PRIMARY KEY AUTO_INCREMENT, parent INT NOT NULL, made DATETIME(6), state ENUM('new','done') NOT NULL,
  document TEXT, KEY (made, state), KEY (document(9)), CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE);
INSERT INTO children SELECT seq * 3, seq % 1500 + 1, '2026-01-01' + INTERVAL seq * 1000001 MICROSECOND, 1 + seq % 2,
  REPEAT(CONCAT('{"n": ', seq, '}'), 1 + seq % 20) FROM seq_1_to_9000;
CREATE TABLE cells (id INT PRIMARY KEY, b LONGBLOB);
INSERT INTO cells VALUES (1, REPEAT(X'00FF27', 100000)), (2, NULL), (3, ''), (4, X'5C275C22');
CREATE TABLE texts (id INT PRIMARY KEY DEFAULT 0, t TEXT DEFAULT 'it''s \\ "here"', u VARCHAR(20) CHARACTER SET ucs2, s VARCHAR(40) AS (CONCAT(t, ' || "', id, '"')) STORED,
  n DECIMAL(20, 5), d DATETIME, z TIMESTAMP NULL, CHECK (id >= 0), KEY (t(4)));
INSERT INTO texts (id, t, u, n, d, z) VALUES (0, '\\''"||', 'ü', -0.00001, '0000-00-00', NULL), (1, 'a\\b', '', NULL, '2026-02-31', '2026-01-01'),
  (7, DEFAULT(t), NULL, 12.5, NULL, 0);
UPDATE texts SET d = '2026-00-15' WHERE id = 7;
CREATE TABLE audit (id INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(50)) AUTO_INCREMENT = 77;
CREATE TRIGGER audit_second BEFORE INSERT ON audit FOR EACH ROW SET NEW.what = CONCAT(NEW.what, ' "second" \\');
CREATE TRIGGER audit_first BEFORE INSERT ON audit FOR EACH ROW PRECEDES audit_second SET NEW.what = TRIM(NEW.what);
USE flt_other;
CREATE SEQUENCE numbers START WITH 5 INCREMENT BY 3 NOCACHE;
DO NEXTVAL(numbers);
CREATE TABLE no_key (a INT, b VARCHAR(30), KEY (a));
INSERT INTO no_key SELECT seq % 40, REPEAT('x', seq % 30) FROM seq_1_to_800;
CREATE TABLE years (y INT NOT NULL, v VARCHAR(10), PRIMARY KEY (y)) PARTITION BY RANGE (y) (PARTITION old VALUES LESS THAN (2020), PARTITION new VALUES LESS THAN MAXVALUE);
INSERT INTO years SELECT seq, seq * 2 FROM seq_1990_to_2030;
CREATE VIEW people AS SELECT id, name FROM flt_app.parents WHERE born <> '0000-00-00' OR name = 'it''s "\\';
CREATE VIEW a_few AS SELECT id FROM people WHERE id < 9;
CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC RETURN x * 2;
CREATE PROCEDURE count_them(OUT n INT) SELECT COUNT(*) FROM flt_app.children INTO n;
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT';
CREATE PROCEDURE "an ""other"" mode"() SELECT 'back\slash' || "name" FROM "flt_other"."people";
SET sql_mode = 'ORACLE';
DELIMITER ~
CREATE PROCEDURE of_oracle(a INT) AS BEGIN SELECT a || 'x'; END~
DELIMITER ;
SET sql_mode = '', time_zone = '+05:30';
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 00:00:00' DISABLE COMMENT 'it''s' DO DELETE FROM flt_app.audit;
"""


def load(cluster):
    cluster.sql(_SCRIPT)
