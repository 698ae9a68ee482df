"""Opening hours by rule, and areas by postcode and name: yes, no, or not to be told."""

from datetime import date, timedelta

import pytest

from fhir_adapters.directory.areas import Area, Residence, belongs, named, postcodes
from fhir_adapters.directory.hours import Day, Hours


def open_days(hours: Hours, first: date = date(2026, 6, 1), days: int = 30) -> list[int]:
    """The days of June 2026 on which it is open (1 June is a Monday)."""
    return [day.day for day in (first + timedelta(days=n) for n in range(days)) if hours.open_on(day)]


@pytest.mark.parametrize(
    ("hours", "days"),
    [
        (Hours(frequency="WEEKLY", days=(Day(0), Day(4))), [1, 5, 8, 12, 15, 19, 22, 26, 29]),
        (Hours(frequency="WEEKLY", days=(Day(0),), interval=2, start=date(2026, 6, 1)), [1, 15, 29]),
        (Hours(frequency="WEEKLY", days=(Day(6),), interval=2, start=date(2026, 6, 1), week_start=6), [14, 28]),
        (Hours(frequency="WEEKLY", days=(Day(0),), count=2, start=date(2026, 6, 1)), [1, 8]),
        (Hours(frequency="WEEKLY", days=(Day(0),), until=date(2026, 6, 8)), [1, 8]),
        (Hours(frequency="WEEKLY", days=(Day(0),), valid_from=date(2026, 6, 10), valid_to=date(2026, 6, 22)), [15, 22]),
        (Hours(frequency="WEEKLY", start=date(2026, 6, 3)), [3, 10, 17, 24]),
        (Hours(frequency="WEEKLY", days=(Day(0),), weeks=(24,)), [8]),
        (Hours(frequency="MONTHLY", days=(Day(0, 2),)), [8]),
        (Hours(frequency="MONTHLY", days=(Day(4, -1),)), [26]),
        (Hours(frequency="MONTHLY", days=(Day(1),)), [2, 9, 16, 23, 30]),
        (Hours(frequency="MONTHLY", month_days=(1, -1)), [1, 30]),
        (Hours(frequency="MONTHLY", month_days=(1,), interval=2, start=date(2026, 5, 1)), []),
        (Hours(frequency="MONTHLY", start=date(2026, 1, 9)), [9]),
    ],
)
def test_a_rule_gives_its_days(hours: Hours, days: list[int]) -> None:
    assert open_days(hours) == days


@pytest.mark.parametrize(
    "hours",
    [
        Hours(opens="09:00"),
        Hours(frequency="WEEKLY"),
        Hours(frequency="MONTHLY"),
        Hours(frequency="WEEKLY", days=(Day(0),), interval=2),
        Hours(frequency="WEEKLY", days=(Day(0),), count=3),
        Hours(frequency="WEEKLY", days=(Day(0),), unclear=True),
    ],
)
def test_a_rule_that_says_too_little_says_neither_open_nor_closed(hours: Hours) -> None:
    assert hours.open_on(date(2026, 6, 1)) is None


@pytest.mark.parametrize(
    ("area", "postcode", "answer"),
    [
        ("00001", "00001", True),
        ("00001", "00002", False),
        ("62223", "62223-1234", True),
        ("62223-1234", "62223", False),
        ("AB1", "AB1 2CD", True),
        ("AB1", "ab12cd", True),
        ("AB1", "AB12 3CD", False),
        ("AB1 2CD", "AB1 2CD", True),
        ("AB1 2CD", "AB1 2CE", False),
        ("K1A", "K1A 0B1", True),
        ("021*", "02139", True),
        ("021*", "02239", False),
    ],
)
def test_a_postcode_lies_in_its_area_or_not(area: str, postcode: str, answer: bool) -> None:
    assert belongs(Area("postcode", area), Residence(postcode)) is answer


@pytest.mark.parametrize(
    ("area", "home", "answer"),
    [
        (Area("postcode", "00001"), Residence(county="County 1"), None),
        (Area("county", "County 1"), Residence(county="county  1"), True),
        (Area("county", "County 1"), Residence(county="County 2"), False),
        (Area("county", "County 1"), Residence("00001"), None),
        (Area("state", "S1"), Residence(state="S2"), False),
        (Area("name", "Old Town"), Residence(names=("old town",)), True),
        (Area("name", "Old Town"), Residence(county="County 1", names=("New Town",)), None),
        (Area("outline", "Old Town"), Residence("00001"), None),
    ],
)
def test_names_prove_only_that_they_are_the_same(area: Area, home: Residence, answer: bool | None) -> None:
    assert belongs(area, home) is answer


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("00001", ("00001",)),
        ("AB1; ab2 3cd", ("AB1", "AB2 3CD")),
        ("021*,022*", ("021*", "022*")),
        ("all postcodes starting with AB1", None),
        ("Ward 7", None),
        ("", None),
    ],
)
def test_only_a_list_of_postcodes_is_one(text: str, codes: tuple[str, ...] | None) -> None:
    assert postcodes(text) == codes


def test_other_words_name_an_area() -> None:
    assert named("Old Town") == (Area("name", "Old Town"),)
