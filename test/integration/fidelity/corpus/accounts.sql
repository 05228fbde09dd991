-- Accounts: how they prove who they are, limits, TLS, locks, roles in roles, and grants at every level. The schemas that are granted on are those of
-- the other files; this one runs last.
SET NAMES utf8mb4, sql_mode = '';
CREATE DATABASE `fid_grants` CHARACTER SET utf8mb4;
USE fid_grants;
CREATE TABLE t (id int PRIMARY KEY, a int, `b c` int);
CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1;
CREATE PROCEDURE p() SELECT 1;
INSERT INTO t VALUES (1, 2, 3);

CREATE USER acc_plain@'%' IDENTIFIED BY 'secret';
CREATE USER acc_hashed@'10.0.%' IDENTIFIED VIA mysql_native_password USING '*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9';
CREATE USER acc_socket@localhost IDENTIFIED VIA unix_socket;
CREATE USER acc_either@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('it''s') OR unix_socket;
CREATE USER acc_nologin@localhost IDENTIFIED VIA mysql_native_password USING 'invalid';
CREATE USER acc_ed25519@'%' IDENTIFIED VIA ed25519 USING PASSWORD('it''s');
CREATE USER acc_pam@'%' IDENTIFIED VIA pam USING 'mariadb';
CREATE USER acc_pam_or@'%' IDENTIFIED VIA pam OR ed25519 USING PASSWORD('x');
CREATE USER acc_old_hash@'%' IDENTIFIED VIA mysql_old_password USING '6a2f8d3e1c0b9a57';
CREATE USER acc_empty@localhost;
CREATE USER acc_tls@'%' IDENTIFIED BY 'x' REQUIRE SSL;
CREATE USER acc_x509@'%' IDENTIFIED BY 'x' REQUIRE SUBJECT '/CN=it''s "me"' AND ISSUER '/CN=ca' AND CIPHER 'TLS_AES_256_GCM_SHA384';
CREATE USER acc_any_cert@'%' IDENTIFIED BY 'x' REQUIRE X509;
CREATE USER acc_limited@'%' IDENTIFIED BY 'x' WITH MAX_QUERIES_PER_HOUR 1 MAX_UPDATES_PER_HOUR 2 MAX_CONNECTIONS_PER_HOUR 3 MAX_USER_CONNECTIONS 4 MAX_STATEMENT_TIME 5.5;
CREATE USER acc_locked@'%' IDENTIFIED BY 'x' ACCOUNT LOCK;
CREATE USER acc_expired@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE;
CREATE USER acc_expires@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE INTERVAL 30 DAY;
CREATE USER acc_never@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE NEVER ACCOUNT LOCK;
CREATE USER `acc o'dd "user\`@'192.168.0.0/255.255.0.0' IDENTIFIED BY 'p\'w"\\ü';
CREATE USER `acc_ü`@`%.example.org` IDENTIFIED BY 'ü';
CREATE USER `acc@at`@'::1' IDENTIFIED BY 'x';

CREATE ROLE acc_reader;
CREATE ROLE acc_writer;
CREATE ROLE acc_owned WITH ADMIN acc_plain@'%';
CREATE ROLE `acc role's "name`;
GRANT SELECT ON fid_grants.* TO acc_reader;
GRANT acc_reader TO acc_writer;
GRANT INSERT, UPDATE ON fid_grants.t TO acc_writer;
GRANT acc_writer TO acc_tls@'%' WITH ADMIN OPTION;
GRANT acc_reader TO acc_plain@'%';
GRANT `acc role's "name` TO acc_plain@'%';
SET DEFAULT ROLE acc_writer FOR acc_tls@'%';
SET DEFAULT ROLE `acc role's "name` FOR acc_plain@'%';

GRANT RELOAD, PROCESS, BINLOG MONITOR ON *.* TO acc_limited@'%';
GRANT ALL PRIVILEGES ON *.* TO acc_locked@'%' WITH GRANT OPTION;
GRANT USAGE ON *.* TO acc_never@'%' WITH GRANT OPTION;
GRANT ALL PRIVILEGES ON fid_grants.* TO acc_plain@'%' WITH GRANT OPTION;
GRANT SELECT, LOCK TABLES ON `fid\_grants`.* TO acc_tls@'%';
GRANT SELECT ON `fid\_%`.* TO acc_hashed@'10.0.%';
GRANT SELECT ON `fid_keys`.* TO acc_hashed@'10.0.%';
GRANT CREATE TEMPORARY TABLES, EXECUTE, EVENT, TRIGGER, SHOW VIEW, DELETE HISTORY ON `fid%`.* TO acc_x509@'%';
GRANT SELECT, INSERT, REFERENCES ON fid_grants.t TO acc_x509@'%' WITH GRANT OPTION;
GRANT SELECT (id, `b c`), UPDATE (a), REFERENCES (id), INSERT (a) ON fid_grants.t TO acc_any_cert@'%';
GRANT EXECUTE, ALTER ROUTINE ON PROCEDURE fid_grants.p TO acc_any_cert@'%';
GRANT EXECUTE ON FUNCTION fid_grants.f TO acc_reader;
GRANT PROXY ON acc_plain@'%' TO acc_socket@localhost WITH GRANT OPTION;
GRANT SELECT ON fid_grants.t TO `acc o'dd "user\`@'192.168.0.0/255.255.0.0';
GRANT SELECT ON fid_grants.t TO `acc_ü`@`%.example.org`;
-- Beyond what a backup holds: the server's own tables are granted on, too.
GRANT SELECT ON mysql.proc TO acc_reader;
GRANT SELECT ON mysql.* TO acc_limited@'%';
-- A pattern whose escapes and wildcards are mixed, and one that is a name by its look.
GRANT SELECT ON `fid\_k%`.* TO acc_empty@localhost;
GRANT SELECT ON `fid_key_`.* TO acc_empty@localhost;
-- The grant on a column stays when that is dropped.
CREATE USER acc_dropped@'%';
CREATE TABLE fid_grants.narrower (id int PRIMARY KEY, going int);
GRANT SELECT (id, going) ON fid_grants.narrower TO acc_dropped@'%';
ALTER TABLE fid_grants.narrower DROP COLUMN going;
-- A schema that is not there (yet).
GRANT SELECT ON fid_later.* TO acc_empty@localhost;
/*M!101101 GRANT SELECT ON fid_grants.t TO PUBLIC */;
