"""Chart reviews: was a card right? And what users said of rules that somebody should look at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, Select, and_, func, select

from plugin.cds.ledger import CardEntries, CardState
from plugin.store import Store
from plugin.store.inserting import upsert
from plugin.store.tables.cds import CALLS, CARDS, REASONS
from plugin.store.tables.policy import REVIEWS
from rules.pack import Pack

Verdict = Literal["correct", "wrong"]
DOUBTS: Final = ("patient-ineligible", "cds-not-applicable")
"""Override reasons by which a user says that the rule is wrong about this person: each opens a review of the rule."""
_JUDGED: Final = (CardState.RETURNED, CardState.SILENT)


@dataclass(frozen=True, slots=True)
class ToReview:
    """A card that waits for somebody to look into the chart."""

    card: str
    rule: str
    client: str
    patient: str
    as_of: date
    doubt: str | None
    """What a user said against it; ``None``: it was drawn."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """How many cards of a rule, as it means now, were judged."""

    correct: int
    wrong: int


def record(store: Store, card: str, verdict: Verdict, at: datetime) -> str | None:
    """Note what the chart says of a card; the last word counts. The card's rule; ``None``: the ledger has no such card to judge."""
    with store.write() as connection:
        rule = connection.scalar(select(CARDS.c.rule).where(CARDS.c.id == card, CARDS.c.state.in_(_JUDGED)))
        if rule is not None:
            insert = upsert(connection, REVIEWS).values(card=card, verdict=verdict, at=at)
            connection.execute(insert.on_conflict_do_update(index_elements=[REVIEWS.c.card], set_={"verdict": verdict, "at": at}))
    return rule


def reviewed(connection: Connection, rule: str, fingerprint: str) -> Reviewed:
    """The reviews of a rule's cards, of those that it made when it meant the same."""
    query = select(REVIEWS.c.verdict, func.count()).select_from(REVIEWS.join(CARDS))
    mine = query.where(CARDS.c.rule == rule, CARDS.c.fingerprint == fingerprint).group_by(REVIEWS.c.verdict)
    found = {verdict: number for verdict, number in connection.execute(mine)}
    return Reviewed(found.get("correct", 0), found.get("wrong", 0))


def to_review(store: Store, rule: str, fingerprint: str, most: int) -> Sequence[ToReview]:
    """Cards of a rule that nobody has judged: first those that users doubt, all of them, then ``most`` that are drawn by their ids.

    Ids are random, and so is what is drawn; asked again it is the same. Of one person there is one card.
    """
    with store.read() as connection:
        doubted = [_item(row, row.code) for row in connection.execute(_doubted(rule, fingerprint))]
        rows = connection.execute(_unjudged(rule, fingerprint)).all()
    first = {each.card: each for each in doubted}
    people = {(each.client, each.patient) for each in first.values()}
    drawn: dict[tuple[str, str], ToReview] = {}
    for row in sorted(rows, key=lambda row: sha256(row.id.encode()).digest()):
        if (row.client, row.patient) not in people:
            drawn.setdefault((row.client, row.patient), _item(row, None))
    return [*first.values(), *list(drawn.values())[:most]]


def doubts(store: Store, rule: str, fingerprint: str) -> int:
    """How many cards users called wrong and nobody has judged since."""
    with store.read() as connection:
        return len({row.id for row in connection.execute(_doubted(rule, fingerprint))})


def doubted_rules(store: Store, packs: Iterable[Pack]) -> tuple[str, ...]:
    """The rules in use or silent that users called wrong about somebody, as far as nobody has judged since; in the order of the packs."""
    packs = tuple(packs)
    entries = CardEntries(packs)
    names = [rule.id.text for pack in packs for rule in pack.document.rules if rule.is_watched]
    return tuple(name for name in names if doubts(store, name, entries.fingerprint(name)))


def _unjudged(rule: str, fingerprint: str) -> Select[Any]:
    columns = (CARDS.c.id, CARDS.c.rule, CALLS.c.client, CARDS.c.patient, CARDS.c.as_of)
    query = select(*columns).select_from(CARDS.join(CALLS).outerjoin(REVIEWS))
    return query.where(CARDS.c.rule == rule, CARDS.c.fingerprint == fingerprint, CARDS.c.state.in_(_JUDGED), REVIEWS.c.card.is_(None))


def _doubted(rule: str, fingerprint: str) -> Select[Any]:
    told = and_(REASONS.c.card == CARDS.c.id, REASONS.c.code.in_(DOUBTS))
    query = _unjudged(rule, fingerprint).add_columns(REASONS.c.code).join(REASONS, told)
    return query.order_by(CARDS.c.at, CARDS.c.id, REASONS.c.code)


def _item(row: Row[Any], doubt: str | None) -> ToReview:
    return ToReview(row.id, row.rule, row.client, row.patient, date.fromisoformat(row.as_of), doubt)
