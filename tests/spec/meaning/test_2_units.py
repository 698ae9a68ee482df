"""Units"""

import math

from support.spec import NO, PHQ9, UNKNOWN, YES, Spec, case, measured

A1C_FACT = """
facts:
  hba1c: {latest: observations, code: HbA1c, unit: "%"}
when: hba1c > 9 %
"""


def test_conversion(spec: Spec) -> None:
    """A value in another unit is converted by a table that belongs to the analyte: HbA1c 48 mmol/mol is 6.5 %, not 4.8 %."""
    spec(
        A1C_FACT,
        case("86 mmol/mol is 10.0 %", YES, measured(86, "mmol/mol"), facts={"spec/hba1c": 86 * 0.09148 + 2.152}),
        case("48 mmol/mol is 6.5 %", NO, measured(48, "mmol/mol"), facts={"spec/hba1c": 48 * 0.09148 + 2.152}),
    )
    assert math.isclose(48 * 0.09148 + 2.152, 6.5, abs_tol=0.05)


def test_spellings(spec: Spec) -> None:
    """Common spellings of a UCUM unit are the same unit. Annotations in braces are not dropped."""
    spec(
        A1C_FACT,
        case("percent", YES, measured(9.6, "percent")),
        case("with blanks", YES, measured(9.6, " % ")),
        case("annotated", UNKNOWN, measured(9.6, "%{total}")),
    )


def test_alien_units(spec: Spec) -> None:
    """A unit that the table does not know makes the value unknown, never a wrong number."""
    spec(A1C_FACT, case("mg/dL", UNKNOWN, measured(12, "mg/dL"), facts={"spec/hba1c": None}), case("no unit", UNKNOWN, measured(12, None)))


def test_analyte(spec: Spec) -> None:
    """A conversion of one analyte applies only to a fact all of whose codes belong to that analyte."""
    spec(
        'facts: {mixed: {latest: observations, code: {loinc: [4548-4, 44261-6]}, unit: "%"}}\nwhen: mixed > 9 %',
        case("in the fact's own unit", YES, measured(9.6)),
        case("in a unit that only one of the codes could convert", UNKNOWN, measured(86, "mmol/mol")),
    )


def test_scores(spec: Spec) -> None:
    """A score is counted in `{score}`; the units `1` and no unit at all mean the same."""
    spec(
        'facts: {phq9: {latest: observations, code: PHQ-9 total, unit: "{score}"}}\nwhen: phq9 >= 10',
        case("{score}", YES, measured(10, "{score}", code=PHQ9)),
        case("no unit", YES, measured(10, None, code=PHQ9)),
        case("1", NO, measured(9, "1", code=PHQ9)),
        case("%", UNKNOWN, measured(10, "%", code=PHQ9)),
    )
