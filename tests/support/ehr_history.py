"""A server in a few lines: resources that come, change and go, and the Bulk Data files that it would export of them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from fhir_adapters.warehouse.export import BulkExport, export_in

Resource = dict[str, Any]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class EhrHistory:
    """The present state, and what was deleted when. Each change takes an hour."""

    dated: bool = True
    """Whether resources say when they were last updated; some servers never do."""
    types: tuple[str, ...] = ("Patient", "Observation", "Condition")
    """What is exported unless said otherwise."""
    clock: datetime = BEGIN
    state: dict[str, Resource] = field(default_factory=dict)
    changed: dict[str, datetime] = field(default_factory=dict)
    deleted: dict[str, datetime] = field(default_factory=dict)

    def put(self, resource: Resource) -> None:
        """Create or update."""
        self.clock += timedelta(hours=1)
        source = f"{resource['resourceType']}/{resource['id']}"
        meta = {"lastUpdated": self.clock.isoformat()} if self.dated else {}
        self.state[source] = resource | {"meta": {k: v for k, v in resource.get("meta", {}).items() if k != "lastUpdated"} | meta}
        self.changed[source] = self.clock
        self.deleted.pop(source, None)

    def delete(self, source: str) -> None:
        """Delete, if it is there."""
        if self.state.pop(source, None) is not None:
            self.clock += timedelta(hours=1)
            self.deleted[source] = self.clock

    def export(self, folder: Path, since: datetime | None = None, *, types: tuple[str, ...] | None = None) -> BulkExport:
        """What changed since then, or everything of these types, as files; the export that they make."""
        self.clock += timedelta(minutes=1)
        wanted = types or self.types
        folder.mkdir(parents=True)
        for name in wanted:
            found = [r for s, r in self.state.items() if r["resourceType"] == name and (since is None or self.changed[s] > since)]
            (folder / f"{name}.ndjson").write_bytes(b"".join(orjson.dumps(r, option=orjson.OPT_APPEND_NEWLINE) for r in found))
        if since is not None:
            gone = [s for s, at in self.deleted.items() if at > since and s.split("/")[0] in wanted]
            self._write_deleted(folder / "deleted", gone)
        return export_in(folder, at=self.clock, since=since, types=wanted)

    def _write_deleted(self, folder: Path, sources: list[str]) -> None:
        folder.mkdir()
        entries = [{"request": {"method": "DELETE", "url": source}} for source in sources]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        (folder / "deleted.ndjson").write_bytes(orjson.dumps(bundle, option=orjson.OPT_APPEND_NEWLINE))


def patient(id: str, **elements: Any) -> Resource:
    """A Patient who lives somewhere."""
    return {"resourceType": "Patient", "id": id, "birthDate": "1960-04-02"} | elements


def home(number: int) -> list[dict[str, Any]]:
    """An address, for ``patient(address=…)``."""
    return [{"line": [f"{number} High St"], "postalCode": "01940"}]


def observation(id: str, subject: str, value: float = 7.1, **elements: Any) -> Resource:
    """An HbA1c."""
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        "subject": {"reference": f"Patient/{subject}"},
        "effectiveDateTime": "2025-11-03",
        "valueQuantity": {"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
    } | elements


def condition(id: str, subject: str, code: str = "44054006", **elements: Any) -> Resource:
    """Diabetes."""
    return {
        "resourceType": "Condition",
        "id": id,
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]},
        "subject": {"reference": f"Patient/{subject}"},
        "onsetDateTime": "2019",
    } | elements


MRN = "urn:oid:1.2.36.146.595.217.0.1"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
FORM = "http://example.org/Questionnaire/intake"


def numbered(number: str) -> Resource:
    """An Identifier of a Patient."""
    return {"system": MRN, "value": number}


def known_by(number: str) -> Resource:
    """A subject of whom only the identifier is said."""
    return {"subject": {"identifier": numbered(number)}}


def medication(id: str, code: str | None = "582620") -> Resource:
    """What is prescribed; without a code it says nothing."""
    return {"resourceType": "Medication", "id": id} | ({"code": {"coding": [{"system": RXNORM, "code": code}]}} if code else {})


def prescription(id: str, subject: str, of: str) -> Resource:
    """A MedicationRequest that says only in another resource what is prescribed."""
    given = {"medicationReference": {"reference": f"Medication/{of}"}, "subject": {"reference": f"Patient/{subject}"}}
    return {"resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order", "authoredOn": "2025-11-03"} | given


def questionnaire(id: str, code: str = "88122-7", unit: str = "kg") -> Resource:
    """A form with one coded question, answered in a unit."""
    coding = {"system": "http://unitsofmeasure.org", "code": unit}
    in_unit = {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-unit", "valueCoding": coding}
    item = {"linkId": "1", "type": "decimal", "code": [{"system": "http://loinc.org", "code": code}], "extension": [in_unit]}
    return {"resourceType": "Questionnaire", "id": id, "url": FORM, "status": "active", "item": [item]}


def answers(id: str, subject: str, value: float = 70.5) -> Resource:
    """A QuestionnaireResponse to that form."""
    said = {"questionnaire": f"{FORM}|1", "authored": "2025-11-03T10:00:00Z", "subject": {"reference": f"Patient/{subject}"}}
    item = {"linkId": "1", "answer": [{"valueDecimal": value}]}
    return {"resourceType": "QuestionnaireResponse", "id": id, "status": "completed", "item": [item]} | said
