"""Value sets in files: what is read, when, and what is refused with its place."""

import json
from pathlib import Path

import pytest

from rules import expansions
from rules.errors import RuleError
from rules.facts import Coding
from rules.pack import BUILT_IN, load_packs

SNOMED = "http://snomed.info/sct"
EXPANDED = {
    "resourceType": "ValueSet",
    "version": "20240101",
    "expansion": {
        "contains": [
            {"system": SNOMED, "code": "195967001"},
            {"system": SNOMED, "abstract": True, "code": "50043002", "contains": [{"system": SNOMED, "code": "13645005"}]},
            {"system": SNOMED, "code": "233678006", "inactive": True},
        ]
    },
}


def pack_with(folder: Path, valueset: str, *, used: bool = True) -> Path:
    source = BUILT_IN / "whole-person"
    rule = (source / "rules" / "cold-damp-home-respiratory.yaml").read_text(encoding="utf-8")
    extra = f"\nvaluesets:\n  lungs: {valueset}\n"
    facts = "\nfacts:\n  lungs: {exists: conditions, code: lungs}" if used else "\nfacts:"
    for part in ("pack.yaml", "valuesets/conditions.yaml", "valuesets/screening.yaml"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).write_bytes((source / part).read_bytes())
    (folder / "rules").mkdir()
    (folder / "rules" / "cold-damp-home-respiratory.yaml").write_text(rule.replace("\nfacts:", extra + facts, 1), encoding="utf-8")
    return folder


def codes_of(folder: Path) -> frozenset[Coding] | None:
    (pack,) = load_packs(folder)
    fact = pack.program.by_name["cold-damp-home-respiratory/lungs"]
    return next(s.codes for s in pack.program.series() if s is getattr(fact, "series", None))


def test_an_expansion_gives_its_active_codes(tmp_path: Path) -> None:
    pack_with(tmp_path, '{file: lungs.json, version: "20240101"}')
    (tmp_path / "rules" / "lungs.json").write_text(json.dumps(EXPANDED))
    assert codes_of(tmp_path) == {Coding(SNOMED, "195967001"), Coding(SNOMED, "13645005")}


def test_a_listed_set_and_a_csv_file_give_the_same(tmp_path: Path) -> None:
    listed = {"resourceType": "ValueSet", "compose": {"include": [{"system": SNOMED, "concept": [{"code": "13645005"}]}]}}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    pack_with(tmp_path / "a", "{file: lungs.json}")
    (tmp_path / "a" / "rules" / "lungs.json").write_text(json.dumps(listed))
    pack_with(tmp_path / "b", "{file: lungs.csv}")
    (tmp_path / "b" / "rules" / "lungs.csv").write_text("code,system,display\n13645005,snomed,COPD\n")
    assert codes_of(tmp_path / "a") == codes_of(tmp_path / "b") == {Coding(SNOMED, "13645005")}


def test_a_set_that_no_fact_uses_is_not_even_opened(tmp_path: Path) -> None:
    pack_with(tmp_path, "{file: missing.json}", used=False)
    assert load_packs(tmp_path)


def test_a_file_is_read_once_for_many_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set.json").write_text(json.dumps(EXPANDED))
    first = expansions.read_expansion(tmp_path / "set.json")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read again"))
    assert expansions.read_expansion(tmp_path / "set.json") is first


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("lungs.json", None, "cannot be read: No such file"),
        ("lungs.json", "{", "not JSON"),
        ("lungs.json", "[" * 100_000, "not JSON"),
        ("lungs.json", '{"resourceType": "Patient"}', "not a FHIR ValueSet"),
        ("lungs.json", '{"resourceType": "ValueSet", "expansion": {"contains": []}}', "no codes"),
        ("lungs.json", '{"resourceType": "ValueSet", "version": "2", "expansion": {"contains": []}}', "version 2, not 1"),
        ("lungs.json", '{"resourceType": "ValueSet"}', "not expanded"),
        ("lungs.json", '{"resourceType": "ValueSet", "compose": {"include": [{"system": "x", "filter": [{}]}]}}', "by a rule"),
        ("lungs.csv", "code\n1\n", "line 2 lacks a system or a code"),
        ("lungs.csv", "system,code\n", "no codes"),
        ("lungs.json", b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_set_of_codes_is_told_with_its_place(tmp_path: Path, name: str, content: str | bytes | None, says: str) -> None:
    version = ', version: "1"' if "version" in says else ""
    pack_with(tmp_path, f"{{file: {name}{version}}}")
    if content is not None:
        (tmp_path / "rules" / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(RuleError) as refused:
        load_packs(tmp_path)
    (diagnostic,) = refused.value.diagnostics
    assert (diagnostic.code, diagnostic.span.column) == ("ALM233", 17)
    assert says in diagnostic.message
