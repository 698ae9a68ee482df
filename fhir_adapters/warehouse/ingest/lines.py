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
_KINDS: Final = {"amount": pa.float64(), "line": pa.int64(), "text": pa.int64()}
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


def _patient(reference: str) -> str | None:
    return patient_id({"reference": reference})


def _medication(reference: str) -> str | None:
    found = literal({"reference": reference})
    return str(found) if found and found.type == "Medication" else None


class Reader:
    """Takes lines of the type ``name`` apart; what was taken apart is held, until it is `released`."""

    def __init__(self, name: str, description: Description) -> None:
        kind = _struct(name, description)
        blank = kind(name, "", None)
        self.texts = Numbered()
        self._decoder = Decoder(kind)
        self._led = {"patient": _Led(_patient), "awaited": _Led(_medication)}
        self._parents = {f"p{n}": (get, get(blank)) for n, get in enumerate(map(attrgetter, parents(description)))}
        self._own = {"id": "id", "patient": f"{description.subject}.reference", "version": "meta.versionId", **own(description)}
        self._values = attrgetter(*self._own.values())
        self._said = _joined(texts(description)[: -len(description.shapes) - bool(description.numbered) or None])
        self._shapes = [attrgetter(member) for member in description.shapes]
        self._numbered = attrgetter(description.numbered) if description.numbered else None
        self._lists: dict[str, list[Any]] = {name: [] for name in ("line", "text", *self._own, *self._parents)}
        self._amounts: tuple[list[float], list[int]] = [], []

    def read(self, lines: Lines, numbers: Sequence[int]) -> tuple[list[Any], Sequence[int]]:
        """Of the lines those that can be taken apart, and the numbers of these."""
        rows, failed = read(self._decoder, lines)
        if failed:
            lost = set(failed)
            numbers = [number for place, number in enumerate(numbers) if place not in lost]
        return rows, numbers

    def said(self, rows: Sequence[Any]) -> list[bytes]:
        """Of each line what it says, but for what is numbered."""
        found = self._said(rows)
        for get in self._shapes:
            shaped = [b"" if value is UNSET else _of_anybody(encode(value)) for value in map(get, rows)]
            found = list(map(BREAK.join, zip(found, shaped, strict=True)))
        return found

    def hold(self, rows: Sequence[Any], numbers: Sequence[int], said: list[bytes] | None = None) -> None:
        """Keep of these lines what `released` gives; without what they ``said`` only what they own."""
        for name, column in zip(self._own, zip(*map(self._values, rows), strict=True), strict=False):
            self._lists[name] += column
        for name, (get, absent) in self._parents.items():
            self._lists[name] += [get(row) is not absent for row in rows]
        self._lists["line"] += numbers
        if said is None:
            return
        if self._numbered:
            _take_amounts(map(self._numbered, rows), said, *self._amounts)
        self._lists["text"] += map(self.texts.__getitem__, said)

    def released(self) -> dict[str, pa.Array]:
        """Of each line that was held the ``line`` (its number), ``text`` (the number of its skeleton's text), ``id``, ``patient``,
        ``version``, and what is its `own`; ``p0`` and so on for the `parents` (whether they are there), and ``amounts`` for what is
        numbered, if the description has it. What no line has is not there. What ``patient`` or ``awaited`` refers to is empty if it needs
        a closer look.
        """
        found = {name: self._array(name, values) for name, values in self._lists.items() if not _nothing(values)}
        if self._numbered and found:
            numbers, counts = self._amounts
            ends = pa.array(accumulate(counts, initial=0), pa.int32())
            found["amounts"] = pa.ListArray.from_arrays(ends, pa.array(numbers, pa.float64()))
        for held in (*self._lists.values(), *self._amounts):
            held.clear()
        return found

    def _array(self, name: str, values: Sequence[Any]) -> pa.Array:
        kind = pa.bool_() if name in self._parents else _KINDS.get(name, _TEXT)
        return pa.array(map(self._led[name].__getitem__, values) if name in self._led else values, kind)


def _nothing(values: Sequence[Any]) -> bool:
    """Whether there are none. (To count takes longest where there are some.)"""
    return not values or (values[0] is None and values.count(None) == len(values))


def _joined(names: Sequence[str]) -> Callable[[Sequence[Any]], list[bytes]]:
    """What joins these members of each of some rows."""
    get = attrgetter(*names)
    return (lambda rows: list(map(BREAK.join, map(get, rows)))) if len(names) > 1 else lambda rows: list(map(bytes, map(get, rows)))


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


def _take_amounts(numbered: Iterable[Any], texts: list[bytes], numbers: list[float], counts: list[int]) -> None:
    """Add what is numbered to the texts, with `ANY_NUMBER` in place of the numbers; and these to ``numbers``, as many as ``counts`` says
    of each line.
    """
    before = len(counts)
    counts += [0] * len(texts)
    for n, text in [(n, text) for n, text in enumerate(numbered) if text]:
        pieces = NUMBER.split(text)
        texts[n] = BREAK.join((texts[n], ANY_NUMBER.join(pieces[::2])))
        numbers += map(float, pieces[1::2])
        counts[before + n] = len(pieces) // 2


def lines_of(block: Block) -> Lines:
    """The lines of a block."""
    return Lines(block.lines, _are_text(block.lines))


def read(decoder: Decoder[Any], lines: Lines) -> tuple[list[Any], list[int]]:
    """What was read of the lines, and the places of those that are not JSON, or have another shape."""
    left = iter(lines.contents)
    found: list[Any] = []
    failed: list[int] = []
    decode = decoder.decode if lines.text else lambda line: decoder.decode(line.decode())
    while True:
        try:
            found.extend(map(decode, left))  # keeps what came before a line that fails
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            failed.append(len(found) + len(failed))
        else:
            return found, failed


def _are_text(lines: Sequence[bytes]) -> bool:
    """Whether they are UTF-8: msgspec does not look at what it leaves."""
    try:
        return all(map(bytes.isascii, lines)) or bool(b"".join(lines).decode())
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
