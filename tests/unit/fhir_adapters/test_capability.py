"""What a server says it can do, read from whatever it says, and what has changed since."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.faulty_ehr import body, fixed, serving

from fhir_adapters.capability import capability_of, drift, read_capability
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.transport import FhirServer

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
OBSERVATION: dict[str, Any] = {
    "type": "Observation",
    "interaction": [{"code": "read"}, {"code": "search-type"}, {"code": "create"}],
    "searchParam": [{"name": "patient", "type": "reference"}, {"name": "code", "type": "token"}],
    "searchInclude": ["Observation:subject"],
    "searchRevInclude": ["Provenance:target"],
    "conditionalCreate": True,
    "conditionalUpdate": False,
    "conditionalDelete": "single",
    "updateCreate": True,
    "operation": [{"name": "$lastn", "definition": "http://hl7.org/fhir/OperationDefinition/Observation-lastn"}],
}


def statement(*resources: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "4.0.1",
        "software": {"name": "Ehr", "version": "9"},
        "format": ["json", "application/fhir+json"],
        "patchFormat": ["application/json-patch+json"],
        "rest": [{"mode": "server", "resource": list(resources)} | rest],
    }


def test_it_is_reduced_to_what_we_use() -> None:
    security = {"service": [{"coding": [{"code": "SMART-on-FHIR"}]}]}
    found = capability_of(statement(OBSERVATION, interaction=[{"code": "transaction"}], security=security))
    (observation,) = found.types.values()
    assert (found.fhir_version, found.software) == ("4.0.1", "Ehr 9")
    assert found.interactions == {"transaction"}
    assert found.formats == {"json", "application/fhir+json"}
    assert found.patch_formats == {"application/json-patch+json"}
    assert found.security == {"SMART-on-FHIR"}
    assert observation.interactions == {"read", "search-type", "create"}
    assert observation.searches == {"patient", "code"}
    assert (observation.includes, observation.revincludes) == ({"Observation:subject"}, {"Provenance:target"})
    assert observation.conditional == {"create", "delete"}
    assert observation.creates_by_update
    assert observation.operations == {"lastn"}


def test_a_server_that_lists_no_interactions_is_not_taken_to_have_none() -> None:
    found = capability_of(statement(OBSERVATION, {"type": "Goal"}))
    assert found.can("Observation", "create")
    assert not found.can("Observation", "update")
    assert found.can("Goal", "update")
    assert not found.can("Task", "read")


EXPORTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "by name at the top": ({"operation": [{"name": "export", "definition": "x/OperationDefinition/export"}]}, {"system"}),
    "by definition at the top": (
        {"operation": [{"name": "export", "definition": f"x/{level}-export"} for level in ("group", "patient")]},
        {"group", "patient"},
    ),
    "by a name with a dollar": ({"operation": [{"name": "$export"}]}, {"system"}),
    "by a long name": ({"operation": [{"name": "group-export"}]}, {"group"}),
    "at the type": (
        {
            "resource": [
                {"type": "Group", "operation": [{"name": "export"}]},
                {"type": "Patient", "operation": [{"name": "patient-export"}]},
            ]
        },
        {"group", "patient"},
    ),
    "not at all": ({"operation": [{"name": "everything"}], "resource": [{"type": "Group"}]}, set()),
}


@pytest.mark.parametrize(("rest", "levels"), EXPORTS.values(), ids=EXPORTS)
def test_levels_of_export_are_found_wherever_they_are_declared(rest: dict[str, Any], levels: set[str]) -> None:
    assert capability_of(statement(**rest)).exports == levels


@pytest.mark.parametrize(
    "odd",
    [{}, {"rest": 3}, {"rest": ["x"]}, {"rest": [{"resource": [3, {"type": 4}, {}]}]}, {"software": "x", "format": [1], "fhirVersion": 4}],
    ids=str,
)
def test_odd_statements_are_read_for_what_they_say(odd: dict[str, Any]) -> None:
    found = capability_of(odd)
    assert found.types == {}
    assert list(found.says()) == ["FHIR of an unnamed version", "software: unnamed"]


def test_what_a_client_says_it_can_do_is_no_capability_of_the_server() -> None:
    assert capability_of({"rest": [{"mode": "client", "resource": [OBSERVATION]}]}).types == {}


def test_changes_since_the_last_time_are_told_once(tmp_path: Path) -> None:
    file = tmp_path / "servers" / "ehr.json"
    before = capability_of(statement(OBSERVATION))
    after = capability_of(statement(OBSERVATION | {"searchParam": [{"name": "patient"}]}, {"type": "Goal"}))
    assert drift(file, before, NOW) is None
    unchanged = drift(file, before, NOW)
    assert unchanged is not None
    assert not unchanged
    found = drift(file, after, NOW)
    assert found is not None
    assert found.since == "2026-11-22T08:00:00+00:00"
    assert found.gone == ("Observation: search parameter code",)
    assert found.new == ("Goal: known",)
    assert not drift(file, after, NOW)


@pytest.mark.parametrize("text", ["", "[]", '{"at": "x"}', '{"says": 3, "at": "x"}'])
def test_a_damaged_snapshot_is_replaced(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ehr.json"
    file.write_text(text)
    assert drift(file, capability_of(statement()), NOW) is None
    assert drift(file, capability_of(statement()), NOW) is not None


def test_another_resource_is_no_capability_statement() -> None:
    with serving() as server:
        server.behaviours["metadata"] = fixed(body({"resourceType": "Patient"}))
        with pytest.raises(EhrUnavailable, match="is this the base URL of a FHIR server"):
            read_capability(FhirServer(server.base_url))
