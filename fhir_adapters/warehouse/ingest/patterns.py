"""The patterns of one file's skeletons: made when they come often enough, kept until there are too many."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fhir_adapters.mapping import Outcome
from fhir_adapters.warehouse.columns import arrow
from fhir_adapters.warehouse.ingest.descriptions import Description
from fhir_adapters.warehouse.ingest.lines import Skeleton
from fhir_adapters.warehouse.ingest.skeletons import PATTERN, pattern_of
from fhir_adapters.warehouse.ingest.statements import shared
from fhir_adapters.warehouse.staging import Stage, set_aside
from fhir_adapters.warehouse.views import register

NONE: Final = -1
"""The pattern of skeletons that have none: lines like it have to be mapped one by one."""
_UNKNOWN: Final = -2
_MOST: Final = 50_000
"""Skeletons that are known at most when a block begins."""


@dataclass(slots=True)
class Patterns:
    """Keeps the rows of patterns in the table ``pattern`` of the stage's database; `forget` writes what rows of lines refer to."""

    name: str
    description: Description
    stage: Stage
    part_no: int
    least: int
    """Lines of a block that must share a skeleton before it gets a pattern."""
    files: list[Path] = field(default_factory=list)
    """The rows of all patterns so far, as they are shared by lines."""
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    """Pattern → how lines like it end."""
    _known: dict[Skeleton, int] = field(default_factory=dict)
    _rows: int = 0

    def __post_init__(self) -> None:
        register(self.stage.connection, "pattern", arrow([], PATTERN))

    def of(self, skeletons: Sequence[Skeleton]) -> list[int]:
        """The pattern of each, or `NONE`."""
        if len(self._known) > _MOST:
            self.forget()
        found = [self._known.get(key, _UNKNOWN) for key in skeletons]
        if _UNKNOWN in found:
            unknown = Counter(key for key, pattern in zip(skeletons, found, strict=True) if pattern == _UNKNOWN)
            self._learn([key for key, count in unknown.items() if count >= self.least])
            found = [self._known.get(key, NONE) for key in skeletons]
        return found

    def _learn(self, unknown: Sequence[Skeleton]) -> None:
        rows: list[tuple[object, ...]] = []
        for pattern, key in enumerate(unknown, self._rows):
            made = pattern_of(self.name, self.description, key)
            self._known[key] = pattern if made else NONE
            shape = int.from_bytes(hashlib.blake2b(b"%d%s" % key, digest_size=8).digest(), signed=True)
            rows += [(pattern, self._rows + len(rows) + n, shape, *row) for n, row in enumerate(made)]
            if made:
                self.outcomes[pattern] = Outcome(str(made[0][0]))
        self._rows += max(len(rows), len(unknown))
        connection = self.stage.connection
        connection.register("given", arrow(rows, PATTERN))
        connection.execute("INSERT INTO pattern FROM given")
        connection.unregister("given")

    def forget(self) -> None:
        """Write what rows share, and go on without patterns."""
        if self.outcomes:
            path = self.stage.folder / f"common-{len(self.files)}.parquet"
            self.files.append(set_aside(self.stage.connection, shared(self.name), path, {"part": self.part_no}))
        self.stage.connection.execute("DELETE FROM pattern")
        self._known.clear()
        self.outcomes.clear()
