"""The directory of partner services in words: its health, and the services found for somebody. Nothing here repeats who was asked for."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from fhir_adapters.directory import Directory, Match, Service
from fhir_adapters.directory.model import Location
from fhir_adapters.report import Report, render

_STATED: Final = {
    "area": "areas",
    "ages": "minimum_age maximum_age",
    "eligibility": "eligibility",
    "languages": "languages interpretation",
    "capacity": "capacity waiting",
    "hours": "hours",
    "costs": "costs",
    "documents": "documents",
    "contacts": "contacts",
    "places": "locations",
}
_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Health:
    """What there is to say about a directory as of a day."""

    directory: Directory
    reports: list[Report]
    as_of: date
    stale_days: int

    @property
    def services(self) -> list[Service]:
        """Each service once."""
        return [entry.service for entry in self.directory.entries]

    @property
    def stale(self) -> list[Service]:
        """Those that nobody confirmed or changed for too long."""
        return [service for service in self.services if service.stale(self.as_of, self.stale_days)]

    @property
    def undated(self) -> list[Service]:
        """Those of which no such day is known."""
        return [service for service in self.services if service.stale(self.as_of, self.stale_days) is None]

    @property
    def quarantined(self) -> Counter[tuple[str, str]]:
        """(kind of row or resource, reason) → how often."""
        found: Counter[tuple[str, str]] = Counter()
        for report in self.reports:
            found.update({(kind, str(reason)): count for (kind, reason), count in report.quarantine.counts.items()})
        return found

    @property
    def notes(self) -> list[str]:
        """What else the operator should know."""
        return [*(note for report in self.reports for note in report.notes), *self.directory.notes]

    @property
    def fine(self) -> bool:
        """Whether there is nothing to see to."""
        conflicts = any(entry.conflicts() for entry in self.directory.entries)
        return not (self.stale or self.quarantined or conflicts or self.directory.notes or self.directory.unknown_terms())

    def stated(self) -> dict[str, int]:
        """How many services say something about each thing that matters."""
        return {
            name: sum(any(getattr(service, field) not in (None, ()) for field in fields.split()) for service in self.services)
            for name, fields in _STATED.items()
        }

    def by_domain(self) -> dict[str, int]:
        """How many services are for each domain."""
        found = Counter(domain for service in self.services for domain in self.directory.meaning(service).domains)
        return dict(sorted(found.items()))

    def numbers(self) -> dict[str, Any]:
        """Everything as one JSON object."""
        return {
            "as_of": self.as_of,
            "services": len(self.services),
            "listings": sum(len(entry.listings) for entry in self.directory.entries),
            "domains": self.by_domain(),
            "stated": self.stated(),
            "stale": [{"service": service.key, "age_days": service.age(self.as_of)} for service in self.stale],
            "undated": [service.key for service in self.undated],
            "unknown_terms": [
                {"system": term.system, "code": term.code, "term": term.text, "listings": count}
                for term, count in self.directory.unknown_terms().most_common()
            ],
            "conflicts": [
                {"field": conflict.field, "said": dict(conflict.said)} for entry in self.directory.entries for conflict in entry.conflicts()
            ],
            "quarantined": [{"what": what, "why": why, "count": count} for (what, why), count in self.quarantined.items()],
            "rows": [row._asdict() for report in self.reports for row in report.rows()],
            "notes": self.notes,
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        for report in self.reports:
            yield from render(report)
        listings = sum(len(entry.listings) for entry in self.directory.entries)
        yield f"{counted(len(self.services), 'service')} in {counted(listings, 'listing')}, as of {self.as_of}"
        yield "domains: " + (", ".join(f"{name} {count}" for name, count in self.by_domain().items()) or "none is known")
        yield "stated by: " + ", ".join(f"{name} {count}" for name, count in self.stated().items())
        yield from _some("stale", [f"{s.key} {s.name}: {s.age(self.as_of):,} days" for s in self.stale])
        yield from _some("without a date", [f"{s.key} {s.name}" for s in self.undated])
        yield from self._terms()
        for entry in self.directory.entries:
            for conflict in entry.conflicts():
                yield f"conflict: {conflict.field}: " + "; ".join(f"{key} says {words}" for key, words in conflict.said)
        for (what, why), count in self.quarantined.items():
            yield f"quarantined: {count:,} x {what or '(unreadable)'}: {why}"
        yield from self.notes

    def _terms(self) -> Iterator[str]:
        unknown = self.directory.unknown_terms()
        if unknown:
            yield f"not in the crosswalk: {counted(len(unknown), 'term')}; what they mean is unknown (system,code,term: listings)"
            yield from (f"  {term.system},{term.code},{term.text}: {count:,}" for term, count in unknown.most_common())


def counted(count: int, noun: str) -> str:
    """``1 service``, ``2 services``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _some(title: str, items: list[str]) -> Iterator[str]:
    if items:
        yield f"{title}: {len(items):,}"
        yield from (f"  {item}" for item in items[:_MOST])
        if len(items) > _MOST:
            yield f"  and {len(items) - _MOST:,} more"


def match_lines(match: Match, as_of: date) -> Iterator[str]:
    """A service that was found, for people."""
    service = match.service
    agency = f", {service.organization.name}" if service.organization and service.organization.name else ""
    yield f"{match.verdict.upper()}  {service.name}{agency}  [{service.key}]"
    for ground in match.grounds:
        yield f"    {_answer(ground.answer):<8}{ground.criterion:<13}{ground.reason}"
    for title, words in _details(service, as_of):
        yield f"    {title:<21}{words}"


def _answer(answer: bool | None) -> str:
    return {True: "yes", False: "no", None: "unknown"}[answer]


def _details(service: Service, as_of: date) -> Iterator[tuple[str, str]]:
    for contact in service.contacts or (service.organization.contacts if service.organization else ()):
        yield contact.system, contact.value + (" (appointments)" if contact.appointments else "")
    for hours in service.opening_hours():
        if as_of <= (hours.valid_to or as_of):
            yield "hours", str(hours)
    opened = service.open_on(as_of)
    if opened is not None:
        yield "that day", "open" if opened else "closed"
    for title, lines in (("costs", [str(cost) for cost in service.costs]), ("needed", service.documents), ("apply", [service.application])):
        for words in filter(None, lines):
            yield title, words
    for place in service.locations:
        yield from (("access", words) for words in place.accessibility)
    if service.alert:
        yield "alert", service.alert


def match_json(match: Match, as_of: date, stale_days: int) -> dict[str, Any]:
    """A service that was found, with every reason."""
    service = match.service
    return {
        "verdict": match.verdict,
        "service": service.key,
        "listings": [listing.key for listing in match.entry.listings],
        "name": service.name,
        "organization": service.organization.name if service.organization else None,
        "grounds": [{"criterion": g.criterion, "answer": _answer(g.answer), "reason": g.reason} for g in match.grounds],
        "conflicts": [{"field": conflict.field, "said": dict(conflict.said)} for conflict in match.entry.conflicts()],
        "assured": service.assured,
        "updated": service.updated,
        "age_days": service.age(as_of),
        "stale": service.stale(as_of, stale_days),
        "open_that_day": service.open_on(as_of),
        "hours": [str(hours) for hours in service.opening_hours()],
        "areas": [str(area) for area in service.areas],
        "ages": [service.minimum_age, service.maximum_age],
        "eligibility": service.eligibility,
        "languages": [language._asdict() for language in service.languages],
        "costs": [str(cost) for cost in service.costs],
        "documents": service.documents,
        "application": service.application,
        "capacity": [capacity._asdict() for capacity in service.capacity],
        "waiting": service.waiting,
        "contacts": [contact._asdict() for contact in service.contacts],
        "places": [
            {
                "name": place.name,
                "address": place.address._asdict() if place.address else None,
                "position": _position(place),
                "accessibility": place.accessibility,
            }
            for place in service.locations
        ],
    }


def _position(place: Location) -> list[float] | None:
    return None if place.latitude is None or place.longitude is None else [place.latitude, place.longitude]
