"""Alarms about rules: raised from the ledger, kept until somebody says that they were looked into."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import func, select, update

from plugin.cds.analytics.counting import Question
from plugin.cds.ledger import CardState
from plugin.cds.policy.acceptance import acceptances
from plugin.cds.policy.monitor import BASELINE, GUARD, Count, judged
from plugin.settings import CdsSettings
from plugin.store import Store
from plugin.store.inserting import insert_new
from plugin.store.tables.cds import CALLS, CARDS
from plugin.store.tables.policy import ALARMS

UNWELCOME: Final = "unwelcome"
"""The kind of an alarm about acceptance; those about numbers are ``less`` and ``more``."""
_ACCEPTANCE_DAYS: Final = 90
_COUNTED: Final = (CardState.RETURNED, CardState.SILENT, CardState.SUPPRESSED)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something about a rule at a client that somebody should look into."""

    rule: str
    client: str
    kind: str
    day: date
    """The last day of those that were looked at."""
    days: int
    found: int
    """Cards; for ``unwelcome`` those that were accepted."""
    expected: float
    """For ``unwelcome``: the least number that would have been no alarm."""

    @property
    def text(self) -> str:
        """In words."""
        when = f"on {self.day}" if self.days == 1 else f"in the {self.days} days up to {self.day}"
        if self.kind == UNWELCOME:
            return f"{self.found} cards accepted {when}, surely fewer than the {self.expected:.0f} that the floor asks for"
        return f"{self.found} cards {when}, about {self.expected:.1f} expected: {self.kind} than before"


def counts(store: Store, first: date, last: date, prefix: str) -> Mapping[tuple[str, str], Mapping[date, Count]]:
    """(rule, client) → day (UTC) → how often the client called, and how often the rule spoke, shown or not. Canaries do not count.

    A rule is looked at from the day on which it first spoke to the client.
    """
    since, until = _midnight(first), _midnight(last + timedelta(days=1))
    call_day, card_day = func.substr(CALLS.c.at, 1, 10), func.substr(CARDS.c.at, 1, 10)
    within = (CALLS.c.at >= since, CALLS.c.at < until, ~CALLS.c.patient.startswith(prefix, autoescape=True))
    asked = select(CALLS.c.client, call_day, func.count()).where(*within).group_by(CALLS.c.client, call_day)
    spoken = select(CARDS.c.rule, CALLS.c.client, card_day, func.count()).select_from(CARDS.join(CALLS))
    spoken = spoken.where(*within, CARDS.c.state.in_(_COUNTED)).group_by(CARDS.c.rule, CALLS.c.client, card_day)
    begun = select(CARDS.c.rule, CALLS.c.client, func.min(card_day)).select_from(CARDS.join(CALLS))
    begun = begun.where(CARDS.c.state.in_(_COUNTED)).group_by(CARDS.c.rule, CALLS.c.client)
    with store.read() as connection:
        calls: dict[str, dict[date, int]] = defaultdict(dict)
        for client, day, number in connection.execute(asked):
            calls[client][date.fromisoformat(day)] = number
        cards = {(rule, client, date.fromisoformat(day)): number for rule, client, day, number in connection.execute(spoken)}
        firsts = {(rule, client): date.fromisoformat(day) for rule, client, day in connection.execute(begun)}
    return {
        (rule, client): {day: Count(number, cards.get((rule, client, day), 0)) for day, number in calls[client].items() if day >= start}
        for (rule, client), start in firsts.items()
    }


def found_on(store: Store, settings: CdsSettings, last: date) -> list[Alarm]:
    """What is amiss on ``last``, the newest whole day."""
    numbers = counts(store, last - timedelta(days=BASELINE + GUARD), last, settings.canary.prefix)
    alarms = [
        Alarm(rule, client, signal.kind, last, signal.days, signal.found, signal.expected)
        for (rule, client), days in sorted(numbers.items())
        for signal in judged(days, last, settings.watch.probability)
    ]
    return [*alarms, *_unwelcome(store, settings, last, sorted({client for _, client in numbers}))]


def _unwelcome(store: Store, settings: CdsSettings, last: date, clients: Iterable[str]) -> Iterable[Alarm]:
    until = _midnight(last + timedelta(days=1)) - timedelta(hours=settings.ignored_after_hours)
    floor = settings.watch.acceptance
    for client in clients:
        question = Question(until - timedelta(days=_ACCEPTANCE_DAYS), until, client=client)
        for rule, found in sorted(acceptances(store, question).items()):
            if found.rate and found.rate.high < floor:
                yield Alarm(rule, client, UNWELCOME, last, _ACCEPTANCE_DAYS, int(found.accepted), floor * found.known)


def raise_alarms(store: Store, alarms: Sequence[Alarm], at: datetime) -> None:
    """Keep them. One that is open already for the same rule, client and kind is not raised again."""
    known = {(each.rule, each.client, each.kind) for each in open_alarms(store)}
    new = {(each.rule, each.client, each.kind): each for each in alarms}
    rows = [_row(each, at) for key, each in new.items() if key not in known]
    with store.write() as connection:
        insert_new(connection, ALARMS, rows)


def open_alarms(store: Store, client: str | None = None) -> list[Alarm]:
    """Those that nobody has closed, the oldest first; of one ``client``, or of all."""
    query = select(ALARMS).where(ALARMS.c.closed.is_(None)).order_by(ALARMS.c.day, ALARMS.c.rule, ALARMS.c.client, ALARMS.c.kind)
    query = query if client is None else query.where(ALARMS.c.client == client)
    with store.read() as connection:
        return [
            Alarm(row.rule, row.client, row.kind, date.fromisoformat(row.day), row.days, row.found, row.expected)
            for row in connection.execute(query)
        ]


def close_alarms(store: Store, rule: str, client: str | None, at: datetime) -> int:
    """Somebody has looked into the open alarms about a rule, of one ``client`` or of all. How many there were."""
    mine = [ALARMS.c.rule == rule, ALARMS.c.closed.is_(None)] + ([ALARMS.c.client == client] if client else [])
    with store.write() as connection:
        return connection.execute(update(ALARMS).where(*mine).values(closed=at)).rowcount


def _row(alarm: Alarm, at: datetime) -> dict[str, object]:
    return {
        "rule": alarm.rule,
        "client": alarm.client,
        "kind": alarm.kind,
        "day": alarm.day.isoformat(),
        "days": alarm.days,
        "found": alarm.found,
        "expected": alarm.expected,
        "seen": at,
        "closed": None,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
