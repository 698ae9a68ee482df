"""The commands as people use them: what they print, where they point, how they exit."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import almoner

from rules.pack import BUILT_IN

PLACE = re.compile(r"^[^:]+:\d+:\d+: ")
RULE = BUILT_IN / "whole-person" / "rules" / "phq9-no-follow-up.yaml"


def test_demo_ends_with_its_numbers() -> None:
    ran = almoner("demo", "--people", "200", "--no-serve", "--json")
    assert ran.code == 0, ran.err
    numbers = json.loads(ran.out.splitlines()[-1])
    assert numbers["people"] == 200
    assert numbers["engines_agree"] is True
    assert {"reference", "columnar"} <= set(numbers["engines_compared"])
    assert sum(numbers["findings_by_rule"].values()) >= numbers["flagged"] > 0
    assert numbers["unknown"] > 0
    assert numbers["seconds"] > 0


def test_demo_is_the_same_for_the_same_seed_and_day() -> None:
    first, second = (almoner("demo", "--people", "80", "--seed", "7", "--as-of", "2026-02-28", "--no-serve", "--json") for _ in range(2))
    numbers, again = (json.loads(r.out.splitlines()[-1]) for r in (first, second))
    assert {**numbers, "seconds": 0} == {**again, "seconds": 0}


def test_demo_keeps_what_it_made_only_when_told(tmp_path: Path) -> None:
    ran = almoner("demo", "--people", "20", "--no-serve", "--keep", tmp_path / "kept")
    assert ran.code == 0, ran.err
    assert (tmp_path / "kept" / "fhir" / "Patient.ndjson").is_file()
    assert (tmp_path / "kept" / "state" / "CURRENT").is_file()


def test_check_finds_nothing_wrong_with_the_packs_that_come_along() -> None:
    ran = almoner("check", BUILT_IN)
    assert (ran.code, ran.out) == (0, "")


def test_check_points_at_each_mistake(tmp_path: Path) -> None:
    pack = _copy_of_pack(tmp_path)
    broken = pack / "rules" / RULE.name
    broken.write_text(broken.read_text().replace("phq9 >= 10", "phq >= 10").replace("follow-up\n\nthen", "folow-up\n\nthen"))
    ran = almoner("check", broken)
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert len(lines) == 2
    assert all(PLACE.match(line) for line in lines)
    assert "there is no fact called 'phq' (did you mean 'phq9'?)" in lines[0]
    assert "there is no fact called 'folow-up' (did you mean 'follow-up'?)" in lines[1]


def test_test_runs_the_examples_and_points_at_the_one_that_fails(tmp_path: Path) -> None:
    pack = _copy_of_pack(tmp_path)
    rule = pack / "rules" / RULE.name
    assert almoner("test", rule).code == 0
    rule.write_text(rule.read_text().replace("phq9 >= 10", "phq9 > 10"))
    ran = almoner("test", rule)
    assert ran.code == 1
    assert PLACE.match(ran.out)
    assert "10 is enough" in ran.out
    assert "expected yes, reference answers no" in ran.out


def test_a_source_that_is_not_there_exits_with_3(tmp_path: Path) -> None:
    ran = almoner("evaluate", "--source", tmp_path / "nowhere", "--out", tmp_path / "out.ndjson")
    assert ran.code == 3
    assert "nowhere" in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "out.ndjson").exists()


def test_a_server_that_does_not_answer_exits_with_4(tmp_path: Path) -> None:
    ran = almoner("evaluate", "--source", "http://127.0.0.1:9/fhir", "--out", tmp_path / "out.ndjson")
    assert ran.code == 4
    assert "Traceback" not in ran.err


def test_a_wrong_option_exits_with_2() -> None:
    assert almoner("evaluate", "--as-of", "31/12/2026").code == 2
    assert almoner("explain", "no-such-rule", "--patient", "x", "--source", ".").code == 2
    assert almoner("frobnicate").code == 2


def test_sweep_publishes_a_worklist_and_a_second_one_replaces_it(tmp_path: Path) -> None:
    assert almoner("demo", "--people", "60", "--no-serve", "--as-of", "2026-06-30", "--keep", tmp_path / "town").code == 0
    state = tmp_path / "state"
    sweeps = []
    for day in ("2026-06-30", "2026-07-31"):
        ran = almoner("sweep", "--source", tmp_path / "town" / "fhir", "--as-of", day, "--state", state)
        assert ran.code == 0, ran.err
        sweeps.append((state / "CURRENT").read_text().strip())
    manifest = json.loads((state / "sweeps" / sweeps[1] / "manifest.json").read_text())
    assert sweeps[0] != sweeps[1]
    assert (state / "sweeps" / sweeps[0] / "worklist.ndjson").is_file()
    assert (manifest["as_of"], manifest["people"]) == ("2026-07-31", 60)


@pytest.mark.parametrize("name", ["durable", "columnar"])
def test_doctor_holds_an_engine_against_the_reference(name: str) -> None:
    ran = almoner("doctor", "--engine", name, "--comparisons", "1000")
    assert ran.code == 0
    assert re.fullmatch(rf"{name}: 1,000 answers, [\d,]+ cells compared with reference: 0 differ", ran.out.strip())


def test_doctor_says_what_works() -> None:
    ran = almoner("doctor")
    assert ran.code == 0
    assert "durable engine" in ran.out


@pytest.mark.parametrize(("module", "needed"), [("plugin.cli", set()), ("plugin.cli.check", {"yaml"})])
def test_imports_nothing_heavy(module: str, needed: set[str]) -> None:
    """What ``--help`` costs is what it imports: click, and no web framework, database, parser or FHIR model. Nor need ``check`` more."""
    listing = f"import sys, {module}; print(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", listing], check=True, capture_output=True, text=True)
    heavy = {"flask", "duckdb", "pyarrow", "yaml", "pydantic", "requests", "rich", "fhir", "orjson", "jinja2", "fhir_adapters"}
    assert heavy & set(done.stdout.split()) == needed


def _copy_of_pack(folder: Path) -> Path:
    for file in (BUILT_IN / "whole-person").rglob("*.yaml"):
        target = folder / "pack" / file.relative_to(BUILT_IN / "whole-person")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    return folder / "pack"


def test_a_draft_rule_is_counted_but_puts_nobody_on_the_worklist(tmp_path: Path) -> None:
    pack = _copy_of_pack(tmp_path)
    for rule in (pack / "rules").glob("*.yaml"):
        rule.write_text(rule.read_text().replace("status: live\n", "status: draft\n", 1))
    assert almoner("demo", "--people", "60", "--no-serve", "--as-of", "2026-06-30", "--keep", tmp_path / "town").code == 0
    state = tmp_path / "state"
    ran = almoner("sweep", "--packs", pack, "--source", tmp_path / "town" / "fhir", "--as-of", "2026-06-30", "--state", state)
    assert ran.code == 0, ran.err
    folder = state / "sweeps" / (state / "CURRENT").read_text().strip()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (folder / "worklist.ndjson").read_text() == ""
    assert (manifest["flagged"], manifest["unknown"]) == (0, 0)
    assert sum(counts["yes"] for counts in manifest["findings_by_rule"].values()) > 0


def test_a_service_that_would_let_anybody_in_does_not_start_and_says_what_to_do(tmp_path: Path) -> None:
    ran = almoner("serve", "--host", "0.0.0.0", "--port", "0", "--state", tmp_path / "state")  # noqa: S104 it must not start
    assert ran.code == 3
    assert "callers need no token: give every client under cds.clients its issuer" in ran.err
    assert not (tmp_path / "state").exists()
