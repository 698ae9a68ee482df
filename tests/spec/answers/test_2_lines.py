"""Lines of a condition"""

from support.spec import AT_RISK, DECLINED, NO, NO_RISK, UNKNOWN, YES, Spec, answered, case, diagnosed, measured

from rules.facts import Coding
from rules.units import LOINC

A1C_FACT = """
facts:
  hba1c: {latest: observations, code: HbA1c, unit: "%"}
"""
HELP = Coding(LOINC, "88123-5")
HUNGER_FACT = """
facts:
  food: {latest: observations, question: hunger}
"""


def test_yes_no_facts_stand_alone(spec: Spec) -> None:
    """A yes/no fact is a condition by itself."""
    spec(
        "facts: {diabetes: {exists: conditions, code: diabetes}}\nwhen: diabetes",
        case("on record", YES, diagnosed()),
        case("not on record", NO),
    )


def test_comparisons(spec: Spec) -> None:
    """A number is compared with `>`, `>=`, `<`, `<=`, `=` or `!=`. The limit itself belongs to `>=` and `<=`, not to `>` and `<`."""
    for line, below, at, above in (
        (">", NO, NO, YES),
        (">=", NO, YES, YES),
        ("<", YES, NO, NO),
        ("<=", YES, YES, NO),
        ("=", NO, YES, NO),
        ("!=", YES, NO, YES),
    ):
        spec(
            A1C_FACT + f"when: hba1c {line} 9 %",
            case(f"8.9 {line} 9", below, measured(8.9)),
            case(f"9 {line} 9", at, measured(9)),
            case(f"9.1 {line} 9", above, measured(9.1)),
            case(f"unknown {line} 9", UNKNOWN),
        )


def test_between(spec: Spec) -> None:
    """`between` includes both ends."""
    spec(
        A1C_FACT + "when: hba1c between 7 and 9 %",
        case("just below", NO, measured(6.9)),
        case("the lower end", YES, measured(7)),
        case("the upper end", YES, measured(9)),
        case("just above", NO, measured(9.1)),
        case("never measured", UNKNOWN),
    )


def test_words(spec: Spec) -> None:
    """A word fact is compared with `is` and `is not`; without a word both are unknown."""
    spec(
        HUNGER_FACT + "when: food is at risk",
        case("the word", YES, answered(AT_RISK)),
        case("another", NO, answered(NO_RISK)),
        case("never asked", UNKNOWN),
    )
    spec(
        HUNGER_FACT + "when: food is not at risk",
        case("the word", NO, answered(AT_RISK)),
        case("another", YES, answered(NO_RISK)),
        case("never asked", UNKNOWN),
    )


def test_words_with_not(spec: Spec) -> None:
    """If `not …` is itself a word of the question, `is not …` means that word."""
    spec(
        """
        questions:
          help:
            code: {loinc: [88123-5]}
            answers:
              wanted: {loinc: [LA28397-0]}
              not wanted: {loinc: [LA28398-8]}
              later: {loinc: [LA15775-2]}
        facts:
          wish: {latest: observations, question: help}
        when: wish is not wanted
        """,
        case("not wanted", YES, answered(NO_RISK, codes=(HELP,))),
        case("later", NO, answered(DECLINED, codes=(HELP,))),
        case("wanted", NO, answered(AT_RISK, codes=(HELP,))),
    )


def test_known(spec: Spec) -> None:
    """`is known` and `is unknown` ask whether a fact has a value. They are the only lines that are never unknown themselves."""
    spec(
        A1C_FACT + "when: hba1c is known",
        case("measured", YES, measured(5)),
        case("never measured", NO),
        case("not loaded", NO, not_loaded=("observations",)),
    )
    spec(A1C_FACT + "when: hba1c is unknown", case("measured", NO, measured(5)), case("never measured", YES))


def test_the_longest_name_wins(spec: Spec) -> None:
    """Names of facts may hold spaces; a line is read by the longest name that fits."""
    spec(
        """
        facts:
          food: {exists: conditions, code: diabetes}
          food screen: {latest: observations, question: hunger}
        when: food screen is at risk
        """,
        case("the screen says so", YES, answered(AT_RISK)),
        case("the other fact does not matter", UNKNOWN, diagnosed()),
    )


def test_small_numbers(spec: Spec) -> None:
    """Numbers are decimal, with up to 15 digits before the point and 10 after it."""
    spec(
        A1C_FACT + "when: hba1c > 0.00001 %",
        case("a little more", YES, measured(0.000011)),
        case("exactly", NO, measured(0.00001)),
        case("beyond any limit that can be written", YES, measured(1e300)),
    )
