"""What the context of a hook holds, as part of the record: orders not yet signed, appointments not yet booked, a new diagnosis.

It must not count for more than it is: a draft referral is no referral, and that one was drafted says nothing about others. Whatever
has not happened has a status that counts only for rules which ask for that status.
"""

from collections.abc import Container, Iterator
from typing import Final

from fhir_adapters.mapping import map_resource, subject_of
from fhir_adapters.quarantine import Json, Quarantine
from plugin.cds.request import HookCall
from rules.facts import TABLES, Coding

_NOT_YET: Final = {"draftOrders": "draft", "medications": "draft", "appointments": "proposed"}
"""Context member → the status of what it holds, whatever that says of itself."""
_SO: Final = ("conditions", "allergyIntolerance", "medication")
"""Context members that hold what is so already, or becomes so unless the clinician turns back."""
_BACK: Final = frozenset({"revoked", "cancelled", "entered-in-error"})
_COUNTED: Final = {name: table.counted for table in TABLES.values() for name in table.resource_types}


def holds_proposals(call: HookCall) -> bool:
    """Whether there is anything in the context that `proposed` looks at: most hooks only say whose chart it is."""
    return any(call.context.get(member) for member in (*_NOT_YET, *_SO))


def proposed(call: HookCall, known: Container[str]) -> list[Json]:
    """The resources of the context that are this patient's. Those ``known`` (``Type/id``) from the chart are left out, because the chart
    says more of them; so are those of which it cannot be told what they are.
    """
    return [
        resource
        for member in (*_NOT_YET, *_SO)
        for held in call.context.get(member, ())
        if (resource := _of_patient(_as_it_stands(held, _NOT_YET.get(member)), call.patient)) is not None
        and f"{resource['resourceType']}/{resource.get('id')}" not in known
        and _is_understood(resource)
    ]


def drafted(call: HookCall) -> frozenset[Coding]:
    """The services that the orders of the context ask for, but for those that are taken back."""
    orders = (order for order in call.context.get("draftOrders", ()) if str(order.get("status")) not in _BACK)
    return frozenset(coding for order in orders if order.get("doNotPerform") is not True for coding in codings(order.get("code")))


def drafts(call: HookCall) -> frozenset[str]:
    """The orders of the context, ``ServiceRequest/1``: nothing else may a card change or delete."""
    return frozenset(f"{order['resourceType']}/{order.get('id')}" for order in call.context.get("draftOrders", ()))


def _as_it_stands(resource: Json, status: str | None) -> Json:
    if status is None:
        return resource
    counts = _COUNTED.get(resource["resourceType"], frozenset())
    said = resource.get("status")
    return resource if isinstance(said, str) and said not in counts else resource | {"status": status}


def _of_patient(resource: Json, patient: str) -> Json | None:
    """The resource; one that does not say whose it is (forms not yet filled in do not) is of the patient in context."""
    if "subject" not in resource and subject_of(resource) is None:
        resource = resource | {"subject": {"reference": f"Patient/{patient}"}}
    return resource if subject_of(resource) == patient else None


def _is_understood(resource: Json) -> bool:
    """Something that might be anything would make unknown what is known from the chart."""
    return not any(event.opaque for event in map_resource(resource, Quarantine()).events)


def codings(concept: object) -> Iterator[Coding]:
    """Those of a CodeableConcept that have a system and a code."""
    listed = concept.get("coding") if isinstance(concept, dict) else None
    for coding in listed if isinstance(listed, list) else [listed]:
        if isinstance(coding, dict) and isinstance(coding.get("system"), str) and isinstance(coding.get("code"), str):
            yield Coding(coding["system"], coding["code"])
