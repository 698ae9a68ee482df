"""The engines give the same facts and the same answers about generated people, and the generator leaves nothing of the language out."""

from collections import Counter
from collections.abc import Iterator

import pytest

from rules.arithmetic import ARITHMETIC, Arithmetic, Constant, Expression, Reading
from rules.conformance.comparison import differences, report
from rules.conformance.draws import WORDS
from rules.conformance.populations import World
from rules.days import UNITS
from rules.engines import Engine
from rules.engines.reading import Asked, read
from rules.engines.reference import ReferenceEngine, reduce_facts, span_of
from rules.facts import HOUSEHOLD, ROLES
from rules.grammar import AGGREGATES, ATTRIBUTES, TIES, TIMINGS
from rules.ir import ComputedFact, EventFact, PatientFact
from rules.logic import OPERATORS, All, Any, AtLeast, Compare, Condition, Holds, Is, Known, Not


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
        case All(parts) | Any(parts) | AtLeast(parts):
            for part in parts:
                yield from nodes(part)


def depth(condition: Condition) -> int:
    match condition:
        case Not(part):
            return 1 + depth(part)
        case All(parts) | Any(parts) | AtLeast(parts):
            return 1 + max(map(depth, parts))
    return 0


def conditions(worlds: list[World]) -> list[Condition]:
    return [n for w in worlds for d in w.program.derived for n in nodes(d.condition)]


def event_facts(worlds: list[World]) -> list[EventFact]:
    return [f for w in worlds for f in w.program.facts if isinstance(f, EventFact)]


def test_every_kind_of_condition_appears(worlds: list[World]) -> None:
    found = conditions(worlds)
    assert {type(n) for n in found} == {All, Any, AtLeast, Not, Holds, Compare, Is, Known}
    assert {n.op for n in found if isinstance(n, Compare)} == set(OPERATORS)
    assert {n.word for n in found if isinstance(n, Is)} >= set(WORDS)
    assert {type(n.part) for n in found if isinstance(n, Not)} == {All, Any, AtLeast, Not, Holds, Compare, Is, Known}
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
    bounds = [b for f in found for b in (*f.window.lower, *f.window.upper)]
    assert {b.offset.unit for b in bounds if b.offset} == set(UNITS)
    assert {(b.anchor is not None, b.year is not None, b.backwards) for b in bounds if b.offset} == {
        *((anchor, year, back) for anchor, year in ((True, False), (False, True)) for back in (True, False)),
        (False, False, True),
    }
    assert {b.year for b in bounds} == {None, 0, -1}
    assert any(b.day for b in bounds)
    assert {f.window.timing for f in found} == set(TIMINGS)
    assert {f.scale for f in found if f.scale} == set(UNITS)
    assert {len(f.series.words) for f in found if f.type == "word"} == {1, 2, 3, 4}
    assert {(f.aggregate, f.household) for f in found} == {(a, h) for a in AGGREGATES for h in (True, False)}
    assert {(f.aggregate, bool(f.window.anchors)) for f in found} == {(a, s) for a in AGGREGATES for s in (True, False)}
    assert any(f.days for f in found)
    assert {(f.aggregate, f.ties) for f in found if f.ties} == {(a, t) for a in ("latest", "earliest") for t in TIES}
    assert any(f.series.codes is None for f in found)
    assert any(len({statuses for _, statuses in f.series.statuses}) == 2 for f in found)
    attributes = {f.attribute for w in worlds for f in w.program.facts if isinstance(f, PatientFact)}
    assert attributes == set(ATTRIBUTES)
    others = [f.on for w in worlds for f in w.program.facts if isinstance(f, PatientFact) and f.on]
    assert {(on.anchor is not None, on.day is not None, on.year is not None, on.offset is not None) for on in others} == {
        *(tuple(i == j for j in range(4)) for i in range(4)),
        (False, False, True, True),
    }


def test_every_test_of_an_event_appears(worlds: list[World]) -> None:
    found = [s for w in worlds for s in w.program.series()]
    assert {test.op for s in found for test in s.values} == set(OPERATORS)
    assert {tag.role for s in found for tag in s.tags} == set(ROLES)
    assert any(s.answers for s in found)
    assert {(bool(s.words), s.usable) for s in found} == {(w, u) for w in (True, False) for u in (True, False)}


def test_relations_of_every_kind_nest_two_deep(worlds: list[World]) -> None:
    outer = [f.series for f in event_facts(worlds)]
    found = [r for s in outer for r in s.relations]
    assert {(r.present, r.backwards) for r in found} == {(p, b) for p in (True, False) for b in (True, False)}
    assert {(r.present, r.backwards) for r in found if r.period} == {(p, b) for p in (True, False) for b in (True, False)}
    assert {(r.least is None, r.most is None) for r in found} == {(a, b) for a in (True, False) for b in (True, False)}
    assert any(inner.relations for r in found for inner in (r.series,))


def test_arithmetic_of_every_kind_appears(worlds: list[World]) -> None:
    computed = [f for w in worlds for f in w.program.facts if isinstance(f, ComputedFact) and f.type == "number"]
    parts = [part for f in computed for b in f.branches if not isinstance(b.value, str) for part in expressions(b.value)]
    assert {type(part) for part in parts} == {Arithmetic, Constant, Reading}
    assert {part.op for part in parts if isinstance(part, Arithmetic)} == set(ARITHMETIC) - {"^", "log"}
    assert {len(f.branches) for f in computed} >= {1, 2, 3}
    assert {f.places for f in computed} == {None, 0, 1, 2}


def test_tables_that_give_words_appear_and_meet(worlds: list[World]) -> None:
    tables = [{f.name: f for f in w.program.facts if isinstance(f, ComputedFact)} for w in worlds]
    words = [f for each in tables for f in each.values() if f.type == "word"]
    assert {word for f in words for word in f.words} == set(WORDS)
    assert {len(f.branches) for f in words} == {1, 2, 3, 4}
    assert {f.branches[-1].when == All(()) for f in words} == {True, False}
    asked = {(f.type, each[name].type) for each in tables for f in each.values() for name in f.uses() if name in each}
    assert asked == {(a, b) for a in ("number", "word") for b in ("number", "word")}
    assert any(n.fact in each for w, each in zip(worlds, tables, strict=True) for n in conditions([w]) if isinstance(n, Is))


def expressions(expression: Expression) -> Iterator[Expression]:
    yield expression
    if isinstance(expression, Arithmetic):
        yield from expressions(expression.left)
        yield from expressions(expression.right)


def test_days_without_a_value_and_days_beside_them_appear(worlds: list[World]) -> None:
    found = event_facts(worlds)
    assert {f.aggregate for f in found if f.type == "date"} == {"latest", "earliest"}
    days = {f.name for f in found if f.type == "date"}
    assert any(set(f.window.anchors) & days for f in found)
    assert {b.days for f in found for b in (*f.window.lower, *f.window.upper)} == {-1, 0, 1}


def test_windows_reach_two_facts_back(worlds: list[World]) -> None:
    chains = [f for f in event_facts(worlds) if f.window.anchors]
    by_world = [{f.name: f for f in event_facts([w])} for w in worlds]
    assert any(facts[a].window.anchors for facts in by_world for f in facts.values() for a in f.window.anchors if a in facts)
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
    met: Counter[int] = Counter()
    for world in worlds:
        bounds = [b for f in event_facts([world]) for b in f.window.lower if b.anchor is None]
        starts = {b.fixed(world.as_of) for b in bounds}
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
    for world in worlds[:30]:
        for record in world.people[:60]:
            results = reduce_facts(world.program, record, world.as_of)
            for fact in event_facts([world]):
                value = results[fact.name].value
                seen[fact.aggregate, value is None] += 1
                seen["word", value] += isinstance(value, str)
                if span := span_of(fact, world.as_of, results):
                    chosen = read(Asked([fact]), record, world.as_of)[0].within(span)
                    seen["certain and possible"] += bool(chosen.certain and chosen.possible)
    rare = {(a, unknown): seen[a, unknown] for a in AGGREGATES for unknown in (True, False) if seen[a, unknown] <= 10}
    assert rare == {}
    assert all(seen["word", word] > 10 for word in WORDS)
    assert seen["certain and possible"] > 50
