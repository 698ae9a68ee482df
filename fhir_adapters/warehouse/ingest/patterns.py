"""The patterns of one file's skeletons: made when they come often enough, kept until there are too many."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from fhir_adapters.mapping import Outcome
from fhir_adapters.warehouse.columns import arrow
from fhir_adapters.warehouse.ingest.descriptions import Description
from fhir_adapters.warehouse.ingest.lines import skeleton_of
from fhir_adapters.warehouse.ingest.skeletons import PATTERN, pattern_of, used_by
from fhir_adapters.warehouse.ingest.statements import shared
from fhir_adapters.warehouse.staging import Stage, set_aside
from fhir_adapters.warehouse.views import register

NONE: Final = -1
"""The pattern of skeletons that have none: lines like it have to be mapped one by one."""
_MOST: Final = 50_000
"""Skeletons that are known at most when a batch begins."""


@dataclass(slots=True)
class Patterns:
    """Keeps the rows of patterns in the table ``pattern`` of the stage's database; `forget` writes what rows of lines refer to."""

    name: str
    description: Description
    texts: dict[bytes, int]
    """Those of skeletons, with their numbers."""
    stage: Stage
    part_no: int
    least: int
    """Lines that must share a skeleton before it gets a pattern."""
    files: list[Path] = field(default_factory=list)
    """The rows of all patterns so far, as they are shared by lines."""
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    """Pattern → how lines like it end."""
    used: set[tuple[str, int]] = field(default_factory=set)
    """A column, and which of a line's dates or numbers some pattern takes for it."""
    _known: dict[int, int] = field(default_factory=dict)
    _seen: Counter[int] = field(default_factory=Counter)
    """Lines with skeletons that have no pattern yet."""
    _rows: int = 0

    def __post_init__(self) -> None:
        register(self.stage.connection, "pattern", arrow([], PATTERN))

    def of(self, skeletons: pa.Array) -> pa.Array:
        """The pattern of each (see `fhir_adapters.warehouse.ingest.lines.skeletons`), or `NONE`."""
        encoded = skeletons.dictionary_encode()
        numbers = encoded.dictionary.to_pylist()
        if any(number not in self._known for number in numbers):
            counts = pc.value_counts(skeletons).to_pylist()
            self._seen.update({found["values"]: found["counts"] for found in counts if found["values"] not in self._known})
            self._learn([number for number, count in self._seen.items() if count >= self.least])
        return pa.array([self._known.get(number, NONE) for number in numbers], pa.int32()).take(encoded.indices)

    def _learn(self, numbers: Sequence[int]) -> None:
        rows: list[tuple[object, ...]] = []
        texts = list(self.texts)
        for pattern, number in enumerate(numbers, self._rows):
            key = skeleton_of(self.description, number, texts)
            made = pattern_of(self.name, self.description, key)
            self._known[number] = pattern if made else NONE
            shape = int.from_bytes(hashlib.blake2b(b"%d%s" % key, digest_size=8).digest(), signed=True)
            rows += [(pattern, self._rows + len(rows) + n, shape, *row) for n, row in enumerate(made)]
            if made:
                self.outcomes[pattern] = Outcome(str(made[0][0]))
                self.used.update(used for row in made for used in used_by(row))
            del self._seen[number]
        self._rows += max(len(rows), len(numbers))
        connection = self.stage.connection
        connection.register("given", arrow(rows, PATTERN))
        connection.execute("INSERT INTO pattern FROM given")
        connection.unregister("given")

    def rest(self) -> None:
        """Go on without patterns once too many are known."""
        if len(self.texts) > _MOST:
            self.forget()

    def forget(self) -> None:
        """Write what rows share, and go on without patterns."""
        if self.outcomes:
            path = self.stage.folder / f"common-{len(self.files)}.parquet"
            self.files.append(set_aside(self.stage.connection, shared(self.name), path, {"part": self.part_no}))
        self.stage.connection.execute("DELETE FROM pattern")
        for known in (self.texts, self._known, self._seen, self.outcomes, self.used):
            known.clear()
