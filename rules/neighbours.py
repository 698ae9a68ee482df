"""Small people near the edges of a rule: its examples with one thing moved to where an answer may turn.

Dates move to the edges of windows and a day to either side, values to limits, answers and statuses to each word, events to another
member of the household; events that some fact asks about are added.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain
from typing import Final

from rules import days
from rules import document as doc
from rules.days import Duration
from rules.errors import Span
from rules.facts import TABLES, Coding
from rules.ir import ComputedFact, EventFact, Fact, PatientFact, Program, Series
from rules.logic import Compare, Condition, leaves
from rules.mutants import step_of
from rules.scope import Scope
from rules.source import TextNode
from rules.valuesets import SYSTEMS

_SHORT: Final = {uri: name for name, uri in SYSTEMS.items()}
_ONE: Final = timedelta(days=1)
_NOWHERE: Final = Span("")


def neighbours(rule: doc.Rule, program: Program, scope: Scope) -> Iterator[doc.Example]:
    """People like those of the examples; their ``expect`` is still that of the example they come from. None has expected facts.

    ``program`` holds what the rule rests on, ``scope`` the names that it may use.
    """
    around = _Around(program, scope)
    for example in rule.examples:
        for person, household in around.people(example):
            yield replace(example, person=person, household=household, facts=())


def _text(text: str) -> TextNode:
    return TextNode(text, *_NOWHERE)


@dataclass(frozen=True, slots=True)
class _Reading:
    """An event as some fact asks for it, and what its value or answer can be."""

    event: doc.ExampleEvent
    numbers: tuple[tuple[float, str | None], ...]
    words: tuple[str, ...]


Home = tuple[doc.ExamplePerson, tuple[doc.ExamplePerson, ...] | None]


class _Around:
    def __init__(self, program: Program, scope: Scope) -> None:
        self.program = program
        self.comparisons = list(_comparisons(program))
        self.lengths = sorted(set(_lengths(program, self.comparisons)), key=str)
        self.readings = list(self._readings(scope))

    def people(self, example: doc.Example) -> Iterator[Home]:
        """The person of ``example`` and the household, with one thing moved."""
        person, household = example.person, example.household
        as_of = date.fromisoformat(example.as_of.text)
        for events in self._events(person.events, as_of):
            yield replace(person, events=events), household
        for attributes in self._attributes(person, as_of):
            yield replace(person, attributes=attributes), household
        if household is None:
            return
        yield person, None
        for i, member in enumerate(household):
            for events in self._events(member.events, as_of):
                yield person, (*household[:i], replace(member, events=events), *household[i + 1 :])
            yield replace(person, events=_numbered((*person.events, *member.events))), (*household[:i], *household[i + 1 :])
        for i, event in enumerate(person.events):
            yield replace(person, events=person.events[:i] + person.events[i + 1 :]), (*household, doc.ExamplePerson((), (event,)))

    # ---------------------------------------------------------------- events

    def _events(self, events: tuple[doc.ExampleEvent, ...], as_of: date) -> Iterator[tuple[doc.ExampleEvent, ...]]:
        edges = sorted(self._edges(events, as_of))
        for i, event in enumerate(events):
            others = (*events[:i], *events[i + 1 :])
            yield others
            for changed in chain(self._contents(event), _dated(event, edges)):
                yield (*events[:i], changed, *events[i + 1 :])
            for copy in chain.from_iterable(_dated(each, self._beside(event, as_of)) for each in (event, *self._contents(event))):
                yield _numbered((*events, copy))
        for reading in self.readings:
            for content in (reading.event, *self._contents(reading.event)):
                for added in _dated(content, [as_of, *edges] if content is reading.event else [as_of]):
                    yield _numbered((*events, added))

    def _contents(self, event: doc.ExampleEvent) -> Iterator[doc.ExampleEvent]:
        """The event with other values, answers and statuses."""
        for reading in (r for r in self.readings if r.event.table == event.table and r.event.what.text == event.what.text):
            for number, unit in reading.numbers:
                yield replace(event, value=number, unit=None if unit is None else _text(unit))
            for word in reading.words:
                yield replace(event, answer=_text(word))
        for status in sorted(TABLES[event.table].known):
            yield replace(event, status=_text(status))

    def _edges(self, events: tuple[doc.ExampleEvent, ...], as_of: date) -> set[date]:
        """The days around which an event may enter or leave a window."""
        anchors = {as_of, *(day for e in events if (day := _day(e, as_of)))}
        far = {move(day, length) for day in anchors for length in self.lengths for move in (days.before, days.after)}
        bounds = [b for f in self.program.facts if isinstance(f, EventFact) for b in (*f.window.lower, *f.window.upper)]
        far |= {bound.fixed(as_of) for bound in bounds if bound.anchor is None}
        return {day + by for day in anchors | far if date(1900, 1, 1) < day < date(2200, 1, 1) for by in (-_ONE, 0 * _ONE, _ONE)}

    def _beside(self, event: doc.ExampleEvent, as_of: date) -> list[date]:
        day = _day(event, as_of)
        return [day - _ONE, day + _ONE] if day else []

    # ---------------------------------------------------------------- the person

    def _attributes(self, person: doc.ExamplePerson, as_of: date) -> Iterator[tuple[tuple[str, TextNode], ...]]:
        written = dict(person.attributes)
        for name in written:
            yield tuple((key, value) for key, value in person.attributes if key != name)
        for fact, compare in self.comparisons:
            if isinstance(fact, PatientFact):
                birthday = days.before(as_of, Duration(max(int(compare.number), 1), "year"))
                for by in (-366, -1, 0, 1, 366):
                    yield tuple({**written, "birth": _text((birthday + by * _ONE).isoformat())}.items())

    # ---------------------------------------------------------------- what facts ask for

    def _readings(self, scope: Scope) -> Iterator[_Reading]:
        """An event for each table of each series that the program reads."""
        for name, fact in scope.facts_in_view().items():
            lowered = self.program.by_name.get(scope.resolve(name))
            if isinstance(fact, doc.EventFact) and isinstance(lowered, EventFact):
                limits = [(limit, step_of(lowered, limit)) for limit in _limits_of(lowered, self.comparisons)]
                yield from _series_readings(fact.series, lowered.series, limits)


def _series_readings(written: doc.Series, series: Series, limits: list[tuple[float, float]]) -> Iterator[_Reading]:
    what = written.question or _code(written.code, series)
    numbers = tuple(_numbers(series, [*limits, *((test.number, 0.1) for test in series.values)]))
    words = tuple(word for word, _ in series.words)
    for table in written.tables if what else ():
        event = doc.ExampleEvent(
            table=table.text,
            index=0,
            what=what or _text(""),
            answer=_text(words[0]) if words else None,
            value=numbers[0][0] if numbers else None,
            unit=_text(numbers[0][1]) if numbers and numbers[0][1] else None,
            tags=tuple((test.role, _text(_spelt(min(test.codes)))) for test in series.tags if test.codes),
        )
        yield _Reading(event, numbers, words)
    for relation, lowered in zip(written.relations, series.relations, strict=True):
        yield from _series_readings(relation.series, lowered.series, limits)


def _code(code: doc.CodeText | None, series: Series) -> TextNode | None:
    """What an example's event can be called by; ``None`` if the series reads every code."""
    if isinstance(code, TextNode):
        return code
    return _text(_spelt(min(series.codes))) if series.codes else None


def _spelt(coding: Coding) -> str:
    return f"{_SHORT.get(coding.system, 'loinc')} {coding.code}"


def _numbers(series: Series, limits: list[tuple[float, float]]) -> Iterator[tuple[float, str | None]]:
    """Limits and the smallest steps beside them, in every unit that can be converted; the unit of the series first."""
    for row in series.conversions:
        for limit, step in limits:
            for wanted in (limit + step, limit, limit - step):
                yield round((wanted - row.offset) / row.factor, 4), row.source


def _limits_of(fact: EventFact, comparisons: list[tuple[Fact, Compare]]) -> set[float]:
    return {compare.number for compared, compare in comparisons if compared is fact or isinstance(compared, ComputedFact)}


def _comparisons(program: Program) -> Iterator[tuple[Fact, Compare]]:
    conditions: list[Condition] = [d.condition for d in program.derived]
    conditions += [branch.when for fact in program.facts if isinstance(fact, ComputedFact) for branch in fact.branches]
    for leaf in chain.from_iterable(map(leaves, conditions)):
        if isinstance(leaf, Compare) and leaf.fact in program.by_name:
            yield program.by_name[leaf.fact], leaf


def _lengths(program: Program, comparisons: list[tuple[Fact, Compare]]) -> Iterator[Duration]:
    for fact in program.facts:
        if isinstance(fact, EventFact):
            yield from (bound.offset for bound in (*fact.window.lower, *fact.window.upper) if bound.offset)
    for relation in (r for series in program.series() for r in series.relations):
        yield from (length for length in (relation.least, relation.most) if length)
    for fact, compare in comparisons:
        if isinstance(fact, EventFact) and fact.aggregate == "time since latest" and fact.scale and compare.number >= 1:
            yield Duration(int(compare.number), fact.scale)


def _day(event: doc.ExampleEvent, as_of: date) -> date | None:
    if event.date is None:
        return as_of
    found = days.partial(event.date.text)
    return found.low if found else None


def _dated(event: doc.ExampleEvent, on: list[date]) -> Iterator[doc.ExampleEvent]:
    return (replace(event, date=_text(day.isoformat())) for day in on)


def _numbered(events: tuple[doc.ExampleEvent, ...]) -> tuple[doc.ExampleEvent, ...]:
    return tuple(replace(event, index=i) for i, event in enumerate(events, 1))
