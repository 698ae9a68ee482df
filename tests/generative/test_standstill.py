"""Whoever has no event in the stretches that windows move across is explained as before, as long as the values are the same."""

from collections.abc import Iterator
from datetime import date, timedelta

from rules.conformance.populations import World
from rules.engines.base import FactResult
from rules.engines.reference import reduce_facts
from rules.facts import Event, PersonRecord
from rules.ir import Program
from rules.standstill import Stretch, stretches

LATER = (1, 7, 31)


def stirred(record: PersonRecord, crossed: tuple[Stretch, ...]) -> bool:
    return any(_lies_in(event, stretch) for member in record.household_records() for event in member.events for stretch in crossed)


def _lies_in(event: Event, stretch: Stretch) -> bool:
    if event.table != stretch.table or not (stretch.codes is None or event.opaque or not stretch.codes.isdisjoint(event.codes)):
        return False
    days = [day for range_ in (event.start, event.end) if range_ for day in (range_.low, range_.high)]
    return any(stretch.first <= day <= stretch.last for day in days)


def results(world: World, part: Program, day: date) -> Iterator[dict[str, FactResult]]:
    return (reduce_facts(part, record, day) for record in world.people)


def test_what_is_not_stirred_rests_on_the_same_events(each_world: World) -> None:
    world = each_world
    for fact in world.program.facts:
        part = world.program.only((), (fact.name,))
        before = list(results(world, part, world.as_of))
        for days in LATER:
            now = world.as_of + timedelta(days=days)
            crossed = stretches([part], world.as_of, now)
            if crossed is None:
                continue
            for record, was, found in zip(world.people, before, results(world, part, now), strict=True):
                if not stirred(record, crossed) and all(was[name].value == found[name].value for name in was):
                    assert found == was, (fact.name, record.person.id, now)


def test_most_people_stand_still_for_a_day(worlds: list[World]) -> None:
    still = asked = 0
    for world in worlds[:4]:
        for fact in world.program.facts:
            part = world.program.only((), (fact.name,))
            crossed = stretches([part], world.as_of, world.as_of + timedelta(days=1))
            if crossed is not None:
                asked += len(world.people)
                still += sum(1 for record in world.people if not stirred(record, crossed))
    assert 0.3 * asked < still < asked, "the comparison above would show nothing"
