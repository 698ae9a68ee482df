"""What lies beyond the horizon of a fact changes nothing: that is why the EHR need not send it."""

from dataclasses import replace
from datetime import timedelta

from rules.conformance.populations import World
from rules.engines.reference import reduce_facts
from rules.facts import PersonRecord
from rules.horizon import horizons
from rules.ir import EventFact


def within(record: PersonRecord, bounds: dict[str, int], world: World) -> PersonRecord:
    """The record without what certainly began before the bounds."""
    kept = tuple(
        event
        for event in record.events
        if event.table not in bounds
        or event.start is None
        or event.start.high >= world.as_of - timedelta(days=min(bounds[event.table], world.as_of.toordinal() - 1))
    )
    household = tuple(within(other, bounds, world) for other in record.household)
    return replace(record, events=kept, household=household)


def test_facts_do_not_change_when_older_events_are_left_out(world: World) -> None:
    bounded = left_out = 0
    for fact in world.program.facts:
        part = world.program.only((), (fact.name,))
        bounds = horizons([part])
        if not isinstance(fact, EventFact) or not bounds:
            continue
        bounded += 1
        for record in world.people:
            less = within(record, bounds, world)
            left_out += len(record.events) - len(less.events)
            assert reduce_facts(part, less, world.as_of)[fact.name] == reduce_facts(part, record, world.as_of)[fact.name], fact.name
    assert bounded
    assert left_out
