"""Calendar arithmetic against definitions too simple to be wrong: counting day by day."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import days
from rules.days import Duration
from rules.facts import DateRange

ONE = timedelta(days=1)
FOUR_YEARS = [date(2023, 1, 1) + i * ONE for i in range(4 * 366)]
DAY = st.dates(date(1890, 1, 1), date(2110, 12, 31))


def last_of_month(day: date) -> date:
    while (day + ONE).month == day.month:
        day += ONE
    return day


def month_before(day: date, months: int) -> date:
    """The same day so many months earlier; the last day of that month if it has no such day."""
    first = day.replace(day=1)
    for _ in range(months):
        first = (first - ONE).replace(day=1)
    return min(first + (day.day - 1) * ONE, last_of_month(first))


@pytest.mark.parametrize("months", [1, 2, 3, 6, 11, 12, 13, 24])
def test_months_before_on_each_day_of_four_years(months: int) -> None:
    assert all(days.before(day, Duration(months, "month")) == month_before(day, months) for day in FOUR_YEARS)


@pytest.mark.parametrize("years", [1, 2, 4])
def test_a_year_is_twelve_months(years: int) -> None:
    assert all(days.before(d, Duration(years, "year")) == days.before(d, Duration(12 * years, "month")) for d in FOUR_YEARS)
    assert all(days.after(d, Duration(years, "year")) == days.after(d, Duration(12 * years, "month")) for d in FOUR_YEARS)


@pytest.mark.parametrize(
    ("day", "length", "expected"),
    [
        ("2026-03-31", Duration(1, "month"), "2026-02-28"),
        ("2024-03-31", Duration(1, "month"), "2024-02-29"),
        ("2024-02-29", Duration(1, "year"), "2023-02-28"),
        ("2026-01-01", Duration(1, "day"), "2025-12-31"),
        ("2026-03-01", Duration(2, "week"), "2026-02-15"),
        ("0001-01-05", Duration(1, "month"), "0001-01-01"),
        ("0001-01-05", Duration(99999, "day"), "0001-01-01"),
        ("2026-01-01", Duration(99999, "year"), "0001-01-01"),
        ("0002-03-05", Duration(1, "year"), "0001-03-05"),
        ("0001-02-05", Duration(1, "month"), "0001-01-05"),
    ],
)
def test_before(day: str, length: Duration, expected: str) -> None:
    assert days.before(date.fromisoformat(day), length) == date.fromisoformat(expected)


def test_after_ends_with_the_calendar() -> None:
    assert days.after(date(9999, 12, 30), Duration(5, "day")) == date.max
    assert days.after(date(9999, 1, 1), Duration(1, "year")) == date.max


@given(DAY, st.integers(1, 500), st.sampled_from(days.UNITS))
def test_windows_move_forward(day: date, count: int, unit: str) -> None:
    """A window's first day never moves back from one day to the next: what has left a window stays outside."""
    length = Duration(count, unit)
    assert days.before(day, length) <= days.before(day + ONE, length) <= day + ONE
    assert days.before(days.after(day, length), length) <= day <= days.after(day, length)


def naive_whole(unit: str, start: date, end: date) -> int:
    """How many times the unit can be added to ``start`` without passing ``end``."""
    return next(n for n in range(10**6) if days.after(start, Duration(n + 1, unit)) > end)


@given(st.dates(date(2019, 1, 1), date(2026, 1, 1)), st.integers(0, 2000), st.sampled_from(days.UNITS))
def test_completed_units(start: date, length: int, unit: str) -> None:
    end = start + length * ONE
    assert days.whole(unit, start, end) == naive_whole(unit, start, end)


@given(st.dates(date(2019, 1, 1), date(2026, 1, 1)), st.sampled_from(days.UNITS))
def test_time_passes_in_single_steps(start: date, unit: str) -> None:
    passed = [days.whole(unit, start, start + i * ONE) for i in range(800)]
    assert passed[0] == 0
    assert {b - a for a, b in pairwise(passed)} <= {0, 1}


def naive_age(birth: date, day: date) -> int:
    """Birthdays since birth; 1 March stands for 29 February in other years."""
    age = 0
    for year in range(birth.year + 1, day.year + 1):
        leap_day = (birth.month, birth.day) == (2, 29) and not days.is_leap(year)
        age += (date(year, 3, 1) if leap_day else birth.replace(year=year)) <= day
    return age


@given(DAY, st.integers(0, 40_000))
def test_age(birth: date, lived: int) -> None:
    day = min(birth + lived * ONE, date(2110, 12, 31))
    if day >= birth:
        assert days.age(birth, day) == naive_age(birth, day)


def test_age_of_those_born_on_a_leap_day() -> None:
    birth = date(2008, 2, 29)
    for day in FOUR_YEARS:
        assert days.age(birth, day) == naive_age(birth, day)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("2026-03-14", "2026-03-14", "2026-03-14"),
        ("9999", "9999-01-01", "9999-12-31"),
    ],
)
def test_partial_dates(text: str, low: str, high: str) -> None:
    found = days.partial(text)
    assert found == DateRange(date.fromisoformat(low), date.fromisoformat(high))
    assert days.shown(found) == text


NO_DATES = [
    "",
    "26",
    "2026-13",
    "2026-02-30",
    "2026-2-3",
    "0000",
    "2026-00",
    "2026-03-00",
    "2026-03-14T10:00",
    " 2026",
    "２０２６-03",
    "20260314",
    "x",
]


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date(text: str) -> None:
    assert days.partial(text) is None


@given(DAY, st.integers(0, 900))
def test_a_range_is_shown_as_what_it_is(low: date, length: int) -> None:
    """What is shown can be read back, unless it is a range that no partial date can say."""
    span = DateRange(low, low + length * ONE)
    shown = days.shown(span)
    assert days.partial(shown) == span or shown == f"{span.low} to {span.high}"
    assert days.shown(DateRange(date.min, span.high)) == f"by {span.high}"


@pytest.mark.parametrize(("low", "high"), [("2024-01-01", "2025-12-31"), ("2024-02-01", "2024-03-31"), ("2024-01-01", "2025-01-31")])
def test_several_months_or_years_are_shown_as_a_range(low: str, high: str) -> None:
    assert days.shown(DateRange(date.fromisoformat(low), date.fromisoformat(high))) == f"{low} to {high}"


@pytest.mark.parametrize(("count", "text"), [(0, "0 days"), (1, "1 day"), (2, "2 days"), (300, "300 days")])
def test_a_length_of_time_in_words(count: int, text: str) -> None:
    assert str(Duration(count, "day")) == text


def test_the_oldest_people() -> None:
    assert days.age(date(1, 1, 1), date(2026, 6, 30)) == 2025
    assert days.age(date(1000, 7, 1), date(2026, 6, 30)) == 1025


def test_the_last_day_of_the_calendar_can_be_reached() -> None:
    assert days.after(date(9998, 12, 31), Duration(1, "year")) == date(9999, 12, 31)
    assert days.after(date(9999, 11, 5), Duration(1, "month")) == date(9999, 12, 5)


def test_the_year_one_is_the_beginning_of_time() -> None:
    assert days.shown(days.partial("0001")) == "by 0001-12-31"


def test_midnight() -> None:
    assert days.midnight(date(1970, 1, 2)) == 86_400_000_000
    assert days.midnight(date(1969, 12, 31)) == -86_400_000_000
    assert days.midnight(date.min) < 0 < days.midnight(date.max) < 2**62
