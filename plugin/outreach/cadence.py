"""When the next attempt is made, and how: never too often, never at night, and not for ever."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from plugin.outreach.words import CHANNELS, OUTCOMES
from rules.told import Told


@dataclass(frozen=True, slots=True)
class Cadence:
    """The rules of a site."""

    most: int = 3
    """Attempts that count, before a letter goes."""
    gap_days: int = 2
    """At least so many days between two attempts."""
    letter_days: int = 14
    """So long an answer to a letter is waited for."""
    cap: int = 2
    """Contacts of one person in `cap_days`, whatever they were about."""
    cap_days: int = 7
    quiet_from: time = time(20)
    quiet_to: time = time(8)
    """No calls and no messages in between, by the clock where they live."""


USUAL: Final = Cadence()
IMMEDIATE: Final = frozenset({"phone", "sms", "visit"})
"""Channels that are noticed at once."""


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt as the cadence sees it."""

    at: datetime
    channel: str
    outcome: str
    again_on: date | None = None


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next. ``channel`` ``None``: staff choose; ``close``: nothing more is tried."""

    not_before: date
    channel: str | None = None
    close: bool = False


def next_step(tried: list[Tried], today: date, cadence: Cadence = USUAL) -> Next:
    """The next step after all attempts of an episode, the last one last.

    They asked for a day: that day. Too many attempts came to nothing: a letter; once the letter was waited for: close as not reached.
    """
    if not tried:
        return Next(today)
    last = tried[-1]
    gap = last.at.date() + timedelta(days=cadence.letter_days if last.channel == "letter" else cadence.gap_days)
    if last.again_on is not None:
        return Next(max(last.again_on, today))
    if OUTCOMES[last.outcome].reached:
        return Next(max(gap, today))
    failed = _failed(tried)
    if len(failed) < cadence.most:
        return Next(max(gap, today))
    if letters := [each for each in failed[cadence.most - 1 :] if each.channel == "letter"]:
        waited = letters[0].at.date() + timedelta(days=cadence.letter_days)
        return Next(max(waited, gap, today), close=True)
    return Next(max(gap, today), channel="letter")


def _failed(tried: list[Tried]) -> list[Tried]:
    """Those that count, since they were reached last."""
    reached = max((n for n, each in enumerate(tried) if OUTCOMES[each.outcome].reached), default=-1)
    return [each for each in tried[reached + 1 :] if OUTCOMES[each.outcome].counts]


def too_soon(contacts: list[datetime], now: datetime, channel: str, cadence: Cadence = USUAL) -> str | None:
    """Why this is not the moment, in words; ``None`` if it is. ``now`` is the clock where they live; ``contacts`` are all of the person."""
    if channel not in CHANNELS:
        raise ValueError(f"no such channel: {channel}")
    since = now - timedelta(days=cadence.cap_days)
    recent = sum(since < each <= now for each in contacts)
    if recent >= cadence.cap:
        return Told(
            "%(recent)s contacts in %(days)s days, whatever about: no more than %(most)s",
            recent=recent,
            days=cadence.cap_days,
            most=cadence.cap,
        )
    clock = now.time()
    if channel in IMMEDIATE and not cadence.quiet_to <= clock < cadence.quiet_from:
        quiet = {"start": f"{cadence.quiet_from:%H:%M}", "end": f"{cadence.quiet_to:%H:%M}"}
        return Told("between %(start)s and %(end)s nobody is called or written to at once", **quiet)
    return None
