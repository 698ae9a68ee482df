"""Feedback into the ledger: each entry is taken or quarantined, whatever comes beside it, before it, or again."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, select

from plugin.cds.feedback import Fault, Feedback, Message, Unusable
from plugin.cds.ledger.entries import CardState
from plugin.cds.ledger.pseudonyms import Pseudonyms
from plugin.cds.ledger.waiting import REFER, THEIRS, WAITING
from plugin.store.inserting import insert_new, upsert
from plugin.store.tables.cds import ACCEPTED, CALLS, CARDS, FEEDBACK, HANDOVERS, QUARANTINE, REASONS, SUGGESTIONS

_AT_ONCE: Final = 500
"""Cards of one query."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a message."""

    taken: int
    quarantined: Counter[Fault]
    unknown_suggestions: int = 0
    """Accepted suggestions that are none of their card's; the acceptance of the card counts all the same."""


@dataclass(slots=True)
class _Rows:
    """What the usable entries bring."""

    feedback: list[Json] = field(default_factory=list)
    reasons: list[Json] = field(default_factory=list)
    accepted: list[Json] = field(default_factory=list)
    handovers: list[Json] = field(default_factory=list)
    faults: list[Unusable] = field(default_factory=list)
    unknown_suggestions: int = 0


def take(connection: Connection, names: Pseudonyms, message: Message, client: str, received: datetime) -> Taken:
    """Write a client's ``message`` down, within the transaction of ``connection``."""
    cards = _cards(connection, {each.card for each in message.usable})
    offered = _suggestions(connection, {id for each in message.usable if each.card in cards for id in each.suggestions})
    rows = _Rows()
    for each in message.usable:
        if fault := _fault(cards.get(each.card), client):
            rows.faults.append(Unusable(fault, _form(each)))
        else:
            _add(rows, each, cards[each.card], offered, received)
    for table, new in ((FEEDBACK, rows.feedback), (REASONS, rows.reasons), (ACCEPTED, rows.accepted), (HANDOVERS, rows.handovers)):
        insert_new(connection, table, new)
    faults = [*message.unusable, *rows.faults]
    _quarantine(connection, names, faults, client, received)
    counts: Counter[Fault] = Counter()
    for unusable in faults:
        counts[unusable.fault] += unusable.times
    return Taken(len(rows.feedback), counts, rows.unknown_suggestions)


def _cards(connection: Connection, ids: set[str]) -> dict[str, Row[Any]]:
    query = select(CARDS, CALLS.c.client).join(CALLS)
    return {row.id: row for some in _parts(ids) for row in connection.execute(query.where(CARDS.c.id.in_(some)))}


def _suggestions(connection: Connection, ids: set[str]) -> dict[str, Row[Any]]:
    return {row.id: row for some in _parts(ids) for row in connection.execute(select(SUGGESTIONS).where(SUGGESTIONS.c.id.in_(some)))}


def _parts(ids: Iterable[str]) -> Iterable[Sequence[str]]:
    ordered = sorted(ids)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))


def _fault(card: Row[Any] | None, client: str) -> Fault | None:
    if card is None:
        return Fault.UNKNOWN_CARD
    if card.client != client:
        return Fault.OTHER_CLIENT
    return None if card.state == CardState.RETURNED else Fault.NOT_RETURNED


def _add(rows: _Rows, each: Feedback, card: Row[Any], offered: Mapping[str, Row[Any]], received: datetime) -> None:
    row = {"card": each.card, "outcome": each.outcome, "at": each.at, "received": received}
    rows.feedback.append(row | {"dialect": each.dialect, "commented": each.commented})
    for reason in each.reasons:
        said = {"system": reason.system, "code": reason.code, "display": reason.display}
        rows.reasons.append({"card": each.card, "at": each.at} | said)
    for id in each.suggestions:
        suggestion = offered.get(id)
        if suggestion is None or suggestion.card != each.card:
            rows.unknown_suggestions += 1
            continue
        rows.accepted.append({"suggestion": id, "at": each.at})
        if suggestion.kind == REFER:
            rows.handovers.append(_handover(suggestion, card, each.at))


def _handover(suggestion: Row[Any], card: Row[Any], at: datetime) -> Json:
    """The referral; while somebody has to take it on, the ledger's purge does not reach it."""
    return {
        "suggestion": suggestion.id,
        "card": card.id,
        "client": card.client,
        "patient": card.patient,
        "rule": card.rule,
        "version": card.version,
        "accepted": at,
        "meaning": suggestion.meaning,
        "state": THEIRS if "Task" in suggestion.meaning.get("creates", ()) else WAITING,
        "reason": None,
    }


def _form(feedback: Feedback) -> list[Any]:
    """What makes two entries about an unknown card the same one."""
    return [feedback.card, feedback.outcome, feedback.at.isoformat(), feedback.suggestions]


def _quarantine(connection: Connection, names: Pseudonyms, faults: Iterable[Unusable], client: str, now: datetime) -> None:
    """Count them: the same entry again is the same row. Of what they hold only a keyed hash stays."""
    counted: Counter[tuple[str, str]] = Counter()
    for each in faults:
        content = orjson.dumps(each.entry, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=repr)
        counted[each.fault, names.of("feedback", client, content.decode())] += each.times
    for (fault, digest), times in sorted(counted.items()):
        row = {"client": client, "reason": fault, "digest": digest, "count": times, "first": now, "last": now}
        insert = upsert(connection, QUARANTINE).values(row)
        keys = [QUARANTINE.c.client, QUARANTINE.c.reason, QUARANTINE.c.digest]
        change = {"count": QUARANTINE.c.count + times, "last": now}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=change))
