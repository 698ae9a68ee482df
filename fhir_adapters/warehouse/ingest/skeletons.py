"""A line without what differs from line to line, read by the mapper: a pattern for the rows of all lines like it.

Each skeleton is mapped twice, with two sets of dates and numbers put in. What comes out the same is the same for all such lines; what
comes out as one of the dates or numbers that were put in is taken from each line. Anything else has no pattern, so that a mapper which
computes with a date, or compares two, is never imitated wrongly.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property
from itertools import compress
from typing import Any, Final

import orjson
import pyarrow as pa

from fhir_adapters.dates import parse
from fhir_adapters.mapping import Mapped, Outcome, map_resource
from fhir_adapters.quarantine import Json, Quarantine
from fhir_adapters.warehouse.columns import EVENT, event_rows
from fhir_adapters.warehouse.ingest.descriptions import Description, awaited, leaves, own, parents, texts
from fhir_adapters.warehouse.ingest.lines import ANY_NUMBER, BREAK, Skeleton

DAYS: Final = ("start_low", "start_high", "end_low", "end_high")
TIMES: Final = ("instant", "issued", "event_updated")
NUMBERS: Final = ("value",)
AWAITS: Final = "awaits"
DIFFERENT: Final = {name: f"{name}_from" for name in EVENT if name in (*DAYS, *TIMES, *NUMBERS, AWAITS)}
"""Columns in which rows of one pattern may differ → which of the line's dates or numbers (counted from 1; of what it awaits there is one)
stands there, negative: the last day that a date can mean; null: what stands in the pattern."""
PATTERN: Final[dict[str, pa.DataType]] = {
    "pattern": pa.int32(),
    "row": pa.int32(),
    "shape": pa.int64(),
    "outcome": pa.string(),
    **EVENT,
    **dict.fromkeys(DIFFERENT.values(), pa.int32()),
}
"""A row for each event of a pattern. ``row`` is one row's alone, ``shape`` is the skeleton's, hashed."""
_PATIENT: Final = "patient"


Places = Mapping[str, Mapping[object, int]]
"""Column → value → which of those put in it is."""


@dataclass(frozen=True)
class Filling:
    """One set of dates and numbers, by number from 1."""

    days: Sequence[date]
    numbers: Sequence[float]
    medication: str
    months: int = 0
    """So many of the first dates say no day, but only in which month."""

    def moment(self, place: int) -> str:
        """As FHIR writes it."""
        day = self.days[place].isoformat()
        return day[: len("2001-01")] if place < self.months else f"{day}T12:00:{place:02}Z"

    @cached_property
    def places(self) -> Places:
        """Where the values are known that were put in."""
        moments = [parse(self.moment(place)) for place in range(len(self.days))]
        read = [(n, moment) for n, moment in enumerate(moments, 1) if moment]
        days: dict[object, int] = {moment.days.high: -n for n, moment in read}
        days |= {moment.days.low: n for n, moment in read}
        found: dict[str, dict[object, int]] = dict.fromkeys(DAYS, days)
        found |= {name: {moment.instant: n for n, moment in read} for name in TIMES}
        found |= {name: {number: n for n, number in enumerate(self.numbers, 1)} for name in NUMBERS}
        return found | {AWAITS: {self.medication: 1}}


def pattern_of(name: str, description: Description, key: Skeleton) -> list[tuple[object, ...]]:
    """The rows of the pattern of a skeleton (see `fhir_adapters.warehouse.ingest.lines.Apart`), from ``outcome`` on; none if it has no
    pattern.
    """
    fillings = _fillings(leaves(description), len(description.moments))
    try:
        first, last = (_mapped(name, description, key, filling) for filling in fillings)
        return list(_rows(first, last, fillings))
    except (orjson.JSONDecodeError, _Unclear):
        return []


def used_by(row: Sequence[object]) -> Iterator[tuple[str, int]]:
    """The columns of a pattern's row that differ from line to line, and which of the line's dates or numbers stands there."""
    for column, source in zip(DIFFERENT, row[-len(DIFFERENT) :], strict=True):
        if isinstance(source, int):
            yield column, source


def _rows(first: Mapped, last: Mapped, fillings: Sequence[Filling]) -> Iterator[tuple[object, ...]]:
    if first.outcome is not last.outcome or first.outcome not in (Outcome.MAPPED, Outcome.QUARANTINED) or first.patient != _PATIENT:
        raise _Unclear
    for row, other in zip(list(event_rows(first)), list(event_rows(last)), strict=True):
        yield first.outcome.value, *row, *_sources(row, other, *(filling.places for filling in fillings))


def _sources(row: Sequence[object], other: Sequence[object], here: Places, there: Places) -> Iterator[int | None]:
    """Of each column of `DIFFERENT` where it comes from."""
    for column, one, two in zip(EVENT, row, other, strict=True):
        source = here.get(column, {}).get(one)
        if source is not None and there[column].get(two) == abs(source):
            yield source
        elif one != two:
            raise _Unclear
        elif column in DIFFERENT:
            yield None


class _Unclear(Exception):
    """The mapper found fault with it, or its numbers cannot be told apart."""


@cache
def _fillings(paths: Sequence[str], moments: int) -> tuple[Filling, Filling]:
    """Two fillings without a value in common; in the second one the dates come in another order, but for start and end. The first one
    says only the months of the ``moments`` that come first among them, so that the first and the last day of each are told apart.
    """
    order = sorted(range(len(paths)), key=lambda place: (-paths.index(_first(paths[place], paths)), place))
    rank = {place: number for number, place in enumerate(order)}
    days = [date(2001, 1, 1) + timedelta(days=40 * place) for place in range(len(paths))]
    others = [date(2011, 1, 11) + timedelta(days=40 * rank[place]) for place in range(len(paths))]
    return (
        Filling(days, [1_000_003.25 + n for n in range(_MOST)], "Medication/first", moments),
        Filling(others, [2_000_003.5 + n for n in range(_MOST)], "Medication/last"),
    )


_MOST: Final = 64
"""Numbers of one line."""


def _first(path: str, paths: Sequence[str]) -> str:
    """The start of the Period that an end belongs to."""
    start = path.removesuffix("end") + "start"
    return start if path.endswith(".end") and start in paths else path


def _mapped(name: str, description: Description, key: Skeleton, filling: Filling) -> Mapped:
    above, below, found = parents(description), leaves(description), key[1].split(BREAK)
    there = [bool(key[0] >> n & 1) for n in range(len(above) + len(own(description)))]
    resource: Json = {}
    for path in compress(above, there):
        _put(resource, path, {})
    for path, text in zip(texts(description), found, strict=False):
        if text:
            _put(resource, path, orjson.loads(text))
    _put_numbers(resource.get(description.numbered), found[-1], filling)
    values = {path: filling.moment(place) for place, path in enumerate(below)} | {awaited(description): filling.medication}
    for path in compress(own(description).values(), there[len(above) :]):
        _put(resource, path, values.get(path, filling.numbers[0]))
    resource |= {"resourceType": name, "id": "id", description.subject: {"reference": f"Patient/{_PATIENT}"}}
    quarantine = Quarantine()
    mapped = map_resource(resource, quarantine)
    if quarantine.counts:
        raise _Unclear
    return mapped


def _put(resource: Json, path: str, value: object) -> None:
    *above, last = path.split(".")
    for step in above:
        resource = resource.setdefault(step, {})
    resource[last] = value


def _put_numbers(numbered: object, text: bytes, filling: Filling) -> None:
    """The second number and those after it go to what is numbered, in the order of the text."""
    found = list(_numbers(numbered))
    if found and not len(found) == text.count(ANY_NUMBER) < _MOST:
        raise _Unclear  # a name that comes twice, or too many
    for parent, number in zip(found, filling.numbers[1:], strict=False):
        parent["value"] = number


def _numbers(value: Any) -> Iterator[Json]:
    """Every object in which ``value`` is a number, in the order of the text."""
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name == "value" and isinstance(item, int | float) and not isinstance(item, bool):
                yield value
            else:
                yield from _numbers(item)
