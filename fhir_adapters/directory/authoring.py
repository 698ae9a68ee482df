"""The directory as FHIR R4 resources of our own making, so that a referral can point to them; each is validated by the R4B models."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.healthcareservice import HealthcareService
from fhir.resources.R4B.location import Location as FhirLocation
from fhir.resources.R4B.organization import Organization as FhirOrganization
from fhir.resources.R4B.verificationresult import VerificationResult

from fhir_adapters import gravity
from fhir_adapters.directory.entries import Directory
from fhir_adapters.directory.fhir_services import ACCESSIBILITY
from fhir_adapters.directory.hours import Hours
from fhir_adapters.directory.model import Capacity, Contact, Identifier, Location, Organization, Service, Term, resource_id
from fhir_adapters.quarantine import Json

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME: Final = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)(:[0-5]\d)?", re.ASCII)
_MODELS: Final = {
    "HealthcareService": HealthcareService,
    "Organization": FhirOrganization,
    "Location": FhirLocation,
    "VerificationResult": VerificationResult,
}


def bundle(directory: Directory) -> Json:
    """A transaction Bundle that puts every service, its agency and its places under an id of its own: once or many times, with one result.

    Ids come from the keys of the listings, or are the UUIDs that the source gave. What a listing does not say is left out.
    """
    resources: dict[str, Json] = {}
    for entry in directory.entries:
        for resource in _resources(entry.service, directory):
            resources.setdefault(f"{resource['resourceType']}/{resource['id']}", resource)
    entries = [
        {"fullUrl": f"urn:uuid:{resource['id']}", "resource": _validated(resource), "request": {"method": "PUT", "url": place}}
        for place, resource in sorted(resources.items())
    ]
    found: Json = Bundle(type="transaction", entry=entries or None).model_dump(mode="json", exclude_none=True)
    return found


def _validated(resource: Json) -> Json:
    """The resource without what is empty, as the model has it. A failure here is a defect of ours."""
    kept = {name: value for name, value in resource.items() if value not in (None, "", [], {})}
    found: Json = _MODELS[resource["resourceType"]](**kept).model_dump(mode="json", exclude_none=True)
    return found


def _resources(service: Service, directory: Directory) -> Iterator[Json]:
    if service.organization is not None:
        yield _organization(service.organization)
    for location in service.locations:
        yield _location(location)
    yield _service(service, directory)
    if service.assured is not None:
        yield {
            "resourceType": "VerificationResult",
            "id": resource_id(f"{service.key}/assured"),
            "target": [_reference("HealthcareService", service.key)],
            "status": "attested",
            "lastPerformed": service.assured.isoformat(),
        }


def _service(service: Service, directory: Directory) -> Json:
    domains = sorted(directory.meaning(service).domains)
    return {
        "resourceType": "HealthcareService",
        "id": resource_id(service.key),
        "meta": _meta(service.updated),
        "extension": [_capacity(each) for each in service.capacity[:1] if each.status],
        "identifier": _identifiers(service.identifiers),
        "active": None if service.status is None else service.status == "active",
        "providedBy": _reference("Organization", service.organization.key) if service.organization else None,
        "category": [{"coding": [gravity.SDOH, *(gravity.category(domain) for domain in domains)]}],
        "type": [_concept(term) for term in service.terms if term.system not in (gravity.CATEGORIES, gravity.SDOH["system"])],
        "location": [_reference("Location", location.key) for location in service.locations],
        "name": service.name,
        "comment": service.description,
        "extraDetails": "\n".join(_details(service)),
        "telecom": _telecom(service.contacts),
        "coverageArea": [{"display": area.value} for area in service.areas if area.value],
        "serviceProvisionCode": [{"text": text} for cost in service.costs if (text := str(cost))],
        "eligibility": [{"comment": text} for text in _eligibility(service)],
        "program": [{"text": name} for name in service.programs],
        "characteristic": [{"text": text} for text in service.accessibility],
        "communication": [_language(each.code, each.name) for each in service.languages],
        "referralMethod": [{"text": service.application}] if service.application else None,
        "availableTime": [_hours(each, "availableStartTime", "availableEndTime") for each in service.hours if _plain_week(each)],
        "notAvailable": [
            {"description": each.text or "not available", "during": _period(each.first, each.last)} for each in service.closures
        ],
        "availabilityExceptions": "\n".join(filter(None, (service.alert, *map(str, filter(_other_rule, service.hours))))),
    }


def _details(service: Service) -> Iterator[str]:
    """What HealthcareService has no element for."""
    if service.waiting:
        yield f"Waiting: {service.waiting}"
    if service.interpretation:
        yield f"Interpretation: {service.interpretation}"
    yield from (f"Document needed: {document}" for document in service.documents)


def _eligibility(service: Service) -> Iterator[str]:
    low, high = service.minimum_age, service.maximum_age
    if low is not None or high is not None:
        yield "Ages" + (f" from {low:g}" if low is not None else "") + (f" up to {high:g}" if high is not None else "")
    yield from service.eligibility


def _organization(organization: Organization) -> Json:
    return {
        "resourceType": "Organization",
        "id": resource_id(organization.key),
        "identifier": _identifiers(organization.identifiers),
        "active": organization.active,
        "type": [_concept(term) for term in organization.terms],
        "name": organization.name,
        "telecom": _telecom(organization.contacts),
    }


def _location(location: Location) -> Json:
    address = location.address
    return {
        "resourceType": "Location",
        "id": resource_id(location.key),
        "extension": [{"url": ACCESSIBILITY, "valueCodeableConcept": {"text": text}} for text in location.accessibility],
        "name": location.name,
        "description": location.transportation,
        "telecom": _telecom(location.contacts),
        "address": None
        if address is None
        else _present(
            line=list(address.lines) or None,
            city=address.city,
            district=address.district,
            state=address.state,
            postalCode=address.postcode,
            country=address.country,
        ),
        "position": None if location.latitude is None else {"latitude": location.latitude, "longitude": location.longitude},
        "hoursOfOperation": [_hours(each, "openingTime", "closingTime") for each in location.hours if _plain_week(each)],
    }


def _plain_week(hours: Hours) -> bool:
    """Whether FHIR can say it: the same weekdays every week, without an end."""
    rule = (hours.interval, hours.weeks, hours.count, hours.until, hours.valid_to, hours.unclear)
    return hours.frequency == "WEEKLY" and rule == (1, (), None, None, None, False)


def _other_rule(hours: Hours) -> bool:
    return not _plain_week(hours)


def _hours(hours: Hours, opens: str, closes: str) -> Json:
    times = {} if hours.all_day else {opens: _time(hours.opens), closes: _time(hours.closes)}
    days = [_WEEKDAYS[day.weekday] for day in hours.days]
    return _present(daysOfWeek=days or None, allDay=True if hours.all_day else None, **times)


def _time(text: str | None) -> str | None:
    """FHIR's time has seconds and no offset: the wall clock at the place."""
    found = _TIME.match(text or "")
    return None if found is None else f"{found[1]}{found[2] or ':00'}"


def _capacity(capacity: Capacity) -> Json:
    status = {"system": gravity.CATEGORIES, "code": capacity.status}
    places = None if capacity.available is None else f"{capacity.available:g} {capacity.unit or 'places'} available"
    stated = None if capacity.updated is None else f"as of {capacity.updated}"
    notes = ", ".join(filter(None, (capacity.text, places, stated)))
    parts: list[Json] = [{"url": "capacityStatus", "valueCodeableConcept": {"coding": [status]}}]
    return {"url": gravity.CAPACITY_STATUS, "extension": parts + ([{"url": "capacityNotes", "valueString": notes}] if notes else [])}


def _telecom(contacts: tuple[Contact, ...]) -> list[Json]:
    books = [{"url": gravity.APPOINTMENT_TELECOM, "valueBoolean": True}]
    return [_present(system=each.system, value=each.value, use="work", extension=books if each.appointments else None) for each in contacts]


def _identifiers(identifiers: tuple[Identifier, ...]) -> list[Json]:
    return [
        _present(
            system=_uri(each.system),
            type={"text": each.system} if each.system and _uri(each.system) is None else None,
            value=each.value,
        )
        for each in identifiers
    ]


def _concept(term: Term) -> Json:
    coding = _present(system=_uri(term.system), code=term.code or None, display=term.text or None)
    return _present(coding=[coding] if term.code else None, text=term.text or term.code)


def _language(code: str | None, name: str | None) -> Json:
    return _present(coding=[{"system": "urn:ietf:bcp:47", "code": code}] if code and len(code.split()) == 1 else None, text=name or code)


def _uri(text: str) -> str | None:
    """The text if it can be a URI: HSDS names schemes and taxonomies that are none, such as GB-COH."""
    return text if ":" in text and len(text.split()) == 1 else None


def _meta(updated: date | None) -> Json | None:
    return None if updated is None else {"lastUpdated": f"{updated.isoformat()}T00:00:00Z"}


def _period(first: date | None, last: date | None) -> Json | None:
    known = {name: day.isoformat() for name, day in (("start", first), ("end", last)) if day not in (None, date.min) and day is not None}
    return known or None


def _reference(kind: str, key: str) -> Json:
    return {"reference": f"{kind}/{resource_id(key)}"}


def _present(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value is not None}
