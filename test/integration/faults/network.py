"""The network fails at each step of the protocol: of a dump, or of a restore, after any number of bytes."""

import re
import signal

import data
import storms
from gbtest.process import wait_until
from gbtest.proxy import CUT, FROM, RESET, RESET, SILENCE, STALL, TO, TRUNCATE, Fault, Proxy, Through
from gbtest.slowed import Slowed

from lane import SOON, Failed

ADDRESS = r"127(\.\d+){3}:\d+"
HAPPENED = rf"the connection to {ADDRESS} was lost|node {ADDRESS} cannot be reached"
TO_DO = r"try again when the node is back|check that the server runs"


def points(total, chance, count):
    """(bytes, within a header): the beginning, inside of the handshake, further and further apart up to the end, and some by chance."""
    step = (total / 400) ** (1 / count)
    spread = [int(400 * step ** i) for i in range(count)]
    return ([(0, False), (1, False), (30, False)] + [(after, i % 3 == 1) for i, after in enumerate(spread)] +
            [(chance.randrange(total), chance.random() < 0.5) for _ in range(2)])


class Dumps:
    """Of a cluster whose donor is behind a proxy; the node that applications use can be reached in any case."""

    def __init__(self, lane, source, target):
        self.lane = lane
        self.source = source
        self.target = target
        self.proxy = Proxy(source.nodes[1])
        self.reached = Through(source, source.nodes[0], self.proxy)

    def run(self, chance, count):
        self.proxy.arm()
        self.lane.insist("a dump that nothing happens to", "backup", "--name", self.lane.new_name(), cluster=self.reached)
        self.total = total = dict(self.proxy.passed)
        outcomes = []
        for kind in (CUT, TRUNCATE):
            for way in (FROM, TO):
                outcomes += [self.dump(Fault(kind, after, way, in_header)) for after, in_header in points(total[way], chance, count)]
        failed, right = outcomes.count("Failed"), outcomes.count("Completed")
        if not failed or not right:
            raise Failed(f"this shows nothing: {failed} dumps failed, and {right} took the other node")
        self.lane.step(f"{len(outcomes)} dumps cut or truncated within {total[FROM]} bytes from the server and {total[TO]} to it: "
                       f"{failed} failed and say why, {right} took the other node and are right")
        for kind in (STALL, SILENCE):
            self.stalled(Fault(kind, chance.randrange(3000, total[FROM]), FROM))
        for kind in (RESET, CUT):
            self.test_held(kind, chance)

    def dump(self, fault):
        name = self.lane.new_name()
        self.proxy.arm(fault)
        ended = self.lane.command("backup", "--name", name, cluster=self.reached)
        self.proxy.heal()
        return self.judge(f"a dump, {fault}", name, ended)

    def judge(self, what, name, ended):
        phase = self.lane.phases().get(name)
        self.lane.whole(what)
        self.lane.left_alone(what, *self.source.nodes)
        if ended.code == 0 and phase == "Completed":
            self.lane.restored(what, name, self.target)
            return phase
        if ended.code != 1 or phase not in (None, "Failed"):
            raise Failed(f"{what}: exit code {ended.code} of one that is {phase}: {ended.said}")
        self.lane.says(what, ended.error, HAPPENED, TO_DO)
        return "Failed"

    def stalled(self, fault):
        """Until somebody loses patience."""
        what = f"a dump, {fault}"
        name = self.lane.new_name()
        self.proxy.arm(fault)
        command = self.lane.start("backup", "--name", name, cluster=self.reached)
        wait_until(what, lambda: self.proxy.happened, SOON, command)
        command.signal(signal.SIGINT)
        ended = self.lane.end(command)
        self.proxy.heal()
        phase = self.lane.phases().get(name)
        if ended.code != 1 or phase != "Cancelled":
            raise Failed(f"{what}: exit code {ended.code} of one that is {phase}: {ended.said}")
        self.lane.says(what, ended.error, "the backup was cancelled")
        self.lane.whole(what)
        self.lane.left_alone(what, *self.source.nodes)
        self.lane.step(f"{what}: ended by ^C")


    def test_held(self, kind, chance):
        """While its donor is out of flow control and locked, as schema changes that do not end make it."""
        what = f"a dump whose donor is held still, {kind}"
        donor = self.proxy.node
        columns, = (s for s in storms.STORMS if s.name == "columns")
        self.proxy.arm()
        with storms.Raging(self.source, (columns,), 0.1) as raging:
            command = self.lane.start("backup", "--name", self.lane.new_name(), cluster=self.reached)
            with Slowed(command, chance):
                wait_until(what, lambda: donor.sql("SELECT @@GLOBAL.wsrep_desync") == [["1"]], SOON, command, interval=0.02)
                self.proxy.arm(Fault(kind, 0))
            ended = self.lane.end(command)
        self.proxy.heal()
        raging.clear()
        if ended.code != 1:
            raise Failed(f"{what}: exit code {ended.code}: {ended.said}")
        self.lane.says(what, ended.error, HAPPENED)
        if donor.sql("SELECT @@GLOBAL.wsrep_desync") == [["1"]]:
            self.lane.says(what, ended.error, rf"node {self.proxy.endpoint} is left out of its cluster's flow control",
                           "run SET GLOBAL wsrep_desync=OFF there once it answers")
            if kind != CUT:
                raise Failed(f"{what}: the donor is left out of flow control, and could be reached: {ended.said}")
            donor.sql("SET GLOBAL wsrep_desync=OFF")
        elif kind == CUT:
            raise Failed(f"{what}: somebody else has brought the donor back: this shows nothing")
        self.lane.left_alone(what, *self.source.nodes)
        self.lane.step(f"{what}: " + ("it says that the donor is left outside" if kind == CUT else "the donor was brought back"))


class Restores:
    """Onto a server behind a proxy."""

    def __init__(self, lane, source, target):
        self.lane = lane
        self.source = source
        self.target = target
        self.node = target.nodes[0]
        self.proxy = Proxy(self.node)
        self.reached = Through(target, self.proxy)

    def measure(self):
        """How many bytes pass, of a restore over what is there."""
        self.lane.restored("a first restore", "original", self.reached, self.node)
        self.proxy.arm()
        self.lane.insist("a restore that nothing happens to", "restore", "--backup", "original", "--existing", "Replace", cluster=self.reached)
        self.total = dict(self.proxy.passed)

    def sweep(self, kinds, chance, count):
        total = self.total
        outcomes = [self.restore(Fault(kind, after, way, in_header)) for kind in kinds for way in (FROM, TO)
                    for after, in_header in points(total[way], chance, count)]
        for wanted in ("refused", "failed"):
            if wanted not in outcomes:
                raise Failed(f"this shows nothing: no restore was {wanted}")
        self.lane.step(f"{len(outcomes)} restores, {' or '.join(kinds)} within {total[FROM]} bytes from the server and {total[TO]} to it: " +
                       ", ".join(f"{outcomes.count(o)} {o}" for o in sorted(set(outcomes))) + "; after each the next one made everything equal")

    def digests(self):
        """A backup of what was restored has the digests of the original, and those of what was restored are the backup's."""
        self.lane.insist("what was restored", "backup", "--name", "of-restored", cluster=self.target)
        for backup, cluster in (("of-restored", self.source), ("original", self.target)):
            self.lane.insist("the digests", "diff", "--backup", backup, "--databases", ",".join(data.SCHEMAS), cluster=cluster)
        self.node.sql("UPDATE flt_app.audit SET id = id + 1; UPDATE flt_app.texts SET n = n + 0.00001 WHERE id = 7")
        ended = self.lane.command("diff", "--backup", "original", "--databases", "flt_app", cluster=self.target)
        if ended.code != 3 or "texts" not in ended.said:
            raise Failed(f"a row was changed, and the digests do not tell: exit code {ended.code}: {ended.said}")
        self.lane.step("a backup of what was restored has the digests of the original")

    def restore(self, fault):
        what = f"a restore, {fault}"
        self.proxy.arm(fault)
        ended = self.lane.command("restore", "--backup", "original", "--existing", "Replace", cluster=self.reached)
        outcome = self.judge(what, ended)
        self.again(what)
        return outcome

    def judge(self, what, ended):
        if ended.code == 0:
            self.lane.same(what, self.node)
            return "completed"
        if ended.code != 1:
            raise Failed(f"{what}: exit code {ended.code}: {ended.said}")
        self.lane.says(what, ended.error, HAPPENED, TO_DO)
        self.told(what, ended)
        return "failed" if ended.object else "refused"

    def told(self, what, ended):
        """Where it stopped, what is in place, the way back and the next command."""
        status, error = ended.status, ended.error
        if status.get("phase") != "Cancelled" and not re.search("nothing was changed|the safety backup (could not begin|.* failed)", error):
            self.lane.says(what, error, "failed while .*; in place: .* schemas made", "run the restore again with existing: Replace")
        if "safetyBackup" in status:
            self.lane.says(what, error, f"restore the safety backup \"{status['safetyBackup']}\"")
        if self.node.sql("SELECT @@GLOBAL.read_only") != [["0"]]:
            self.lane.says(what, error, "may be read_only still: the next restore gives it back")
            if status.get("trafficLeftBlocked") != ["galera"]:
                raise Failed(f"{what}: the status does not say that the node is read_only: {status}")

    def again(self, what):
        self.proxy.heal()
        self.lane.restored(what, "original", self.reached, self.node)

    def test_stalled(self, kind, chance):
        """While rows are loaded, until somebody loses patience."""
        self.proxy.arm()
        self.again("a restore that nothing happens to")
        # Rows come first; more than half of the bytes only make room for comparing them.
        fault = Fault(kind, int(self.proxy.passed[TO] * chance.uniform(0.05, 0.25)), TO)
        what = f"a restore, {fault}"
        self.proxy.arm(fault)
        command = self.lane.start("restore", "--backup", "original", "--existing", "Replace", "--no-safety-backup", cluster=self.reached)
        wait_until(what, lambda: self.proxy.happened, SOON, command)
        command.signal(signal.SIGINT)
        ended = self.lane.end(command)
        if ended.code != 1 or ended.status.get("phase") != "Cancelled":
            raise Failed(f"{what}: exit code {ended.code}: {ended.said}")
        self.lane.says(what, ended.error, "the restore was cancelled; .* create a new restore with existing: Replace")
        self.told(what, ended)
        if kind == STALL:  # whoever cannot reach the node cannot give it back
            self.lane.says(what, ended.error, "a node did not answer when applications were to be let in again, and may be read_only still")
        self.again(what)
        self.lane.step(f"{what}: ended by ^C; the next one made everything equal")
