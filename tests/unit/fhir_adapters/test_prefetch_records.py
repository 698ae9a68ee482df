from typing import Any

import pytest

from fhir_adapters import records_from_resources
from fhir_adapters.errors import WrongPatient
from rules.facts import HOUSEHOLD, Person


def condition(id: str, subject: str) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": id, "subject": {"reference": f"Patient/{subject}"}}


def test_resources_and_bundles_make_one_record() -> None:
    found = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": condition("c2", "p1")}]}
    record = records_from_resources([{"resourceType": "Patient", "id": "p1"}, condition("c1", "p1"), found], "p1", {"goals"})
    assert record.person == Person("p1", deceased=False)
    assert [event.source for event in record.events] == ["Condition/c1", "Condition/c2"]
    assert record.not_loaded == {"goals", HOUSEHOLD}


def test_without_a_patient_resource_the_person_is_unknown() -> None:
    assert records_from_resources([], "p1", ()).person == Person("p1")


@pytest.mark.parametrize("foreign", [condition("c1", "p2"), {"resourceType": "Patient", "id": "p2"}, condition("c1", "p2") | {"code": "x"}])
def test_data_of_another_patient_refuses_the_whole(foreign: dict[str, Any]) -> None:
    with pytest.raises(WrongPatient):
        records_from_resources([condition("c0", "p1"), foreign], "p1", ())
