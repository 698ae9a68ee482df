"""The reference engine: the meaning of the language, written to be read. Every other engine must agree with it.

From events to facts, for one person. What an event only *possibly* matches (`rules.engines.matching`) never makes a yes, a no or a
number; it makes the fact unknown, unless certain events settle it anyway.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import inf
from operator import attrgetter

from rules import days
from rules.arithmetic import finite
from rules.engines.base import Evaluation
from rules.engines.matching import Span, convert, in_window, matches, passes, rank, word_of_rank
from rules.facts import HOUSEHOLD, NEVER, DateRange, Event, Person, PersonRecord, Value
from rules.ir import Bound, ComputedFact, EventFact, PatientFact, Program, Window, computed_value, derive


@dataclass(frozen=True, slots=True)
class FactResult:
    """The value of a fact and the events it rests on."""

    value: Value
    events: tuple[Event, ...] = ()
    day: DateRange | None = None
    """The day of the chosen event, from which windows of other facts may count."""


Matching = list[tuple[Event, bool | None]]
"""Events, each with whether it matches certainly (True) or only possibly (None)."""
UNKNOWN = FactResult(None)
ORDER = attrgetter("order")


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
    read: dict[int, Matching] = {}
    spans = _fixed_spans(program, as_of)
    for fact in program.facts:
        twin = program.twins.get(fact.name)
        if twin:
            results[fact.name] = results[twin]
        elif isinstance(fact, EventFact):
            number = program.readings[fact.name]
            if number not in read:
                read[number] = matching(fact, record, as_of)
            span = spans.get(fact.name) or span_of(fact, as_of, results)
            results[fact.name] = _reduce_events(fact, read[number], is_complete(fact, record), as_of, span)
        else:
            results[fact.name] = _reduce(fact, record, as_of, results)
    return results


def _reduce(fact: PatientFact | ComputedFact, record: PersonRecord, as_of: date, results: Mapping[str, FactResult]) -> FactResult:
    if isinstance(fact, ComputedFact):
        return FactResult(computed_value(fact, {name: results[name].value for name in fact.uses()}))
    return _of_patient(fact, record.person, as_of, results)


def _reduce_events(fact: EventFact, events: Matching, complete: bool, as_of: date, span: Span | None) -> FactResult:
    if span is None:  # nothing to count from
        return UNKNOWN
    certain, possible = within(fact.window, span, events)
    return _aggregate(fact, certain, possible, complete, as_of, span)


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


def matching(fact: EventFact, record: PersonRecord, as_of: date) -> Matching:
    """The events that match ``fact`` whatever its window: certainly (True), or only possibly (None)."""
    found: Matching = []
    for member in record.household_records() if fact.household else (record,):
        for event in member.having(fact.series.codes):
            test = matches(fact.series, event, member, as_of, passing=fact.aggregate != "all")
            if test is not False:
                found.append((event, test))
    return found


def within(window: Window, span: Span, events: Matching) -> tuple[list[Event], list[Event]]:
    """Of the matching events those that certainly lie in the window, and those that only possibly match or lie in it."""
    certain: list[Event] = []
    possible: list[Event] = []
    for event, test in events:
        inside = in_window(window, span, event)
        if inside is not False:
            (certain if test and inside else possible).append(event)
    return certain, possible


def is_complete(fact: EventFact, record: PersonRecord) -> bool:
    """Whether everything that ``fact`` asks about was read."""
    if not fact.household:
        return record.not_loaded.isdisjoint(fact.series.tables)
    return HOUSEHOLD not in record.not_loaded and all(m.not_loaded.isdisjoint(fact.series.tables) for m in record.household_records())


# ---------------------------------------------------------------- from events to a value


def _aggregate(fact: EventFact, certain: list[Event], possible: list[Event], complete: bool, as_of: date, span: Span) -> FactResult:
    match fact.aggregate:
        case "exists":
            return _exists(certain, possible, complete)
        case "all":
            return _all(fact, certain, possible, complete)
    if not complete:
        return UNKNOWN
    match fact.aggregate:
        case "count":
            return FactResult(None if possible else _count(fact, certain), tuple(certain))
        case "days covered":
            return FactResult(None if possible else _days_covered(certain, span), tuple(certain))
        case "latest" | "time since latest":
            return _latest(fact, certain, possible, as_of)
        case "earliest":
            return _earliest(fact, certain, possible)
    return UNKNOWN if possible or not certain else _summary(fact, certain, as_of)


def _exists(certain: list[Event], possible: list[Event], complete: bool) -> FactResult:
    if certain:
        return FactResult(True, (max(certain, key=ORDER),))
    return FactResult(False if complete and not possible else None)


def _all(fact: EventFact, certain: list[Event], possible: list[Event], complete: bool) -> FactResult:
    """Of nothing, nothing is said: without any event it is unknown."""
    failing = [e for e in certain if passes(fact.series, e) is False]
    if failing:
        return FactResult(False, (max(failing, key=lambda e: e.order),))
    sure = complete and all(passes(fact.series, e) for e in (*certain, *possible))
    return FactResult(True, tuple(certain)) if certain and sure else UNKNOWN


def _days_covered(certain: list[Event], span: Span) -> float | None:
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


def _count(fact: EventFact, certain: list[Event]) -> float | None:
    if not fact.days:
        return float(len(certain))
    starts = [e.start for e in certain if e.start]
    if any(start.low != start.high for start in starts) and len(starts) > 1:
        return None  # two partial dates may be one day
    return float(len({start.low for start in starts}))


def _latest(fact: EventFact, certain: list[Event], possible: list[Event], as_of: date) -> FactResult:
    if not certain or any(e.start is None or e.start.high >= max(_low(c) for c in certain) for e in possible):
        return UNKNOWN
    if fact.type == "word":
        return _word(fact, certain, max(_instant(e) for e in certain))
    event = max(certain, key=(lambda e: (_low(e), _tie(fact, e), e.order)) if fact.ties else ORDER)
    if any(_may_be_later(other, event) for other in certain):
        return UNKNOWN
    value = _time_since(fact.scale, event.start, as_of) if fact.scale else convert(fact.series, event)
    return FactResult(value, (event,), event.start)


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


def _earliest(fact: EventFact, certain: list[Event], possible: list[Event]) -> FactResult:
    if not certain or any(e.start is None or e.start.low <= min(_low(c) for c in certain) for e in possible):
        return UNKNOWN
    if fact.type == "word":
        return _word(fact, certain, min(_instant(e) for e in certain))
    event = max(certain, key=lambda e: (-_low(e).toordinal(), _tie(fact, e), e.order)) if fact.ties else min(certain, key=ORDER)
    if any(_may_be_later(event, other) for other in certain):
        return UNKNOWN
    return FactResult(convert(fact.series, event), (event,), event.start)


def _word(fact: EventFact, certain: list[Event], moment: int) -> FactResult:
    """Among the answers given at one moment the winning word; an unusable answer yields only to the first word."""
    together: list[Event] = []
    apart: list[Event] = []
    for each in certain:
        (together if _instant(each) == moment else apart).append(each)
    best = min(rank(fact.series, e) for e in together)
    event = max((e for e in together if rank(fact.series, e) == best), key=ORDER)
    if any(_may_be_later(e, event) if fact.aggregate == "latest" else _may_be_later(event, e) for e in apart):
        return UNKNOWN
    return FactResult(word_of_rank(fact.series, best), (event,), event.start)


def _summary(fact: EventFact, certain: list[Event], as_of: date) -> FactResult:
    """Highest, lowest, sum, mean, trend. One value that cannot be used makes the summary unknown."""
    ordered = sorted(certain, key=ORDER)
    values = [convert(fact.series, event) for event in ordered]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return FactResult(None, tuple(ordered))
    if fact.aggregate in ("highest", "lowest"):
        best = max(known) if fact.aggregate == "highest" else min(known)
        event = max((e for e, v in zip(ordered, known, strict=True) if v == best), key=ORDER)
        return FactResult(best, (event,), event.start)
    if fact.aggregate == "trend":
        return FactResult(_slope(fact, ordered, known, as_of), tuple(ordered))
    total = 0.0
    for value in known:  # in the order of the events, so that every engine rounds alike
        total += value
    return FactResult(finite(total / len(known) if fact.aggregate == "mean" else total), tuple(ordered))


def _slope(fact: EventFact, events: list[Event], values: list[float], as_of: date) -> float | None:
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


def _instant(event: Event) -> int:
    return NEVER if event.instant is None else event.instant


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
