"""Value sets"""

from support.spec import DIABETES, DIABETES_ICD, NO, YES, Spec, case, diagnosed

from rules.facts import Coding
from rules.pins import Definition

SNOMED = "http://snomed.info/sct"
DIABETES_MELLITUS = Coding(SNOMED, "73211009")
TYPE_1 = Coding(SNOMED, "46635009")
PUBLISHED = Definition(url="http://example.org/ValueSet/diabetes", version="2")
BELOW = Definition(operator="descendent-of", roots=(DIABETES_MELLITUS,))
IS_A = Definition(operator="is-a", roots=(DIABETES_MELLITUS,))
WHEN = "facts: {has it: {exists: conditions, code: sugar}}\nwhen: has it"


def test_published_value_sets(spec: Spec) -> None:
    """A published value set is named by its canonical URL. `almoner pack expand` fetches its codes from a terminology server, once;
    they stay with the pack, and no server is asked when rules are loaded or evaluated. A code in another system is another code.
    """
    spec(
        'valuesets: {sugar: {url: "http://example.org/ValueSet/diabetes", version: "2"}}\n' + WHEN,
        case("SNOMED CT", YES, diagnosed(code=DIABETES)),
        case("ICD-10-CM", YES, diagnosed(code=DIABETES_ICD)),
        case("not in the set", NO, diagnosed(code=TYPE_1)),
        case("the code of another system", NO, diagnosed(code=Coding("http://example.org/", "E11.9"))),
        fetched={PUBLISHED: (DIABETES, DIABETES_ICD)},
    )


def test_is_a(spec: Spec) -> None:
    """`is a` holds a code and everything that stands below it in its code system, as a terminology server said it."""
    spec(
        'valuesets: {sugar: {is a: {snomed: ["73211009"]}}}\n' + WHEN,
        case("something below", YES, diagnosed(code=DIABETES)),
        case("something else below", YES, diagnosed(code=TYPE_1)),
        case("the code itself", YES, diagnosed(code=DIABETES_MELLITUS)),
        case("something else", NO, diagnosed(code=DIABETES_ICD)),
        fetched={IS_A: (DIABETES_MELLITUS, DIABETES, TYPE_1)},
    )


def test_descendants_of(spec: Spec) -> None:
    """`descendants of` holds only what stands below, not the code itself."""
    spec(
        'valuesets: {sugar: {descendants of: {snomed: ["73211009"]}}}\n' + WHEN,
        case("something below", YES, diagnosed(code=DIABETES)),
        case("the code itself", NO, diagnosed(code=DIABETES_MELLITUS)),
        fetched={BELOW: (DIABETES, TYPE_1)},
    )
