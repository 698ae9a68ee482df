"""Partial and missing dates"""

from support.spec import NO, UNKNOWN, YES, Spec, case, event, measured

from rules.facts import Event

RECENT = "facts: {recent: {exists: procedures, within: 12 months}}\nwhen: recent"


def on(day: str | None) -> Event:
    return event("procedures", None, day)


def test_ranges(spec: Spec) -> None:
    """A partial date means any day of its month or year. Surely inside the window counts, surely outside does not, possibly
    inside is unknown.
    """
    spec(
        RECENT,
        case("a month inside", YES, on("2026-03")),
        case("a month outside", NO, on("2025-05")),
        case("the month in which the window starts", UNKNOWN, on("2025-06")),
        case("the year in which the window starts", UNKNOWN, on("2025")),
        case("this year, which is not over", UNKNOWN, on("2026")),
        case("this month, on its last day", YES, on("2026-06")),
        case("this month, before its last day", UNKNOWN, on("2026-06"), as_of="2026-06-29"),
        case("next month", NO, on("2026-07")),
    )


def test_no_date(spec: Spec) -> None:
    """An event without a date may have happened at any time, even after the day of evaluation: it is only possible."""
    spec(RECENT, case("no date", UNKNOWN, on(None)), case("no date, but another surely inside", YES, on(None), on("2026-05-01")))
    spec("facts: {ever: {exists: procedures}}\nwhen: ever", case("no date, no window", UNKNOWN, on(None)))


def test_count_of_possible(spec: Spec) -> None:
    """A count with a possible event is unknown, even if the certain ones would be enough."""
    spec(
        "facts: {n: {count: procedures, within: 12 months}}\nwhen: n >= 1",
        case("one certain, one possible", UNKNOWN, on("2026-05-01"), on("2025-06")),
        case("one certain, one surely outside", YES, on("2026-05-01"), on("2025-05")),
    )


def test_time_since_partial(spec: Spec) -> None:
    """The time since a partial date is known only if its first and its last day give the same number."""
    spec(
        "facts: {gap: {time since latest: procedures, in: months}}\nwhen: gap >= 3 months",
        case("3 months from each day of March to 30 June", YES, on("2026-03"), facts={"spec/gap": 3.0}),
        case("2 or 3 months from March to 15 June", UNKNOWN, on("2026-03"), as_of="2026-06-15"),
        case("both are over 3, but not the same", UNKNOWN, on("2025-12"), as_of="2026-06-15"),
    )


def test_latest_and_partial(spec: Spec) -> None:
    """A partial date that only possibly lies inside the window makes the latest unknown unless a certain event is surely later."""
    spec(
        'facts: {hba1c: {latest: observations, code: HbA1c, within: 12 months, unit: "%"}}\nwhen: hba1c > 9 %',
        case("possible, then certain", YES, measured(7, on="2025-06"), measured(10, on="2025-08-01")),
        case("possible, and maybe later", UNKNOWN, measured(10, on="2025-06-30"), measured(7, on="2025")),
    )


def test_overlapping_dates(spec: Spec) -> None:
    """If the dates of two certain events overlap, either may be the latest: the fact is unknown."""
    spec(
        'facts: {hba1c: {latest: observations, code: HbA1c, unit: "%"}}\nwhen: hba1c > 9 %',
        case("some day in May, and 15 May", UNKNOWN, measured(7, on="2026-05"), measured(10, on="2026-05-15")),
    )
