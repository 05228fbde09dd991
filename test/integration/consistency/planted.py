"""A check that cannot fail proves nothing: violations made on purpose, each of which must be found, and named rightly."""

from gbtest.session import Session
from workload import BANKS, CAUSES, Moment, problems


class Unseen(Exception):
    pass


def _undone(side):
    worker, number, bank, account, amount = side
    return [f"UPDATE {bank}.accounts SET balance = balance - {amount} WHERE id = {account}",
            f"DELETE FROM {bank}.ledger WHERE worker = {worker} AND number = {number}"]


def _plants(moment, history):
    """(name, the words that find it, the statements that make it)"""
    transfer, sides = next(iter(moment.ledger.items()))
    sides = [(*transfer, *side) for side in sides]
    cause = max(moment.effects)
    later = max(number for worker, number in moment.ledger if worker == transfer[0]) + 1
    done = next(t.name[1:] for t in reversed(history) if t.name[0] == "transfer")
    yield "a lost transfer", "not in it, though they came before", _undone(sides[0]) + _undone(sides[1])
    yield "a torn transaction", "is torn", _undone(sides[0])
    yield "a lost update", "its ledger says", [f"UPDATE {BANKS[1]}.accounts SET balance = balance + {a} WHERE id = {i}"
                                              for i, a in ((1, 1), (2, -1))]
    yield "money from nowhere", "all accounts hold", [f"UPDATE {BANKS[1]}.accounts SET balance = balance + 1 WHERE id = 1"]
    yield "an effect without its cause", "effects without a cause", [
        f"DELETE FROM {CAUSES}.numbers WHERE (worker, number) = ({cause[0]}, {cause[1]})"]
    yield "what nobody committed", "that nobody committed", [
        f"INSERT INTO {b}.ledger VALUES ({transfer[0]}, {later + 1_000_000}, 1, 0)" for b in BANKS[:2]]
    yield "a transaction of later", "in it, though", [f"INSERT INTO {b}.ledger VALUES ({done[0]}, {done[1]}, 1, 0)" for b in BANKS[:2]]


def check(node, history, claim):
    """Returns what was planted and found. The server is as it was afterwards."""
    found = []
    with Session(node) as session:
        whole = Moment.seen_by(session)
        for name, words, statements in _plants(whole, history):
            session.ask("START TRANSACTION")
            try:
                for statement in statements:
                    session.ask(statement)
                told = problems(Moment.seen_by(session), history, claim)
            finally:
                session.ask("ROLLBACK")
            if not any(words in text for text in told):
                raise Unseen(f"{name} was planted and not found: {told}")
            found.append(name)
    return found
