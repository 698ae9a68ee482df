"""Reading a warehouse: people with their events, batch by batch or all at once."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Final

from fhir_adapters.dataset import Dataset
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import KEPT, Quarantine, Reason
from fhir_adapters.report import Report
from fhir_adapters.warehouse.account import part_of
from fhir_adapters.warehouse.columns import events_from, people_from
from fhir_adapters.warehouse.snapshot import Snapshot, current
from fhir_adapters.warehouse.state import tables_not_loaded
from fhir_adapters.warehouse.views import MEMORY, connect, create_views
from rules.facts import HOUSEHOLD, Event, PersonRecord, with_households

_BATCH: Final = 5_000


def read_warehouse(root: Path) -> Dataset:
    """Everybody in the warehouse, sorted by id, with the account of how they came there.

    Raises:
        WarehouseDamaged: a file is not what the manifest says.
    """
    with current(root) as snapshot:
        reader = _Reader(root, snapshot)
        records = [record for batch in reader.batches(_BATCH) for record in batch]
        report = reader.report()
    report.people, report.events = len(records), sum(len(record.events) for record in records)
    return Dataset(sorted(records, key=lambda record: record.person.id), report)


def people_batches(root: Path, people: int = _BATCH) -> Iterator[list[PersonRecord]]:
    """Everybody, about so many at a time, households together; memory does not grow with the warehouse."""
    with current(root) as snapshot:
        yield from _Reader(root, snapshot).batches(people)


class _Reader:
    def __init__(self, root: Path, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._connection = connect(None, MEMORY)
        create_views(self._connection, root, snapshot)
        self._not_loaded = tables_not_loaded(snapshot.types)
        patients = snapshot.types.get("Patient")
        self._whole = patients is not None and patients.loaded

    def batches(self, people: int) -> Iterator[list[PersonRecord]]:
        numbered = "SELECT place, row_number() OVER (ORDER BY place) AS number FROM live_people"
        query = f"SELECT DISTINCT place FROM ({numbered}) WHERE number % $1 = 0 ORDER BY place"
        cuts = self._connection.execute(query, [people]).fetchall()
        edges = [-1, *(cut for (cut,) in cuts), 2**62]
        for low, high in pairwise(edges):
            if batch := self._between(low, high):
                yield batch

    def _between(self, low: int, high: int) -> list[PersonRecord]:
        """The people whose place is in (low, high]: whole households."""
        within = f"place > {low} AND place <= {high}"
        found = self._connection.sql(f"FROM live_people WHERE patient = person AND {within} ORDER BY patient").to_arrow_table()
        events = self._events(within)
        gaps = self._gaps(within)
        missing = frozenset(self._not_loaded) | {HOUSEHOLD}
        records = [
            PersonRecord(person, tuple(events.get(person.id, ())), missing | gaps.get(person.id, frozenset()))
            for person in people_from(found)
        ]
        return with_households(records) if self._whole else records

    def _events(self, within: str) -> dict[str, list[Event]]:
        table = self._connection.sql(f"FROM live_events WHERE tbl IS NOT NULL AND {within}").to_arrow_table()
        found: dict[str, list[Event]] = defaultdict(list)
        for person, event in zip(table.column("person").to_pylist(), events_from(table), strict=True):
            found[person].append(event)
        for events in found.values():
            events.sort(key=attrgetter("table", "order"))
        return found

    def _gaps(self, within: str) -> dict[str, frozenset[str]]:
        query = f"SELECT person, list(tbl) FROM gaps WHERE person IN (SELECT person FROM live_people WHERE {within}) GROUP BY person"
        return {person: frozenset(tables) for person, tables in self._connection.execute(query).fetchall()}

    def report(self) -> Report:
        """The account of all loads since the last whole one, and what stands in the quarantine now."""
        report = Report(quarantine=self._quarantine(), not_loaded=dict(self._not_loaded))
        part = part_of(self._snapshot.account)
        report.parts.append(part)
        if not self._whole:
            report.notes.append("not everybody is in the warehouse: what rules ask of households is unknown")
        strays = "FROM live_events WHERE n = 0 AND person NOT IN (SELECT person FROM live_people)"
        rows = self._connection.execute(f"SELECT type, quarantined, count(*) {strays} GROUP BY ALL").fetchall()
        for name, quarantined, count in rows:
            part.tally[name, Outcome.QUARANTINED if quarantined else Outcome.MAPPED] -= count
            part.tally[name, Outcome.QUARANTINED] += count
        orphans = self._connection.execute(f"SELECT DISTINCT person {strays} ORDER BY person").fetchall()
        for (person,) in orphans:
            report.quarantine.add("Patient", person, "", Reason.NO_PATIENT)
        report.orphans = len(orphans)
        return report

    def _quarantine(self) -> Quarantine:
        found = Quarantine()
        defects = " UNION ALL ".join(
            f"SELECT type, source, unnest(defects, recursive := true) FROM live_{kind}{more}"
            for kind, more in (("people", ""), ("events", " WHERE n = 0"))
        )
        rows = self._connection.execute(
            f"SELECT type, split_part(source, '/', 2), path, reason, 1 FROM ({defects}) UNION ALL FROM refused ORDER BY ALL"
        )
        while batch := rows.fetchmany(KEPT):
            for name, id, path, reason, times in batch:
                found.add(name, id, path, Reason(reason))
                found.counts[name, Reason(reason)] += times - 1
        return found
