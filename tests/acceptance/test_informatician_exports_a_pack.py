"""An informatician hands a pack on to a system that speaks FHIR and CQL."""

import json
from base64 import b64decode
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class
from support.command_line import almoner
from support.spec import write_pack

from rules.pack import BUILT_IN

SHIPPED = sorted(header.parent for header in BUILT_IN.rglob("pack.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("pack", SHIPPED, ids=lambda p: p.name)
def test_every_shipped_pack_goes_out_whole_and_always_the_same(pack: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    ran = almoner("export", "fhir", pack, "--out", first, "--base-url", "https://fhir.example.org/r4")
    assert (ran.code, ran.out) == (0, "")
    assert almoner("export", "fhir", pack, "--out", again, "--base-url", "https://fhir.example.org/r4").code == 0
    assert {f.name: f.read_bytes() for f in first.iterdir()} == {f.name: f.read_bytes() for f in again.iterdir()}

    lines = [json.loads(line) for line in (first / "manifest.ndjson").read_text(encoding="utf-8").splitlines()]
    assert sorted(line["file"] for line in lines) == sorted(f.name for f in first.iterdir() if f.suffix == ".json")
    for line in lines:
        resource = json.loads((first / line["file"]).read_text(encoding="utf-8"))
        get_fhir_model_class(resource["resourceType"])(**resource)
        assert (resource["url"], resource["version"]) == (line["url"], line["version"])
        assert resource["url"].startswith("https://fhir.example.org/r4/")
    rules = {file.stem for file in (pack / "rules").glob("*.yaml")}
    (plan,) = (json.loads(file.read_text(encoding="utf-8")) for file in first.glob("PlanDefinition-*.json"))
    assert {action["id"] for action in plan["action"]} <= rules
    (library,) = (json.loads(file.read_text(encoding="utf-8")) for file in first.glob("Library-*.json"))
    cql = b64decode(library["content"][0]["data"]).decode()
    assert all(f'define "{rule}":' in cql for rule in rules)


def test_what_is_not_said_whole_is_told(tmp_path: Path) -> None:
    ran = almoner("export", "fhir", BUILT_IN / "whole-person", "--out", tmp_path / "out")
    assert "note: 'damp-home-child-prevent/household home problems' is of a household" in ran.err


def test_what_cannot_be_said_stops_the_export(tmp_path: Path) -> None:
    snippet = 'facts: {hba1c: {latest: observations, code: HbA1c, unit: "%"}}\nwhen: hba1c > 0.0000000001 %'
    ran = almoner("export", "fhir", write_pack(tmp_path / "pack", snippet), "--out", tmp_path / "out")
    assert ran.code == 1
    assert "'spec' cannot be exported: the number 0.0000000001" in ran.err
    assert not (tmp_path / "out").exists()


def test_one_pack_at_a_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = write_pack(tmp_path / name, "facts: {a: {exists: conditions}}\nwhen: a")
        (folder / "rules" / "spec.yaml").rename(folder / "rules" / f"{name}.yaml")
        rule = folder / "rules" / f"{name}.yaml"
        rule.write_text(rule.read_text(encoding="utf-8").replace("rule: spec", f"rule: {name}"), encoding="utf-8")
    ran = almoner("export", "fhir", tmp_path, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "several packs" in ran.err
