-- Text in the character sets of the world: the bytes must come back, whatever the connection speaks. Trailing spaces, CHAR padding,
-- the empty string beside NULL, everything that needs an escape.
SET NAMES utf8mb4, sql_mode = '';
CREATE DATABASE fid_texts CHARACTER SET latin1 COLLATE latin1_german2_ci COMMENT 'it''s "quoted" \\ and ünïcode';
USE fid_texts;
CREATE TABLE escapes (id int PRIMARY KEY, c char(20), v varchar(200), t text) CHARACTER SET utf8mb4;
INSERT INTO escapes VALUES
  (1, '', '', ''), (2, NULL, NULL, NULL), (3, ' ', ' ', ' '), (4, 'a  ', 'a  ', 'a  '), (5, '  a', '\ta\n', '\r\n\0\Z\\\'"`%_'),
  (6, 'NULL', 'NULL', '\\N'), (7, '\\', '\\\\', '\\0'), (8, '😀', '𝄞 👩‍👩‍👧‍👦', 'ä ä (two forms) ﷽'), (9, '--', '/* */ */', '; DELIMITER $$'),
  (10, '\0', '\0\0', 'a\0b'), (11, '0', '00', '0x41'), (12, '﻿bom', '‮rtl', ''), (13, '�', '?', '??');
CREATE TABLE padded (c char(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, v varchar(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,
  b binary(5), PRIMARY KEY (c, v));
INSERT INTO padded VALUES ('a', 'a', 'a'), ('a', 'a ', 'a '), ('', '', ''), ('b', ' ', X'00');

-- One table a character set: text that only it can hold, at its width.
CREATE TABLE c_utf8mb4 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET utf8mb4 /*M!101001 COLLATE utf8mb4_uca1400_ai_ci */;
INSERT INTO c_utf8mb4 VALUES (1, '😀', 'aé語😀', REPEAT('語😀', 3000)), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_utf8mb3 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET utf8mb3 COLLATE utf8mb3_swedish_ci;
INSERT INTO c_utf8mb3 VALUES (1, '語', 'aé語￿', REPEAT('語é', 3000)), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_latin1 (id int PRIMARY KEY, c char(6), v varchar(300), t longtext) CHARACTER SET latin1;
INSERT INTO c_latin1 VALUES (1, 'é€', 'ÄÖÜß™', _latin1 X'808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0FF'), (2, '', ' ', '  '),
  (3, NULL, NULL, NULL);
CREATE TABLE c_latin2 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET latin2;
INSERT INTO c_latin2 VALUES (1, 'ő', 'Łódź', 'ž'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_ucs2 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET ucs2;
INSERT INTO c_ucs2 VALUES (1, 'é', 'aé語', REPEAT('語', 3000)), (2, '', ' ', '  '), (3, NULL, NULL, NULL), (4, _ucs2 X'0000', _ucs2 X'005C0027', '\\');
CREATE TABLE c_utf16 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET utf16;
INSERT INTO c_utf16 VALUES (1, '😀', 'aé語😀', REPEAT('😀', 3000)), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_utf16le (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET utf16le;
INSERT INTO c_utf16le VALUES (1, '😀', 'aé語😀', '😀'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_utf32 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET utf32;
INSERT INTO c_utf32 VALUES (1, '😀', 'aé語😀', REPEAT('😀', 3000)), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_cp1251 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET cp1251;
INSERT INTO c_cp1251 VALUES (1, 'привет', 'Ёжик', 'ў№'), (2, '', ' ', '  '), (3, NULL, NULL, NULL), (4, _cp1251 X'98', _cp1251 X'FFFE', 'я');
CREATE TABLE c_koi8r (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET koi8r;
INSERT INTO c_koi8r VALUES (1, 'привет', 'Ёжик', '═║'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
-- The second byte of these is a backslash, a quote or a backtick.
CREATE TABLE c_sjis (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET sjis;
INSERT INTO c_sjis VALUES (1, 'ソ', '表示', REPEAT('ソ能', 1000)), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_cp932 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET cp932;
INSERT INTO c_cp932 VALUES (1, 'ソ', '表～∥', '①㈱'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_gbk (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET gbk;
INSERT INTO c_gbk VALUES (1, '誠', '啊誠', _gbk X'D55C'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_gb2312 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET gb2312;
INSERT INTO c_gb2312 VALUES (1, '啊', '啊阿', '埃'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_big5 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET big5;
INSERT INTO c_big5 VALUES (1, '許', '功蓋', _big5 X'A55C'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_euckr (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET euckr;
INSERT INTO c_euckr VALUES (1, '한', '한국', '어'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_ujis (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET ujis;
INSERT INTO c_ujis VALUES (1, 'あ', '日本', '語'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_tis620 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET tis620;
INSERT INTO c_tis620 VALUES (1, 'ไทย', 'ภาษา', 'ก'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_swe7 (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET swe7;
INSERT INTO c_swe7 VALUES (1, 'Å', 'åäö', 'É'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_ascii (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET ascii;
INSERT INTO c_ascii VALUES (1, 'a', '~', CHAR(1)), (2, '', ' ', '  '), (3, NULL, NULL, NULL);
CREATE TABLE c_binary (id int PRIMARY KEY, c char(6), v varchar(50), t longtext) CHARACTER SET binary;
INSERT INTO c_binary VALUES (1, X'00FF', X'00', X'FFFEFD00'), (2, '', ' ', '  '), (3, NULL, NULL, NULL);

-- Keys of text that is no UTF-8: ranges of rows are found by literals of their character set.
CREATE TABLE mixed_key (a varchar(20) CHARACTER SET ucs2, b varchar(20) CHARACTER SET sjis, c varchar(20) CHARACTER SET latin1 COLLATE latin1_bin,
  x int, PRIMARY KEY (a, b, c));
INSERT INTO mixed_key VALUES ('é', 'ソ', 'é', 1), ('', '', '', 2), ('語', '表', '€', 3), ('語', '表', '€ä', 4);
