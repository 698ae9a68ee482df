"""Reading a warehouse: people with their events, batch by batch or all at once."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from fhir_adapters.dataset import Dataset
from fhir_adapters.forms import named, understood
from fhir_adapters.linking import EXCLUDED_BY_DEFAULT, Excluded, exclusion
from fhir_adapters.mapping import Outcome
from fhir_adapters.mapping.identities import Identity
from fhir_adapters.pulled import JOINED
from fhir_adapters.quarantine import KEPT, Quarantine, Reason
from fhir_adapters.report import Part, Report
from fhir_adapters.warehouse.account import part_of
from fhir_adapters.warehouse.columns import arrow, events_from, form_from, people_from
from fhir_adapters.warehouse.homes import owners_in
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.snapshot import Snapshot, check_covers, current
from fhir_adapters.warehouse.state import tables_not_loaded
from fhir_adapters.warehouse.views import MEMORY, OPEN_GAPS, connect, create_views, register
from rules.facts import HOUSEHOLD, Event, Person, PersonRecord, with_households

_BATCH: Final = 5_000

_EVENTS: Final = """
CREATE VIEW events AS
SELECT e.* REPLACE (CASE WHEN len(m.codes) > 0 THEN m.codes ELSE e.codes END AS codes,
                    e.opaque AND coalesce(len(m.codes), 0) = 0 AS opaque),
       coalesce(len(m.codes), 0) > 0 AS resolved
FROM live_events e LEFT JOIN live_named m ON m.source = e.awaits
"""
"""What awaits a Medication has its codes, if it has any."""

_HEADERS: Final = """
CREATE VIEW headers AS
SELECT type, source, patient, person, awaits, quarantined, resolved FROM events WHERE n = 0
UNION ALL SELECT type, source, patient, person, NULL, quarantined, false FROM live_people
"""
"""One row for each resource that is somebody's."""


def read_warehouse(root: Path, *, asked: Needed | None = None, left_out: frozenset[Excluded] = EXCLUDED_BY_DEFAULT) -> Dataset:
    """Everybody in the warehouse, sorted by id, with the account of how they came there.

    Patients for whom one of the reasons in ``left_out`` holds are no part of it, and counted. ``asked``: what rules will look at;
    ``None``: everything.

    Raises:
        WarehouseDamaged: a file is not what the manifest says.
        WarehouseNarrow: it lacks what is asked for.
    """
    with current(root) as snapshot:
        check_covers(root, snapshot, asked)
        reader = Reader(root, snapshot, left_out)
        records = [record for batch in reader.batches(_BATCH) for record in batch]
        report = reader.report()
    report.people, report.events = len(records), sum(len(record.events) for record in records)
    return Dataset(sorted(records, key=lambda record: record.person.id), report)


def people_batches(
    root: Path, people: int = _BATCH, *, left_out: frozenset[Excluded] = EXCLUDED_BY_DEFAULT
) -> Iterator[list[PersonRecord]]:
    """Everybody, about so many at a time, households together; memory does not grow with the warehouse.

    Raises:
        WarehouseNarrow: not everything is kept in it.
    """
    with current(root) as snapshot:
        check_covers(root, snapshot, None)
        yield from Reader(root, snapshot, left_out).batches(people)


def snapshot_report(root: Path, number: int) -> Report:
    """The account of a snapshot, without reading what its events say.

    Raises:
        WarehouseDamaged: a file is not what the manifest says, or the snapshot is no longer there.
    """
    with current(root, number) as snapshot:
        reader = Reader(root, snapshot, EXCLUDED_BY_DEFAULT)
        report = reader.report()
        report.people, report.events = reader.size()
    return report


def snapshot_people(root: Path, number: int) -> Iterator[Person]:
    """Everybody who is part of the population, sorted by id, some at a time, without reading what happened to them.

    Raises:
        WarehouseDamaged: a file is not what the manifest says, or the snapshot is no longer there.
    """
    with current(root, number) as snapshot:
        yield from Reader(root, snapshot, EXCLUDED_BY_DEFAULT).people(_BATCH)


class Reader:
    """One snapshot, opened: its connection has the views of the rows that count."""

    def __init__(
        self, root: Path, snapshot: Snapshot, left_out: frozenset[Excluded], connection: duckdb.DuckDBPyConnection | None = None
    ) -> None:
        """``snapshot`` stays held (`fhir_adapters.warehouse.snapshot.current`) as long as this is used."""
        self._root, self._snapshot = root, snapshot
        self._connection = connection or connect(None, MEMORY)
        create_views(self._connection, root, snapshot)
        self.not_loaded = tables_not_loaded(snapshot.types)
        patients = snapshot.types.get("Patient")
        self.whole = patients is not None and patients.loaded and snapshot.everybody
        self._connection.execute(_EVENTS)
        self._connection.execute(_HEADERS)
        self.left_out = self._excluded(left_out) if snapshot.everybody else {}
        rows = self._connection.execute(
            "SELECT questions FROM live_named WHERE questions IS NOT NULL ORDER BY updated NULLS FIRST, number, source"
        )
        forms = (form_from(questions) for (questions,) in rows.fetchall())
        self.forms = {name: form for form in forms for name in form.names}

    def _excluded(self, reasons: frozenset[Excluded]) -> Mapping[str, Excluded]:
        """Who is no part of the population, and why. A merged record is judged by its survivor. A group leaves nobody out."""
        query = "SELECT patient, active, test FROM live_people WHERE patient = person AND (test OR NOT active)"
        rows = self._connection.execute(query).fetchall()
        found = {patient: exclusion(Identity(active=active, test=test), reasons) for patient, active, test in rows}
        return {patient: reason for patient, reason in found.items() if reason is not None}

    def check_covers(self, asked: Needed) -> None:
        """Raises `WarehouseNarrow` if that is not all here."""
        check_covers(self._root, self._snapshot, asked)

    def batches(self, people: int) -> Iterator[list[PersonRecord]]:
        """Everybody, about so many at a time, households together."""
        for low, high in self.cuts(people):
            if batch := self._between(low, high):
                yield batch

    def cuts(self, people: int) -> list[tuple[int, int]]:
        """Ranges of place, low < place <= high, of about so many people each; no household is parted."""
        numbered = "SELECT place, row_number() OVER (ORDER BY place) AS number FROM live_people"
        query = f"SELECT DISTINCT place FROM ({numbered}) WHERE number % $1 = 0 ORDER BY place"
        cuts = self._connection.execute(query, [people]).fetchall()
        return list(pairwise([-1, *(cut for (cut,) in cuts), 2**62]))

    def _between(self, low: int, high: int) -> list[PersonRecord]:
        """The people whose place is in (low, high]: whole households."""
        within = f"place > {low} AND place <= {high}"
        found = self._connection.sql(f"FROM live_people WHERE patient = person AND {within} ORDER BY patient").to_arrow_table()
        events = self._events(within)
        gaps = self._gaps(within)
        missing = frozenset(self.not_loaded) | {HOUSEHOLD}
        records = [
            PersonRecord(person, tuple(events.get(person.id, ())), missing | gaps.get(person.id, frozenset()))
            for person in people_from(found)
            if person.id not in self.left_out
        ]
        return with_households(records) if self.whole else records

    def people(self, batch: int) -> Iterator[Person]:
        """Everybody without their events, sorted by id."""
        found = self._connection.sql("FROM live_people WHERE patient = person ORDER BY patient").to_arrow_reader(batch)
        for some in found:
            yield from (person for person in people_from(pa.Table.from_batches([some])) if person.id not in self.left_out)

    def _events(self, within: str) -> dict[str, list[Event]]:
        table = self._connection.sql(f"FROM events WHERE tbl IS NOT NULL AND {within}").to_arrow_table()
        found: dict[str, list[Event]] = defaultdict(list)
        columns = (table.column(name).to_pylist() for name in ("person", "form"))
        for person, canonical, event in zip(*columns, events_from(table), strict=True):
            form = named(self.forms, canonical) if canonical else None
            found[person].append(understood((event,), form)[0] if form else event)
        for events in found.values():
            events.sort(key=attrgetter("table", "order"))
        return found

    def _gaps(self, within: str) -> dict[str, frozenset[str]]:
        query = f"FROM {OPEN_GAPS} WHERE person IN (SELECT person FROM live_people WHERE {within})"
        return {person: frozenset(tables) for person, tables in self._connection.execute(query).fetchall()}

    def size(self) -> tuple[int, int]:
        """How many people, and how many events of theirs. After `report`."""
        here = "person NOT IN (FROM left_out)"
        return self._count(f"live_people WHERE patient = person AND {here}"), self._count(
            f"live_events WHERE tbl IS NOT NULL AND {here} AND person IN (SELECT person FROM live_people)"
        )

    def report(self) -> Report:
        """The account of all loads since the last whole one, and what stands in the quarantine now."""
        report = Report(quarantine=self._quarantine(), not_loaded=self._not_loaded_of_needed())
        part = part_of(self._snapshot.account)
        report.parts.append(part)
        if not self._snapshot.everybody:
            report.not_loaded[HOUSEHOLD] = "only a group was pulled"
            joined = self._count(OPEN_GAPS)
            report.notes += [JOINED.format(joined)] if joined else []
        elif not self.whole:
            report.notes.append("not everybody is in the warehouse: what rules ask of households is unknown")
        self._settle(part, report)
        return report

    def _not_loaded_of_needed(self) -> dict[str, str]:
        """Of what nobody asked for it need not be said."""
        needed = self._snapshot.needed
        return {table: why for table, why in self.not_loaded.items() if needed is None or table in needed.tables}

    def _settle(self, part: Part, report: Report) -> None:
        """What could not be known when it was loaded: whose everything is, who is left out, what Medications are."""
        whose = owners_in(self._connection, "live_people", "live_events")
        register(self._connection, "left_out", arrow([(id,) for id in self.left_out], {"person": pa.string()}))
        stray, out = "person NOT IN (SELECT person FROM live_people)", "person IN (FROM left_out)"
        rows = self._connection.execute(
            f"SELECT type, quarantined, resolved, {stray}, {out}, count(*) FROM headers GROUP BY ALL"
        ).fetchall()
        for name, quarantined, resolved, is_stray, is_out, count in rows:
            was = Outcome.QUARANTINED if quarantined else Outcome.MAPPED
            found = Outcome.MAPPED if resolved else was
            found = Outcome.EXCLUDED if is_out else Outcome.QUARANTINED if is_stray else found
            part.move(name, was, found, count)
        orphans = self._connection.execute(f"SELECT DISTINCT person FROM headers WHERE {stray} ORDER BY person").fetchall()
        for (person,) in orphans:
            report.quarantine.add("Patient", person, "", Reason.AMBIGUOUS if person in whose.shared else Reason.NO_PATIENT)
        for person in sorted(whose.unclear):
            report.quarantine.add("Patient", person, "link", Reason.UNCLEAR_MERGE)
        awaiting = self._connection.execute("SELECT type, source FROM headers WHERE awaits IS NOT NULL AND NOT resolved ORDER BY source")
        for name, source in awaiting.fetchall():
            report.quarantine.add(name, source.split("/", 1)[1], "medicationReference", Reason.NO_MEDICATION)
        report.orphans, report.merged = len(orphans), self._count("live_people WHERE patient <> person")
        report.excluded = Counter(self.left_out.values())

    def _count(self, rows: str) -> int:
        found = self._connection.execute(f"SELECT count(*) FROM {rows}").fetchone()
        return int(found[0]) if found else 0

    def _quarantine(self) -> Quarantine:
        found = Quarantine()
        defects = " UNION ALL ".join(
            f"SELECT type, source, unnest(defects, recursive := true) FROM live_{kind}{more}"
            for kind, more in (("people", ""), ("events", " WHERE n = 0"), ("named", ""))
        )
        rows = self._connection.execute(
            f"SELECT type, split_part(source, '/', 2), path, reason, 1 FROM ({defects}) UNION ALL FROM refused ORDER BY ALL"
        )
        while batch := rows.fetchmany(KEPT):
            for name, id, path, reason, times in batch:
                found.add(name, id, path, Reason(reason))
                found.counts[name, Reason(reason)] += times - 1
        return found
