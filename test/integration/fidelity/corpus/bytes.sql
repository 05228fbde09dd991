-- Bytes and what is made of bytes: BLOB and TEXT of every size, UUID and INET, JSON, shapes, ENUM and SET.
SET NAMES utf8mb4, sql_mode = '';
CREATE DATABASE fid_bytes CHARACTER SET utf8mb4;
USE fid_bytes;
CREATE TABLE blobs (id int PRIMARY KEY, b binary(16), v varbinary(300), tb tinyblob, bb blob, mb mediumblob, lb longblob, tt tinytext, mt mediumtext);
-- Every byte there is, in order.
SET @all = UNHEX('000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF');
INSERT INTO blobs VALUES
  (1, LEFT(@all, 16), @all, LEFT(@all, 255), @all, @all, @all, 'é', 'é'), (2, '', '', '', '', '', '', '', ''),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, X'00', X'00', X'00', X'00', X'00', X'00', ' ', ' '),
  (5, REPEAT(X'FF', 16), REPEAT(X'FF', 300), REPEAT(X'00', 255), REPEAT(X'27', 65535), REPEAT(X'5C', 70000), REPEAT(@all, 5000),
   REPEAT('é', 127), REPEAT('語', 30000)),
  (6, ' ', ' ', ' ', ' ', ' ', ' ', '\\', '\\');
CREATE TABLE binary_key (b varbinary(40) PRIMARY KEY, x int);
INSERT INTO binary_key VALUES ('', 0), (X'00', 1), (X'0000', 2), (X'FF', 3), (X'5C27', 4), (X'2A2F', 5);

CREATE TABLE addresses (id int PRIMARY KEY, i6 inet6 /*M!100700 , u uuid, UNIQUE KEY (u) */ /*M!101000 , i4 inet4 */, KEY (i6));
INSERT INTO addresses (id, i6) VALUES (1, '::'), (2, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'), (3, '::ffff:192.0.2.1'), (4, NULL);
/*M!100700 UPDATE addresses SET u = ELT(id, '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '6ccd780c-baba-1026-9564-5b8c656024db', NULL) */;
/*M!101000 UPDATE addresses SET i4 = ELT(id, '0.0.0.0', '255.255.255.255', '127.0.0.1', NULL) */;
/*M!100700 CREATE TABLE uuid_key (u uuid PRIMARY KEY, x int) */;
/*M!100700 INSERT INTO uuid_key VALUES ('6ccd780c-baba-1026-9564-5b8c656024db', 1), ('123e4567-e89b-12d3-a456-426655440000', 2) */;
/*M!101000 CREATE TABLE inet_key (i6 inet6, i4 inet4, x int, PRIMARY KEY (i6, i4)) */;
/*M!101000 INSERT INTO inet_key VALUES ('::1', '10.0.0.1', 1), ('fe80::1', '10.0.0.1', 2) */;
/*M!110701 CREATE TABLE vectors (id int PRIMARY KEY, v vector(3) NOT NULL, w vector(2), VECTOR KEY v (v) M=6 DISTANCE=cosine) */;
/*M!110701 INSERT INTO vectors VALUES (1, Vec_FromText('[1,-0.5,1e-45]'), Vec_FromText('[0,-0]')), (2, Vec_FromText('[3.4028234e38,0,0]'), NULL) */;

-- JSON is text with a check: spaces and the order of keys stay, and what is no JSON stays too where the check was off.
CREATE TABLE documents (id int PRIMARY KEY, j json, k json DEFAULT '{}');
INSERT INTO documents VALUES (1, '{"b": 1,  "a": [null, true, 1e400, "\\u00e9😀"]}', '[]'), (2, 'null', '""'), (3, NULL, NULL);
SET check_constraint_checks = 0;
INSERT INTO documents VALUES (4, '{not json', '');
SET check_constraint_checks = 1;

CREATE TABLE shapes (id int PRIMARY KEY, g geometry REF_SYSTEM_ID = 4326 NOT NULL, p point, l linestring, y polygon, mp multipoint, ml multilinestring,
  my multipolygon, gc geometrycollection, SPATIAL KEY (g));
INSERT INTO shapes VALUES
  (1, ST_GeomFromText('POINT(1 2)', 4326), POINT(-0e0, 5e-324), ST_GeomFromText('LINESTRING(0 0,1e308 -1e308)'),
   ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(1 1,2 1,2 2,1 2,1 1))'), ST_GeomFromText('MULTIPOINT(0 0,1 1)'),
   ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))'), ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))', 3857),
   ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))', 0)),
  (2, ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'), NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- ENUM: the number 0 of a value that was none, the empty member beside it, members that need quoting, 300 members in two bytes.
CREATE TABLE enums (
  id int PRIMARY KEY, e enum('', 'a', 'it''s', 'b,c', 'back\\slash', '"', 'ü', ' lead', 'trail') CHARACTER SET utf8mb4,
  l enum('é', 'ß', '€') CHARACTER SET latin1, u enum('é', '語') CHARACTER SET ucs2 DEFAULT '語', s enum('ソ', '表') CHARACTER SET sjis,
  c enum('a', 'B') COLLATE utf8mb4_bin NOT NULL DEFAULT 'B');
INSERT INTO enums VALUES (1, '', 'é', 'é', 'ソ', 'a'), (2, 0, 0, 0, 0, 0), (3, 'it''s', 'ß', '語', '表', 'B'), (4, 'b,c', '€', NULL, NULL, 'B'),
  (5, 'back\\slash', NULL, NULL, NULL, 'a'), (6, '"', NULL, NULL, NULL, 'a'), (7, 'ü', NULL, NULL, NULL, 'a'), (8, ' lead', NULL, NULL, NULL, 'a'),
  (9, 'trail', NULL, NULL, NULL, 'a'), (10, NULL, NULL, NULL, NULL, 'a'), (11, 'none of them', 'x', 'x', 'x', 'x');
INSERT INTO enums (id) VALUES (12);
CREATE TABLE enum_key (e enum('z', 'a', 'm'), s set('x', 'y'), x int, PRIMARY KEY (e, s));
INSERT INTO enum_key VALUES ('z', '', 1), ('a', 'x,y', 2), ('m', 'y', 3), (0, '', 4);
CREATE TABLE sets (id int PRIMARY KEY, s set('', 'a', 'it''s', 'ü', 'x y'), l set('é', 'ß') CHARACTER SET latin1 DEFAULT 'é,ß');
INSERT INTO sets VALUES (1, '', ''), (2, 'a,ü', 'é,ß'), (3, 31, 3), (4, NULL, NULL), (5, 1, 1), (6, 'x y', 'ß');
INSERT INTO sets (id) VALUES (7);
