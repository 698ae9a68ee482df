"""One directory of several sources: listings of the same service side by side, what they say together, and where they differ."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from fhir_adapters.directory.crosswalk import Crosswalk, Meaning
from fhir_adapters.directory.model import Identifier, Service, Term
from fhir_adapters.errors import SourceUnreadable

_COMPARED: Final = ("name", "status", "minimum_age", "maximum_age", "eligibility", "application", "interpretation", "waiting")


class Conflict(NamedTuple):
    """Listings of one service that say different things. ``said`` holds (key, what it says)."""

    field: str
    said: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A service: its listings, the most recently confirmed first."""

    listings: tuple[Service, ...]

    @property
    def service(self) -> Service:
        """What the listings say together: each field from the first that says something."""
        first = self.listings[0]
        gaps = {f.name: v for f in fields(Service) if _silent(getattr(first, f.name)) and not _silent(v := self._first(f.name))}
        return replace(first, **gaps) if gaps else first

    def _first(self, name: str) -> Any:
        return next((value for each in self.listings if not _silent(value := getattr(each, name))), None)

    def conflicts(self) -> tuple[Conflict, ...]:
        """The fields on which listings differ; silence differs from nothing."""
        found = []
        for name in (*_COMPARED, "capacity", "organization"):
            said = [(each.key, words) for each in self.listings if (words := _said(each, name))]
            if len({words.casefold() for _, words in said}) > 1:
                found.append(Conflict(name, tuple(said)))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Directory:
    """Every service, sorted by name, and the crosswalk by which its terms are understood."""

    entries: tuple[Entry, ...]
    crosswalk: Crosswalk
    notes: tuple[str, ...] = ()
    """What the operator should know about how the sources were put together."""

    def meaning(self, service: Service) -> Meaning:
        """Which domains a service is for, as far as its terms say."""
        return self.crosswalk.meaning(service.terms)

    def partners(self, service: Service) -> frozenset[str]:
        """Which kinds of partner give it, as far as the terms of the agency and of the service say."""
        return self.crosswalk.meaning((*(service.organization.terms if service.organization else ()), *service.terms)).partners

    def unknown_terms(self) -> Counter[Term]:
        """Terms of services and agencies that no row of the crosswalk speaks of, with the number of listings that use them."""
        found: Counter[Term] = Counter()
        for entry in self.entries:
            for service in entry.listings:
                agency = service.organization.terms if service.organization else ()
                found.update(self.crosswalk.meaning((*service.terms, *agency)).unknown)
        return found


def assemble(services: Iterable[Service], crosswalk: Crosswalk, as_of: date, links: Iterable[tuple[str, str]] = ()) -> Directory:
    """One directory. Listings are of one service if they are of different sources and share an identifier, or if a link says so.

    An identifier that one source gives to several of its services identifies none of them. ``links`` are pairs of keys. Raises
    `SourceUnreadable` if two sources have the same name.
    """
    by_key: dict[str, Service] = {}
    for service in services:
        if service.key in by_key:
            raise SourceUnreadable(f"two sources are called '{service.source}': tell them apart with NAME=SOURCE")
        by_key[service.key] = service
    notes: list[str] = []
    groups = {key: key for key in by_key}

    def root(key: str) -> str:
        while groups[key] != key:
            key = groups[key]
        return key

    for one, other in (*_shared(by_key.values(), notes), *_known(links, by_key, notes)):
        first, second = sorted((root(one), root(other)))
        groups[second] = first
    together: defaultdict[str, list[Service]] = defaultdict(list)
    for key, service in by_key.items():
        together[root(key)].append(service)
    entries = (
        Entry(tuple(sorted(group, key=lambda s: (-(s.checked(as_of) or date.min).toordinal(), s.key)))) for group in together.values()
    )
    ordered = sorted(entries, key=lambda entry: (entry.listings[0].name.casefold(), entry.listings[0].key))
    return Directory(tuple(ordered), crosswalk, tuple(notes))


def _shared(services: Iterable[Service], notes: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of listings of different sources with an identifier in common."""
    bearers: defaultdict[Identifier, list[Service]] = defaultdict(list)
    for service in services:
        for identifier in dict.fromkeys(service.identifiers):
            bearers[identifier].append(service)
    for identifier, found in bearers.items():
        if len({each.source for each in found}) < len(found):
            keys = ", ".join(each.key for each in found)
            notes.append(
                f"identifier {identifier.system}|{identifier.value} stands for several services of one source, so it joins none: {keys}"
            )
            continue
        yield from ((found[0].key, other.key) for other in found[1:])


def _known(links: Iterable[tuple[str, str]], by_key: dict[str, Service], notes: list[str]) -> Iterator[tuple[str, str]]:
    for one, other in links:
        missing = [key for key in (one, other) if key not in by_key]
        if missing:
            notes.append(f"a link names {' and '.join(missing)}, which is not listed")
        else:
            yield one, other


def read_links(file: Path) -> list[tuple[str, str]]:
    """The pairs of a CSV file with the columns ``service`` and ``same_as``, both keys. Raises `SourceUnreadable`."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            if not {"service", "same_as"} <= set(reader.fieldnames or ()):
                raise SourceUnreadable(f"{file}:1: links have the columns service and same_as")
            return [((row["service"] or "").strip(), (row["same_as"] or "").strip()) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceUnreadable(f"{file}: not a CSV file in UTF-8 ({type(error).__name__})") from None


def _silent(value: Any) -> bool:
    return value is None or value in ((), "")


def _said(service: Service, name: str) -> str:
    value = getattr(service, name)
    if name == "organization":
        value = value.name if value else None
    elif name == "capacity":
        value = tuple(each.status for each in value if each.status)
    return (
        "" if _silent(value) else "; ".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
    )
