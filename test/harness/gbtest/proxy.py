"""A network that fails at a known place: a TCP proxy in front of a server that does something after exactly so many bytes."""

import contextlib
import dataclasses
import socket
import threading
from typing import Callable

from . import place

TO, FROM = "to the server", "from the server"
_HEADER = 4  # of a packet of MariaDB's protocol: three bytes of length, a number


@dataclasses.dataclass(frozen=True)
class Fault:
    """After `after` bytes of one direction, counted over all connections since it was armed."""

    kind: str  # CUT, RESET, TRUNCATE, STALL, SILENCE or CALL
    after: int
    way: str = FROM
    in_header: bool = False  # then on to the middle of the next packet's header
    call: Callable[[], None] | None = None

    def __str__(self):
        return f"{self.kind} after {self.after} bytes {self.way}{' and within a header' if self.in_header else ''}"


CUT = "cut"  # every connection is closed, and new ones are refused until it is healed
RESET = "reset"  # every connection is closed, new ones pass
TRUNCATE = "truncate"  # this one connection is closed, the others live
STALL = "stall"  # nothing passes any more, nor on new connections, until it is healed
SILENCE = "silence"  # the same, but new connections pass
CALL = "call"  # something is called, and everything passes on


class _Link:
    """A client's connection and ours to the server."""

    def __init__(self, client, server):
        self.ends = {TO: (client, server), FROM: (server, client)}
        self.silent = False
        self._left = {TO: 0, FROM: 0}  # until the next packet begins
        self._head = {TO: b"", FROM: b""}

    def close(self):
        for end in self.ends[TO]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def release(self):
        for end in self.ends[TO]:
            end.close()

    def within_header(self, way, data, after):
        """How much of the data there is up to the middle of the first header that begins after so much of it; None without one."""
        at = self._left[way] if not self._head[way] else len(data)
        while at < after and at + _HEADER <= len(data):
            at += _HEADER + int.from_bytes(data[at:at + 3], "little")
        return at + _HEADER // 2 if after <= at and at + _HEADER // 2 <= len(data) else None

    def count(self, way, data):
        """Keeps count of where packets begin."""
        while data:
            if self._left[way]:
                step = min(self._left[way], len(data))
                self._left[way] -= step
                data = data[step:]
                continue
            head = self._head[way] + data[:_HEADER - len(self._head[way])]
            data = data[len(head) - len(self._head[way]):]
            self._head[way] = b"" if len(head) == _HEADER else head
            if len(head) == _HEADER:
                self._left[way] = int.from_bytes(head[:3], "little")


class Proxy:
    """In front of a node, on an address of the node's network; `endpoint` is where clients find it."""

    def __init__(self, node):
        self.node = node
        self.address = node.address
        self.port = place.free_port(node.address)
        self.passed = {TO: 0, FROM: 0}  # bytes, since it was armed
        self._changed = threading.Condition()
        self._links = set()
        self._fault = None
        self._happening = False  # nothing passes meanwhile
        self._happened = False
        self._silent = False  # new connections are, too
        self._listener = None
        self._listen()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        self._let_pass()

    @property
    def endpoint(self):
        return f"{self.address}:{self.port}"

    @property
    def happened(self):
        return self._happened

    def arm(self, fault=None):
        """Bytes are counted from now on; without a fault everything passes."""
        with self._changed:
            self.passed = {TO: 0, FROM: 0}
            self._fault = fault
            self._happened = False

    def heal(self):
        """Everything passes again, what was held back first."""
        self._let_pass()
        self._listen()

    def cut(self):
        """At once: as the fault of that name."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
            listener.close()
        self._close_all()

    def stall(self, new=True):
        """At once: as the fault of that name; without `new` as SILENCE."""
        with self._changed:
            self._silent = new
            for link in self._links:
                link.silent = True

    def _let_pass(self):
        with self._changed:
            self._fault = None
            self._silent = False
            for link in self._links:
                link.silent = False
            self._changed.notify_all()

    def _close_all(self):
        with self._changed:
            for link in self._links:
                link.close()

    def _listen(self):
        if self._listener is None:
            self._listener = socket.create_server((self.address, self.port), backlog=64)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # cut
            try:
                server = socket.create_connection((self.node.address, self.node.port))
            except OSError:
                client.close()
                continue
            link = _Link(client, server)
            with self._changed:
                link.silent = self._silent
                self._links.add(link)
                if self._listener is not listener:  # cut in this moment
                    link.close()
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        back = threading.Thread(target=self._pump, args=(link, FROM), daemon=True)
        back.start()
        self._pump(link, TO)
        back.join()
        with self._changed:
            self._links.discard(link)
        link.release()

    def _pump(self, link, way):
        source, sink = link.ends[way]
        try:
            while data := source.recv(1 << 16):
                while data:
                    some, fault = self._may_pass(link, way, data)
                    sink.sendall(data[:some])
                    data = data[some:]
                    if fault:
                        self._happen(fault, link)
        except OSError:
            pass  # one of both is gone, and so is the other
        link.close()

    def _may_pass(self, link, way, data):
        """How much of the data passes now, and the fault that comes after it."""
        with self._changed:
            while link.silent or self._happening:
                self._changed.wait()
            some, fault = len(data), None
            if self._fault and self._fault.way == way:
                room = max(0, self._fault.after - self.passed[way])
                if self._fault.in_header and room < len(data):
                    room = link.within_header(way, data, room)
                if room is not None and room <= len(data):
                    some, fault = room, self._fault
                    self._fault, self._happening = None, True
            self.passed[way] += some
            link.count(way, data[:some])
            return some, fault

    def _happen(self, fault, link):
        if fault.kind == CUT:
            self.cut()
        elif fault.kind == RESET:
            self._close_all()
        elif fault.kind == TRUNCATE:
            link.close()
        elif fault.kind == CALL:
            fault.call()
        else:
            self.stall(new=fault.kind == STALL)
        with self._changed:
            self._happening, self._happened = False, True
            self._changed.notify_all()


class Through:
    """A cluster as somebody knows it who reaches it by these nodes and proxies alone; applications use the first."""

    def __init__(self, cluster, *doors):
        self.endpoints = [door.endpoint for door in doors]
        self.password_file = cluster.password_file
