"""What a sweep publishes as FHIR is valid, refers to what it rests on, and says what the findings say."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.medplum import verdicts, why_not
from support.sweeping import FIRST, SECOND, contents, current, lines_of, sweep, town

from fhir_adapters.writeback.authored import problems
from plugin.sweep.published import Published
from plugin.sweep.resources import TYPES
from rules.pack import BUILT_IN, load_packs

pytestmark = pytest.mark.slow

PEOPLE = 150
BASE = "https://example.org/fhir"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return town(tmp_path_factory.mktemp("town") / "fhir", PEOPLE)


@pytest.fixture(scope="module")
def swept(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("state") / "state"
    ran = sweep(people, state, FIRST, "--fhir", "--base-url", BASE + "/")
    assert ran.code == 0, ran.err
    return current(state)


@pytest.fixture(scope="module")
def resources(swept: Path) -> dict[str, list[Json]]:
    return {type: lines_of(swept / f"{type}.ndjson") for type in TYPES}


@pytest.fixture(scope="module")
def shown() -> dict[str, str]:
    """Rule that people see → version of its pack."""
    return {r.id.text: pack.document.version for pack in load_packs(BUILT_IN) for r in pack.document.rules if r.is_shown(FIRST)}


@pytest.fixture(scope="module")
def findings(swept: Path, shown: dict[str, str]) -> dict[str, list[Json]]:
    """Status → the findings that people see."""
    told = [each for each in lines_of(swept / "findings.ndjson") if each["rule"] in shown]
    return {status: [each for each in told if each["status"] == status] for status in ("yes", "unknown")}


def rule_of(resource: Json) -> str:
    (concept,) = resource.get("reasonCode") or [resource["code"]]
    code: str = concept["coding"][0]["code"]
    return code


def patient_of(resource: Json) -> str:
    about = resource.get("subject") or resource.get("patient") or resource["for"]
    return str(about["reference"]).removeprefix("Patient/")


def test_every_resource_is_valid(resources: dict[str, list[Json]]) -> None:
    wrong = [problem for type, found in resources.items() for each in found[:200] for problem in problems(each)]
    assert wrong == []
    assert min(len(found) for found in resources.values()) > 0


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "it runs")
def test_another_validator_finds_nothing_wrong(resources: dict[str, list[Json]]) -> None:
    some = [each for found in resources.values() for each in found[:40]]
    assert verdicts(some) == ["ok"] * len(some)


def test_each_finding_has_its_resources_and_each_resource_its_finding(
    resources: dict[str, list[Json]], findings: dict[str, list[Json]]
) -> None:
    for type, status in (("Flag", "yes"), ("DetectedIssue", "yes"), ("Task", "yes"), ("GuidanceResponse", "unknown")):
        expected = [(f["patient"], f["rule"]) for f in findings[status]]
        assert [(patient_of(r), rule_of(r)) for r in resources[type]] == expected, type


def test_all_name_the_rule_in_its_version_and_the_evidence(
    resources: dict[str, list[Json]], findings: dict[str, list[Json]], shown: dict[str, str]
) -> None:
    for found in resources.values():
        for resource in found:
            text = json.dumps(resource)
            assert f"|{max(shown.values())}" in text or '"version"' in text
    by_finding = zip(findings["yes"], resources["Flag"], resources["DetectedIssue"], resources["Task"], strict=True)
    for finding, flag, issue, task in by_finding:
        evidence = {each["resource"] for each in finding["evidence"]}
        assert {each["valueReference"]["reference"] for each in flag.get("extension", ())} == evidence
        assert {detail["reference"] for each in issue.get("evidence", ()) for detail in each["detail"]} == evidence
        assert {each["valueReference"]["reference"] for each in task.get("input", ())} == evidence
        assert issue["reference"] == f"{BASE}/PlanDefinition/whole-person|{shown[finding['rule']]}#{finding['rule']}"
        assert task["focus"] == task["reasonReference"] == {"reference": f"DetectedIssue/{issue['id']}"}
        assert (task["status"], task["intent"], issue["status"]) == ("draft", "proposal", "preliminary")
    assert sum("input" in task for task in resources["Task"]) > len(resources["Task"]) / 2


def test_what_is_unknown_says_what_is_missing(resources: dict[str, list[Json]], findings: dict[str, list[Json]]) -> None:
    for finding, response in zip(findings["unknown"], resources["GuidanceResponse"], strict=True):
        missing = [name for name, value in finding["facts"].items() if value is None]
        assert all(name in response["note"][0]["text"] for name in missing)
        assert response["status"] == "data-required"
    assert any(": " in response["note"][0]["text"] for response in resources["GuidanceResponse"])


def test_a_group_holds_everybody_of_whom_its_rule_says_yes(
    resources: dict[str, list[Json]], findings: dict[str, list[Json]], shown: dict[str, str]
) -> None:
    groups = {rule_of(group): [each["entity"]["reference"] for each in group.get("member", ())] for group in resources["Group"]}
    assert groups.keys() == shown.keys()
    assert groups == {rule: [f"Patient/{f['patient']}" for f in findings["yes"] if f["rule"] == rule] for rule in shown}
    assert {rule_of(g): g["quantity"] for g in resources["Group"]} == {rule: len(members) for rule, members in groups.items()}


def counted(populations: list[Json]) -> dict[str, int | None]:
    """What is counted → the number; ``None`` if it is withheld."""
    return {each["code"]["text"]: each.get("count") for each in populations}


def test_reports_add_up_and_withhold_small_numbers(
    resources: dict[str, list[Json]], findings: dict[str, list[Json]], shown: dict[str, str]
) -> None:
    measures = {f"{measure['url']}|{measure['version']}" for measure in resources["Measure"]}
    yes = Counter(f["rule"] for f in findings["yes"])
    masked = 0
    for report in resources["MeasureReport"]:
        (group,) = report["group"]
        rule, whole = rule_of(group), counted(group["population"])
        assert report["measure"] in measures
        assert whole["people"] == PEOPLE
        assert whole["yes"] == yes[rule] if whole["yes"] is not None else yes[rule] > 0
        strata = [counted(stratum["population"]) for stratifier in group["stratifier"] for stratum in stratifier["stratum"]]
        assert all(number is None or number == 0 or number > 10 for stratum in [whole, *strata] for number in stratum.values())
        masked += sum(None in stratum.values() for stratum in strata)
    assert masked > 0


def test_ids_are_the_same_whoever_makes_them_and_those_of_tomorrow(people: Path, swept: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert sweep(people, state, FIRST, "--fhir", "--base-url", BASE).code == 0
    assert {name: content for name, content in contents(current(state)).items() if name != "manifest"} == {
        name: content for name, content in contents(swept).items() if name != "manifest"
    }
    assert sweep(people, state, SECOND, "--fhir", "--base-url", BASE).code == 0
    manifest = Published(state).manifest()
    assert manifest is not None
    published = manifest["steps"][-1]["counts"]
    assert {type: published[type] for type in TYPES} == {type: len(lines_of(current(state) / f"{type}.ndjson")) for type in TYPES}

    def ids(folder: Path, type: str) -> set[str]:
        return {each["id"] for each in lines_of(folder / f"{type}.ndjson")}

    for type in ("Flag", "Group", "Measure"):
        assert ids(current(state), type) & ids(swept, type), type
    assert not ids(current(state), "MeasureReport") & ids(swept, "MeasureReport")
    everything = [each["id"] for type in TYPES for each in lines_of(swept / f"{type}.ndjson")]
    assert len(everything) == len(set(everything))


def test_without_being_asked_a_sweep_publishes_none(people: Path, tmp_path: Path) -> None:
    assert sweep(people, tmp_path / "state").code == 0
    assert not (current(tmp_path / "state") / "Flag.ndjson").exists()
