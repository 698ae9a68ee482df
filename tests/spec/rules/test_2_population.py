"""The population of a pack"""

from support.spec import NO, UNKNOWN, YES, Spec, case, diagnosed

POPULATION = """
facts:
  deceased: {patient: deceased}
population: {not: deceased}
"""
RULE = "facts: {diabetes: {exists: conditions, code: diabetes}}\nwhen: diabetes"


def test_population(spec: Spec) -> None:
    """A pack may name a condition that all of its rules need as well."""
    spec(
        RULE,
        case("inside", YES, diagnosed()),
        case("outside", NO, diagnosed(), patient={"deceased": True}),
        case("nobody knows whether inside", UNKNOWN, diagnosed(), patient={"deceased": None}),
        case("nobody knows, but the rule says no", NO, patient={"deceased": None}),
        pack=POPULATION,
    )
