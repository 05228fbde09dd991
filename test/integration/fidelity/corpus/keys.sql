-- Keys of every kind, and tables without any: how rows are told apart, ordered and found again.
SET NAMES utf8mb4, sql_mode = '';
CREATE DATABASE fid_keys CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
USE fid_keys;
-- The same row several times over: the number of each counts.
CREATE TABLE no_key (a int, t varchar(20), b blob);
INSERT INTO no_key VALUES (1, 'x', X'00'), (1, 'x', X'00'), (1, 'x', X'00'), (NULL, NULL, NULL), (NULL, NULL, NULL), (2, '', '');
CREATE TABLE one_column (a int);
INSERT INTO one_column VALUES (1), (1), (NULL), (NULL), (NULL);
CREATE TABLE no_rows (a int, b text);
CREATE TABLE nullable_unique (a int, b varchar(10), UNIQUE KEY u (a, b));
INSERT INTO nullable_unique VALUES (NULL, NULL), (NULL, NULL), (1, NULL), (1, NULL), (1, 'x'), (NULL, 'x');
CREATE TABLE unique_only (a int NOT NULL, b int NOT NULL, c int, UNIQUE KEY b (b), UNIQUE KEY a (a), UNIQUE KEY c (c));
INSERT INTO unique_only VALUES (1, 2, NULL), (2, 1, NULL), (3, 3, 3);
CREATE TABLE late_primary (a int NOT NULL, b int NOT NULL, x varchar(5), KEY x (x), UNIQUE KEY b (b), PRIMARY KEY (b, a));
INSERT INTO late_primary VALUES (5, 1, 'e'), (4, 2, 'd');
CREATE TABLE prefix_key (t text NOT NULL, b blob, v varchar(500), PRIMARY KEY (t(5)), UNIQUE KEY bu (b(3)), KEY v (v(10)));
INSERT INTO prefix_key VALUES ('abcde and more', 'abcde', REPEAT('ü', 500)), ('abcdf', NULL, ''), ('', '', NULL);
-- Equal under its collation is equal for a key; the other way round with _bin.
CREATE TABLE collated (a varchar(20) COLLATE utf8mb4_bin, b varchar(20) COLLATE utf8mb4_german2_ci, c varchar(20) COLLATE utf8mb4_nopad_bin, PRIMARY KEY (a), UNIQUE KEY b (b), UNIQUE KEY c (c));
INSERT INTO collated VALUES ('a', 'ä', 'a'), ('A', 'b', 'a '), ('á', 'c', 'a  '), ('ss', 'ß', 'ß');
CREATE TABLE descending (a int, b int, c varchar(10), PRIMARY KEY (a DESC, b), KEY bc (b DESC, c), KEY c (c DESC));
INSERT INTO descending VALUES (1, 1, 'a'), (2, 2, NULL), (3, 1, ''), (1, 2, 'ü');
CREATE TABLE ignored (id int PRIMARY KEY, a int, b int, KEY a (a) /*M!100600 IGNORED */, UNIQUE KEY b (b) /*M!100600 IGNORED */);
INSERT INTO ignored VALUES (1, 1, 1), (2, 1, 2);
CREATE TABLE hashed (id int PRIMARY KEY, t text, b longblob, v varchar(3000), UNIQUE KEY t (t), UNIQUE KEY bv (b, v), KEY m (id, v(20)) USING BTREE);
INSERT INTO hashed VALUES (1, REPEAT('a', 5000), REPEAT('b', 5000), REPEAT('c', 3000)), (2, NULL, NULL, NULL), (3, '', '', ''), (4, NULL, NULL, NULL);
CREATE TABLE searched (id int PRIMARY KEY, t text, u varchar(100), FULLTEXT KEY t (t), FULLTEXT KEY `both` (t, u) COMMENT 'for search');
INSERT INTO searched VALUES (1, 'the quick brown fox', 'jumps'), (2, NULL, 'lazy dog'), (3, '', '');
-- A document id of its own: FTS_DOC_ID is a column as any other.
CREATE TABLE document_id (FTS_DOC_ID bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, t text, FULLTEXT KEY (t));
INSERT INTO document_id VALUES (10, 'ten'), (20, 'twenty');
CREATE TABLE mapped (id int PRIMARY KEY, p point NOT NULL, g geometry NOT NULL, SPATIAL KEY p (p), SPATIAL KEY g (g));
INSERT INTO mapped VALUES (1, POINT(1, 1), POINT(2, 2)), (2, POINT(-1, 1e10), ST_GeomFromText('LINESTRING(0 0,1 1)'));
CREATE TABLE sixteen (a1 int, a2 int, a3 int, a4 int, a5 int, a6 int, a7 int, a8 int, b1 int, b2 int, b3 int, b4 int, b5 int, b6 int, b7 int, b8 int, x int,
  PRIMARY KEY (a1, a2, a3, a4, a5, a6, a7, a8, b1, b2, b3, b4, b5, b6, b7, b8));
INSERT INTO sixteen VALUES (1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8,0), (1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,9,1);
