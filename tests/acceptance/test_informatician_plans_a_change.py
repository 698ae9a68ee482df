"""An informatician changes a rule: who would be newly flagged, do the examples hold it, what will it ask for, what does its page say."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from support.command_line import almoner

from fhir_adapters.synthetic import write_ndjson
from rules.pack import BUILT_IN

AS_OF = date(2026, 6, 30)
PHQ9 = "phq9-no-follow-up"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred and fifty people who do not exist."""
    folder = tmp_path_factory.mktemp("town")
    write_ndjson(folder, 150, 58, AS_OF)
    return folder


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The shipped packs with the limit of one rule lowered, and one rule left out."""
    for file in BUILT_IN.rglob("*.yaml"):
        target = tmp_path / "changed" / file.relative_to(BUILT_IN)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.read_text(encoding="utf-8").replace("phq9 >= 10", "phq9 >= 5"), encoding="utf-8")
    next((tmp_path / "changed").rglob("damp-home-child-prevent.yaml")).unlink()
    return tmp_path / "changed"


def plan(old: Path, new: Path, town: Path, *options: str | Path) -> tuple[int, str]:
    ran = almoner("plan", old, new, "--source", town, "--as-of", str(AS_OF), *options)
    assert ran.err == ""
    return ran.code, ran.out


def test_plan_names_whose_answer_changes(changed: Path, town: Path, tmp_path: Path) -> None:
    out = tmp_path / "changes.ndjson"
    code, text = plan(BUILT_IN, changed, town, "--json", "--out", out, "--by", "sex")
    assert code == 0
    told = json.loads(text)
    assert (told["as_of"], told["by"], told["only_old"], told["only_new"]) == ("2026-06-30", ["sex"], ["damp-home-child-prevent"], [])
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines
    assert lines == sorted(lines, key=lambda line: (line["rule"], line["patient"]))
    assert {line["change"] for line in lines if line["rule"] == PHQ9} == {"newly flagged"}
    assert {(line["change"], line["new"]) for line in lines if line["rule"] == "damp-home-child-prevent"} <= {("cleared", "absent")}
    assert {each["rule"] for each in told["rules"] if each["changed"]} == {line["rule"] for line in lines}


def test_plan_shows_no_small_number(changed: Path, town: Path) -> None:
    for engine in ("columnar", "reference"):
        _, text = plan(BUILT_IN, changed, town, "--json", "--by", "sex", "--by", "age band", "--engine", engine)
        shown = {cell for each in json.loads(text)["rules"] for row in each["counts"].values() for cell in row.values()}
        assert "<11" in shown
        assert all(int(cell) == 0 or int(cell) > 10 for cell in shown - {"<11", "*"})


def test_plan_as_a_table(changed: Path, town: Path) -> None:
    code, text = plan(BUILT_IN, changed, town)
    assert code == 0
    assert f"{PHQ9}\n  everybody  newly flagged  cleared" in text
    assert "damp-home-child-prevent (only in OLD)" in text
    assert "social-screening-overdue\n  nobody's answer changes" in text


def test_plan_can_fail_on_change(changed: Path, town: Path) -> None:
    assert plan(BUILT_IN, changed, town, "--fail-on-change")[0] == 1
    assert plan(BUILT_IN, BUILT_IN, town, "--fail-on-change")[0] == 0


def test_mutate_prints_the_example_that_is_missing(tmp_path: Path, changed: Path) -> None:
    rule = next(changed.rglob(f"{PHQ9}.yaml"))
    shipped = next(BUILT_IN.rglob(f"{PHQ9}.yaml")).read_text(encoding="utf-8")
    case = re.compile(r"    - name: a day before it\n.*?(?=    - name)", re.DOTALL)
    rule.write_text(case.sub("", shipped), encoding="utf-8")
    ran = almoner("mutate", rule)
    assert ran.code == 1
    assert re.search(rf"{PHQ9}.yaml:1:7: {PHQ9}: 'age >= 12' with 11: unnoticed; this example would notice\n    - name: ", ran.out)
    assert re.search(r"\d+ of \d+ changes noticed, 2 unnoticed, 1 maybe equivalent", ran.out)
    assert almoner("mutate", rule, "--allow", "2").code == 0
    examples = re.findall(r"    - name: .*?expect: \w+\n", ran.out, re.DOTALL)
    assert len(examples) == 2
    rule.write_text(rule.read_text(encoding="utf-8") + "".join(examples), encoding="utf-8")
    ran = almoner("mutate", rule)
    assert (ran.code, "0 unnoticed" in ran.out) == (0, True), ran.out


def test_mutate_wants_examples_that_hold(changed: Path) -> None:
    ran = almoner("mutate", changed, "--rule", PHQ9)
    assert ran.code == 1
    assert "example '9 is not': expected no, reference answers yes" in ran.out
    assert almoner("mutate", changed, "--rule", "phq").code == 2


def test_forecast_adds_up(town: Path) -> None:
    ran = almoner("forecast", "--source", town, "--as-of", str(AS_OF), "--weeks", "10", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert len(told["rules"]) == 5
    for each in told["rules"]:
        assert [week["week"]["name"] for week in each["weeks"]] == [f"2026-W{number}" for number in range(27, 37)]
        assert each["flagged"] + sum(w["newly"] - w["stopping"] for w in each["weeks"]) == each["weeks"][-1]["flagged"]
    assert any(week["newly"] for each in told["rules"] for week in each["weeks"])
    table = almoner("forecast", "--source", town, "--as-of", str(AS_OF), "--weeks", "1").out
    assert "2026-W27  2026-07-05" in table


def test_docs_writes_a_page_for_each_rule(tmp_path: Path) -> None:
    ran = almoner("docs", BUILT_IN, "--out", tmp_path / "pages")
    assert ran.code == 0, ran.err
    names = {path.name for path in (tmp_path / "pages").iterdir()}
    assert names == {"README.md", *(f"{path.stem}.md" for path in BUILT_IN.rglob("rules/*.yaml"))}
