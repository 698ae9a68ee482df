"""Imports"""

from support.spec import A1C, AT_RISK, DIABETES, DIABETES_ICD, NO, NO_RISK, UNKNOWN, YES, Spec, answered, case, diagnosed, event, measured

LIBRARY = """
valuesets:
  glucose tests: {loinc: [4548-4]}
facts:
  last test: {latest: observations, code: glucose tests, unit: "%"}
  well controlled: {when: last test < 7 %}
"""
IMPORT = 'imports: [{pack: ../library, version: ">=1.2, <2"}]'


def test_imports(spec: Spec) -> None:
    """A pack may import another: the value sets, questions and facts that its rules share can then be used as if they stood in this pack.
    The rules of the other pack, and its population, stay behind. The folder is seen from this pack's own; the version must fit.
    """
    spec(
        """
        facts: {tested: {exists: observations, code: glucose tests, within: 12 months}}
        when: {all: [tested, well controlled]}
        """,
        case("6.5 %", YES, measured(6.5), facts={"last test": 6.5, "well controlled": True, "spec/tested": True}),
        case("8 %", NO, measured(8.0), facts={"well controlled": False}),
        case("8 %, long ago", NO, measured(8.0, on="2024-01-01"), facts={"spec/tested": False}),
        case("without a number", UNKNOWN, measured(None)),
        pack=IMPORT,
        library=LIBRARY,
    )


def test_imported_questions(spec: Spec) -> None:
    """A question comes with its answers."""
    spec(
        "facts: {food: {latest: observations, question: hungry}}\nwhen: food is at risk",
        case("at risk", YES, answered(AT_RISK)),
        case("no risk", NO, answered(NO_RISK)),
        case("another question", UNKNOWN, event("observations", A1C, "2026-06-01", answers=(AT_RISK,))),
        pack=IMPORT,
        library="""
            questions:
              hungry:
                code: {loinc: [88122-7]}
                answers: {at risk: {loinc: [LA28397-0]}, no risk: {loinc: [LA28398-8]}}
            """,
    )


def test_imports_in_the_population(spec: Spec) -> None:
    """A pack's population and its own shared facts may use what is imported."""
    spec(
        "when: coded twice",
        case("alive, in both code systems", YES, diagnosed(), diagnosed(code=DIABETES_ICD), facts={"alive": True}),
        case("alive, in one", NO, diagnosed()),
        case("dead", NO, diagnosed(), diagnosed(code=DIABETES_ICD), patient={"deceased": True}),
        pack=f"""
            {IMPORT}
            population: alive
            facts:
              times: {{count: conditions, code: diabetes in icd or snomed}}
              coded twice: {{when: times >= 2}}
            """,
        library="""
            valuesets: {diabetes in icd or snomed: {snomed: ["44054006"], icd10: [E11.9]}}
            facts:
              dead: {patient: deceased}
              alive: {when: {not: dead}}
            """,
    )


def test_a_name_means_one_thing(spec: Spec) -> None:
    """A name that is imported cannot be given another meaning here: that is a mistake, told with both places. Only what the rules
    rest on is computed; the other names of an imported pack cost nothing.
    """
    spec(
        "facts: {has it: {exists: conditions, code: sugar}}\nwhen: has it",
        case("on record", YES, diagnosed(code=DIABETES), facts={"spec/has it": True}),
        case("not on record", NO),
        pack=IMPORT,
        library="""
            valuesets: {sugar: {snomed: ["44054006"]}, never fetched: {file: nowhere.json}}
            facts: {unused: {exists: conditions, code: never fetched}}
            """,
    )
