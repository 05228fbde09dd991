"""A MariaDB without Galera, with settings that a cluster of the bed does not have."""

import getpass

from .galera import SQL_PORT, Galera, Node, make_data
from .process import wait_until

_CONFIG = """\
[mariadbd]
datadir={folder}/data
socket={folder}/mariadb.sock
pid_file={folder}/mariadb.pid
log_error={folder}/error.log
tmpdir={folder}/tmp
user={user}
bind-address={address}
port={port}
skip-name-resolve
max_allowed_packet=64M
performance_schema=OFF
innodb_buffer_pool_size=32M
innodb_log_file_size=8M
innodb_flush_log_at_trx_commit=2
innodb_doublewrite=OFF
"""


class _Node(Node):
    def synced(self):
        return self.sql("SELECT 1", check=False) == [["1"]]


class Plain(Galera):
    """One server; `options` are lines of its configuration, those that begin with innodb_ hold for the making of its data, too."""

    def __init__(self, folder, options=()):
        super().__init__(folder, nodes=1, binlog=False)
        self._options = list(options)
        self.nodes = [_Node(self, 1)]

    def start(self):
        node, = self.nodes
        (node.folder / "tmp").mkdir(parents=True)
        made = ["--innodb-log-file-size=8M", *(f"--{o}" for o in self._options if o.startswith("innodb_"))]
        password = make_data(self.root, node.folder, made)
        self._write_secret(self.password_file, password)
        self._write_secret(self.client_config, f"[client]\npassword={password}\n")
        (node.folder / "my.cnf").write_text(_CONFIG.format(folder=node.folder, user=getpass.getuser(), address=node.address, port=SQL_PORT) +
                                            "".join(f"{o}\n" for o in self._options))
        self.bash_env.touch()
        node.launch()
        wait_until("the server to answer", node.synced, 60, node.process)
        return self
