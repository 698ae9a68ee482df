"""What somebody wants and does not want, as far as it may be told; and that they said it, or changed their mind."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row

from plugin.access import Scope
from plugin.outreach import acting, restricting
from plugin.outreach.acting import NotNow
from plugin.outreach.words import CHANNELS, Restriction
from plugin.referrals import consenting
from plugin.referrals.consenting import of_need
from rules.document import Rule
from rules.told import Told

_MOST_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is on record."""

    held: tuple[Row[Any], ...]
    """Restrictions, the oldest first."""
    given: tuple[Row[Any], ...]
    """Consents, the oldest first."""

    @property
    def said_together(self) -> list[list[Row[Any]]]:
        """What was said in one breath is taken back in one: a refusal of a need is also one of each rule that would help with it."""
        found: dict[tuple[Any, ...], list[Row[Any]]] = {}
        for each in self.held:
            found.setdefault((each.kind, each.since, each.user, each.until), []).append(each)
        return list(found.values())


def wishes(connection: Connection, scope: Scope, patient: str, today: date, rules: Mapping[str, Rule]) -> Wishes:
    """Those of ``patient`` that may be told to ``scope``. Raises `Forbidden`."""
    unseen = consenting.untold(scope, rules)
    held = (each for each in restricting.on_record(connection, scope, patient, today) if each.scope not in unseen)
    given = (each for each in consenting.given(connection, scope, patient, today) if of_need(each.need) not in unseen)
    return Wishes(tuple(held), tuple(given))


def restrict(connection: Connection, scope: Scope, patient: str, fields: Mapping[str, str], at: datetime) -> None:
    """Keep what they said: ``what`` is a channel or *unsafe*, ``until`` the last day, ``note`` more about it. Said twice, it is once.

    Raises:
        NotNow: it cannot be kept like this.
        Forbidden: see `plugin.access.scope`.
    """
    what = fields.get("what", "")
    if what != Restriction.UNSAFE and what not in CHANNELS:
        raise NotNow(Told("choose what they said"))
    kind, of = (Restriction.UNSAFE, "all") if what == Restriction.UNSAFE else (Restriction.OPTED_OUT, what)
    until = _last_day(fields.get("until", ""), at.date())
    note = fields.get("note", "").strip()[:_MOST_TEXT]
    on_record = restricting.on_record(connection, scope, patient, at.date())
    if not any((each.kind, each.scope) == (kind, of) and _covers(each, until, note) for each in on_record):
        restricting.restrict(connection, scope, patient, kind, at, of=of, until=until, note=note)


def _covers(known: Row[Any], until: date | None, note: str) -> bool:
    """Whether what is on record holds at least as long, and says what a new note would."""
    as_long = known.until is None or (until is not None and known.until >= until.isoformat())
    return as_long and note in ("", known.note)


def lift(connection: Connection, scope: Scope, episode: Row[Any], id: str, rules: Mapping[str, Rule], at: datetime) -> None:
    """They changed their mind about the first of what was said together; ``episode`` is locked. Raises as `restrict`."""
    said = wishes(connection, scope, episode.patient, at.date(), rules).said_together
    together: Iterable[Row[Any]] = next((each for each in said if id == each[0].id), ())
    acting.lift(connection, scope, episode, [each.id for each in together], at)


def withdraw(connection: Connection, scope: Scope, episode: Row[Any], id: str, rules: Mapping[str, Rule], at: datetime) -> None:
    """They changed their mind about a consent; ``episode`` is locked. Raises as `restrict`."""
    given = wishes(connection, scope, episode.patient, at.date(), rules).given
    if id not in {each.id for each in given} or not consenting.withdraw(connection, scope, episode.patient, id, at):
        raise NotNow(Told("it is not on record any more"))


def _last_day(text: str, today: date) -> date | None:
    try:
        until = date.fromisoformat(text) if text else None
    except ValueError:
        raise NotNow(Told("choose the last day on which it holds, or none")) from None
    if until is not None and until < today:
        raise NotNow(Told("the last day on which it holds is over"))
    return until
