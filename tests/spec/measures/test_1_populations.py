"""Populations and rates

A measure is a file in `measures/` of a pack. It says who counts and who has what is wanted; everybody is counted once, in one of six
outcomes: *not eligible*, *excluded*, *met*, *excepted*, *not met* or *unknown*. The rate is met of met and not met. *Unknown* is counted
apart, and the rate is told with what it would be if every unknown had turned out not met, or met.

| here | in FHIR's `Measure` and HL7's Quality Measure guide |
|---|---|
| `population` | initial-population |
| `population` and `eligible` | denominator |
| `excluded` | denominator-exclusion |
| `met` | numerator |
| `excepted` | denominator-exception |
| `each` | populationBasis of an encounter, procedure … instead of a boolean |
"""

from support.spec import Spec, case, diagnosed, event, measured

ADULTS = """
facts:
  age: {patient: age}
  diabetes: {exists: conditions, code: diabetes}
  in hospital: {exists: encounters, status: [in-progress]}
  hba1c: {exists: observations, code: HbA1c, within: 1 year}
  refused: {exists: procedures, status: not-done}
population: age >= 18
groups:
  HbA1c taken:
    eligible: diabetes
    excluded: in hospital
    met: hba1c
    excepted: refused
"""
BORN = {"birth": "1970-01-01"}
STAY = event("encounters", None, "2026-06-20", "in-progress")
REFUSED = event("procedures", None, "2026-06-20", "not-done")


def test_outcomes(measure: Spec) -> None:
    """The questions are asked in one order: who belongs to the population and is eligible, who is excluded, who has what is wanted, and,
    only of those who lack it, who is excepted.
    """
    measure(
        ADULTS,
        case("a child", "not eligible", diagnosed(), measured(7), patient={"birth": "2015-01-01"}),
        case("without diabetes", "not eligible", measured(7), patient=BORN),
        case("taken", "met", diagnosed(), measured(7), patient=BORN),
        case("not taken", "not met", diagnosed(), patient=BORN),
        case("excluded although taken", "excluded", diagnosed(), measured(7), STAY, patient=BORN),
        case("not taken, for a reason", "excepted", diagnosed(), REFUSED, patient=BORN),
        case("taken although there was a reason", "met", diagnosed(), measured(7), REFUSED, patient=BORN),
    )


def test_unknown(measure: Spec) -> None:
    """A question whose answer is unknown makes the outcome unknown, unless an earlier question has settled it."""
    measure(
        ADULTS,
        case("nobody knows how old", "unknown", diagnosed(), measured(7)),
        case("a child in any case", "not eligible", patient={"birth": "2015-01-01"}, not_loaded=("conditions",)),
        case("nobody knows about stays", "unknown", diagnosed(), measured(7), patient=BORN, not_loaded=("encounters",)),
        case("nobody knows whether taken", "unknown", diagnosed(), patient=BORN, not_loaded=("observations",)),
        case("excluded, taken or not", "excluded", diagnosed(), STAY, patient=BORN, not_loaded=("observations",)),
        case("not taken, nobody knows why", "unknown", diagnosed(), patient=BORN, not_loaded=("procedures",)),
        case("taken, so nobody asks why not", "met", diagnosed(), measured(7), patient=BORN, not_loaded=("procedures",)),
    )


def test_left_out(measure: Spec) -> None:
    """Only `met` must be written. Without `eligible` the whole population counts; without `population` everybody does. The population
    of the pack is needed too.
    """
    measure(
        "groups: {diabetes known: {met: diabetes}}",
        case("met", "met", diagnosed()),
        case("not met", "not met"),
        case("outside the pack's population", "not eligible", diagnosed(), patient={"deceased": True}),
        pack="""
        facts:
          deceased: {patient: deceased}
          diabetes: {exists: conditions, code: diabetes}
        population: {not: deceased}
        """,
    )


def test_groups(measure: Spec) -> None:
    """A measure may have several rates. Each has populations of its own; the measure's population is common to them."""
    measure(
        """
        facts:
          age: {patient: age}
          diabetes: {exists: conditions, code: diabetes}
          hba1c: {latest: observations, code: HbA1c, unit: "%"}
          taken: {exists: observations, code: HbA1c}
        population: age >= 18
        groups:
          taken: {eligible: diabetes, met: taken}
          controlled: {eligible: {all: [diabetes, taken]}, met: hba1c < 8 %}
        """,
        case("taken and low", "taken: met, controlled: met", diagnosed(), measured(7), patient=BORN),
        case("taken and high", "taken: met, controlled: not met", diagnosed(), measured(9), patient=BORN),
        case("not taken", "taken: not met, controlled: not eligible", diagnosed(), patient=BORN),
        case("taken, without a number", "taken: met, controlled: unknown", diagnosed(), measured(None), patient=BORN),
    )
