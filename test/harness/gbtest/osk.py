"""What the backup job of OpenStack's mariadb-operator (OSK) leaves on its volume, made by the same programs with the same options."""

import os
import pathlib
import shlex

from .process import run

_SCHEMAS = "select distinct table_schema from information_schema.tables where engine='innodb' and table_schema != 'mysql'"
_ACCOUNTS = ("SELECT CONCAT('\"SHOW GRANTS FOR ''',user,'''@''',host,''';\"') FROM mysql.user "
             "where (length(user) > 0 and user NOT LIKE 'root')")


def dump(galera, folder, stamp, word="openstack", node=1, grants=True):
    """Two files in `folder`, of the schemas with an InnoDB table and of the accounts; returns the path of the dump."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    where = f"-uroot -h{galera.node(node).address} -P{galera.node(node).port}"
    data, accounts = folder / f"{word}_backup_{stamp}.sql.gz", folder / f"{word}_backup-grants_{stamp}.sql.gz"
    _pipe(galera, f"mariadb {where} -s -N -e {shlex.quote(_SCHEMAS)} | "
                  f"xargs -r mariadb-dump {where} --single-transaction --databases | gzip -c > {shlex.quote(str(data))}")
    if grants:
        _pipe(galera, f"mariadb {where} -s -N -e {shlex.quote(_ACCOUNTS)} | xargs -n1 mariadb {where} -s -N -e | "
                      f"sed 's/$/;/' | gzip -c > {shlex.quote(str(accounts))}")
    return data


def load(galera, dump_file, node=1):
    """Restores a dump as OSK's script does: by the client."""
    _pipe(galera, f"gunzip -cd {shlex.quote(str(dump_file))} | mariadb -uroot -h{galera.node(node).address} "
                  f"-P{galera.node(node).port}")


def _pipe(galera, command):
    run(["bash", "-c", "set -eu -o pipefail; " + command], env={"MYSQL_PWD": galera.password, "PATH": os.environ["PATH"]},
        timeout=300)
