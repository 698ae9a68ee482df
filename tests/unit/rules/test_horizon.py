"""How far back a program looks, by table."""

from datetime import date

import pytest

from rules.days import Duration
from rules.horizon import horizons
from rules.ir import Bound, EventFact, PatientFact, Program, Relation, Series, Window


def fact(name: str, *lower: Bound, tables: tuple[str, ...] = ("observations",), window: Window | None = None, **of: object) -> EventFact:
    series = Series(tables, **of)  # type: ignore[arg-type]
    return EventFact(name, "exists", "yes/no", series, window or Window(lower))


def back(count: int, unit: str, anchor: str | None = None) -> Bound:
    return Bound(anchor, offset=Duration(count, unit), backwards=True)


def reach(*facts: EventFact | PatientFact) -> dict[str, int]:
    return horizons([Program(facts, (), ())])


@pytest.mark.parametrize(
    ("bound", "days"),
    [
        (back(10, "day"), 10),
        (back(3, "week"), 21),
        (back(12, "month"), 372),
        (back(2, "year"), 732),
        (Bound(offset=Duration(12, "month"), backwards=True, days=-1), 373),
        (Bound(year=0), 366),
        (Bound(year=-1), 732),
        (Bound(offset=Duration(1, "week")), 0),
    ],
)
def test_a_window_that_is_counted_from_the_day_of_evaluation(bound: Bound, days: int) -> None:
    assert reach(fact("a", bound)) == {"observations": days}


def test_without_a_lower_bound_everything_counts() -> None:
    assert reach(fact("a")) == {}
    assert reach(fact("a", Bound(day=date(2020, 1, 1)))) == {}
    assert reach(fact("a", window=Window((back(1, "year"),), timing="overlaps"))) == {}


def test_the_narrowest_bound_of_a_window_and_the_widest_window_of_a_table() -> None:
    assert reach(fact("a", Bound(day=date(2020, 1, 1)), back(1, "month"))) == {"observations": 31}
    assert reach(fact("a", back(1, "month")), fact("b", back(1, "year"), tables=("observations", "goals"))) == {
        "observations": 366,
        "goals": 366,
    }
    assert reach(fact("a", back(1, "month")), fact("b")) == {}


def test_a_window_counted_from_an_event_reaches_as_far_as_that_event() -> None:
    first = fact("a", back(6, "month"))
    assert reach(first, fact("b", Bound("a"), tables=("goals",))) == {"observations": 186, "goals": 186}
    assert reach(first, fact("b", back(1, "week", "a"), tables=("goals",))) == {"observations": 186, "goals": 193}
    assert reach(fact("a"), fact("b", Bound("a"), tables=("goals",))) == {}
    birth = PatientFact("birth", "birth", "date")
    assert reach(birth, fact("b", Bound("birth"))) == {}


def test_events_in_relation() -> None:
    def related(**how: object) -> dict[str, int]:
        relation = Relation(Series(("goals",)), present=True, **how)  # type: ignore[arg-type]
        return reach(fact("a", back(30, "day"), relations=(relation,)))

    assert related(backwards=False, most=Duration(2, "week")) == {"observations": 30, "goals": 30}
    assert related(backwards=True, most=Duration(2, "week")) == {"observations": 30, "goals": 44}
    assert related(backwards=True) == {"observations": 30}
    assert related(backwards=False, period=True) == {"observations": 30}
