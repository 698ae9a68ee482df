"""An informatician changes a rule, hears what is wrong with it, and releases it under a version that says what has changed."""

import json
import re
from pathlib import Path

import pytest
from support.command_line import Ran, almoner

from rules.checks import LINTS
from rules.pack import BUILT_IN

PLACE = re.compile(r"^[^:]+:\d+:\d+: ALM\d{3} ")
RULE = "phq9-no-follow-up"


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    """A folder of packs with its lock, as shipped."""
    folder = tmp_path / "packs"
    for file in (*BUILT_IN.rglob("*.yaml"), BUILT_IN / "lock.json"):
        target = folder / file.relative_to(BUILT_IN)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    return folder


def edit(packs: Path, old: str, new: str, file: str = f"rules/{RULE}.yaml") -> Path:
    path = packs / "whole-person" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def lock(packs: Path, *options: str) -> Ran:
    return almoner("pack", "lock", packs, *options)


def test_a_contradiction_is_found_and_explained(packs: Path) -> None:
    edit(packs, "- phq9 >= 10", "- all: [phq9 >= 10, phq9 < 9]")
    ran = almoner("check", packs)
    assert ran.code == 1
    (line,) = ran.out.splitlines()
    assert PLACE.match(line)
    assert "ALM301 this 'all' can never be yes" in line
    assert "1 mistake" in ran.err
    explained = almoner("check", "--explain", "alm301")
    assert explained.code == 0
    assert all(heading in explained.out for heading in ("What it does", "Why is this bad", "Example", "Use instead"))


def test_warnings_fail_only_when_told(packs: Path) -> None:
    edit(packs, "facts:\n", "facts:\n  sex: {patient: sex}\n")
    mild, strict = almoner("check", packs), almoner("check", "--strict", packs)
    assert (mild.code, strict.code) == (0, 1)
    assert "ALM309 nothing uses the fact 'sex' (use it, or leave it out)" in mild.out
    assert mild.out == strict.out
    assert "1 warning" in mild.err


def test_one_rule_is_checked_without_blaming_the_names_of_others(packs: Path) -> None:
    assert almoner("check", "--strict", packs / "whole-person" / "rules" / f"{RULE}.yaml").code == 0


def test_mistakes_come_first_and_lints_when_everything_loads(packs: Path) -> None:
    edit(packs, "- phq9 >= 10", "- all: [phq >= 10, age < 0]")
    ran = almoner("check", packs)
    assert [line.split()[1] for line in ran.out.splitlines()] == ["ALM210"]


def test_other_programs_can_read_the_messages(packs: Path) -> None:
    file = edit(packs, "- phq9 >= 10", "- all: [phq9 >= 10, phq9 < 9]")
    forms = {form: almoner("check", "--format", form, packs) for form in ("json", "sarif", "github")}
    assert {ran.code for ran in forms.values()} == {1}
    (message,) = json.loads(forms["json"].out)
    assert (message["path"], message["line"], message["code"], message["severity"]) == (str(file), 26, "ALM301", "error")
    (run,) = json.loads(forms["sarif"].out)["runs"]
    (result,) = run["results"]
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 26
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [result["ruleId"]] == ["ALM301"]
    assert forms["github"].out.startswith(f"::error file={file},line=26,col=")
    assert ",title=ALM301::this 'all' can never be yes" in forms["github"].out


def test_nothing_wrong_is_still_a_document(packs: Path) -> None:
    assert json.loads(almoner("check", "--format", "json", packs).out) == []
    assert json.loads(almoner("check", "--format", "sarif", packs).out)["runs"][0]["results"] == []


def test_every_lint_can_be_looked_up() -> None:
    page = almoner("check", "--explain", "all").out
    assert all(f"## {lint.code}: {lint.title}" in page for lint in LINTS)
    assert almoner("check", "--explain", "ALM999").code == 2


def test_a_change_of_meaning_needs_a_version(packs: Path) -> None:
    assert lock(packs, "--check").code == 0
    before = (packs / "lock.json").read_bytes()
    edit(packs, "- phq9 >= 10", "- phq9 >= 15")
    refused = lock(packs, "--check")
    assert refused.code == 1
    (line,) = refused.out.splitlines()
    assert PLACE.match(line)
    assert re.search(rf"'{RULE}' has another meaning: that needs version \d+\.\d+\.\d+ or higher", line)
    assert lock(packs).code == 1
    assert (packs / "lock.json").read_bytes() == before

    needed = re.search(r"version (\S+) or higher, not (\S+)", line)
    assert needed
    edit(packs, f"version: {needed[2]}", f"version: {needed[1]}", "pack.yaml")
    forgotten = lock(packs, "--check")
    assert (forgotten.code, "write the lock again" in forgotten.out) == (1, True)
    assert lock(packs).code == 0
    assert lock(packs, "--check").code == 0
    assert json.loads((packs / "lock.json").read_text())["packs"]["whole-person"]["rules"][RULE]["version"] == needed[1]


def test_comments_need_no_version(packs: Path) -> None:
    edit(packs, "when:\n", "# The threshold of the PHQ-9 manual.\nwhen:\n")
    assert lock(packs, "--check").code == 0


def test_an_editor_gets_a_schema_with_the_names_of_the_pack(packs: Path, tmp_path: Path) -> None:
    printed = json.loads(almoner("schema", "rule", "--pack", packs / "whole-person").out)
    assert "PHQ-9 total" in json.dumps(printed["$defs"]["code"])
    assert json.loads(almoner("schema").out)["properties"].keys() == printed["properties"].keys()
    assert almoner("schema", "--out", tmp_path / "schemas").code == 0
    assert sorted(file.name for file in (tmp_path / "schemas").iterdir()) == [
        "measure.schema.json",
        "pack.schema.json",
        "rule.schema.json",
        "valuesets.schema.json",
    ]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert almoner("pack", "lock", tmp_path / "nowhere").code == 2
    assert almoner("pack", "lock", tmp_path).code == 3
    assert almoner("schema", "poem").code == 2
