-- Names with every character that a name may have. Only U+0001 to U+FFFF is possible: no emoji.
SET NAMES utf8mb4, sql_mode = '';
CREATE DATABASE `fid o``dd "name' ü☃ $1;--` CHARACTER SET utf8mb4;
USE `fid o``dd "name' ü☃ $1;--`;
CREATE TABLE `we``ird .table` (`co``l"umn` int PRIMARY KEY, `sel ect` varchar(5) COMMENT 'it''s, (ok', `a.b` int, `it's` int, `(x)` int, `*/` int, `--` int, `#` int, `;` int, `@v` int, `\\` int, `%s` int,
  KEY `k``ey, (x)` (`a.b`, `it's`), UNIQUE KEY `ü ☃` (`*/`), CONSTRAINT `c``heck (` CHECK (`--` > 0));
INSERT INTO `we``ird .table` VALUES (1, '', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), (-1, 'ü', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE `select` (`from` int, `where` int, `PRIMARY` int, `KEY` int, `CONSTRAINT` int, `UNIQUE` int, `CHECK` int, `PERIOD` int, `INDEX` int, `FULLTEXT` int, PRIMARY KEY (`from`, `KEY`), KEY `key` (`where`));
INSERT INTO `select` VALUES (1,2,3,4,5,6,7,8,9,10);
CREATE TABLE `123` (`1` int, `2e3` int, `0x1` int, PRIMARY KEY (`1`));
INSERT INTO `123` VALUES (1, 2, 3);
CREATE TABLE `1e5` (`a b` int);
INSERT INTO `1e5` VALUES (1);
CREATE TABLE ` lead` (` a` int, `b` int);
INSERT INTO ` lead` VALUES (1, 2);
CREATE TABLE `ünï☃語` (`ключ` int PRIMARY KEY, `值` text);
INSERT INTO `ünï☃語` VALUES (1, '值');
CREATE TABLE `a/b\\c?d*e<f>g|h:i` (a int PRIMARY KEY);
INSERT INTO `a/b\\c?d*e<f>g|h:i` VALUES (1);
CREATE TABLE `ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss` (`cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc` int, KEY `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk` (`cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc`));
INSERT INTO `ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss` VALUES (64);
CREATE TABLE `语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语` (a int);
INSERT INTO `语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语语` VALUES (1);
CREATE TABLE Case_A (a int, KEY (a));
CREATE TABLE case_a (A int);
INSERT INTO Case_A VALUES (1);
INSERT INTO case_a VALUES (2), (2);
CREATE VIEW `v``iew. ☃` AS SELECT `co``l"umn` AS `a``"'b` FROM `we``ird .table`;
-- The server encodes these in the name of its folder.
CREATE DATABASE `fid.dot/slash\\back` CHARACTER SET utf8mb4;
CREATE TABLE `fid.dot/slash\\back`.t (a int PRIMARY KEY, b varchar(5));
INSERT INTO `fid.dot/slash\\back`.t VALUES (1, 'x');
CREATE VIEW `fid.dot/slash\\back`.v AS SELECT a FROM `fid.dot/slash\\back`.t;
CREATE DATABASE fid_no_tables CHARACTER SET koi8r COMMENT 'nothing in it';
