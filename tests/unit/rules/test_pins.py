"""Pinned expansions: names of files, digests, and that only what rules use is read."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from support.spec import write_expansions, write_pack

from rules import expansions
from rules.checks import lint
from rules.facts import Coding
from rules.pack import load_packs
from rules.pins import EXPANSIONS, PINS_FILE, Definition, digest_of, expansion_file, pins_text, read_pins

SNOMED = "http://snomed.info/sct"
DIABETES = Coding(SNOMED, "44054006")
MANY = 1500
DEFINITIONS = [
    Definition(url="http://example.org/ValueSet/x"),
    Definition(url="http://example.org/ValueSet/x", version="1"),
    Definition(url="http://example.org/other/x", version="1"),
    Definition(url="urn:oid:2.16.840.1.113883.3.464.1003.103.12.1001"),
    Definition(url="http://example.org/ValueSet/../../etc/passwd"),
    Definition(url="http://example.org/ValueSet/", version="../../x"),
    Definition(url="http://example.org/ValueSet/" + "long" * 100),
    Definition(operator="is-a", roots=(DIABETES,)),
    Definition(operator="descendent-of", roots=(DIABETES,)),
    Definition(operator="is-a", roots=(DIABETES,), version="http://snomed.info/sct/731000124108"),
    Definition(operator="is-a", roots=(Coding("http://example.org/", "44054006"),)),
]


def test_each_definition_has_a_safe_file_of_its_own() -> None:
    slugs = [definition.slug for definition in DEFINITIONS]
    assert len({slug.lower() for slug in slugs}) == len(DEFINITIONS)
    assert [slug for slug in slugs if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,69}", slug) or ".." in slug] == []


def test_the_order_of_roots_and_codes_does_not_matter() -> None:
    one, two = DIABETES, Coding(SNOMED, "46635009")
    assert Definition(operator="is-a", roots=(one, two)).slug == Definition(operator="is-a", roots=(two, one)).slug
    assert digest_of([one, two, one]) == digest_of([two, one]) != digest_of([one])


def test_a_lock_reads_back(tmp_path: Path) -> None:
    write_expansions(tmp_path, {definition: (DIABETES,) for definition in DEFINITIONS})
    pins = read_pins(tmp_path)
    assert {pin.definition for pin in pins.values()} == {str(definition) for definition in DEFINITIONS}
    assert (tmp_path / EXPANSIONS / PINS_FILE).read_text(encoding="utf-8") == pins_text(pins)
    assert read_pins(tmp_path / "nowhere") == {}


def test_of_many_expansions_only_those_that_rules_use_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the pack itself and in one that it imports; a pack without rules reads none."""
    sets = "".join(f'  set {n}: {{url: "http://example.org/ValueSet/{n}"}}\n' for n in range(MANY))
    facts = "".join(f"  fact {n}: {{exists: conditions, code: set {n}}}\n" for n in range(MANY))
    rule = "facts: {mine: {exists: conditions, code: set 3}}\nwhen: {any: [mine, fact 7]}"
    write_pack(tmp_path / "pack", rule, 'imports: [{pack: ../library, version: ">=1"}]', f"valuesets:\n{sets}facts:\n{facts}")
    fetched = {Definition(url=f"http://example.org/ValueSet/{n}"): (Coding(SNOMED, str(n)),) for n in range(MANY)}
    write_expansions(tmp_path / "library", fetched)
    read: list[Path] = []
    original = expansions._text
    monkeypatch.setattr(expansions, "_text", lambda path: read.append(path) or original(path))
    load_packs(tmp_path)
    assert sorted(path.name.split("-")[0] for path in read) == ["3", "7"]


def test_checking_a_pack_without_rules_tells_which_sets_are_not_here(tmp_path: Path) -> None:
    library = 'valuesets: {sugar: {url: "http://example.org/ValueSet/x"}}\nfacts: {sweet: {exists: conditions, code: sugar}}'
    write_pack(tmp_path / "pack", "when: sweet", 'imports: [{pack: ../library, version: ">=1"}]', library)
    with pytest.raises(Exception, match=r"library/pack.yaml:5:13: ALM234 value set 'sugar': its codes are not here"):
        lint(load_packs(tmp_path / "library"))


# ---------------------------------------------------------------- lints

ACTIVE = {"system": SNOMED, "code": "44054006"}
EXPIRES = "http://hl7.org/fhir/StructureDefinition/valueset-expirationDate"
EFFECTIVE = "http://hl7.org/fhir/StructureDefinition/resource-effectivePeriod"
OUTDATED = {
    "active": ({"status": "active"}, None),
    "without a status": ({}, None),
    "retired": ({"status": "retired"}, "is retired"),
    "over": ({"effectivePeriod": {"start": "2020-01-01", "end": "2026-06-29"}}, "was in use until 2026-06-29"),
    "over today": ({"effectivePeriod": {"end": "2026-06-30"}}, None),
    "over this year": ({"effectivePeriod": {"end": "2026"}}, None),
    "over last year": ({"effectivePeriod": {"end": "2025"}}, "was in use until 2025"),
    "over, by extension": ({"extension": [{"url": EFFECTIVE, "valuePeriod": {"end": "2025-12-31T23:00:00Z"}}]}, "until 2025-12-31"),
    "expired": ({"extension": [{"url": EXPIRES, "valueDateTime": "2026-01-01"}]}, "was in use until 2026-01-01"),
    "going on": ({"effectivePeriod": {"start": "2020-01-01"}, "extension": [{"url": "http://example.org/"}]}, None),
}


def remarks(folder: Path, resource: dict[str, object], code: str, today: date | None = date(2026, 6, 30)) -> list[str]:
    pack = write_pack(
        folder / "pack", "facts: {sweet: {exists: conditions, code: sugar}}\nwhen: sweet", "valuesets: {sugar: {file: x.json}}"
    )
    (pack / "x.json").write_text(json.dumps({"resourceType": "ValueSet"} | resource), encoding="utf-8")
    return [each.message for each in lint(load_packs(pack), today=today) if each.code == code]


@pytest.mark.parametrize(("about", "said"), OUTDATED.values(), ids=OUTDATED)
def test_a_set_whose_time_is_over(about: dict[str, object], said: str | None, tmp_path: Path) -> None:
    expansions.read_expansion.cache_clear()
    found = remarks(tmp_path, {"expansion": {"contains": [ACTIVE]}} | about, "ALM321")
    assert len(found) == (1 if said else 0)
    assert all(said and said in message for message in found)


def test_without_a_day_nobody_can_tell_what_is_over(tmp_path: Path) -> None:
    resource = {"expansion": {"contains": [ACTIVE]}, "effectivePeriod": {"end": "2020-01-01"}}
    assert remarks(tmp_path, resource, "ALM321", None) == []


def test_inactive_codes_are_told(tmp_path: Path) -> None:
    inactive = [{"system": SNOMED, "code": f"{n}", "inactive": True} for n in (1, 2, 3, 4)]
    resource = {"expansion": {"contains": [ACTIVE | {"contains": inactive[:1]}, *inactive[1:]]}}
    assert remarks(tmp_path, resource, "ALM322") == ["4 inactive codes of 'sugar' do not count: 1, 2, 3, …"]
    assert remarks(tmp_path, {"expansion": {"contains": [ACTIVE]}}, "ALM322") == []


def test_a_fetched_set_is_looked_at_like_any_other(tmp_path: Path) -> None:
    definition = Definition(url="http://example.org/ValueSet/x")
    snippet = 'valuesets: {sugar: {url: "http://example.org/ValueSet/x"}}\nfacts: {sweet: {exists: conditions, code: sugar}}\nwhen: sweet'
    pack = write_pack(tmp_path / "pack", snippet, fetched={definition: (DIABETES,)})
    file = expansion_file(pack, definition)
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | {"status": "retired"}), encoding="utf-8")
    assert [each.message for each in lint(load_packs(pack)) if each.code == "ALM321"] == ["the value set 'sugar' is retired"]
