"""How many cards came how far, from the ledger. Each returned card is of one kind, so that the kinds add up."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, or_, select
from sqlalchemy.sql.expression import Subquery

from plugin.cds.feedback import Outcome
from plugin.cds.ledger.entries import CardState
from plugin.cds.ledger.ledger import standings_of
from plugin.cds.ledger.waiting import ORDERED, RESOLVED
from plugin.cds.overrides import REASONS as OUR_REASONS
from plugin.store import Store
from plugin.store.tables.cds import ACCEPTED, CALLS, CARDS, FEEDBACK, STEPS, SUGGESTIONS
from plugin.translations import marked
from rules.suppression import Cell

TAKEN, OVERRIDDEN, IGNORED, NOT_TOLD = marked("accepted"), marked("overridden"), marked("ignored"), marked("not told")
KINDS: Final = (RESOLVED, ORDERED, TAKEN, OVERRIDDEN, IGNORED, NOT_TOLD)
"""What a returned card came to. Accepted here is accepted and, as far as we know, no more."""
NOBODY: Final = NOT_TOLD
NOT_KNOWN: Final = marked("not known")
SEVERAL: Final = marked("several reasons")
NO_REASON: Final = marked("no reason given")
SILENT: Final = marked("silent")
NO_CODE: Final = marked("no reason")
HELD: Final = (marked("limit"), marked("not-in-pilot"), marked("drafted"), marked("same-encounter"), marked("unanswered"))
"""Why cards are held back, besides that one was accepted or put aside; see `plugin.cds.policy.decision.Held`."""
_PART: Final = 500
_NOT_SENT: Final = (CardState.SILENT, CardState.SUPPRESSED)

Names = Callable[[Collection[str]], Mapping[str, str]]
"""Patients' ids → the group of each."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which cards are counted."""

    since: datetime
    until: datetime
    """The first moment that does not belong to it. A card without feedback counts as ignored: leave out those that are too young for
    that."""
    rule: str = ""
    client: str = ""
    arrived: Collection[str] = ()
    """Suggestions that are known to be ordered, beside those that the ledger has noted."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be asked."""

    rules: tuple[str, ...]
    clients: tuple[str, ...]
    first: datetime | None
    """When the first card was made; ``None``: there is none."""


def choices(store: Store) -> Choices:
    """Rules and clients that the ledger knows."""
    with store.read() as connection:
        rules = connection.scalars(select(CARDS.c.rule).distinct().order_by(CARDS.c.rule)).all()
        clients = connection.scalars(select(CALLS.c.client).distinct().order_by(CALLS.c.client)).all()
        return Choices(tuple(rules), tuple(clients), connection.scalar(select(func.min(CARDS.c.at))))


def by_column(store: Store, question: Question, column: ColumnElement[Any]) -> Counter[Cell]:
    """Value of ``column`` and kind → cards that were returned. A value that is not there counts as not told."""
    counts: Counter[Cell] = Counter()
    with store.read() as connection:
        for value, kind, number in connection.execute(_returned(question, column)):
            counts[Cell(value or NOBODY, kind)] += number
    return counts


def by_group(store: Store, question: Question, names: Names) -> Counter[Cell]:
    """The same by a property of the patient that the ledger does not know."""
    people = by_column(store, question, CARDS.c.patient)
    known = names({cell.row for cell in people})
    counts: Counter[Cell] = Counter()
    for cell, number in people.items():
        counts[Cell(known.get(cell.row, NOT_KNOWN), cell.column)] += number
    return counts


def by_reason(store: Store, question: Question) -> Counter[str]:
    """Why returned cards were not followed → how many. A card with several reasons is counted once, as such."""
    overridden = and_(_told(Outcome.OVERRIDDEN), ~_told(Outcome.ACCEPTED))
    with store.read() as connection:
        ids = connection.scalars(_cards(question, CARDS.c.id).where(overridden)).all()
        return _reasons(connection, ids)


def held_back(store: Store, question: Question) -> Counter[Cell]:
    """Rule and reason → cards that were made and not sent."""
    reason = case((CARDS.c.state == CardState.SILENT, SILENT), else_=func.coalesce(CARDS.c.reason, NO_CODE))
    query = select(CARDS.c.rule, reason, func.count()).select_from(CARDS.join(CALLS)).where(*_chosen(question))
    counts: Counter[Cell] = Counter()
    with store.read() as connection:
        for rule, why, number in connection.execute(query.where(CARDS.c.state.in_(_NOT_SENT)).group_by(CARDS.c.rule, reason)):
            counts[Cell(rule, why)] += number
    return counts


def steps_known(store: Store) -> frozenset[str]:
    """The steps of which the ledger has ever heard."""
    with store.read() as connection:
        return frozenset(connection.scalars(select(STEPS.c.step).distinct()))


# ---------------------------------------------------------------- queries


def _chosen(question: Question) -> list[ColumnElement[bool]]:
    conditions = [CARDS.c.at >= question.since, CARDS.c.at < question.until]
    conditions += [CARDS.c.rule == question.rule] if question.rule else []
    return conditions + ([CALLS.c.client == question.client] if question.client else [])


def _cards(question: Question, *columns: ColumnElement[Any]) -> Select[Any]:
    """``columns`` of the cards that were returned."""
    return select(*columns).select_from(CARDS.join(CALLS)).where(*_chosen(question), CARDS.c.state == CardState.RETURNED)


def _returned(question: Question, column: ColumnElement[Any]) -> Select[Any]:
    begun = _begun()
    kind = _kind(question, begun)
    query = select(column, kind, func.count()).select_from(CARDS.join(CALLS).outerjoin(begun, begun.c.client == CALLS.c.client))
    return query.where(*_chosen(question), CARDS.c.state == CardState.RETURNED).group_by(column, kind)


def _begun() -> Subquery:
    """Client → its first card of which it told what became of it: of cards since then, silence means something."""
    told = select(CALLS.c.client, func.min(CARDS.c.at).label("at")).select_from(CARDS.join(CALLS)).where(exists().where(_OF_CARD))
    return told.group_by(CALLS.c.client).subquery()


_OF_CARD: Final = FEEDBACK.c.card == CARDS.c.id


def _told(outcome: Outcome) -> ColumnElement[bool]:
    return exists().where(_OF_CARD, FEEDBACK.c.outcome == outcome)


def _came(step: str, arrived: Collection[str] = ()) -> ColumnElement[bool]:
    """Whether an accepted suggestion of the card came to ``step``."""
    taken = and_(SUGGESTIONS.c.card == CARDS.c.id, ACCEPTED.c.suggestion == SUGGESTIONS.c.id)
    noted = exists().where(taken, STEPS.c.suggestion == SUGGESTIONS.c.id, STEPS.c.step == step)
    return or_(noted, exists().where(taken, SUGGESTIONS.c.id.in_(sorted(arrived)))) if arrived else noted


def _kind(question: Question, begun: Subquery) -> ColumnElement[str]:
    return case(
        (_came(RESOLVED), RESOLVED),
        (_came(ORDERED, question.arrived), ORDERED),
        (_told(Outcome.ACCEPTED), TAKEN),
        (_told(Outcome.OVERRIDDEN), OVERRIDDEN),
        (or_(begun.c.at.is_(None), CARDS.c.at < begun.c.at), NOT_TOLD),
        else_=IGNORED,
    )


def _reasons(connection: Connection, cards: Sequence[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for start in range(0, len(cards), _PART):
        for found in standings_of(connection, cards[start : start + _PART]).values():
            names = [each.code if each.code in OUR_REASONS else each.display or each.code for each in found.reasons]
            counts[SEVERAL if len(names) > 1 else names[0] if names else NO_REASON] += 1
    return counts


COLUMNS: Final[Mapping[str, ColumnElement[Any]]] = {"rule": CARDS.c.rule, "site": CALLS.c.client, "role": CALLS.c.role}
"""What can be counted by, as far as the ledger knows it."""
