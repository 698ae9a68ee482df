"""The lints: each finds what it is for, at its place, and leaves alone what is right."""

from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from rules.checks import LINTS, lint, reasoning
from rules.checks.pages import HEADINGS, page, sections
from rules.errors import Diagnostic
from rules.pack import BUILT_IN, load_packs

RULE = """\
rule: RULE
title: A demonstration
status: live
level: act
priority: 50
why: To show what the lints say.
evidence:
  grade: B
  citations:
    - {title: A guideline, url: "https://example.org/"}
released: 2026-01-01
limitations: None.
FACTS
when:
WHEN
then:
  card: {summary: "A card", indicator: info}
examples:
  as_of: 2026-06-30
  cases:
    - {name: it is, patient: {birth: 1940-01-01}, expect: yes}
    - {name: it is not, patient: {birth: 2020-01-01}, expect: no}
    - {name: nobody knows, patient: {birth: unknown}, expect: unknown}
"""
SHARED = """\
pack: demo
version: 1.0.0
title: A demonstration
owner: Almoner maintainers
valuesets:
  HbA1c: {loinc: [4548-4]}
  diabetes: {snomed: ["44054006"]}
questions:
  hunger:
    code: {loinc: [88122-7]}
    answers:
      at risk: {loinc: [LA28397-0]}
      no risk: {loinc: [LA28398-8]}
  one word:
    code: {loinc: [88123-5]}
    answers:
      at risk: {loinc: [LA28397-0]}
"""
FACTS = """
facts:
  age: {patient: age}
  sex: {patient: sex}
  has diabetes: {exists: conditions, code: diabetes}
  hba1c: {latest: observations, code: HbA1c, unit: "%"}
  visits: {count: encounters, within: 12 months}
  food: {latest: observations, question: hunger}
  single: {latest: observations, question: one word}
  doubled: {value: hba1c * 2, unit: "%"}
  points: {table: [{when: age >= 65, value: 2}, {otherwise: 0}]}
  gap: {time since latest: procedures, in: months}
  risk: {table: [{when: has diabetes, value: high}, {when: age >= 65, value: medium}, {otherwise: low}]}
  old: {when: age >= 65}
"""


def rule_text(when: str, name: str = "demo", facts: str = FACTS) -> str:
    body = "\n".join("  " + line for line in dedent(when).strip().splitlines())
    return RULE.replace("RULE", name).replace("FACTS", facts.strip()).replace("WHEN", body)


def found(folder: Path, code: str, *rules: str, pack: str = SHARED, whole: bool = True) -> list[Diagnostic]:
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "pack.yaml").write_text(pack, encoding="utf-8")
    for text in rules:
        name = text.partition("\n")[0].removeprefix("rule: ")
        (folder / "rules" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return [each for each in lint(load_packs(folder), whole=whole) if each.code == code]


def line_of(each: Diagnostic) -> str:
    return Path(each.span.path).read_text(encoding="utf-8").splitlines()[each.span.line - 1].strip()


# ---------------------------------------------------------------- conditions

NEVER_YES = [
    ("all: [age > 65, age < 18]", "all: [age > 65, age < 18]"),
    ("all: [has diabetes, not: has diabetes]", "all: [has diabetes, not: has diabetes]"),
    ("all: [sex is female, sex is male]", "all: [sex is female, sex is male]"),
    ("all:\n  - has diabetes\n  - any:\n      - visits < 0\n      - age > 65", "- visits < 0"),
    ("all: [age > 17, age < 18]", "all: [age > 17, age < 18]"),
    ("all: [hba1c > 9 %, hba1c <= 9 %, food is at risk]", "all: [hba1c > 9 %, hba1c <= 9 %, food is at risk]"),
    ("all: [old, age < 65]", "all: [old, age < 65]"),
    ("points > 2", "points > 2"),
    ("none: [risk is high, risk is medium, risk is low]", "none: [risk is high, risk is medium, risk is low]"),
    ("none: [food is at risk, food is no risk]", "none: [food is at risk, food is no risk]"),
    ("all: [hba1c is unknown, hba1c > 9 %]", "all: [hba1c is unknown, hba1c > 9 %]"),
    ("all: [old is known, age is unknown]", "all: [old is known, age is unknown]"),
]
NEVER_NO = [
    ("any: [has diabetes, not: has diabetes]", "any: [has diabetes, not: has diabetes]"),
    ("any: [age >= 65, age < 70]", "any: [age >= 65, age < 70]"),
    ("visits >= 0", "visits >= 0"),
    ("single is at risk", "single is at risk"),
    ("any: [hba1c is known, hba1c is unknown]", "any: [hba1c is known, hba1c is unknown]"),
]
NEITHER = [
    "all: [age > 18, age < 65]",
    "all: [hba1c > 9 %, hba1c < 9.1 %]",
    "any: [sex is female, sex is male]",
    "all: [hba1c > 9 %, doubled < 10 %]",
    "any: [food is at risk, hba1c > 9 %]",
    "none: [food is at risk, hba1c > 9 %]",
    "visits > 0",
    "points > 1",
    "old",
    "gap is unknown",
    "all: [hba1c > 9 %, hba1c is known]",
]


@pytest.mark.parametrize(("when", "line"), NEVER_YES)
def test_a_condition_that_can_never_be_yes(when: str, line: str, tmp_path: Path) -> None:
    (each,) = found(tmp_path, "ALM301", rule_text(when))
    assert (each.severity, line_of(each)) == ("error", line)


@pytest.mark.parametrize(("when", "line"), NEVER_NO)
def test_a_condition_that_can_never_be_no(when: str, line: str, tmp_path: Path) -> None:
    (each,) = found(tmp_path, "ALM302", rule_text(when))
    assert (each.severity, line_of(each)) == ("warning", line)


@pytest.mark.parametrize("when", NEITHER)
def test_a_condition_that_can_be_both(when: str, tmp_path: Path) -> None:
    assert found(tmp_path, "ALM301", rule_text(when)) == []
    assert found(tmp_path, "ALM302", rule_text(when)) == []


def test_a_derived_fact_is_reported_where_it_is_defined_and_only_there(tmp_path: Path) -> None:
    text = rule_text("all: [old, has diabetes]").replace("{when: age >= 65}", "{when: {all: [age >= 65, age < 18]}}")
    (each,) = found(tmp_path, "ALM301", text)
    assert line_of(each).startswith("old:")


def test_a_line_of_a_table_that_nobody_reaches(tmp_path: Path) -> None:
    (each,) = found(tmp_path, "ALM301", rule_text("points > 1").replace("{when: age >= 65, value: 2}", "{when: visits < 0, value: 2}"))
    assert line_of(each).startswith("points:")


def test_a_rule_that_its_exceptions_rule_out(tmp_path: Path) -> None:
    (each,) = found(tmp_path, "ALM301", rule_text("age >= 65").replace("then:", "unless:\n  - age >= 50\nthen:"))
    assert "'demo' can never say yes" in each.message


def test_a_rule_that_the_population_rules_out(tmp_path: Path) -> None:
    pack = SHARED + "population: age < 18\nfacts:\n  age: {patient: age}\n"
    (each,) = found(tmp_path, "ALM301", rule_text("age >= 65", facts=FACTS.replace("  age: {patient: age}\n", "")), pack=pack)
    assert "'demo' can never say yes" in each.message


def test_more_than_can_be_tried_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = "facts:\n" + "".join(f"  f{n}: {{exists: conditions, within: {n + 1} days}}\n" for n in range(20))
    chain = "all:\n" + "\n".join(f"  - any: [{{not: f{n}}}, f{n + 1}]" for n in range(19)) + "\n  - f0\n  - not: f19"
    assert len(found(tmp_path, "ALM301", rule_text(chain, facts=many))) == 1
    monkeypatch.setattr(reasoning, "_MOST_STEPS", 20)
    assert found(tmp_path, "ALM301", rule_text(chain, facts=many)) == []


# ---------------------------------------------------------------- rules beside each other


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("hba1c > 9 %", "hba1c > 8 %"),
        ("hba1c between 8 and 9 %", "hba1c > 7 %"),
        ("all: [hba1c > 9 %, has diabetes]", "any: [hba1c > 9 %, has diabetes]"),
        ("all: [age >= 65, has diabetes]", "has diabetes"),
    ],
)
def test_a_rule_that_another_one_covers(narrow: str, wide: str, tmp_path: Path) -> None:
    (each,) = found(tmp_path, "ALM303", rule_text(narrow, "narrow"), rule_text(wide, "wide"))
    assert "whoever is found by 'narrow' is found by 'wide' too" in each.message
    assert found(tmp_path, "ALM303", rule_text(narrow, "narrow").replace("level: act", "level: watch")) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hba1c > 9 %", "hba1c < 9 %"),
        ("has diabetes", "age >= 65"),
        ("hba1c >= 9 %", "hba1c between 9 and 12 %"),
    ],
)
def test_rules_that_find_different_people(one: str, other: str, tmp_path: Path) -> None:
    reported = found(tmp_path, "ALM303", rule_text(one, "one"), rule_text(other, "other"))
    assert [each.message for each in reported if "'one' is found by 'other'" in each.message] == []


def test_of_two_rules_that_mean_the_same_the_later_is_reported(tmp_path: Path) -> None:
    (each,) = found(tmp_path, "ALM303", rule_text("age >= 65", "a"), rule_text("old", "b"))
    assert Path(each.span.path).stem == "b"


def test_equal_priority(tmp_path: Path) -> None:
    (each,) = found(tmp_path, "ALM312", rule_text("age >= 65", "a"), rule_text("age < 18", "b"))
    assert (Path(each.span.path).stem, line_of(each)) == ("b", "priority: 50")
    assert found(tmp_path, "ALM312", rule_text("age < 18", "b").replace("priority: 50", "priority: 49")) == []
    assert found(tmp_path, "ALM312", rule_text("age < 18", "b").replace("level: act", "level: watch")) == []
    assert found(tmp_path, "ALM312", rule_text("age < 18", "b").replace("status: live", "status: retired")) == []


@pytest.mark.parametrize(("today", "number"), [(None, 0), ("2025-12-31", 0), ("2026-01-01", 1)])
def test_a_rule_whose_time_is_over(today: str | None, number: int, tmp_path: Path) -> None:
    text = rule_text("age >= 65").replace("limitations: None.", "limitations: None.\neffective: {from: 2024-01-01, until: 2025-12-31}")
    assert found(tmp_path, "ALM313", text) == []
    day = date.fromisoformat(today) if today else None
    remarks = [each for each in lint(load_packs(tmp_path), today=day) if each.code == "ALM313"]
    assert len(remarks) == number
    assert all(line_of(each).startswith("effective:") for each in remarks)


# ---------------------------------------------------------------- one rule


@pytest.mark.parametrize("line", ["hba1c is unknown", "hba1c is known", "gap is unknown", "food is known", "doubled is known"])
def test_knowing_is_not_having_happened(line: str, tmp_path: Path) -> None:
    (each,) = found(tmp_path, "ALM304", rule_text(f"any:\n  - age >= 65\n  - {line}"))
    assert line_of(each) == f"- {line}"


def test_a_fact_about_the_person_may_be_asked_for(tmp_path: Path) -> None:
    assert found(tmp_path, "ALM304", rule_text("any: [age is unknown, sex is known, old is unknown]")) == []


@pytest.mark.parametrize("answer", ["yes", "no", "unknown"])
def test_an_answer_without_an_example(answer: str, tmp_path: Path) -> None:
    text = "\n".join(line for line in rule_text("age >= 65").splitlines() if f"expect: {answer}}}" not in line)
    (each,) = found(tmp_path, "ALM305", text)
    assert each.message == f"no example of 'demo' answers {answer}"
    assert line_of(each) == "cases:"
    assert found(tmp_path, "ALM305", rule_text("age >= 65")) == []


def test_an_answer_that_cannot_be_given_needs_no_example(tmp_path: Path) -> None:
    text = "\n".join(line for line in rule_text("age is known").splitlines() if "expect: unknown" not in line)
    assert found(tmp_path, "ALM305", text) == []


@pytest.mark.parametrize("shown", ["a1c", "has diabetes", "sex", "old", ""])
def test_a_card_that_shows_what_is_not_there(shown: str, tmp_path: Path) -> None:
    text = rule_text("all: [hba1c > 9 %, has diabetes, old]").replace('"A card"', f'"HbA1c {{hba1c}}, {{{shown}}}"')
    (each,) = found(tmp_path, "ALM306", text)
    assert (each.severity, line_of(each).startswith("card:")) == ("error", True)


def test_a_card_may_show_numbers_and_words_behind_its_rule(tmp_path: Path) -> None:
    text = rule_text("all: [doubled > 9 %, food is at risk]").replace('"A card"', '"{doubled} {hba1c} {food}"')
    assert found(tmp_path, "ALM306", text) == []


@pytest.mark.parametrize(("shown", "least"), [("{hba1c}", len("1234.5 %")), ("{food}", len("at risk"))])
def test_a_card_that_is_cut_off_for_some_people(shown: str, least: int, tmp_path: Path) -> None:
    def remarks(length: int) -> list[Diagnostic]:
        text = rule_text("all: [hba1c > 9 %, food is at risk]")
        return found(tmp_path, "ALM314", text.replace('"A card"', f'"{"x" * (length - least)}{shown}"'))

    assert remarks(139) == []
    (each,) = remarks(140)
    assert (each.severity, "140 characters" in each.message) == ("warning", True)


def test_no_citation(tmp_path: Path) -> None:
    text = rule_text("age >= 65").replace('citations:\n    - {title: A guideline, url: "https://example.org/"}', "citations: []")
    (each,) = found(tmp_path, "ALM307", text)
    assert line_of(each) == "citations: []"
    assert found(tmp_path, "ALM307", rule_text("age >= 65")) == []


@pytest.mark.parametrize(("revised", "wrong"), [("2025-12-31", True), ("2026-01-01", False), ("2026-06-01", False)])
def test_revised_before_released(revised: str, wrong: bool, tmp_path: Path) -> None:
    text = rule_text("age >= 65").replace("limitations:", f"revised: {revised}\nlimitations:")
    assert [line_of(each) for each in found(tmp_path, "ALM308", text)] == ([f"revised: {revised}"] if wrong else [])


# ---------------------------------------------------------------- names


def unused(folder: Path, text: str, *, whole: bool = True) -> set[str]:
    return {each.message.split("'")[1] for each in found(folder, "ALM309", text, whole=whole)}


def test_names_without_a_use(tmp_path: Path) -> None:
    everything = {"sex", "has diabetes", "hba1c", "visits", "food", "single", "doubled", "points", "risk", "gap", "old"}
    assert unused(tmp_path, rule_text("age >= 65")) == everything
    assert unused(tmp_path, rule_text("points > 1")) == everything - {"points"}
    assert unused(tmp_path, rule_text("old")) == everything - {"old"}
    assert unused(tmp_path, rule_text("doubled > 9 %")) == everything - {"doubled", "hba1c"} | {"age"}


def test_what_a_window_is_counted_from_is_used(tmp_path: Path) -> None:
    facts = "facts:\n  hba1c: {latest: observations, code: HbA1c, unit: '%'}\n  visit: {exists: encounters, since: hba1c}\n"
    assert unused(tmp_path, rule_text("visit", facts=facts)) == {"diabetes", "hunger", "one word"}
    assert unused(tmp_path, rule_text("visit", facts=facts), whole=False) == set()


def test_value_sets_and_questions_are_used_by_facts_relations_and_examples(tmp_path: Path) -> None:
    facts = (
        "facts:\n  visit: {exists: encounters, reason: diabetes, followed by: {events: observations, question: hunger, answer: at risk}}\n"
    )
    text = rule_text("visit", facts=facts) + "    - {name: more, events: [{observation: one word}, {observation: HbA1c}], expect: no}\n"
    assert unused(tmp_path, text) == set()


def test_a_code_twice(tmp_path: Path) -> None:
    pack = SHARED.replace("[4548-4]", "[4548-4, 17856-6, 4548-4]")
    (each,) = found(tmp_path, "ALM310", rule_text("hba1c > 9 %"), pack=pack)
    assert "'HbA1c' names the code 4548-4 twice" in each.message
    written_out = rule_text("visits > 1").replace("within: 12 months}", 'code: {snomed: ["44054006", "44054006"]}}')
    assert len(found(tmp_path, "ALM310", written_out)) == 1
    assert found(tmp_path, "ALM310", rule_text("hba1c > 9 %")) == []


@pytest.mark.parametrize(
    ("answer", "wrong"), [("at riks", True), ("LA15775-2", True), ("at risk", False), ("LA28397-0", False), ("none", False)]
)
def test_an_answer_that_the_question_does_not_know(answer: str, wrong: bool, tmp_path: Path) -> None:
    text = rule_text("food is at risk") + f"    - {{name: more, events: [{{observation: hunger, answer: {answer}}}], expect: no}}\n"
    reported = found(tmp_path, "ALM311", text)
    assert [each.severity for each in reported] == (["error"] if wrong else [])
    assert all(f"'{answer}' is no answer to 'hunger'" in each.message for each in reported)


# ---------------------------------------------------------------- all of them


def test_the_packs_that_come_along_have_nothing_to_remark() -> None:
    assert [str(each) for each in lint(load_packs(BUILT_IN))] == []


def test_codes_are_in_order_and_each_has_one_lint() -> None:
    codes = [each.code for each in LINTS]
    assert codes == sorted(set(codes))


@pytest.mark.parametrize("each", LINTS, ids=lambda each: each.code)
def test_a_lint_explains_itself(each: object) -> None:
    assert tuple(sections(each)) == HEADINGS  # type: ignore[arg-type]
    assert all(sections(each).values())  # type: ignore[arg-type]


def test_the_reference_page_is_current(root: Path) -> None:
    written = (root / "docs" / "reference" / "lints.md").read_text(encoding="utf-8")
    assert written == page(LINTS), "out of date: almoner check --explain all > docs/reference/lints.md"
