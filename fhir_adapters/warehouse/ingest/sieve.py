"""Lines that some rule can look at, found by the few members that say what a resource is about; of the others no more is read."""

from collections.abc import Callable, Sequence
from itertools import compress
from operator import not_
from typing import Final

import orjson

from fhir_adapters.mapping import map_resource
from fhir_adapters.quarantine import Json, Quarantine
from fhir_adapters.warehouse.ingest.descriptions import Description, Part, texts
from fhir_adapters.warehouse.ingest.lines import BREAK, Lines, Reader
from fhir_adapters.warehouse.needed import Needed

_MOST: Final = 50_000
"""What lines can be about, of which is known at most whether it is needed."""


class Sieve:
    """Finds what is ``needed`` among lines of the type ``name``. The lines that are not are held, taken apart, by its ``reader``."""

    def __init__(self, name: str, description: Description, needed: Needed) -> None:
        parts = {description.parts: list[Part]} if description.parts else {}
        self._about = Description(description.subject, description.about, parts, rare=description.elsewhere)
        self._name, self._needed = name, needed
        self.reader = Reader(name, self._about)
        self._known = _Known(self._is_needed)

    def sift(self, lines: Lines, first: int) -> tuple[Lines, Sequence[int]]:
        """Of these lines, numbered from ``first`` on, those that are needed, or that cannot be taken apart, with their numbers."""
        rows, numbers = self.reader.read(lines, range(first, first + len(lines.contents)))
        needed = list(map(self._known.__getitem__, self.reader.said(rows)))
        if any(needed):
            spare = list(map(not_, needed))
            rows, numbers = list(compress(rows, spare)), list(compress(numbers, spare))
        self.reader.hold(rows, numbers)
        if len(rows) == len(lines.contents):
            return Lines([], lines.text), ()
        held = set(numbers)
        left = [number for number in range(first, first + len(lines.contents)) if number not in held]
        return Lines([lines.contents[number - first] for number in left], lines.text), left

    def _is_needed(self, text: bytes) -> bool:
        """Whether a resource is that says this, and whose that is."""
        resource: Json = {"resourceType": self._name, "id": "id", self._about.subject: {"reference": "Patient/id"}}
        for member, piece in zip(texts(self._about), text.split(BREAK), strict=True):
            if piece:
                resource[member] = orjson.loads(piece)
        return self._needed.holds(map_resource(resource, Quarantine()))


class _Known(dict[bytes, bool]):
    """What lines can be about → whether it is needed."""

    def __init__(self, judge: Callable[[bytes], bool]) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, text: bytes) -> bool:
        if len(self) >= _MOST:
            self.clear()
        found = self[text] = self._judge(text)
        return found


def sieve_of(name: str, description: Description, needed: Needed | None) -> Sieve | None:
    """The sieve for a type; ``None`` if all of it is needed."""
    return None if needed is None or needed.whole(name) else Sieve(name, description, needed)
