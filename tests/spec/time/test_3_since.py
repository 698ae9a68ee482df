"""Counting since another event"""

from support.spec import HUNGER, NO, UNKNOWN, YES, Spec, case, event, measured

from rules.facts import Event

SINCE = """
facts:
  hba1c: {latest: observations, code: HbA1c, unit: "%"}
  procedure since: {exists: procedures, since: hba1c}
when: procedure since
"""


def done(day: str | None) -> Event:
    return event("procedures", None, day)


def test_since(spec: Spec) -> None:
    """`since` names a *latest* fact: only events on the day of its event, or later, count."""
    spec(
        SINCE,
        case("the day after", YES, measured(7, on="2026-05-01"), done("2026-05-02")),
        case("the same day", YES, measured(7, on="2026-05-01"), done("2026-05-01")),
        case("the day before", NO, measured(7, on="2026-05-01"), done("2026-04-30")),
        case("the latest event counts", NO, measured(7, on="2026-01-01"), measured(7, on="2026-05-01"), done("2026-03-01")),
    )


def test_no_anchor(spec: Spec) -> None:
    """Without an event to count from, the fact is unknown; so it is if that event is not certain, or was not loaded."""
    spec(
        SINCE,
        case("never measured", UNKNOWN, done("2026-05-02")),
        case("measured without a date", UNKNOWN, measured(7, on=None), done("2026-05-02")),
        case("observations not loaded", UNKNOWN, measured(7, on="2026-05-01"), done("2026-05-02"), not_loaded=("observations",)),
    )


def test_anchor_without_value(spec: Spec) -> None:
    """The event to count from needs a day, not a usable value."""
    spec(SINCE, case("a result without a number", YES, measured(None, None, on="2026-05-01"), done("2026-05-02")))


def test_partial_anchor(spec: Spec) -> None:
    """With a partial day to count from, events after its last day count, events before its first do not, those between are unknown."""
    spec(
        SINCE,
        case("after May", YES, measured(7, on="2026-05"), done("2026-06-01")),
        case("on the last day of May", YES, measured(7, on="2026-05"), done("2026-05-31")),
        case("in May", UNKNOWN, measured(7, on="2026-05"), done("2026-05-15")),
        case("before May", NO, measured(7, on="2026-05"), done("2026-04-30")),
    )


def test_since_and_within(spec: Spec) -> None:
    """With `within` as well, an event must satisfy both."""
    spec(
        """
        facts:
          hba1c: {latest: observations, code: HbA1c, unit: "%"}
          recent: {exists: procedures, since: hba1c, within: 1 month}
        when: recent
        """,
        case("both", YES, measured(7, on="2026-05-01"), done("2026-06-15")),
        case("since, but not within", NO, measured(7, on="2026-05-01"), done("2026-05-15")),
        case("within, but not since", NO, measured(7, on="2026-06-20"), done("2026-06-15")),
    )


def test_chain(spec: Spec) -> None:
    """A fact may count since a fact that itself counts since another, written in any order."""
    spec(
        """
        facts:
          visit after: {exists: encounters, since: second}
          second: {latest: observations, question: hunger, since: first}
          first: {latest: observations, code: HbA1c, unit: "%"}
        when: visit after
        """,
        case(
            "in order",
            YES,
            measured(7, on="2026-01-01"),
            event("observations", HUNGER, "2026-02-01"),
            event("encounters", None, "2026-03-01"),
        ),
        case(
            "the middle one came first",
            UNKNOWN,
            measured(7, on="2026-02-01"),
            event("observations", HUNGER, "2026-01-01"),
            event("encounters", None, "2026-03-01"),
        ),
        case(
            "the visit came between",
            NO,
            measured(7, on="2026-01-01"),
            event("observations", HUNGER, "2026-03-01"),
            event("encounters", None, "2026-02-01"),
        ),
    )
