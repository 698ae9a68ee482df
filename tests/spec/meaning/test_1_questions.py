"""Screening questions"""

from support.spec import A1C, AT_RISK, DECLINED, HUNGER, NO, NO_RISK, STRANGE, UNKNOWN, YES, Spec, answered, case, event

FOOD = """
facts:
  food: {latest: observations, question: hunger, within: 12 months}
when: food is at risk
"""


def test_code_and_answer(spec: Spec) -> None:
    """A question binds its codes to its answers. The fact is the word that the latest answer means; code and answer decide together."""
    spec(
        FOOD,
        case("at risk", YES, answered(AT_RISK), facts={"spec/food": "at risk"}),
        case("no risk", NO, answered(NO_RISK), facts={"spec/food": "no risk"}),
        case("the answer to another question", UNKNOWN, event("observations", A1C, "2026-06-01", answers=(AT_RISK,))),
        case("never asked", UNKNOWN),
        case("asked too long ago", UNKNOWN, answered(AT_RISK, on="2025-06-29")),
    )


def test_declined(spec: Spec) -> None:
    """A refusal is a word like any other: it is known, and it is neither a yes nor a no to the question."""
    spec(
        FOOD.replace("is at risk", "is declined"),
        case("declined", YES, answered(DECLINED), facts={"spec/food": "declined"}),
        case("never asked", UNKNOWN),
    )
    spec(FOOD, case("a refusal is not the word 'at risk'", NO, answered(DECLINED)))


def test_latest_answer(spec: Spec) -> None:
    """The latest answer counts, whatever the earlier ones were."""
    spec(
        FOOD,
        case("at risk, later not", NO, answered(AT_RISK, on="2026-01-01"), answered(NO_RISK, on="2026-05-01")),
        case("at risk in the morning, not at noon", NO, answered(AT_RISK, hour=8), answered(NO_RISK, hour=12)),
    )


def test_winning_word(spec: Spec) -> None:
    """Among answers given at the same moment the word that the question lists first wins, in one resource or in several."""
    spec(
        FOOD,
        case("two items of one screening", YES, answered(NO_RISK), answered(AT_RISK)),
        case("two answers to one item", YES, answered(NO_RISK, AT_RISK)),
        case("no risk and declined", NO, answered(DECLINED), answered(NO_RISK), facts={"spec/food": "no risk"}),
        case("issued later at the same moment does not matter", YES, answered(AT_RISK, issued=1), answered(NO_RISK, issued=2)),
    )


def test_unusable_answers(spec: Spec) -> None:
    """An answer that means none of the words is unknown. Beside a simultaneous first word it is overruled; before any other
    word it is not.
    """
    spec(
        FOOD,
        case("a strange answer", UNKNOWN, answered(STRANGE), facts={"spec/food": None}),
        case("no answer", UNKNOWN, answered()),
        case("strange, and at risk", YES, answered(STRANGE), answered(AT_RISK)),
        case("strange, and no risk", UNKNOWN, answered(STRANGE), answered(NO_RISK)),
        case("strange and no risk in one resource", NO, answered(STRANGE, NO_RISK)),
        case("an earlier answer does not help", UNKNOWN, answered(AT_RISK, on="2026-01-01"), answered(STRANGE)),
    )


def test_questions_elsewhere(spec: Spec) -> None:
    """`exists`, `count` and `time since latest` of a question ask only whether and when it was asked."""
    spec(
        "facts: {asked: {exists: observations, question: hunger}}\nwhen: asked",
        case("asked and declined", YES, answered(DECLINED)),
        case("asked without an answer", YES, event("observations", HUNGER, "2026-06-01")),
        case("never asked", NO),
    )
