"""When nobody can tell beforehand whether the passing of time changes what is said, everybody is looked at again; and why that is so."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import pytest

from rules.days import Duration
from rules.engines.base import FactResult
from rules.engines.reference import reduce_facts
from rules.facts import TABLES, Coding, DateRange, Event, Person, PersonRecord
from rules.forecast import next_flips
from rules.ir import Bound, Derived, EventFact, PatientFact, Program, Series, Window
from rules.logic import Compare, Holds, Known
from rules.standstill import Stretch, stretches

CODE, OTHER = Coding("http://snomed.info/sct", "44054006"), Coding("http://snomed.info/sct", "38341003")
THEN, NOW = date(2026, 6, 30), date(2026, 7, 1)
BORN = date(1986, 7, 1)


class Said(NamedTuple):
    """What is said of a person: by the rules, by the facts, and for how long."""

    answers: Mapping[str, bool | None]
    results: Mapping[str, FactResult]
    flips: Mapping[str, date | None]


def said(program: Program, record: PersonRecord, day: date) -> Said:
    results = reduce_facts(program, record, day)
    answers = {name: judge({n: r.value for n, r in results.items()}) for name, judge in program.judges().items()}
    return Said(answers, results, next_flips(program, record, day, answers, results=results))


ALWAYS = Window()


def fact(aggregate: str, window: Window = ALWAYS, codes: frozenset[Coding] | None = frozenset({CODE})) -> EventFact:
    series = Series(("conditions",), codes, (("conditions", frozenset({"active"})),), unit="d")
    return EventFact("x", aggregate, "yes/no" if aggregate == "exists" else "number", series, window)


def back(number: int, unit: str) -> Bound:
    return Bound(offset=Duration(number, unit), backwards=True)  # type: ignore[arg-type]


def going_on(start: str, end: str | None = None) -> PersonRecord:
    first, last = date.fromisoformat(start), date.fromisoformat(end) if end else None
    event = Event(
        **{"table": "conditions", "source": "Condition/1", "codes": (CODE,), "status": "active"},  # type: ignore[arg-type]
        start=DateRange(first, first),
        end=DateRange(last, last) if last else None,
    )
    return PersonRecord(Person("p", birth=DateRange(BORN, BORN)), (event,), frozenset())


def test_covered_days_are_tried_so_far_ahead_and_tomorrow_a_day_further() -> None:
    two_years = Window((back(2, "year"),), (), "overlaps")
    program = Program((fact("days covered", two_years),), (Derived("r", Compare("x", ">=", 100)),), ("r",))
    record, then, now = going_on("2025-01-01", "2025-04-30"), date(2025, 12, 18), date(2025, 12, 19)
    before, after = said(program, record, then), said(program, record, now)
    assert (before.answers, before.results) == (after.answers, after.results)
    assert before.flips != after.flips == {"r": date(2027, 1, 22)}
    assert stretches([program], then, now) is None


@pytest.mark.parametrize(
    ("window", "then", "now"),
    [
        pytest.param(Window((Bound(day=NOW),), (), "overlaps"), THEN, NOW, id="a day comes"),
        pytest.param(Window((Bound(day=NOW),), (), "overlaps before"), THEN, NOW, id="a day comes, for what began before"),
        pytest.param(Window((Bound(day=date(2026, 6, 1), offset=Duration(30, "day")),), (), "overlaps"), THEN, NOW, id="days after a day"),
        pytest.param(Window((Bound("born", offset=Duration(40, "year")),), (), "overlaps"), THEN, NOW, id="a birthday comes"),
        pytest.param(
            Window((Bound(year=0, last=True),), (), "overlaps"), date(2026, 12, 30), date(2026, 12, 31), id="the last day of a year"
        ),
        pytest.param(Window((back(30, "day"),), (back(1, "month"),), "overlaps"), date(2026, 3, 30), date(2026, 3, 31), id="months differ"),
    ],
)
def test_a_window_that_was_empty_is_felt_by_what_goes_on_all_the_time(window: Window, then: date, now: date) -> None:
    """The value is unknown before and after, but for another reason."""
    program = Program((PatientFact("born", "birth", "date"), fact("latest", window)), (Derived("r", Known("x")),), ("r",))
    record = going_on("2020-01-01")
    before, after = said(program, record, then), said(program, record, now)
    assert before.answers == after.answers
    assert before.results["x"].value == after.results["x"].value
    assert before.results != after.results
    assert stretches([program], then, now) is None


def test_a_window_that_is_never_empty_tells_on_which_days_somebody_is_stirred() -> None:
    program = Program((fact("exists", Window((back(1, "year"),), (), "overlaps")),), (Derived("r", Holds("x")),), ("r",))
    assert Stretch("conditions", date(2025, 6, 30), date(2025, 6, 30), frozenset({CODE})) in (stretches([program], THEN, NOW) or ())


def test_of_several_facts_whose_windows_move_alike_every_code_counts() -> None:

    def found(*codes: Coding | None) -> frozenset[Coding] | None:
        asking = (None if code is None else frozenset({code}) for code in codes)
        program = Program(tuple(fact("exists", Window((back(1, "week"),)), each) for each in asking), (), ())
        (stretch,) = (each for each in stretches([program], THEN, NOW) or () if each.first == date(2026, 6, 23))
        assert (stretch.table, stretch.last) == ("conditions", date(2026, 6, 23))
        return stretch.codes

    assert found(CODE) == {CODE}
    assert found(CODE, OTHER) == {CODE, OTHER}
    assert found(CODE, None, OTHER) is found(None, CODE) is None


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        pytest.param(THEN, THEN, (), id="the same day again"),
        pytest.param(NOW, THEN, None, id="an earlier day"),
        pytest.param(date(2026, 12, 31), date(2027, 1, 1), None, id="a new year"),
        pytest.param(THEN, NOW, tuple(sorted(Stretch(table, NOW, NOW, None) for table in TABLES)), id="what begins meanwhile"),
    ],
)
def test_days_that_pass(then: date, now: date, expected: tuple[Stretch, ...] | None) -> None:
    assert stretches([Program((fact("exists"),), (), ())], then, now) == expected
