"""Applications whose every transaction can be looked for in a backup, and what a moment of theirs has to look like."""

import dataclasses
import itertools
import random
import threading

from gbtest.process import wait_until
from gbtest.session import Session, SqlError

BANKS = ("con_bank_a", "con_bank_m", "con_bank_z")
# An effect is committed after its cause, in a schema that is read before it.
CAUSES, EFFECTS = "con_z_causes", "con_a_effects"
SCHEMAS = (*BANKS, CAUSES, EFFECTS)
ACCOUNTS, BALANCE = 16, 1000

# What a schema change, or a write of another node, may answer to a transaction: it is rolled back, and another one is made.
_ROLLED_BACK = {1020, 1054, 1146, 1180, 1205, 1213, 1412, 1969}


@dataclasses.dataclass(frozen=True)
class Committed:
    """By its name it is found in a backup; `gtid` is its place in the cluster's order. `after` and `until`: a seqno that was
    committed on its node before it was, and one that was when it had been."""

    name: tuple
    gtid: int
    after: int
    until: int


def committed_seqno(session):
    return int(session.ask("SHOW STATUS LIKE 'wsrep_last_committed'")[0][1])


def own_gtid(session):
    """The sequence number of what this session wrote last, which is the same on every node, binary log or not."""
    return int(session.ask("SELECT WSREP_LAST_WRITTEN_GTID()")[0][0].rpartition("-")[2])


def make(cluster):
    statements = []
    for bank in BANKS:
        statements += [f"CREATE DATABASE {bank}", f"USE {bank}", f"CREATE TABLE {bank}.accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL)",
                       f"CREATE TABLE {bank}.ledger (worker INT, number INT, account INT NOT NULL, amount BIGINT NOT NULL, "
                       "PRIMARY KEY (worker, number))",
                       f"INSERT INTO {bank}.accounts SELECT seq, {BALANCE} FROM seq_1_to_{ACCOUNTS}"]
    for schema in (CAUSES, EFFECTS):
        statements += [f"CREATE DATABASE {schema}",
                       f"CREATE TABLE {schema}.numbers (worker INT, number INT, PRIMARY KEY (worker, number))"]
    cluster.sql("; ".join(statements))


class Beside:
    """Threads that go on for the duration of a block, and whose errors come out at its end."""

    def __init__(self):
        self._stop = threading.Event()
        self._errors = []
        self._threads = []

    def each(self, *calls):
        """(function, argument, …), each in a thread of its own."""
        self._threads += [threading.Thread(target=self._call, args=call) for call in calls]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _call(self, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # told at the end, whatever it is
            self._errors.append(error)


class Workload(Beside):
    """Transfers and causes through every node, until the end of the block. Everything that is committed is added to `history`."""

    def __init__(self, cluster, history):
        super().__init__()
        self._cluster = cluster
        self._lock = threading.Lock()
        self.history = history
        self.rolled_back = 0
        nodes = cluster.nodes
        roles = [(self._transfers, n) for n in nodes for _ in range(2)] + [(self._causes, n) for n in nodes]
        # A worker is never the same as one of an earlier workload, whose transactions are still there.
        first = max((t.name[1] for t in history), default=0) + 1
        self.each(*((role, worker, node, random.Random(worker)) for worker, (role, node) in enumerate(roles, first)))

    def wait(self, count=50):
        """Until so many more transactions are committed: through a cluster that works it does not take long."""
        goal = len(self.history) + count
        wait_until(f"{count} transactions", lambda: len(self.history) >= goal or self._errors, 60)

    def _commit(self, session, name, statements):
        """Whether it was committed. Sooner or later the next one is."""
        self._stop.wait(0.01)
        try:
            session.ask("START TRANSACTION")
            for statement in statements:
                session.ask(statement)
            after = committed_seqno(session)
            session.ask("COMMIT")
        except SqlError as error:
            if error.number not in _ROLLED_BACK:
                raise
            session.ask("ROLLBACK")
            self.rolled_back += 1
            return False
        committed = Committed(name, own_gtid(session), after, committed_seqno(session))
        with self._lock:
            self.history.append(committed)
        return True

    def _transfers(self, worker, node, chance):
        with Session(node) as session:
            for number in itertools.count(1):
                if self._stop.is_set():
                    return
                amount = chance.randint(1, 9)
                # Always in the same order, so that two transfers seldom wait for each other.
                giver, taker = sorted(chance.sample(BANKS, 2))
                if chance.random() < 0.5:
                    amount = -amount
                statements = []
                for bank, change in ((giver, -amount), (taker, amount)):
                    account = chance.randint(1, ACCOUNTS)
                    statements += [f"UPDATE {bank}.accounts SET balance = balance + {change} WHERE id = {account}",
                                   f"INSERT INTO {bank}.ledger VALUES ({worker}, {number}, {account}, {change})"]
                self._commit(session, ("transfer", worker, number), statements)

    def _causes(self, worker, node, chance):
        """The cause through one node, its effect through the next: on none does the one come before the other."""
        others = [n for n in self._cluster.nodes if n is not node] or [node]
        with Session(node) as here, Session(chance.choice(others)) as there:
            for number in itertools.count(1):
                if self._stop.is_set():
                    return
                if self._commit(here, ("cause", worker, number), [f"INSERT INTO {CAUSES}.numbers VALUES ({worker}, {number})"]):
                    self._commit(there, ("effect", worker, number), [f"INSERT INTO {EFFECTS}.numbers VALUES ({worker}, {number})"])


@dataclasses.dataclass
class Moment:
    """What of it all a server holds."""

    balances: dict  # (bank, account): balance
    ledger: dict  # (worker, number): [(bank, account, amount), …]
    causes: set
    effects: set

    @classmethod
    def seen_by(cls, session):
        def numbers(text):
            return [tuple(map(int, row)) for row in session.ask(text)]
        balances, ledger = {}, {}
        for bank in BANKS:
            balances |= {(bank, account): balance for account, balance in numbers(f"SELECT id, balance FROM {bank}.accounts")}
            for worker, number, account, amount in numbers(f"SELECT worker, number, account, amount FROM {bank}.ledger"):
                ledger.setdefault((worker, number), []).append((bank, account, amount))
        causes, effects = (set(numbers(f"SELECT worker, number FROM {s}.numbers")) for s in (CAUSES, EFFECTS))
        return cls(balances, ledger, causes, effects)

    def names(self):
        return ({("transfer", *k) for k in self.ledger} | {("cause", *k) for k in self.causes} |
                {("effect", *k) for k in self.effects})

    def problems(self):
        """What cannot be, whatever the moment is."""
        found = []
        expected = len(BANKS) * ACCOUNTS * BALANCE
        if (total := sum(self.balances.values())) != expected:
            found.append(f"all accounts hold {total}, not {expected}")
        booked = {account: BALANCE for account in itertools.product(BANKS, range(1, ACCOUNTS + 1))}
        for transfer, sides in self.ledger.items():
            if len(sides) != 2 or sum(amount for _, _, amount in sides) != 0:
                found.append(f"transfer {transfer} is torn: {sides}")
            for bank, account, amount in sides:
                booked[bank, account] += amount
        found += [f"account {a} holds {self.balances.get(a)}, its ledger says {b}" for a, b in booked.items() if self.balances.get(a) != b]
        if lost := self.effects - self.causes:
            found.append(f"{len(lost)} effects without a cause: {sorted(lost)[:3]}")
        return found


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a backup says of the moment that it holds: the number of its GTID (0: it says none), and a seqno of Galera's.

    `exact`: nothing after the seqno may be there; else it only says what is there at least.
    """

    gtid: int
    seqno: int
    exact: bool


def bounds(moment, history, claim):
    """Between which places in the cluster's order, both included, the moment lies."""
    if claim.gtid:
        return claim.gtid, claim.gtid
    names = moment.names()
    last = max((t.gtid for t in history if t.name in names), default=0)
    return last, min((t.gtid for t in history if t.gtid > last), default=last + 1) - 1


def problems(moment, history, claim):
    """What is wrong with a moment of which this is claimed."""
    found = moment.problems()
    names = moment.names()
    last, seqno = bounds(moment, history, claim)[0], claim.seqno
    if unknown := names - {t.name for t in history}:
        found.append(f"{len(unknown)} transactions that nobody committed: {sorted(unknown)[:3]}")
    for text, wrong in (
            ("not in it, though they came before its end", [t for t in history if t.gtid <= last and t.name not in names]),
            ("in it, though they came after it", [t for t in history if t.gtid > last and t.name in names]),
            ("not in it, though they were committed at its seqno", [t for t in history if t.until <= seqno and t.name not in names]),
            ("in it, though its seqno was committed before them",
             [t for t in history if claim.exact and t.after >= seqno and t.name in names])):
        if wrong:
            first = min(wrong, key=lambda t: t.gtid)
            found.append(f"{len(wrong)} transactions are {text} (GTID …-{last}, seqno {seqno}): first {first}")
    return found

