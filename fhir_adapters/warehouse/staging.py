"""Resources on their way in: mapped, batch by batch, into tables of the working database.

Whatever the size of the input, only one batch of rows is in memory. Which version of a resource counts is decided later, in SQL.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, Final

import duckdb
import orjson
import pyarrow as pa

from fhir_adapters.bundles import resources_in
from fhir_adapters.mapping import NAMED_TYPES, Mapped, Outcome, map_resource
from fhir_adapters.mapping.identities import Identity
from fhir_adapters.mapping.people import DEFAULT_KEY
from fhir_adapters.mapping.resource import Version
from fhir_adapters.quarantine import Entry, Json, Quarantine
from fhir_adapters.report import Part, Report
from fhir_adapters.warehouse.columns import KINDS, arrow, event_rows, named_row, person_row
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.views import register
from rules.facts import NEVER, PersonRecord

STAGED: Final[dict[str, pa.DataType]] = {"ordinal": pa.int64(), "part_no": pa.int32()}
"""Of a row on its way in: its place in the order of reading, and the part of the account it came from."""
PASSED: Final = "passed"
_KINDS: Final[dict[str, dict[str, pa.DataType]]] = {
    **KINDS,
    PASSED: {name: pa.string() for name in ("type", "source", "patient", "updated", "version")},
}
"""What is staged: kinds of file, and of the resources that are not needed which version of what they are, as it is written there."""
_BATCH: Final = 20_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in Parquet files."""

    files: tuple[Path, ...]
    columns: str = "*"
    """What is read of them, in SQL; see `MOVED`."""
    part_nos: tuple[int, ...] = ()
    """For `MOVED`: of each file."""


MOVED: Final = "$part_no::INTEGER AS part_no"
"""In the columns of `Rows`: for the rows of a file that was written as if it were another part of the account."""


@dataclass(slots=True)
class Halves:
    """Events in tables of two kinds, which are joined only where all their columns are needed: few differ from row to row."""

    own: list[Rows] = field(default_factory=list)
    """What is a row's own: ``part_no`` and ``row`` say what it shares with others."""
    common: list[Rows] = field(default_factory=list)
    """What rows share."""

    WHOLE: ClassVar = "type || '/' || id AS source, to_hex(digest) AS content"
    """The columns that both together give, beside those that either has."""

    def __bool__(self) -> bool:
        return bool(self.own)

    def together(self, own: str = "") -> str:
        """The whole rows; ``own``: instead of all of them, as a table in SQL."""
        columns = f"* EXCLUDE (row, id, digest), {self.WHOLE}"
        return f"(SELECT {columns} FROM {own or united(scans(self.own))} d JOIN {united(scans(self.common))} c USING (part_no, row))"

    def add(self, other: "Halves") -> None:
        """Put those of another file beside them."""
        self.own += other.own
        self.common += other.common


@dataclass(slots=True)
class Stage:
    """Takes documents; `done` writes what is left. What stands in the report's quarantine meanwhile are defects that get no row."""

    connection: duckdb.DuckDBPyConnection
    report: Report
    folder: Path
    """The working folder of the load."""
    salt: bytes
    """Keys the digests (at most 64 bytes): another household key or another mapping makes other rows of the same resources."""
    household_key: bytes = DEFAULT_KEY
    needed: Needed | None = None
    """What is kept; ``None``: everything."""
    types: set[str] = field(default_factory=set)
    """Resource types of which at least one resource was seen, usable or not."""
    noted: Quarantine = field(default_factory=Quarantine)
    """Defects that stand in the row of their resource."""
    ordinal: int = 0
    """The place of the last resource in the order of reading. Whoever reads parts of the input elsewhere may leave places free."""
    parts_before: int = 0
    """Parts of the account before the first of this report's."""
    elsewhere: dict[str, list[Rows]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})
    """Kind → rows that were staged elsewhere."""
    halves: Halves = field(default_factory=Halves)
    """Events that were staged elsewhere."""
    made: set[str] = field(default_factory=set)
    """Kinds of which something was written to a table in the database."""
    _rows: dict[str, list[tuple[object, ...]]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})
    _parts: dict[int, int] = field(default_factory=dict)

    def add_document(self, document: Any, part: Part) -> None:
        """A parsed line or file: one resource, or a Bundle of any type."""
        for resource, urls in resources_in(document, part, self.report.quarantine):
            self._add(resource, part, urls)

    def _add(self, resource: Json, part: Part, urls: Mapping[str, str]) -> None:
        name, found = resource.get("resourceType"), Quarantine()
        if self.needed and isinstance(name, str) and name in self.needed.spared:
            self.types.add(name)
            part.count(Outcome.NOT_NEEDED, name)
            return
        mapped = map_resource(resource, found, urls, household_key=self.household_key)
        if self.needed and not self.needed.holds(mapped):
            self._pass(resource, mapped, part)
            return
        kept = mapped.patient or mapped.resource_type in NAMED_TYPES
        target = self.noted if kept else self.report.quarantine
        for entry in found.entries:
            target.add(entry.resource_type, entry.id, entry.path, entry.reason)
        self.types.add(mapped.resource_type)
        part.count(mapped.outcome, mapped.resource_type)
        if kept:
            self.take(mapped, part, self._digest(resource, urls), found.entries)

    def _pass(self, resource: Json, mapped: Mapped, part: Part) -> None:
        """Count what is not needed, and note which version of what it is."""
        self.ordinal += 1
        self.types.add(mapped.resource_type)
        part.count(Outcome.NOT_NEEDED, mapped.resource_type)
        meta = resource.get("meta")
        said = [meta.get(name) if isinstance(meta, dict) else None for name in ("lastUpdated", "versionId")]
        version = [text if isinstance(text, str) else None for text in said]
        self._hold(PASSED, [(self.ordinal, self.part_no(part), mapped.resource_type, mapped.source, mapped.patient, *version)])

    def _digest(self, resource: Json, urls: Mapping[str, str]) -> str:
        try:
            content = orjson.dumps((resource, urls), option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:  # a number that JSON allows and 64 bits do not hold
            content = repr((resource, urls)).encode("utf-8", "backslashreplace")
        return hashlib.blake2b(content, digest_size=12, key=self.salt).hexdigest()

    def add_record(self, record: PersonRecord, part: Part) -> None:
        """A person who was read and mapped otherwise."""
        for mapped in resources_of(record):
            content = repr((mapped.person, mapped.events)).encode("utf-8", "backslashreplace")
            part.entries += 1
            part.count(mapped.outcome, mapped.resource_type)
            self.take(mapped, part, hashlib.blake2b(content, digest_size=12, key=self.salt).hexdigest())

    def take(self, mapped: Mapped, part: Part, content: str, defects: Iterable[Entry] = ()) -> None:
        """A resource that is somebody's, or to which such resources refer: its rows."""
        self.ordinal += 1
        updated = None if mapped.version.updated == NEVER else mapped.version.updated
        staged = (self.ordinal, self.part_no(part))
        noted = tuple((entry.path, entry.reason.value) for entry in defects)
        header = (
            *(mapped.source, mapped.resource_type, mapped.patient, updated, mapped.version.number, content),
            *(mapped.outcome is Outcome.QUARANTINED, noted),
        )
        if mapped.person is not None:
            self._hold("people", [(*staged, *header, *person_row(mapped.person, mapped.identity or Identity()))])
        elif mapped.patient:
            self._hold("events", [(*staged, *header, *row) for row in event_rows(mapped)])
        else:
            self._hold("named", [(*staged, *header, *named_row(mapped))])

    def _hold(self, kind: str, rows: Iterable[tuple[object, ...]]) -> None:
        self._rows[kind] += rows
        if sum(map(len, self._rows.values())) >= _BATCH:
            self.done()

    def part_no(self, part: Part) -> int:
        """Which of the parts of the account it is."""
        if id(part) not in self._parts:
            self._parts[id(part)] = next(n for n, known in enumerate(self.report.parts, self.parts_before) if known is part)
        return self._parts[id(part)]

    def done(self) -> None:
        """Write what is still in memory."""
        for kind, rows in ((kind, rows) for kind, rows in self._rows.items() if rows):
            self._make(kind)
            self.connection.register("batch", arrow(rows, STAGED | _KINDS[kind]))
            self.connection.execute(f"INSERT INTO here_{kind} FROM batch")
            self.connection.unregister("batch")
            rows.clear()

    def _make(self, kind: str) -> None:
        """Its table, which may hold rows already."""
        if kind not in self.made:
            register(self.connection, f"here_{kind}", arrow([], STAGED | _KINDS[kind]))
            self.made.add(kind)

    def tables(self, kind: str) -> list[str]:
        """Where rows of a kind are staged; after `done`."""
        halves = [self.halves.together()] if kind == "events" and self.halves else []
        return [*([f"here_{kind}"] if kind in self.made else []), *scans(self.elsewhere[kind]), *halves]

    def join(self) -> None:
        """Make the views of what is staged, here and elsewhere: ``staged_people`` and so on of all, ``whole_people`` and so on without
        the `halves`.
        """
        for kind in KINDS:
            self._make(kind)
            whole = [f"here_{kind}", *scans(self.elsewhere[kind])]
            for name, tables in (("whole", whole), ("staged", self.tables(kind))):
                self.connection.execute(f"CREATE VIEW {name}_{kind} AS {united(tables)}")


def quoted(path: Path) -> str:
    """For a text in SQL."""
    return str(path).replace("'", "''")


def united(tables: Iterable[str]) -> str:
    """Tables in SQL as one."""
    return f"({' UNION ALL BY NAME '.join(f'SELECT * FROM {table}' for table in tables)})"


def scans(found: Iterable[Rows]) -> list[str]:
    """As tables in SQL, of which there are no more when there are more files: each takes memory of its own, whatever it holds."""
    alike: dict[tuple[str, bool], list[Rows]] = {}
    for rows in found:
        alike.setdefault((rows.columns, bool(rows.part_nos)), []).append(rows)
    return [_scan(columns, same) for (columns, _), same in alike.items()]


def _scan(columns: str, alike: list[Rows]) -> str:
    part_nos = ", ".join(str(number) for rows in alike for number in rows.part_nos)
    files = from_files(file for rows in alike for file in rows.files)
    return f"(SELECT {columns.replace('$part_no', f'[{part_nos}][file_index::BIGINT + 1]')} FROM {files})"


def from_files(paths: Iterable[Path]) -> str:
    """Parquet files as a table in SQL."""
    listed = ", ".join(f"'{quoted(path)}'" for path in paths)
    return f"read_parquet([{listed}])"


def set_aside(connection: duckdb.DuckDBPyConnection, query: str, path: Path, given: Mapping[str, object] | None = None) -> Path:
    """Write the rows of a query to a file of the load, which is read soon and then gone."""
    connection.execute(f"COPY ({query}) TO '{quoted(path)}' (FORMAT parquet, COMPRESSION uncompressed)", given or {})
    return path


def resources_of(record: PersonRecord) -> Iterator[Mapped]:
    """A record that was read otherwise, as the resources that it was made of; those that said nothing have left no trace in it."""
    yield Mapped(Outcome.MAPPED, "Patient", f"Patient/{record.person.id}", record.person.id, person=record.person)
    for source, group in groupby(sorted(record.events, key=attrgetter("source")), key=attrgetter("source")):
        events = tuple(group)
        unread = any(event.opaque and not event.part for event in events)
        updated = max((event.updated for event in events if event.updated is not None), default=NEVER)
        outcome = Outcome.QUARANTINED if unread else Outcome.MAPPED
        yield Mapped(outcome, source.split("/", 1)[0], source, record.person.id, Version(updated), None, events)
