-- Dates and times: zero dates, dates that do not exist, both ends of every range, fractions that are no round binary number.
SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00';
CREATE DATABASE fid_times;
USE fid_times;
CREATE TABLE times (
  id int PRIMARY KEY, d date, dt datetime, dt3 datetime(3), dt6 datetime(6), ts timestamp NULL, ts6 timestamp(6) NULL, t time,
  t1 time(1), t6 time(6), y year);
INSERT INTO times VALUES
  (1, '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00', 0, 0, 0, 0, 0, 0),
  (2, '0000-01-01', '0000-01-01', '0001-01-01 00:00:00.001', '0001-01-01 00:00:00.000001', '1970-01-01 00:00:01',
   '1970-01-01 00:00:01.000001', '-838:59:59', '-838:59:59.9', '-838:59:59.999999', 1901),
  (3, '9999-12-31', '9999-12-31 23:59:59', '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07',
   '2038-01-19 03:14:07.999999', '838:59:59', '838:59:59.9', '838:59:59.999999', 2155),
  (4, '2024-02-00', '2024-00-00 00:00:01', '2021-02-31 12:00:00.5', '2021-02-31 23:59:59.999999', '2024-02-29 23:59:59',
   '2024-02-29 23:59:59.123456', '-00:00:01', '-00:00:00.1', '-00:00:00.000001', 2000),
  (5, '2023-02-31', '2023-06-31', '2023-11-31', '2023-04-31', '2026-03-29 01:30:00', '2026-10-25 02:30:00', '00:00:00.4', '24:00:00',
   '100:00:00.1', 1999),
  (6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- What the server fills in: a restore must take the values as they are.
CREATE TABLE stamps (
  id int PRIMARY KEY AUTO_INCREMENT, x int, made timestamp(6) NOT NULL DEFAULT current_timestamp(6),
  changed timestamp(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
  dt datetime DEFAULT current_timestamp() ON UPDATE current_timestamp(), z timestamp NOT NULL DEFAULT '0000-00-00 00:00:00',
  fixed timestamp NOT NULL DEFAULT '2001-02-03 04:05:06', n timestamp NULL ON UPDATE current_timestamp());
INSERT INTO stamps (x, made, changed, dt, n) VALUES (1, '2001-01-01 00:00:00.000001', '2002-02-02', '2003-03-03', NULL),
  (2, 0, 0, 0, 0);
INSERT INTO stamps (x) VALUES (3);

CREATE TABLE time_key (t time(6), d date, y year, x int, PRIMARY KEY (t, d, y));
INSERT INTO time_key VALUES ('-838:59:59.999999', '0000-00-00', 0, 1), ('838:59:59.999999', '9999-12-31', 2155, 2),
  ('-00:00:00.000001', '2024-00-00', 1901, 3), (0, '0000-00-00', 0, 4);
CREATE TABLE stamp_key (ts timestamp(6) PRIMARY KEY, x int);
INSERT INTO stamp_key VALUES (0, 0), ('1970-01-01 00:00:01', 1), ('2038-01-19 03:14:07.999999', 2);
