-- Views, triggers, routines, packages and events: each depends on the sql_mode, character set, collation, definer and time zone of whoever made it.
SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00';
CREATE DATABASE fid_programs CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
CREATE DATABASE fid_views CHARACTER SET latin1;
CREATE USER acc_definer@'%' IDENTIFIED BY 'x' ACCOUNT LOCK;
CREATE USER `acc d'ef "iner`@'10.%' ACCOUNT LOCK;
CREATE ROLE acc_definer_role;
GRANT ALL ON fid_programs.* TO acc_definer@'%';
GRANT ALL ON fid_programs.* TO acc_definer_role;
GRANT ALL ON fid_views.* TO `acc d'ef "iner`@'10.%';
GRANT SELECT ON fid_programs.* TO `acc d'ef "iner`@'10.%';
USE fid_programs;
CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, x int, t varchar(50));
CREATE TABLE audit (id int PRIMARY KEY AUTO_INCREMENT, what varchar(100));
INSERT INTO t (x, t) VALUES (1, 'ä'), (2, NULL);

-- z is needed by a, and both by one in another schema: their names are no order.
-- A column of one is called like another that reads it.
CREATE VIEW alias_a AS SELECT id, x AS alias_z FROM t;
CREATE VIEW alias_z AS SELECT * FROM alias_a;
CREATE VIEW z_base AS SELECT id, x, t FROM t WHERE x > 0;
CREATE VIEW a_second AS SELECT z.id AS `an ``odd" name`, z.x + 1 AS more FROM z_base z;
CREATE ALGORITHM = TEMPTABLE SQL SECURITY INVOKER VIEW m_temp AS SELECT COUNT(*) AS n, MAX(t) AS `größte` FROM fid_programs.t;
CREATE ALGORITHM = MERGE DEFINER = acc_definer@'%' SQL SECURITY DEFINER VIEW c_local AS SELECT * FROM t WHERE x < 100 WITH LOCAL CHECK OPTION;
CREATE VIEW c_cascaded AS SELECT * FROM c_local WHERE x > -100 WITH CASCADED CHECK OPTION;
CREATE DEFINER = `acc d'ef "iner`@'10.%' VIEW fid_views.`v - ü` AS SELECT a.more, 'é' AS lit, 'it''s \\ "x"' AS q FROM fid_programs.a_second a;
CREATE DEFINER = acc_definer_role VIEW v_role AS SELECT 1 AS one;
CREATE VIEW fid_views.uni AS SELECT 1 AS a UNION ALL SELECT x FROM fid_programs.t;
CREATE VIEW v_cte AS WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r;
CREATE VIEW v_window AS SELECT id, ROW_NUMBER() OVER (PARTITION BY x ORDER BY id) AS rn FROM t;
SET sql_mode = 'PIPES_AS_CONCAT,ANSI_QUOTES';
CREATE VIEW "v ansi" AS SELECT "t" || 'x' AS "c""c" FROM "fid_programs"."t";
SET sql_mode = '', NAMES latin1;
CREATE VIEW v_latin1 AS SELECT 'cafÃ©' AS c;
SET NAMES utf8mb4, collation_connection = utf8mb4_german2_ci;
CREATE VIEW v_german AS SELECT 'ä' = 'ae' AS equal;
SET NAMES utf8mb4;

DELIMITER $$
CREATE FUNCTION f_twice(x bigint) RETURNS bigint DETERMINISTIC COMMENT 'doppelt, it''s "ü"' RETURN x * 2$$
CREATE VIEW v_function AS SELECT fid_programs.f_twice(x) AS d FROM t$$
CREATE DEFINER = acc_definer@'%' PROCEDURE `p ``odd" name`(IN a int, OUT `ö` varchar(20) CHARACTER SET latin1, INOUT c decimal(10,3))
  MODIFIES SQL DATA SQL SECURITY INVOKER COMMENT 'a */ comment'
BEGIN
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET `ö` = 'é';
  -- a comment; with a semicolon, 'an open quote
  /* and */ # another
  SELECT 'it''s \\ "ü" */ $', a INTO @x, @y;
END$$
CREATE PROCEDURE p_empty() BEGIN END$$
CREATE FUNCTION f_text(t text CHARACTER SET ucs2 COLLATE ucs2_bin) RETURNS varchar(20) CHARACTER SET sjis NO SQL RETURN 'ソ'$$
CREATE AGGREGATE FUNCTION f_sum(x int) RETURNS int DETERMINISTIC
BEGIN
  DECLARE s int DEFAULT 0;
  DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN s;
  LOOP FETCH GROUP NEXT ROW; SET s = s + x; END LOOP;
END$$
CREATE FUNCTION f_type(a TYPE OF t.x) RETURNS int READS SQL DATA RETURN a$$
-- Line ends of Windows; a client that reads a file makes others of them.
/*M!100602 EXECUTE IMMEDIATE CONCAT('CREATE PROCEDURE p_line_ends() BEGIN', CHAR(13, 10), '  SELECT 1;', CHAR(13, 10), 'END') */$$
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,STRICT_ALL_TABLES'$$
CREATE PROCEDURE "p ansi"() SELECT "x", 'a\' || "t" FROM "t"$$
SET sql_mode = 'ORACLE'$$
CREATE PACKAGE pk AS
  FUNCTION gives_1 RETURN int;
  PROCEDURE two(a IN OUT int);
END$$
CREATE PACKAGE BODY pk AS
  FUNCTION gives_1 RETURN int AS BEGIN RETURN 1; END;
  PROCEDURE two(a IN OUT int) AS BEGIN a := a + gives_1(); END;
END$$
CREATE PACKAGE no_body AS PROCEDURE never; END$$
CREATE PROCEDURE p_oracle(a IN int) AS b int := 2; BEGIN IF a > b THEN NULL; ELSIF a = b THEN b := b || 'x'; END IF; END$$
SET sql_mode = ''$$
SET NAMES latin1$$
CREATE PROCEDURE p_latin1() SELECT 'cafÃ©' AS c$$
SET NAMES utf8mb4$$
-- The schema had another collation when this was made, and the routine keeps it.
ALTER DATABASE fid_programs COLLATE utf8mb4_bin$$
CREATE FUNCTION f_old_collation() RETURNS int DETERMINISTIC RETURN 'a' = 'A'$$
ALTER DATABASE fid_programs COLLATE utf8mb4_general_ci$$

CREATE TRIGGER t_third BEFORE INSERT ON t FOR EACH ROW INSERT INTO audit (what) VALUES ('third')$$
CREATE TRIGGER a_first BEFORE INSERT ON t FOR EACH ROW PRECEDES t_third BEGIN INSERT INTO `fid_programs`.audit (what) VALUES ('first; */ -- it''s'); END$$
CREATE TRIGGER z_second BEFORE INSERT ON t FOR EACH ROW FOLLOWS a_first SET NEW.x = NEW.x + 1, @trigger = 'ü'$$
CREATE DEFINER = acc_definer@'%' TRIGGER after_it AFTER INSERT ON t FOR EACH ROW BEGIN END$$
DELIMITER ;
DELIMITER $$
CREATE TRIGGER `up ``odd" ü` BEFORE UPDATE ON t FOR EACH ROW SET NEW.t = CONCAT(OLD.t, 'é')$$
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', NAMES latin1, collation_connection = latin1_german2_ci$$
CREATE TRIGGER "down" BEFORE DELETE ON "t" FOR EACH ROW INSERT INTO "audit" ("what") VALUES ('a\')$$
SET sql_mode = '', NAMES utf8mb4$$

CREATE EVENT e_plain ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 00:00:00' DO DELETE FROM audit$$
CREATE DEFINER = acc_definer@'%' EVENT `e ``odd" ü` ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2030-01-01 00:00:00' ENDS '2037-01-01 12:00:00' ON COMPLETION PRESERVE DISABLE
  COMMENT 'it''s ü' DO BEGIN DELETE FROM audit WHERE what = 'it''s; */ ü'; END$$
SET time_zone = '+05:30'$$
CREATE EVENT e_zone ON SCHEDULE AT '2037-01-01 00:00:00' ON COMPLETION PRESERVE DO DELETE FROM audit$$
CREATE EVENT e_zone_every ON SCHEDULE EVERY 3 WEEK STARTS '2021-03-04 05:06:07' DO DELETE FROM audit$$
SET time_zone = 'SYSTEM', sql_mode = 'ANSI_QUOTES,STRICT_TRANS_TABLES'$$
CREATE EVENT "e ansi" ON SCHEDULE EVERY 1 MONTH STARTS '2020-01-31 00:00:00' DISABLE DO DELETE FROM "audit" WHERE "what" = 'x'$$
SET time_zone = '+00:00', sql_mode = ''$$
-- Over, and still there, since the scheduler does not run: at their CREATE today, one would be disabled and the others would not be made.
SET timestamp = UNIX_TIMESTAMP('2001-01-01 00:00:00')$$
CREATE EVENT e_over ON SCHEDULE EVERY 1 DAY STARTS '2000-01-01 00:00:00' ENDS '2001-06-01 00:00:00' ON COMPLETION PRESERVE DO DELETE FROM audit$$
CREATE EVENT e_over_gone ON SCHEDULE EVERY 1 DAY STARTS '2000-01-01 00:00:00' ENDS '2001-06-01 00:00:00' ON COMPLETION NOT PRESERVE DO DELETE FROM audit$$
CREATE EVENT e_over_at ON SCHEDULE AT '2001-06-01 00:00:00' DO DELETE FROM audit$$
SET timestamp = DEFAULT$$
DELIMITER ;
-- The broken ones: what they stood on is gone. They are named, and cannot be made again.
CREATE TABLE fid_views.doomed (id int);
CREATE VIEW fid_views.broken AS SELECT id FROM fid_views.doomed;
CREATE VIEW fid_views.broken_too AS SELECT id FROM fid_views.broken;
DROP TABLE fid_views.doomed;
