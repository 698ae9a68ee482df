"""One file on the fast road: block by block, what is plain; the other lines one by one through the mapper."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.files import MAX_LINE, Gone, take
from fhir_adapters.lines import Flaw, Line
from fhir_adapters.mapping import Outcome
from fhir_adapters.report import Part
from fhir_adapters.warehouse.ingest.blocks import Block
from fhir_adapters.warehouse.ingest.lines import decoder, of_type
from fhir_adapters.warehouse.ingest.plain import PlainLines
from fhir_adapters.warehouse.ingest.statements import ENTRIES
from fhir_adapters.warehouse.staging import Stage

BLOCK: Final = 16 << 20
"""Bytes that are read at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How a file is cut up."""

    block: int = BLOCK
    line: int = MAX_LINE
    least: int = 2
    """Lines of a block that must share a skeleton before it gets a pattern: making one costs as much as mapping two lines."""


@dataclass(slots=True)
class FastRoad:
    """Takes the lines of one file of resources of the type ``name`` into ``stage``."""

    name: str
    stage: Stage
    part: Part
    gone: Gone
    plain: PlainLines | None = None
    """Takes what is plain; ``None`` for a type that is not kept."""
    _first: int = 0
    _line: int = 0
    """The number of the line that comes next, from 0."""

    def __post_init__(self) -> None:
        self._first = self.stage.ordinal + 1

    def take(self, block: Block | Flaw) -> None:
        """Lines, or a line that cannot be read. Raises `SourceUnreadable` if one of them is lost."""
        if isinstance(block, Flaw):
            self._slow(block)
            return
        lines, before, start = block.lines, self.part.lines, self._line
        for number in self._others(lines):
            self._line = start + number
            self._slow(Line(lines[number].rstrip(b"\r"), block.ended or number + 1 < len(lines)))
        self._line = start + len(lines)
        if lost := len(lines) - (self.part.lines - before):
            raise SourceUnreadable(f"{self.part.name}: {lost} lines are not accounted for")

    def _slow(self, line: Line | Flaw) -> None:
        self.stage.ordinal = self._first + self._line * ENTRIES - 1
        self._line += 1
        take(line, self.part, self.stage, self.gone, whole_file=False)

    def _others(self, lines: Sequence[bytes]) -> list[int]:
        """Take what is plain; the numbers of the other lines."""
        if self.plain:
            counts, others = self.plain.take(lines, self._first + self._line * ENTRIES)
        else:
            read = decoder(of_type(self.name))
            others = [n for n, line in enumerate(lines) if read(line) is None]
            counts = Counter({Outcome.IGNORED: len(lines) - len(others)})
        for outcome, count in counts.items():
            if count:
                self.stage.types.add(self.name)
                self.part.lines += count
                self.part.count(outcome, self.name, count)
        return others
