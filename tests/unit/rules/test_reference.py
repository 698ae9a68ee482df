"""What the reference engine works out once and uses again must not show: a fact has one value, in company and alone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from rules.conformance.populations import random_world
from rules.engines.reference import _kinds, reduce_facts
from rules.facts import DateRange, Event, Person, PersonRecord
from rules.ir import Bound, ComputedFact, EventFact, Fact, Program, Series, Window


def ever(fact: EventFact) -> EventFact:
    """Whether the events of a fact happened at all: the same events in another window."""
    return replace(fact, name=f"{fact.name} ever", aggregate="exists", type="yes/no", window=Window(), scale=None, days=False)


def behind(program: Program, fact: EventFact) -> Iterator[Fact]:
    """The facts from which the windows of ``fact`` count, then the fact."""
    for anchor in fact.window.anchors:
        earlier = program.by_name[anchor]
        yield from behind(program, earlier) if isinstance(earlier, EventFact) else (earlier,)
    yield fact


@pytest.mark.parametrize("seed", ["alone-1", "alone-2", "alone-3"])
def test_facts_that_read_the_same_events_do_not_disturb_each_other(seed: str) -> None:
    world = random_world(seed, 1, 40)
    facts = [f for f in world.program.facts if isinstance(f, EventFact)]
    before = [ever(fact) for fact in facts]
    company = Program((*before, *(f for f in world.program.facts if not isinstance(f, ComputedFact))), (), ())
    judged = sum(fact.aggregate == "all" for fact in facts)  # reads its events in a way of its own
    assert len(set(company.readings.values())) <= len(company.readings) / 2 + judged
    for fact in (*before, *facts):
        alone = Program(tuple(dict.fromkeys(behind(company, fact))), (), ())
        for record in world.people:
            together = reduce_facts(company, record, world.as_of)[fact.name]
            assert reduce_facts(alone, record, world.as_of)[fact.name] == together


@pytest.mark.parametrize("seed", ["windows-1", "windows-2", "windows-3"])
def test_facts_that_differ_in_window_only_do_not_disturb_each_other(seed: str) -> None:
    """Where their windows hold the same events they share what is made of them."""
    world = random_world(seed, 1, 40)
    facts = [f for f in world.program.facts if isinstance(f, EventFact)]
    wide = [replace(fact, name=f"{fact.name} wide", window=Window(timing=fact.window.timing)) for fact in facts]
    company = Program((*wide, *(f for f in world.program.facts if not isinstance(f, ComputedFact))), (), ())
    by_day = sum(fact.aggregate == "days covered" for fact in facts)  # of these, each window is a kind of its own
    assert len(set(_kinds(company).values())) <= len(facts) + by_day
    for fact in (*wide, *facts):
        alone = Program(tuple(dict.fromkeys(behind(company, fact))), (), ())
        for record in world.people:
            together = reduce_facts(company, record, world.as_of)[fact.name]
            assert reduce_facts(alone, record, world.as_of)[fact.name] == together


def test_covered_days_are_those_of_each_window() -> None:
    """Though two windows hold the same stay: it went on when the one ended, and when the other did."""
    as_of = date(2026, 6, 30)
    series = Series(("encounters",), statuses=(("encounters", frozenset({"finished"})),))
    stay = DateRange(date(2026, 1, 1), date(2026, 1, 1)), DateRange(date(2026, 3, 31), date(2026, 3, 31))
    event = Event("encounters", "Encounter/1", status="finished", start=stay[0], end=stay[1], instant=0)
    ends = {name: Window(upper=(Bound(day=date(2026, month, 1)),)) for name, month in (("february", 2), ("march", 3), ("april", 4))}
    facts = tuple(EventFact(name, "days covered", "number", series, window) for name, window in ends.items())
    found = reduce_facts(Program(facts, (), ()), PersonRecord(Person("p"), (event,), frozenset()), as_of)
    assert {name: result.value for name, result in found.items()} == {"february": 32.0, "march": 60.0, "april": 90.0}


def test_windows_are_kept_for_one_program_and_day_only() -> None:
    """The days of evaluation follow each other; each has windows of its own."""
    world = random_world("days", 3, 30)
    days = sorted({world.as_of, world.as_of.replace(day=1), world.as_of.replace(year=world.as_of.year + 1, day=1)})
    first = [[reduce_facts(world.program, record, day) for record in world.people] for day in days]
    copy = Program(world.program.facts, world.program.derived, world.program.rules)
    assert [[reduce_facts(copy, record, day) for record in world.people] for day in reversed(days)] == first[::-1]
