-- Partitions of every kind: each row must come to lie in the partition where it was.
SET NAMES utf8mb4, sql_mode = '';
CREATE DATABASE fid_partitions CHARACTER SET utf8mb4;
USE fid_partitions;
CREATE TABLE by_range (id int NOT NULL, d date NOT NULL, PRIMARY KEY (id, d), KEY d (d)) PARTITION BY RANGE (to_days(d))
  (PARTITION p0 VALUES LESS THAN (to_days('2020-01-01')) COMMENT = 'it''s old', PARTITION `p-ü 1` VALUES LESS THAN (to_days('2025-01-01')), PARTITION pmax VALUES LESS THAN MAXVALUE);
INSERT INTO by_range VALUES (1, '2019-12-31'), (2, '2020-01-01'), (3, '2026-01-01'), (4, '0000-00-00');
CREATE TABLE by_columns (a int, b varchar(20), x int) PARTITION BY RANGE COLUMNS (a, b)
  (PARTITION p0 VALUES LESS THAN (10, 'é'), PARTITION p1 VALUES LESS THAN (10, MAXVALUE), PARTITION p2 VALUES LESS THAN (MAXVALUE, MAXVALUE));
INSERT INTO by_columns VALUES (10, 'a', 1), (10, 'z', 2), (11, '', 3), (NULL, NULL, 4);
CREATE TABLE by_list (a int, b int) PARTITION BY LIST (a) (PARTITION pn VALUES IN (NULL), PARTITION p1 VALUES IN (1, 2, -3), PARTITION pd DEFAULT);
INSERT INTO by_list VALUES (NULL, 0), (1, 1), (-3, 2), (99, 3);
CREATE TABLE by_list_columns (t varchar(10) CHARACTER SET latin1 NOT NULL, d date, PRIMARY KEY (t)) PARTITION BY LIST COLUMNS (t)
  (PARTITION a VALUES IN ('a', 'é'), PARTITION b VALUES IN ('it''s', ''));
INSERT INTO by_list_columns VALUES ('a', NULL), ('é', '2020-01-01'), ('it''s', NULL), ('', NULL);
CREATE TABLE by_hash (id int PRIMARY KEY, x int) PARTITION BY HASH (id) PARTITIONS 3;
INSERT INTO by_hash VALUES (0, 0), (1, 1), (2, 2), (-7, 3), (100, 4);
CREATE TABLE by_linear_hash (id int PRIMARY KEY, x int) PARTITION BY LINEAR HASH (id) PARTITIONS 5;
INSERT INTO by_linear_hash VALUES (0, 0), (1, 1), (2, 2), (7, 3), (100, 4);
CREATE TABLE by_key (id varchar(36) PRIMARY KEY, x int) PARTITION BY KEY () PARTITIONS 4;
INSERT INTO by_key VALUES ('a', 1), ('b', 2), ('', 3), ('ü', 4);
CREATE TABLE by_linear_key (id int, t varchar(10)) PARTITION BY LINEAR KEY (id, t) PARTITIONS 3;
INSERT INTO by_linear_key VALUES (1, 'a'), (2, 'b'), (NULL, NULL);
CREATE TABLE sub (id int, d date) PARTITION BY RANGE (year(d)) SUBPARTITION BY HASH (id) SUBPARTITIONS 2
  (PARTITION p0 VALUES LESS THAN (2020), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO sub VALUES (1, '2019-01-01'), (2, '2019-01-01'), (3, '2026-01-01'), (4, NULL);
CREATE TABLE named_sub (id int, d date) PARTITION BY RANGE (year(d)) SUBPARTITION BY KEY (id)
  (PARTITION p0 VALUES LESS THAN (2020) (SUBPARTITION s0, SUBPARTITION s1), PARTITION p1 VALUES LESS THAN MAXVALUE (SUBPARTITION s2, SUBPARTITION s3));
INSERT INTO named_sub VALUES (1, '2019-01-01'), (2, '2019-01-01'), (3, '2026-01-01'), (4, NULL);
CREATE TABLE with_made (id int, a int, v int GENERATED ALWAYS AS (a + 1) STORED, KEY (v)) PARTITION BY HASH (id) PARTITIONS 2;
INSERT INTO with_made (id, a) VALUES (1, 1), (2, NULL), (3, 3);
