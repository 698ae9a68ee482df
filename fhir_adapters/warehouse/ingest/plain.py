"""The plain lines of a block: their rows, past the mapper."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from fhir_adapters.files import Gone
from fhir_adapters.mapping import Outcome
from fhir_adapters.warehouse.columns import KINDS, arrow
from fhir_adapters.warehouse.ingest.lines import Reader
from fhir_adapters.warehouse.ingest.patterns import NONE, Patterns
from fhir_adapters.warehouse.ingest.statements import NOT_PLAIN, rows
from fhir_adapters.warehouse.staging import from_files, set_aside
from fhir_adapters.warehouse.views import register


@dataclass(slots=True)
class PlainLines:
    """Makes the rows of plain lines, most of them into Parquet files in the folder of the patterns' stage."""

    reader: Reader
    patterns: Patterns
    gone: Gone
    files: list[Path] = field(default_factory=list)
    """What differs from row to row."""
    _deletions: bool = False

    def __post_init__(self) -> None:
        name, last = self.patterns.name, self.gone.deletions.last
        deleted = [(key,) for key, export in last.items() if export >= self.gone.export and key.startswith(f"{name}/")]
        register(self.patterns.stage.connection, "deleted", arrow(deleted, {"source": KINDS["events"]["source"]}))
        self._deletions = bool(deleted)

    def take(self, lines: Sequence[bytes], place: int) -> tuple[Counter[Outcome], list[int]]:
        """How the lines that are plain end, and the numbers of the others. ``place``: in the order of reading, of the first line."""
        apart = self.reader.apart(lines)
        patterns = self.patterns.of(apart.skeletons)
        others = set(range(len(lines))).difference(apart.numbers)
        counts = Counter(patterns)
        if counts.pop(NONE, 0):
            others.update(number for number, pattern in zip(apart.numbers, patterns, strict=True) if pattern == NONE)
        if counts:
            own = {"line": pa.array(apart.numbers, pa.int64()), "pattern": pa.array(patterns, pa.int32()), **apart.own}
            for number, pattern in self._write(pa.table(own), place):
                others.add(number)
                counts[pattern] -= 1
        ended: Counter[Outcome] = Counter()
        for pattern, count in counts.items():
            ended[self.patterns.outcomes[pattern]] += count
        return ended, sorted(others)

    def _write(self, own: pa.Table, place: int) -> list[tuple[int, int]]:
        """Write the rows of these lines; the numbers and patterns of those that are not plain."""
        stage, path = self.patterns.stage, self.patterns.stage.folder / f"{len(self.files)}.parquet"
        query = rows(self.patterns.name, self.patterns.description, own.column_names, deletions=self._deletions)
        stage.connection.register("own", own)
        given = {"first": place, "part": self.patterns.part_no, "salt": stage.salt.hex()}
        self.files.append(set_aside(stage.connection, query, path, given))
        stage.connection.unregister("own")
        return stage.connection.execute(NOT_PLAIN.format(file=from_files([path])), {"first": place}).fetchall()
