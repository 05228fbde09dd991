-- Runs on every node.
SET NAMES utf8mb4, sql_mode = '';
USE fid_engines;
INSERT INTO aria VALUES (1, 'the quick fox', 'é'), (7, NULL, NULL), (9, '', '');
INSERT INTO aria_page VALUES (1, REPEAT('a', 20000)), (1, REPEAT('a', 20000)), (NULL, NULL);
INSERT INTO myisam (a, id, p) VALUES (1, 1, POINT(1, 1)), (1, 2, POINT(2, 2)), (2, 1, POINT(3, 3));
INSERT INTO myisam_text VALUES (1, REPEAT('ü', 30000), X'00FF'), (2, NULL, NULL);
INSERT INTO memory VALUES (1, 'é'), (2, NULL), (3, '');
INSERT INTO csv VALUES (1, 'a "quoted", \\ line\nbreak', '0000-00-00'), (0, '', '2001-02-03 04:05:06'), (0, 'é', '9999-12-31');
INSERT INTO half_a VALUES (1), (2);
INSERT INTO half_b VALUES (2), (3);
