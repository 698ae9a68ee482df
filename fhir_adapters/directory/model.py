"""A directory's words: services of organizations, where they are given, to whom, and how much the listing can be relied on.

The names are those that FHIR (HealthcareService, Organization, Location) and Open Referral HSDS (service, organization, location)
share. ``None`` and empty always mean that the source does not say, never *no* or *none*.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from fhir_adapters.directory.areas import Area
from fhir_adapters.directory.hours import Hours


class Identifier(NamedTuple):
    """A business identifier: the same pair in two sources means the same thing."""

    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Term:
    """What a source calls a kind of service or agency: a code and its name in a taxonomy or code system."""

    system: str
    code: str
    text: str
    broader: "Term | None" = None
    """The term above it in its taxonomy."""


class Language(NamedTuple):
    """A language in which a service is given: its code (BCP 47, ISO 639), its name, or both."""

    code: str | None
    name: str | None


class Contact(NamedTuple):
    """A way to reach somebody. ``system`` as in FHIR: phone, fax, email, sms, url, pager or other."""

    system: str
    value: str
    label: str | None = None
    appointments: bool = False
    """Appointments can be made there."""


class Address(NamedTuple):
    """A postal address. ``district`` is the county."""

    lines: tuple[str, ...]
    city: str | None
    district: str | None
    state: str | None
    postcode: str | None
    country: str | None


class Cost(NamedTuple):
    """One price, or what is said about prices. ``currency`` is an ISO 4217 code."""

    text: str | None
    amount: float | None = None
    currency: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None

    def __str__(self) -> str:
        price = "" if self.amount is None else f"{self.amount:g} {self.currency or ''}".strip()
        return ": ".join(filter(None, (self.text, price)))


class Closure(NamedTuple):
    """When a service is not available; both ends ``None``: the source does not say when."""

    first: date | None
    last: date | None
    text: str | None


class Capacity(NamedTuple):
    """Whether somebody new can be taken: a code of Gravity's capacity status, from the source or from the number of places."""

    status: str | None
    text: str | None
    updated: date | None
    available: float | None = None
    maximum: float | None = None
    unit: str | None = None
    until: date | None = None
    """The last day on which it holds, if whoever said it said so."""


@dataclass(frozen=True, slots=True)
class Organization:
    """An agency."""

    key: str
    name: str | None
    identifiers: tuple[Identifier, ...] = ()
    terms: tuple[Term, ...] = ()
    description: str | None = None
    contacts: tuple[Contact, ...] = ()
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """A place where services are given. ``latitude`` and ``longitude`` in degrees (WGS 84)."""

    key: str
    name: str | None
    address: Address | None = None
    latitude: float | None = None
    longitude: float | None = None
    accessibility: tuple[str, ...] = ()
    transportation: str | None = None
    contacts: tuple[Contact, ...] = ()
    hours: tuple[Hours, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """One service as one source lists it."""

    key: str
    """``source#HealthcareService/id`` or ``source#service/id``."""
    name: str
    organization: Organization | None = None
    identifiers: tuple[Identifier, ...] = ()
    status: str | None = None
    """HSDS's words: active, inactive, defunct, temporarily closed."""
    description: str | None = None
    alert: str | None = None
    terms: tuple[Term, ...] = ()
    programs: tuple[str, ...] = ()
    locations: tuple[Location, ...] = ()
    areas: tuple[Area, ...] = ()
    languages: tuple[Language, ...] = ()
    interpretation: str | None = None
    minimum_age: float | None = None
    maximum_age: float | None = None
    """In years, inclusive."""
    eligibility: tuple[str, ...] = ()
    costs: tuple[Cost, ...] = ()
    documents: tuple[str, ...] = ()
    application: str | None = None
    """How to get the service."""
    capacity: tuple[Capacity, ...] = ()
    waiting: str | None = None
    hours: tuple[Hours, ...] = ()
    closures: tuple[Closure, ...] = ()
    contacts: tuple[Contact, ...] = ()
    accessibility: tuple[str, ...] = ()
    assured: date | None = None
    """The day on which somebody last confirmed that the listing is right."""
    updated: date | None = None
    """The day on which the listing was last changed."""

    @property
    def source(self) -> str:
        """The name of the source."""
        return self.key.split("#", 1)[0]

    @property
    def agency(self) -> str:
        """The key of the agency that gives it; of the service itself, if the listing names no agency."""
        return self.organization.key if self.organization else self.key

    @property
    def agency_name(self) -> str:
        """Its name; that of the service, if the listing does not name it."""
        return (self.organization.name if self.organization else None) or self.name

    def checked(self, as_of: date) -> date | None:
        """The last day up to ``as_of`` on which the listing was confirmed or changed; ``None`` if none is known."""
        return max((day for day in (self.assured, self.updated) if day is not None and day <= as_of), default=None)

    def age(self, as_of: date) -> int | None:
        """Days since the listing was last confirmed or changed."""
        checked = self.checked(as_of)
        return None if checked is None else (as_of - checked).days

    def stale(self, as_of: date, limit: int) -> bool | None:
        """Whether that is more than ``limit`` days ago; ``None`` if no day is known."""
        age = self.age(as_of)
        return None if age is None else age > limit

    def opening_hours(self) -> tuple[Hours, ...]:
        """Its own; without any, those of the places where it is given."""
        return self.hours or tuple(dict.fromkeys(hours for location in self.locations for hours in location.hours))

    def open_on(self, day: date) -> bool | None:
        """Whether it is open on a day; ``None`` if the listing does not say."""
        answers = [hours.open_on(day) for hours in self.opening_hours()]
        if any(c.first is not None and c.first <= day <= (c.last or date.max) for c in self.closures):
            return False
        return True if True in answers else None if None in answers or not answers else False


def resource_id(key: str) -> str:
    """The id of the FHIR resource that is made of the listing with this key; the UUID of the source if it has one."""
    try:
        return str(UUID(key.rsplit("/", 1)[-1]))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, f"urn:almoner:directory:{key}"))
