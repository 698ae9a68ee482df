"""One file on the fast road: block by block through SQL, what is not plain line by line through the mapper."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.files import MAX_LINE, Gone, take
from fhir_adapters.lines import Flaw, Line
from fhir_adapters.mapping import Outcome
from fhir_adapters.report import Part
from fhir_adapters.warehouse.columns import KINDS, arrow
from fhir_adapters.warehouse.ingest.descriptions import DESCRIPTIONS, Description
from fhir_adapters.warehouse.ingest.skeletons import NONE, PATTERN, SKELETON, pattern_of
from fhir_adapters.warehouse.ingest.statements import ENTRIES, OUTCOMES, RECOGNISE, SLOW, UNKNOWN, lines_of, raw, rows, shared
from fhir_adapters.warehouse.staging import Stage, quoted
from fhir_adapters.warehouse.views import register

BLOCK: Final = 16 << 20
"""Bytes that go through SQL at once."""
_FEW: Final = 32
"""Lines that are not worth another try when the block they stand in could not be read."""
_PATTERNS: Final = 100_000
"""Rows of patterns kept at most."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How a file is cut up."""

    block: int = BLOCK
    line: int = MAX_LINE
    least: int = 2
    """Lines of a block that must share a skeleton before it gets a pattern: making one costs as much as mapping two lines."""


@dataclass(slots=True)
class FastRoad:
    """Takes the lines of one file of resources of the type ``name`` into ``stage``, most of their rows into Parquet files in its folder.

    When all have been taken, `forget` writes what is left.
    """

    name: str
    stage: Stage
    part: Part
    part_no: int
    gone: Gone
    limits: Limits = field(default_factory=Limits)
    differing: list[Path] = field(default_factory=list)
    """Rows of events that were staged past the `Stage`: what differs in them."""
    common: list[Path] = field(default_factory=list)
    """What many of those rows share."""
    line: int = 0
    """The number of the line that comes next, from 0."""
    _first: int = 0
    _deletions: bool = False
    _patterns: int = 0
    _rows: int = 0

    def __post_init__(self) -> None:
        self._first = self.stage.ordinal + 1
        connection = self.stage.connection
        register(connection, "pattern", arrow([], PATTERN))
        register(connection, "skeleton", arrow([], SKELETON))
        last = self.gone.deletions.last
        found = [(source,) for source, export in last.items() if export >= self.gone.export and source.startswith(f"{self.name}/")]
        self._deletions = bool(found)
        register(connection, "deleted", arrow(found, {"source": KINDS["events"]["source"]}))

    def take(self, block: bytes | Flaw) -> None:
        """Lines, or a line that cannot be read."""
        if isinstance(block, Flaw):
            self._slow(block)
            return
        count = block.count(b"\n") + (not block.endswith(b"\n"))
        before = self.part.lines
        if not self._read(block, count):
            self._part_up(block, count)
        elif self.part.lines - before != count:
            raise SourceUnreadable(f"{self.part.name}: {count - self.part.lines + before} lines are not accounted for")

    def _part_up(self, block: bytes, count: int) -> None:
        """A block that SQL cannot read, in halves, until few lines are left."""
        middle = block.find(b"\n", len(block) // 2) + 1
        if count <= _FEW or not 0 < middle < len(block):
            for content in block.split(b"\n")[:count]:
                self._slow(_line(content, block))
            return
        self.take(block[:middle])
        self.take(block[middle:])

    def _slow(self, line: Line | Flaw) -> None:
        self.stage.ordinal = self._first + self.line * ENTRIES - 1
        self.line += 1
        take(line, self.part, self.stage, self.gone, whole_file=False)

    def _read(self, block: bytes, count: int) -> bool:
        """Whether the block could be read as it is, a row for each line."""
        path = self.stage.folder / "block.ndjson"
        path.write_bytes(block)
        connection, description = self.stage.connection, DESCRIPTIONS.get(self.name)
        query = raw(self.name, description, deletions=self._deletions) if description else lines_of(self.name)
        try:
            connection.execute(query, {"path": str(path), "longest": max(len(block), BLOCK)})
        except duckdb.InvalidInputException:  # some line is not JSON, or has another shape
            return False
        if self._count("raw") != count:
            return False
        start = self.line
        slow = self._stage(description) if description else self._leave_out()
        for number, content in _picked(block, slow):
            self.line = start + number
            self._slow(_line(content, block))
        self.line = start + count
        return True

    def _stage(self, description: Description) -> list[int]:
        """Write the rows of what is plain; the other lines."""
        connection = self.stage.connection
        unknown = [key for (key,) in connection.execute(UNKNOWN, {"least": self.limits.least}).fetchall()]
        if unknown:
            self._learn(unknown, description)
            connection.execute(RECOGNISE)
        counts = connection.execute(OUTCOMES).fetchall()
        if counts:
            given = {"first": self._first + self.line * ENTRIES, "part": self.part_no, "salt": self.stage.salt.hex()}
            self.differing.append(self._copy(rows(description), f"{len(self.differing)}", given))
        self._account((Outcome(outcome), count) for outcome, count in counts)
        return [line for (line,) in connection.execute(SLOW).fetchall()]

    def _learn(self, unknown: Sequence[str], description: Description) -> None:
        """Make patterns of these skeletons; if there are too many by now, forget the others."""
        connection = self.stage.connection
        if self._count("skeleton") > _PATTERNS:
            self.forget()
        found, named = [], []
        for key in unknown:
            made = pattern_of(self.name, description, key)
            self._patterns += 1
            named.append((key, self._patterns if made else NONE))
            shape = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            found += [(self._patterns, self._rows + n, int.from_bytes(shape, signed=True), *row) for n, row in enumerate(made)]
            self._rows += len(made)
        for table, given, columns in (("pattern", found, PATTERN), ("skeleton", named, SKELETON)):
            connection.register("given", arrow(given, columns))
            connection.execute(f"INSERT INTO {table} FROM given")
            connection.unregister("given")

    def forget(self) -> None:
        """Write what rows share, and go on without patterns."""
        if self._count("pattern"):
            self.common.append(self._copy(shared(self.name), f"common-{len(self.common)}", {"part": self.part_no}))
        for table in ("pattern", "skeleton"):
            self.stage.connection.execute(f"DELETE FROM {table}")

    def _copy(self, query: str, name: str, given: Mapping[str, object]) -> Path:
        path = self.stage.folder / f"{name}.parquet"
        self.stage.connection.execute(f"COPY ({query}) TO '{quoted(path)}' (FORMAT parquet, COMPRESSION snappy)", given)
        return path

    def _leave_out(self) -> list[int]:
        """Count lines of a type that is not kept; the other lines."""
        self._account([(Outcome.IGNORED, self._count("raw WHERE plain"))])
        return [line for (line,) in self.stage.connection.execute("SELECT line FROM raw WHERE NOT plain ORDER BY line").fetchall()]

    def _account(self, counts: Iterable[tuple[Outcome, int]]) -> None:
        for outcome, count in counts:
            if count:
                self.stage.types.add(self.name)
                self.part.lines += count
                self.part.count(outcome, self.name, count)

    def _count(self, rows: str) -> int:
        ((count,),) = self.stage.connection.execute(f"SELECT count(*) FROM {rows}").fetchall()
        return int(count)


def _line(content: bytes, block: bytes) -> Line:
    """Only the last line of the last block may lack its end."""
    ended = block.endswith(b"\n") or not block.endswith(content)
    return Line(content.rstrip(b"\r\n"), ended)


def _picked(block: bytes, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Some lines of a block, by their numbers in it."""
    here, start = 0, 0
    for number in numbers:
        for _ in range(number - here):
            start = block.index(b"\n", start) + 1
        here = number
        end = block.find(b"\n", start)
        yield number, block[start : end if end >= 0 else len(block)]
