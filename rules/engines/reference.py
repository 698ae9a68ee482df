"""The reference engine: the meaning of the language, written to be read. Every other engine must agree with it.

From events to facts, for one person. What an event only *possibly* matches (`rules.engines.matching`) never makes a yes, a no or a
number; it makes the fact unknown, unless certain events settle it anyway.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from math import inf
from typing import NamedTuple

from rules import days
from rules.arithmetic import finite
from rules.engines.base import Evaluation
from rules.engines.matching import Span, convert, passes, rank, word_of_rank
from rules.engines.reading import Reading, Selection, read
from rules.facts import DateRange, Event, Person, PersonRecord, Value
from rules.ir import Bound, ComputedFact, EventFact, PatientFact, Program, Window, computed_value, derive


class FactResult(NamedTuple):
    """The value of a fact and the events it rests on."""

    value: Value
    events: tuple[Event, ...] = ()
    day: DateRange | None = None
    """The day of the chosen event, from which windows of other facts may count."""


UNKNOWN = FactResult(None)


class ReferenceEngine:
    """Evaluates one person at a time in plain Python. Always available."""

    name = "reference"

    def evaluate(self, program: Program, people: Iterable[PersonRecord], as_of: date) -> Iterator[Evaluation]:
        """See `rules.engines.base.Engine.evaluate`."""
        for record in people:
            facts = {name: result.value for name, result in reduce_facts(program, record, as_of).items()}
            yield Evaluation(record.person.id, facts, derive(program, facts))

    def close(self) -> None:
        """Nothing to let go of."""


def reduce_facts(program: Program, record: PersonRecord, as_of: date) -> dict[str, FactResult]:
    """Every base fact of ``program`` for one person on ``as_of``, with its events."""
    results: dict[str, FactResult] = {}
    readings: dict[int, Reading] = {}
    spans = _fixed_spans(program, as_of)
    for fact in program.facts:
        name = fact.name
        if name in program.twins:
            results[name] = results[program.twins[name]]
        elif isinstance(fact, EventFact):
            number = program.readings[name]
            if number not in readings:
                readings[number] = read(fact, record, as_of)
            span = spans.get(name) or span_of(fact, as_of, results)
            results[name] = _aggregate(fact, readings[number], as_of, span) if span else UNKNOWN  # else nothing to count from
        else:
            results[name] = _reduce(fact, record, as_of, results)
    return results


def _reduce(fact: PatientFact | ComputedFact, record: PersonRecord, as_of: date, results: Mapping[str, FactResult]) -> FactResult:
    if isinstance(fact, ComputedFact):
        return FactResult(computed_value(fact, {name: results[name].value for name in fact.uses()}))
    return _of_patient(fact, record.person, as_of, results)


# ---------------------------------------------------------------- which events


def span_of(fact: EventFact, as_of: date, results: Mapping[str, FactResult]) -> Span | None:
    """The window of ``fact`` on this person's calendar; ``None`` if a day that it is counted from is not known."""
    days_of = {name: results[name].day for name in fact.window.anchors}
    return None if None in days_of.values() else _span(fact.window, as_of, days_of)


@lru_cache(maxsize=512)
def _fixed_spans(program: Program, as_of: date) -> Mapping[str, Span]:
    """The windows that are the same for everybody, computed once."""
    return {f.name: _span(f.window, as_of, {}) for f in program.facts if isinstance(f, EventFact) and not f.window.anchors}


def _span(window: Window, as_of: date, days_of: Mapping[str, DateRange | None]) -> Span:
    lows = [_place(bound, as_of, days_of) for bound in window.lower]
    highs = [_place(bound, as_of, days_of) for bound in window.upper]
    return Span(
        DateRange(max([date.min, *(r.low for r in lows)]), max([date.min, *(r.high for r in lows)])),
        DateRange(min([as_of, *(r.low for r in highs)]), min([as_of, *(r.high for r in highs)])),
    )


def _place(bound: Bound, as_of: date, days_of: Mapping[str, DateRange | None]) -> DateRange:
    found = days_of[bound.anchor] if bound.anchor else None
    if found is None:
        day = bound.fixed(as_of)
        return DateRange(day, day)
    return DateRange(bound.shifted(found.low), bound.shifted(found.high))


# ---------------------------------------------------------------- from events to a value


def _aggregate(fact: EventFact, reading: Reading, as_of: date, span: Span) -> FactResult:
    found = reading.within(fact.window, span)
    match fact.aggregate:
        case "exists":
            return _exists(found, reading.complete)
        case "all":
            return _all(fact, found, reading.complete)
    if not reading.complete:
        return UNKNOWN
    match fact.aggregate:
        case "latest" | "time since latest":
            return _latest(fact, found, as_of)
        case "count":
            return FactResult(None if found.possible else _count(fact, found.certain), tuple(found.certain))
        case "days covered":
            return FactResult(None if found.possible else _days_covered(found.certain, span), tuple(found.certain))
        case "earliest":
            return _earliest(fact, found)
    return UNKNOWN if found.possible or not found.certain else _summary(fact, found.certain, as_of)


def _exists(found: Selection, complete: bool) -> FactResult:
    if found.certain:
        return FactResult(True, (found.certain[-1],))
    return FactResult(False if complete and not found.possible else None)


def _all(fact: EventFact, found: Selection, complete: bool) -> FactResult:
    """Of nothing, nothing is said: without any event it is unknown."""
    failing = [e for e in found.certain if passes(fact.series, e) is False]
    if failing:
        return FactResult(False, (failing[-1],))
    sure = complete and all(passes(fact.series, e) for e in (*found.certain, *found.possible))
    return FactResult(True, tuple(found.certain)) if found.certain and sure else UNKNOWN


def _days_covered(certain: Sequence[Event], span: Span) -> float | None:
    """The days of the window on which at least one event was going on. One date that is partial makes it unknown."""
    if not certain:
        return 0.0
    low, high = _exact(span.low), _exact(span.high)
    periods = [(_exact(e.start), _exact(e.end) if e.end else high) for e in certain]
    if low is None or high is None:
        return None
    covered, counted = 0, low.toordinal() - 1
    for first, last in sorted(periods, key=lambda p: p[0] or date.min):
        if first is None or last is None:
            return None
        until = min(last, high).toordinal()
        covered += max(until - max(first.toordinal() - 1, counted), 0)
        counted = max(counted, until)
    return float(covered)


def _exact(day: DateRange | None) -> date | None:
    return day.low if day and day.low == day.high else None


def _count(fact: EventFact, certain: Sequence[Event]) -> float | None:
    if not fact.days:
        return float(len(certain))
    starts = [e.start for e in certain if e.start]
    if any(start.low != start.high for start in starts) and len(starts) > 1:
        return None  # two partial dates may be one day
    return float(len({start.low for start in starts}))


def _latest(fact: EventFact, found: Selection, as_of: date) -> FactResult:
    certain = found.certain
    if not certain or (found.possible and _may_follow(found)):
        return UNKNOWN
    if fact.type == "word":
        return _word(fact, certain, exact=found.exact)
    event = max(certain, key=lambda e: (_low(e), _tie(fact, e), e.order)) if fact.ties else certain[-1]
    if not found.exact and any(_may_be_later(other, event) for other in certain):
        return UNKNOWN
    value = _time_since(fact.scale, event.start, as_of) if fact.scale else convert(fact.series, event)
    return FactResult(value, (event,), event.start)


def _may_follow(found: Selection) -> bool:
    """Whether an event that is only possible may be the latest."""
    last = max(map(_low, found.certain))
    return any(e.start is None or e.start.high >= last for e in found.possible)


def _may_precede(found: Selection) -> bool:
    """Whether an event that is only possible may be the earliest."""
    first = min(map(_low, found.certain))
    return any(e.start is None or e.start.low <= first for e in found.possible)


def _tie(fact: EventFact, event: Event) -> float:
    """Its place among the values of one day. One that cannot be used comes first of all, so that the fact is unknown."""
    value = convert(fact.series, event)
    return inf if value is None else value if fact.ties == "highest" else -value


def _may_be_later(other: Event, chosen: Event) -> bool:
    """Whether ``other`` may lie after ``chosen`` because the date of one of them is partial."""
    if other is chosen or other.start is None or chosen.start is None:
        return False
    partial = other.start.low != other.start.high or chosen.start.low != chosen.start.high
    return partial and other.start.high >= chosen.start.low


def _earliest(fact: EventFact, found: Selection) -> FactResult:
    certain = found.certain
    if not certain or (found.possible and _may_precede(found)):
        return UNKNOWN
    if fact.type == "word":
        return _word(fact, certain, exact=found.exact)
    event = max(certain, key=lambda e: (-_low(e).toordinal(), _tie(fact, e), e.order)) if fact.ties else certain[0]
    if not found.exact and any(_may_be_later(event, other) for other in certain):
        return UNKNOWN
    return FactResult(convert(fact.series, event), (event,), event.start)


def _word(fact: EventFact, certain: Sequence[Event], *, exact: bool) -> FactResult:
    """Among the answers given at one moment, the latest or the earliest of all, the winning word.

    An unusable answer yields only to the first word.
    """
    latest = fact.aggregate == "latest"
    moment = (certain[-1] if latest else certain[0]).instant
    together = [e for e in certain if e.instant == moment]
    ranks = [rank(fact.series, e) for e in together]
    best = min(ranks)
    event = together[-1] if len(together) == 1 else [e for e, place in zip(together, ranks, strict=True) if place == best][-1]
    if not exact:
        apart = [e for e in certain if e.instant != moment]
        if any(_may_be_later(e, event) if latest else _may_be_later(event, e) for e in apart):
            return UNKNOWN
    return FactResult(word_of_rank(fact.series, best), (event,), event.start)


def _summary(fact: EventFact, events: Sequence[Event], as_of: date) -> FactResult:
    """Highest, lowest, sum, mean, trend. One value that cannot be used makes the summary unknown."""
    values = [convert(fact.series, event) for event in events]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return FactResult(None, tuple(events))
    if fact.aggregate in ("highest", "lowest"):
        best = max(known) if fact.aggregate == "highest" else min(known)
        event = [e for e, v in zip(events, known, strict=True) if v == best][-1]
        return FactResult(best, (event,), event.start)
    if fact.aggregate == "trend":
        return FactResult(_slope(fact, events, known, as_of), tuple(events))
    total = 0.0
    for value in known:  # in the order of the events, so that every engine rounds alike
        total += value
    return FactResult(finite(total / len(known) if fact.aggregate == "mean" else total), tuple(events))


def _slope(fact: EventFact, events: Sequence[Event], values: list[float], as_of: date) -> float | None:
    """The slope of the straight line through the values (least squares), for each ``fact.scale``."""
    found = [_exact(e.start) for e in events]
    places = [float((day - as_of).days) for day in found if day]
    if len(places) < len(events):
        return None
    n, sum_x, sum_xx, sum_y, sum_xy = float(len(values)), 0.0, 0.0, 0.0, 0.0
    for x, y in zip(places, values, strict=True):  # in the order of the events, so that every engine rounds alike
        sum_x, sum_xx, sum_y, sum_xy = sum_x + x, sum_xx + x * x, sum_y + y, sum_xy + x * y
    spread = n * sum_xx - sum_x * sum_x
    return finite((n * sum_xy - sum_x * sum_y) / spread * days.MEAN[fact.scale or "day"]) if spread else None


def _low(event: Event) -> date:
    return event.start.low if event.start else date.min


def _time_since(scale: str, start: DateRange | None, as_of: date) -> float | None:
    """Completed units, if every day that the date may mean gives the same number."""
    if start is None:
        return None
    longest, shortest = (days.whole(scale, day, as_of) for day in (start.low, start.high))
    return float(longest) if longest == shortest else None


# ---------------------------------------------------------------- facts about the person


def _of_patient(fact: PatientFact, person: Person, as_of: date, results: Mapping[str, FactResult]) -> FactResult:
    """A fact about the person. Age is that on the day of evaluation unless another day is asked for, which may not be known."""
    if fact.on:
        days_of = {fact.on.anchor: results[fact.on.anchor].day} if fact.on.anchor else {}
        return UNKNOWN if None in days_of.values() else FactResult(_age(person.birth, _place(fact.on, as_of, days_of)))
    return FactResult(patient_value(fact.attribute, person, as_of), (), person.birth if fact.attribute == "birth" else None)


def patient_value(attribute: str, person: Person, as_of: date) -> Value:
    """A fact about the person on ``as_of``."""
    match attribute:
        case "age":
            return _age(person.birth, DateRange(as_of, as_of))
        case "deceased":
            return _deceased(person, as_of)
        case "sex":
            return person.sex
        case "language":
            return person.language
        case "birth":
            exact = person.birth is not None and person.birth.low == person.birth.high
            return person.birth.low.isoformat() if person.birth and exact else None
    return person.postcode


def _age(birth: DateRange | None, day: DateRange) -> float | None:
    if birth is None:
        return None
    oldest, youngest = days.age(birth.low, day.high), days.age(birth.high, day.low)
    return float(oldest) if oldest == youngest else None


def _deceased(person: Person, as_of: date) -> bool | None:
    if not person.deceased or person.died is None:
        return person.deceased
    if person.died.high <= as_of:
        return True
    return None if person.died.low <= as_of else False
