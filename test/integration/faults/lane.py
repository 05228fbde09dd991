"""What all faults have in common: a command that is run to its end, and what has to hold whatever it said."""

import dataclasses
import re
import time

from gbtest import process
from gbtest.offline import Offline, printed
from gbtest.process import wait_until
from gbtest.session import Session
from photo import Photo, differences, told

import data

BEGAN = time.monotonic()
SOON = 100  # seconds: for what takes one or two, on a machine that has little time


class Failed(process.BedError):
    pass


@dataclasses.dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    said: str

    @property
    def error(self):
        """The message, and what to do."""
        return self.said[self.said.find("error: "):] if "error: " in self.said else ""

    @property
    def object(self):
        return printed(self.said)

    @property
    def status(self):
        return (self.object or {}).get("status", {})


class Lane:
    """One after the other, beside other lanes: with a repository and servers of its own."""

    def __init__(self, name, folder, expected):
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.local = Offline(self.folder / "store")
        self.expected = expected  # the photo of what was backed up
        self._count = 0

    def step(self, what):
        print(f"{time.monotonic() - BEGAN:6.1f} s  {self.name}: {what}", flush=True)

    def new_name(self):
        self._count += 1
        return f"{self.name}-{self._count}"

    def start(self, *arguments, cluster):
        return self.local.start(self.folder / f"{self.new_name()}.log", *arguments, cluster=cluster)

    @staticmethod
    def end(command):
        code = command.wait(SOON)
        with open(command.log, errors="replace") as log:
            return Ended(code, log.read())

    def command(self, *arguments, cluster):
        return self.end(self.start(*arguments, cluster=cluster))

    def insist(self, what, *arguments, cluster):
        """A command that has to succeed."""
        ended = self.command(*arguments, cluster=cluster)
        if ended.code != 0:
            raise Failed(f"{what}: {' '.join(arguments)}: exit code {ended.code}: {ended.said[-3000:]}")
        return ended

    def says(self, what, text, *patterns):
        for pattern in patterns:
            if not re.search(pattern, text):
                raise Failed(f"{what}: it does not say {pattern!r}: {text}")

    def same(self, what, node):
        """Everything is as it was when it was backed up."""
        different = differences(self.expected.things, Photo(node, data.SCHEMAS, accounts=False).things)
        if different:
            raise Failed(f"{what}: {len(different)} things differ\n{told(different)}")

    def restored(self, what, backup, cluster, node=None, *options):
        """The backup is restored over whatever is there, and everything is equal on the node, or on the cluster's first."""
        node = node or cluster.nodes[0]
        ended = self.insist(what, "restore", "--backup", backup, "--existing", "Replace", "--no-safety-backup", *options, cluster=cluster)
        self.same(what, node)
        self.left_alone(what, node)
        return ended

    def phases(self):
        listed = process.run(self.local.argv("list", "-o", "json"))
        return {i["metadata"]["name"]: i["status"]["phase"] for i in printed(listed.stdout)["items"]}

    def whole(self, what):
        done = process.run(self.local.argv("check", "--read-data"), check=False)
        if done.returncode != 0:
            raise Failed(f"{what}: the repository is damaged: {done.stdout}{done.stderr}")

    def left_alone(self, what, *nodes):
        """Each node is in its cluster, in flow control, and is written and changed through."""
        for node in nodes:
            node.wait_synced(SOON)
            with Session(node) as session:
                state = session.ask("SELECT @@GLOBAL.wsrep_desync, @@GLOBAL.read_only")[0]
                if state != ["0", "0"]:
                    raise Failed(f"{what}: node {node.number} is left with wsrep_desync and read_only {state}")
                # What a lock of ours that is still held would make wait for longer than any session waits.
                session.insist("SET lock_wait_timeout = 30")
                session.insist("CREATE DATABASE IF NOT EXISTS probe")
                session.insist("CREATE OR REPLACE TABLE probe.t (id INT PRIMARY KEY)")
                session.insist("INSERT INTO probe.t VALUES (1)")
