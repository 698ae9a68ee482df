"""Lines of one resource type, taken apart: the skeleton of each, and what differs.

Only what is needed is ever made of a line; the rest of it is checked to be JSON, and left.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, Meta, MsgspecError, Raw, Struct, UnsetType, defstruct
from msgspec.json import Decoder, encode

from fhir_adapters.references import literal, patient_id
from fhir_adapters.warehouse.ingest.blocks import Block
from fhir_adapters.warehouse.ingest.descriptions import QUANTITY, Description, own, parents, texts

BREAK: Final = b"\x01"
"""Stands in no JSON."""
NUMBER: Final = re.compile(rb'"value"\s*:\s*(-?[0-9][0-9.eE+-]*)')
ANY_NUMBER: Final = b'"value":0'
"""Stands for any number that differs."""
_WHO: Final = re.compile(rb'("reference":"[^"\\]*[/?])[^"\\/?]*"')
"""Of a reference the part that says what it refers to, and who that is."""
_REMEMBERED: Final = 1 << 17
"""References to Patients that are remembered at most."""
_TEXT: Final = pa.string()
_KINDS: Final = {"amount": pa.float64()}
"""Of columns that hold no text."""
_Never = Annotated[int, Meta(ge=1, le=0)]
"""The type of what nothing is."""


Skeleton = tuple[int, bytes]
"""What lines can share: which of the `parents`, and of what is their `own`, are there, a bit for each; and the `texts` with a `BREAK`
between each two, empty if they are not there."""


class Lines(NamedTuple):
    """Lines of a block."""

    contents: Sequence[bytes]
    text: bool
    """Whether they are surely UTF-8."""


class Numbered(dict[bytes, int]):
    """Texts, each with its number in the order in which they came."""

    def __missing__(self, text: bytes) -> int:
        number = self[text] = len(self)
        return number


class _LastUpdate(Struct, frozen=True, gc=False):
    lastUpdated: str | None = None
    versionId: str | None = None


class _Period(Struct, frozen=True, gc=False):
    """Without a start it is left to the mapper: ``None`` stands there if there is no Period."""

    start: str
    end: str | None = None


_NO_PERIOD: Final = _Period(None)  # type: ignore[arg-type]


class _Subject(Struct, frozen=True, gc=False):
    reference: str


class _Led(dict[str | None, str | None]):
    """A reference → where it leads; empty if it takes more than that to know."""

    def __init__(self, lead: Callable[[str], str | None]) -> None:
        super().__init__({None: None})
        self._lead = lead

    def __missing__(self, reference: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
            self[None] = None
        found = self[reference] = self._lead(reference) or ""
        return found


def _all_of(names: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    """What gets these attributes of an object."""
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda thing: (get(thing),)


def _patient(reference: str) -> str | None:
    return patient_id({"reference": reference})


def _medication(reference: str) -> str | None:
    found = literal({"reference": reference})
    return str(found) if found and found.type == "Medication" else None


class Reader:
    """Takes lines of the type ``name`` apart."""

    def __init__(self, name: str, description: Description) -> None:
        kind = _struct(name, description)
        blank = kind(name, "", None)
        self.texts = Numbered()
        self._decoder = Decoder(kind)
        self._led = {"patient": _Led(_patient), "awaited": _Led(_medication)}
        self._parents = {f"p{n}": (get, get(blank)) for n, get in enumerate(map(attrgetter, parents(description)))}
        self._own = {"id": "id", "patient": f"{description.subject}.reference", "version": "meta.versionId", **own(description)}
        self._values = attrgetter(*self._own.values())
        self._said = _all_of(texts(description)[: -len(description.shapes) - bool(description.numbered) or None])
        self._shapes = [attrgetter(member) for member in description.shapes]
        self._numbered = attrgetter(description.numbered) if description.numbered else None

    def apart(self, lines: Lines, numbers: Sequence[int]) -> pa.RecordBatch:
        """Take lines apart.

        Of each line that could be taken apart the ``line`` (its number), ``text`` (the number of its skeleton's text), ``id``,
        ``patient``, ``version``, and what is its `own`; ``p0`` and so on for the `parents` (whether they are there), and ``amounts`` for
        what is numbered, if the description has it. What ``patient`` or ``awaited`` refers to is empty if it needs a closer look.
        """
        rows = read(self._decoder, lines)
        if None in rows:
            numbers = [number for number, row in zip(numbers, rows, strict=True) if row is not None]
            rows = [row for row in rows if row is not None]
        values = zip(*map(self._values, rows), strict=True) if rows else [()] * len(self._own)
        found = {name: self._array(name, column) for name, column in zip(self._own, values, strict=True)}
        found["line"] = pa.array(numbers, pa.int64())
        found |= {name: pa.array([get(row) is not absent for row in rows], pa.bool_()) for name, (get, absent) in self._parents.items()}
        said = self._texts(rows)
        if self._numbered:
            found["amounts"] = _amounts(map(self._numbered, rows), said)
        found["text"] = pa.array(map(self.texts.__getitem__, said), pa.int64())
        return pa.RecordBatch.from_pydict(found)

    def _array(self, name: str, values: Sequence[Any]) -> pa.Array:
        kind = _KINDS.get(name, _TEXT)
        if values.count(None) == len(values):
            return pa.nulls(len(values), kind)
        return pa.array(map(self._led[name].__getitem__, values) if name in self._led else values, kind)

    def _texts(self, rows: Sequence[Any]) -> list[bytes]:
        """Of each line what it says, but for what is numbered."""
        found = list(map(BREAK.join, map(self._said, rows)))
        for get in self._shapes:
            shaped = [b"" if value is UNSET else _of_anybody(encode(value)) for value in map(get, rows)]
            found = list(map(BREAK.join, zip(found, shaped, strict=True)))
        return found


def skeletons(description: Description, columns: Mapping[str, pa.Array]) -> pa.Array:
    """A number for the skeleton of each line whose columns (see `Reader.apart`) these are; one that has no values may lack."""
    there = [columns.get(f"p{n}") for n, _ in enumerate(parents(description))]
    there += [columns[name].is_valid() if name in columns else None for name in own(description)]
    found = pc.shift_left(columns["text"], len(there))
    for bit, column in enumerate(there):
        if column is not None:
            found = pc.add(found, pc.multiply(column.cast(pa.int64()), 1 << bit))
    return found


def skeleton_of(description: Description, number: int, texts: Sequence[bytes]) -> Skeleton:
    """What lines with this number share; ``texts``: those of the reader, in their order."""
    bits = len(parents(description)) + len(own(description))
    return number & (1 << bits) - 1, texts[number >> bits]


def _amounts(numbered: Iterable[Any], texts: list[bytes]) -> pa.ListArray:
    """Add what is numbered to the texts, with `ANY_NUMBER` in place of the numbers; and these."""
    numbers: list[float] = []
    counts = [0] * (len(texts) + 1)
    for n, text in [(n, text) for n, text in enumerate(numbered) if text]:
        pieces = NUMBER.split(text)
        texts[n] = BREAK.join((texts[n], ANY_NUMBER.join(pieces[::2])))
        numbers += map(float, pieces[1::2])
        counts[n + 1] = len(pieces) // 2
    return pa.ListArray.from_arrays(pa.array(list(accumulate(counts)), pa.int32()), pa.array(numbers, pa.float64()))


def lines_of(block: Block) -> Lines:
    """The lines of a block."""
    return Lines(block.lines, _is_text(block.content))


def read(decoder: Decoder[Any], lines: Lines) -> list[Any]:
    """What was read of each line; ``None`` of one that is not JSON, or has another shape."""
    left = iter(lines.contents)
    found: list[Any] = []
    decode = decoder.decode if lines.text else lambda line: decoder.decode(line.decode())
    while True:
        try:
            found.extend(map(decode, left))  # keeps what came before a line that fails
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            found.append(None)
        else:
            return found


def _is_text(content: bytes) -> bool:
    """Whether it is UTF-8: msgspec does not look at what it leaves."""
    try:
        return content.isascii() or bool(content.decode())
    except UnicodeDecodeError:
        return False


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
    if description.medication:
        fields.append((description.medication, _Subject, _Subject(None)))  # type: ignore[arg-type]
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


@lru_cache(maxsize=1 << 12)
def _of_anybody(text: bytes) -> bytes:
    return _WHO.sub(rb'\1"', text)
