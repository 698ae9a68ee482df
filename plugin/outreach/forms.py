"""From what a form says to what is done: each verb with its fields. What cannot be read is told to whoever filled it in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection

from plugin.access import Right, Scope, accounts
from plugin.outreach import acting
from plugin.outreach.acting import Attempt, Grip, NotNow, Refused
from plugin.outreach.cadence import USUAL, Cadence
from plugin.outreach.words import OUTCOMES
from plugin.translations import marked
from rules.told import Told

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deed:
    """Somebody does something with an episode."""

    connection: Connection
    scope: Scope
    grip: Grip
    fields: Fields
    at: datetime
    cadence: Cadence = USUAL


def grip(fields: Fields, episode: str) -> Grip:
    """Which version the form showed. Raises `NotNow` if it does not say."""
    version = fields.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise NotNow(Told("the form does not say what it showed; load the page again"))
    return Grip(episode, int(version))


def _day(fields: Fields, name: str, wanted: str) -> date:
    try:
        return date.fromisoformat(fields.get(name, ""))
    except ValueError:
        raise NotNow(wanted) from None


def _claim(deed: Deed) -> int:
    return acting.claim(deed.connection, deed.scope, deed.grip, deed.at)


def _assign(deed: Deed) -> int:
    login = deed.fields.get("owner", "").strip()[:128]
    account = accounts.find(deed.connection, login) if login else None
    if login and (account is None or account.disabled or not account.scope.may(Right.REACH_OUT)):
        raise NotNow(Told("nobody who reaches out has this login"))
    return acting.assign(deed.connection, deed.scope, deed.grip, account.id if account else None, deed.at)


def _snooze(deed: Deed) -> int:
    until = _day(deed.fields, "until", Told("choose the day until which it is put off"))
    return acting.snooze(deed.connection, deed.scope, deed.grip, until, deed.fields.get("why", ""), deed.at)


def _wake(deed: Deed) -> int:
    return acting.wake(deed.connection, deed.scope, deed.grip, deed.at)


def _attempt(deed: Deed) -> int:
    fields = deed.fields
    wanted = Told("choose the day on which they want to be called back")
    again = _day(fields, "again_on", wanted) if fields.get("outcome") == "call-back" else None
    try:
        tried = Attempt(fields.get("attempt", ""), fields.get("channel", ""), fields.get("outcome", ""), again, fields.get("note", ""))
    except Refused as wrong:
        raise NotNow(*wrong.args) from None
    if not OUTCOMES[tried.outcome].by_staff:
        raise NotNow(Told("that only the delivery of a message can tell"))
    return acting.attempt(deed.connection, deed.scope, deed.grip, tried, deed.at, deed.cadence)


def _close(deed: Deed) -> int:
    return acting.close(deed.connection, deed.scope, deed.grip, deed.fields.get("ending", ""), deed.at)


def _reopen(deed: Deed) -> int:
    return acting.reopen(deed.connection, deed.scope, deed.grip, deed.at)


def _prefer(deed: Deed) -> int:
    return acting.prefer(deed.connection, deed.scope, deed.grip, deed.fields.get("channel") or None, deed.fields.get("best_time"), deed.at)


VERBS: Final[Mapping[str, Callable[[Deed], int]]] = {
    "claim": _claim,
    "assign": _assign,
    "snooze": _snooze,
    "wake": _wake,
    "attempt": _attempt,
    "close": _close,
    "reopen": _reopen,
    "prefer": _prefer,
}
"""What can be done with one episode; each tells its new version."""
TOGETHER: Final = {"claim": marked("Take"), "snooze": marked("Put off"), "wake": marked("Bring back")}
"""What can be done with several at one time, and its name."""
