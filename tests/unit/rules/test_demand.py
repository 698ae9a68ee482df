"""What the weeks ahead will ask for, against counting by hand at the end of every week."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from support.spec import write_pack

from rules.conformance.populations import random_world
from rules.demand import demand, weeks_after
from rules.engines.columnar import ColumnarEngine
from rules.engines.reference import ReferenceEngine
from rules.facts import DateRange, Person, PersonRecord
from rules.ir import Program
from rules.pack import BUILT_IN, Pack, load_packs


@pytest.mark.parametrize(
    ("as_of", "first", "ends"),
    [
        pytest.param("2026-06-30", "2026-W27", "2026-07-05", id="a Tuesday: the week that has begun"),
        pytest.param("2026-07-05", "2026-W28", "2026-07-12", id="a Sunday: its week is over"),
        pytest.param("2026-07-06", "2026-W28", "2026-07-12", id="a Monday"),
        pytest.param("2026-12-30", "2026-W53", "2027-01-03", id="the last week of a long year"),
    ],
)
def test_weeks_end_on_sundays(as_of: str, first: str, ends: str) -> None:
    weeks = weeks_after(date.fromisoformat(as_of), 3)
    assert (weeks[0].name, weeks[0].ends) == (first, date.fromisoformat(ends))
    assert [b.ends - a.ends for a, b in pairwise(weeks)] == [timedelta(7)] * 2


def test_every_week_is_what_evaluating_again_finds() -> None:
    """Generated people and rules; the columnar engine counts, the reference engine is asked about one person at a time."""
    world = random_world("demand 9", rules=10, people=40)
    (pack,) = load_packs(BUILT_IN)
    pack = Pack(pack.document, world.program, (), pack.path)
    found = demand([pack], world.people, world.as_of, 6, ColumnarEngine())
    assert [each.rule for each in found] == sorted(world.program.rules)
    for each in found:
        before = yes(world.program, world.people, world.as_of, each.rule)
        assert each.flagged == len(before)
        for week in each.weeks:
            after = yes(world.program, world.people, week.week.ends, each.rule)
            assert (week.newly, week.stopping, week.flagged) == (len(after - before), len(before - after), len(after))
            before = after
        assert each.flagged + sum(w.newly - w.stopping for w in each.weeks) == each.weeks[-1].flagged
    assert any(week.newly or week.stopping for each in found for week in each.weeks)


def yes(program: Program, people: Sequence[PersonRecord], day: date, rule: str) -> set[str]:
    return {p.person.id for p in people if next(ReferenceEngine().evaluate(program, [p], day)).answers[rule]}


def test_birthdays_are_foreseen(tmp_path: Path) -> None:
    packs = load_packs(write_pack(tmp_path, "facts: {age: {patient: age}}\nwhen: {all: [age >= 16, age < 18]}\n"))
    births = {"turns 16": date(2010, 7, 8), "turns 18": date(2008, 7, 12), "is 17": date(2009, 1, 1), "unknown": None}
    people = [PersonRecord(Person(name, birth=day and DateRange(day, day))) for name, day in births.items()]
    (found,) = demand(packs, people, date(2026, 6, 30), 3, ReferenceEngine())
    assert found.flagged == 2
    assert [(w.week.name, w.newly, w.stopping, w.flagged) for w in found.weeks] == [
        ("2026-W27", 0, 0, 2),
        ("2026-W28", 1, 1, 2),
        ("2026-W29", 0, 0, 2),
    ]
