"""One finding, one rule, in FHIR's words."""

import json
from dataclasses import replace
from typing import Any

import pytest

from fhir_adapters.export.findings import FindingResources, Ruling, Stratum
from fhir_adapters.writeback.authored import problems

RULE = Ruling("hunger", "Hungry", "Hunger harms.", "urgent", restricted=False, pack="town", version="2.3.1")
WORDS = FindingResources("https://example.org/fhir", "main", "2026-06-30")


def finding(status: str = "yes", *evidence: tuple[str, str], **facts: Any) -> dict[str, Any]:
    said = [{"fact": fact, "resource": resource, "date": "2026-05-01"} for fact, resource in evidence]
    return {"patient": "ann", "rule": "hunger", "status": status, "facts": facts, "evidence": said, "next_flip": None}


def made(told: dict[str, Any], rule: Ruling = RULE, words: FindingResources = WORDS) -> dict[str, dict[str, Any]]:
    found = {each["resourceType"]: each for each in words.of_finding(rule, told)}
    assert [problem for each in found.values() for problem in problems(each)] == []
    return found


def test_what_is_restricted_is_labelled_on_every_resource() -> None:
    hidden = replace(RULE, restricted=True)
    about = [*made(finding(), hidden).values(), *made(finding("unknown"), hidden).values(), WORDS.measure(hidden)]
    assert [each["meta"]["security"][0]["code"] for each in about] == ["R"] * 5
    assert all("meta" not in each for each in made(finding()).values())


def test_evidence_that_is_no_resource_is_not_referred_to() -> None:
    found = made(
        finding("yes", ("age", "Patient/ann"), ("screen", "a line of a table"), ("screen", "Observation/1"), ("again", "Observation/1"))
    )
    assert [each["valueReference"]["reference"] for each in found["Flag"]["extension"]] == ["Patient/ann", "Observation/1"]
    assert [each["code"][0]["text"] for each in found["DetectedIssue"]["evidence"]] == ["age", "screen", "again"]
    bare = made(finding("yes", ("screen", "a line of a table")))
    assert not {"extension", "evidence", "input"} & {name for each in bare.values() for name in each}


def test_an_unknown_says_which_facts_it_lacks() -> None:
    response = made(finding("unknown", ("a", "Condition/1"), ("b", "Goal/2"), hba1c=None, age=50))["GuidanceResponse"]
    assert response["note"] == [{"text": "cannot be told: hba1c"}]
    assert response["reasonReference"] == [{"reference": "Condition/1"}], "a Goal is no reason of a GuidanceResponse"
    assert made(finding("unknown"))["GuidanceResponse"]["note"] == [{"text": "cannot be told"}]


@pytest.mark.parametrize(
    ("words", "rule", "same"),
    [
        (replace(WORDS, as_of="2026-07-01"), RULE, True),
        (WORDS, replace(RULE, version="2.4.0", title="Hungry still"), True),
        (WORDS, replace(RULE, version="3.0.0"), False),
        (replace(WORDS, source="elsewhere"), RULE, False),
        (replace(WORDS, base="https://example.org/other"), RULE, False),
    ],
    ids=["another day", "a minor version", "a major version", "another source", "another base"],
)
def test_what_a_resource_is_about_makes_its_id(words: FindingResources, rule: Ruling, same: bool) -> None:
    assert (made(finding(), rule, words)["Flag"]["id"] == made(finding())["Flag"]["id"]) is same


def test_withheld_numbers_are_masked() -> None:
    whole = Stratum({}, {"people": "1,200", "yes": "<11", "no": "*", "unknown": "0"})
    report = WORDS.report(RULE, [whole])
    assert list(problems(report)) == []
    people, yes, no, unknown = report["group"][0]["population"]
    assert (people["count"], unknown["count"]) == (1200, 0)
    assert all("masked" in json.dumps(each["_count"]) and "count" not in each for each in (yes, no))
    assert "stratifier" not in report["group"][0]
