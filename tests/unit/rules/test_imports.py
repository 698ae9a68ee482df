"""Packs that import packs: which versions fit, what is read, what changes a rule's meaning, what is told to whom."""

from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest
from support.engines import NAMES, open_engines
from support.json_schema import errors
from support.spec import measured, write_pack

from rules import imports
from rules.checks import lint
from rules.evaluation import EVERY_STATUS, evaluate
from rules.facts import Person, PersonRecord
from rules.fingerprint import fingerprint
from rules.imports import fits
from rules.lock import changes, locked
from rules.pack import Pack, load_packs
from rules.pages import page
from rules.schema import schema

IMPORT = 'imports: [{pack: ../library, version: ">=1.2, <2"}]'
NAMES_SHARED = """
valuesets: {glucose tests: {loinc: [4548-4]}}
facts:
  last test: {latest: observations, code: glucose tests, unit: "%"}
  other: {exists: procedures}
"""
HEADER = "pack: middle\nversion: 1.0.0\ntitle: Names in between\nowner: Almoner maintainers"
RULE = "when: last test > 9 %"


def loaded(folder: Path, library: str = NAMES_SHARED, rule: str = RULE, pack: str = IMPORT) -> Pack:
    (found,) = load_packs(write_pack(folder / "pack", rule, pack, library))
    return found


@pytest.mark.parametrize(
    ("version", "wanted", "fit"),
    [
        ("1.2.0", ">=1.2, <2", True),
        ("1.10.0", ">=1.2, <2", True),
        ("1.1.9", ">=1.2, <2", False),
        ("2.0.0", ">=1.2, <2", False),
        ("2.0.0", "<= 2", True),
        ("2.0.1", "<=2", False),
        ("1.2.0", "=1.2", True),
        ("1.2.1", "=1.2", False),
        ("1.2.0", ">1.2.0", False),
    ],
)
def test_which_versions_fit(version: str, wanted: str, fit: bool) -> None:
    assert fits(version, wanted) is fit


def test_only_what_the_rules_rest_on_is_taken_over(tmp_path: Path) -> None:
    assert set(loaded(tmp_path).program.by_name) == {"last test"}


def test_a_rule_means_the_same_wherever_its_definitions_stand(tmp_path: Path) -> None:
    there = loaded(tmp_path)
    (here,) = load_packs(write_pack(tmp_path / "whole", RULE, NAMES_SHARED))
    assert fingerprint(there.program, "spec") == fingerprint(here.program, "spec")


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("[4548-4]", "[4548-4, 17856-6]", False),
        ("latest", "earliest", False),
        ("last test: {latest", "last test: {latest", True),
        ("{exists: procedures}", "{exists: encounters}", True),
    ],
)
def test_the_lock_notices_when_an_imported_definition_changes(old: str, new: str, same: bool, tmp_path: Path) -> None:
    lock = locked([loaded(tmp_path)], {})
    found = list(changes([loaded(tmp_path, NAMES_SHARED.replace(old, new))], lock, tmp_path / "lock.json"))
    assert [change.allowed for change in found] == ([] if same else [False])
    assert all("'spec' has another meaning" in change.diagnostic.message for change in found)


def test_a_pack_that_several_import_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = imports.read_file
    monkeypatch.setattr(imports, "read_file", lambda path: read.append(str(path)) or original(path))
    base = write_pack(tmp_path / "pack", RULE, IMPORT, NAMES_SHARED)
    middle = """
        imports: [{pack: ../library, version: ">=1"}]
        facts: {high: {when: last test > 9 %}}
        """
    (tmp_path / "middle").mkdir()
    (tmp_path / "middle" / "pack.yaml").write_text(HEADER + dedent(middle), encoding="utf-8")
    header = (base / "pack.yaml").read_text(encoding="utf-8")
    (base / "pack.yaml").write_text(header.replace("imports: [", 'imports: [{pack: ../middle, version: ">=1"}, '), encoding="utf-8")
    (base / "rules" / "spec.yaml").write_text(
        (base / "rules" / "spec.yaml").read_text(encoding="utf-8").replace("when: last test > 9 %", "when: high"), encoding="utf-8"
    )
    packs = {pack.document.id: pack for pack in load_packs(tmp_path)}
    assert [pack.id for pack in packs["specification"].document.libraries()] == ["library", "middle"]
    assert set(packs["specification"].program.by_name) == {"last test"}
    assert [Path(path).parent.name for path in read if path.endswith("pack.yaml")].count("library") == 1


def test_a_pack_without_rules_computes_nothing_on_any_engine(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", RULE, IMPORT, NAMES_SHARED + "\n  wrong: {exists: conditions, code: {loinc: [4548-4]}}")
    packs = load_packs(tmp_path)
    assert [(pack.document.id, len(pack.program.by_name)) for pack in packs] == [("library", 0), ("specification", 1)]
    people = [PersonRecord(Person("a"), (measured(9.5),), frozenset())]
    with open_engines() as engines:
        for name in NAMES:
            found = evaluate(packs, people, date(2026, 6, 30), engines[name], statuses=EVERY_STATUS)
            assert [(each.finding.rule, each.finding.status) for each in found] == [("spec", "yes")]


# ---------------------------------------------------------------- lints, schema, pages


def remarks(folder: Path, *, whole: bool = True) -> list[str]:
    return [f"{each.code} {each.message}" for each in lint(load_packs(folder), whole=whole) if each.code in ("ALM309", "ALM320")]


def test_an_import_without_a_use(tmp_path: Path) -> None:
    quiet = "facts: {age: {patient: age}}\nwhen: age > 64"
    unused = "ALM320 nothing of 'library' is used here"
    assert unused in remarks(write_pack(tmp_path / "pack", quiet, IMPORT, NAMES_SHARED))
    assert unused not in remarks(tmp_path / "pack", whole=False)
    for use in (RULE, "facts: {test: {exists: observations, code: glucose tests}}\nwhen: test"):
        assert unused not in remarks(write_pack(tmp_path / "pack", use, IMPORT, NAMES_SHARED))


def test_names_of_a_pack_without_rules_are_there_for_others(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", RULE, IMPORT, NAMES_SHARED)
    assert remarks(tmp_path / "library") == []


def test_a_condition_of_a_library_is_judged_as_any_other(tmp_path: Path) -> None:
    never = NAMES_SHARED + "  never: {when: {all: [last test > 9 %, last test < 5 %]}}\n"
    write_pack(tmp_path / "pack", RULE, IMPORT, never)
    assert [each.code for each in lint(load_packs(tmp_path / "library"))] == ["ALM301"]


def test_editors_offer_imported_names(tmp_path: Path) -> None:
    found = schema("rule", loaded(tmp_path))["$defs"]
    assert "glucose tests" in found["code"]["anyOf"][0]["enum"]
    assert "last test" in found["fact name"]["anyOf"][0]["enum"]


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ([{"pack": "../library", "version": ">=1.2, <2"}], True),
        ({"pack": "../library", "version": ">=1.2"}, True),
        ([{"pack": "../library"}], False),
        ([{"pack": "../library", "version": "1.2"}], False),
        (["../library"], False),
    ],
)
def test_the_schema_of_imports(written: object, right: bool) -> None:
    header = {"pack": "p", "version": "1.0.0", "title": "A pack", "owner": "us"}
    assert (errors(schema("pack"), header | {"imports": written}) == []) is right


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ({"url": "http://example.org/ValueSet/x", "version": "2"}, True),
        ({"url": "ValueSet/x"}, False),
        ({"is a": {"snomed": ["73211009"]}}, True),
        ({"descendants of": {"snomed": "73211009"}, "version": "http://snomed.info/sct/731000124108"}, True),
        ({"descendants of": ["73211009"]}, False),
        ({"version": "2"}, False),
    ],
)
def test_the_schema_of_value_sets(written: object, right: bool) -> None:
    assert (errors(schema("valuesets"), {"valuesets": {"a set": written}}) == []) is right


def test_the_page_of_a_rule_says_what_its_pack_imports(tmp_path: Path) -> None:
    assert "| imports | `library` 1.2.0 |" in page(loaded(tmp_path), "spec")
