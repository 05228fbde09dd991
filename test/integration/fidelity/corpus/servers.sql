-- Servers of CREATE SERVER, as tables of FEDERATED, CONNECT and SPIDER name them. They come with the accounts: a password stands among their options.
SET NAMES utf8mb4, sql_mode = '';
CREATE SERVER fid_plain FOREIGN DATA WRAPPER mysql OPTIONS (HOST '192.0.2.1', PORT 3306, USER 'u', PASSWORD 'p', DATABASE 'd');
CREATE SERVER `fid o'dd "server\` FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'it''s', USER 'ü', PASSWORD 'p\'w"\\', SOCKET '/run/a b', OWNER 'o`o', DATABASE 'fid`db');
CREATE SERVER fid_bare FOREIGN DATA WRAPPER `odd wrapper` OPTIONS (HOST '');
/*M!110800 CREATE SERVER fid_options FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'h', `any option` 'it''s "it"', other '\\') */;
