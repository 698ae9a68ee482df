"""What single events say about a person's social situation: one statement for each domain and aspect that an event speaks of."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import Final

from fhir_adapters.codes import CONSENT_PROVISION, DATA_ABSENT, NO, YES
from fhir_adapters.gravity import CATEGORIES, DOMAINS
from fhir_adapters.social.crosswalk import Aspect, Crosswalk, Meaning, State
from rules.facts import TABLES, Coding, Event, PersonRecord

EVERY_DOMAIN: Final = ""
"""The domain of a statement that names none, as a general consent does."""
_UNCERTAIN: Final = frozenset({"unconfirmed", "provisional", "differential"})
_ENDED: Final = frozenset({"resolved", "inactive", "remission"})
_ORDERED: Final = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order", "directive"})
_WANTED: Final = frozenset({"planned", "accepted", "active", "on-hold", "completed"})
_EPOCH: Final = date(1970, 1, 1)
_DAY: Final = 86_400_000_000


class Weight(IntEnum):
    """How specific a statement is: of two on one day the heavier one counts."""

    ASKED = 0
    """Something of the domain was asked, and nothing is known about the answers."""
    CATEGORY = 1
    CODE = 2
    ANSWER = 3
    SUMMARY = 4


@dataclass(frozen=True, slots=True, order=True)
class Statement:
    """What one resource (or the answers of one group of questions on one day) says."""

    domain: str
    aspect: Aspect
    state: State
    source: str
    day: date
    """When it was said, or held last."""
    weight: Weight
    group: str = ""
    until: date | None = None
    """The last day on which it holds, if it says so itself; it is stale only after that day."""


def statements(record: PersonRecord, as_of: date, codes: Crosswalk) -> list[Statement]:
    """Everything that is known on ``as_of``. What began, or was recorded, later does not exist yet."""
    return [said for event in record.events if _known(event, as_of) for said in _of(event, as_of, codes)]


def _known(event: Event, as_of: date) -> bool:
    if event.issued is not None and _EPOCH + timedelta(days=event.issued // _DAY) > as_of:
        return False
    return not event.opaque and event.start is not None and event.start.low <= as_of


def _of(event: Event, as_of: date, codes: Crosswalk) -> Iterable[Statement]:
    if event.table == "observations":
        return _observed(event, as_of, codes)
    if event.table == "conditions":
        return _found(event, as_of, codes)
    if event.table == "goals":
        return _wanted(event, as_of)
    if event.table == "referrals":
        return _referred(event, as_of)
    return _permitted(event, as_of, codes) if event.table == "consents" else ()


def _domains(event: Event) -> tuple[str, ...]:
    """The Gravity categories that an event has, as codes or as tags."""
    named = [*event.codes, *(coding for role, coding in event.tags if role == "category")]
    return tuple(dict.fromkeys(coding.code for coding in named if coding.system == CATEGORIES and coding.code in DOMAINS))


def _last_said(event: Event, as_of: date) -> date:
    """The day of an event: its last possible one, or a later one on which it was recorded; never after ``as_of``."""
    recorded = None if event.issued is None else _EPOCH + timedelta(days=event.issued // _DAY)
    begun = as_of if event.start is None else event.start.high
    return min(max(begun, recorded) if recorded else begun, as_of)


# ---------------------------------------------------------------- screening


def _observed(event: Event, as_of: date, codes: Crosswalk) -> Iterator[Statement]:
    counts = None if event.status is None else event.status in TABLES["observations"].counted
    if counts is False:
        return
    day = min(event.start.high, as_of) if event.start else as_of
    meanings = [meaning for code in event.codes for meaning in codes.questions.get(code, ())]
    understood = {coding.code for coding in event.answers} & {code for meaning in meanings for code in meaning.positive | meaning.negative}
    for meaning in meanings:
        state = State.UNKNOWN if counts is None else _answered(event, meaning, codes)
        # An answer that is listed under another domain of the same question says nothing of this one.
        if state is not State.NOT_ASKED and not (state is State.UNKNOWN and understood and counts):
            weight = Weight.SUMMARY if meaning.summary else Weight.ANSWER
            yield Statement(meaning.domain, meaning.aspect, state, event.source, day, weight, meaning.group)
    if meanings:
        return
    noticed = {} if counts is None else _noticed(event, codes)
    for domain in dict.fromkeys((*noticed, *_domains(event))):
        weight = Weight.CODE if domain in noticed else Weight.ASKED
        yield Statement(domain, Aspect.RISK, noticed.get(domain, State.UNKNOWN), event.source, day, weight)


def _answered(event: Event, meaning: Meaning, codes: Crosswalk) -> State:
    given = {coding.code for coding in event.answers}
    absent = {coding.code for role, coding in event.tags if role == "reason" and coding.system == DATA_ABSENT}
    if given & codes.declined or "asked-declined" in absent:
        return State.DECLINED
    if "not-asked" in absent:
        return State.NOT_ASKED
    if meaning.at_least is not None and event.value is not None:
        return State.POSITIVE if event.value >= meaning.at_least else State.NEGATIVE
    if given & meaning.positive:
        return State.POSITIVE
    return State.NEGATIVE if given & meaning.negative else State.UNKNOWN


def _noticed(event: Event, codes: Crosswalk) -> Mapping[str, State]:
    """A finding that somebody observed to be so, or not to be so."""
    if not {YES, NO} & set(event.answers):
        return {}
    so = YES in event.answers
    return {domain: state if so else _opposite(state) for code in event.codes for domain, state in codes.findings.get(code, ())}


def _opposite(state: State) -> State:
    return State.NEGATIVE if state is State.POSITIVE else State.UNKNOWN


# ---------------------------------------------------------------- problems, wishes, referrals, consents


def _found(event: Event, as_of: date, codes: Crosswalk) -> Iterator[Statement]:
    if event.status == "entered-in-error":
        return
    coded = {domain: state for code in event.codes for domain, state in codes.findings.get(code, ())}
    doubted = any(role == "verification" and coding.code in _UNCERTAIN for role, coding in event.tags)
    ended = event.end.high if event.end and event.end.high <= as_of else None
    for domain in dict.fromkeys((*coded, *_domains(event))):
        weight = Weight.CODE if domain in coded else Weight.CATEGORY
        state = _need(event, coded.get(domain, State.POSITIVE), over=ended is not None)
        if state is None:
            continue
        day = max(_last_said(event, as_of), ended) if ended else _last_said(event, as_of)
        if doubted and state is State.POSITIVE:
            # A concern that nobody has confirmed: a sign of risk, and not yet a need.
            yield Statement(domain, Aspect.RISK, state, event.source, day, weight)
            state = State.UNKNOWN
        yield Statement(domain, Aspect.NEED, state, event.source, day, weight)


def _need(event: Event, finding: State, *, over: bool) -> State | None:
    """Whether there is a need; ``None`` if it says nothing of today, as a reassuring finding that is over."""
    if event.status is None and not over:
        return State.UNKNOWN
    if event.status == "refuted" or event.status in _ENDED or over:
        return State.NEGATIVE if finding is State.POSITIVE else None
    return finding


def _wanted(event: Event, as_of: date) -> Iterator[Statement]:
    """A goal that the person shares; one that is only proposed, or was cancelled, says nothing of what they want."""
    if event.status == "entered-in-error":
        return
    state = State.POSITIVE if event.status in _WANTED else State.DECLINED if event.status == "rejected" else State.UNKNOWN
    for domain in _domains(event):
        yield Statement(domain, Aspect.DESIRE, state, event.source, _last_said(event, as_of), Weight.CATEGORY)


def _referred(event: Event, as_of: date) -> Iterator[Statement]:
    """Somebody was referred because of a need. A proposal, a draft and a request not to do it say nothing."""
    ordered = any(role == "intent" and coding.code in _ORDERED for role, coding in event.tags)
    if ordered and event.status in TABLES["referrals"].counted:
        for domain in _domains(event):
            yield Statement(domain, Aspect.NEED, State.POSITIVE, event.source, _last_said(event, as_of), Weight.CATEGORY)


_DECIDED: Final = {Coding(CONSENT_PROVISION, "permit"): State.POSITIVE, Coding(CONSENT_PROVISION, "deny"): State.NEGATIVE}


def _permitted(event: Event, as_of: date, codes: Crosswalk) -> Iterator[Statement]:
    if event.status in ("entered-in-error", "draft", "proposed") or not {coding.code for coding in event.codes} & codes.consent_about:
        return
    said = [_DECIDED[answer] for answer in event.answers if answer in _DECIDED]
    by_policy = [State.POSITIVE for answer in event.answers if answer.code in codes.consent_positive]
    state = next(iter(said + by_policy), State.UNKNOWN) if event.status == "active" else State.UNKNOWN
    state = State.DECLINED if event.status == "rejected" else state
    until = event.end.high if event.end else None
    for domain in _domains(event) or (EVERY_DOMAIN,):
        weight = Weight.CODE if domain else Weight.CATEGORY
        yield Statement(domain, Aspect.CONSENT, state, event.source, _last_said(event, as_of), weight, until=until)
