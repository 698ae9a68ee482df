"""Do the examples notice? Weak examples let mutants pass, and each of these comes with an example that would not."""

from datetime import date
from pathlib import Path

import pytest
from support.spec import write_pack

from rules.days import Duration
from rules.engines.reference import ReferenceEngine
from rules.example_runs import run_case
from rules.ir import Bound
from rules.mutants import mutants
from rules.mutate import Score, mutate
from rules.pack import BUILT_IN, Pack, load_packs

RULE = """\
rule: sample
title: A sample
status: live
level: act
priority: 1
why: It shows what examples notice.
evidence: {{grade: expert opinion, citations: [{{title: Sample, url: "https://example.org/"}}]}}
released: 2026-01-01
limitations: None.
facts:
{facts}
when: {when}
then: {{card: {{summary: Look, indicator: info}}}}
examples:
  as_of: 2026-06-30
  cases:
{cases}
"""
AGE = "  age: {patient: age}"
A1C = '  hba1c: {latest: observations, code: HbA1c, within: 12 months, unit: "%"}'


def pack_of(folder: Path, facts: str, when: str, *cases: str) -> Pack:
    """A pack whose one rule is called ``sample``; a case is one line of YAML, or the lines that ``almoner mutate`` prints."""
    write_pack(folder, "when: age > 1\nfacts: {age: {patient: age}}\n")
    (folder / "rules" / "spec.yaml").unlink()
    lines = "\n".join(case if case.startswith(" ") else f"    - {case}" for case in cases)
    (folder / "rules" / "sample.yaml").write_text(RULE.format(facts=facts, when=when, cases=lines), encoding="utf-8")
    (pack,) = load_packs(folder)
    return pack


def score(pack: Pack) -> Score:
    (found,) = mutate(pack)
    return found


def a1c(value: float, expect: str, day: str = "2026-06-01", unit: str = "%") -> str:
    event = f'{{observation: HbA1c, value: {value}, unit: "{unit}", date: {day}}}'
    return f"{{name: '{value} {unit} on {day}', events: [{event}], expect: {expect}}}"


def test_a_limit_needs_an_example_on_either_side(tmp_path: Path) -> None:
    old = "{name: grown up, patient: {birth: 1980-01-01}, expect: yes}"
    found = score(pack_of(tmp_path / "weak", AGE, "age >= 18", old))
    assert {s.mutant.change for s in found.missed} == {
        "'age >= 18' turned into '>'",
        "'age >= 18' with 17",
        "'age >= 18' with 19",
    }
    birthday = "{name: birthday, patient: {birth: 2008-06-30}, expect: yes}"
    day_before = "{name: a day before, patient: {birth: 2008-07-01}, expect: no}"
    assert score(pack_of(tmp_path / "strong", AGE, "age >= 18", birthday, day_before)).survivors == ()


def test_the_printed_examples_kill_what_they_are_printed_for(tmp_path: Path) -> None:
    cases = [a1c(9.6, "yes")]
    for round in range(25):
        pack = pack_of(tmp_path / str(round), A1C, "hba1c > 9 %", *cases)
        assert [f for case in pack.cases for f in run_case(pack, case, [ReferenceEngine()])] == []
        missed = score(pack).missed
        if not missed:
            break
        assert missed[0].example
        cases.append(missed[0].example)
    assert missed == ()
    assert 1 < round < 24


WINDOW = (a1c(9.6, "yes", "2025-06-30"), a1c(9.6, "unknown", "2025-06-29"))


def test_a_window_needs_an_example_on_its_edge(tmp_path: Path) -> None:
    def missed(*cases: str) -> set[str]:
        pack = pack_of(tmp_path / str(len(cases)), A1C, "hba1c > 9 %", *cases)
        return {s.mutant.change for s in score(pack).missed if "window" in s.mutant.change}

    assert missed(a1c(9.6, "yes")) == {"'hba1c': the window begins a day earlier", "'hba1c': the window begins a day later"}
    assert missed(*WINDOW) == set()


def test_a_conversion_needs_an_example(tmp_path: Path) -> None:
    dropped = "'hba1c': the conversion from mmol/mol to % dropped"
    found = score(pack_of(tmp_path / "weak", A1C, "hba1c > 9 %", *WINDOW))
    (example,) = [s.example for s in found.missed if s.mutant.change == dropped]
    assert example
    assert "unit: mmol/mol" in example
    found = score(pack_of(tmp_path / "strong", A1C, "hba1c > 9 %", *WINDOW, a1c(86, "yes", unit="mmol/mol")))
    assert dropped not in {s.mutant.change for s in found.survivors}


def test_what_changes_nothing_is_maybe_equivalent(tmp_path: Path) -> None:
    """Who is 18 is 12 as well: no example can tell the rule without the second line from the rule with it."""
    cases = ("{name: birthday, patient: {birth: 2008-06-30}, expect: yes}", "{name: before, patient: {birth: 2008-07-01}, expect: no}")
    found = score(pack_of(tmp_path, AGE, "{all: [age >= 18, age >= 12]}", *cases))
    assert found.missed == ()
    assert {s.mutant.change for s in found.maybe_equivalent} == {
        "the condition 'age >= 12' dropped",
        "'age >= 12' turned into '>'",
        "'age >= 12' with 11",
        "'age >= 12' with 13",
    }


FACTS = """\
  visits:
    count: encounters
    code: diabetes
    status: [finished, arrived]
    different days: yes
    since: first
  first: {{earliest: observations, code: HbA1c, unit: "%", where: value >= 5}}
  screen: {{latest: observations, question: hunger, usable only: yes, of: household}}
  seen:
    exists: conditions
    code: diabetes
    not followed by: {{events: procedures, code: diabetes, within: 2 weeks}}
  grade: {{table: [{{when: first > 7, value: 2}}, {{otherwise: 1}}]}}""".replace("{{", "{").replace("}}", "}")


def test_every_kind_of_mutant(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, FACTS, "{all: [visits >= 2, {any: [screen is at risk, seen]}, grade > 1]}", "{name: nobody, expect: unknown}")
    assert {m.change for m in mutants(pack.program, "sample", 0)} >= {
        "the condition 'visits >= 2' dropped",
        "the condition 'screen is at risk' dropped",
        "'visits': events counted, not days",
        "'visits': the status 'arrived' dropped",
        "'visits': the window begins a day later",
        "'visits': of the household",
        "'first': earliest turned into latest",
        "'first': 'value >= 5' dropped",
        "'first': 'value >= 5' turned into '> 5'",
        "'first': 'value >= 5' turned into '>= 4.9'",
        "'screen': of the person alone",
        "'screen': 'usable only' dropped",
        "'screen': the answers that mean 'declined' dropped",
        "'seen': 'not followed by' dropped",
        "'seen': 'not followed by': turned into its contrary",
        "'seen': 'not followed by': within 13 days",
        "'grade': line 1 of the table dropped",
        "'grade': 'first > 7 %' turned into '>='",
    }


@pytest.mark.parametrize(
    ("bound", "day"),
    [
        (Bound(offset=Duration(12, "month"), backwards=True, days=1), "2025-07-01"),
        (Bound(day=date(2026, 1, 1), days=-1), "2025-12-31"),
        (Bound(year=0, days=-1), "2025-12-31"),
        (Bound(year=0, last=True, days=1), "2027-01-01"),
        (Bound(day=date.max, days=1), "9999-12-31"),
    ],
)
def test_a_nudged_bound_lies_a_day_beside(bound: Bound, day: str) -> None:
    assert bound.fixed(date(2026, 6, 30)) == date.fromisoformat(day)


@pytest.mark.slow
@pytest.mark.parametrize("pack", load_packs(BUILT_IN), ids=lambda pack: pack.document.id)
def test_the_examples_of_shipped_rules_notice_everything(pack: Pack) -> None:
    assert [(s.rule, m.mutant.change) for s in mutate(pack) for m in s.missed] == []
