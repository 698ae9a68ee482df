"""Computed facts"""

from support.spec import AS_OF, NO, PHQ9, UNKNOWN, YES, Spec, case, event, measured

from rules.facts import Coding, Event
from rules.units import LOINC

A1C_FACT = """
facts:
  h: {latest: observations, code: HbA1c, unit: "%"}
"""
CHANGE = """
facts:
  baseline: {earliest: observations, code: PHQ-9 total, unit: "{score}"}
  phq9: {latest: observations, code: PHQ-9 total, unit: "{score}"}
  change: {value: (phq9 - baseline) / baseline * 100, unit: "%"}
when: change <= -50 %
"""
HEIGHT, WEIGHT = Coding(LOINC, "8302-2"), Coding(LOINC, "29463-7")
BMI = """
facts:
  weight: {latest: observations, code: {loinc: [29463-7]}, unit: kg}
  height: {latest: observations, code: {loinc: [8302-2]}, unit: cm}
  bmi: {value: weight / (height / 100 * height / 100), unit: kg/m2, round: 1}
when: bmi >= 25 kg/m2
"""


def computed(value: str, line: str, more: str = "") -> str:
    return A1C_FACT + f'  it: {{value: "{value}"{more}}}\nwhen: it {line}'


def phq9(value: float | None, on: str) -> Event:
    return measured(value, "{score}", on, code=PHQ9)


def test_precedence(spec: Spec) -> None:
    """A fact with `value` is computed from other number facts: `^` before `*` and `/` before `+` and `-`, equals from left to right,
    parentheses first, `min( , )` and `max( , )` of two.
    """
    for value, result in (
        ("h + 2 * 3", 14.0),
        ("(h + 2) * 3", 30.0),
        ("h - 2 - 1", 5.0),
        ("h / 2 / 2", 2.0),
        ("h / (2 / 2)", 8.0),
        ("0 - h", -8.0),
        ("min(h, 5) + 1", 6.0),
        ("max(h, 5 * 2)", 10.0),
    ):
        spec(computed(value, f"= {result:g}"), case(f"{value} where h is 8", YES, measured(8), facts={"spec/it": result}))


def test_powers(spec: Spec) -> None:
    """A power is always rounded. It is unknown unless its base is above 0. Powers of powers go from left to right, too."""
    spec(computed("h * 2 ^ 2", "= 32", ", round: 0"), case("8 times 4", YES, measured(8), facts={"spec/it": 32.0}))
    spec(computed("2 ^ 3 ^ 2", "= 64", ", round: 0"), case("8 to the power of 2", YES))
    spec(
        computed("h ^ 0.5", "= 2.83", ", round: 2"),
        case("the root of 8", YES, measured(8), facts={"spec/it": 2.83}),
        case("the root of 0", UNKNOWN, measured(0)),
        case("the root of a negative number", UNKNOWN, measured(-4)),
    )


def test_logarithms(spec: Spec) -> None:
    """`log(x, base)` is always rounded. It is unknown unless both are above 0 and the base is not 1."""
    spec(
        computed("log(h, 10)", "= 0.9", ", round: 2"),
        case("of 8", YES, measured(8), facts={"spec/it": 0.9}),
        case("of 0", UNKNOWN, measured(0)),
        case("of a negative number", UNKNOWN, measured(-4)),
    )
    spec(
        computed("log(8, h)", "= 3", ", round: 0"),
        case("to the base 2", YES, measured(2)),
        case("to the base 1", UNKNOWN, measured(1)),
        case("to the base 0", UNKNOWN, measured(0)),
    )


def test_unknown_parts(spec: Spec) -> None:
    """With an unknown part the whole is unknown, even where the part could not matter."""
    spec(computed("h * 0", "= 0"), case("known", YES, measured(8)), case("nothing times an unknown number", UNKNOWN))
    spec(computed("max(h, 100)", ">= 100"), case("known", YES, measured(8)), case("100 or more, but unknown", UNKNOWN))


def test_division_by_nought(spec: Spec) -> None:
    """Division by 0 is unknown, and so is a result too large for a double-precision number."""
    spec(computed("1 / h", "> 0"), case("by 8", YES, measured(8)), case("by 0", UNKNOWN, measured(0), facts={"spec/it": None}))
    spec(computed("h * h", "> 0"), case("in range", YES, measured(8)), case("out of range", UNKNOWN, measured(1e300)))


def test_rounding(spec: Spec) -> None:
    """`round` gives so many decimal places; a half goes up, towards the greater number. Without it nothing is rounded."""
    spec(
        computed("h", ">= 3", ", round: 0"),
        case("2.5", YES, measured(2.5), facts={"spec/it": 3.0}),
        case("2.49", NO, measured(2.49), facts={"spec/it": 2.0}),
        case("-2.5", NO, measured(-2.5), facts={"spec/it": -2.0}),
    )
    spec(computed("h / 8", ">= 0.13", ", round: 2"), case("0.125", YES, measured(1), facts={"spec/it": 0.13}))
    spec(computed("h / 8", ">= 0.13"), case("0.125", NO, measured(1), facts={"spec/it": 0.125}))


def test_binary_numbers(spec: Spec) -> None:
    """Decimals are held as computers hold them: 0.1 + 0.2 is a little more than 0.3, and 1.005 a little less than it looks. Before
    `=` and at a limit, `round`.
    """
    spec(computed("h + 0.2", "= 0.3"), case("not equal", NO, measured(0.1)))
    spec(computed("h + 0.2", "= 0.3", ", round: 1"), case("equal when rounded", YES, measured(0.1), facts={"spec/it": 0.3}))
    spec(computed("h", "= 1.01", ", round: 2"), case("1.005 to two places", NO, measured(1.005), facts={"spec/it": 1.0}))


def test_rounding_out_of_range(spec: Spec) -> None:
    """A number that cannot be rounded because it is too large is unknown."""
    spec(computed("h", "> 0", ", round: 9"), case("1e300 to nine places", UNKNOWN, measured(1e300)))


def test_change_from_baseline(spec: Spec) -> None:
    """Percent change from a baseline is the latest against the earliest."""
    spec(
        CHANGE,
        case("from 20 to 10", YES, phq9(20, "2026-01-01"), phq9(10, "2026-06-01"), facts={"spec/change": -50.0}),
        case("from 20 to 11", NO, phq9(20, "2026-01-01"), phq9(11, "2026-06-01"), facts={"spec/change": -45.0}),
        case("worse", NO, phq9(10, "2026-01-01"), phq9(15, "2026-06-01"), facts={"spec/change": 50.0}),
        case("measured once is its own baseline", NO, phq9(20, "2026-01-01"), facts={"spec/change": 0.0}),
        case("from 0", UNKNOWN, phq9(0, "2026-01-01"), phq9(10, "2026-06-01")),
        case("the latest has no value", UNKNOWN, phq9(20, "2026-01-01"), phq9(None, "2026-06-01")),
        case("never", UNKNOWN),
    )


def test_body_mass_index(spec: Spec) -> None:
    """The parts are converted to their own facts' units first; the result has the unit that is written with it."""
    spec(
        BMI,
        case("81 kg, 180 cm", YES, measured(81, "kg", code=WEIGHT), measured(180, "cm", code=HEIGHT), facts={"spec/bmi": 25.0}),
        case("80 kg, 1.8 m", NO, measured(80, "kg", code=WEIGHT), measured(1.8, "m", code=HEIGHT), facts={"spec/bmi": 24.7}),
        case("180 lb, 70 in", YES, measured(180, "lb", code=WEIGHT), measured(70, "[in_i]", code=HEIGHT), facts={"spec/bmi": 25.8}),
        case("a height without a unit", UNKNOWN, measured(81, "kg", code=WEIGHT), measured(180, None, code=HEIGHT)),
        case("no height", UNKNOWN, measured(81, "kg", code=WEIGHT)),
    )


def test_sum_of_items(spec: Spec) -> None:
    """Item sums, ages, counts and lengths of time can be computed with as well; a computed fact may use another, in any order."""
    spec(
        """
        facts:
          twice: {value: total * 2}
          total: {value: age + visits + gap}
          age: {patient: age}
          visits: {count: encounters}
          gap: {time since latest: encounters, in: days}
        when: twice = 106
        """,
        case("50 years + 1 visit + 2 days", YES, event("encounters", None, "2026-06-28"), patient={"birth": "1976-06-30"}, as_of=AS_OF),
        case("no visit: the gap is unknown", UNKNOWN, patient={"birth": "1976-06-30"}),
    )
