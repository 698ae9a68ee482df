"""What is written to the EHR of a referral: the order with its Task, each move of the Task, and the end of the order."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Row

from fhir_adapters import gravity
from fhir_adapters.referral_states import WITH_REASON, Status
from fhir_adapters.writeback import Author, Edit, Intent, Key, change, drop, include, put, suggestion
from plugin import __version__
from plugin.referrals.disclosure import check, least
from plugin.referrals.words import status_reason

REFER: Final = "refer"
TASK: Final = "task"
ORDER: Final = "order"
"""Kinds of writes: a new order with its Task; a move of the Task; the end of the order."""
AUTHOR: Final = Author(f"Almoner {__version__}")
ENDS: Final = {
    Status.COMPLETED: "completed",
    Status.REJECTED: "revoked",
    Status.CANCELLED: "revoked",
    Status.FAILED: "revoked",
    Status.ENTERED_IN_ERROR: "entered-in-error",
}
"""How an order ends with its Task."""
_UNRULED: Final = ("referral", "1")
"""In place of a rule and its version, if a person alone decided it."""

Json = dict[str, Any]


def key(row: Row[Any], type: str, episode: str = "") -> Key:
    """The name of a write: each referral is an episode of its own, each of its moves another."""
    rule, version = (row.rule, row.rule_version) if row.rule else _UNRULED
    return Key(row.tenant, rule, version, row.patient, f"{row.id} {episode}".strip(), type)


def intents(row: Row[Any], write: Row[Any], consent: str | None) -> Iterator[Intent]:
    """What ``write`` means for the outbox. Raises `NotWritable`. ``consent``: the Consent on the server, if there is one."""
    run = f"referrals-{write.at:%Y-%m-%d}"
    if write.kind == REFER:
        request = key(row, "ServiceRequest")
        yield suggestion(request, order(row, write, consent), run=run, author=AUTHOR, recorded=write.at)
        made = task(row, write, f"urn:uuid:{request.id}")
        yield suggestion(key(row, "Task"), made, run=run, author=AUTHOR, recorded=write.at)
        return
    only_if = {"status": write.only_from}
    type, place = ("Task", row.task_place) if write.kind == TASK else ("ServiceRequest", row.request_place)
    edits = _moves(write) if write.kind == TASK else [put("status", write.after)]
    yield change(key(row, type, str(write.number)), place, edits, run=run, author=AUTHOR, recorded=write.at, only_if=only_if)


def order(row: Row[Any], write: Row[Any], consent: str | None) -> Json:
    """The ServiceRequest, with no more than the partner may be told."""
    found: Json = {
        "resourceType": "ServiceRequest",
        "meta": {"profile": [gravity.SERVICE_REQUEST]},
        "status": "active",
        "intent": "order",
        "category": [{"coding": [gravity.SOCIAL_SERVICE]}, {"coding": [gravity.category(row.need)]}],
        "priority": row.priority,
        "code": {"coding": [{"system": row.service_system, "code": row.service_code, "display": row.service_display}]},
        "subject": {"reference": f"Patient/{row.patient}"},
        "authoredOn": _moment(write),
        "requester": _user(row, write),
    }
    if row.unsafe:
        found["orderDetail"] = [{"coding": [gravity.own_code("contacting-subject-prohibited")]}]
    if row.agency:
        found["performer"] = [agency(row)]
    if row.reasons:
        found["reasonReference"] = [{"reference": place} for place in row.reasons]
    if row.goal:
        found["extension"] = [{"url": gravity.GOAL, "valueReference": {"reference": row.goal}}]
    if consent:
        found["supportingInfo"] = [{"reference": consent}]
    if row.message:
        found["note"] = [{"text": row.message}]
    if based_on := write.body.get("based_on"):
        found |= {"intent": "filler-order", "basedOn": [{"reference": based_on}]}
    return _only_for(row.partner, found)


def task(row: Row[Any], write: Row[Any], focus: str) -> Json:
    """The Task that asks the agency for it."""
    found: Json = {
        "resourceType": "Task",
        "meta": {"profile": [gravity.TASK]},
        "status": "requested",
        "intent": "order",
        "priority": row.priority,
        "code": {"coding": [gravity.FULFILL]},
        "focus": {"reference": focus},
        "for": {"reference": f"Patient/{row.patient}"},
        "authoredOn": _moment(write),
        "requester": _user(row, write),
    }
    if part_of := write.body.get("part_of"):
        found["partOf"] = [{"reference": part_of}]
    return _only_for(row.partner, found | ({"owner": agency(row)} if row.agency else {}))


def agency(row: Row[Any]) -> Json:
    """The agency: where the server itself lists it, else by its key in our directory."""
    source, _, place = row.agency.partition("#")
    named = {"display": row.agency_name}
    if source == row.tenant and place.startswith("Organization/"):
        return {"reference": place} | named
    return {"type": "Organization", "identifier": {"system": "urn:almoner:directory", "value": row.agency}} | named


def output(kind: str, value: Mapping[str, Any]) -> Json:
    """A Task.output: ``value`` is a reference (``{"reference": …}``) or a concept."""
    name = "valueReference" if "reference" in value else "valueCodeableConcept"
    return {"type": {"coding": [gravity.own_code(kind)]}, name: dict(value)}


def _only_for(partner: str, resource: Json) -> Json:
    found = least(partner, resource)
    check(partner, found)
    return found


def _moves(write: Row[Any]) -> list[Edit]:
    edits = [put("status", write.after)]
    told = write.body
    if Status(write.after) in WITH_REASON:
        edits.append(put("statusReason", status_reason(told["reason_code"], told["reason"])))
    else:
        edits.append(drop("statusReason"))
    return edits + [include("output", output(each["kind"], each["value"])) for each in told.get("outputs", ())]


def _moment(write: Row[Any]) -> str:
    return str(write.at.isoformat(timespec="seconds"))


def _user(row: Row[Any], write: Row[Any]) -> Json:
    return {"identifier": {"system": f"urn:almoner:{row.tenant}:user", "value": write.body["user"]}}
