"""Strata"""

from support.spec import AT_RISK, Spec, answered, case, diagnosed, event

STRATIFIED = """
facts:
  age: {patient: age}
  food: {latest: observations, question: hunger}
  diabetes: {exists: conditions, code: diabetes}
groups: {diabetes known: {met: diabetes}}
stratify by:
  age group: {children: age < 18, up to 64: age < 65, 65 and over: age >= 65}
  hunger: food
  condition: diabetes
"""


def test_strata(measure: Spec) -> None:
    """`stratify by` divides those who are counted: by the value of a fact that is a word or yes/no, or by conditions, of which the first
    that holds counts. As in a decision table an unknown condition before it leaves the stratum unknown.
    """
    measure(
        STRATIFIED,
        case(
            "a child at risk",
            "met",
            diagnosed(),
            answered(AT_RISK),
            patient={"birth": "2015-01-01"},
            facts={"age group": "children", "hunger": "at risk", "condition": "yes"},
        ),
        case(
            "somebody of 40",
            "not met",
            patient={"birth": "1986-01-01"},
            facts={"age group": "up to 64", "hunger": "unknown", "condition": "no"},
        ),
        case("nobody knows how old", "not met", facts={"age group": "unknown", "hunger": "unknown", "condition": "no"}),
    )


def test_none_of_the_strata(measure: Spec) -> None:
    """Who is in no stratum is counted too, as *none of these*."""
    measure(
        """
        facts:
          age: {patient: age}
          seen: {exists: encounters}
        groups: {seen: {met: seen}}
        stratify by: {age group: {children: age < 18, old people: age >= 65}}
        """,
        case(
            "of 40", "met", event("encounters", None, "2026-05-01"), patient={"birth": "1986-01-01"}, facts={"age group": "none of these"}
        ),
    )
