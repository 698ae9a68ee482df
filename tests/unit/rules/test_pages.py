"""The page about a rule: complete, readable, current, and without a person in it."""

import re
from pathlib import Path

import pytest
from support.spec import write_pack

from rules.pack import BUILT_IN, load_packs
from rules.pages import INDEX, pages

SHIPPED = pages(load_packs(BUILT_IN))
AGAIN = "out of date: almoner docs rules/packs --out docs/reference/packs"


def test_the_shipped_pages_are_current(root: Path) -> None:
    folder = root / "docs" / "reference" / "packs"
    assert {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir()} == SHIPPED, AGAIN


def test_the_index_leads_to_every_page() -> None:
    assert set(re.findall(r"\]\(([\w-]+\.md)\)", SHIPPED[INDEX])) == SHIPPED.keys() - {INDEX}


@pytest.mark.parametrize("name", sorted(SHIPPED.keys() - {INDEX}))
def test_a_page_says_everything(name: str) -> None:
    text = SHIPPED[name]
    headings = [
        "When it says yes",
        "What it reads",
        "What to do",
        "Evidence",
        "Limitations",
        "Source attributes",
        "Examples",
    ]
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == headings
    assert [int(n) for n in re.findall(r"^\| (\d+)\. ", text, re.MULTILINE)] == list(range(1, 14))
    (pack,) = [p for p in load_packs(BUILT_IN) if name.removesuffix(".md") in p.program.rules]
    rule = pack.rule(name.removesuffix(".md"))
    assert f"`{pack.document.id}` {pack.document.version}" in text
    for case in (c for c in pack.cases if c.rule == rule.id.text):
        assert re.search(rf"^\| .* \| {case.as_of} \| {case.expect} \|$", text, re.MULTILINE)


def test_conditions_and_facts_in_words(tmp_path: Path) -> None:
    snippet = """\
        facts:
          age: {patient: age}
          high: {exists: observations, code: HbA1c, where: value > 9, unit: "%", since: 2026-01-01}
          dose: {highest: observations, code: PHQ-9 total, unit: "{score}"}
          double: {value: dose * 2}
          at home: {when: {any: [age >= 65, high]}}
        when:
          all:
            - at home
            - {not: {all: [high, age < 3]}}
            - double > 5
        unless:
          - dose is unknown
        """
    text = pages(load_packs(write_pack(tmp_path, snippet)))["spec.md"]
    assert "All of these must be yes:\n\n- at home\n- not all of:\n  - high\n  - age < 3\n- double > 5\n".replace("<", r"\<") in text
    assert "Unless one of these is yes or unknown:\n\n- not dose is known\n" in text
    assert "*at home* means:\n\n- any of:\n  - age >= 65\n  - high\n" in text
    assert "*double* is computed:\n\n- (dose \\* 2)\n" in text
    assert "| high | exists in %, value > 9 | Observation, QuestionnaireResponse | loinc 4548-4 | from 2026-01-01 |" in text


def test_what_an_author_writes_cannot_break_a_table(tmp_path: Path) -> None:
    folder = write_pack(tmp_path, "facts: {age: {patient: age}}\nwhen: age > 1\n")
    rule = folder / "rules" / "spec.yaml"
    rule.write_text(rule.read_text().replace("title: A specification", 'title: "a | b [c](d) <script> *e*"'))
    assert pages(load_packs(folder))["spec.md"].startswith("# a \\| b \\[c\\](d) \\<script> \\*e\\*\n")
