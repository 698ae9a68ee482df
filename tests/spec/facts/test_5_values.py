"""One value from several events"""

from support.spec import AT_RISK, DIABETES, NO, NO_RISK, STRANGE, UNKNOWN, YES, Spec, answered, case, event, measured

from rules.days import partial
from rules.facts import Event

FIRST = """
facts:
  first: {earliest: observations, code: HbA1c, unit: "%"}
when: first > 9 %
"""


def summary(aggregate: str, line: str, more: str = "") -> str:
    return f'facts: {{it: {{{aggregate}: observations, code: HbA1c, unit: "%"{more}}}}}\nwhen: it {line} %'


def visit(day: str, hour: int = 0) -> Event:
    return event("encounters", None, day, hour=hour)


def test_earliest(spec: Spec) -> None:
    """`earliest` takes the value of the first event. Without an event, or if that event has no usable value, it is unknown."""
    spec(
        FIRST,
        case("the first is high", YES, measured(10, on="2026-01-01"), measured(7, on="2026-05-01"), facts={"spec/first": 10.0}),
        case("the first is low", NO, measured(10, on="2026-05-01"), measured(7, on="2026-01-01"), facts={"spec/first": 7.0}),
        case("none", UNKNOWN),
        case("the first has no value", UNKNOWN, measured(None, None, on="2026-01-01"), measured(10)),
    )


def test_earliest_ties(spec: Spec) -> None:
    """Within a day it goes by the hour, then by issue, update and id, each time the first: the mirror image of `latest`."""
    spec(
        FIRST,
        case("the hour", YES, measured(7, hour=9), measured(10, hour=8)),
        case("the time of issue", YES, measured(7, issued=2), measured(10, issued=1)),
        case("no time of issue comes before any", NO, measured(10, issued=1), measured(7)),
        case("the id", YES, measured(10), measured(7)),
    )


def test_earliest_possible(spec: Spec) -> None:
    """An event that only possibly counts makes the earliest unknown if it may be earlier; so do dates that overlap."""
    spec(
        FIRST,
        case("an earlier one of unknown status", UNKNOWN, measured(10, on="2026-05-01"), measured(7, on="2026-01-01", status=None)),
        case("a later one of unknown status", YES, measured(10, on="2026-01-01"), measured(7, on="2026-05-01", status=None)),
        case("one without a date", UNKNOWN, measured(10), measured(7, on=None)),
        case("some day in May, and 15 May", UNKNOWN, measured(7, on="2026-05"), measured(10, on="2026-05-15")),
        case("some day in May, and 1 June", NO, measured(7, on="2026-05"), measured(10, on="2026-06-01")),
    )


def test_earliest_answer(spec: Spec) -> None:
    """With a question `earliest` is the word that the first answer means; among simultaneous answers the winning word."""
    spec(
        "facts: {food: {earliest: observations, question: hunger}}\nwhen: food is at risk",
        case("at risk, later not", YES, answered(AT_RISK, on="2026-01-01"), answered(NO_RISK), facts={"spec/food": "at risk"}),
        case("not at risk, later so", NO, answered(NO_RISK, on="2026-01-01"), answered(AT_RISK)),
        case("both at first", YES, answered(NO_RISK, on="2026-01-01"), answered(AT_RISK, on="2026-01-01"), answered(NO_RISK)),
        case("the first cannot be understood", UNKNOWN, answered(STRANGE, on="2026-01-01"), answered(AT_RISK)),
    )


def test_highest_and_lowest(spec: Spec) -> None:
    """`highest` and `lowest` take the greatest and the smallest value, whenever it was. Without an event they are unknown."""
    three = (measured(7, on="2026-01-01"), measured(10, on="2026-02-01"), measured(8, on="2026-03-01"))
    spec(summary("highest", ">= 10"), case("7, 10, 8", YES, *three, facts={"spec/it": 10.0}), case("none", UNKNOWN))
    spec(summary("lowest", "< 7"), case("7, 10, 8", NO, *three, facts={"spec/it": 7.0}), case("none", UNKNOWN))


def test_mean_and_sum(spec: Spec) -> None:
    """`mean` and `sum` take every value, in the fact's unit. Without an event both are unknown, even the sum."""
    spec(
        summary("mean", "> 8"),
        case("7 and 10", YES, measured(7), measured(10), facts={"spec/it": 8.5}),
        case("one", NO, measured(8), facts={"spec/it": 8.0}),
        case("% and mmol/mol", YES, measured(7), measured(86, "mmol/mol"), facts={"spec/it": (7 + (86 * 0.09148 + 2.152)) / 2}),
        case("none", UNKNOWN),
    )
    spec(
        summary("sum", "> 16"),
        case("7 and 10", YES, measured(7), measured(10), facts={"spec/it": 17.0}),
        case("the same twice counts twice", NO, measured(8), measured(8), facts={"spec/it": 16.0}),
        case("none", UNKNOWN),
    )


def test_unusable_among_several(spec: Spec) -> None:
    """One value that cannot be used, or one event that only possibly counts, makes each of the four unknown: it might be the highest."""
    for aggregate in ("highest", "lowest", "mean", "sum"):
        spec(
            summary(aggregate, "> 0"),
            case(f"{aggregate} with no value", UNKNOWN, measured(10), measured(None, None)),
            case(f"{aggregate} with an alien unit", UNKNOWN, measured(10), measured(10, "mg/dL")),
            case(f"{aggregate} with an unknown status", UNKNOWN, measured(10), measured(7, status=None)),
            case(f"{aggregate}, observations not loaded", UNKNOWN, measured(10), not_loaded=("observations",)),
        )


def test_usable_only(spec: Spec) -> None:
    """`usable only: yes` leaves out what has no usable value or answer, as if it had never been recorded."""
    spec(
        summary("highest", "> 9", ", usable only: yes"),
        case("the other counts", YES, measured(10), measured(None, None), measured(12, "mg/dL"), facts={"spec/it": 10.0}),
        case("none is usable", UNKNOWN, measured(None, None)),
    )
    spec(
        summary("latest", "> 9", ", usable only: yes"),
        case("the last that has a value", YES, measured(10, on="2026-01-01"), measured(None, None)),
        case("it may be later, and it is usable", UNKNOWN, measured(10, on="2026-01-01"), measured(7, status=None)),
        case("it may be later, but it is not usable", YES, measured(10, on="2026-01-01"), measured(None, None, status=None)),
    )
    spec(
        "facts: {food: {latest: observations, question: hunger, usable only: yes}}\nwhen: food is at risk",
        case("the last that can be understood", YES, answered(AT_RISK, on="2026-01-01"), answered(STRANGE)),
        case("none can", UNKNOWN, answered(STRANGE)),
    )


def test_different_days(spec: Spec) -> None:
    """`count` with `different days: yes` counts the days on which there was a matching event."""
    spec(
        "facts: {days: {count: encounters, different days: yes}}\nwhen: days >= 2",
        case("two on one day", NO, visit("2026-05-01", 8), visit("2026-05-01", 15), facts={"spec/days": 1.0}),
        case("two on two days", YES, visit("2026-05-01"), visit("2026-05-02"), facts={"spec/days": 2.0}),
        case("none", NO, facts={"spec/days": 0.0}),
    )


def test_different_days_partial(spec: Spec) -> None:
    """Two events may be on one day if either date is partial: the number of days is unknown. One event alone is one day."""
    spec(
        "facts: {days: {count: encounters, different days: yes}}\nwhen: days >= 1",
        case("some day in May, alone", YES, visit("2026-05"), facts={"spec/days": 1.0}),
        case("some day in May, and 15 May", UNKNOWN, visit("2026-05"), visit("2026-05-15")),
        case("partial dates that cannot meet are not told apart", UNKNOWN, visit("2026-03"), visit("2026-05"), facts={"spec/days": None}),
        case("one of unknown date", UNKNOWN, visit("2026-05-01"), event("encounters", None, None)),
    )


def test_all(spec: Spec) -> None:
    """`all` is *yes* if there are such events and every one of them passes `where` (or has the `answer`), *no* if one surely does not.
    Of nothing, nothing is said: without any event it is unknown.
    """
    spec(
        """
        facts:
          controlled: {all: observations, code: HbA1c, unit: "%", where: value < 8, within: 1 year}
        when: controlled
        """,
        case("every one", YES, measured(7, on="2026-01-05"), measured(7.9)),
        case("one does not", NO, measured(8, on="2026-01-05"), measured(7)),
        case("one outside the window does not", YES, measured(9, on="2025-01-05"), measured(7)),
        case("none", UNKNOWN),
        case("one cannot be used", UNKNOWN, measured(7, on="2026-01-05"), measured(7, "mg/dL")),
        case("one cannot be used, another does not pass", NO, measured(9, on="2026-01-05"), measured(7, "mg/dL")),
        case("one that only possibly counts passes too", YES, measured(7, on="2026-01-05"), measured(7, status=None)),
        case("one that only possibly counts does not pass", UNKNOWN, measured(7, on="2026-01-05"), measured(9, status=None)),
        case("not loaded", UNKNOWN, measured(7), not_loaded=("observations",)),
        case("not loaded, but one that does not pass is there", NO, measured(9), not_loaded=("observations",)),
    )


def test_trend(spec: Spec) -> None:
    """`trend` is the slope of the straight line that fits the values best (least squares), `in` days, weeks, months (30.4375 days) or
    years (365.25 days). It needs values on two different days; a partial date or a value that cannot be used makes it unknown.
    """
    spec(
        """
        facts:
          rise: {trend: observations, code: HbA1c, unit: "%", in: days}
        when: rise > 0.1 %/d
        """,
        case("half a percent in four days", YES, measured(7, on="2026-06-01"), measured(7.5, on="2026-06-05"), facts={"spec/rise": 0.125}),
        case("falling", NO, measured(8, on="2026-06-01"), measured(7, on="2026-06-05"), facts={"spec/rise": -0.25}),
        case(
            "a line through three",
            YES,
            *(measured(7, on="2026-06-01"), measured(9, on="2026-06-02"), measured(8, on="2026-06-03")),
            facts={"spec/rise": 0.5},
        ),
        case("one value", UNKNOWN, measured(7)),
        case("two on one day", UNKNOWN, measured(7, hour=8), measured(9, hour=9)),
        case("one cannot be used", UNKNOWN, measured(7, on="2026-06-01"), measured(9, "mg/dL", on="2026-06-05")),
        case("a partial date", UNKNOWN, measured(7, on="2026-05"), measured(9, on="2026-06-05")),
        case(
            "one that only possibly counts", UNKNOWN, measured(7, on="2026-06-01"), measured(9, on="2026-06-05"), measured(9, status=None)
        ),
    )


def test_days_covered(spec: Spec) -> None:
    """`days covered` counts the days of the window on which at least one of the events was going on: prescriptions joined, their overlaps
    counted once, their gaps not at all. What has no end goes on up to the end of the window.
    """

    def supply(first: str, last: str | None, **details: object) -> Event:
        end = None if last is None else partial(last)
        return event("medications", DIABETES, first, "completed", **{"end": end, **details})

    spec(
        """
        facts:
          covered: {days covered: medications, code: diabetes, during: 2026-01-01 to 2026-01-31}
        when: covered >= 20 days
        """,
        case("one", YES, supply("2026-01-01", "2026-01-20"), facts={"spec/covered": 20.0}),
        case("a day less", NO, supply("2026-01-01", "2026-01-19"), facts={"spec/covered": 19.0}),
        case("two with a gap", YES, supply("2026-01-01", "2026-01-10"), supply("2026-01-21", "2026-01-30"), facts={"spec/covered": 20.0}),
        case("two that overlap", NO, supply("2026-01-01", "2026-01-15"), supply("2026-01-10", "2026-01-19"), facts={"spec/covered": 19.0}),
        case(
            "one inside the other", NO, supply("2026-01-01", "2026-01-15"), supply("2026-01-02", "2026-01-04"), facts={"spec/covered": 15.0}
        ),
        case("beyond the window", YES, supply("2025-12-01", "2026-02-20"), facts={"spec/covered": 31.0}),
        case("without an end", NO, supply("2026-01-20", None), facts={"spec/covered": 12.0}),
        case("none", NO, facts={"spec/covered": 0.0}),
        case("a partial end", UNKNOWN, supply("2026-01-01", "2026-01")),
        case("one whose end is partial beyond the window's too", UNKNOWN, supply("2026-01-01", "2026-02")),
        case("one that only possibly counts", UNKNOWN, supply("2026-01-01", "2026-01-25"), supply("2026-01-01", "2026-01-02", opaque=True)),
        case("not loaded", UNKNOWN, not_loaded=("medications",)),
    )
