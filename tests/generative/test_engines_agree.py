"""The engines give the same facts and the same answers about generated people, and the generator leaves nothing of the language out."""

from collections import Counter
from collections.abc import Iterator

import pytest
from support.draws import WORDS
from support.engines import differences, report
from support.populations import World

from rules.days import UNITS
from rules.engines import Engine
from rules.engines.reference import ReferenceEngine, reduce_facts, select
from rules.facts import HOUSEHOLD
from rules.grammar import AGGREGATES, ATTRIBUTES
from rules.ir import OPERATORS, All, Any, Compare, Condition, EventFact, Holds, Is, Known, Not, PatientFact


@pytest.mark.slow
def test_the_engines_agree(each_world: World, engines: dict[str, Engine]) -> None:
    world = each_world
    _, found = differences(engines, world.program, world.people, world.as_of)
    assert not found, report(world.seed, engines, world.program, world.as_of, found[0])


def test_the_engines_agree_about_one_person_at_a_time(world: World, engines: dict[str, Engine]) -> None:
    """A household reaches an engine through the one person asked about; the answers are those of the whole population."""
    together = {e.patient: e for e in engines["reference"].evaluate(world.program, world.people, world.as_of)}
    for record in world.people[:3]:
        (alone,), found = differences(engines, world.program, [record], world.as_of)
        assert not found, report(world.seed, engines, world.program, world.as_of, found[0])
        assert alone == together[record.person.id]


# ---------------------------------------------------------------- nothing of the language is left out


def nodes(condition: Condition) -> Iterator[Condition]:
    yield condition
    match condition:
        case Not(part):
            yield from nodes(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from nodes(part)


def depth(condition: Condition) -> int:
    match condition:
        case Not(part):
            return 1 + depth(part)
        case All(parts) | Any(parts):
            return 1 + max(map(depth, parts))
    return 0


def conditions(worlds: list[World]) -> list[Condition]:
    return [n for w in worlds for d in w.program.derived for n in nodes(d.condition)]


def event_facts(worlds: list[World]) -> list[EventFact]:
    return [f for w in worlds for f in w.program.facts if isinstance(f, EventFact)]


def test_every_kind_of_condition_appears(worlds: list[World]) -> None:
    found = conditions(worlds)
    assert {type(n) for n in found} == {All, Any, Not, Holds, Compare, Is, Known}
    assert {n.op for n in found if isinstance(n, Compare)} == set(OPERATORS)
    assert {n.word for n in found if isinstance(n, Is)} >= set(WORDS)
    assert {type(n.part) for n in found if isinstance(n, Not)} == {All, Any, Not, Holds, Compare, Is, Known}
    assert max(depth(d.condition) for w in worlds for d in w.program.derived) > 4


def test_derived_facts_rest_on_derived_facts(worlds: list[World]) -> None:
    used = [
        n.fact in w.program.conditions and d.name not in w.program.rules
        for w in worlds
        for d in w.program.derived
        for n in nodes(d.condition)
        if isinstance(n, Holds)
    ]
    assert any(used)


def test_every_kind_of_fact_appears(worlds: list[World]) -> None:
    found = event_facts(worlds)
    assert {f.aggregate for f in found} == set(AGGREGATES)
    assert {f.within.unit for f in found if f.within} == set(UNITS)
    assert {f.scale for f in found if f.scale} == set(UNITS)
    assert {len(f.words) for f in found if f.words} == {1, 2, 3, 4}
    assert {(f.aggregate, f.household) for f in found} == {(a, h) for a in AGGREGATES for h in (True, False)}
    assert {(f.aggregate, f.since is not None) for f in found} == {(a, s) for a in AGGREGATES for s in (True, False)}
    assert {(f.aggregate, f.within is not None) for f in found} == {(a, w) for a in AGGREGATES for w in (True, False)}
    assert any(f.codes is None for f in found)
    assert any(len({statuses for _, statuses in f.statuses}) == 2 for f in found)
    attributes = {f.attribute for w in worlds for f in w.program.facts if isinstance(f, PatientFact)}
    assert attributes == set(ATTRIBUTES)


def test_since_reaches_two_facts_back(worlds: list[World]) -> None:
    chains = [f for w in worlds for f in w.program.facts if isinstance(f, EventFact) and f.since]
    by_world = [{f.name: f for f in event_facts([w])} for w in worlds]
    assert any(facts[f.since].since for facts in by_world for f in facts.values() if f.since)
    assert len(chains) > 10


def test_people_have_whatever_records_lack(worlds: list[World]) -> None:
    people = [p for w in worlds for p in w.people]
    events = [e for p in people for e in p.events]
    assert {len(p.household) for p in people} >= {0, 1, 2, 3}
    assert any(p.person.household is None for p in people)
    assert any(HOUSEHOLD in p.not_loaded and p.person.household for p in people)
    assert any(p.not_loaded - {HOUSEHOLD} for p in people)
    assert any(p.person.birth and (p.person.birth.low.month, p.person.birth.low.day) == (2, 29) for p in people)
    assert any(e.start and e.start.low != e.start.high for e in events)
    assert any(e.start and e.start.low > w.as_of for w in worlds for p in w.people for e in p.events)
    assert all(any(lacks(e) for e in events) for lacks in LACKS)
    assert {len(e.codes) for e in events} == {0, 1, 2, 3}
    assert {len(e.answers) for e in events} == {0, 1, 2}


LACKS = (
    lambda e: e.start is None,
    lambda e: e.status is None,
    lambda e: e.value is None,
    lambda e: e.unit is None,
    lambda e: e.opaque,
    lambda e: e.status == "entered-in-error",
    lambda e: e.source.endswith("-tie"),
)


def test_the_edges_of_windows_are_met(worlds: list[World]) -> None:
    """Events on the first day of a window, on the day before it, and on the day of evaluation itself."""
    from rules.days import before

    met: Counter[int] = Counter()
    for world in worlds:
        starts = {before(world.as_of, f.within) for f in event_facts([world]) if f.within}
        for event in (e for p in world.people for e in p.events if e.start):
            assert event.start is not None
            met.update(days for s in starts if (days := (event.start.low - s).days) in (-1, 0, 1))
    assert min(met[-1], met[0], met[1]) >= 100


def test_all_three_answers_are_common(worlds: list[World]) -> None:
    counted: Counter[bool | None] = Counter()
    for world in worlds:
        for evaluation in ReferenceEngine().evaluate(world.program, world.people, world.as_of):
            counted.update(evaluation.answers[rule] for rule in world.program.rules)
    assert 0.1 <= counted[None] / counted.total() <= 0.6
    assert min(counted[True], counted[False]) / counted.total() >= 0.1


def test_every_word_and_aggregate_is_reached(worlds: list[World]) -> None:
    """Not only drawn: each kind of fact takes values, is unknown, and rests on certain and on only possible events."""
    seen: Counter[object] = Counter()
    for world in worlds[:8]:
        for record in world.people[:40]:
            results = reduce_facts(world.program, record, world.as_of)
            for fact in event_facts([world]):
                value = results[fact.name].value
                seen[fact.aggregate, value is None] += 1
                seen["word", value] += isinstance(value, str)
                certain, possible = select(fact, record, world.as_of, results[fact.since].day if fact.since else None)
                seen["certain and possible"] += bool(certain and possible)
    assert all(seen[aggregate, unknown] > 50 for aggregate in AGGREGATES for unknown in (True, False))
    assert all(seen["word", word] > 10 for word in WORDS)
    assert seen["certain and possible"] > 50
