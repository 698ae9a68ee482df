"""From statements to one fact for each domain and aspect."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from fhir_adapters.gravity import DOMAINS
from fhir_adapters.social.crosswalk import Aspect, Crosswalk, State, crosswalk
from fhir_adapters.social.statements import EVERY_DOMAIN, Statement, Weight, statements
from rules.facts import PersonRecord

_TOLD_IN: Final = {
    Aspect.RISK: ("observations",),
    Aspect.NEED: ("conditions", "referrals"),
    Aspect.DESIRE: ("goals", "observations"),
    Aspect.CONSENT: ("consents",),
}
"""The tables in which each is told, the main one first: without that one, silence means *unknown*, not *not asked*."""
_ANSWERS: Final = frozenset({State.POSITIVE, State.NEGATIVE, State.DECLINED})


@dataclass(frozen=True, slots=True)
class SocialFact:
    """One of the four facts about a domain, with where it comes from."""

    domain: str
    aspect: Aspect
    state: State
    by: Statement | None = None
    """The statement that decides; ``None`` if there is none."""
    conflicts: tuple[Statement, ...] = ()
    """Statements that are not stale and say otherwise, newest first."""
    not_loaded: tuple[str, ...] = ()
    """Tables that might say otherwise and were not read."""

    @property
    def was(self) -> State:
        """What was last said: the same as ``state`` unless that is stale."""
        return self.by.state if self.by else self.state


def social_facts(
    record: PersonRecord,
    as_of: date,
    *,
    stale_after: timedelta,
    codes: Crosswalk | None = None,
    domains: Sequence[str] = DOMAINS,
) -> dict[tuple[str, Aspect], SocialFact]:
    """Each of ``domains`` with its four facts, as they stood on ``as_of``.

    A fact whose newest statement is older than ``stale_after`` is *stale*; a consent that says until when it holds, after that day.
    """
    told: dict[tuple[str, Aspect], list[Statement]] = defaultdict(list)
    for said in _joined(statements(record, as_of, codes or crosswalk())):
        for domain in DOMAINS if said.domain == EVERY_DOMAIN else (said.domain,):
            told[domain, said.aspect].append(replace(said, domain=domain))
    unread = {event.table for event in record.events if event.opaque}
    oldest = as_of - stale_after
    return {
        (domain, aspect): _fact(domain, aspect, told[domain, aspect], _Silence(record, aspect, frozenset(unread)), as_of, oldest)
        for domain in domains
        for aspect in Aspect
    }


@dataclass(frozen=True, slots=True)
class _Silence:
    """What it means that nothing is said."""

    record: PersonRecord
    aspect: Aspect
    unread: frozenset[str]

    @property
    def not_loaded(self) -> tuple[str, ...]:
        return tuple(table for table in _TOLD_IN[self.aspect] if table in self.record.not_loaded)

    @property
    def state(self) -> State:
        main = _TOLD_IN[self.aspect][0]
        return State.UNKNOWN if main in self.record.not_loaded or main in self.unread else State.NOT_ASKED


def _fact(domain: str, aspect: Aspect, said: list[Statement], silence: _Silence, as_of: date, oldest: date) -> SocialFact:
    if not said:
        return SocialFact(domain, aspect, silence.state, not_loaded=silence.not_loaded)
    newest_first = sorted(said, key=_precedence, reverse=True)
    chosen = newest_first[0]
    if _stale(chosen, as_of, oldest):
        return SocialFact(domain, aspect, State.STALE, chosen, not_loaded=silence.not_loaded)
    others = [other for other in newest_first[1:] if other.state in _ANSWERS and other.state is not chosen.state]
    return SocialFact(
        domain, aspect, chosen.state, chosen, tuple(o for o in others if not _stale(o, as_of, oldest)), not_loaded=silence.not_loaded
    )


def _precedence(said: Statement) -> tuple[bool, date, Weight, bool, bool, str]:
    """Newest, then most specific; of equals the positive one, for it must not be missed, then any that is an answer at all."""
    return said.weight > Weight.ASKED, said.day, said.weight, said.state is State.POSITIVE, said.state in _ANSWERS, said.source


def _stale(said: Statement, as_of: date, oldest: date) -> bool:
    return said.until < as_of if said.until else said.day < oldest


def _joined(said: Iterable[Statement]) -> Iterator[Statement]:
    """The statements, with the answers of one group of questions on one day made one."""
    groups: dict[tuple[str, str, Aspect, date], list[Statement]] = defaultdict(list)
    for one in said:
        if one.group:
            groups[one.group, one.domain, one.aspect, one.day].append(one)
        else:
            yield one
    for answers in groups.values():
        state = _together({answer.state for answer in answers})
        yield replace(next((answer for answer in answers if answer.state is state), answers[0]), state=state)


def _together(states: set[State]) -> State:
    """Positive if any is; negative only if all are."""
    return next(state for state in (State.POSITIVE, State.UNKNOWN, State.DECLINED, State.NEGATIVE) if state in states)
