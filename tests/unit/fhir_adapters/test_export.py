"""FHIR knowledge artifacts: what refers to what, and that the same knowledge always gives the same resources."""

import re
from base64 import b64decode
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from fhir_adapters.export import Citation, CodeSet, Identity, Knowledge, Recommendation, Referral, Source, artifacts
from fhir_adapters.export.identity import computer_name
from rules.facts import Coding

A1C = Coding("http://loinc.org", "4548-4")
DIABETES = (Coding("http://snomed.info/sct", "44054006"), Coding("http://hl7.org/fhir/sid/icd-10-cm", "E11.9"))
REFERRAL = Referral(("food bank",), "food-insecurity", Coding("http://snomed.info/sct", "467771000124109"), "Food pantry programme")
RECOMMENDATION = Recommendation(
    "hungry", "Hungry", "Needs food.", "Refer", "urgent", (Citation("A study", "https://example.org/study"),), REFERRAL
)
KNOWLEDGE = Knowledge(
    title="A pack",
    description="A pack.",
    publisher="Almoner maintainers",
    date="2026-01-02",
    in_use=True,
    cql="library APack\n",
    outputs=(("hungry", "boolean"),),
    resource_types=("Observation",),
    sources=(Source("pack.yaml", "pack: a-pack\n"),),
    code_sets=(CodeSet("HbA1c", (A1C,)), CodeSet("diabetes", DIABETES)),
    recommendations=(RECOMMENDATION, replace(RECOMMENDATION, id="told", referral=None)),
)
IDENTITY = Identity.of("https://example.org/fhir/", "a-pack", "1.2.3", ["HbA1c", "diabetes", "hungry", "told"])


def made(knowledge: Knowledge = KNOWLEDGE, identity: Identity = IDENTITY) -> dict[str, dict[str, Any]]:
    return {f"{r['resourceType']}/{r['id']}": r for r in artifacts(knowledge, identity)}


def canonicals(value: Any) -> set[str]:
    """Every reference with a version, anywhere."""
    if isinstance(value, dict):
        return set().union(*map(canonicals, value.values()))
    if isinstance(value, list):
        return set().union(*map(canonicals, value))
    return {value} if isinstance(value, str) and re.fullmatch(r"https://example\.org/fhir/\S+\|\S+", value) else set()


def test_what_is_made() -> None:
    assert list(made()) == [
        "Library/a-pack",
        "PlanDefinition/a-pack",
        "ActivityDefinition/a-pack-hungry",
        "ValueSet/a-pack-hba1c",
        "ValueSet/a-pack-diabetes",
    ]


def test_every_reference_leads_to_an_artifact_of_this_version() -> None:
    resources = made().values()
    known = {f"{r['url']}|{r['version']}" for r in resources}
    used = set().union(*map(canonicals, resources))
    assert used == known - {"https://example.org/fhir/PlanDefinition/a-pack|1.2.3"}


def test_the_models_accept_what_they_gave() -> None:
    for resource in made().values():
        model = get_fhir_model_class(resource["resourceType"])
        assert model(**resource).model_dump(mode="json", exclude_none=True) == resource


def test_the_same_knowledge_gives_the_same_resources() -> None:
    assert list(artifacts(KNOWLEDGE, IDENTITY)) == list(artifacts(KNOWLEDGE, IDENTITY))
    assert {r["date"] for r in made().values()} == {"2026-01-02"}


def test_the_library_holds_the_logic_and_its_sources() -> None:
    content = made()["Library/a-pack"]["content"]
    assert [(c["contentType"], c["title"], b64decode(c["data"]).decode()) for c in content] == [
        ("text/cql", "APack.cql", "library APack\n"),
        ("application/yaml", "pack.yaml", "pack: a-pack\n"),
    ]


def test_an_action_says_when_what_and_why() -> None:
    action, other = made()["PlanDefinition/a-pack"]["action"]
    assert action["condition"] == [{"kind": "applicability", "expression": {"language": "text/cql-identifier", "expression": "hungry"}}]
    assert action["trigger"] == [{"type": "named-event", "name": "patient-view"}]
    assert action["documentation"][0]["url"] == "https://example.org/study"
    assert action["definitionCanonical"] == "https://example.org/fhir/ActivityDefinition/a-pack-hungry|1.2.3"
    assert "definitionCanonical" not in other


def test_a_referral_asks_for_a_service_in_a_category() -> None:
    activity = made()["ActivityDefinition/a-pack-hungry"]
    assert activity["kind"] == "ServiceRequest"
    assert activity["code"]["coding"][0]["code"] == "467771000124109"
    assert activity["topic"][1]["coding"][0] == {
        "system": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes",
        "code": "food-insecurity",
        "display": "Food Insecurity",
    }


def test_a_value_set_has_an_include_for_each_system() -> None:
    include = made()["ValueSet/a-pack-diabetes"]["compose"]["include"]
    assert [(i["system"], [c["code"] for c in i["concept"]]) for i in include] == [
        ("http://hl7.org/fhir/sid/icd-10-cm", ["E11.9"]),
        ("http://snomed.info/sct", ["44054006"]),
    ]


def test_what_is_not_in_use_is_a_draft() -> None:
    assert {r["status"] for r in made(replace(KNOWLEDGE, in_use=False)).values()} == {"draft"}


@pytest.mark.parametrize("names", [["a: b", "a b"], ["A b", "a b"], ["x" * 80, "x" * 81], ["ü", "ö"]])
def test_names_that_look_alike_keep_ids_of_their_own(names: list[str]) -> None:
    ids = Identity.of("https://example.org", "p", "1.0.0", names).ids
    assert len(set(ids.values())) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", found) for found in ids.values())
    assert ids == Identity.of("https://example.org", "p", "1.0.0", reversed(names)).ids


@pytest.mark.parametrize(("text", "name"), [("whole-person", "WholePerson"), ("9 lives", "N9Lives"), ("HbA1c", "HbA1c")])
def test_computer_names(text: str, name: str) -> None:
    assert computer_name(text) == name
