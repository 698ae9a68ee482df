"""Events that last"""

from datetime import date

from support.spec import HUNGER, NO, UNKNOWN, YES, Spec, case, diagnosed, event

from rules.days import partial
from rules.facts import DateRange, Event


def during_2025(timing: str) -> str:
    return f"""
facts:
  ill: {{exists: conditions, code: diabetes, status: [active, resolved], during: last year, timing: {timing}}}
when: ill
"""


def lasting(start: str | None, end: str | None = None) -> Event:
    """Diabetes from one day to another; without an end it is still going on."""
    return diagnosed(start, "active" if end is None else "resolved", end=None if end is None else days(end))


def days(text: str) -> DateRange | None:
    """A possibly partial date, or ``first to last``."""
    return DateRange(*map(date.fromisoformat, text.split(" to "))) if " to " in text else partial(text)


def test_starts(spec: Spec) -> None:
    """`timing` says what of the event must lie in the window. `starts`, the usual one, asks only for its beginning."""
    spec(
        during_2025("starts"),
        case("began and ended inside", YES, lasting("2025-03-01", "2025-04-01")),
        case("began inside, going on", YES, lasting("2025-12-31")),
        case("began before", NO, lasting("2024-12-31", "2025-04-01")),
        case("began after", NO, lasting("2026-01-01")),
        case("nobody knows when it began", UNKNOWN, lasting(None, "2025-04-01")),
    )


def test_ends(spec: Spec) -> None:
    """`ends` asks only for its end. What is still going on has none."""
    spec(
        during_2025("ends"),
        case("ended inside", YES, lasting("2019-01-01", "2025-01-01")),
        case("ended on the last day", YES, lasting("2019-01-01", "2025-12-31")),
        case("ended after", NO, lasting("2025-03-01", "2026-01-01")),
        case("ended before", NO, lasting("2019-01-01", "2024-12-31")),
        case("still going on", NO, lasting("2025-03-01")),
    )


def test_inside(spec: Spec) -> None:
    """`inside` asks for both."""
    spec(
        during_2025("inside"),
        case("the whole of the window", YES, lasting("2025-01-01", "2025-12-31")),
        case("began a day earlier", NO, lasting("2024-12-31", "2025-12-31")),
        case("ended a day later", NO, lasting("2025-01-01", "2026-01-01")),
        case("still going on", NO, lasting("2025-03-01")),
    )


def test_overlaps(spec: Spec) -> None:
    """`overlaps` asks whether it was going on at any time in the window: the prevalence, not the incidence."""
    spec(
        during_2025("overlaps"),
        case("ended on the first day", YES, lasting("2019-01-01", "2025-01-01")),
        case("ended the day before", NO, lasting("2019-01-01", "2024-12-31")),
        case("began on the last day", YES, lasting("2025-12-31")),
        case("began the day after", NO, lasting("2026-01-01")),
        case("began long ago, still going on", YES, lasting("1999-01-01")),
        case("from before to after", YES, lasting("2019-01-01", "2026-03-01")),
    )


def test_recurrence(spec: Spec) -> None:
    """A condition that came back is two conditions: between them it was not going on."""
    spec(
        during_2025("overlaps"),
        case("before and after the year", NO, lasting("2020-01-01", "2024-06-01"), lasting("2026-02-01")),
        case("back in December", YES, lasting("2020-01-01", "2024-06-01"), lasting("2025-12-01")),
    )


def test_partial_end(spec: Spec) -> None:
    """A partial end may be any of its days: surely inside counts, possibly inside is unknown."""
    spec(
        during_2025("ends"),
        case("some day of March 2025", YES, lasting("2019-01-01", "2025-03")),
        case("some day of 2025", YES, lasting("2019-01-01", "2025")),
        case("some day of 2024", NO, lasting("2019-01-01", "2024")),
    )
    spec(
        "facts: {ill: {exists: conditions, status: resolved, within: 12 months, timing: ends}}\nwhen: ill",
        case("some day of the month in which the window starts", UNKNOWN, lasting("2019-01-01", "2025-06")),
        case("some day of the month before", NO, lasting("2019-01-01", "2025-05")),
    )
    spec(
        "facts: {ill: {exists: conditions, status: resolved, within: 12 months, timing: overlaps}}\nwhen: ill",
        case("ended in that month", UNKNOWN, lasting("2019-01-01", "2025-06")),
        case("ended in the year before last", NO, lasting("2019-01-01", "2024")),
        case("nobody knows when it began, ended inside", UNKNOWN, lasting(None, "2026-01-01")),
        case("began in a month that is not over, going on", UNKNOWN, diagnosed("2026-06", "resolved"), as_of="2026-06-15"),
    )


def test_encounters_that_last(spec: Spec) -> None:
    """With `within: … after`, `ends` counts from a fact to the end of a stay: discharged within a week of the start of another."""
    spec(
        """
        facts:
          first: {earliest: procedures, question: hunger}
          discharged: {exists: encounters, within: 7 days after first, timing: ends}
        when: discharged
        """,
        case("on the seventh day", YES, *stay("2026-05-01", "2026-04-20", "2026-05-08")),
        case("on the eighth", NO, *stay("2026-05-01", "2026-04-20", "2026-05-09")),
        case("no day to count from", UNKNOWN, stay("2026-05-01", "2026-04-20", "2026-05-08")[1]),
    )


def stay(procedure: str, start: str, end: str) -> tuple[Event, Event]:
    hunger = event("procedures", None, procedure, codes=(HUNGER,))
    return hunger, event("encounters", None, start, end=partial(end))


def test_ended_nobody_knows_when(spec: Spec) -> None:
    """What its status says is over, without a recorded end, ended on any day since its start: whether it ended in a window, or was
    still going on in it, is unknown.
    """
    over = lasting("2010-01-01", "2010-01-01 to 9999-12-31")
    spec(during_2025("overlaps"), case("resolved, nobody knows when", UNKNOWN, over))
    spec(during_2025("ends"), case("resolved, nobody knows when", UNKNOWN, over))
    spec(during_2025("inside"), case("resolved, began before", NO, over))


def test_empty_windows(spec: Spec) -> None:
    """A window that has no day, because it ends before it begins or lies in the future, holds no event, not even a lasting one. One that
    has none whatever the day of evaluation, such as `since: 2026-01-01` with `until: 2025-01-01`, is refused.
    """
    spec(
        "facts: {ill: {exists: conditions, during: 2027-01-01 to 2027-12-31, timing: overlaps}}\nwhen: ill",
        case("going on, seen the year before", NO, diagnosed("2020-01-01")),
    )
    spec(
        "facts: {ill: {exists: conditions, since: 2026-05-01, until: 3 months ago, timing: overlaps}}\nwhen: ill",
        case("going on", NO, diagnosed("2020-01-01")),
    )


def test_overlaps_after(spec: Spec) -> None:
    """`overlaps after`: it goes on at some time in the window and still does after it closes; `overlaps before`: it also did before."""
    spec(
        during_2025("overlaps after"),
        case("began inside, ended after", YES, lasting("2025-03-01", "2026-01-01")),
        case("ended on the last day", NO, lasting("2025-03-01", "2025-12-31")),
        case("still going on", YES, lasting("2025-03-01")),
        case("began before, ended after", YES, lasting("2024-03-01", "2026-01-01")),
        case("began after", NO, lasting("2026-01-01")),
        case("ended some time in the winter", UNKNOWN, lasting("2025-03-01", "2025-12-20 to 2026-01-05")),
    )
    spec(
        during_2025("overlaps before"),
        case("began before, ended inside", YES, lasting("2024-12-31", "2025-03-01")),
        case("began on the first day", NO, lasting("2025-01-01", "2025-03-01")),
        case("ended before", NO, lasting("2024-03-01", "2024-12-31")),
        case("began some time in the winter", UNKNOWN, lasting("2024-12-20 to 2025-01-05", "2025-03-01")),
        case("nobody knows when it began", UNKNOWN, lasting(None, "2025-04-01")),
    )
