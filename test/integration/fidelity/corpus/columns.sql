-- What a column is besides its type: defaults in every character set, expressions, CHECK, generated, invisible and compressed columns.
SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00';
CREATE DATABASE fid_columns CHARACTER SET utf8mb4;
USE fid_columns;

-- A literal default is text in the column's character set: taken for bytes of the connection's it becomes another.
CREATE TABLE defaults (
  id int PRIMARY KEY, u4 varchar(20) DEFAULT 'ü', u3 varchar(20) CHARACTER SET utf8mb3 DEFAULT 'é語', l varchar(20) CHARACTER SET latin1 DEFAULT 'é€',
  u2 varchar(20) CHARACTER SET ucs2 DEFAULT 'é', u16 varchar(20) CHARACTER SET utf16 DEFAULT 'aé', cy varchar(20) CHARACTER SET cp1251 DEFAULT 'привет',
  sj varchar(20) CHARACTER SET sjis DEFAULT 'ソ', gb varchar(20) CHARACTER SET gbk DEFAULT '啊', q varchar(50) DEFAULT 'it''s "\\" \n %', e varchar(5) DEFAULT '',
  sp char(5) DEFAULT ' ', nu varchar(5) DEFAULT 'NULL', b binary(4) DEFAULT 'ab', vb varbinary(9) DEFAULT 'a\0b', d decimal(10,3) DEFAULT -1.5,
  f float DEFAULT 0.1, g double DEFAULT 1e-300, bi bit(5) DEFAULT b'10101', dt datetime(3) DEFAULT '2001-02-03 04:05:06.789', da date DEFAULT '0000-00-00',
  ti time(2) DEFAULT '-838:59:59.99', y year DEFAULT 2155, i int unsigned DEFAULT 4294967295, n int NOT NULL DEFAULT 0, nodef int NOT NULL,
  /*M!100700 u uuid DEFAULT '6ccd780c-baba-1026-9564-5b8c656024db', */ i6 inet6 DEFAULT '::1', st set('a', 'b', 'é') DEFAULT 'a,é');
INSERT INTO defaults (id) VALUES (1), (2);

-- The same beyond the BMP, and bytes that are no text: SHOW CREATE TABLE prints "?" for them.
CREATE TABLE hidden_defaults (id int PRIMARY KEY, smile varchar(20) DEFAULT 'a😀?', u16 varchar(20) CHARACTER SET utf16 DEFAULT '😀', u32 varchar(20) CHARACTER SET utf32 DEFAULT '😀',
  vb varbinary(9) DEFAULT X'FF00FE', b binary(3) DEFAULT X'80', l1 varchar(5) CHARACTER SET latin1 DEFAULT _latin1 X'81', question varchar(9) DEFAULT '?',
  c char(9) DEFAULT '👩‍👩‍👧');
INSERT INTO hidden_defaults (id) VALUES (1);

-- Of a column that is NOT NULL no default is told by a table without rows.
CREATE TABLE must_defaults (id int PRIMARY KEY, smile varchar(20) NOT NULL DEFAULT 'a😀?', l varchar(9) CHARACTER SET latin1 NOT NULL DEFAULT 'ü ', vb varbinary(9) NOT NULL DEFAULT X'FF00FE');
INSERT INTO must_defaults (id) VALUES (1);
CREATE TABLE must_defaults_empty (l varchar(9) CHARACTER SET latin1 DEFAULT 'ü ', u2 varchar(9) CHARACTER SET ucs2 NOT NULL DEFAULT '語', PRIMARY KEY (l));

CREATE TABLE expressions (id int PRIMARY KEY, /*M!100700 u uuid DEFAULT uuid(), */ t text DEFAULT (concat('é', 1 + 1)), s int DEFAULT (if(id > 1, 2, 3)), r double DEFAULT (rand(3)),
  l varchar(20) CHARACTER SET latin1 DEFAULT (upper('é')), d datetime DEFAULT (now() + interval 1 day), n int DEFAULT (NULL));
INSERT INTO expressions (id) VALUES (1), (2);

-- Rows that their CHECK would not let in any more are there, and stay.
CREATE TABLE checked (a int PRIMARY KEY CHECK (a <> 13), b int CHECK (b > 0), t varchar(20) CHARACTER SET latin1 CHECK (t <> 'é'), CONSTRAINT `both of them` CHECK (a < b or b is null),
  CONSTRAINT CHECK (json_valid(concat('[', a, ']'))));
SET check_constraint_checks = 0;
INSERT INTO checked VALUES (13, -1, 'é'), (1, 2, 'ok'), (2, NULL, NULL);
SET check_constraint_checks = 1;

CREATE TABLE made (
  a int PRIMARY KEY, t varchar(20), v int GENERATED ALWAYS AS (a * 2) VIRTUAL, s varchar(60) GENERATED ALWAYS AS (concat(t, 'é', a)) STORED COMMENT 'it''s stored',
  l varchar(20) CHARACTER SET latin1 GENERATED ALWAYS AS (concat('ß', t)) STORED, n int AS (nullif(a, 2)) PERSISTENT, h int GENERATED ALWAYS AS (length(t)) VIRTUAL INVISIBLE,
  KEY v (v), UNIQUE KEY s (s), KEY (n, v));
INSERT INTO made (a, t) VALUES (1, 'x'), (2, NULL), (-3, 'ü');
-- No column of its own at all: its rows are their number.
CREATE TABLE only_made (v int GENERATED ALWAYS AS (1 + 1) VIRTUAL, s varchar(9) GENERATED ALWAYS AS ('é') STORED);
INSERT INTO only_made VALUES (), (), ();
CREATE TABLE only_made_empty (v int GENERATED ALWAYS AS (7) VIRTUAL);
CREATE TABLE invisible (seen int, unseen int INVISIBLE DEFAULT 7, id int INVISIBLE AUTO_INCREMENT PRIMARY KEY, must int NOT NULL INVISIBLE DEFAULT -1);
INSERT INTO invisible (seen, unseen, must) VALUES (1, 1, 1), (2, NULL, 0);
INSERT INTO invisible (seen) VALUES (3);

CREATE TABLE compressed (id int PRIMARY KEY, v varchar(2000) COMPRESSED, t text COMPRESSED CHARACTER SET latin1, b longblob COMPRESSED=zlib, e varbinary(500) COMPRESSED DEFAULT 'x',
  w varchar(100) COMPRESSED CHARACTER SET ucs2 DEFAULT 'é');
INSERT INTO compressed VALUES (1, REPEAT('ä', 1000), REPEAT('é', 5000), REPEAT(X'00FF', 5000), '', 'x'), (2, '', '', '', NULL, ''), (3, NULL, NULL, NULL, X'00', NULL);
INSERT INTO compressed (id) VALUES (4);

CREATE TABLE comments (a int COMMENT 'it''s "quoted" \\ `tick` \n new line, ) ENGINE=x AUTO_INCREMENT=5', b int COMMENT 'ünï, 語', PRIMARY KEY (a) COMMENT 'key''s', KEY b (b) COMMENT 'schlüssel')
  COMMENT = 'table''s \\ "comment" \n) ENGINE=MyISAM AUTO_INCREMENT=77 ü';
INSERT INTO comments VALUES (1, 2);
