"""R4 resources rewritten as R5 writes the same, element by element as R5's resource pages list them."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


def as_r5(resource: Json) -> Json:
    """The same in R5; a copy."""
    newer = dict(resource)
    if "reasonCode" in newer and newer["resourceType"] in _REASONED:
        newer["reason"] = _referenced(newer.pop("reasonCode"))
    rewrite = _REWRITE.get(newer["resourceType"])
    if rewrite:
        rewrite(newer)
    return newer


def _referenced(concepts: Any) -> list[Json]:
    """CodeableConcepts as CodeableReferences."""
    return [{"concept": concept} for concept in (concepts if isinstance(concepts, list) else [concepts])]


def _rename(resource: Json, **names: str) -> None:
    for old, new in names.items():
        if old in resource:
            resource[new] = resource.pop(old)


def _encounter(resource: Json) -> None:
    if "class" in resource:
        resource["class"] = [{"coding": [resource["class"]]}]
    if "reason" in resource:
        resource["reason"] = [{"value": resource["reason"]}]
    if isinstance(resource.get("participant"), list):
        names = {"individual": "actor"}
        resource["participant"] = [{names.get(n, n): v for n, v in each.items()} for each in resource["participant"]]
    _rename(resource, period="actualPeriod")
    words = {"finished": "completed", "onleave": "on-hold"}
    resource["status"] = words.get(resource.get("status", ""), resource.get("status"))


def _procedure(resource: Json) -> None:
    _rename(resource, **{f"performed{kind}": f"occurrence{kind}" for kind in ("DateTime", "Period", "String", "Age", "Range")})
    if "category" in resource:
        resource["category"] = [resource["category"]]


def _medicated(resource: Json) -> None:
    given = {"medicationCodeableConcept": "concept", "medicationReference": "reference"}
    resource["medication"] = {new: resource.pop(old) for old, new in given.items() if old in resource}
    _rename(resource, statusReasonCodeableConcept="notPerformedReason")
    if isinstance(resource.get("notPerformedReason"), dict):
        resource["notPerformedReason"] = {"concept": resource["notPerformedReason"]}
    if resource["resourceType"] != "MedicationRequest" and "category" in resource:
        resource["category"] = [resource["category"]]


def _statement(resource: Json) -> None:
    _medicated(resource)
    taken = {"active": "taking", "not-taken": "not-taking", "stopped": "stopped", "on-hold": "on-hold", "unknown": "unknown"}
    if resource.get("status") in taken:
        resource["adherence"] = {"code": {"coding": [{"code": taken[resource["status"]]}]}}
        resource["status"] = "recorded"


def _service_request(resource: Json) -> None:
    if "code" in resource:
        resource["code"] = {"concept": resource["code"]}


def _appointment(resource: Json) -> None:
    _rename(resource, cancelationReason="cancellationReason")
    if "serviceType" in resource:
        resource["serviceType"] = _referenced(resource["serviceType"])


def _consent(resource: Json) -> None:
    _rename(resource, patient="subject", dateTime="date")
    rule = resource.pop("provision", None)
    if rule is not None:
        resource["decision"] = rule.get("type")
        resource["period"] = rule.get("period")
        resource["provision"] = rule.get("provision")


_REASONED = {
    "Encounter",
    "Procedure",
    "MedicationRequest",
    "MedicationStatement",
    "Immunization",
    "ServiceRequest",
    "Task",
    "Communication",
}
_REWRITE: dict[str, Callable[[Json], None]] = {
    "Encounter": _encounter,
    "Procedure": _procedure,
    "MedicationRequest": _medicated,
    "MedicationDispense": _medicated,
    "MedicationStatement": _statement,
    "ServiceRequest": _service_request,
    "Appointment": _appointment,
    "Consent": _consent,
}
