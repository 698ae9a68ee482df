"""Households"""

from support.spec import AT_RISK, NO, NO_RISK, UNKNOWN, YES, Spec, answered, case, diagnosed

AT_HOME = """
facts:
  diabetes at home: {exists: conditions, code: diabetes, of: household}
when: diabetes at home
"""


def test_household(spec: Spec) -> None:
    """`of: household` also looks at the events of the others at the same address. The person belongs to the household."""
    spec(
        AT_HOME,
        case("another member", YES, household=((diagnosed(),),)),
        case("the person", YES, diagnosed()),
        case("nobody", NO, household=((), ())),
        case("living alone", NO),
    )


def test_own_facts(spec: Spec) -> None:
    """Without it, the events of others do not matter."""
    spec("facts: {diabetes: {exists: conditions, code: diabetes}}\nwhen: diabetes", case("another member", NO, household=((diagnosed(),),)))


def test_unknown_household(spec: Spec) -> None:
    """If nobody knows who lives there, or only one chart was read, absence is unknown; the person's own event still counts."""
    spec(
        AT_HOME,
        case("nobody knows", UNKNOWN, household=None),
        case("nobody knows, but the person has it", YES, diagnosed(), household=None),
    )


def test_latest_at_home(spec: Spec) -> None:
    """The latest of a household is the latest of anybody in it; counts add up."""
    spec(
        "facts: {food: {latest: observations, question: hunger, of: household}}\nwhen: food is at risk",
        case("another member's answer is later", YES, answered(NO_RISK, on="2026-01-01"), household=((answered(AT_RISK),),)),
        case("the person's answer is later", NO, answered(NO_RISK), household=((answered(AT_RISK, on="2026-01-01"),),)),
        case("at the same moment the first word wins", YES, answered(NO_RISK), household=((answered(AT_RISK),),)),
    )
    spec(
        "facts: {cases: {count: conditions, code: diabetes, of: household}}\nwhen: cases >= 2",
        case("one each", YES, diagnosed(), household=((diagnosed(),), ())),
        case("one", NO, household=((diagnosed(),), ())),
    )
