"""Which events a series means: the tests of the language on one event, three-valued, written to be read.

A test is *certain* (True), impossible (False), or only *possible* (None): a date is partial, a status is missing, a value cannot be
converted, the resource could not be understood.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from rules import days
from rules.arithmetic import finite
from rules.facts import DateRange, Event, PersonRecord
from rules.ir import Relation, Series, Timing
from rules.logic import OPERATORS

UNUSABLE = 1
"""The rank of an answer that means none of a question's words: after the first word, before the others."""


@dataclass(frozen=True, slots=True)
class Span:
    """A window on a person's calendar; each end is a range when the event that it is counted from has a partial date."""

    low: DateRange
    high: DateRange
    timing: Timing = "starts"
    """What of an event must lie in it."""
    days: tuple[date, date] | None = field(init=False)
    """Its first and last day, if both are known and it is the start of an event that must lie in it."""

    def __post_init__(self) -> None:
        exact = self.low.low == self.low.high and self.high.low == self.high.high
        object.__setattr__(self, "days", (self.low.low, self.high.high) if exact and self.timing == "starts" else None)


def both(tests: Iterable[bool | None]) -> bool | None:
    """No if any is no; else possible if any is only possible; else certain."""
    result: bool | None = True
    for test in tests:
        if test is False:
            return False
        if test is None:
            result = None
    return result


def passes(series: Series, event: Event) -> bool | None:
    """Whether the event's own value and answer are those that the series asks for."""
    return None if event.opaque else both((_answer(series, event), *_values(series, event)))


def matches(series: Series, event: Event, record: PersonRecord, as_of: date, *, passing: bool = True) -> bool | None:
    """Whether ``event`` belongs to ``series`` as of a day, windows apart (and, unless ``passing``, `passes` apart).

    It is one that the ``record`` gave for the codes of the series.
    """
    if event.table not in series.tables:
        return False
    begun = has_begun(event, as_of)
    if event.opaque:
        return None if begun is not False else False
    counts = None if event.status is None else event.status in series.counted[event.table]
    if counts is False or begun is False:
        return False
    if series.plain:
        return counts and begun
    tests = both((counts, begun, _content(series, event, passing)))
    if tests is False or not series.relations:
        return tests
    return both((tests, *(related(r, event, record, as_of) for r in series.relations)))


def has_begun(event: Event, as_of: date) -> bool | None:
    """Events after ``as_of`` do not exist."""
    if event.start is None:
        return None
    return False if event.start.low > as_of else True if event.start.high <= as_of else None


def _content(series: Series, event: Event, passing: bool) -> bool | None:
    """Answer, value and tags. An event left out for having no usable value does not exist."""
    if series.usable and not is_usable(series, event):
        return False
    tests = _tags(series, event) if series.tags else ()
    return both((passes(series, event), *tests)) if passing and (series.values or series.answers is not None) else both(tests)


def _answer(series: Series, event: Event) -> bool | None:
    if series.answers is None:
        return True
    place = rank(series, event)
    return None if place == UNUSABLE else series.words[place // 2][0] in series.answers


def _values(series: Series, event: Event) -> Iterable[bool | None]:
    if series.values:
        value = convert(series, event)
        yield from (None if value is None else OPERATORS[test.op](value, test.number) for test in series.values)


def _tags(series: Series, event: Event) -> Iterable[bool | None]:
    for test in series.tags:
        said = [coding for role, coding in event.tags if role == test.role]
        yield None if not said else not test.codes.isdisjoint(said)


# ---------------------------------------------------------------- values


def is_usable(series: Series, event: Event) -> bool:
    """Whether the event has a value in the series' unit, or an answer that means one of its words."""
    return rank(series, event) != UNUSABLE if series.words else convert(series, event) is not None


def convert(series: Series, event: Event) -> float | None:
    """The event's value in the series' unit; ``None`` if there is no value, no valid conversion, or no finite result."""
    if event.value is None:
        return None
    rate = series.rates.get(event.unit)
    return None if rate is None else finite(event.value * rate.factor + rate.offset)


def rank(series: Series, event: Event) -> int:
    """Which word an answer means: 0 for the first, 2, 4 … for the next, `UNUSABLE` for none of them."""
    for i, (_, answers) in enumerate(series.words):
        if not answers.isdisjoint(event.answers):
            return 2 * i
    return UNUSABLE


def rank_of_word(series: Series, word: str) -> int:
    """The `rank` of a word."""
    return 2 * [each for each, _ in series.words].index(word)


def word_of_rank(series: Series, place: int) -> str | None:
    """The word behind a `rank`; ``None`` for an unusable answer."""
    return None if place == UNUSABLE else series.words[place // 2][0]


# ---------------------------------------------------------------- time


def at_least(day: DateRange, limit: DateRange) -> bool | None:
    """Whether ``day`` is on or after ``limit``."""
    return False if day.high < limit.low else True if day.low >= limit.high else None


def at_most(day: DateRange, limit: DateRange) -> bool | None:
    """Whether ``day`` is on or before ``limit``."""
    return False if day.low > limit.high else True if day.high <= limit.low else None


def starts_in(event: Event, span: Span) -> bool | None:
    """Whether ``event`` began within ``span``."""
    return _inside(event.start, span)


def _ends(event: Event, span: Span) -> bool | None:
    return _inside(event.end, span) if event.end else False


def _lies_inside(event: Event, span: Span) -> bool | None:
    return both((starts_in(event, span), _ends(event, span)))


def _overlaps(event: Event, span: Span) -> bool | None:
    """An event without an end is still going on."""
    begun = at_most(event.start, span.high) if event.start else None
    return both((at_most(span.low, span.high), begun, at_least(event.end, span.low) if event.end else True))


def _overlaps_before(event: Event, span: Span) -> bool | None:
    return both((_overlaps(event, span), _contrary(at_least(event.start, span.low)) if event.start else None))


def _overlaps_after(event: Event, span: Span) -> bool | None:
    return both((_overlaps(event, span), _contrary(at_most(event.end, span.high)) if event.end else True))


IN_WINDOW: Final[Mapping[Timing, Callable[[Event, Span], bool | None]]] = {
    "starts": starts_in,
    "ends": _ends,
    "inside": _lies_inside,
    "overlaps": _overlaps,
    "overlaps before": _overlaps_before,
    "overlaps after": _overlaps_after,
}
"""Whether an event started (or ended, or was going on) within a span."""


def _contrary(test: bool | None) -> bool | None:
    return None if test is None else not test


def _inside(day: DateRange | None, span: Span) -> bool | None:
    if day is None:
        return None
    if day.high < span.low.low or day.low > span.high.high:
        return False
    return True if day.low >= span.low.high and day.high <= span.high.low else None


def related(relation: Relation, event: Event, record: PersonRecord, as_of: date) -> bool | None:
    """Whether another event of the same person stands in relation to ``event`` (or, if it must not, that none does)."""
    found: bool | None = False if record.not_loaded.isdisjoint(relation.series.tables) else None
    for other in record.having(relation.series.codes):
        if other is event or other.table not in relation.series.tables:
            continue
        apart = _apart(relation, event, other)
        if apart is False:
            continue
        test = both((apart, matches(relation.series, other, record, as_of)))
        if test:
            return relation.present
        if test is None:
            found = None
    return None if found is None else not relation.present


def _apart(relation: Relation, event: Event, other: Event) -> bool | None:
    """Whether ``other`` starts so long after (before) ``event`` as the relation asks, or one of them while the other goes on."""
    if event.start is None or other.start is None:
        return None
    if relation.period:
        inner, outer = (other, event) if relation.backwards else (event, other)
        return _goes_on(outer, inner.start)
    near, far = (_moved(relation, event.start, d) for d in (relation.least, relation.most))
    if relation.backwards:
        return both((at_most(other.start, near or event.start), at_least(other.start, far) if far else True))
    return both((at_least(other.start, near or event.start), at_most(other.start, far) if far else True))


def _goes_on(event: Event, day: DateRange | None) -> bool | None:
    """Whether ``event`` goes on on a day; without an end it does from its start on."""
    if day is None or event.start is None:
        return None
    return both((at_least(day, event.start), at_most(day, event.end) if event.end else True))


def _moved(relation: Relation, day: DateRange, length: days.Duration | None) -> DateRange | None:
    if length is None:
        return None
    move = days.before if relation.backwards else days.after
    return DateRange(move(day.low, length), move(day.high, length))
