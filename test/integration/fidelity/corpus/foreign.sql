-- Foreign keys in circles, to themselves and over the borders of schemas; rows that violate theirs, which happens.
SET NAMES utf8mb4, sql_mode = '';
CREATE DATABASE fid_foreign_a CHARACTER SET utf8mb4;
CREATE DATABASE fid_foreign_b CHARACTER SET utf8mb4;
SET foreign_key_checks = 0;
CREATE TABLE fid_foreign_a.circle1 (id int PRIMARY KEY, n int, KEY n (n), CONSTRAINT `to 2` FOREIGN KEY (n) REFERENCES fid_foreign_a.circle2 (id) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE fid_foreign_a.circle2 (id int PRIMARY KEY, n int, CONSTRAINT to_3 FOREIGN KEY (n) REFERENCES fid_foreign_b.circle3 (id) ON DELETE RESTRICT);
CREATE TABLE fid_foreign_b.circle3 (id int PRIMARY KEY, n int, CONSTRAINT to_1 FOREIGN KEY (n) REFERENCES fid_foreign_a.circle1 (id) ON DELETE NO ACTION ON UPDATE SET NULL);
INSERT INTO fid_foreign_a.circle1 VALUES (1, 2), (5, 6);
INSERT INTO fid_foreign_a.circle2 VALUES (2, 3), (6, NULL);
INSERT INTO fid_foreign_b.circle3 VALUES (3, 1);
CREATE TABLE fid_foreign_a.tree (id int PRIMARY KEY, parent int, t varchar(20), UNIQUE KEY t (t), FOREIGN KEY (parent) REFERENCES fid_foreign_a.tree (id) ON DELETE CASCADE
  /*M!100600 , CONSTRAINT self_t FOREIGN KEY (t) REFERENCES fid_foreign_a.tree (t) */);
INSERT INTO fid_foreign_a.tree VALUES (1, NULL, 'a'), (2, 1, NULL), (3, 3, 'c');
CREATE TABLE fid_foreign_a.pair (a int, b varchar(20), PRIMARY KEY (a, b));
INSERT INTO fid_foreign_a.pair VALUES (1, 'ü'), (2, '');
CREATE TABLE fid_foreign_b.pairs (id int PRIMARY KEY, x int, y varchar(20), CONSTRAINT `both``of,them (x)` FOREIGN KEY (x, y) REFERENCES fid_foreign_a.pair (a, b) ON UPDATE CASCADE ON DELETE CASCADE);
INSERT INTO fid_foreign_b.pairs VALUES (1, 1, 'ü'), (2, NULL, NULL), (3, 1, NULL);
-- Written while the checks were off.
CREATE TABLE fid_foreign_b.orphans (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES fid_foreign_a.tree (id));
INSERT INTO fid_foreign_b.orphans VALUES (1, 999), (2, 1);
-- Its parent is not there at all.
CREATE TABLE fid_foreign_b.no_parent (id int PRIMARY KEY, p int, CONSTRAINT nowhere FOREIGN KEY (p) REFERENCES fid_foreign_b.never_was (id));
INSERT INTO fid_foreign_b.no_parent VALUES (1, 1);
SET foreign_key_checks = 1;
