"""Expansions from a terminology server: whole, of the version asked for, or refused with a reason."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.valueset import ValueSet
from support.faulty_ehr import Behaviour, Faulty, body, fixed, in_turn, serving
from support.terminology import NUMBERS, NUMBERS_SET, Terminology, expansion, numbers, outcome, paged, terminology_server

from fhir_adapters import FhirServer, Limits
from fhir_adapters.errors import EhrUnavailable, ExpansionRefused, UnsafeRedirect
from fhir_adapters.terminology import PAGE, expand, expand_hierarchy
from rules.facts import Coding

QUICK = Limits(attempt=60, call=60, attempts=2, longest_wait=0.01, body=1 << 24)
OVERRIDES = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    with serving() as server:
        yield server


def quick(server: Faulty) -> FhirServer:
    return FhirServer(server.base_url, limits=QUICK)


def codes(count: int) -> set[Coding]:
    return {Coding(NUMBERS, f"n{n}") for n in range(count)}


# ---------------------------------------------------------------- what is whole


@pytest.mark.parametrize("count", [1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 500])
def test_all_pages_are_read(faulty: Faulty, count: int) -> None:
    faulty.behaviours["ValueSet"] = lambda path, query, headers: body(paged(numbers(count), query))
    found = expand(quick(faulty), NUMBERS_SET, "1")
    assert (set(found.names), found.version) == (codes(count), "1")
    assert found.names[Coding(NUMBERS, "n0")] == "Number 0"
    assert len(faulty.asked) == -(-count // PAGE)
    assert "url=http%3A%2F%2Fexample.org%2FValueSet%2Fnumbers&valueSetVersion=1&activeOnly=true" in faulty.asked[0][0]


@pytest.mark.parametrize("count", [1, PAGE - 1, PAGE + 500])
def test_a_server_that_cannot_page_gives_everything_at_once(faulty: Faulty, count: int) -> None:
    faulty.behaviours["ValueSet"] = fixed(body(expansion(numbers(count))))
    assert set(expand(quick(faulty), NUMBERS_SET).names) == codes(count)


def test_without_a_total_the_pages_end_with_one_that_is_not_full(faulty: Faulty) -> None:
    entries = numbers(2 * PAGE)
    faulty.behaviours["ValueSet"] = in_turn(body(expansion(entries[:PAGE])), body(expansion(entries[PAGE:])), body(expansion([])))
    assert set(expand(quick(faulty), NUMBERS_SET).names) == codes(2 * PAGE)


def test_nested_entries_are_flattened_and_headings_left_out(faulty: Faulty) -> None:
    one, two, three, four, five = numbers(5)
    entries = [{"display": "A heading", "contains": [one, two | {"abstract": True, "contains": [three, four | {"inactive": True}]}]}, five]
    faulty.behaviours["ValueSet"] = fixed(body(expansion(entries, total=6)))
    found = expand(quick(faulty), NUMBERS_SET)
    assert [code.code for code in found.names] == ["n0", "n2", "n4"]
    assert found.inactive == 1


def test_a_code_that_comes_twice_is_counted_as_the_server_counts(faulty: Faulty) -> None:
    one, two = numbers(2)
    for total in (2, 3):
        faulty.behaviours["ValueSet"] = fixed(body(expansion([one, two, one], total=total)))
        assert set(expand(quick(faulty), NUMBERS_SET).names) == codes(2)


def test_the_version_may_stand_among_the_parameters(faulty: Faulty) -> None:
    used = {"name": "used-valueset", "valueUri": f"{NUMBERS_SET}|2026"}
    answer = expansion(numbers(1), parameter=[used])
    del answer["version"]
    faulty.behaviours["ValueSet"] = fixed(body(answer))
    assert expand(quick(faulty), NUMBERS_SET, "2026").version == "2026"


def test_the_expansion_is_a_valid_resource_that_reads_back(faulty: Faulty, tmp_path: Path) -> None:
    odd = numbers(1)[0] | {"display": 'A "quoted" name\u2028on two lines, []'}
    faulty.behaviours["ValueSet"] = fixed(body(expansion([odd, *numbers(3)[1:]], copyright="Nobody's")))
    found = expand(quick(faulty), NUMBERS_SET, "1")
    resource = json.loads(found.text())
    assert resource == found.resource
    assert ValueSet.model_validate(resource).expansion.total == 3
    assert len(found.text().strip().split("\n")) < 30


def test_a_server_that_stumbles_is_asked_again(faulty: Faulty) -> None:
    faulty.behaviours["ValueSet"] = in_turn(body({}, 503, Retry_After="0"), body(expansion(numbers(2), total=2)))
    assert set(expand(quick(faulty), NUMBERS_SET).names) == codes(2)
    faulty.behaviours["ValueSet"] = in_turn(body({}, 502), body(expansion(numbers(2), total=2)))
    assert set(expand_hierarchy(quick(faulty), "is-a", [Coding(NUMBERS, "n0")]).names) == codes(2)
    assert faulty.posted[0] == faulty.posted[1]


# ---------------------------------------------------------------- what is refused

TOO_COSTLY = {"url": "http://hl7.org/fhir/StructureDefinition/valueset-toocostly", "valueBoolean": True}
UNCLOSED = {"url": "http://hl7.org/fhir/StructureDefinition/valueset-unclosed", "valueBoolean": True}
LIMITED = {"name": "limitedExpansion", "valueBoolean": True}
TWO = numbers(2)
REFUSED: dict[str, tuple[Behaviour, str]] = {
    "too costly": (fixed(body(outcome("too-costly", "max is 1000"), 422)), r"too large for the server: .* \(it says: max is 1000\)"),
    "too costly with 200": (fixed(body(outcome("too-costly"))), "too large for the server"),
    "not known": (fixed(body(outcome("not-found"), 404)), "does not know it, or not in this version"),
    "not known, without a word": (fixed(body({}, 404)), "does not know it, or is no terminology server"),
    "not supported": (fixed(body(outcome("not-supported"), 400)), "cannot expand a set like this one"),
    "something else": (
        fixed(body(outcome("processing", "line 1\nline 2" + "x" * 300), 422)),
        r"cannot expand it \(it says: line 1 line 2x+…\)",
    ),
    "no access": (fixed(body(outcome("not-found"), 401)), "refuses access"),
    "defect": (fixed(body({}, 500)), r"the server failed \(HTTP 500\)"),
    "a part, by extension": (fixed(body(expansion(TWO, extension=[TOO_COSTLY]))), "shows only a part of it"),
    "not closed": (fixed(body(expansion(TWO, extension=[UNCLOSED]))), "cannot list the whole"),
    "a part, by parameter": (fixed(body(expansion(TWO, parameter=[LIMITED]))), "shows only a part of it"),
    "another version": (fixed(body(expansion(TWO, version="2"))), "version 1 was asked for, and the server expanded 2"),
    "no version": (fixed(body(expansion(TWO, version=""))), "expanded one that it does not name"),
    "another set": (fixed(body(expansion(TWO) | {"url": "http://example.org/x"})), "another value set"),
    "empty": (fixed(body(expansion([], total=0))), "has no codes"),
    "only inactive codes": (fixed(body(expansion([TWO[0] | {"inactive": True}]))), "no codes that are active"),
    "fewer than it says": (fixed(body(expansion(TWO, total=3))), "said 3 codes and showed 2"),
    "nothing of what it says": (fixed(body(expansion([], total=3))), "said 3 codes and showed 0"),
    "more than it says": (fixed(body(expansion(TWO, total=1))), "said 1 codes and showed 2"),
    "another total on the next page": (
        in_turn(body(expansion(TWO[:1], total=2)), body(expansion(TWO[1:], total=3))),
        "changed while it was read",
    ),
    "the same full page for ever": (fixed(body(expansion(numbers(PAGE)))), "shows the same page again"),
    "a code without system": (fixed(body(expansion([{"code": "n1"}]))), "code n1 comes without its code system"),
    "no entries": (fixed(body(expansion(["n1"]))), "no entry"),  # type: ignore[list-item]
    "a set that is not expanded": (fixed(body({"resourceType": "ValueSet"})), "not an expanded value set"),
    "something else altogether": (fixed(body({"resourceType": "Bundle"})), "not an expanded value set"),
}


@pytest.mark.parametrize(("behaviour", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_certainly_whole_is_refused(faulty: Faulty, behaviour: Behaviour, reason: str) -> None:
    faulty.behaviours["ValueSet"] = behaviour
    with pytest.raises(ExpansionRefused, match=reason):
        expand(quick(faulty), NUMBERS_SET, "1")


def test_redirects_lead_nowhere_else(faulty: Faulty) -> None:
    faulty.behaviours["ValueSet"] = fixed((302, {"Location": "http://other.example/fhir/ValueSet/$expand"}, b""))
    with pytest.raises(UnsafeRedirect, match="another host"):
        expand(quick(faulty), NUMBERS_SET)
    faulty.behaviours["ValueSet"] = fixed((307, {"Location": "/fhir/ValueSet/$expand"}, b""))
    with pytest.raises(UnsafeRedirect, match="redirects what was sent"):
        expand_hierarchy(quick(faulty), "is-a", [Coding(NUMBERS, "n0")])


def test_a_server_that_is_not_there_is_told_apart() -> None:
    with serving() as gone:
        pass
    with pytest.raises(EhrUnavailable, match="no complete answer") as failed:
        expand(quick(gone), NUMBERS_SET)
    assert not isinstance(failed.value, ExpansionRefused)


# ---------------------------------------------------------------- hierarchies


def test_a_hierarchy_is_asked_for_as_an_inline_value_set(faulty: Faulty) -> None:
    used = {"name": "used-codesystem", "valueUri": f"{NUMBERS}|2026-01"}
    faulty.behaviours["ValueSet"] = fixed(body(expansion(numbers(2), total=2, parameter=[used])))
    found = expand_hierarchy(quick(faulty), "descendent-of", [Coding(NUMBERS, "n9"), Coding(NUMBERS, "n8")], "2026-01")
    assert (set(found.names), found.version) == (codes(2), f"{NUMBERS}|2026-01")
    asked: dict[str, Any] = {p["name"]: p for p in json.loads(faulty.posted[0])["parameter"]}
    assert asked["valueSet"]["resource"]["compose"]["include"] == [
        {"system": NUMBERS, "version": "2026-01", "filter": [{"property": "concept", "op": "descendent-of", "value": root}]}
        for root in ("n8", "n9")
    ]
    assert (asked["activeOnly"]["valueBoolean"], asked["offset"]["valueInteger"], asked["count"]["valueInteger"]) == (True, 0, PAGE)
    assert ValueSet.model_validate(found.resource).compose.include[0].filter[0].op == "descendent-of"


@pytest.mark.parametrize(
    ("said", "wanted", "fits"),
    [
        ("http://snomed.info/sct|http://snomed.info/sct/731000124108/version/20260301", "http://snomed.info/sct/731000124108", True),
        ("http://snomed.info/sct|http://snomed.info/sct/731000124108/version/20260301", "http://snomed.info/sct/900000000000207008", False),
        ("http://loinc.org|2.77", "2.77", False),
        ("", "http://snomed.info/sct/731000124108", False),
    ],
)
def test_the_code_system_must_have_the_version(faulty: Faulty, said: str, wanted: str, fits: bool) -> None:
    used = [{"name": "version", "valueUri": said}] if said else []
    faulty.behaviours["ValueSet"] = fixed(body(expansion(numbers(2), parameter=used)))
    roots = [Coding("http://snomed.info/sct", "73211009")]
    if fits:
        assert expand_hierarchy(quick(faulty), "is-a", roots, wanted).version == said
        return
    with pytest.raises(ExpansionRefused, match="does not say that it used it"):
        expand_hierarchy(quick(faulty), "is-a", roots, wanted)


def test_a_published_code_system_and_its_value_sets(shared_data: Path) -> None:
    """The override reasons of HL7's CDS work group: six groups with the reasons below each."""
    folder = shared_data / "override-reasons"
    system = json.loads((folder / "CodeSystem-non-adherence-reason-codes.json").read_text(encoding="utf-8"))
    sets = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("ValueSet-*.json"))]
    with terminology_server(Terminology([system], sets)) as server:
        found = {s["url"].rpartition("/")[2]: expand(quick(server), s["url"], s.get("version")) for s in sets}
        group = Coding(OVERRIDES, "cds-not-applicable")
        below = expand_hierarchy(quick(server), "descendent-of", [group])
        with_itself = expand_hierarchy(quick(server), "is-a", [group])
    groups = {concept["code"] for concept in system["concept"]}
    assert {code.code for code in found["non-adherence-reason-category"].names} == groups
    assert len(found["non-adherence-reason"].names) == sum(1 + len(concept["concept"]) for concept in system["concept"])
    assert {code.code for code in below.names} == {c["code"] for c in system["concept"][0]["concept"]}
    assert with_itself.names.keys() - below.names.keys() == {group}
