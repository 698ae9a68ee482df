"""Lines that some rule can look at, found by the few members that say what a resource is about; of the others no more is read."""

from collections.abc import Sequence
from typing import Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from fhir_adapters.mapping import map_resource
from fhir_adapters.quarantine import Json, Quarantine
from fhir_adapters.warehouse.ingest.descriptions import Description, Part, texts
from fhir_adapters.warehouse.ingest.lines import BREAK, Lines, Reader
from fhir_adapters.warehouse.needed import Needed

_MOST: Final = 50_000
"""What lines can be about, of which is known at most whether it is needed."""


class Sieve:
    """Finds what is ``needed`` among lines of the type ``name``."""

    def __init__(self, name: str, description: Description, needed: Needed) -> None:
        parts = {description.parts: list[Part]} if description.parts else {}
        self._about = Description(description.subject, description.about, parts, rare=description.elsewhere)
        self._name, self._needed = name, needed
        self._reader = Reader(name, self._about)
        self._known: list[bool] = []
        """Of each text of the reader whether it is needed."""

    def sift(self, lines: Lines, numbers: Sequence[int]) -> tuple[pa.RecordBatch, Lines, Sequence[int]]:
        """The lines that are not needed, taken apart (see `Reader.apart`); and the others, with their numbers."""
        found = self._reader.apart(lines, numbers)
        new = list(self._reader.texts)[len(self._known) :]
        self._known += map(self._is_needed, new)
        needed = pa.array(self._known, pa.bool_()).take(found["text"])
        aside = found.filter(pc.invert(needed))
        if len(found) == len(numbers):
            left = found["line"].filter(needed).to_pylist()
        else:
            left = sorted(set(numbers).difference(aside["line"].to_pylist()))
        if len(self._known) > _MOST:
            self._reader.texts.clear()
            self._known.clear()
        return aside, Lines([lines.contents[number - numbers[0]] for number in left], lines.text), left

    def _is_needed(self, text: bytes) -> bool:
        """Whether a resource is that says this, and whose that is."""
        resource: Json = {"resourceType": self._name, "id": "id", self._about.subject: {"reference": "Patient/id"}}
        for member, piece in zip(texts(self._about), text.split(BREAK), strict=True):
            if piece:
                resource[member] = orjson.loads(piece)
        return self._needed.holds(map_resource(resource, Quarantine()))


def sieve_of(name: str, description: Description, needed: Needed | None) -> Sieve | None:
    """The sieve for a type; ``None`` if all of it is needed."""
    return None if needed is None or needed.whole(name) else Sieve(name, description, needed)
