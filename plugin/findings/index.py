"""A published sweep as pages read it: what to filter and sort by in memory, everything else by its place in the file.

Sweeps never change, so an index is made once for each and kept until another sweep is current.
"""

import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, Final

import orjson

from plugin.sweep.published import MANIFEST, WORKLIST, WorklistPerson


class SweepDamaged(Exception):
    """The files of a sweep are not what its manifest says. No list is shown rather than a shorter one."""


@dataclass(frozen=True, slots=True)
class ListedRule:
    """A rule as the sweep knew it."""

    id: str
    title: str
    level: str
    priority: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What filters ask about a person; shared by all to whom the same applies. Restricted findings have no name here."""

    yes: frozenset[str]
    unknown: frozenset[str]
    restricted_yes: bool
    language: str | None

    @property
    def to_act(self) -> bool:
        """At least one finding is certain."""
        return bool(self.yes) or self.restricted_yes


@dataclass(frozen=True)
class SweepIndex:
    """The people of one sweep by row number, in the order of the file."""

    folder: Path
    manifest: Mapping[str, Any]
    rules: Mapping[str, ListedRule]
    """Rules with at least one finding that may be shown on a shared list."""
    facets: tuple[Facets, ...]
    facets_of: "array[int]"
    """For each row, the place of its facets in `facets`."""
    offsets: "array[int]"
    names: tuple[str, ...]
    """Folded name and id of each row: what a search looks at, and the order by name."""

    @property
    def sweep(self) -> str:
        """The sweep's id."""
        return self.folder.name

    @cached_property
    def by_priority(self) -> "array[int]":
        """Rows, the most urgent first. What is restricted has no say: the order would tell."""
        priorities = [self._priority(facets) for facets in self.facets]
        return array("L", sorted(range(len(self.offsets)), key=lambda row: -priorities[self.facets_of[row]]))

    @cached_property
    def by_name(self) -> "array[int]":
        """Rows by name, then id."""
        return array("L", sorted(range(len(self.offsets)), key=self.names.__getitem__))

    def _priority(self, facets: Facets) -> int:
        return max((self.rules[rule].priority for rule in facets.yes or facets.unknown), default=-1)

    def people(self, rows: Iterable[int]) -> Iterator[tuple[int, WorklistPerson]]:
        """Row and person, in the order of ``rows``. Raises `IndexError` if there is no such row."""
        with (self.folder / WORKLIST).open("rb") as file:
            for row in rows:
                file.seek(self.offsets[row])
                yield row, person_from(file.readline())

    def search(self, text: str) -> list[int]:
        """Rows whose name or id holds every word of ``text``, by name. Case and accents do not matter; no words find nobody."""
        words = folded(text).split()
        return [row for row in self.by_name if all(word in self.names[row] for word in words)] if words else []

    def row_of(self, patient: str) -> int | None:
        """Where a patient stands; ``None`` if not on this list."""
        ending = "\0" + folded(patient)
        rows = (row for row, name in enumerate(self.names) if name.endswith(ending))
        return next((row for row, person in self.people(rows) if person.id == patient), None)


def folded(text: str) -> str:
    """Without case, accents and other marks, for comparing."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()


def person_from(line: bytes) -> WorklistPerson:
    """A line of the worklist file."""
    fields = orjson.loads(line)
    return WorklistPerson(**(fields | {"findings": tuple(fields["findings"])}))


def person_of_earlier_sweep(folder: Path, row: int) -> WorklistPerson | None:
    """Who stood in a row of a sweep that is not current any more; ``None`` if nobody can tell."""
    try:
        with (folder / WORKLIST).open("rb") as file:
            line = next(islice(file, row, None), None)
    except FileNotFoundError:
        return None
    return person_from(line) if line else None


_one_at_a_time: Final = Lock()


def index_of(folder: Path) -> SweepIndex:
    """The index of a sweep.

    Raises:
        SweepDamaged: a file is missing, or is not as long as the manifest says.
    """
    with _one_at_a_time:
        return _index_of(folder)


@lru_cache(maxsize=1)
def _index_of(folder: Path) -> SweepIndex:
    try:
        manifest: Mapping[str, Any] = orjson.loads((folder / MANIFEST).read_bytes())
        with (folder / WORKLIST).open("rb") as file:
            index = _Reading().read(file, folder, manifest)
            if file.tell() != manifest["files"][WORKLIST]["bytes"]:
                raise SweepDamaged("the worklist is not as long as its manifest says")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SweepDamaged(type(error).__name__) from None  # its text may hold a piece of a record
    return index


class _Reading:
    def __init__(self) -> None:
        self.rules: dict[str, ListedRule] = {}
        self.numbers: dict[Facets, int] = {}

    def read(self, lines: Iterable[bytes], folder: Path, manifest: Mapping[str, Any]) -> SweepIndex:
        facets_of, offsets, names = array("L"), array("Q"), []
        offset = 0
        for line in lines:
            person = person_from(line)
            facets = self.facets(person)
            facets_of.append(self.numbers.setdefault(facets, len(self.numbers)))
            offsets.append(offset)
            names.append(f"{folded(person.name)}\0{folded(person.id)}")
            offset += len(line)
        return SweepIndex(folder, manifest, self.rules, tuple(self.numbers), facets_of, offsets, tuple(names))

    def facets(self, person: WorklistPerson) -> Facets:
        shown = [finding for finding in person.findings if not finding["restricted"]]
        for finding in shown:
            if finding["rule"] not in self.rules:
                self.rules[finding["rule"]] = ListedRule(finding["rule"], finding["title"], finding["level"], finding["priority"])
        return Facets(
            yes=frozenset(f["rule"] for f in shown if f["status"] == "yes"),
            unknown=frozenset(f["rule"] for f in shown if f["status"] == "unknown"),
            restricted_yes=any(f["restricted"] and f["status"] == "yes" for f in person.findings),
            language=person.language,
        )
