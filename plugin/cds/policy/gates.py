"""What a rule must have shown before people are shown more of it: silent → pilot → live."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from plugin.cds.analytics.counting import Question
from plugin.cds.analytics.funnel import Rate, wilson
from plugin.cds.ledger import CardEntries, CardState
from plugin.cds.policy.acceptance import Acceptance, acceptances
from plugin.cds.policy.alarms import open_alarms
from plugin.cds.policy.lifecycle import Period, periods
from plugin.cds.policy.reviews import Reviewed, doubts, reviewed
from plugin.settings import CdsSettings, GateSettings
from plugin.store import Store
from plugin.store.tables.cds import CARDS
from rules.document import Rule
from rules.pack import Pack

BEFORE: Final[Mapping[str, tuple[str, ...]]] = {"silent": (), "pilot": ("silent",), "live": ("silent", "pilot")}
"""Status → the ones through which a rule came."""
AFTER: Final = {"silent": "pilot", "pilot": "live"}
_NOTHING: Final = Acceptance()


@dataclass(frozen=True, slots=True)
class Trial:
    """What is known of a rule's time in one status, while it meant what it means now."""

    days: int
    firings: int
    people: int
    reviews: Reviewed
    acceptance: Acceptance = _NOTHING
    alarms: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that a gate asks for."""

    text: str
    met: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rule stands."""

    rule: str
    status: str
    since: datetime | None
    """``None``: no service has run with it."""
    next: str | None
    needs: tuple[Need, ...]
    """Of the gate to ``next``."""
    behind: tuple[tuple[str, tuple[Need, ...]], ...]
    """The gates through which it should have come, each by the status that it leaves, with what they asked for."""
    doubts: int
    waived: str | None

    @property
    def unmet(self) -> tuple[str, ...]:
        """The gates behind it that were never met, if governance has not said why that is right."""
        return () if self.waived else tuple(name for name, needs in self.behind if not _passes(needs))


def silent_gate(trial: Trial, settings: GateSettings) -> tuple[Need, ...]:
    """What is asked of a silent rule."""
    reviews = trial.reviews
    return (
        _days(trial.days, settings.silent_days, "silent"),
        Need(f"spoke {trial.firings} times about {trial.people} people; at least once is asked for", trial.firings > 0),
        _number(reviews.correct + reviews.wrong, settings.reviews, "cards reviewed in the chart"),
        _share("right", wilson(reviews.correct, reviews.correct + reviews.wrong), settings.ppv),
    )


def pilot_gate(trial: Trial, settings: GateSettings) -> tuple[Need, ...]:
    """What is asked of a rule in its pilot."""
    return (
        _days(trial.days, settings.pilot_days, "in its pilot"),
        _share(f"accepted (to aim for: {settings.target:.0%})", trial.acceptance.rate, settings.acceptance),
        Need(f"{trial.alarms} alarms open; none is asked for", not trial.alarms),
    )


def standings(store: Store, packs: Iterable[Pack], settings: CdsSettings, now: datetime, only: str | None = None) -> list[Standing]:
    """Every rule that is watched (or the ``only`` one), in the order of the packs."""
    packs = tuple(packs)
    entries, known = CardEntries(packs), periods(store)
    rules = [rule for pack in packs for rule in pack.document.rules if rule.is_watched and only in (None, rule.id.text)]
    gates = _Gates(store, settings, now)
    return [gates.of(rule, entries.fingerprint(rule.id.text), known.get(rule.id.text, ())) for rule in rules]


class _Gates:
    def __init__(self, store: Store, settings: CdsSettings, now: datetime) -> None:
        self._store, self._settings, self._now = store, settings, now
        self._open = [alarm.rule for alarm in open_alarms(store)]

    def of(self, rule: Rule, fingerprint: str, past: Sequence[Period]) -> Standing:
        name = rule.id.text
        mine = [period for period in past if period.fingerprint == fingerprint]
        current = mine[-1] if mine and mine[-1].until is None and mine[-1].status == rule.status else None
        rollout = self._settings.rollouts.get(name)
        return Standing(
            name,
            rule.status,
            current.since if current else None,
            AFTER.get(rule.status),
            self._needs(name, rule.status, fingerprint, mine) if rule.status in AFTER else (),
            tuple((status, self._needs(name, status, fingerprint, mine)) for status in BEFORE[rule.status]),
            doubts(self._store, name, fingerprint),
            rollout.waived if rollout else None,
        )

    def _needs(self, rule: str, status: str, fingerprint: str, mine: Sequence[Period]) -> tuple[Need, ...]:
        """Of the rule's longest time in that status."""
        period = max((each for each in mine if each.status == status), key=lambda each: each.days(self._now), default=None)
        trial = self._trial(rule, fingerprint, period, is_now=period is not None and period.until is None)
        return (silent_gate if status == "silent" else pilot_gate)(trial, self._settings.gates)

    def _trial(self, rule: str, fingerprint: str, period: Period | None, *, is_now: bool) -> Trial:
        if period is None:
            return Trial(0, 0, 0, Reviewed(0, 0))
        until = period.until or self._now
        told = Question(period.since, min(until, self._now - timedelta(hours=self._settings.ignored_after_hours)), rule=rule)
        states = (CardState.RETURNED, CardState.SILENT, CardState.SUPPRESSED)
        within = (CARDS.c.rule == rule, CARDS.c.fingerprint == fingerprint, CARDS.c.at >= period.since, CARDS.c.at < until)
        with self._store.read() as connection:
            people = select(CARDS.c.realm, CARDS.c.patient, func.count().label("cards")).where(*within, CARDS.c.state.in_(states))
            each = people.group_by(CARDS.c.realm, CARDS.c.patient).subquery()
            firings, number = connection.execute(select(func.coalesce(func.sum(each.c.cards), 0), func.count()).select_from(each)).one()
            found = reviewed(connection, rule, fingerprint)
        acceptance = acceptances(self._store, told).get(rule, _NOTHING)
        alarms = self._open.count(rule) if is_now else 0
        return Trial(period.days(self._now), int(firings), int(number), found, acceptance, alarms)


def _passes(needs: Iterable[Need]) -> bool:
    return all(need.met for need in needs)


def _days(found: int, asked: int, what: str) -> Need:
    return Need(f"{found} days {what}; {asked} are asked for", found >= asked)


def _number(found: int, asked: int, what: str) -> Need:
    return Need(f"{found} {what}; {asked} are asked for", found >= asked)


def _share(what: str, rate: Rate | None, floor: float) -> Need:
    if rate is None:
        return Need(f"nothing is known of how many were {what}; surely more than {floor:.0%} is asked for", False)
    text = f"{rate.value:.0%} {what}, surely {rate.low:.0%} or more; surely more than {floor:.0%} is asked for"
    return Need(text, rate.low > floor)
