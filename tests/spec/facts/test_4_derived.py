"""Facts from facts"""

from support.spec import AT_RISK, NO, NO_RISK, UNKNOWN, YES, Spec, answered, case, diagnosed


def test_derived(spec: Spec) -> None:
    """A derived fact is a condition with a name. It is yes, no or unknown like any condition, and other facts may use it in any order."""
    spec(
        """
        facts:
          needs help:
            when: {all: [needs food, diabetes]}
          needs food:
            when: food is at risk
          food: {latest: observations, question: hunger}
          diabetes: {exists: conditions, code: diabetes}
        when: needs help
        """,
        case("both", YES, answered(AT_RISK), diagnosed(), facts={"spec/needs food": True, "spec/needs help": True}),
        case("one is no", NO, diagnosed(), answered(NO_RISK), facts={"spec/needs food": False}),
        case("one is unknown", UNKNOWN, diagnosed(), facts={"spec/needs food": None, "spec/needs help": None}),
        case("one is unknown, the other no", NO, facts={"spec/needs food": None, "spec/needs help": False}),
    )
