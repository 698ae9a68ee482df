"""Tests of the events themselves"""

from support.spec import (
    AT_RISK,
    DECLINED,
    DIABETES,
    NO,
    NO_RISK,
    STRANGE,
    UNKNOWN,
    YES,
    Spec,
    answered,
    case,
    diagnosed,
    event,
    measured,
)

from rules.facts import Coding, Event
from rules.units import LOINC

SYSTOLIC = Coding(LOINC, "8480-6")
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SURVEY, VITAL = Coding(CATEGORY, "survey"), Coding(CATEGORY, "vital-signs")
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
INTENT = "http://hl7.org/fhir/request-intent"
ONCOLOGIST, NURSE = (Coding("http://snomed.info/sct", code) for code in ("310512001", "26369006"))
ATTENDER = Coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "ATND")

HIGH = """
facts:
  high: {exists: observations, code: {loinc: [8480-6]}, unit: "mm[Hg]", where: "value >= 140 mm[Hg]"}
when: high
"""
LATEST_HIGH = """
facts:
  last: {latest: observations, code: HbA1c, unit: "%", where: value > 9}
when: last > 10 %
"""


def pressure(value: float | None, unit: str | None = "mm[Hg]", on: str = "2026-06-01") -> Event:
    return measured(value, unit, on, code=SYSTOLIC)


def performed_by(*kinds: Coding) -> Event:
    return event("procedures", None, "2026-05-01", tags=tuple(("performer", kind) for kind in kinds))


def test_where(spec: Spec) -> None:
    """`where` tests the event's own number: only events that pass count. The number is in the fact's unit, which must be written."""
    spec(
        HIGH,
        case("the limit belongs to >=", YES, pressure(140)),
        case("below", NO, pressure(139.9)),
        case("one of two", YES, pressure(120), pressure(150)),
        case("another spelling of the unit", YES, pressure(140, "mmHg")),
    )
    spec(
        'facts: {n: {count: observations, code: HbA1c, unit: "%", where: [value >= 7, value < 9]}}\nwhen: n >= 2',
        case("both tests must pass", YES, measured(7), measured(8.9), measured(9), measured(6.9), facts={"spec/n": 2.0}),
        case("86 mmol/mol is 10.0 %, 48 is 6.5 %, 53 is 7.0 %", NO, *(measured(v, "mmol/mol") for v in (86, 48, 53))),
    )


def test_where_unknown(spec: Spec) -> None:
    """An event without a usable number possibly passes."""
    spec(
        HIGH,
        case("no value", UNKNOWN, pressure(None)),
        case("an alien unit", UNKNOWN, pressure(19, "kPa")),
        case("no unit", UNKNOWN, pressure(150, None)),
        case("no value, but another passes", YES, pressure(None), pressure(150)),
    )


def test_where_comes_first(spec: Spec) -> None:
    """The tests choose the events, then one is taken: the latest of those that pass, not the latest if it passes."""
    spec(
        LATEST_HIGH,
        case("the latest of those above 9", YES, measured(11, on="2026-01-01"), measured(7), facts={"spec/last": 11.0}),
        case("none passes", UNKNOWN, measured(7)),
        case("a later one might pass", UNKNOWN, measured(11, on="2026-01-01"), measured(12, "mg/dL")),
    )


def test_answer(spec: Spec) -> None:
    """`answer` keeps the events whose answer means one of the words. An answer that means no word, or none at all, possibly does."""
    spec(
        "facts: {ever: {exists: observations, question: hunger, answer: at risk}}\nwhen: ever",
        case("at risk once, later not", YES, answered(AT_RISK, on="2020-01-01"), answered(NO_RISK)),
        case("never at risk", NO, answered(NO_RISK), answered(DECLINED)),
        case("a strange answer", UNKNOWN, answered(STRANGE)),
        case("no answer", UNKNOWN, answered()),
        case("never asked", NO),
    )
    spec(
        "facts: {n: {count: observations, question: hunger, answer: [no risk, declined]}}\nwhen: n >= 2",
        case("either word", YES, answered(NO_RISK), answered(DECLINED), answered(AT_RISK), facts={"spec/n": 2.0}),
        case("both answers in one event mean the first word", NO, answered(NO_RISK, DECLINED), facts={"spec/n": 1.0}),
        case("an event that also says at risk means at risk", NO, answered(AT_RISK, NO_RISK), facts={"spec/n": 0.0}),
    )


def test_category(spec: Spec) -> None:
    """`category` keeps the events with a category in the value set. An event with other categories does not count; one without any
    possibly does.
    """
    spec(
        f'facts: {{surveyed: {{exists: observations, category: {{"{CATEGORY}": [survey]}}}}}}\nwhen: surveyed',
        case("a survey", YES, measured(5, tags=(("category", SURVEY),))),
        case("vital signs", NO, measured(5, tags=(("category", VITAL),))),
        case("one of two categories", YES, measured(5, tags=(("category", VITAL), ("category", SURVEY)))),
        case("no category", UNKNOWN, measured(5)),
        case("the right code, but as a reason", UNKNOWN, measured(5, tags=(("reason", SURVEY),))),
    )


def test_class_and_intent(spec: Spec) -> None:
    """`class` asks for the class of an encounter, `intent` for the intent of a request, in the same way."""
    spec(
        "facts: {admitted: {exists: encounters, class: {act-code: [IMP, EMER]}}}\nwhen: admitted",
        case("inpatient", YES, event("encounters", None, "2026-05-01", tags=(("class", Coding(ACT, "IMP")),))),
        case("ambulatory", NO, event("encounters", None, "2026-05-01", tags=(("class", Coding(ACT, "AMB")),))),
        case("no class", UNKNOWN, event("encounters", None, "2026-05-01")),
    )
    spec(
        f'facts: {{ordered: {{exists: referrals, intent: {{"{INTENT}": [order]}}}}}}\nwhen: ordered',
        case("an order", YES, event("referrals", None, "2026-05-01", tags=(("intent", Coding(INTENT, "order")),))),
        case("a proposal", NO, event("referrals", None, "2026-05-01", tags=(("intent", Coding(INTENT, "proposal")),))),
        case("no intent", UNKNOWN, event("referrals", None, "2026-05-01")),
    )


def test_verification(spec: Spec) -> None:
    """`verification` asks for the verification status of a condition or an allergy: unconfirmed, provisional, differential, confirmed."""
    confirmed, provisional = (("verification", Coding(VERIFICATION, code)) for code in ("confirmed", "provisional"))
    spec(
        "facts: {ill: {exists: conditions, code: diabetes, verification: {condition-ver-status: [confirmed]}}}\nwhen: ill",
        case("confirmed", YES, diagnosed(tags=(confirmed,))),
        case("provisional", NO, diagnosed(tags=(provisional,))),
        case("not said", UNKNOWN, diagnosed()),
        case("one of two is confirmed", YES, diagnosed(tags=(confirmed,)), diagnosed(tags=(provisional,))),
    )


def test_performer(spec: Spec) -> None:
    """`performer` keeps the events whose performer is of a kind: the function of who performs a procedure, gives a vaccine or dispenses a
    medication, the type of a participant of an encounter or an appointment, and the type of performer that a request asks for. Where it
    is not said of each of them, or the resource has no place to say it (as an observation), it is unknown.
    """
    spec(
        'facts: {seen: {exists: procedures, performer: {snomed: ["310512001"]}}}\nwhen: seen',
        case("a medical oncologist", YES, performed_by(ONCOLOGIST)),
        case("one of two", YES, performed_by(NURSE, ONCOLOGIST)),
        case("a nurse", NO, performed_by(NURSE)),
        case("nobody says who", UNKNOWN, performed_by()),
        case("nobody says who, and an oncologist", YES, performed_by(), performed_by(ONCOLOGIST)),
    )
    spec(
        """
        facts: {attended: {exists: encounters, performer: {"http://terminology.hl7.org/CodeSystem/v3-ParticipationType": [ATND]}}}
        when: attended
        """,
        case("somebody who attends", YES, event("encounters", None, "2026-05-01", tags=(("performer", ATTENDER),))),
        case("not said", UNKNOWN, event("encounters", None, "2026-05-01")),
    )


def test_not_done_for_a_reason(spec: Spec) -> None:
    """`reason` with the status of what was not done asks for a negation with its reason."""
    spec(
        "facts: {spared: {exists: procedures, status: not-done, reason: diabetes}}\nwhen: spared",
        case("not done, for that reason", YES, event("procedures", None, "2026-05-01", "not-done", tags=(("reason", DIABETES),))),
        case("not done, for another", NO, event("procedures", None, "2026-05-01", "not-done", tags=(("reason", SYSTOLIC),))),
        case("not done, no reason given", UNKNOWN, event("procedures", None, "2026-05-01", "not-done")),
        case("done", NO, event("procedures", None, "2026-05-01", tags=(("reason", DIABETES),))),
        case("only planned or unknown", UNKNOWN, event("procedures", None, "2026-05-01", None, tags=(("reason", DIABETES),))),
    )


def test_all_tests_must_pass(spec: Spec) -> None:
    """Every test must pass. A test that surely fails decides, whatever is unknown about the others."""
    spec(
        f'facts: {{it: {{exists: conditions, code: diabetes, category: {{"{CATEGORY}": [survey]}}, reason: diabetes}}}}\nwhen: it',
        case("both", YES, diagnosed(tags=(("category", SURVEY), ("reason", DIABETES)))),
        case("no reason", UNKNOWN, diagnosed(tags=(("category", SURVEY),))),
        case("no reason, wrong category", NO, diagnosed(tags=(("category", VITAL),))),
        case("no reason, resolved", NO, diagnosed(status="resolved", tags=(("category", SURVEY),))),
    )
