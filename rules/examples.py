"""The examples of a rule as people that engines can evaluate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from rules import days
from rules import document as doc
from rules.errors import Span, did_you_mean
from rules.facts import HOUSEHOLD, TABLES, Coding, DateRange, Event, Person, PersonRecord, Value
from rules.grammar import SEXES
from rules.parse.fields import BLANK, Problems
from rules.scope import Scope
from rules.source import TextNode
from rules.units import canonical
from rules.valuesets import SYSTEMS

_days: Final = lru_cache(maxsize=4096)(days.partial)
"""The same few dates stand in thousands of examples."""


@dataclass(frozen=True, slots=True)
class ExampleCase:
    """A small person, the day, and what the author expects of one rule."""

    rule: str
    name: str
    record: PersonRecord
    as_of: date
    expect: str
    facts: Mapping[str, Value]
    """By the fact's name inside the program."""
    span: Span


@dataclass(frozen=True, slots=True)
class MeasureCase:
    """A small person, the day, and what the author expects of a measure: for each that is counted, group → outcome."""

    measure: str
    name: str
    record: PersonRecord
    as_of: date
    expect: tuple[Mapping[str, str], ...]
    strata: Mapping[str, str]
    facts: Mapping[str, Value]
    """By the fact's name inside the program."""
    span: Span


def measure_examples_of(measure: doc.Measure, scope: Scope, problems: Problems) -> tuple[MeasureCase, ...]:
    """The examples of one measure. Names that do not exist are reported."""
    return tuple(_measure_case(measure, example, scope, problems) for example in measure.examples)


def _measure_case(measure: doc.Measure, written: doc.MeasureExample, scope: Scope, problems: Problems) -> MeasureCase:
    case, known = written.example, [stratifier.name.text for stratifier in measure.stratifiers]
    for name, _ in written.strata:
        if name.text not in known:
            problems.add(name.span, "ALM284", f"nothing is stratified by '{name}'", did_you_mean(name.text, known))
    if measure.each is None and len(written.expect) != 1:
        problems.add(case.span, "ALM285", "one person has one outcome here: the measure has no 'each'")
    record, as_of, facts = _person(case, scope, problems)
    expect = tuple(dict(outcomes) for outcomes in written.expect)
    strata = {name.text: label for name, label in written.strata}
    return MeasureCase(measure.id.text, case.name, record, as_of, expect, strata, facts, case.span)


def examples_of(rule: doc.Rule, scope: Scope, problems: Problems) -> tuple[ExampleCase, ...]:
    """The examples of one rule. Names that do not exist are reported."""
    return tuple(_case(rule, example, scope, problems) for example in rule.examples)


def _case(rule: doc.Rule, example: doc.Example, scope: Scope, problems: Problems) -> ExampleCase:
    record, as_of, facts = _person(example, scope, problems)
    return ExampleCase(rule.id.text, example.name, record, as_of, example.expect, facts, example.span)


def _person(example: doc.Example, scope: Scope, problems: Problems) -> tuple[PersonRecord, date, Mapping[str, Value]]:
    """The record, the day, and the expected values of facts."""
    as_of = date.fromisoformat(example.as_of.text)
    builder = _Builder(scope, problems, as_of)
    others = example.household or ()
    record = PersonRecord(
        builder.person("example", example.person),
        builder.events(example.person, ""),
        example.not_loaded | (frozenset({HOUSEHOLD}) if example.household is None else frozenset()),
        tuple(PersonRecord(builder.person(f"member-{i}", o), builder.events(o, f"m{i}-"), frozenset()) for i, o in enumerate(others, 1)),
    )
    return record, as_of, builder.expected(example)


@dataclass(frozen=True, slots=True)
class _Builder:
    scope: Scope
    problems: Problems
    as_of: date

    def person(self, identifier: str, written: doc.ExamplePerson) -> Person:
        values = {key: text for key, text in written.attributes if text is not BLANK}
        sex = values.get("sex")
        if sex is not None and sex.text not in SEXES:
            self.problems.add(sex.span, "ALM107", f"'sex' cannot be '{sex}'", f"one of: {', '.join(SEXES)}")
        return Person(
            id=identifier,
            birth=self.range(values.get("birth")),
            sex=sex.text if sex else None,
            deceased=self.yes_no(values.get("deceased")) if "deceased" in values else "died" in values,
            died=self.range(values.get("died")),
            language=values["language"].text if "language" in values else None,
            postcode=values["postcode"].text if "postcode" in values else None,
            household="home",
        )

    def yes_no(self, text: TextNode | None) -> bool | None:
        if text is not None and text.text not in ("yes", "no", "unknown"):
            self.problems.add(text.span, "ALM107", f"'deceased' cannot be '{text}'", "one of: yes, no, unknown")
        return {"yes": True, "no": False}.get(text.text) if text else False

    def range(self, text: TextNode | None) -> DateRange | None:
        if text is None or text.text == "unknown":
            return None
        found = _days(text.text)
        if found is None and text is not BLANK:
            self.problems.add(text.span, "ALM104", f"expected a date such as 2026-03-14, 2026-03 or 2026, got '{text}'")
        return found

    def events(self, written: doc.ExamplePerson, prefix: str) -> tuple[Event, ...]:
        return tuple(self.event(e, prefix) for e in written.events)

    def event(self, written: doc.ExampleEvent, prefix: str) -> Event:
        table = TABLES[written.table]
        start = DateRange(self.as_of, self.as_of) if written.date is None else self.range(written.date)
        status = table.usual if written.status is None else None if written.status.text == "unknown" else written.status.text
        if status is not None and status not in table.known and written.status is not None:
            self.problems.add(
                written.status.span, "ALM206", f"{table.name} have no status '{status}'", f"one of: {', '.join(sorted(table.known))}"
            )
        return Event(
            table=table.name,
            source=f"{table.resource_types[0]}/{prefix}{written.index}",
            codes=self.codes(written.what)[:1],
            answers=self.answer(written),
            value=written.value,
            unit=canonical(written.unit.text) if written.unit else None,
            status=status,
            tags=tuple((role, coding) for role, text in written.tags for coding in self.codes(text)[:1]),
            start=start,
            end=self.end(written.end, start),
            instant=days.midnight(start.low) if start else None,
        )

    def end(self, text: TextNode | None, start: DateRange | None) -> DateRange | None:
        """``None``: still going on. An end that nobody knows may have been on any day since the start."""
        if text is not None and text.text == "unknown":
            return DateRange(start.low if start else date.min, date.max)
        return self.range(text)

    def codes(self, what: TextNode) -> tuple[Coding, ...]:
        """A value set, a question, or ``system code``."""
        system, _, code = what.text.partition(" ")
        return (Coding(SYSTEMS[system], code),) if system in SYSTEMS and code else self.scope.codes(what)

    def answer(self, written: doc.ExampleEvent) -> tuple[Coding, ...]:
        """A word of the question, or a code of its answers; ``none``, if it is no such word, is an empty answer."""
        answer = written.answer
        if answer is None:
            return ()
        question = self.scope.question(written.what, quiet=answer.text == "none")
        for word, answers in question.words if question else ():
            found = answers[:1] if word.text == answer.text else [a for a in answers if a.code == answer.text]
            if found:
                return (found[0],)
        return () if answer.text == "none" else (Coding(SYSTEMS["loinc"], answer.text),)

    def expected(self, example: doc.Example) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name, text in example.facts:
            self.scope.fact(name)
            values[self.scope.resolve(name.text)] = _value(text.text)
        return values


def _value(text: str) -> Value:
    words: dict[str, Value] = {"yes": True, "no": False, "unknown": None}
    if text in words:
        return words[text]
    try:
        return float(text)
    except ValueError:
        return text
