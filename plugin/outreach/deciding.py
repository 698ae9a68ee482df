"""What a sweep means for one person: is an episode to be opened, which reasons hold, which ended, and is it over?

A pure step: no store, no clock. *Unknown* ends nothing: only a *no* does, or that somebody left the registry.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from plugin.outreach.words import ASKED, DUE, ENDINGS, Restriction

NOBODY: Final = frozenset({Restriction.DECEASED, Restriction.MOVED, Restriction.OPTED_OUT})
"""Restrictions that, without further scope, leave nothing to be done."""
_ENDS: Final = {"resolved": "need-met", "declined": "declined", "over": "over"}
"""How a reason ended → how the episode ends when nothing else holds; the first one that is found."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody is to be spoken to: a finding of a rule."""

    rule: str
    title: str
    level: str
    priority: int
    restricted: bool
    status: str
    """yes or unknown, in the last sweep."""
    evidence: Sequence[Mapping[str, Any]]
    ending: str | None = None
    """``None``: it holds; else resolved, declined, over (what was asked for), or left."""

    @property
    def holds(self) -> bool:
        """Whether it has not ended."""
        return self.ending is None


@dataclass(frozen=True, slots=True)
class Standing:
    """An open episode as it stood before the sweep."""

    due: date
    reasons: tuple[Reason, ...]
    """Also those that ended."""


class Held(NamedTuple):
    """A restriction that is in force; ``scope``: all, the id of a rule, or a channel."""

    kind: str
    scope: str


@dataclass(frozen=True, slots=True)
class Past:
    """The last episode that was closed."""

    on: date
    ending: str
    rules: frozenset[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the sweep has of somebody."""

    findings: tuple[Reason, ...]
    """Those that are yes or unknown."""
    present: bool = True
    """They are part of the registry."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of it."""

    reasons: tuple[Reason, ...]
    """Those that changed or are new."""
    priority: int
    certain: int
    """How many hold and are yes."""
    due: date
    named: tuple[str, ...]
    """The rules that hold and may be named on a shared list."""
    opens: bool = False
    wakes: bool = False
    """Something is new: an episode that was put off comes back."""
    ends: str | None = None
    """The ending, if nothing is left to do."""


def decide(
    seen: Seen, standing: Standing | None, past: Past | None, held: Iterable[Held], today: date, rules: Collection[str]
) -> Decision | None:
    """What a sweep means for somebody; ``None``: nothing is to be done, and nothing was. ``rules``: all of the sweep."""
    held = tuple(held)
    if standing is None:
        return _opening(seen, past, held, today)
    offered = _offered(seen.findings, held)
    declined = {reason.rule for reason in seen.findings} - {reason.rule for reason in offered}
    reasons = _merged(standing.reasons, offered, declined, _known(seen, rules))
    changed = tuple(new for new in reasons.values() if new not in standing.reasons)
    before = {reason.rule for reason in standing.reasons if reason.holds}
    new = [reason for reason in reasons.values() if reason.holds and reason.status == "yes" and reason.rule not in before]
    due = min([standing.due, *(today + timedelta(days=DUE[reason.level]) for reason in new)])
    return _decision(reasons.values(), changed, due, wakes=bool(new))


def _opening(seen: Seen, past: Past | None, held: tuple[Held, ...], today: date) -> Decision | None:
    if any(each.kind in NOBODY and each.scope == "all" for each in held):
        return None
    offered = _offered(seen.findings, held)
    certain = [reason for reason in offered if reason.status == "yes"]
    if all(_rests(reason.rule, past, today) for reason in certain):
        return None
    due = min(today + timedelta(days=DUE[reason.level]) for reason in certain)
    return replace(_decision(offered, tuple(offered), due), opens=True)


def _offered(findings: Iterable[Reason], held: Collection[Held]) -> list[Reason]:
    """Without what they refused."""
    refused = {each.scope for each in held if each.kind == Restriction.DECLINED}
    return [reason for reason in findings if reason.rule not in refused]


def _rests(rule: str, past: Past | None, today: date) -> bool:
    return past is not None and rule in past.rules and today < past.on + timedelta(days=ENDINGS[past.ending].rests)


def _known(seen: Seen, rules: Collection[str]) -> Collection[str]:
    """The rules of which the sweep knows what it says of somebody."""
    return rules if seen.present else ()


def _merged(before: Iterable[Reason], now: Iterable[Reason], declined: Collection[str], known: Collection[str]) -> dict[str, Reason]:
    """Every reason by its rule, as it stands after the sweep. What they declined is not over because it is not offered any more."""
    found = {reason.rule: reason for reason in now}
    for reason in before:
        if reason.rule.startswith(ASKED):
            found[reason.rule] = reason
        elif reason.rule not in found:
            ending = "declined" if reason.rule in declined else "resolved" if reason.rule in known else "left"
            found[reason.rule] = replace(reason, ending=reason.ending or ending)
    return found


def _decision(reasons: Iterable[Reason], changed: tuple[Reason, ...], due: date, wakes: bool = False) -> Decision:
    reasons = tuple(reasons)
    holding = [reason for reason in reasons if reason.holds]
    certain = [reason for reason in holding if reason.status == "yes"]
    priority = max((reason.priority for reason in certain or holding if not reason.restricted), default=0)
    named = tuple(sorted(reason.rule for reason in holding if not reason.restricted))
    ends = None
    if not holding:
        endings = {reason.ending for reason in reasons}
        ends = next((word for ending, word in _ENDS.items() if ending in endings), "left")
    return Decision(changed, priority, len(certain), due, named, wakes=wakes, ends=ends)
