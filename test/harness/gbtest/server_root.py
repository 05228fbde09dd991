"""Whose server programs are run: those of this machine, or those of another MariaDB in a folder of its own."""

import re
import shlex

from . import place
from .process import BedError, run

# The rest of the machine that a server needs to see: its data and sockets keep their paths, so clients of this machine reach it.
_SHARED = ("/proc", "/dev")


class ServerRoot:
    """The programs of MariaDB below `path`, or this machine's own without one."""

    def __init__(self, path=None):
        self._path = path
        found = re.search(r"Ver ((\d+)\.(\d+)\S*)", run(self.command(["mariadbd", "--version"])).stdout)
        if not found:
            raise BedError("mariadbd --version names no version")
        self.version = found.group(1)
        self.series = (int(found.group(2)), int(found.group(3)))

    def command(self, argv, *folders):
        """What runs a program of that root, in this very process; it sees the `folders` where they are.

        The mounts are in a namespace of their own, which ends with the program: there is nothing to undo.
        """
        return argv if self._path is None else [*self._mounted('chroot "$root"', folders), *argv]

    def around(self, folder):
        """What kubectl-galera is run by that gets the option of wrapped()."""
        return [] if self._path is None else self._mounted("", [folder])

    def _mounted(self, how, folders):
        script = 'root=$1; shift; while [ "$1" != -- ]; do mkdir -p "$root$1"; mount --rbind "$1" "$root$1"; shift; done; shift; exec ' + how + ' "$@"'
        return ["unshare", "--mount", "sh", "-euc", script, "sh", self._path, *_SHARED, *folders, "--"]

    def wrapped(self, folder):
        """The option --mariadbd by which kubectl-galera runs the programs of that root, which see `folder`; nothing for this machine's.

        They mount nothing themselves: in its sandbox a scratch server cannot.
        """
        if self._path is None:
            return []
        programs = folder / f"programs-{self.version}"
        programs.mkdir(exist_ok=True)
        # --force: whether the machine's name is known in that root is of no interest.
        for name, more in (("mariadbd", ""), ("mariadb-install-db", " --force")):
            file = programs / name
            file.write_text(f'#!/bin/sh\nexec {shlex.join(["chroot", str(self._path), name])} "$@"{more}\n')
            file.chmod(0o755)
        return ["--mariadbd", programs / "mariadbd"]


def of_version(version):
    """"10.5" or "11.8", installed when it is not there yet."""
    done = run([place.REPO / "test/harness/server-versions/build", version, place.cache_dir()], timeout=900)
    return ServerRoot(done.stdout.strip())
