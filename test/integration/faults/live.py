"""A cluster that lives while it is restored onto: others write where rows are still to come, a node leaves it."""

import itertools
import random
import threading

from gbtest.process import wait_until
from gbtest.proxy import SILENCE, TO, Fault, Proxy, Through
from gbtest.session import Session, SqlError

from lane import SOON, Failed

# The table is not there yet, or its row is; Galera's choice fell on the other side.
_EXPECTED = {1046, 1049, 1051, 1062, 1146, 1205, 1213, 1452}


class Intruders:
    """Through every node but the first, for the duration of the block: rows with keys that a restore is to bring, gone when it commits."""

    def __init__(self, cluster, seed):
        self._end = threading.Event()
        self._errors = []
        self._threads = [threading.Thread(target=self._run, args=(node, random.Random(f"{seed} {node.number}"))) for node in cluster.nodes[1:]]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _run(self, node, chance):
        try:
            with Session(node) as session:
                while not self._end.is_set():
                    self._intrude(session, chance)
        except Exception as error:  # told at the end, whatever it is
            self._errors.append(error)

    @staticmethod
    def _intrude(session, chance):
        key = 3 * chance.randint(1, 9000)
        try:
            for statement in ("START TRANSACTION", f"INSERT INTO flt_app.children (id, parent, state) VALUES ({key}, 1, 'new')",
                              f"DELETE FROM flt_app.children WHERE id = {key}", "COMMIT"):
                session.ask(statement)
        except SqlError as error:
            if error.number not in _EXPECTED:
                raise
            session.insist("ROLLBACK")


def _lost_conflicts(node):
    status = node.status()
    return int(status["wsrep_local_bf_aborts"]) + int(status["wsrep_local_cert_failures"])


def test_conflicts(lane, cluster, seed):
    """Until transactions of a restore have lost some."""
    node = cluster.nodes[0]
    before = _lost_conflicts(node)
    with Intruders(cluster, seed):
        for restores in itertools.count(1):
            lane.restored("a restore among those who write", "original", cluster, node, "--no-block-traffic")
            lost = _lost_conflicts(node) - before
            if lost >= 10:
                break
            if restores == 10:
                raise Failed(f"{restores} restores among those who write lost only {lost} conflicts: this shows nothing")
    lane.left_alone("a restore among those who write", *cluster.nodes)
    lane.step(f"{restores} restores among those who write: {lost} conflicts were lost, and every row is there")


def test_not_primary(lane, cluster, chance):
    """The node that is restored through is cut off from its cluster, in the middle."""
    what = "a restore whose node leaves the Primary component"
    node = cluster.nodes[0]
    with Proxy(node) as proxy:
        reached = Through(cluster, proxy, *cluster.nodes[1:])
        proxy.arm()
        lane.restored(what, "original", reached, node)
        total = proxy.passed[TO]  # first the rows, then much that only makes room for comparing them
        proxy.arm(Fault(SILENCE, chance.randrange(total // 8, total // 4), TO))
        command = lane.start("restore", "--backup", "original", "--existing", "Replace", "--no-safety-backup", cluster=reached)
        wait_until(what, lambda: proxy.happened, SOON, command)
        node.isolate()
        proxy.heal()
        ended = lane.end(command)
        node.rejoin()
        if ended.code != 1:
            raise Failed(f"{what}: exit code {ended.code}: {ended.said}")
        lane.says(what, ended.error, "failed while loading .*; in place: ", rf"node {proxy.endpoint} is not part of the primary component",
                  "wait until the cluster has a quorum", "run the restore again with existing: Replace")
        lane.left_alone(what, *cluster.nodes)
        lane.restored(what, "original", reached, node)
    lane.step(f"{what}: it is named, no node is left read_only, and the next one made everything equal")
