"""A seeded directory of partner agencies that do not exist, named by what they do, for the postcodes of the synthetic population.

Listings are flawed on purpose, as real ones are: out of date or without a date, silent about capacity, area or ages, closed for a
while, with terms of a taxonomy that nobody mapped, and with a place that is not there.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import orjson

from fhir_adapters.gravity import APPOINTMENT_TELECOM, CAPACITY_STATUS, CATEGORIES, category
from fhir_adapters.synthetic.draws import Mix, seeded
from fhir_adapters.synthetic.fragments import SDOH, Resource
from fhir_adapters.synthetic.households import POSTCODES

AGENCY_TYPES: Final = ("HealthcareService", "Location", "Organization", "VerificationResult")
"""The types that the directory is made of; each has a file."""
LOCAL_TERMS: Final = "http://example.org/local-terms"
"""A taxonomy that no crosswalk speaks of."""


class _Offer(NamedTuple):
    agency: str
    """Its name, before its number."""
    partner: str
    service: str
    domains: tuple[str, ...]
    eligibility: tuple[str, ...] = ()


_OFFERS: Final = (
    _Offer("Council", "council", "Home repairs and heating advice", ("inadequate-housing", "utility-insecurity")),
    _Offer("Council", "council", "Help with benefits", ("financial-insecurity",)),
    _Offer("Housing association", "housing association", "Damp and mould visits", ("inadequate-housing",), ("Tenants only",)),
    _Offer("Housing association", "housing association", "Help to stay in your home", ("housing-instability", "homelessness")),
    _Offer("Food bank", "food bank", "Food parcels", ("food-insecurity",)),
    _Offer("Food bank", "food bank", "Community meals", ("food-insecurity", "social-connection")),
    _Offer("School", "school", "Breakfast club", ("food-insecurity",), ("Pupils of the school",)),
    _Offer("School", "school", "Evening classes", ("educational-attainment", "digital-literacy")),
    _Offer("Fire service", "fire service", "Safe and well visits", ("inadequate-housing", "social-connection")),
    _Offer("Social services", "social services", "Help at home", ("elder-abuse", "social-connection"), ("Aged 65 and over",)),
    _Offer("Charity", "voluntary sector", "Befriending", ("social-connection",)),
    _Offer("Charity", "voluntary sector", "Lifts to appointments", ("transportation-insecurity",)),
)
_CAPACITY = Mix[str](("capacity", 55), ("waitlist", 15), ("no-capacity", 10), ("additional-assessment-required", 5), ("", 15))
_AGE = Mix[tuple[int, int]](((1, 60), 50), ((61, 300), 25), ((400, 900), 15), ((-1, -1), 10))
"""Days since the listing was last confirmed, from and to; -1: nobody knows."""
_LANGUAGES = Mix[tuple[str, ...]]((("en",), 40), (("en", "es"), 25), (("en", "es", "zh"), 10), ((), 25))
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat")


def agencies(seed: int, as_of: date, each: int = 3) -> Iterator[Resource]:
    """FHIR R4 resources of ``each`` agencies of every kind, with their services and places, as of a day."""
    yield from (_area(postcode) for postcode in POSTCODES)
    for number in range(1, each + 1):
        for kind in dict.fromkeys(offer.agency for offer in _OFFERS):
            rng = seeded(seed, number, [offer.agency for offer in _OFFERS].index(kind))
            offers = [offer for offer in _OFFERS if offer.agency == kind]
            yield from _agency(kind, number, offers, as_of, rng)


def write_agencies(folder: Path, seed: int, as_of: date, each: int = 3) -> dict[str, int]:
    """Write the directory as ``<Type>.ndjson`` into ``folder`` (made if missing); the number of lines of each file."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[bytes]] = {kind: [] for kind in AGENCY_TYPES}
    for resource in agencies(seed, as_of, each):
        lines[resource["resourceType"]].append(orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE))
    for kind, content in lines.items():
        (folder / f"{kind}.ndjson").write_bytes(b"".join(content))
    return {kind: len(content) for kind, content in lines.items()}


def _agency(kind: str, number: int, offers: list[_Offer], as_of: date, rng: Random) -> Iterator[Resource]:
    name, identity = f"{kind} {number}", f"{kind.lower().replace(' ', '-')}-{number}"
    postcode = rng.choice(POSTCODES)
    yield {
        "resourceType": "Organization",
        "id": identity,
        "active": True,
        "type": [{"text": offers[0].partner}],
        "name": name,
        "telecom": [{"system": "email", "value": f"{identity}@example.org", "use": "work"}],
    }
    yield {
        "resourceType": "Location",
        "id": identity,
        "name": name,
        "address": {"line": [f"{rng.randint(1, 99)} Example Street"], "postalCode": postcode},
        "position": {"latitude": round(rng.uniform(0.1, 0.9), 4), "longitude": round(rng.uniform(0.1, 0.9), 4)},
    }
    for place, offer in enumerate(offers, 1):
        yield from _service(f"{identity}-{place}", identity, offer, as_of, rng)


def _service(identity: str, agency: str, offer: _Offer, as_of: date, rng: Random) -> Iterator[Resource]:
    first, last = _AGE.draw(rng)
    checked = None if first < 0 else as_of - timedelta(days=rng.randint(first, last))
    start = rng.randrange(len(POSTCODES) - 2)
    served = POSTCODES if rng.random() < 0.3 else POSTCODES[start : start + rng.randint(2, 5)]
    unmapped = [{"coding": [{"system": LOCAL_TERMS, "code": "local-7", "display": "Local scheme"}]}] if rng.random() < 0.1 else []
    yield {
        "resourceType": "HealthcareService",
        "id": identity,
        "meta": {} if checked is None else {"lastUpdated": f"{checked.isoformat()}T09:00:00Z"},
        "extension": _capacity(_CAPACITY.draw(rng)),
        "identifier": [{"system": "http://example.org/services", "value": identity}],
        "active": rng.random() < 0.97,
        "providedBy": {"reference": f"Organization/{agency}"},
        "category": [{"coding": [SDOH["coding"][0], *(category(domain) for domain in offer.domains)]}],
        "type": [{"text": domain.replace("-", " ")} for domain in offer.domains] + unmapped,
        "location": [{"reference": f"Location/{agency}" if rng.random() < 0.98 else f"Location/{agency}-gone"}],
        "name": offer.service,
        "telecom": [
            {
                "extension": [{"url": APPOINTMENT_TELECOM, "valueBoolean": True}],
                "system": "phone",
                "value": f"555-01{rng.randrange(100):02}",
                "use": "work",
            }
        ],
        "coverageArea": [{"reference": f"Location/area-{code}"} for code in served] if rng.random() < 0.92 else [],
        "eligibility": [{"comment": text} for text in offer.eligibility],
        "communication": [{"coding": [{"system": "urn:ietf:bcp:47", "code": code}]} for code in _LANGUAGES.draw(rng)],
        "availableTime": [
            {
                "daysOfWeek": sorted(rng.sample(_DAYS, rng.randint(1, 5)), key=_DAYS.index),
                "availableStartTime": "09:00:00",
                "availableEndTime": "16:00:00",
            }
        ],
        "notAvailable": _closed(as_of, rng),
    }
    if checked is not None and rng.random() < 0.5:
        yield {
            "resourceType": "VerificationResult",
            "id": f"{identity}-checked",
            "target": [{"reference": f"HealthcareService/{identity}"}],
            "status": "attested",
            "lastPerformed": checked.isoformat(),
        }


def _capacity(status: str) -> list[Resource]:
    if not status:
        return []
    concept = {"coding": [{"system": CATEGORIES, "code": status}]}
    return [{"url": CAPACITY_STATUS, "extension": [{"url": "capacityStatus", "valueCodeableConcept": concept}]}]


def _closed(as_of: date, rng: Random) -> list[Resource]:
    if rng.random() >= 0.05:
        return []
    during = {"start": (as_of - timedelta(days=3)).isoformat(), "end": (as_of + timedelta(days=11)).isoformat()}
    return [{"description": "Closed for building work", "during": during}]


def _area(postcode: str) -> Resource:
    return {"resourceType": "Location", "id": f"area-{postcode}", "name": f"Area {postcode}", "address": {"postalCode": postcode}}
