-- Tables of other engines. Galera replicates what is done to their definitions, and nothing of their rows: each node has its own (engines.rows.sql).
SET NAMES utf8mb4, sql_mode = '';
CREATE DATABASE fid_engines CHARACTER SET utf8mb4;
USE fid_engines;
CREATE TABLE aria (id int PRIMARY KEY AUTO_INCREMENT, t text, v varchar(20), FULLTEXT KEY (t), KEY (v)) ENGINE = Aria TRANSACTIONAL = 1 PAGE_CHECKSUM = 1;
CREATE TABLE aria_page (a int, b text) ENGINE = Aria TRANSACTIONAL = 0 PAGE_CHECKSUM = 1 ROW_FORMAT = DYNAMIC COMMENT 'it''s aria';
CREATE TABLE myisam (a int, id int NOT NULL AUTO_INCREMENT, p point NOT NULL, PRIMARY KEY (a, id), SPATIAL KEY (p)) ENGINE = MyISAM ROW_FORMAT = FIXED AUTO_INCREMENT = 50;
CREATE TABLE myisam_text (id int PRIMARY KEY, t longtext, b blob, UNIQUE KEY (b(10))) ENGINE = MyISAM DELAY_KEY_WRITE = 1;
CREATE TABLE memory (id int PRIMARY KEY, v varchar(50), KEY (v) USING BTREE, UNIQUE KEY h (v, id) USING HASH) ENGINE = MEMORY MAX_ROWS = 1000;
CREATE TABLE csv (a int NOT NULL, t varchar(50) NOT NULL, d datetime NOT NULL) ENGINE = CSV;
-- It has no rows of its own: whoever wrote them into it would write them into the others.
CREATE TABLE half_a (id int NOT NULL, KEY (id)) ENGINE = MyISAM;
CREATE TABLE half_b (id int NOT NULL, KEY (id)) ENGINE = MyISAM;
CREATE TABLE both_halves (id int NOT NULL, KEY (id)) ENGINE = MRG_MyISAM UNION = (half_a, half_b) INSERT_METHOD = LAST;
