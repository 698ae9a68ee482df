"""Strata"""

from datetime import date

from support.spec import AT_RISK, Spec, answered, case, diagnosed, event

from rules.facts import Coding, DateRange, Event

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


SOPT, ACT_CODE = "https://nahdo.org/sopt", "http://terminology.hl7.org/CodeSystem/v3-ActCode"
BY_PAYER = """
valuesets:
  preferred provider: {"https://nahdo.org/sopt": ["3712"], act-code: [PPO]}
  extended healthcare: {act-code: [EHCPOL]}
facts:
  diabetes: {exists: conditions, code: diabetes}
  has PPO: {exists: coverages, code: preferred provider, during: last year, timing: overlaps}
  has extended healthcare: {exists: coverages, code: extended healthcare, during: last year, timing: overlaps}
  has cover: {exists: coverages, during: last year, timing: overlaps}
  payer:
    table:
      - {when: has PPO, value: preferred provider organization}
      - {when: has extended healthcare, value: extended healthcare}
      - {when: has cover, value: another}
      - {otherwise: no payer on record}
groups: {diabetes known: {met: diabetes}}
stratify by: {payer: payer}
"""


def insured(code: str | None, system: str = SOPT, on: str | None = "2020-01-01", until: str | None = None) -> Event:
    end = DateRange(date.fromisoformat(until), date.fromisoformat(until)) if until else None
    return event("coverages", Coding(system, code) if code else None, on, end=end)


def test_by_payer(measure: Spec) -> None:
    """The payer's kind is the type of the coverage, its code: `payer: {table: …}` over `exists: coverages` facts gives each kind a word,
    by which a measure can be stratified. The first line that holds counts for those who have several.
    """
    both = (insured("EHCPOL", ACT_CODE), insured("3712"))
    measure(
        BY_PAYER,
        case("by the payment typology", "not met", insured("3712"), facts={"payer": "preferred provider organization"}),
        case("by HL7's code", "not met", insured("PPO", ACT_CODE), facts={"payer": "preferred provider organization"}),
        case("two payers", "met", diagnosed(), *both, facts={"payer": "preferred provider organization"}),
        case(
            "another kind", "not met", insured("pay", "http://terminology.hl7.org/CodeSystem/coverage-selfpay"), facts={"payer": "another"}
        ),
        case("over before last year", "not met", insured("3712", until="2024-12-31"), facts={"payer": "no payer on record"}),
        case("nobody knows since when", "not met", insured("3712", on=None), facts={"payer": "unknown"}),
        case("not loaded", "not met", not_loaded=("coverages",), facts={"payer": "unknown"}),
    )
