"""From the store to the outbox, from where it is written to the EHR once. Killed anywhere in between, it goes on where it was.

Moves of one referral go one after another: the next one only when the server has said that it took the one before.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, or_, select, update

from fhir_adapters.writeback import Outbox, State
from plugin.referrals.resources import ORDER, REFER, TASK, intents, key
from plugin.referrals.withholding import end_order, hindrance, keep_back
from plugin.referrals.words import EPISODE, RELAY
from plugin.store import Store
from plugin.store.tables.referrals import CONSENTS, REFERRALS, WRITES

_ON_SERVER: Final = (State.SENT, State.CONFIRMED)
PUT, WAITS, KEPT_BACK = "put", "waits", "kept back"


def carry_out(store: Store, outbox: Outbox, at: datetime) -> Counter[str]:
    """Put everything that is to be told into the outbox, as far as its turn has come; how many were ``put`` and how many wait.

    What was taken back before the agency heard of it, or has lost its consent by then, is ``kept back``.
    """
    places(store, outbox, at)
    done: Counter[str] = Counter()
    for referral, writes in _waiting(store).items():
        done += _carry(store, outbox, referral, writes, at)
    return done


def places(store: Store, outbox: Outbox, at: datetime) -> int:
    """Note where orders and Tasks came to stand on their servers; how many are new. An order ends whose Task was kept back."""
    with store.read() as connection:
        table = REFERRALS.c
        unplaced = or_(table.task_place.is_(None), table.request_place.is_(None))
        rows = connection.execute(select(REFERRALS).where(table.origin.in_((EPISODE, RELAY)), table.task.is_not(None), unplaced)).all()
    found = {row.id: (_place(outbox, row, "Task"), _place(outbox, row, "ServiceRequest")) for row in rows}
    known = {id: both for id, both in found.items() if all(both)}
    alone = {row.id: order for row in rows if row.request_place is None and (order := found[row.id][1]) and _is_parked(outbox, row)}
    with store.write() as connection:
        for id, (task, order) in known.items():
            connection.execute(update(REFERRALS).where(REFERRALS.c.id == id).values(task_place=task, request_place=order))
        for id, order in alone.items():
            end_order(connection, id, order, at)
    return len(known)


def _is_parked(outbox: Outbox, row: Row[Any]) -> bool:
    status = outbox.status(key(row, "Task"))
    return status is not None and status.state is State.PARKED


def _place(outbox: Outbox, row: Row[Any], type: str) -> str | None:
    status = outbox.status(key(row, type))
    return status.place if status and status.state in _ON_SERVER else None


def _waiting(store: Store) -> Mapping[str, Sequence[Row[Any]]]:
    """Referral → all of its writes that were not withdrawn, the first one first; only of those of which one is still to be put."""
    table = WRITES.c
    some = select(table.referral).where(table.put.is_(None), table.withdrawn.is_(None))
    query = select(WRITES).where(table.referral.in_(some), table.withdrawn.is_(None))
    found: dict[str, list[Row[Any]]] = {}
    with store.read() as connection:
        for row in connection.execute(query.order_by(table.referral, table.number, table.kind.desc())):
            found.setdefault(row.referral, []).append(row)
    return found


def _carry(store: Store, outbox: Outbox, referral: str, writes: Sequence[Row[Any]], at: datetime) -> Counter[str]:
    """What is put is looked at once more, with the referral locked: whoever takes it back meanwhile comes before that or after."""
    number, write = next(each for each in enumerate(writes) if each[1].put is None)
    with store.read() as connection:
        row = connection.execute(select(REFERRALS).where(REFERRALS.c.id == referral)).one()
    unasked = _is_unasked(outbox, row, writes)
    if not unasked and not _turn(outbox, row, write, writes[:number]):
        return Counter({WAITS: len(writes) - number})
    with store.write() as connection:
        row = connection.execute(select(REFERRALS).where(REFERRALS.c.id == referral).with_for_update()).one()
        if unasked and (write.kind != REFER or hindrance(connection, row, at.date()) is not None):
            return Counter({KEPT_BACK: keep_back(connection, row, at, row.request_place)})
        if _waits(connection, write):
            _put(outbox, row, write, connection.scalar(select(CONSENTS.c.place).where(CONSENTS.c.id == row.consent)))
            _mark(connection, write, at)
    return Counter({PUT: 1, WAITS: len(writes) - number - 1})


def _is_unasked(outbox: Outbox, row: Row[Any], writes: Sequence[Row[Any]]) -> bool:
    """Whether nothing of it is on its way: the outbox may know it although that was not noted here.

    What was kept back never is, unless its order had come to stand already: that is to end.
    """
    first = writes[0]
    if row.task_place is not None:
        return False
    if first.kind == REFER:
        return first.put is None and outbox.status(key(row, "Task")) is None
    return first.kind == TASK or row.request_place is None


def _waits(connection: Connection, write: Row[Any]) -> bool:
    """Whether it still does: the server may have overtaken it meanwhile."""
    return connection.scalar(select(WRITES.c.at).where(*_itself(write), WRITES.c.withdrawn.is_(None))) is not None


def _put(outbox: Outbox, row: Row[Any], write: Row[Any], consent: str | None) -> None:
    with outbox.transaction() as together:
        for intent in intents(row, write, consent):
            outbox.add(intent, together)


def _turn(outbox: Outbox, row: Row[Any], write: Row[Any], before: Sequence[Row[Any]]) -> bool:
    """Whether what goes before is on the server, and the place of what is to be changed is known."""
    if write.kind == REFER:
        return True
    if (row.task_place if write.kind == TASK else row.request_place) is None:
        return False
    return all(_is_over(outbox, row, each) for each in before)


def _is_over(outbox: Outbox, row: Row[Any], write: Row[Any]) -> bool:
    """Whether the outbox is done with it: the server took it, or shows it although a person has yet to look why it was not taken."""
    type = "ServiceRequest" if write.kind == ORDER else "Task"
    status = outbox.status(key(row, type, "" if write.kind == REFER else str(write.number)))
    return status is not None and (status.state in _ON_SERVER or (status.state is State.PARKED and write.landed is not None))


def _mark(connection: Connection, write: Row[Any], at: datetime) -> None:
    connection.execute(update(WRITES).where(*_itself(write)).values(put=at))


def _itself(write: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    return (WRITES.c.referral == write.referral, WRITES.c.number == write.number, WRITES.c.kind == write.kind)
