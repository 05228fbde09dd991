-- System-versioned tables: the rows of the past, to the microsecond, by shown and hidden period columns; and application-time periods.
SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00';
CREATE DATABASE fid_history CHARACTER SET utf8mb4;
USE fid_history;
CREATE TABLE hidden (id int PRIMARY KEY, x varchar(20), n int WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING;
INSERT INTO hidden VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);
UPDATE hidden SET x = 'a2' WHERE id = 1;
UPDATE hidden SET x = 'a3' WHERE id = 1;
UPDATE hidden SET n = 20 WHERE id = 2;
DELETE FROM hidden WHERE id = 3;
CREATE TABLE shown (id int PRIMARY KEY, x int, s timestamp(6) GENERATED ALWAYS AS ROW START, e timestamp(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING;
INSERT INTO shown (id, x) VALUES (1, 1), (2, 2);
UPDATE shown SET x = 10 WHERE id = 1;
DELETE FROM shown WHERE id = 2;
INSERT INTO shown (id, x) VALUES (2, 22);
CREATE TABLE unseen (id int PRIMARY KEY, x int, `from` timestamp(6) GENERATED ALWAYS AS ROW START INVISIBLE, `to` timestamp(6) GENERATED ALWAYS AS ROW END INVISIBLE,
  PERIOD FOR SYSTEM_TIME (`from`, `to`)) WITH SYSTEM VERSIONING;
INSERT INTO unseen (id, x) VALUES (1, 1);
UPDATE unseen SET x = 2;
CREATE TABLE no_key (x int, t text, KEY (x)) WITH SYSTEM VERSIONING;
INSERT INTO no_key VALUES (1, 'a'), (1, 'a'), (2, 'b');
UPDATE no_key SET t = 'c' WHERE x = 1;
DELETE FROM no_key;
CREATE TABLE one_column (a int WITH SYSTEM VERSIONING, b int);
INSERT INTO one_column VALUES (1, 1);
UPDATE one_column SET a = 2;
UPDATE one_column SET b = 2;
-- All of it is past.
CREATE TABLE only_past (id int PRIMARY KEY AUTO_INCREMENT, x int) WITH SYSTEM VERSIONING;
INSERT INTO only_past (x) VALUES (1), (2);
DELETE FROM only_past;
CREATE TABLE made (id int PRIMARY KEY, x int, v int GENERATED ALWAYS AS (x + 1) VIRTUAL, s int GENERATED ALWAYS AS (x + 2) STORED, KEY (v)) WITH SYSTEM VERSIONING;
INSERT INTO made (id, x) VALUES (1, 1);
UPDATE made SET x = 5;
CREATE TABLE by_time (id int PRIMARY KEY, x int) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION old HISTORY, PARTITION now CURRENT);
INSERT INTO by_time VALUES (1, 1), (2, 2);
UPDATE by_time SET x = 3;
-- By the numbers of transactions, which mean nothing on another server: its present comes back, which the view shows.
CREATE TABLE by_transaction (id int PRIMARY KEY, x int, s bigint unsigned GENERATED ALWAYS AS ROW START, e bigint unsigned GENERATED ALWAYS AS ROW END,
  PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING;
INSERT INTO by_transaction (id, x) VALUES (1, 1), (2, 2), (3, 3);
UPDATE by_transaction SET x = 10 WHERE id = 1;
DELETE FROM by_transaction WHERE id = 2;
CREATE VIEW by_transaction_now AS SELECT id, x FROM by_transaction;
CREATE TABLE parent (id int PRIMARY KEY, x int) WITH SYSTEM VERSIONING;
CREATE TABLE child (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id)) WITH SYSTEM VERSIONING;
INSERT INTO parent VALUES (1, 1), (2, 2);
INSERT INTO child VALUES (1, 1), (2, 2);
DELETE FROM child WHERE id = 2;
DELETE FROM parent WHERE id = 2;

CREATE TABLE booked (room int, who varchar(20), f date, t date, PERIOD FOR stay (f, t), PRIMARY KEY (room, stay WITHOUT OVERLAPS));
INSERT INTO booked VALUES (1, 'ä', '2026-01-01', '2026-02-01'), (1, 'b', '2026-02-01', '9999-12-31'), (2, 'c', '0001-01-01', '2026-01-01');
DELETE FROM booked FOR PORTION OF stay FROM '2026-03-01' TO '2026-04-01';
CREATE TABLE booked_unique (id int PRIMARY KEY, room int NOT NULL, a datetime(6), b datetime(6), PERIOD FOR `odd ``period` (a, b), UNIQUE KEY u (room, `odd ``period` WITHOUT OVERLAPS));
INSERT INTO booked_unique VALUES (1, 1, '2026-01-01 00:00:00.000001', '2026-01-01 00:00:00.000002'), (2, 1, '2026-01-01 00:00:00.000002', '2026-02-01');
CREATE TABLE both_times (id int, x int, f date, t date, PERIOD FOR p (f, t), PRIMARY KEY (id, p WITHOUT OVERLAPS)) WITH SYSTEM VERSIONING;
INSERT INTO both_times VALUES (1, 1, '2026-01-01', '2026-12-31');
UPDATE both_times FOR PORTION OF p FROM '2026-03-01' TO '2026-04-01' SET x = 2;
