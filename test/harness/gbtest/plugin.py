"""Our command line as users have it: `kubectl galera …`, found by kubectl through links on the PATH."""

import fcntl
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from . import place
from .apiserver import program
from .process import BedError, run

LINKS = ("kubectl-galera", "kubectl-create-galerabackup", "kubectl-create-galerarestore", "kubectl_complete-galera")


def oldest_kubectl():
    """kubectl 1.29, the oldest that the plugin is tested with; built from source the first time."""
    folder = run([place.REPO / "test/harness/kubectl-1.29/build", place.cache_dir()], timeout=1800).stdout.strip()
    return pathlib.Path(folder) / "kubectl"


class Plugin:
    """kubectl with our plugin, as one user."""

    def __init__(self, folder, kubectl, kubeconfig):
        self.kubectl = str(kubectl)
        self.environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": f"{link_into(folder)}:{os.environ['PATH']}",
                            "HOME": str(folder)}

    def argv(self, *words):
        return [self.kubectl, *map(str, words)]

    def run(self, *words, environment=None, timeout=180):
        """Without a terminal; the CompletedProcess."""
        return subprocess.run(self.argv(*words), env={**self.environment, **(environment or {})}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout)

    def start(self, *words):
        return subprocess.Popen(self.argv(*words), env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def terminal(self, *words, columns=120):
        return Terminal(self.argv(*words), self.environment, columns)


class Terminal:
    """A program on a pseudo-terminal; `text` is all that it wrote."""

    def __init__(self, argv, environment, columns):
        self.text = ""
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(argv[0], argv, {**environment, "TERM": "xterm"})
            finally:
                os._exit(127)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.code = None

    def read_until(self, words, timeout=120):
        deadline = time.monotonic() + timeout
        while words not in self.text:
            if not self._read(deadline) or time.monotonic() > deadline:
                raise BedError(f"waited in vain for {words!r} on the terminal, which says:\n{self.text}")
        return self.text

    def press(self, keys):
        os.write(self._fd, keys.encode())

    def wait(self, timeout=180):
        """The exit code; everything was read."""
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise BedError(f"no end after {timeout} s; the terminal says:\n{self.text}")
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._fd)
        return self.code

    def _read(self, deadline):
        """False at the end."""
        if not select.select([self._fd], [], [], max(0.0, min(1.0, deadline - time.monotonic())))[0]:
            return True
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # EIO: the last process closed its side
            return False
        self.text += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


def link_into(folder):
    """A folder with the names under which kubectl finds us."""
    links = folder / "plugin-bin"
    links.mkdir(exist_ok=True)
    for name in LINKS:
        link = links / name
        if not link.exists():
            link.symlink_to(program("kubectl-galera"))
    return links
