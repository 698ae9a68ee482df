"""Episodes"""

from support.spec import Spec, case, diagnosed, event, measured

from rules.facts import Coding

AMBULATORY = Coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB")
EMERGENCY = Coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "EMER")
VISITS = """
period: 2025-01-01 to 2025-12-31
each: {events: encounters, during: measurement period}
facts:
  age: {patient: age}
  hba1c: {exists: observations, code: HbA1c, within: 14 days after episode}
population: age >= 18
groups: {taken: {met: hba1c}}
"""
BORN = {"birth": "1970-01-01"}


def visit(on: str | None, status: str | None = "", *tags: Coding, **details: object) -> object:
    return event("encounters", None, on, status, tags=tuple(("class", tag) for tag in tags), **details)


def test_each(measure: Spec) -> None:
    """With `each` a measure counts events, not people: every event of the series is looked at by itself, and has an outcome of its own.
    The fact `episode` is its day, from which windows count. Two events of one day are two episodes.
    """
    measure(
        VISITS,
        case("none", "[]", patient=BORN),
        case("one, within 14 days", "met", visit("2025-03-01"), measured(7, on="2025-03-15"), patient=BORN),
        case("one, after 15", "not met", visit("2025-03-01"), measured(7, on="2025-03-16"), patient=BORN),
        case("the same day counts", "met", visit("2025-03-01"), measured(7, on="2025-03-01"), patient=BORN),
        case("before it does not", "not met", visit("2025-03-01"), measured(7, on="2025-02-28"), patient=BORN),
        case(
            "two, one of them followed",
            "[met; not met]",
            visit("2025-03-01"),
            visit("2025-06-01"),
            measured(7, on="2025-03-10"),
            patient=BORN,
        ),
        case("two on one day", "[met; met]", visit("2025-03-01"), visit("2025-03-01"), measured(7, on="2025-03-10"), patient=BORN),
        case("outside the period", "[]", visit("2026-03-01"), patient=BORN),
        case("a child's", "not eligible", visit("2025-03-01"), patient={"birth": "2015-01-01"}),
    )


def test_possible_episodes(measure: Spec) -> None:
    """What only may be an episode (no status, a date that may lie outside, something that could not be read) is *unknown*, unless it
    would not be eligible in any case. Where a table was not loaded, nothing that counts from its episodes is known, and there may be
    more of them: that counts as one.
    """
    measure(
        VISITS,
        case("without status", "unknown", visit("2025-03-01", None), measured(7, on="2025-03-10"), patient=BORN),
        case("cancelled", "[]", visit("2025-03-01", "cancelled"), patient=BORN),
        case("some day of 2025", "unknown", visit("2025"), measured(7, on="2025-03-10"), patient=BORN),
        case("some day of 2025, never taken", "not met", visit("2025"), patient=BORN),
        case("perhaps in the period", "unknown", visit("2025-12-20 to 2026-01-05"), patient=BORN),
        case("a child's, without status", "not eligible", visit("2025-03-01", None), patient={"birth": "2015-01-01"}),
        case("not understood", "unknown", visit("2025-03-01", opaque=True), patient=BORN),
        case("encounters not loaded", "unknown", patient=BORN, not_loaded=("encounters",)),
        case(
            "some loaded", "[unknown; unknown]", visit("2025-03-01"), measured(7, on="2025-03-10"), patient=BORN, not_loaded=("encounters",)
        ),
    )


def test_this_very_event(measure: Spec) -> None:
    """`episode` is also the code of the event itself, so that facts can ask what it is like and how it stands to others."""
    measure(
        """
        period: 2025-01-01 to 2025-12-31
        each: {events: encounters, during: measurement period}
        facts:
          emergency: {exists: encounters, code: episode, class: {act-code: [EMER]}}
          return: {exists: encounters, code: episode, preceded by: {events: encounters, within: 30 days}}
        groups: {no return: {excluded: emergency, met: {not: return}}}
        """,
        case("the only one", "met", visit("2025-03-01", "", AMBULATORY)),
        case("again after 20 days", "[met; not met]", visit("2025-03-01", "", AMBULATORY), visit("2025-03-21", "", AMBULATORY)),
        case("an emergency", "[excluded; not met]", visit("2025-03-01", "", EMERGENCY), visit("2025-03-21", "", AMBULATORY)),
        case("nobody knows its class", "unknown", visit("2025-03-01")),
    )


def test_episodes_counted_from_a_fact(measure: Spec) -> None:
    """Which events are episodes may depend on other facts. If there is nothing to count from, any of them may be one."""
    measure(
        """
        facts:
          hba1c: {latest: observations, code: HbA1c, unit: "%"}
          diabetes: {exists: conditions, code: diabetes}
        each: {events: encounters, since: hba1c}
        groups: {known: {met: diabetes}}
        """,
        case("one before, one after", "met", diagnosed(), measured(7), visit("2026-05-01"), visit("2026-06-10")),
        case("never measured", "[unknown; unknown]", diagnosed(), visit("2026-05-01"), visit("2026-06-10")),
    )


def test_household_of_an_episode(measure: Spec) -> None:
    """The others at the address are the same for every episode; the episodes of one person are no family."""
    measure(
        """
        each: {events: encounters}
        facts: {around: {count: conditions, code: diabetes, of: household}}
        groups: {more than one: {met: around > 1}}
        """,
        case("one of two", "[not met; not met]", diagnosed(), visit("2026-05-01"), visit("2026-06-10"), household=((),)),
        case("both", "[met; met]", diagnosed(), visit("2026-05-01"), visit("2026-06-10"), household=((diagnosed(),),)),
        case("nobody knows who lives there", "[unknown; unknown]", visit("2026-05-01"), visit("2026-06-10"), household=None),
    )
