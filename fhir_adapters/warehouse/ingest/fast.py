"""One file on the fast road: what is plain, many lines at a time; the other lines one by one through the mapper."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.files import MAX_LINE, Gone, take
from fhir_adapters.lines import Flaw, Line
from fhir_adapters.mapping import Outcome
from fhir_adapters.report import Part
from fhir_adapters.warehouse.ingest.blocks import Block
from fhir_adapters.warehouse.ingest.statements import ENTRIES
from fhir_adapters.warehouse.staging import Stage

BLOCK: Final = 1 << 18
"""Bytes that are read at once: so few that they are still in the processor's cache when they are taken apart."""
BATCH: Final = 1 << 25
"""Bytes of which the rows are made at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How a file is cut up."""

    block: int = BLOCK
    batch: int = BATCH
    line: int = MAX_LINE
    least: int = 2
    """Lines that must share a skeleton before it gets a pattern: making one costs as much as mapping two lines."""


class Roads(Protocol):
    """What takes those lines of a type for which it takes no mapper."""

    def take(self, block: Block) -> int:
        """How many lines the block has. None is done yet."""

    def done(self, place: int) -> tuple[Counter[Outcome], Collection[int]]:
        """How the lines taken since the last time end, and the numbers of the others, from 0. ``place``: in the order of reading, of the
        first line.
        """


class EachLine:
    """Leaves every line to the mapper."""

    def __init__(self) -> None:
        self._lines = 0

    def take(self, block: Block) -> int:
        """See `Roads`."""
        self._lines += len(block.lines)
        return len(block.lines)

    def done(self, place: int) -> tuple[Counter[Outcome], Collection[int]]:
        """See `Roads`."""
        count, self._lines = self._lines, 0
        return Counter(), range(count)


@dataclass(slots=True)
class FastRoad:
    """Takes the lines of one file of resources of the type ``name`` into ``stage``; `done` takes those that are left."""

    name: str
    stage: Stage
    part: Part
    gone: Gone
    plain: Roads
    batch: int = BATCH
    """See `Limits`."""
    _first: int = 0
    _line: int = 0
    """The number of the line that comes next, from 0."""
    _held: list[tuple[Block, int]] = field(default_factory=list)
    """What is taken and not done yet, each with the number of its lines."""
    _size: int = 0
    """Bytes of it."""

    def __post_init__(self) -> None:
        self._first = self.stage.ordinal + 1

    def take(self, block: Block | Flaw) -> None:
        """Lines, or a line that cannot be read. Raises `SourceUnreadable` if one of them is lost."""
        if isinstance(block, Flaw):
            self.done()
            self._slow(block)
            return
        self._held.append((block, self.plain.take(block)))
        self._size += block.size
        if self._size >= self.batch:
            self.done()

    def done(self) -> None:
        """Make the rows of what was taken. Raises `SourceUnreadable` if a line is lost."""
        before, start = self.part.lines, self._line
        counts, others = self.plain.done(self._first + self._line * ENTRIES)
        for outcome, count in counts.items():
            if count:
                self.stage.types.add(self.name)
                self.part.lines += count
                self.part.count(outcome, self.name, count)
        for number, line in self._lines(set(others)):
            self._line = start + number
            self._slow(line)
        self._line = start + sum(count for _, count in self._held)
        self._held.clear()
        self._size = 0
        if lost := self._line - start - (self.part.lines - before):
            raise SourceUnreadable(f"{self.part.name}: {lost} lines are not accounted for")

    def _lines(self, wanted: Collection[int]) -> Iterator[tuple[int, Line]]:
        """These of the lines that are held, with their numbers."""
        start = 0
        for block, count in self._held:
            found = [number for number in range(start, start + count) if number in wanted] if wanted else []
            for number in found:
                line = block.lines[number - start]
                yield number, Line(line.rstrip(b"\r\n"), line.endswith(b"\n"))
            start += count

    def _slow(self, line: Line | Flaw) -> None:
        self.stage.ordinal = self._first + self._line * ENTRIES - 1
        self._line += 1
        take(line, self.part, self.stage, self.gone, whole_file=False)
