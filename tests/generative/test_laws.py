"""Laws that hold whatever the rules and the people are. Broken ones show an error that all engines share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from rules.conformance.comparison import same
from rules.conformance.draws import Draws
from rules.conformance.populations import World
from rules.engines import Engine
from rules.engines.columnar import ColumnarEngine
from rules.engines.reference import ReferenceEngine
from rules.facts import HOUSEHOLD, TABLES, DateRange, Event, PersonRecord, Value
from rules.ir import ComputedFact, Derived, EventFact, Program, rests_on
from rules.logic import All, Any, AtLeast, Condition, Holds, Known, Not, leaves

PEOPLE = 40


def values(engine: Engine, program: Program, people: list[PersonRecord], as_of: date) -> list[dict[str, Value]]:
    return [{**e.facts, **e.answers} for e in engine.evaluate(program, people, as_of)]


def on_everybody(record: PersonRecord, change: "Change") -> PersonRecord:
    """The change, in this record and in those of the housemates."""
    return replace(change(record), household=tuple(change(other) for other in record.household))


class Change(ABC):
    """A change of one record that draws by the record's own id, so that a person changes alike in every household."""

    def __init__(self, seed: str) -> None:
        self.seed = seed

    def __call__(self, record: PersonRecord) -> PersonRecord:
        return self.changed(record, Draws(f"{self.seed} {record.person.id}"))

    @abstractmethod
    def changed(self, record: PersonRecord, draws: Draws) -> PersonRecord:
        """The record after the change."""


# ---------------------------------------------------------------- what changes nothing


class Shuffle(Change):
    def changed(self, record: PersonRecord, draws: Draws) -> PersonRecord:
        events = draws.sample(record.events, len(record.events))
        mixed = [replace(e, codes=tuple(draws.sample(e.codes, len(e.codes))), answers=e.answers[::-1]) for e in events]
        return replace(record, events=tuple(mixed))


@pytest.mark.parametrize("engine", [ReferenceEngine(), ColumnarEngine()], ids=lambda e: e.name)
def test_the_order_of_events_codes_and_people_changes_nothing(world: World, engine: Engine) -> None:
    people = list(world.people)
    shuffled = [on_everybody(r, Shuffle(world.seed)) for r in reversed(people)]
    turned = [replace(r, household=r.household[::-1]) for r in shuffled]
    before = values(engine, world.program, people, world.as_of)
    assert values(engine, world.program, turned, world.as_of)[::-1] == before


class LaterEvents(Change):
    """Copies of the person's own events, on days after the day of evaluation."""

    def __init__(self, seed: str, as_of: date) -> None:
        super().__init__(seed)
        self.as_of = as_of

    def changed(self, record: PersonRecord, draws: Draws) -> PersonRecord:
        later = self.as_of + timedelta(days=draws.randint(1, 400))
        added = [replace(e, source=f"{e.source}-later", start=DateRange(later, later)) for e in record.events]
        return replace(record, events=(*record.events, *added))


def test_events_after_the_day_do_not_exist(world: World) -> None:
    people = list(world.people)
    more = [on_everybody(r, LaterEvents(world.seed, world.as_of)) for r in people]
    engine = ReferenceEngine()
    assert values(engine, world.program, more, world.as_of) == values(engine, world.program, people, world.as_of)


def split(condition: Condition) -> Condition:
    """The same formula with every group of three or more nested, and every contrary denied twice more."""
    match condition:
        case Not(part):
            return Not(Not(Not(split(part))))
        case All((first, *rest)) if len(rest) > 1:
            return All((split(first), All(tuple(split(p) for p in rest))))
        case Any((first, *rest)) if len(rest) > 1:
            return Any((Any((split(first),)), Any(tuple(split(p) for p in rest))))
        case All(parts):
            return Not(Any(tuple(Not(split(p)) for p in parts)))  # De Morgan
        case Any(parts):
            return Not(All(tuple(Not(split(p)) for p in parts)))
        case AtLeast(parts, number):
            return Not(AtLeast(tuple(Not(split(p)) for p in parts), len(parts) - number + 1))
    return condition


def test_splitting_and_turning_groups_changes_nothing(world: World) -> None:
    program = world.program
    other = Program(program.facts, tuple(Derived(d.name, split(d.condition)) for d in program.derived), program.rules)
    engine, people = ReferenceEngine(), list(world.people)
    assert values(engine, other, people, world.as_of) == values(engine, program, people, world.as_of)


# ---------------------------------------------------------------- more knowledge only settles what was unknown


def monotone(program: Program, facts: tuple[str, ...]) -> Program:
    """The derived values that ask neither ``is known`` nor for other facts than these."""
    kept: list[Derived] = []
    for derived in program.derived:
        allowed = {*facts, *(d.name for d in kept)}
        if all(leaf.fact in allowed and not isinstance(leaf, Known) for leaf in leaves(derived.condition)):
            kept.append(derived)
    kept += [Derived(f"{name} itself", Holds(name)) for name in facts if program.by_name[name].type == "yes/no"]
    return Program(program.facts, tuple(kept), tuple(d.name for d in kept))


class LoadTables(Change):
    """What could not be read is read, and holds just the events that were there already."""

    def changed(self, record: PersonRecord, draws: Draws) -> PersonRecord:
        return replace(record, not_loaded=record.not_loaded & {HOUSEHOLD})


class LearnStatuses(Change):
    def changed(self, record: PersonRecord, draws: Draws) -> PersonRecord:
        return replace(record, events=tuple(self.learnt(e, draws) for e in record.events))

    def learnt(self, event: Event, draws: Draws) -> Event:
        return event if event.status is not None else replace(event, status=draws.choice(sorted(TABLES[event.table].known)))


class LearnDates(Change):
    """Each partial date becomes one of the days that it may mean; each missing birth date becomes known."""

    def changed(self, record: PersonRecord, draws: Draws) -> PersonRecord:
        events = tuple(replace(e, start=self.within(e.start, draws)) for e in record.events)
        person = replace(record.person, birth=self.within(record.person.birth or DateRange(date(1950, 1, 1), date(2020, 1, 1)), draws))
        return replace(record, events=events, person=replace(person, died=self.within(person.died, draws)))

    def within(self, days: DateRange | None, draws: Draws) -> DateRange | None:
        if days is None or days.low == days.high:
            return days
        day = days.low + timedelta(days=draws.randint(0, (days.high - days.low).days))
        return DateRange(day, day)


class UnderstandResources(Change):
    """A resource that could not be understood is: it means something with codes, a status and a date."""

    def changed(self, record: PersonRecord, draws: Draws) -> PersonRecord:
        examples = [e for e in record.events if not e.opaque]
        events = tuple(self.understood(e, draws.choice(examples)) if e.opaque and examples else e for e in record.events)
        return replace(record, events=events)

    def understood(self, event: Event, example: Event) -> Event:
        return replace(event, opaque=False, codes=example.codes, status=event.status or example.status, start=event.start or example.start)


def without_far_zones(record: PersonRecord) -> PersonRecord:
    """Each event in the zone of its own day: an hour 26 would put it on the next day, whatever its date says."""
    from rules.days import midnight

    def tame(r: PersonRecord) -> PersonRecord:
        events = (replace(e, instant=midnight(e.start.low) if e.start else None) for e in r.events)
        return replace(r, events=tuple(events))

    return replace(tame(record), household=tuple(tame(o) for o in record.household))


def exists_and_count(program: Program) -> tuple[str, ...]:
    """Facts that rest on no *latest*: the patient's own, whether there is an event, how many, and what is computed from these."""
    return steady(program, {f.name for f in program.facts if not isinstance(f, EventFact) or f.aggregate in ("exists", "count")})


def every_fact(program: Program) -> tuple[str, ...]:
    return steady(program, set(program.by_name))


def steady(program: Program, among: set[str]) -> tuple[str, ...]:
    """The facts among these without those that rest on others, or on a table that asks ``is known``."""
    found: list[str] = []
    for fact in program.facts:
        branches = fact.branches if isinstance(fact, ComputedFact) else ()
        asks = any(isinstance(leaf, Known) for branch in branches for leaf in leaves(branch.when))
        if fact.name in among and not asks and set(rests_on(fact)) <= {*found}:
            found.append(fact.name)
    return tuple(found)


CHANGES = [
    pytest.param(LoadTables, every_fact, id="tables are loaded"),
    pytest.param(LearnStatuses, every_fact, id="statuses are learnt"),
    pytest.param(UnderstandResources, exists_and_count, id="resources are understood"),
    pytest.param(LearnDates, exists_and_count, id="dates are learnt"),
]


@pytest.mark.parametrize(("change", "facts_of"), CHANGES)
def test_more_knowledge_only_settles_what_was_unknown(world: World, change: type[Change], facts_of: "FactsOf") -> None:
    """Yes stays yes and no stays no; only *unknown* may become something else. ``is known`` is the exception and left out."""
    facts = facts_of(world.program)
    program = monotone(world.program, facts)
    people = [without_far_zones(r) for r in world.people]
    learnt = [on_everybody(r, change(world.seed)) for r in people]
    engine = ReferenceEngine()
    pairs = list(zip(values(engine, program, people, world.as_of), values(engine, program, learnt, world.as_of), strict=True))
    watched = [*facts, *program.rules]
    assert list(broken(watched, pairs)) == []


FactsOf = type(every_fact)


def broken(names: list[str], pairs: list[tuple[dict[str, Value], dict[str, Value]]]) -> Iterator[str]:
    for number, (before, after) in enumerate(pairs):
        yield from (
            f"person {number}, {name}: {before[name]} became {after[name]}"
            for name in names
            if before[name] is not None and not same(before[name], after[name])
        )
