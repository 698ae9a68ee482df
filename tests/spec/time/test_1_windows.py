"""Windows"""

from support.spec import NO, YES, Spec, case, event

from rules.facts import Event


def within(length: str) -> str:
    return f"facts: {{recent: {{exists: procedures, within: {length}}}}}\nwhen: recent"


def on(day: str) -> Event:
    return event("procedures", None, day)


def test_closed(spec: Spec) -> None:
    """`within` is a window of whole days that ends on the day of evaluation. Its first and its last day belong to it."""
    spec(
        within("30 days"),
        case("on the day itself", YES, on("2026-06-30")),
        case("30 days ago", YES, on("2026-05-31")),
        case("31 days ago", NO, on("2026-05-30")),
    )


def test_units(spec: Spec) -> None:
    """A length of time is a whole number of days, weeks, months or years."""
    for length, first, before in (
        ("1 day", "2026-06-29", "2026-06-28"),
        ("2 weeks", "2026-06-16", "2026-06-15"),
        ("12 months", "2025-06-30", "2025-06-29"),
        ("3 years", "2023-06-30", "2023-06-29"),
    ):
        spec(within(length), case(f"the first day of {length}", YES, on(first)), case("the day before it", NO, on(before)))


def test_months_clip(spec: Spec) -> None:
    """Months clip to the length of the month: one month before 31 March is 28 February, or 29 February in a leap year."""
    spec(
        within("1 month"),
        case("28 February, seen on 31 March", YES, on("2026-02-28"), as_of="2026-03-31"),
        case("27 February, seen on 31 March", NO, on("2026-02-27"), as_of="2026-03-31"),
        case("29 February, seen on 31 March of a leap year", YES, on("2024-02-29"), as_of="2024-03-31"),
        case("28 February, seen on 31 March of a leap year", NO, on("2024-02-28"), as_of="2024-03-31"),
    )


def test_leap_day(spec: Spec) -> None:
    """A year before 29 February is 28 February."""
    spec(
        within("1 year"),
        case("28 February of the year before", YES, on("2023-02-28"), as_of="2024-02-29"),
        case("27 February of the year before", NO, on("2023-02-27"), as_of="2024-02-29"),
        case("28 February, seen a year and a day later", NO, on("2024-02-28"), as_of="2025-03-01"),
        case("29 February, seen on 28 February", YES, on("2024-02-29"), as_of="2025-02-28"),
    )


def test_the_future_does_not_exist(spec: Spec) -> None:
    """Events after the day of evaluation do not exist, with or without a window."""
    spec("facts: {done: {exists: procedures}}\nwhen: done", case("tomorrow", NO, on("2026-07-01")), case("today", YES, on("2026-06-30")))


def test_without_a_window(spec: Spec) -> None:
    """Without `within` all of the past counts."""
    spec("facts: {ever: {exists: procedures}}\nwhen: ever", case("long ago", YES, on("1931-01-01")))
