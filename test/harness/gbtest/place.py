"""Where a bed lives: a temporary folder, the cache folder, loopback addresses nobody else uses."""

import fcntl
import os
import pathlib
import random
import shutil
import socket
import tempfile

from .process import BedError

REPO = pathlib.Path(__file__).resolve().parents[3]

_held = []  # sockets and files whose only purpose is to stay open


def cache_dir():
    path = os.environ.get("GB_CACHE_DIR")
    if not path:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        path = os.path.join(base, "galera-backup")
    os.makedirs(path, exist_ok=True)
    return pathlib.Path(path)


def new_folder():
    """A private folder for one bed. Folders of beds that were killed are removed on the way."""
    root = pathlib.Path(os.environ.get("TMPDIR", "/tmp"))
    for old in root.glob("gb-bed-*"):
        try:
            with open(old / ".lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(old, ignore_errors=True)
        except OSError:
            pass  # alive, kept, or somebody else's
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gb-bed-", dir=root))
    lock = open(folder / ".lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    _held.append(lock)
    return folder


def keep_folder(folder):
    """Leaves the folder where it is when the program ends."""
    (folder / ".lock").unlink(missing_ok=True)


class Lock:
    """A lock on a file of the cache folder, for work that only one bed may do at a time."""

    def __init__(self, name):
        self._path = cache_dir() / f"{name}.lock"

    def __enter__(self):
        self._file = open(self._path, "w")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_):
        self._file.close()


def _is_free(address, port):
    with socket.socket() as s:
        try:
            s.bind((address, port))
            return True
        except OSError:
            return False


def claim_network(ports, hosts=3):
    """The prefix "127.A.B" of a loopback network on whose hosts 1..hosts all `ports` are free; ours until we end."""
    for _ in range(100):
        prefix = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}"
        claim = socket.socket(socket.AF_UNIX)
        try:
            # An abstract socket is a lock between beds that vanishes with its holder.
            claim.bind(f"\0gb-bed-{prefix}")
        except OSError:
            claim.close()
            continue
        if all(_is_free(f"{prefix}.{h}", p) for h in range(1, hosts + 1) for p in ports):
            _held.append(claim)
            return prefix
        claim.close()
    raise BedError("no free loopback network found in 100 tries")


def free_port(address="127.0.0.1"):
    """A port outside the range that the kernel hands out by itself, so that no outgoing connection takes it."""
    for _ in range(200):
        port = random.randint(20000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0gb-bed-{address}:{port}")
        except OSError:
            claim.close()
            continue
        if _is_free(address, port):
            _held.append(claim)
            return port
        claim.close()
    raise BedError(f"no free port found on {address}")
