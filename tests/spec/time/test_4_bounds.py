"""Windows between two days"""

from support.spec import HUNGER, NO, UNKNOWN, YES, Spec, case, event, measured

from rules.facts import Event

ANCHOR = """
facts:
  hba1c: {latest: observations, code: HbA1c, unit: "%"}
  seen: {exists: procedures, WINDOW}
when: seen
"""


def anchored(window: str) -> str:
    return ANCHOR.replace("WINDOW", window)


def seen(window: str) -> str:
    return f"facts: {{seen: {{exists: procedures, {window}}}}}\nwhen: seen"


def done(day: str | None) -> Event:
    return event("procedures", None, day)


def a1c(day: str) -> Event:
    return measured(7, on=day)


def test_within_after(spec: Spec) -> None:
    """`within: 14 days after X` counts from the day of a dated fact, both ends included: that day itself and the 14th day after it."""
    spec(
        anchored("within: 14 days after hba1c"),
        case("the same day", YES, a1c("2026-05-01"), done("2026-05-01")),
        case("14 days after", YES, a1c("2026-05-01"), done("2026-05-15")),
        case("15 days after", NO, a1c("2026-05-01"), done("2026-05-16")),
        case("the day before", NO, a1c("2026-05-01"), done("2026-04-30")),
    )


def test_within_before(spec: Spec) -> None:
    """`within: 1 month before X` looks back from that day, which is included; months clip as everywhere."""
    spec(
        anchored("within: 1 month before hba1c"),
        case("the same day", YES, a1c("2026-03-31"), done("2026-03-31")),
        case("28 February, a month before 31 March", YES, a1c("2026-03-31"), done("2026-02-28")),
        case("27 February", NO, a1c("2026-03-31"), done("2026-02-27")),
        case("the day after", NO, a1c("2026-03-31"), done("2026-04-01")),
    )


def test_within_of(spec: Spec) -> None:
    """`within: 7 days of X` looks both ways."""
    spec(
        anchored("within: 7 days of hba1c"),
        case("7 days before", YES, a1c("2026-05-10"), done("2026-05-03")),
        case("8 days before", NO, a1c("2026-05-10"), done("2026-05-02")),
        case("7 days after", YES, a1c("2026-05-10"), done("2026-05-17")),
        case("8 days after", NO, a1c("2026-05-10"), done("2026-05-18")),
    )


def test_since_and_after(spec: Spec) -> None:
    """`since` includes the day, `after` starts on the next. Either takes a dated fact or a date."""
    spec(anchored("since: hba1c"), case("the same day", YES, a1c("2026-05-01"), done("2026-05-01")))
    spec(
        anchored("after: hba1c"),
        case("the same day", NO, a1c("2026-05-01"), done("2026-05-01")),
        case("the next day", YES, a1c("2026-05-01"), done("2026-05-02")),
    )
    spec(seen("since: 2026-05-01"), case("that day", YES, done("2026-05-01")), case("the day before", NO, done("2026-04-30")))
    spec(seen("after: 2026-05-01"), case("that day", NO, done("2026-05-01")), case("the next day", YES, done("2026-05-02")))


def test_until_and_before(spec: Spec) -> None:
    """`until` includes the day, `before` ends on the day before it."""
    spec(
        anchored("until: hba1c"),
        case("the same day", YES, a1c("2026-05-01"), done("2026-05-01")),
        case("the next day", NO, a1c("2026-05-01"), done("2026-05-02")),
    )
    spec(
        anchored("before: hba1c"),
        case("the same day", NO, a1c("2026-05-01"), done("2026-05-01")),
        case("the day before", YES, a1c("2026-05-01"), done("2026-04-30")),
    )
    spec(seen("until: 2026-05-01"), case("that day", YES, done("2026-05-01")), case("the next day", NO, done("2026-05-02")))
    spec(seen("before: 2026-05-01"), case("that day", NO, done("2026-05-01")), case("the day before", YES, done("2026-04-30")))


def test_ago(spec: Spec) -> None:
    """`since: 3 months ago` is the same as `within: 3 months`; `until: 3 months ago` is what was at least so long ago."""
    spec(seen("since: 3 months ago"), case("that day", YES, done("2026-03-30")), case("the day before", NO, done("2026-03-29")))
    spec(
        seen("until: 3 months ago"),
        case("that day", YES, done("2026-03-30")),
        case("the next day", NO, done("2026-03-31")),
        case("long ago", YES, done("2001-01-01")),
    )


def test_during_a_year(spec: Spec) -> None:
    """`during: this year` and `last year` are the calendar years of the day of evaluation, and before it."""
    spec(
        seen("during: this year"),
        case("1 January", YES, done("2026-01-01")),
        case("31 December of the year before", NO, done("2025-12-31")),
        case("later this year, which does not exist yet", NO, done("2026-07-01")),
    )
    spec(
        seen("during: last year"),
        case("1 January", YES, done("2025-01-01")),
        case("31 December", YES, done("2025-12-31")),
        case("this year", NO, done("2026-01-01")),
        case("two years ago", NO, done("2024-12-31")),
        case("seen on New Year's Day, yesterday was last year", YES, done("2025-12-31"), as_of="2026-01-01"),
        case("some day of last year", YES, done("2025")),
    )


def test_during_a_period(spec: Spec) -> None:
    """A fixed period includes both its days. What lies after the day of evaluation is not there yet."""
    spec(
        seen("during: 2026-04-01 to 2026-12-31"),
        case("the first day", YES, done("2026-04-01")),
        case("the day before", NO, done("2026-03-31")),
        case("the last day", YES, done("2026-12-31"), as_of="2027-06-30"),
        case("the day after", NO, done("2027-01-01"), as_of="2027-06-30"),
        case("the last day, seen before it", NO, done("2026-12-31")),
    )


def test_several_bounds(spec: Spec) -> None:
    """An event must satisfy every bound; several of one kind are written as a list."""
    spec(
        anchored("after: hba1c, until: 1 month ago, during: this year"),
        case("all three", YES, a1c("2026-05-01"), done("2026-05-30")),
        case("too late", NO, a1c("2026-05-01"), done("2026-05-31")),
        case("too early", NO, a1c("2026-05-01"), done("2026-05-01")),
        case("last year", NO, a1c("2025-05-01"), done("2025-12-31")),
    )
    spec(
        seen("since: [2026-02-01, 2026-03-01]"),
        case("after both", YES, done("2026-03-01")),
        case("after one", NO, done("2026-02-01")),
    )


def test_other_days_to_count_from(spec: Spec) -> None:
    """A window counts from what is latest, earliest, highest or lowest. Among equal values it is the day of the latest of them."""
    spec(
        anchored("after: hba1c").replace("latest", "earliest"),
        case("after the first", YES, a1c("2026-01-01"), done("2026-02-01"), a1c("2026-03-01")),
        case("before the first", NO, done("2025-12-31"), a1c("2026-01-01")),
    )
    spec(
        anchored("after: hba1c").replace("latest", "highest"),
        case("after the highest", YES, measured(10, on="2026-01-01"), done("2026-02-01"), measured(7, on="2026-03-01")),
        case("before the later of two highest", NO, measured(10, on="2026-01-01"), done("2026-02-01"), measured(10, on="2026-03-01")),
        case("no highest, since a value is not usable", UNKNOWN, measured(10, on="2026-01-01"), measured(None), done("2026-02-01")),
    )


def test_counting_from_birth(spec: Spec) -> None:
    """The patient's `birth` is a day to count from, too."""
    spec(
        """
        facts:
          birth: {patient: birth}
          early: {exists: procedures, within: 2 years after birth}
        when: early
        """,
        case("on the day of birth", YES, done("2020-03-15"), patient={"birth": "2020-03-15"}),
        case("on the second birthday", YES, done("2022-03-15"), patient={"birth": "2020-03-15"}),
        case("the day after it", NO, done("2022-03-16"), patient={"birth": "2020-03-15"}),
        case("born in March, on the first possible second birthday", YES, done("2022-03-01"), patient={"birth": "2020-03"}),
        case("born in March, the day after", UNKNOWN, done("2022-03-02"), patient={"birth": "2020-03"}),
        case("born in March, after the last possible one", NO, done("2022-04-01"), patient={"birth": "2020-03"}),
        case("no date of birth", UNKNOWN, done("2022-03-15")),
    )


def test_no_day_to_count_from(spec: Spec) -> None:
    """Without a day to count from the fact is unknown, whichever bound needs it, even a count."""
    for window in ("within: 14 days after hba1c", "within: 14 days before hba1c", "until: hba1c", "before: hba1c", "after: hba1c"):
        spec(anchored(window), case(f"never measured, {window}", UNKNOWN, done("2026-05-02")))
    spec(anchored("after: hba1c").replace("exists", "count").replace("when: seen", "when: seen < 1"), case("never measured", UNKNOWN))


def test_partial_day_to_count_from(spec: Spec) -> None:
    """A partial day to count from gives a window with uncertain ends: what may lie on either side is unknown."""
    spec(
        anchored("within: 14 days after hba1c"),
        case("after the last possible day", NO, a1c("2026-05"), done("2026-06-15")),
        case("within, if it was late in May", UNKNOWN, a1c("2026-05"), done("2026-06-14")),
        case("within, if it was early in May", UNKNOWN, a1c("2026-05"), done("2026-05-10")),
        case("before May", NO, a1c("2026-05"), done("2026-04-30")),
    )
    spec(
        anchored("within: 3 months after hba1c"),
        case("surely within", YES, a1c("2026-01"), done("2026-02-15")),
        case("on the last day that is certain", YES, a1c("2026-01"), done("2026-04-01")),
        case("a day later", UNKNOWN, a1c("2026-01"), done("2026-04-02")),
    )
    spec(
        anchored("before: hba1c"),
        case("before May", YES, a1c("2026-05"), done("2026-04-30")),
        case("in May", UNKNOWN, a1c("2026-05"), done("2026-05-15")),
        case("on its last day", NO, a1c("2026-05"), done("2026-05-31")),
    )


def test_latest_before(spec: Spec) -> None:
    """Every aggregate can be bounded: the last value before an event, the first after it."""
    spec(
        """
        facts:
          procedure: {latest: procedures, question: hunger}
          before it: {latest: observations, code: HbA1c, unit: "%", before: procedure}
          after it: {earliest: observations, code: HbA1c, unit: "%", after: procedure}
          fall: {value: before it - after it, round: 1}
        when: fall >= 1
        """,
        case(
            "10 and 9 before, 8 and 7 after",
            YES,
            measured(10, on="2026-01-01"),
            measured(9, on="2026-02-01"),
            event("procedures", HUNGER, "2026-03-01"),
            measured(8, on="2026-04-01"),
            measured(7, on="2026-05-01"),
            facts={"spec/before it": 9.0, "spec/after it": 8.0, "spec/fall": 1.0},
        ),
        case("only before", UNKNOWN, measured(9, on="2026-02-01"), event("procedures", HUNGER, "2026-03-01")),
    )


def test_so_long_after_another_day(spec: Spec) -> None:
    """`since`, `after`, `until` and `before` may also stand with a length: `since: 15 years after birth`, `before: 66 years after birth`.
    The day itself counts with `since` and `until`, as always, and does not with `after` and `before`.
    """
    spec(
        """
        facts:
          birth: {patient: birth}
          seen: {exists: procedures, since: 15 years after birth, before: 66 years after birth}
        when: seen
        """,
        case("the 15th birthday", YES, done("1995-06-15"), patient={"birth": "1980-06-15"}),
        case("the day before it", NO, done("1995-06-14"), patient={"birth": "1980-06-15"}),
        case("the day before the 66th birthday", YES, done("2026-06-14"), patient={"birth": "1960-06-15"}),
        case("the 66th birthday", NO, done("2026-06-15"), patient={"birth": "1960-06-15"}),
        case("born in some month of 1980", UNKNOWN, done("1995-06-15"), patient={"birth": "1980"}),
        case("nobody knows the birthday", UNKNOWN, done("1995-06-15")),
    )
    spec(
        anchored("after: 1 month after hba1c, until: 2 months after hba1c"),
        case("a month after 31 January", NO, a1c("2026-01-31"), done("2026-02-28")),
        case("the day after that", YES, a1c("2026-01-31"), done("2026-03-01")),
        case("two months after", YES, a1c("2026-01-31"), done("2026-03-31")),
        case("a day more", NO, a1c("2026-01-31"), done("2026-04-01")),
    )


def test_so_long_after_an_end_of_a_year(spec: Spec) -> None:
    """`start of` and `end of` `this year` and `last year` are days to count from like others, with and without a length."""
    spec(
        seen("after: end of last year"),
        case("New Year's Day", YES, done("2026-01-01")),
        case("New Year's Eve", NO, done("2025-12-31")),
        case("on New Year's Day itself", YES, done("2026-01-01"), as_of="2026-01-01"),
    )
    spec(
        seen("since: 30 days after start of last year, before: 3 months before end of last year"),
        case("30 days after 1 January", YES, done("2025-01-31")),
        case("the day before", NO, done("2025-01-30")),
        case("the day before 30 September, which is 3 months before 31 December", YES, done("2025-09-29")),
        case("30 September", NO, done("2025-09-30")),
        case("asked a year earlier", YES, done("2024-09-29"), as_of="2025-06-30"),
        case("some day of last year", UNKNOWN, done("2025")),
    )
    spec(
        """
        facts: {age: {patient: age, on: 31 days after start of last year}}
        when: age >= 18
        """,
        case("18 on 1 February", YES, patient={"birth": "2007-02-01"}),
        case("a day later", NO, patient={"birth": "2007-02-02"}),
    )


def test_only_a_day(spec: Spec) -> None:
    """`latest` and `earliest` need neither a unit nor a question if nothing is asked of them but their day."""
    spec(
        """
        facts:
          first visit: {earliest: encounters}
          seen: {exists: procedures, within: 1 week after first visit}
        when: seen
        """,
        case("a week after the first", YES, event("encounters", None, "2026-05-01"), done("2026-05-08")),
        case(
            "a week after the second",
            NO,
            event("encounters", None, "2026-05-01"),
            event("encounters", None, "2026-05-15"),
            done("2026-05-22"),
        ),
        case("no visit to count from", UNKNOWN, done("2026-05-08")),
    )
