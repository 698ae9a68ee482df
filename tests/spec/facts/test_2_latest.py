"""Which event is the latest"""

from support.spec import NO, UNKNOWN, YES, Spec, case, event, measured

A1C_FACT = """
facts:
  hba1c: {latest: observations, code: HbA1c, unit: "%"}
when: hba1c > 9 %
"""


def test_ties(spec: Spec) -> None:
    """The latest is decided by the moment it began, then by when it was issued, then last updated, then by its id. So it is always one."""
    spec(
        A1C_FACT,
        case("the hour decides within a day", YES, measured(7, hour=8), measured(10, hour=9)),
        case("a day without an hour counts as its first moment", NO, measured(10), measured(7, hour=1)),
        case("then the time of issue", YES, measured(10, issued=2), measured(7, issued=1)),
        case("an issue time comes after none", YES, measured(10, issued=1), measured(7)),
        case("the issue weighs more than the update", NO, measured(7, issued=2, updated=1), measured(10, issued=1, updated=2)),
        case("then the update", NO, measured(7, updated=2), measured(10, updated=1)),
        case("then the id", YES, measured(7), measured(10)),
    )


def test_unusable_latest(spec: Spec) -> None:
    """If the latest event has no usable value the fact is unknown. It never falls back to an older value."""
    spec(
        A1C_FACT,
        case("no value", UNKNOWN, measured(10, on="2026-05-01"), measured(None, None)),
        case("a unit that cannot be converted", UNKNOWN, measured(10, on="2026-05-01"), measured(10, "mg/dL")),
        case("the older one is unusable", YES, measured(None, None, on="2026-05-01"), measured(10)),
    )


def test_possible_later_event(spec: Spec) -> None:
    """An event that only possibly counts makes the latest unknown if it may be later; one that is surely earlier changes nothing."""
    spec(
        A1C_FACT,
        case("a later one of unknown status", UNKNOWN, measured(10, on="2026-05-01"), measured(7, status=None)),
        case("an earlier one of unknown status", YES, measured(10), measured(7, on="2026-05-01", status=None)),
        case("one of unknown status on the same day", UNKNOWN, measured(10), measured(7, status=None)),
        case("one without a date", UNKNOWN, measured(10), measured(7, on=None)),
    )


def test_time_since_possible(spec: Spec) -> None:
    """The same holds for `time since latest`."""
    spec(
        "facts: {gap: {time since latest: procedures, in: days}}\nwhen: gap > 10 days",
        case(
            "a later one of unknown status", UNKNOWN, event("procedures", None, "2026-06-01"), event("procedures", None, "2026-06-29", None)
        ),
        case(
            "an earlier one of unknown status", YES, event("procedures", None, "2026-06-01"), event("procedures", None, "2026-05-29", None)
        ),
    )


def test_ties_by_value(spec: Spec) -> None:
    """With `ties: lowest` (or `highest`) the fact is the lowest of the values of the last day, whatever the hour. One value of that day
    that cannot be used makes it unknown.
    """
    spec(
        """
        facts:
          hba1c: {latest: observations, code: HbA1c, unit: "%", ties: lowest}
        when: hba1c < 9 %
        """,
        case("the lowest of the day", YES, measured(8, hour=8), measured(10, hour=9)),
        case("the other way round", YES, measured(10, hour=8), measured(8, hour=9)),
        case("lower the day before", NO, measured(8, on="2026-05-31"), measured(10)),
        case("one of the day cannot be used", UNKNOWN, measured(8), measured(10, "mg/dL")),
        case("some time that month", UNKNOWN, measured(8), measured(10, on="2026-06")),
    )
    spec(
        """
        facts:
          hba1c: {earliest: observations, code: HbA1c, unit: "%", ties: highest}
        when: hba1c > 9 %
        """,
        case("the highest of the first day", YES, measured(8, hour=8), measured(10, hour=9)),
        case("higher the day after", NO, measured(8), measured(10, on="2026-06-02")),
        case("none", UNKNOWN),
    )
