"""How a test program that runs inside a bed asks for faults: `bed node 3 kill`, over a unix socket of the bed.

The bed itself must do it, because servers that it restarts have to be its children: they die with it.
"""

import json
import os
import pathlib
import socket
import threading
import time

from .process import BedError

VERBS = ("kill", "stop", "cont", "shutdown", "start", "isolate", "rejoin")
_SOCKET = "control.sock"


class ControlServer:
    """Serves the clusters of one bed, named "galera" and "second"."""

    def __init__(self, folder, clusters):
        self._clusters = clusters
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(pathlib.Path(folder) / _SOCKET))
        self._listener.listen(8)
        threading.Thread(target=self._accept, daemon=True, name="control").start()

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rw") as stream:
            try:
                order = json.loads(stream.readline())
                started = time.monotonic()
                getattr(self._clusters[order["cluster"]].node(order["node"]), order["verb"])()
                answer = {"seconds": round(time.monotonic() - started, 1)}
            except Exception as error:  # told to the asker, who decides what it means
                answer = {"error": f"{type(error).__name__}: {error}"}
            try:
                stream.write(json.dumps(answer) + "\n")
                stream.flush()
            except OSError:
                pass  # the asker went away


def ask(node, verb):
    """`node` is "3", or "second/3" for the second cluster. Returns how many seconds it took."""
    folder = os.environ.get("GB_TEST_BED")
    if not folder:
        raise BedError("GB_TEST_BED is not set: run this inside `bed galera -- CMD` or with a bed's env file sourced")
    if verb not in VERBS:
        raise BedError(f"unknown verb {verb!r}: one of {', '.join(VERBS)}")
    cluster, _, number = node.rpartition("/")
    if not number.isdigit() or cluster not in ("", "galera", "second"):
        raise BedError(f"{node!r} is no node: write 1, 2 or 3, or second/1 for the second cluster")
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(os.path.join(folder, _SOCKET))
        except OSError as error:
            raise BedError(f"no bed answers in {folder}: {error}") from None
        with s.makefile("rw") as stream:
            stream.write(json.dumps({"cluster": cluster or "galera", "node": int(number), "verb": verb}) + "\n")
            stream.flush()
            answer = json.loads(stream.readline() or '{"error": "the bed ended"}')
    if "error" in answer:
        raise BedError(answer["error"])
    return answer["seconds"]
