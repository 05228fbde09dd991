-- Numbers at the ends of their ranges. What a client converts on the way (FLOAT through text, BIT as a
-- string, -0) is where dumps lose bits.
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
CREATE DATABASE fid_numbers;
USE fid_numbers;

CREATE TABLE ints (
  id int PRIMARY KEY AUTO_INCREMENT,
  t tinyint, tu tinyint unsigned, s smallint, su smallint unsigned, m mediumint, mu mediumint unsigned,
  i int, iu int unsigned, b bigint, bu bigint unsigned, z int(7) unsigned zerofill, bo boolean, y year);
INSERT INTO ints VALUES
  (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  (-5, -128, 0, -32768, 0, -8388608, 0, -2147483648, 0, -9223372036854775808, 0, 0, -1, 1901),
  (7, 127, 255, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295, 9223372036854775807, 18446744073709551615,
   4294967295, 127, 2155),
  (8, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE decimals (
  id int PRIMARY KEY, d65 decimal(65,30), d0 decimal(65,0), du decimal(10,5) unsigned zerofill, one decimal(1,1), n numeric);
INSERT INTO decimals VALUES
  (1, -99999999999999999999999999999999999.999999999999999999999999999999,
   -99999999999999999999999999999999999999999999999999999999999999999, 0, -0.9, -9999999999),
  (2, 99999999999999999999999999999999999.999999999999999999999999999999,
   99999999999999999999999999999999999999999999999999999999999999999, 99999.99999, 0.9, 9999999999),
  (3, 0.000000000000000000000000000001, 1, 0.00001, 0.1, 1),
  (4, -0.000000000000000000000000000001, -1, 1, -0.1, -1),
  (5, 0, 0, 0, 0, 0), (6, NULL, NULL, NULL, NULL, NULL);

-- 0.1 as FLOAT prints as 0.1 and is 0.100000001490116…; 5e-324 and 1e-45 are subnormal. MariaDB makes 0 of -0e0.
CREATE TABLE floats (id int PRIMARY KEY, f float, d double, fu float unsigned, f2 float(7,4), d2 double(20,3), dz double zerofill);
INSERT INTO floats VALUES
  (1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), (2, -3.402823466e38, -1.7976931348623157e308, 0, -999.9999, -99999999999999999.999, 0),
  (3, 3.402823466e38, 1.7976931348623157e308, 3.402823466e38, 999.9999, 99999999999999999.999, 1e22),
  (4, 1.175494351e-38, 2.2250738585072014e-308, 1.175494351e-38, 0.0001, 0.001, 1e-5), (5, 1e-45, 5e-324, 1e-45, 0, 0, 0),
  (6, -0e0, -0e0, 0, -0e0, -0e0, 0), (7, 16777217, 9007199254740993, 16777216, 123.4567, 1234567.891, 3),
  (8, 3.14159265358979, 3.141592653589793, 2.718281828, 3.1416, 3.142, 2.5), (9, NULL, NULL, NULL, NULL, NULL, NULL);

-- A FLOAT as key: no literal finds its row.
CREATE TABLE float_key (f float, d decimal(20,10), x int, PRIMARY KEY (f, d));
INSERT INTO float_key VALUES (0.1, 0.1, 1), (0.2, 0.2, 2), (1e-45, 0, 3);

CREATE TABLE bits (id int PRIMARY KEY, b1 bit(1), b7 bit(7), b9 bit(9), b64 bit(64) DEFAULT b'101');
INSERT INTO bits VALUES (1, b'0', b'0', b'0', b'0'), (2, b'1', b'1111111', b'111111111', 18446744073709551615),
  (3, b'1', b'0101010', b'100000000', 9223372036854775808), (4, NULL, NULL, NULL, NULL);
INSERT INTO bits (id) VALUES (5);

CREATE TABLE bit_key (b bit(12) PRIMARY KEY, x int);
INSERT INTO bit_key VALUES (b'0', 0), (b'111111111111', 1), (b'100000000000', 2);

-- Counters at the end of their type: the next INSERT must fail there, too.
CREATE TABLE last_counter (id tinyint unsigned PRIMARY KEY AUTO_INCREMENT, x int);
INSERT INTO last_counter VALUES (254, 1), (255, 2);
CREATE TABLE far_counter (id bigint unsigned PRIMARY KEY AUTO_INCREMENT, x int) AUTO_INCREMENT = 18446744073709551614;
CREATE TABLE ahead_counter (id int PRIMARY KEY AUTO_INCREMENT, x int) AUTO_INCREMENT = 1000000;
INSERT INTO ahead_counter VALUES (0, 0), (1, 1);
CREATE TABLE float_counter (id double PRIMARY KEY AUTO_INCREMENT, x int);
INSERT INTO float_counter VALUES (0, 0), (41, 1);
-- The counter is neither the first column nor of the primary key.
CREATE TABLE second_counter (b int PRIMARY KEY, a int NOT NULL AUTO_INCREMENT, KEY k (a, b), KEY j (a));
INSERT INTO second_counter VALUES (9, 5), (8, 0);
