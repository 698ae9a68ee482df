"""Events in relation to others"""

from datetime import date

from support.spec import NO, PHQ9, UNKNOWN, YES, Spec, case, diagnosed, event, measured

from rules.days import partial
from rules.facts import DateRange, Event


def screened(relation: str, more: str = "") -> str:
    return f"facts: {{it: {{exists: observations, code: PHQ-9 total, {relation}: {{events: procedures{more}}}}}}}\nwhen: it"


def phq9(day: str | None, status: str | None = "", hour: int = 0) -> Event:
    return event("observations", PHQ9, day, status, hour=hour)


def done(day: str | None, status: str | None = "", hour: int = 0) -> Event:
    return event("procedures", None, day, status, hour=hour)


def test_followed_by(spec: Spec) -> None:
    """`followed by` keeps the events after which there was another event of the same person, at any time up to the day of
    evaluation.
    """
    spec(
        screened("followed by"),
        case("later", YES, phq9("2026-01-01"), done("2026-05-01")),
        case("earlier only", NO, phq9("2026-05-01"), done("2026-01-01")),
        case("one of two was followed", YES, phq9("2026-01-01"), done("2026-02-01"), phq9("2026-05-01")),
        case("nothing to follow", NO, done("2026-05-01")),
        case("after the day of evaluation", NO, phq9("2026-06-01"), done("2026-07-01")),
    )


def test_not_followed_by(spec: Spec) -> None:
    """`not followed by` keeps those after which there was none."""
    spec(
        screened("not followed by"),
        case("nothing", YES, phq9("2026-01-01")),
        case("earlier only", YES, phq9("2026-05-01"), done("2026-01-01")),
        case("later", NO, phq9("2026-01-01"), done("2026-05-01")),
        case("one of two was not", YES, phq9("2026-01-01"), done("2026-02-01"), phq9("2026-05-01")),
        case("no such event at all", NO),
    )


def test_preceded_by(spec: Spec) -> None:
    """`preceded by` and `not preceded by` look backwards."""
    spec(
        screened("preceded by"),
        case("earlier", YES, done("2026-01-01"), phq9("2026-05-01")),
        case("later only", NO, phq9("2026-01-01"), done("2026-05-01")),
    )
    spec(
        screened("not preceded by"),
        case("nothing", YES, phq9("2026-05-01")),
        case("later only", YES, phq9("2026-01-01"), done("2026-05-01")),
        case("earlier", NO, done("2026-01-01"), phq9("2026-05-01")),
    )


def test_same_day(spec: Spec) -> None:
    """An event of the same day both follows and precedes, whatever the hours; `at least: 1 day` leaves it out."""
    for relation in ("followed by", "preceded by"):
        spec(
            screened(relation),
            case(f"{relation}, the same day", YES, phq9("2026-05-01"), done("2026-05-01")),
            case(f"{relation}, hours earlier", YES, phq9("2026-05-01", hour=15), done("2026-05-01", hour=8)),
            case(f"{relation}, hours later", YES, phq9("2026-05-01", hour=8), done("2026-05-01", hour=15)),
        )
    spec(
        screened("followed by", ", at least: 1 day"),
        case("the same day", NO, phq9("2026-05-01"), done("2026-05-01")),
        case("the next day", YES, phq9("2026-05-01"), done("2026-05-02")),
    )


def test_relation_within(spec: Spec) -> None:
    """`within` is the longest time between the two beginnings, `at least` the shortest; both ends are included."""
    spec(
        screened("followed by", ", at least: 7 days, within: 30 days"),
        case("7 days after", YES, phq9("2026-05-01"), done("2026-05-08")),
        case("6 days after", NO, phq9("2026-05-01"), done("2026-05-07")),
        case("30 days after", YES, phq9("2026-05-01"), done("2026-05-31")),
        case("31 days after", NO, phq9("2026-05-01"), done("2026-06-01")),
    )
    spec(
        screened("preceded by", ", at least: 1 week, within: 1 month"),
        case("a week before", YES, done("2026-03-24"), phq9("2026-03-31")),
        case("6 days before", NO, done("2026-03-25"), phq9("2026-03-31")),
        case("28 February, a month before 31 March", YES, done("2026-02-28"), phq9("2026-03-31")),
        case("27 February", NO, done("2026-02-27"), phq9("2026-03-31")),
    )


def test_the_time_is_not_over(spec: Spec) -> None:
    """`not followed by` does not wait: within a time that is not over yet, it says that nothing has followed so far.
    `until: 14 days ago` keeps the events whose time is over.
    """
    spec(
        screened("not followed by", ", within: 14 days"),
        case("yesterday, nothing so far", YES, phq9("2026-06-29")),
        case("followed on the 14th day", NO, phq9("2026-06-01"), done("2026-06-15")),
        case("followed on the 15th day", YES, phq9("2026-06-01"), done("2026-06-16")),
    )
    spec(
        screened("not followed by", ", within: 14 days").replace("not followed", "until: 14 days ago, not followed"),
        case("13 days ago: there is still time", NO, phq9("2026-06-17")),
        case("14 days ago", YES, phq9("2026-06-16")),
    )


def test_never_itself(spec: Spec) -> None:
    """An event is never in relation with itself, even if it matches both; another one of the same day is another event."""
    spec(
        "facts: {again: {exists: observations, code: PHQ-9 total, followed by: {events: observations, code: PHQ-9 total}}}\nwhen: again",
        case("one alone", NO, phq9("2026-05-01")),
        case("two of one day", YES, phq9("2026-05-01"), phq9("2026-05-01")),
        case("two", YES, phq9("2026-05-01"), phq9("2026-06-01")),
    )
    spec(
        """
        facts:
          n: {count: encounters, not preceded by: {events: encounters, within: 30 days}}
        when: n = 2
        """,
        case(
            "two episodes of visits", YES, *(event("encounters", None, d) for d in ("2026-01-01", "2026-01-20", "2026-02-10", "2026-05-01"))
        ),
        case(
            "visits of one day precede each other", NO, *(event("encounters", None, "2026-01-01") for _ in range(2)), facts={"spec/n": 0.0}
        ),
    )


def test_the_related_event_is_tested(spec: Spec) -> None:
    """The other event is chosen by the same keys as any event: code, status, `where`, answer, category and so on."""
    spec(
        """
        facts:
          late: {exists: conditions, code: diabetes, preceded by: {events: observations, code: HbA1c, unit: "%", where: value >= 6.5}}
        when: late
        """,
        case("6.5 % before the diagnosis", YES, measured(6.5, on="2025-01-01"), diagnosed("2026-01-05")),
        case("6.4 % before it", NO, measured(6.4, on="2025-01-01"), diagnosed("2026-01-05")),
        case("6.5 % after it", NO, measured(6.5, on="2026-02-01"), diagnosed("2026-01-05")),
        case("no value before it", UNKNOWN, measured(None, on="2025-01-01"), diagnosed("2026-01-05")),
        case("cancelled", NO, measured(6.5, on="2025-01-01", status="cancelled"), diagnosed("2026-01-05")),
        case("status not recorded", UNKNOWN, measured(6.5, on="2025-01-01", status=None), diagnosed("2026-01-05")),
    )


def test_relation_not_loaded(spec: Spec) -> None:
    """If the other table was not read, what is found there counts, and nothing found is unknown. What was not understood may be
    the other event, if its day allows.
    """
    spec(
        screened("followed by"),
        case("nothing found", UNKNOWN, phq9("2026-01-01"), not_loaded=("procedures",)),
        case("found all the same", YES, phq9("2026-01-01"), done("2026-05-01"), not_loaded=("procedures",)),
        case("no event to be followed", NO, not_loaded=("procedures",)),
        case("one that was not understood", UNKNOWN, phq9("2026-01-01"), event("procedures", None, "2026-02-01", opaque=True)),
        case("one before, not understood", NO, phq9("2026-01-01"), event("procedures", None, "2025-02-01", opaque=True)),
    )
    spec(
        screened("not followed by"),
        case("nothing found", UNKNOWN, phq9("2026-01-01"), not_loaded=("procedures",)),
        case("found", NO, phq9("2026-01-01"), done("2026-05-01"), not_loaded=("procedures",)),
    )


def test_partial_dates_in_relation(spec: Spec) -> None:
    """With a partial date on either side, what may be so and may not is unknown."""
    spec(
        screened("followed by", ", within: 14 days"),
        case("some day in May, then 31 May", UNKNOWN, phq9("2026-05"), done("2026-05-31")),
        case("some day in May, then 15 June", NO, phq9("2026-05"), done("2026-06-15")),
        case("1 May, then some day in May", UNKNOWN, phq9("2026-05-01"), done("2026-05")),
        case("1 May, then some day in April", NO, phq9("2026-05-01"), done("2026-04")),
        case("1 May, then no date", UNKNOWN, phq9("2026-05-01"), done(None)),
    )
    spec(
        screened("followed by", ", within: 2 months"),
        case("1 May, then some day in June", YES, phq9("2026-05-01"), done("2026-06")),
        case("some day in May, then some day in June", YES, phq9("2026-05"), done("2026-06")),
    )
    spec(
        screened("not followed by"),
        case("1 May, then some day in May", NO, phq9("2026-05-01"), done("2026-05")),
        case("15 May, then some day in May", UNKNOWN, phq9("2026-05-15"), done("2026-05")),
    )


def test_several_relations(spec: Spec) -> None:
    """An event may have one relation of each kind; all must hold."""
    spec(
        """
        facts:
          it:
            exists: observations
            code: PHQ-9 total
            preceded by: {events: conditions, code: diabetes}
            not followed by: {events: procedures, within: 14 days}
        when: it
        """,
        case("both", YES, diagnosed("2026-01-05"), phq9("2026-02-01")),
        case("only the first", NO, diagnosed("2026-01-05"), phq9("2026-02-01"), done("2026-02-10")),
        case("only the second", NO, phq9("2026-02-01")),
        case("the first unknown, the second no", NO, diagnosed("2026"), phq9("2026-02-01"), done("2026-02-10")),
        case("the first unknown", UNKNOWN, diagnosed("2026"), phq9("2026-02-01"), as_of="2026-12-31"),
    )


def test_nested(spec: Spec) -> None:
    """A related event may itself be in relation to others: a screening, followed by a referral that no task followed."""
    spec(
        """
        facts:
          lost:
            exists: observations
            code: PHQ-9 total
            followed by:
              events: referrals
              within: 30 days
              not followed by: {events: tasks, within: 60 days}
        when: lost
        """,
        case("referred, no task", YES, phq9("2026-01-01"), event("referrals", None, "2026-01-10")),
        case("referred, and a task", NO, phq9("2026-01-01"), event("referrals", None, "2026-01-10"), event("tasks", None, "2026-02-01")),
        case("a task too late", YES, phq9("2026-01-01"), event("referrals", None, "2026-01-10"), event("tasks", None, "2026-04-01")),
        case("never referred", NO, phq9("2026-01-01")),
        case("tasks not loaded", UNKNOWN, phq9("2026-01-01"), event("referrals", None, "2026-01-10"), not_loaded=("tasks",)),
        case("referrals not loaded", UNKNOWN, phq9("2026-01-01"), not_loaded=("referrals",)),
    )


def test_relations_and_windows(spec: Spec) -> None:
    """The window bounds the event, not the other one. So do aggregates: the latest of those that stand in the relation."""
    spec(
        screened("followed by").replace("followed", "during: last year, followed"),
        case("last year, followed this year", YES, phq9("2025-12-01"), done("2026-01-10")),
        case("this year", NO, phq9("2026-01-01"), done("2026-01-10")),
    )
    spec(
        """
        facts:
          treated: {latest: observations, code: HbA1c, unit: "%", preceded by: {events: procedures}}
        when: treated < 8 %
        """,
        case("the latest after a procedure", YES, done("2026-01-01"), measured(7, on="2026-02-01"), facts={"spec/treated": 7.0}),
        case("measured only before", UNKNOWN, measured(7, on="2025-02-01"), done("2026-01-01")),
        case(
            "the last value may not be in the relation", UNKNOWN, measured(7, on="2026-02-01"), measured(9, on="2026-03-01"), done("2026")
        ),
    )


def test_relations_in_the_household(spec: Spec) -> None:
    """Related events are always those of the same person; with `of: household` each member's own."""
    spec(
        screened("followed by").replace("code:", "of: household, code:"),
        case("another member, followed", YES, household=((phq9("2026-01-01"), done("2026-02-01")),)),
        case("followed by an event of somebody else", NO, done("2026-02-01"), household=((phq9("2026-01-01"),),)),
    )


def stay(first: str | None, last: str | None = None, status: str | None = "") -> Event:
    """An encounter from one day to another; without an end it is still going on."""
    end = None if last is None else DateRange(*map(date.fromisoformat, last.split(" to "))) if " to " in last else partial(last)
    return event("encounters", None, first, status, end=end)


def test_during_an_event(spec: Spec) -> None:
    """`during` with events keeps what begins in the period of another event, its first and last day included. `not during` keeps the
    rest. An event without an end goes on; relations of this kind have neither `within` nor `at least`.
    """
    spec(
        "facts: {it: {exists: procedures, during: {events: encounters}}}\nwhen: it",
        case("in the stay", YES, done("2026-03-05"), stay("2026-03-01", "2026-03-10")),
        case("on its first day", YES, done("2026-03-01"), stay("2026-03-01", "2026-03-10")),
        case("on its last day", YES, done("2026-03-10"), stay("2026-03-01", "2026-03-10")),
        case("the day after", NO, done("2026-03-11"), stay("2026-03-01", "2026-03-10")),
        case("the day before", NO, done("2026-02-28"), stay("2026-03-01", "2026-03-10")),
        case("the stay goes on", YES, done("2026-06-29"), stay("2026-03-01")),
        case("no stay", NO, done("2026-03-05")),
        case("nobody knows when the stay began", UNKNOWN, done("2026-03-05"), stay(None, "2026-03-10")),
        case("some time in the month in which the stay ended", UNKNOWN, done("2026-03"), stay("2026-03-01", "2026-03-10")),
        case("encounters not loaded", UNKNOWN, done("2026-03-05"), not_loaded=("encounters",)),
    )
    spec(
        "facts: {it: {exists: procedures, not during: {events: encounters}}}\nwhen: it",
        case("in the stay", NO, done("2026-03-05"), stay("2026-03-01", "2026-03-10")),
        case("the day after", YES, done("2026-03-11"), stay("2026-03-01", "2026-03-10")),
        case("one of two", YES, done("2026-03-05"), done("2026-03-11"), stay("2026-03-01", "2026-03-10")),
    )


def test_containing(spec: Spec) -> None:
    """`containing` turns it round: it keeps the events in whose period another one begins."""
    spec(
        "facts: {it: {exists: encounters, containing: {events: procedures}}}\nwhen: it",
        case("one in the stay", YES, stay("2026-03-01", "2026-03-10"), done("2026-03-10")),
        case("one the day after", NO, stay("2026-03-01", "2026-03-10"), done("2026-03-11")),
        case("none", NO, stay("2026-03-01", "2026-03-10")),
        case("one without a date", UNKNOWN, stay("2026-03-01", "2026-03-10"), done(None)),
    )
    spec(
        "facts: {it: {exists: encounters, not containing: {events: procedures}}}\nwhen: it",
        case("one in the stay", NO, stay("2026-03-01", "2026-03-10"), done("2026-03-10")),
        case("none", YES, stay("2026-03-01", "2026-03-10")),
        case("procedures not loaded", UNKNOWN, stay("2026-03-01", "2026-03-10"), not_loaded=("procedures",)),
    )
