"""Lines of one resource type, taken apart: the skeleton of each, and what differs.

Only what is needed is ever made of a line; the rest of it is checked to be JSON, and left.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, Meta, MsgspecError, Raw, Struct, UnsetType, defstruct
from msgspec.json import Decoder, encode

from fhir_adapters.references import patient_id
from fhir_adapters.warehouse.ingest.descriptions import QUANTITY, Description, amount, leaves, parents, texts

BREAK: Final = b"\x01"
"""Stands in no JSON."""
NUMBER: Final = re.compile(rb'"value"\s*:\s*(-?[0-9][0-9.eE+-]*)')
ANY_NUMBER: Final = b'"value":0'
"""Stands for any number that differs."""
_WHO: Final = re.compile(rb'("reference":"[^"\\]*[/?])[^"\\/?]*"')
"""Of a reference the part that says what it refers to, and who that is."""
_REMEMBERED: Final = 1 << 17
"""References to Patients that are remembered at most."""
_Never = Annotated[int, Meta(ge=1, le=0)]
"""The type of what nothing is."""


Skeleton = tuple[int, bytes]
"""What lines can share: which of the `parents`, the `leaves` and the `amount` are there, a bit for each; and the `texts` with a `BREAK`
between each two, empty if they are not there."""


class Apart(NamedTuple):
    """Those lines of a block that could be taken apart."""

    numbers: Sequence[int]
    """Where in the block each stands, from 0."""
    skeletons: list[Skeleton]
    own: dict[str, pa.Array]
    """``id``, ``patient`` (empty if the reference needs a closer look), ``version``; ``t1`` and so on for the `leaves`, ``amount``, and
    ``amounts`` for what is numbered. Columns without a value are left out."""


class _LastUpdate(Struct, frozen=True, gc=False):
    lastUpdated: str | None = None
    versionId: str | None = None


class _Period(Struct, frozen=True, gc=False):
    """Without a start it is left to the mapper: ``None`` stands there if there is no Period."""

    start: str
    end: str | None = None


_NO_PERIOD: Final = _Period(None)  # type: ignore[arg-type]


class _Subject(Struct, gc=False):
    reference: str


class _People(dict[str, str]):
    """A reference → the id of the Patient to whom it leads; empty if it takes more than that to know."""

    def __missing__(self, reference: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        found = self[reference] = patient_id({"reference": reference}) or ""
        return found


class Reader:
    """Takes lines of the type ``name`` apart."""

    def __init__(self, name: str, description: Description) -> None:
        kind = _struct(name, description)
        blank = kind(name, "", None)
        self._decode = decoder(kind)
        self._people = _People()
        self._subject = attrgetter(f"{description.subject}.reference")
        self._parents = [(get, get(blank)) for get in map(attrgetter, parents(description))]
        self._own = {"id": attrgetter("id"), "version": attrgetter("meta.versionId")}
        self._dates = {f"t{n}": attrgetter(path) for n, path in enumerate(leaves(description), 1)}
        self._amount = {"amount": attrgetter(amount(description))} if description.quantity else {}
        self._said = attrgetter(*texts(description)[: -len(description.shapes) - bool(description.numbered) or None])
        self._shapes = [attrgetter(member) for member in description.shapes]
        self._numbered = attrgetter(description.numbered) if description.numbered else None

    def apart(self, lines: Sequence[bytes]) -> Apart:
        """The lines of a block, but those of which nothing can be made."""
        rows = list(map(self._decode, lines))
        numbers: Sequence[int] = range(len(rows))
        if None in rows:
            numbers = [n for n, row in enumerate(rows) if row is not None]
            rows = [row for row in rows if row is not None]
        own = dict(_columns(rows, self._own | self._dates, pa.string()))
        own |= _columns(rows, self._amount, pa.float64())
        own["patient"] = pa.array(map(self._people.__getitem__, map(self._subject, rows)), pa.string())
        texts = self._texts(rows)
        amounts = self._amounts(rows, texts)
        skeletons = list(zip(self._there(rows, own), texts, strict=True))
        return Apart(numbers, skeletons, own | ({"amounts": amounts} if len(amounts.values) else {}))

    def _there(self, rows: Sequence[Any], own: Mapping[str, pa.Array]) -> list[int]:
        """Which dates, and what holds them, each line has."""
        bits = {1 << n: pa.array([get(row) is not absent for row in rows]) for n, (get, absent) in enumerate(self._parents)}
        dates = enumerate([*self._dates, *self._amount], len(self._parents))
        bits |= {1 << n: own[name].is_valid() for n, name in dates if name in own}
        total = pa.repeat(0, len(rows))
        for bit, there in bits.items():
            total = pc.add(total, pc.multiply(there.cast(pa.int64()), bit))
        found: list[int] = total.to_pylist()
        return found

    def _texts(self, rows: Sequence[Any]) -> list[bytes]:
        """Of each line what it says, but for what is numbered."""
        found = list(map(BREAK.join, map(self._said, rows)))
        for get in self._shapes:
            shaped = [b"" if value is UNSET else _of_anybody(encode(value)) for value in map(get, rows)]
            found = list(map(BREAK.join, zip(found, shaped, strict=True)))
        return found

    def _amounts(self, rows: Sequence[Any], texts: list[bytes]) -> pa.ListArray:
        """Add what is numbered to the texts, with `ANY_NUMBER` in place of the numbers; and these."""
        numbers: list[float] = []
        counts = [0] * (len(rows) + 1)
        for n, text in enumerate(map(self._numbered, rows)) if self._numbered else ():
            if text:
                pieces = NUMBER.split(text)
                texts[n] = BREAK.join((texts[n], ANY_NUMBER.join(pieces[::2])))
                numbers += map(float, pieces[1::2])
                counts[n + 1] = len(pieces) // 2
        return pa.ListArray.from_arrays(pa.array(list(accumulate(counts)), pa.int32()), pa.array(numbers, pa.float64()))


def decoder(kind: type[Struct]) -> Callable[[bytes], Any]:
    """Reads a line; ``None`` if it is not JSON, or has another shape."""
    decode = Decoder(kind).decode

    def decoded(line: bytes) -> Any:
        try:
            if not line.isascii():
                line.decode()
            return decode(line)
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    return decoded


def of_type(name: str) -> type[Struct]:
    """The shape of any resource of a type."""
    return defstruct(name, [("resourceType", Literal[name])], gc=False)


def _struct(name: str, description: Description) -> type[Struct]:
    fields: list[Any] = [("id", str), (description.subject, _Subject), ("meta", _LastUpdate, _LastUpdate())]
    fields += [(member, Raw, b"") for member in (*description.said, *filter(None, [description.numbered]))]
    fields += [(member, kind | UnsetType, UNSET) for member, kind in description.shapes.items()]
    fields += [(member, str | None, None) for member in description.moments]
    fields += map(_around, description.periods)
    if description.quantity:
        parts: list[Any] = [(part, Raw, b"") for part in QUANTITY]
        kind = defstruct("Quantity", [("value", float), *parts], frozen=True, gc=False)
        fields.append((description.quantity, kind, kind(None)))
    fields += [(member, _Never | UnsetType, UNSET) for member in description.rare]
    return defstruct(name, fields, bases=(of_type(name),), gc=False)


def _around(path: str) -> tuple[str, type[Struct], Struct]:
    """The first step of the path of a Period."""
    name, *inside = path.split(".")
    kind: type[Struct] = _Period
    absent: Struct = _NO_PERIOD
    for step in reversed(inside):
        kind = defstruct(step, [(step, kind, absent)], frozen=True, gc=False)
        absent = kind()
    return name, kind, absent


def _columns(rows: Sequence[Any], members: Mapping[str, Callable[[Any], Any]], kind: pa.DataType) -> Iterator[tuple[str, pa.Array]]:
    """Those that some row has."""
    for name, get in members.items():
        values = list(map(get, rows))
        if values.count(None) < len(values):
            yield name, pa.array(values, kind)


@lru_cache(maxsize=1 << 12)
def _of_anybody(text: bytes) -> bytes:
    return _WHO.sub(rb'\1"', text)
