"""Which services may meet a need of somebody, why, and why the others do not."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from fhir_adapters.directory import Directory, Inquiry, Match, Residence, find
from fhir_adapters.directory.areas import NOWHERE
from fhir_adapters.directory.finding import FITS, Ground
from fhir_adapters.directory.model import resource_id


@dataclass(frozen=True, slots=True)
class Sought:
    """What the directory is asked for. Nobody is named, and a health inquiry never leaves the house: the directory is ours."""

    need: str
    partner: str
    home: Residence = NOWHERE
    age: float | None = None
    language: str | None = None

    def to_json(self) -> dict[str, Any]:
        """To be kept with the referral, so that the next service can be looked for."""
        return asdict(self) | {"home": self.home._asdict()}

    @classmethod
    def of_json(cls, kept: dict[str, Any]) -> "Sought":
        """The same again."""
        home = kept["home"]
        return cls(**kept | {"home": Residence(**home | {"names": tuple(home["names"])})})

    def inquiry(self, as_of: date) -> Inquiry:
        """As the directory takes it."""
        return Inquiry(as_of, self.need, self.partner, self.home, self.age, self.language)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service held against a need."""

    listing: str
    """Its key in the directory."""
    name: str
    agency: str
    """The key of the agency that gives it; of the service, if the directory names no agency."""
    agency_name: str
    verdict: str
    """``fits``, ``ask`` (something about it is not known) or ``left out``."""
    grounds: tuple[Ground, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether everything that matters is known, and nothing stands against it."""
        return self.verdict == FITS

    @property
    def stale(self) -> bool:
        """Whether nobody has confirmed the listing for too long, or nobody knows when anybody did."""
        return any(ground.criterion == "freshness" and ground.answer is None for ground in self.grounds)

    @property
    def against(self) -> tuple[str, ...]:
        """Why not, in words."""
        return tuple(ground.reason for ground in self.grounds if ground.answer is False)

    @property
    def to_ask(self) -> tuple[str, ...]:
        """What is not known."""
        return tuple(ground.reason for ground in self.grounds if ground.answer is None)


def candidates(directory: Directory, sought: Sought, as_of: date, without: Collection[str] = ()) -> list[Candidate]:
    """Every service of the directory but those ``without``: those that fit first, those to ask next, those left out last."""
    found = [_candidate(match) for match in find(directory, sought.inquiry(as_of))]
    return [each for each in found if each.listing not in without]


def next_candidate(directory: Directory, sought: Sought, as_of: date, tried: Collection[str]) -> Candidate | None:
    """The first service that surely fits and was not tried; ``None``: a person must choose."""
    return next((each for each in candidates(directory, sought, as_of, tried) if each.fits), None)


def _candidate(match: Match) -> Candidate:
    service = match.service
    return Candidate(service.key, service.name, service.agency, service.agency_name, match.verdict, match.grounds)


@dataclass(frozen=True, slots=True)
class Performer:
    """Whom an order of an EHR names to do it, as the directory knows them."""

    agency: str
    name: str | None = None
    """``None``: the directory does not know them."""
    listing: str | None = None
    listing_name: str = ""
    partner: str = ""
    """The kind of partner, if the directory names exactly one."""


def performer(directory: Directory | None, tenant: str, reference: str) -> Performer:
    """Who ``Organization/7`` or ``HealthcareService/8`` of the server of ``tenant`` is.

    The directory knows them if it was read from that server, or written to it. An id alone says nothing: other sources may use it, too.
    """
    own = f"{tenant}#{reference}"
    if directory is None:
        return Performer(own)
    for listing in (listing for entry in directory.entries for listing in entry.listings):
        agency, name = listing.agency, listing.agency_name
        kinds = directory.partners(listing)
        kind = next(iter(kinds)) if len(kinds) == 1 else ""
        if own == listing.key or reference == f"HealthcareService/{resource_id(listing.key)}":
            return Performer(agency, name, listing.key, listing.name, kind)
        if own == agency or reference == f"Organization/{resource_id(agency)}":
            return Performer(agency, name, partner=kind)
    return Performer(own)
