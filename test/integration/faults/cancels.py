"""Somebody ends our program, or kills it, at any moment: after any number of bytes that passed between it and a server."""

import signal

from gbtest.proxy import CALL, FROM, TO, Fault

from lane import Failed


def _interrupted(lane, proxy, number, fault_at, *arguments, cluster):
    """A command that gets the signal after so many bytes."""
    commands = []
    proxy.arm(Fault(CALL, *fault_at, call=lambda: commands[0].signal(number)))
    commands.append(lane.start(*arguments, cluster=cluster))
    ended = lane.end(commands[0])
    proxy.heal()
    return ended


def _moments(chance, total, count):
    """(signal, (bytes, way)): as many of each signal."""
    for i in range(count):
        way = chance.choice((FROM, TO))
        yield (signal.SIGINT, signal.SIGKILL)[i % 2], (chance.randrange(2000, total[way]), way)


def dumps(dumps, chance, total, count):
    lane = dumps.lane
    outcomes = []
    for number, moment in _moments(chance, total, count):
        what = f"a dump, {number.name} after {moment[0]} bytes {moment[1]}"
        name = lane.new_name()
        ended = _interrupted(lane, dumps.proxy, number, moment, "backup", "--name", name, cluster=dumps.reached)
        if ended.code not in (0, 1 if number == signal.SIGINT else -signal.SIGKILL):
            raise Failed(f"{what}: exit code {ended.code}: {ended.said}")
        if ended.code == 1:
            lane.says(what, ended.error, "the backup was cancelled|stopped while")
        lane.insist(what, "backup", "--name", lane.new_name(), cluster=dumps.reached)
        phase = lane.phases().get(name)
        if phase not in (None, "Completed", "Cancelled" if number == signal.SIGINT else "Failed"):
            raise Failed(f"{what}: after the next one it is {phase}")
        lane.whole(what)
        lane.left_alone(what, *dumps.source.nodes)
        if phase == "Completed":
            lane.restored(what, name, dumps.target)
        outcomes.append(phase)
    lane.step(f"{count} dumps interrupted or killed: " + ", ".join(f"{outcomes.count(o)} {o or 'not begun'}" for o in set(outcomes)))


def restores(restores, chance, total, count):
    lane = restores.lane
    outcomes = []
    for number, moment in _moments(chance, total, count):
        what = f"a restore, {number.name} after {moment[0]} bytes {moment[1]}"
        ended = _interrupted(lane, restores.proxy, number, moment, "restore", "--backup", "original", "--existing", "Replace",
                             cluster=restores.reached)
        if ended.code not in (0, 1 if number == signal.SIGINT else -signal.SIGKILL):
            raise Failed(f"{what}: exit code {ended.code}: {ended.said}")
        if ended.code == 1:
            lane.says(what, ended.error, "the restore was cancelled|stopped while",
                      "nothing was changed|create a new restore with existing: Replace|stopped while")
            if restores.node.sql("SELECT @@GLOBAL.read_only") != [["0"]]:
                raise Failed(f"{what}: the node is left read_only: {ended.said}")
        restores.again(what)
        half = {n: p for n, p in lane.phases().items() if p not in ("Completed", "Failed", "Cancelled")}
        if half:
            raise Failed(f"{what}: after the next one there is {half}")
        lane.whole(what)
        outcomes.append({0: "completed", 1: "cancelled"}.get(ended.code, "killed"))
    lane.step(f"{count} restores interrupted or killed: " + ", ".join(f"{outcomes.count(o)} {o}" for o in sorted(set(outcomes))) +
              "; after each the next one made everything equal")
