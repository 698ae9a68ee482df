"""The ledger: what was advised, where it went, and what became of it. What is kept, and for how long: docs/reference/ledger.md."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, exists, func, select

from plugin.cds.feedback import Message, Outcome, OverrideReason
from plugin.cds.ledger.entries import CallEntry, CardEntry, CardState
from plugin.cds.ledger.pseudonyms import Pseudonyms
from plugin.cds.ledger.standing import Standing, Told, standing
from plugin.cds.ledger.taking import Taken, take
from plugin.cds.ledger.waiting import WAITING
from plugin.cds.ledger.writing import Rows, Writer
from plugin.store import Store
from plugin.store.inserting import insert_new
from plugin.store.tables.cds import CALLS, CARDS, FEEDBACK, HANDOVERS, QUARANTINE, REASONS, STEPS, SUGGESTIONS

_AT_ONCE: Final = 2_000
"""Calls that one transaction of a purge deletes: others wait for it."""
_REMEMBERED: Final = (CardState.RETURNED, CardState.SILENT)
_HISTORY: Final = (
    select(CARDS, CALLS.c.client, CALLS.c.user_hash, CALLS.c.encounter_hash)
    .join(CALLS)
    .where(
        CARDS.c.realm == bindparam("realm"),
        CARDS.c.patient == bindparam("patient"),
        CARDS.c.topic.in_(bindparam("topics", expanding=True)),
        CARDS.c.at >= bindparam("since"),
        CARDS.c.state.in_(bindparam("states", expanding=True)),
    )
    .order_by(CARDS.c.at, CARDS.c.id)
)
"""To put it together anew would cost more than to ask it; so with the next two."""
_ANY: Final = select(
    exists().where(CARDS.c.realm == bindparam("realm"), CARDS.c.patient == bindparam("patient"), CARDS.c.at >= bindparam("since"))
)
"""Asked in every call: of most people there is nothing."""
_REASONS_OF: Final = select(REASONS).where(REASONS.c.card.in_(bindparam("cards", expanding=True)))
_FEEDBACK_OF: Final = select(FEEDBACK).where(FEEDBACK.c.card.in_(bindparam("cards", expanding=True)))


@dataclass(frozen=True, slots=True)
class Shown:
    """A card that a patient had earlier (or, silent, would have had), with what became of it."""

    card: str
    rule: str
    topic: str
    client: str
    user_hash: str | None
    encounter_hash: str | None
    at: datetime
    state: CardState
    fingerprint: str
    """Of the rule's meaning at that time."""
    outcome: Outcome | None = None
    """``None``: nothing was told; the client may never tell."""
    reasons: tuple[OverrideReason, ...] = ()
    """Of an override; a client may give several."""
    outcome_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordedCard:
    """A card as the ledger has it, to ask the same question again."""

    id: str
    client: str
    hook: str
    patient: str
    rule: str
    pack: str
    version: str
    fingerprint: str
    state: CardState
    at: datetime
    as_of: date
    evidence: tuple[tuple[str, str], ...]
    not_loaded: tuple[str, ...]


class Ledger:
    """The ledger in a store. One per process; any thread may use it."""

    def __init__(self, store: Store, key: bytes, realms: Mapping[str, str] | None = None) -> None:
        """``realms``: client → whose patients' ids it speaks of, where several clients share an EHR; otherwise each has its own."""
        self.store = store
        self._names, self._realms = Pseudonyms(key), dict(realms or {})
        self._writer = Writer(store)

    def user_hash(self, client: str, user: str | None) -> str | None:
        """A user as `Shown.user_hash` has them."""
        return self._names.of("user", self._realm(client), user) if user else None

    def encounter_hash(self, client: str, encounter: str | None) -> str | None:
        """An encounter as `Shown.encounter_hash` has it."""
        return self._names.of("encounter", self._realm(client), encounter) if encounter else None

    def record(self, call: CallEntry) -> None:
        """Write a call down with its cards. When this returns it is on disk; if it raises, none of the cards may be sent."""
        self._writer.write(self.rows(call))

    def history(
        self, client: str, patient: str, topics: Collection[str], since: datetime, *, states: Collection[CardState] = _REMEMBERED
    ) -> list[Shown]:
        """The cards about these ``topics`` that a ``client``'s patient had since then, in any client of the same EHR, oldest first."""
        asked = {
            "realm": self._realm(client),
            "patient": patient,
            "topics": sorted(topics),
            "since": since,
            "states": sorted(states),
        }
        with self.store.read_direct() as transaction:
            if not transaction.first(_ANY, asked):
                return []
        with self.store.read() as connection:
            cards = connection.execute(_HISTORY, asked).all()
            standings = standings_of(connection, [card.id for card in cards])
        return [_shown(card, standings.get(card.id)) for card in cards]

    def take(self, message: Message, client: str, at: datetime) -> Taken:
        """Take note of feedback that ``client`` sent. What cannot be used is quarantined: answer 200 all the same."""
        with self.store.write() as connection:
            return take(connection, self._names, message, client, at)

    def progressed(self, suggestion: str, step: str, at: datetime) -> None:
        """An accepted suggestion came further: ``ordered`` or ``resolved``. The first word counts."""
        with self.store.write() as connection:
            insert_new(connection, STEPS, [{"suggestion": suggestion, "step": step, "at": at}])

    def card(self, id: str) -> RecordedCard | None:
        """A card by its id; ``None`` if the ledger has no such card, or no more."""
        with self.store.read() as connection:
            query = select(CARDS, CALLS.c.client, CALLS.c.hook, CALLS.c.not_loaded).join(CALLS).where(CARDS.c.id == id)
            row = connection.execute(query).one_or_none()
        return None if row is None else _recorded(row)

    def purge(self, before: datetime) -> Counter[str]:
        """Forget calls before that moment with all that hangs on them, and old quarantine. Gives how many of which.

        Accepted referrals that nobody has taken over yet stay.
        """
        gone: Counter[str] = Counter()
        old = select(CALLS.c.id).where(CALLS.c.at < before).order_by(CALLS.c.at).limit(_AT_ONCE)
        while True:
            with self.store.write() as connection:
                calls = list(connection.scalars(old))
                if not calls:
                    break
                gone += Counter(calls=len(calls), cards=_count_cards(connection, calls))
                connection.execute(delete(CALLS).where(CALLS.c.id.in_(calls)))
        with self.store.write() as connection:
            gone["quarantined"] = connection.execute(delete(QUARANTINE).where(QUARANTINE.c.last < before)).rowcount
            done = delete(HANDOVERS).where(HANDOVERS.c.state != WAITING, HANDOVERS.c.accepted < before)
            gone["referrals"] = connection.execute(done).rowcount
            connection.execute(delete(STEPS).where(STEPS.c.at < before))
        return +gone

    def _realm(self, client: str) -> str:
        return self._realms.get(client, client)

    def rows(self, call: CallEntry) -> Rows:
        """What `record` writes."""
        row = {
            "id": call.id,
            "client": call.client,
            "hook": call.hook,
            "at": call.at,
            "patient": call.patient,
            "user_hash": self.user_hash(call.client, call.user),
            "role": call.user.partition("/")[0][:32] if call.user else None,
            "encounter_hash": self.encounter_hash(call.client, call.encounter),
            "durations": {step: round(time, 2) for step, time in call.durations.items()},
            "not_loaded": list(call.not_loaded),
            "error_id": call.error_id,
        }
        realm = self._realm(call.client)
        cards = [_card_row(card, call) | {"realm": realm} for card in call.cards]
        offers = [
            {"id": each.id, "card": card.id, "kind": each.kind, "meaning": dict(each.meaning)}
            for card in call.cards
            for each in card.suggestions
        ]
        return {CALLS: [row], CARDS: cards, SUGGESTIONS: offers}


def standings_of(connection: Connection, cards: Collection[str]) -> dict[str, Standing]:
    """What became of these cards; those of which nothing was told are left out."""
    reasons: dict[tuple[str, datetime], list[OverrideReason]] = defaultdict(list)
    told: dict[str, list[Told]] = defaultdict(list)
    for row in connection.execute(_REASONS_OF, {"cards": list(cards)}) if cards else ():
        reasons[row.card, row.at].append(OverrideReason(row.system, row.code, row.display))
    for row in connection.execute(_FEEDBACK_OF, {"cards": list(cards)}) if cards else ():
        outcome = Outcome(row.outcome)
        told[row.card].append(Told(outcome, row.at, tuple(reasons[row.card, row.at]) if outcome is Outcome.OVERRIDDEN else ()))
    return {card: found for card, entries in told.items() if (found := standing(entries))}


def _card_row(card: CardEntry, call: CallEntry) -> dict[str, Any]:
    return {
        "id": card.id,
        "call": call.id,
        "patient": call.patient,
        "topic": card.topic,
        "at": call.at,
        "rule": card.rule,
        "pack": card.pack,
        "version": card.version,
        "fingerprint": card.fingerprint,
        "state": card.state,
        "reason": card.reason,
        "arm": card.arm,
        "priority": card.priority,
        "as_of": card.as_of.isoformat(),
        "evidence": [list(pair) for pair in card.evidence],
    }


def _shown(card: Row[Any], found: Standing | None) -> Shown:
    state = CardState(card.state)
    shown = (card.id, card.rule, card.topic, card.client, card.user_hash, card.encounter_hash, card.at, state, card.fingerprint)
    return Shown(*shown, found.outcome, found.reasons, found.at) if found else Shown(*shown)


def _recorded(row: Row[Any]) -> RecordedCard:
    return RecordedCard(
        row.id, row.client, row.hook, row.patient, row.rule, row.pack, row.version, row.fingerprint, CardState(row.state), row.at,
        date.fromisoformat(row.as_of), tuple((resource, day) for resource, day in row.evidence), tuple(row.not_loaded),
    )  # fmt: skip


def _count_cards(connection: Connection, calls: list[str]) -> int:
    return connection.scalar(select(func.count()).select_from(CARDS).where(CARDS.c.call.in_(calls))) or 0
