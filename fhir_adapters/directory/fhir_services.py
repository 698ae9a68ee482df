"""HealthcareService, with the Organization and the Locations that it refers to, as a service."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from fhir_adapters import gravity
from fhir_adapters.dates import read_moment
from fhir_adapters.directory.areas import Area, named, postcodes
from fhir_adapters.directory.fhir_parts import address, concepts, contacts, day, extensions, hours, identifiers, objects, texts, words
from fhir_adapters.directory.model import Capacity, Closure, Cost, Language, Location, Organization, Service, Term
from fhir_adapters.quarantine import Json, Quarantine, Reading, Reason

ACCESSIBILITY: Final = "http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/accessibility"
BOUNDARY: Final = "http://hl7.org/fhir/StructureDefinition/location-boundary-geojson"
TYPES: Final = ("HealthcareService", "Organization", "Location", "VerificationResult")
_VERIFIED: Final = ("attested", "validated")


@dataclass(slots=True)
class Resources:
    """The newest version of each resource of one source, by ``Type/id``."""

    source: str
    quarantine: Quarantine
    kept: dict[str, Json] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    """``fullUrl`` of a Bundle's entry → ``Type/id``."""
    _made: dict[str, Any] = field(default_factory=dict)

    def find(self, reference: Any, inside: Json, kind: str) -> Json | None:
        """The resource of a type that a Reference leads to, contained or kept; ``None`` if it is not there."""
        given = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(given, str):
            return None
        if given.startswith("#"):
            own = inside.get("contained")
            return next((r for r in (own if isinstance(own, list) else []) if isinstance(r, dict) and r.get("id") == given[1:]), None)
        parts = self.urls.get(given, given).split("/_history/")[0].split("/")[-2:]
        return self.kept.get("/".join(parts)) if parts[0] == kind else None

    def services(self) -> Iterator[Service]:
        """Every service, once all resources are there."""
        assured = self._assured()
        for name, resource in self.kept.items():
            if name.startswith("HealthcareService/"):
                yield self._service(resource, assured.get(name))

    def _reading(self, resource: Json) -> Reading:
        return Reading(self.quarantine, str(resource.get("resourceType")), str(resource.get("id")))

    def _assured(self) -> dict[str, date]:
        """Service → the last day on which somebody confirmed the listing (VerificationResult)."""
        found: dict[str, date] = {}
        for name, resource in self.kept.items():
            if not name.startswith("VerificationResult/") or resource.get("status") not in _VERIFIED:
                continue
            reading = self._reading(resource)
            checked = day(reading, resource.get("lastPerformed"), "lastPerformed")
            for target, _ in objects(reading, resource.get("target"), "target"):
                given = str(target.get("reference"))
                service = "/".join(self.urls.get(given, given).split("/")[-2:])
                if checked is not None:
                    found[service] = max(checked, found.get(service, checked))
        return found

    def _service(self, resource: Json, assured: date | None) -> Service:
        reading = self._reading(resource)
        active = resource.get("active")
        if not (active is None or isinstance(active, bool)):
            reading.bad("active", Reason.WRONG_TYPE)
            active = None
        updated = _updated(reading, resource)
        description = [words(reading, resource.get(name), name) for name in ("comment", "extraDetails")]
        return Service(
            key=f"{self.source}#HealthcareService/{resource['id']}",
            name=words(reading, resource.get("name"), "name") or "",
            organization=self._organization(resource, reading),
            identifiers=identifiers(reading, resource.get("identifier")),
            status=None if active is None else "active" if active else "inactive",
            description="\n".join(filter(None, description)) or None,
            alert=words(reading, resource.get("availabilityExceptions"), "availabilityExceptions"),
            terms=tuple(dict.fromkeys(term for name in ("category", "type") for term in concepts(reading, resource.get(name), name))),
            programs=texts(reading, resource.get("program"), "program"),
            locations=tuple(self._locations(resource, reading)),
            areas=tuple(dict.fromkeys(self._areas(resource, reading))),
            languages=_languages(reading, resource),
            eligibility=_eligibility(reading, resource),
            costs=tuple(Cost(text) for text in texts(reading, resource.get("serviceProvisionCode"), "serviceProvisionCode")),
            application=_application(reading, resource),
            capacity=tuple(_capacity(reading, resource, updated)),
            hours=hours(reading, resource.get("availableTime"), "availableTime", "availableStartTime", "availableEndTime"),
            closures=tuple(_closures(reading, resource)),
            contacts=contacts(reading, resource.get("telecom")),
            accessibility=texts(reading, resource.get("characteristic"), "characteristic"),
            assured=assured,
            updated=updated,
        )

    def _organization(self, resource: Json, reading: Reading) -> Organization | None:
        reference = resource.get("providedBy")
        if reference is None:
            return None
        found = self.find(reference, resource, "Organization")
        if found is None:
            reading.bad("providedBy", Reason.DANGLING)
            display = reference.get("display") if isinstance(reference, dict) else None
            return Organization(f"{self.source}#Organization?{display}", display) if isinstance(display, str) else None
        key = f"{self.source}#Organization/{found.get('id')}"
        if key not in self._made:
            self._made[key] = _agency(self._reading(found), found, key)
        made: Organization = self._made[key]
        return made

    def _locations(self, resource: Json, reading: Reading) -> Iterator[Location]:
        for reference, place in objects(reading, resource.get("location"), "location"):
            found = self.find(reference, resource, "Location")
            if found is None:
                reading.bad(place, Reason.DANGLING)
                continue
            key = f"{self.source}#Location/{found.get('id')}"
            if key not in self._made:
                self._made[key] = _place(self._reading(found), found, key)
            made: Location = self._made[key]
            yield made

    def _areas(self, resource: Json, reading: Reading) -> Iterator[Area]:
        for reference, place in objects(reading, resource.get("coverageArea"), "coverageArea"):
            found = self.find(reference, resource, "Location")
            if found is not None:
                key = f"area of {found.get('id')}" + (f" in {resource['id']}" if str(reference.get("reference")).startswith("#") else "")
                if key not in self._made:
                    self._made[key] = tuple(_extent(self._reading(found), found))
                yield from self._made[key]
                continue
            display = words(reading, reference.get("display"), f"{place}.display")
            if display is None:
                reading.bad(place, Reason.DANGLING)
            else:
                yield from named(display)


def _extent(reading: Reading, resource: Json) -> Iterator[Area]:
    """The area that a Location stands for: the narrowest part of its address, else its name; its outline in any case."""
    if any(True for _ in extensions(reading, resource, BOUNDARY)):
        yield Area("outline", words(reading, resource.get("name"), "name") or "")
    given = address(reading, resource.get("address"), "address")
    if given is not None and given.postcode is not None:
        codes = postcodes(given.postcode) or (given.postcode,)
        yield from (Area("postcode", code) for code in codes)
        return
    parts = () if given is None else (("name", given.city), ("county", given.district), ("state", given.state), ("country", given.country))
    name = next((Area(kind, value) for kind, value in parts if value is not None), None)
    if name is not None:
        yield name
        return
    text = words(reading, resource.get("name"), "name") or words(reading, resource.get("description"), "description")
    if text is not None:
        yield from named(text)


def _agency(reading: Reading, resource: Json, key: str) -> Organization:
    active = resource.get("active")
    return Organization(
        key=key,
        name=words(reading, resource.get("name"), "name"),
        identifiers=identifiers(reading, resource.get("identifier")),
        terms=tuple(dict.fromkeys(concepts(reading, resource.get("type"), "type"))),
        contacts=contacts(reading, resource.get("telecom")),
        active=active if isinstance(active, bool) else None,
    )


def _place(reading: Reading, resource: Json, key: str) -> Location:
    position = resource.get("position")
    latitude, longitude = (_degrees(reading, position, name, limit) for name, limit in (("latitude", 90), ("longitude", 180)))
    known = latitude is not None and longitude is not None
    marks = (each.get("valueCodeableConcept") for each, _ in extensions(reading, resource, ACCESSIBILITY))
    return Location(
        key=key,
        name=words(reading, resource.get("name"), "name"),
        address=address(reading, resource.get("address"), "address"),
        latitude=latitude if known else None,
        longitude=longitude if known else None,
        accessibility=tuple(text for mark in marks for text in texts(reading, mark, "extension")),
        contacts=contacts(reading, resource.get("telecom")),
        hours=hours(reading, resource.get("hoursOfOperation"), "hoursOfOperation", "openingTime", "closingTime"),
    )


def _degrees(reading: Reading, position: Any, name: str, limit: float) -> float | None:
    value = position.get(name) if isinstance(position, dict) else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        reading.bad(f"position.{name}", Reason.WRONG_TYPE)
        return None
    if not -limit <= value <= limit:
        reading.bad(f"position.{name}", Reason.OUT_OF_RANGE)
        return None
    return float(value)


def _languages(reading: Reading, resource: Json) -> tuple[Language, ...]:
    found: dict[Language, None] = {}
    term: Term
    for term in concepts(reading, resource.get("communication"), "communication"):
        found[Language(term.code or None, term.text or None)] = None
    return tuple(found)


def _eligibility(reading: Reading, resource: Json) -> tuple[str, ...]:
    found: list[str | None] = []
    for each, place in objects(reading, resource.get("eligibility"), "eligibility"):
        found += texts(reading, each.get("code"), f"{place}.code")
        found.append(words(reading, each.get("comment"), f"{place}.comment"))
    return tuple(dict.fromkeys(filter(None, found)))


def _application(reading: Reading, resource: Json) -> str | None:
    parts = list(texts(reading, resource.get("referralMethod"), "referralMethod"))
    if isinstance(resource.get("appointmentRequired"), bool):
        parts.append("appointment required" if resource["appointmentRequired"] else "no appointment required")
    return ", ".join(parts) or None


def _capacity(reading: Reading, resource: Json, updated: date | None) -> Iterator[Capacity]:
    for each, place in extensions(reading, resource, gravity.CAPACITY_STATUS):
        status = text = None
        for part, at in objects(reading, each.get("extension"), f"{place}.extension"):
            if part.get("url") == "capacityStatus":
                codes = concepts(reading, part.get("valueCodeableConcept"), f"{at}.valueCodeableConcept")
                status = next((term.code for term in codes if term.system == gravity.CATEGORIES), None)
            elif part.get("url") == "capacityNotes":
                text = words(reading, part.get("valueString"), f"{at}.valueString")
        if status not in gravity.CAPACITIES:
            reading.bad(place, Reason.MISSING if status is None else Reason.NOT_IN_BINDING)
            status = None
        yield Capacity(status, text, updated)


def _closures(reading: Reading, resource: Json) -> Iterator[Closure]:
    for each, place in objects(reading, resource.get("notAvailable"), "notAvailable"):
        during = each.get("during")
        ends: Mapping[str, Any] = during if isinstance(during, dict) else {}
        first = day(reading, ends.get("start"), f"{place}.during.start")
        end = read_moment(reading, ends.get("end"), f"{place}.during.end")
        if first is None and end is not None:
            first = date.min
        yield Closure(first, None if end is None else end.days.high, words(reading, each.get("description"), f"{place}.description"))


def _updated(reading: Reading, resource: Json) -> date | None:
    meta = resource.get("meta")
    return day(reading, meta.get("lastUpdated"), "meta.lastUpdated") if isinstance(meta, dict) else None
