"""Decision tables that give words: which are such, and what every part of the core makes of them."""

from datetime import date
from pathlib import Path

import pytest
from support.spec import A1C, measured, write_pack

from rules.cql import library_text
from rules.engines.reference import reduce_facts
from rules.explain import explain
from rules.facts import DateRange, Person, PersonRecord
from rules.fingerprint import fingerprint
from rules.forecast import next_flips
from rules.ir import ComputedFact, Program, derive
from rules.mutants import mutants
from rules.pack import Pack, load_draft, load_packs
from rules.pages import pages
from rules.schema import schema

AS_OF = date(2026, 6, 30)
RULE = """
facts:
  age: {patient: age}
  hba1c: {latest: observations, code: HbA1c, unit: "%"}
  risk:
    table:
      - {when: hba1c > 9 %, value: "it's high"}
      - {when: age >= 65, value: medium}
      - {otherwise: low}
when: risk is RISK
"""


def loaded(folder: Path, rule: str, pack: str = "", library: str = "") -> Pack:
    (found,) = load_packs(write_pack(folder / "pack", rule, pack, library))
    return found


def risk_is(folder: Path, word: str) -> Pack:
    return loaded(folder, RULE.replace("RISK", word))


# ---------------------------------------------------------------- which tables give words

IMPORT = 'imports: [{pack: ../library, version: "=1.2"}]'
GROUPS = "facts: {age: {patient: age}, group: {table: [{when: age >= 65, value: older}, {otherwise: younger}]}}"


def words(program: Program, name: str) -> tuple[str, ...]:
    fact = program.by_name[name]
    assert isinstance(fact, ComputedFact)
    return fact.words


def test_a_rule_that_calls_a_fact_as_a_table_of_its_pack_calls_a_word_changes_nothing(tmp_path: Path) -> None:
    pack = loaded(tmp_path, "facts: {older: {value: age / 2}}\nwhen: {all: [group is older, older > 1]}", GROUPS)
    assert words(pack.program, "group") == ("older", "younger")


def test_a_value_that_names_a_fact_of_the_pack_or_of_a_library_is_that_fact(tmp_path: Path) -> None:
    table = "facts: {mark: {table: [{when: before > 3, value: after}, {otherwise: before}]}}\nwhen: mark > 1"
    pack = loaded(tmp_path, table, f"{IMPORT}\nfacts: {{before: {{patient: age}}}}", "facts: {after: {patient: age}}")
    fact = pack.program.by_name["spec/mark"]
    assert (fact.type, set(fact.uses()) if isinstance(fact, ComputedFact) else None) == ("number", {"before", "after"})


def test_a_librarys_table_knows_the_names_of_its_library_only(tmp_path: Path) -> None:
    pack = loaded(tmp_path, "when: {all: [group is older, older > 1]}", f"{IMPORT}\nfacts: {{older: {{value: age * 2}}}}", GROUPS)
    assert words(pack.program, "group") == ("older", "younger")


def test_a_draft_may_have_one(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "pack", RULE.replace("RISK", "medium"))
    text = (folder / "rules" / "spec.yaml").read_text(encoding="utf-8")
    assert words(load_draft(folder, text).program, "spec/risk") == ("it's high", "medium", "low")


@pytest.mark.parametrize(("value", "kind"), [("hba1c", "number"), ("age / 2", "number"), ("high-dose", "word"), ("Größe 3", "word")])
def test_what_is_a_word(value: str, kind: str, tmp_path: Path) -> None:
    table = f"x: {{table: [{{when: age >= 65, value: {value}}}, {{otherwise: {value}}}]}}"
    pack = loaded(tmp_path, RULE.replace("when: risk is RISK", f"  {table}\nwhen: x is known"))
    assert pack.program.by_name["spec/x"].type == kind


# ---------------------------------------------------------------- what is made of them


def person(birth: str = "1950-01-01", a1c: float = 8.0) -> PersonRecord:
    day = date.fromisoformat(birth)
    return PersonRecord(Person("p", DateRange(day, day)), (measured(a1c, code=A1C),), frozenset())


def test_an_explanation_names_the_word_and_what_it_rests_on(tmp_path: Path) -> None:
    program, record = risk_is(tmp_path, "it's high").program, person(a1c=9.5)
    results = reduce_facts(program, record, AS_OF)
    facts = {name: result.value for name, result in results.items()}
    (reason,) = explain(program, "spec", record, results, {**facts, **derive(program, facts)})
    assert (reason.asks, reason.value, reason.unit) == ("risk is it's high", "it's high", None)
    assert [(e.fact, e.value) for e in reason.evidence] == [("hba1c", 9.5), ("age", 76.0)]


def test_the_day_on_which_a_word_changes_is_foreseen(tmp_path: Path) -> None:
    program = risk_is(tmp_path, "medium").program
    assert next_flips(program, person("1961-09-01"), AS_OF, {"spec": False}) == {"spec": date(2026, 9, 1)}


def test_the_words_are_part_of_the_meaning(tmp_path: Path) -> None:
    first, again = (fingerprint(risk_is(tmp_path, "medium").program, "spec") for _ in range(2))
    other = fingerprint(loaded(tmp_path, RULE.replace("RISK", "medium").replace("low", "none")).program, "spec")
    assert first == again != other


def test_a_mutant_gives_another_word(tmp_path: Path) -> None:
    changes = {mutant.change for mutant in mutants(risk_is(tmp_path, "low").program, "spec", 0)}
    lines = {f"'risk': line {i} of the table gives '{w}'" for i in (1, 2, 3) for w in ("it's high", "medium", "low")}
    own = {f"'risk': line {i} of the table gives '{w}'" for i, w in enumerate(("it's high", "medium", "low"), 1)}
    assert lines & changes == lines - own


def test_a_page_says_which_word_when(tmp_path: Path) -> None:
    text = pages([risk_is(tmp_path, "low")])["spec.md"]
    assert "*risk* is computed:\n\n- it's high if hba1c > 9 %\n- medium if age >= 65\n- low\n" in text


def test_an_editor_completes_the_words(tmp_path: Path) -> None:
    lines = schema("rule", risk_is(tmp_path, "low"))["$defs"]["condition"]["anyOf"][0]["anyOf"][0]["enum"]
    assert {"risk is it's high", "risk is low", "risk is medium"} <= set(lines)


def test_cql_says_the_words(tmp_path: Path) -> None:
    text = library_text(risk_is(tmp_path, "it's high").program, "L", "1.0.0", {})
    assert "then 'it\\'s high'\n" in text
    assert """define "spec":\n  "spec/risk" = 'it\\'s high'""" in text


def test_an_example_may_expect_a_word(tmp_path: Path) -> None:
    text = RULE.replace("RISK", "low")
    folder = write_pack(tmp_path / "pack", text)
    file = folder / "rules" / "spec.yaml"
    events = "events: [{observation: HbA1c, value: 5, unit: '%'}]"
    case = f"{{name: a child, patient: {{birth: 2020-01-01}}, {events}, expect: yes, facts: {{risk: low}}}}"
    file.write_text(file.read_text(encoding="utf-8").replace("cases: []", f"cases: [{case}]"), encoding="utf-8")
    (pack,) = load_packs(folder)
    assert [case.facts for case in pack.cases] == [{"spec/risk": "low"}]
