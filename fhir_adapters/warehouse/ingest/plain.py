"""Plain lines, many at a time: their rows, past the mapper."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import isfinite
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import defstruct
from msgspec.json import Decoder

from fhir_adapters.files import Gone
from fhir_adapters.mapping import Outcome
from fhir_adapters.warehouse.ingest.blocks import Block
from fhir_adapters.warehouse.ingest.descriptions import leaves
from fhir_adapters.warehouse.ingest.lines import Reader, lines_of, of_type, read, skeletons
from fhir_adapters.warehouse.ingest.moments import read_moments
from fhir_adapters.warehouse.ingest.patterns import NONE, Patterns
from fhir_adapters.warehouse.ingest.sieve import Sieve
from fhir_adapters.warehouse.ingest.statements import ENTRIES, rows
from fhir_adapters.warehouse.staging import set_aside

_ID: Final = "^[A-Za-z0-9._-]{1,128}$"


def deleted_of(name: str, gone: Gone) -> set[str]:
    """The ids of what was deleted of a type."""
    start = f"{name}/"
    return {key.removeprefix(start) for key, export in gone.deletions.last.items() if export >= gone.export and key.startswith(start)}


class NotKept:
    """Counts the lines of a type that is not kept. What was deleted is left to the mapper."""

    def __init__(self, name: str, outcome: Outcome = Outcome.IGNORED, deleted: Collection[str] = ()) -> None:
        identity: list[Any] = [("id", Any, None)] if deleted else []
        self._decoder, self._outcome = Decoder(defstruct(name, identity, bases=(of_type(name),), gc=False)), outcome
        self._deleted = deleted
        self._lines = 0
        self._others: list[int] = []

    def take(self, block: Block) -> int:
        """See `fhir_adapters.warehouse.ingest.fast.Roads`."""
        rows, failed = read(self._decoder, lines_of(block))
        self._others += [self._lines + place for place in failed]
        if self._deleted:
            kept = sorted({*range(len(block.lines))}.difference(failed))
            self._others += [self._lines + place for place, row in zip(kept, rows, strict=True) if str(row.id) in self._deleted]
        self._lines += len(block.lines)
        return len(block.lines)

    def done(self, place: int) -> tuple[Counter[Outcome], Sequence[int]]:
        """See `fhir_adapters.warehouse.ingest.fast.Roads`."""
        others, count = self._others, self._lines
        self._lines, self._others = 0, []
        return Counter({self._outcome: count - len(others)}), others


@dataclass(slots=True)
class PlainLines:
    """Makes the rows of plain lines, into Parquet files in the folder of the patterns' stage."""

    reader: Reader
    patterns: Patterns
    gone: Gone
    sieve: Sieve | None = None
    """What finds the lines that are needed; ``None``: all are."""
    files: list[Path] = field(default_factory=list)
    """What differs from row to row."""
    passed: list[Path] = field(default_factory=list)
    """Which version of what the lines are that are not needed."""
    _lines: int = 0
    _deleted: pa.Array = field(init=False)
    """The ids of what was deleted."""

    def __post_init__(self) -> None:
        self._deleted = pa.array(deleted_of(self.patterns.name, self.gone), pa.string())

    def take(self, block: Block) -> int:
        """See `fhir_adapters.warehouse.ingest.fast.Roads`."""
        lines, count = lines_of(block), len(block.lines)
        numbers: Sequence[int] = range(self._lines, self._lines + count)
        if self.sieve:
            lines, numbers = self.sieve.sift(lines, self._lines)
        if lines.contents:
            rows, numbers = self.reader.read(lines, numbers)
            self.reader.hold(rows, numbers, self.reader.said(rows))
        self._lines += count
        return count

    def done(self, place: int) -> tuple[Counter[Outcome], Collection[int]]:
        """See `fhir_adapters.warehouse.ingest.fast.Roads`."""
        others: set[int] = set()
        ended: Counter[Outcome] = Counter()
        own, aside = self._plain(self.reader.released()), self._passed(place)
        if own:
            for found in pc.value_counts(own["pattern"]).to_pylist():
                ended[self.patterns.outcomes[found["values"]]] += found["counts"]
            self._write(own, place)
        if aside:
            ended[Outcome.NOT_NEEDED] += len(aside)
        if self._lines > sum(ended.values()):
            others = set(range(self._lines)).difference(*(table["line"].to_pylist() for table in (own, aside) if table))
        self._lines = 0
        self.patterns.rest()
        return ended, others

    def _passed(self, place: int) -> pa.Table | None:
        """The lines that are not needed, if it is known what they are; that is written."""
        taken = self.sieve.reader.released() if self.sieve else {}
        if not taken:
            return None
        found = pa.table(taken).filter(reduce(pc.and_, self._identified(taken)))
        if len(found):
            path = self.patterns.stage.folder / f"passed-{len(self.passed)}.parquet"
            pq.write_table(self._versions(found, place), path, compression="none", use_dictionary=False, write_statistics=False)
            self.passed.append(path)
        return found

    def _versions(self, found: pa.Table, place: int) -> pa.Table:
        """The columns of ``staged_passed`` of these lines, but for their type; see `fhir_adapters.warehouse.ingest.statements`."""
        nothing = pa.nulls(len(found), pa.string())
        columns = {
            "ordinal": pc.add(pc.multiply(found["line"], ENTRIES), place),
            "part_no": pa.repeat(pa.scalar(self.patterns.part_no, pa.int32()), len(found)),
            "id": found["id"],
            "patient": found["patient"],
            "updated": found["t1"] if "t1" in found.column_names else nothing,
            "version": found["version"] if "version" in found.column_names else nothing,
        }
        return pa.table(columns)

    def _plain(self, own: dict[str, pa.Array]) -> pa.Table | None:
        """The lines that are plain and have a ``pattern``, with their dates and times read: ``d1`` and so on the days, ``u1``
        the instants, ``h1`` the last days, if some are not the first ones.
        """
        if not own:
            return None
        own["pattern"] = self.patterns.of(skeletons(self.patterns.description, own))
        conditions = [pc.not_equal(own["pattern"], NONE), *self._identified(own), *self._dated(own), *_finite(own)]
        return pa.table(own).filter(reduce(pc.and_, conditions))

    def _identified(self, own: Mapping[str, pa.Array]) -> Iterator[pa.Array]:
        """Where it is known which resource it is, and whose; of a deleted one it does not matter."""
        yield pc.not_equal(own["patient"], "")
        if "awaited" in own:
            yield pc.fill_null(pc.not_equal(own["awaited"], ""), fill_value=True)
        yield pc.match_substring_regex(own["id"], _ID)
        if len(self._deleted):
            yield pc.invert(pc.is_in(own["id"], self._deleted))

    def _dated(self, own: dict[str, pa.Array]) -> Iterator[pa.Array]:
        """Put what the texts of dates and times mean in their place; where they mean something."""
        paths = {n: path for n, path in enumerate(leaves(self.patterns.description), 1) if f"t{n}" in own}
        texts = [own.pop(f"t{n}") for n in paths]
        moments = read_moments(self.patterns.stage.connection, texts) if texts else []
        for (n, path), text, (first, last, instant) in zip(paths.items(), texts, moments, strict=True):
            own[f"d{n}"], own[f"u{n}"] = first, instant
            yield pc.or_(text.is_null(), first.is_valid())
            if pc.any(pc.not_equal(first, last), min_count=0).as_py():
                own[f"h{n}"] = last
                if path not in self.patterns.description.moments:
                    yield pc.fill_null(pc.equal(first, last), fill_value=True)
            if path.endswith("end") and paths.get(n - 1) == path.removesuffix("end") + "start":
                yield pc.fill_null(pc.greater_equal(first, own[f"d{n - 1}"]), fill_value=True)

    def _write(self, own: pa.Table, place: int) -> None:
        """Write the rows of these lines."""
        query = rows(self.patterns.name, self.patterns.description, own.column_names, self.patterns.used)
        given = {"first": place, "part": self.patterns.part_no, "salt": self.patterns.stage.salt.hex()}
        connection = self.patterns.stage.connection
        connection.register("own", own)
        self.files.append(set_aside(connection, query, self.patterns.stage.folder / f"own-{len(self.files)}.parquet", given))
        connection.unregister("own")


def _finite(own: Mapping[str, pa.Array]) -> Iterator[pa.Array]:
    """Where the numbers are such as JSON has."""
    if "amount" in own:
        yield pc.fill_null(pc.is_finite(own["amount"]), fill_value=True)
    if "amounts" in own and not pc.all(pc.is_finite(own["amounts"].values), min_count=0).as_py():
        yield pa.array([all(map(isfinite, numbers)) for numbers in own["amounts"].to_pylist()])
