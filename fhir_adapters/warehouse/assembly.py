"""From what is staged to the next snapshot: settle, close the account, place, write. Nobody sees any of it until it is published."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa

from fhir_adapters.dataset import FIRST_TYPES
from fhir_adapters.mapping import Outcome
from fhir_adapters.mapping.people import DEFAULT_KEY
from fhir_adapters.quarantine import Quarantine, Reason, joined
from fhir_adapters.report import Report
from fhir_adapters.warehouse.account import account_of, added
from fhir_adapters.warehouse.columns import KINDS, REFUSED, arrow
from fhir_adapters.warehouse.homes import find_homes
from fhir_adapters.warehouse.ingest.files import Reading
from fhir_adapters.warehouse.joining import NOBODY, Joining, find_joined
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.settle import repeated, settle, surplus
from fhir_adapters.warehouse.snapshot import DataFile, Snapshot, described
from fhir_adapters.warehouse.staging import Halves, Stage
from fhir_adapters.warehouse.state import TypeState
from fhir_adapters.warehouse.views import SMALL, register
from fhir_adapters.warehouse.writing import ROWS, Files, leave, place, write, write_rows


@dataclass(frozen=True, slots=True)
class Habits:
    """How a warehouse is kept."""

    household_key: bytes = DEFAULT_KEY
    rewrite_at: float = 0.25
    """Everything is written anew once what was added since the last time is this share of it: then nothing superseded is left."""
    keep: int = 2
    """Snapshots that stay, the newest one among them; those being read stay longer."""
    memory: str = "512MB"
    """Of the database that brings everything together: its largest joins are as long as the resources are many."""
    rows: int = ROWS
    """Rows of one file, about."""
    reading: Reading = field(default_factory=Reading)
    """How the files that come in are read."""
    needed: Needed | None = None
    """What is kept at least; ``None``: everything."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did."""

    report: Report
    snapshot: Snapshot
    written: int
    """Rows of people and events that were written."""
    removed: int
    """Resources that are gone: deleted, or not in a pull that would have held them."""
    unchanged: int
    """Resources that were there already, as they are."""
    anew: bool
    """Whether everything was written anew."""
    beforehand: int = 0
    """Files that had been staged before: they were not read again."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What is to be known of what came in, beside its rows."""

    types: Mapping[str, TypeState]
    """The states of all types after the load."""
    scope: Sequence[tuple[str, str | None]] = ()
    """Types (of a patient; ``None``: of everybody) of which it is the whole: what is not in it is gone."""
    deletions: Collection[str] = ()
    read_people: Sequence[str] = ()
    """People of whom it says anew which tables are not loaded:"""
    gaps: Sequence[tuple[str, str]] = ()
    everybody: bool = True
    """Whether all people of the source were asked for, and not only a group."""
    joining: Joining = NOBODY
    taken: Mapping[str, str] = field(default_factory=dict)
    """Of a pulled folder: see `fhir_adapters.warehouse.snapshot.Snapshot.taken`."""

    @property
    def whole(self) -> set[str]:
        """The types of which it is the whole."""
        return {name for name, patient in self.scope if patient is None}


@dataclass(frozen=True, slots=True)
class Writer:
    """Turns what is staged into the files of the next snapshot."""

    root: Path
    habits: Habits
    connection: duckdb.DuckDBPyConnection
    before: Snapshot
    intake: Intake
    at: int
    name: str
    """How the names of its files begin."""
    needed: Needed | None = None
    """What is kept."""

    @property
    def run(self) -> int:
        """The number of this load, and of the snapshot that it makes."""
        return self.before.number + 1

    def write(self, stage: Stage) -> Loaded:
        """Settle, place, write; nobody sees any of it yet."""
        self._prepare()
        settle(self.connection, self.at, narrow=self.needed is not None, everybody=self.before.everybody)
        find_joined(self.connection, self.intake.joining)
        self._close_account(stage.report)
        find_homes(self.connection)
        anew = self._is_due()
        place(self.connection, stage.halves, self.run, self.at, everything=anew)
        if not anew:
            leave(self.connection)
        refused = stage.report.quarantine
        kept, files = self._files(anew, refused, stage.halves)
        account = account_of(stage.report) if self._is_fresh() else added(self.before.account, account_of(stage.report))
        stage.report.quarantine = joined(refused, stage.noted)
        snapshot = Snapshot(
            number=self.run,
            base=self.run if anew else self.before.base,
            files=(*kept, *files),
            types=self.intake.types,
            account=account,
            written=datetime.now(UTC).isoformat(timespec="seconds"),
            everybody=self._of_everybody(),
            taken=self.intake.taken,
            needed=self.needed,
        )
        removed, unchanged = self._count("leaving WHERE for_good"), self._count("verdict WHERE verdict = 'same'")
        return Loaded(stage.report, snapshot, sum(f.rows for f in files if f.kind in KINDS), removed, unchanged, anew)

    def _prepare(self) -> None:
        """The tables that `settle` and `_files` read."""
        states = [(name, state.watermark) for name, state in self.before.types.items() if state.watermark is not None]
        given = {
            "deletion": ({"source": pa.string()}, [(source,) for source in sorted(self.intake.deletions)]),
            "scope": ({"type": pa.string(), "patient": pa.string()}, self.intake.scope),
            "watermark": ({"type": pa.string(), "seen": pa.int64()}, states),
            "read_person": ({"person": pa.string()}, [(person,) for person in self.intake.read_people]),
            "whole_table": ({"tbl": pa.string()}, [(FIRST_TYPES[name],) for name in sorted(self._up_to_date())]),
            "new_gap": ({"person": pa.string(), "tbl": pa.string()}, self.intake.gaps),
        }
        for name, (columns, rows) in given.items():
            register(self.connection, name, arrow(rows, columns))

    def _close_account(self, report: Report) -> None:
        """Which of several versions counts is known only now."""
        for part_no, name, quarantined, count in surplus(self.connection):
            part = report.parts[part_no]
            part.tally[name, Outcome.QUARANTINED if quarantined else Outcome.MAPPED] -= count
            part.tally[name, Outcome.DUPLICATE] += count
        for name, source, same_patient in repeated(self.connection):
            reason = Reason.DUPLICATE_ID if same_patient else Reason.OTHER_SUBJECT
            report.quarantine.add(name, source.split("/", 1)[1], "id", reason)

    def _is_due(self) -> bool:
        """Whether to write everything anew: too much was added, or has left, since the last time."""
        rows = self.before.of_kind(*KINDS)
        base = sum(file.rows for file in rows if file.run == self.before.base)
        later = sum(file.rows for file in rows if file.run != self.before.base) + sum(f.rows for f in self.before.of_kind("dead"))
        return later + self._count("verdict WHERE verdict = 'write'") + self._count("leaving") > self.habits.rewrite_at * base

    def _of_everybody(self) -> bool:
        """As the newest pull of all Patients said: changes, or what was so before, neither make a group everybody nor the contrary."""
        known = self.before.types.get("Patient", TypeState()).watermark
        newest = "Patient" in self.intake.whole and (known is None or self.at >= known)
        return self.intake.everybody if newest or known is None else self.before.everybody

    def _up_to_date(self) -> set[str]:
        """First types of tables that it is the whole of, and not as they were before a load that came earlier."""
        states = {name: self.before.types.get(name, TypeState()).watermark for name in self.intake.whole & FIRST_TYPES.keys()}
        return {name for name, known in states.items() if known is None or self.at >= known}

    def _is_fresh(self) -> bool:
        """Whether this load is the whole of everything: then the account begins with it."""
        return self.intake.whole >= self.before.types.keys()

    def _files(self, anew: bool, refused: Quarantine, halves: Halves) -> tuple[list[DataFile], list[DataFile]]:
        """The files that stay, and the new ones."""
        fresh, folder = self._is_fresh(), self.root / "data"
        register(self.connection, "new_refused", arrow(list(_refused_rows(refused)), REFUSED))
        gone = (
            f"SELECT source, {self.at}::BIGINT AS gone_at FROM leaving WHERE for_good UNION "
            f"SELECT source, {self.at}::BIGINT AS gone_at FROM deletion ANTI JOIN newest USING (source)"
        )
        open_gaps = (
            "SELECT person, tbl FROM gaps ANTI JOIN read_person USING (person) WHERE tbl NOT IN (FROM whole_table) "
            "UNION FROM new_gap UNION FROM joined"
        )
        queries = {
            "dead": "SELECT run, source FROM leaving WHERE NOT $anew",
            "gone": f"SELECT source, max(gone_at) AS gone_at FROM ({gone}{' UNION FROM gone' if anew else ''}) GROUP BY source",
            "gaps": open_gaps,
            "refused": "FROM new_refused" + (" UNION ALL FROM refused" if anew and not fresh else ""),
        }
        written = chain(
            write_rows(self.connection, Files(folder, self.name, self.habits.rows), halves, self.run, self.at),
            *(
                write(self.connection, f"{query.replace('$anew', str(anew))} ORDER BY ALL", folder / f"{self.name}-{kind}.parquet", kind)
                for kind, query in queries.items()
            ),
        )
        replaced = {*KINDS, *SMALL} if anew else {"gaps", *(["refused"] if fresh else [])}
        return [file for file in self.before.files if file.kind not in replaced], described(self.root, written, self.run)

    def _count(self, rows: str) -> int:
        found = self.connection.execute(f"SELECT count(*) FROM {rows}").fetchone()
        return int(found[0]) if found else 0


def _refused_rows(refused: Quarantine) -> Iterator[tuple[str, str, str, str, int]]:
    """The entries one by one, and how many more there were of each kind."""
    more = Counter(refused.counts)
    for entry in refused.entries:
        more[entry.resource_type, entry.reason] -= 1
        yield entry.resource_type, entry.id, entry.path, entry.reason.value, 1
    yield from ((name, "", "", reason.value, count) for (name, reason), count in sorted(more.items()) if count)
