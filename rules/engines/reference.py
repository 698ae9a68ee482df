"""The reference engine: the meaning of the language, written to be read. Every other engine must agree with it.

From events to facts, for one person. What an event only *possibly* matches (`rules.engines.matching`) never makes a yes, a no or a
number; it makes the fact unknown, unless certain events settle it anyway.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from math import inf
from typing import Final

from rules import days
from rules.arithmetic import finite
from rules.engines.base import Evaluation, FactResult
from rules.engines.matching import Span, convert, passes, rank, word_of_rank
from rules.engines.reading import Asked, Place, Reading, Selection, read
from rules.facts import DateRange, Event, Person, PersonRecord, Value
from rules.ir import Bound, ComputedFact, EventFact, Fact, PatientFact, Program, Window, computed_value, derive

UNKNOWN: Final = FactResult(None)
NO: Final = FactResult(False)


class ReferenceEngine:
    """Evaluates one person at a time in plain Python. Always available."""

    name = "reference"

    def evaluate(self, program: Program, people: Iterable[PersonRecord], as_of: date) -> Iterator[Evaluation]:
        """See `rules.engines.base.Engine.evaluate`."""
        for record in people:
            results = reduce_facts(program, record, as_of)
            facts = {name: result.value for name, result in results.items()}
            yield Evaluation(record.person.id, facts, derive(program, facts), results)

    def close(self) -> None:
        """Nothing to let go of."""


def reduce_facts(program: Program, record: PersonRecord, as_of: date) -> dict[str, FactResult]:
    """Every base fact of ``program`` for one person on ``as_of``, with its events."""
    results: dict[str, FactResult] = {}
    readings = read(_asked(program), record, as_of)
    reduced: dict[tuple[int, Place], FactResult] = {}
    for name, twin, fact, reading, kind, fixed in _steps(program, as_of):
        if twin:
            results[name] = results[twin]
        elif not isinstance(fact, EventFact):
            results[name] = _reduce(fact, record, as_of, results)
        elif (span := fixed or span_of(fact, as_of, results)) is None:
            results[name] = UNKNOWN  # nothing to count from
        elif (place := readings[reading].place(span)) is None:
            results[name] = _REDUCERS[fact.aggregate](fact, readings[reading].within(span), as_of, span)
        elif (known := reduced.get((kind, place))) is not None:
            results[name] = known
        else:
            results[name] = reduced[kind, place] = _REDUCERS[fact.aggregate](fact, readings[reading].at(place), as_of, span)
    return results


def readings_of(program: Program, record: PersonRecord, as_of: date) -> list[Reading]:
    """What the event facts of ``program`` read, by `Program.readings`."""
    return read(_asked(program), record, as_of)


def reduce_fact(
    program: Program, fact: Fact, record: PersonRecord, readings: Sequence[Reading], as_of: date, results: Mapping[str, FactResult]
) -> FactResult:
    """One base fact alone, given the `readings_of` that day and the results of the facts that it rests on."""
    if not isinstance(fact, EventFact):
        return _reduce(fact, record, as_of, results)
    span = span_of(fact, as_of, results)
    return _REDUCERS[fact.aggregate](fact, readings[program.readings[fact.name]].within(span), as_of, span) if span else UNKNOWN


@lru_cache(maxsize=512)
def _steps(program: Program, as_of: date) -> tuple[tuple[str, str | None, Fact, int, int, Span | None], ...]:
    """What of each fact is the same for everybody: its twin, its reading, its kind, and its window if that needs no other fact."""
    kinds = _kinds(program)
    numbers = [(program.twins.get(f.name), f, program.readings.get(f.name, 0), kinds.get(f.name, 0)) for f in program.facts]
    return tuple((each[1].name, *each, _fixed_span(each[1], as_of)) for each in numbers)


@lru_cache(maxsize=512)
def _kinds(program: Program) -> dict[str, int]:
    """Event facts, with one number for all that differ in window only: of the same events they make the same.

    But covered days are days of the window, so that the window belongs to what is made.
    """
    numbers: dict[EventFact, int] = {}
    facts = [fact for fact in program.facts if isinstance(fact, EventFact)]
    alike = {f.name: replace(f, name="", window=f.window if f.aggregate == "days covered" else Window()) for f in facts}
    return {name: numbers.setdefault(fact, len(numbers)) for name, fact in alike.items()}


@lru_cache(maxsize=512)
def _asked(program: Program) -> Asked:
    first = {program.readings[f.name]: f for f in reversed(program.facts) if isinstance(f, EventFact)}
    return Asked(first[number] for number in sorted(first))


def _reduce(fact: PatientFact | ComputedFact, record: PersonRecord, as_of: date, results: Mapping[str, FactResult]) -> FactResult:
    if isinstance(fact, ComputedFact):
        return FactResult(computed_value(fact, {name: results[name].value for name in fact.uses()}))
    return _of_patient(fact, record.person, as_of, results)


# ---------------------------------------------------------------- which events


def span_of(fact: EventFact, as_of: date, results: Mapping[str, FactResult]) -> Span | None:
    """The window of ``fact`` on this person's calendar; ``None`` if a day that it is counted from is not known."""
    days_of = {name: results[name].day for name in fact.window.anchors}
    return None if None in days_of.values() else _span(fact.window, as_of, days_of)


def _fixed_span(fact: Fact, as_of: date) -> Span | None:
    """The window of a fact where it is the same for everybody."""
    return _span(fact.window, as_of, {}) if isinstance(fact, EventFact) and not fact.window.anchors else None


def _span(window: Window, as_of: date, days_of: Mapping[str, DateRange | None]) -> Span:
    low, high = DateRange(date.min, date.min), DateRange(as_of, as_of)
    for bound in window.lower:
        place = _place(bound, as_of, days_of)
        low = DateRange(max(low.low, place.low), max(low.high, place.high))
    for bound in window.upper:
        place = _place(bound, as_of, days_of)
        high = DateRange(min(high.low, place.low), min(high.high, place.high))
    return Span(low, high, window.timing)


def _place(bound: Bound, as_of: date, days_of: Mapping[str, DateRange | None]) -> DateRange:
    found = days_of[bound.anchor] if bound.anchor else None
    day = bound.shifted(found.low) if found else bound.fixed(as_of)
    return DateRange(day, bound.shifted(found.high) if found and found.high != found.low else day)


# ---------------------------------------------------------------- from events to a value


def _exists(fact: EventFact, chosen: Selection, as_of: date, span: Span) -> FactResult:
    certain, possible, complete, _ = chosen
    if certain:
        return FactResult(True, (certain[-1],))
    return NO if complete and not possible else UNKNOWN


def _all(fact: EventFact, chosen: Selection, as_of: date, span: Span) -> FactResult:
    """Of nothing, nothing is said: without any event it is unknown."""
    certain, possible, complete, _ = chosen
    failing = [e for e in certain if passes(fact.series, e) is False]
    if failing:
        return FactResult(False, (failing[-1],))
    sure = complete and all(passes(fact.series, e) for e in (*certain, *possible))
    return FactResult(True, tuple(certain)) if certain and sure else UNKNOWN


def _counted(fact: EventFact, chosen: Selection, as_of: date, span: Span) -> FactResult:
    """The number of events, or of the days that they cover. One that is only possible makes it unknown."""
    certain, possible, complete, _ = chosen
    if not complete:
        return UNKNOWN
    number = _days_covered(certain, span) if fact.aggregate == "days covered" else _count(fact, certain)
    return FactResult(None if possible else number, tuple(certain))


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


def _latest(fact: EventFact, chosen: Selection, as_of: date, span: Span) -> FactResult:
    certain, possible, complete, exact = chosen
    if not complete or not certain or (possible and _may_follow(possible, certain)):
        return UNKNOWN
    if fact.type == "word":
        return _word(fact, certain, exact=exact)
    event = max(certain, key=lambda e: (_low(e), _tie(fact, e), e.order)) if fact.ties else certain[-1]
    if not exact and any(_may_be_later(other, event) for other in certain):
        return UNKNOWN
    value = _time_since(fact.scale, event.start, as_of) if fact.scale else convert(fact.series, event)
    return FactResult(value, (event,), event.start)


def _may_follow(possible: Sequence[Event], certain: Sequence[Event]) -> bool:
    """Whether an event that is only possible may be the latest."""
    last = max(map(_low, certain))
    return any(e.start is None or e.start.high >= last for e in possible)


def _may_precede(possible: Sequence[Event], certain: Sequence[Event]) -> bool:
    """Whether an event that is only possible may be the earliest."""
    first = min(map(_low, certain))
    return any(e.start is None or e.start.low <= first for e in possible)


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


def _earliest(fact: EventFact, chosen: Selection, as_of: date, span: Span) -> FactResult:
    certain, possible, complete, exact = chosen
    if not complete or not certain or (possible and _may_precede(possible, certain)):
        return UNKNOWN
    if fact.type == "word":
        return _word(fact, certain, exact=exact)
    event = max(certain, key=lambda e: (-_low(e).toordinal(), _tie(fact, e), e.order)) if fact.ties else certain[0]
    if not exact and any(_may_be_later(event, other) for other in certain):
        return UNKNOWN
    return FactResult(convert(fact.series, event), (event,), event.start)


def _word(fact: EventFact, certain: Sequence[Event], *, exact: bool) -> FactResult:
    """Among the answers given at one moment, the latest or the earliest of all, the winning word.

    An unusable answer yields only to the first word.
    """
    latest = fact.aggregate == "latest"
    event, beside = (certain[-1], -2) if latest else (certain[0], 1)
    if len(certain) > 1 and certain[beside].instant == event.instant:
        together = [e for e in reversed(certain) if e.instant == event.instant]
        event = min(together, key=lambda e: rank(fact.series, e))  # of several that mean this word, the last
    if not exact and any(_may_be_later(e, event) if latest else _may_be_later(event, e) for e in certain if e.instant != event.instant):
        return UNKNOWN
    return FactResult(word_of_rank(fact.series, rank(fact.series, event)), (event,), event.start)


def _summary(fact: EventFact, chosen: Selection, as_of: date, span: Span) -> FactResult:
    """Highest, lowest, sum, mean, trend. One value that cannot be used, or that is only possible, makes the summary unknown."""
    events, possible, complete, _ = chosen
    if not complete or possible or not events:
        return UNKNOWN
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


_REDUCERS: Final[Mapping[str, Callable[[EventFact, Selection, date, Span], FactResult]]] = {
    "exists": _exists,
    "all": _all,
    "latest": _latest,
    "time since latest": _latest,
    "earliest": _earliest,
    "count": _counted,
    "days covered": _counted,
    **dict.fromkeys(("highest", "lowest", "sum", "mean", "trend"), _summary),
}
"""What makes a value of the events of a fact, given its window on this person's calendar."""


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
