"""The comparison finds planted errors and shows them small: otherwise its silence would mean nothing."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from rules.conformance.comparison import differences, report
from rules.conformance.populations import random_world
from rules.engines import Evaluation
from rules.engines.reference import ReferenceEngine
from rules.facts import Event, PersonRecord
from rules.ir import EventFact, Program

ONE = timedelta(days=1)


class Mistaken:
    """The reference, with what it is given changed on the way in."""

    name = "mistaken"

    def __init__(self, change: Callable[[Event, date], Event]) -> None:
        self.change = change

    def evaluate(self, program: Program, people: Iterable[PersonRecord], as_of: date) -> Iterator[Evaluation]:
        return ReferenceEngine().evaluate(program, [self.changed(r, as_of) for r in people], as_of)

    def changed(self, record: PersonRecord, as_of: date) -> PersonRecord:
        events = tuple(self.change(e, as_of) for e in record.events)
        return replace(record, events=events, household=tuple(self.changed(r, as_of) for r in record.household))

    def close(self) -> None:
        """Nothing to let go of."""


def future_counts(event: Event, as_of: date) -> Event:
    """Tomorrow is taken for today."""
    tomorrow = event.start and event.start.low == as_of + ONE
    return replace(event, start=replace(event.start, low=as_of, high=as_of)) if tomorrow and event.start else event


def missing_status_is_none(event: Event, as_of: date) -> Event:
    return event if event.status else replace(event, status="entered-in-error")


def unit_is_ignored(event: Event, as_of: date) -> Event:
    return replace(event, unit="%") if event.unit == "mg/dL" else event


def first_coding_only(event: Event, as_of: date) -> Event:
    return replace(event, codes=event.codes[:1])


def issued_is_forgotten(event: Event, as_of: date) -> Event:
    return replace(event, issued=None)


def updated_is_forgotten(event: Event, as_of: date) -> Event:
    return replace(event, updated=None)


def partial_date_is_its_first_day(event: Event, as_of: date) -> Event:
    return replace(event, start=replace(event.start, high=event.start.low)) if event.start else event


def only_the_first_answer(event: Event, as_of: date) -> Event:
    return replace(event, answers=event.answers[:1])


MISTAKES = [
    future_counts,
    missing_status_is_none,
    unit_is_ignored,
    first_coding_only,
    issued_is_forgotten,
    updated_is_forgotten,
    partial_date_is_its_first_day,
    only_the_first_answer,
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found_and_shown_small(mistake: Callable[[Event, date], Event]) -> None:
    engines = {"reference": ReferenceEngine(), "mistaken": Mistaken(mistake)}
    for number in range(40):
        world = random_world(f"planted {number}", rules=10, people=100)
        _, found = differences(engines, world.program, world.people, world.as_of)
        if found:
            break
    else:
        pytest.fail("not found in 40,000 comparisons")
    text = report(world.seed, engines, world.program, world.as_of, found[0])
    assert text.startswith(f"seed planted {number}, as_of {world.as_of}: reference and mistaken differ about ")
    assert 1 <= text.count("Event(") <= 4
    assert any(f"name='{f.name}'" in text for f in world.program.facts if isinstance(f, EventFact))
