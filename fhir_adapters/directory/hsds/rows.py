"""Rows of HSDS tables, whatever they were read from, and what belongs to what."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fhir_adapters.directory.hsds.names import FIELDS_2, NEEDS, PARENTS, USED
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Json, Quarantine, Reading, Reason
from fhir_adapters.report import Part

T = TypeVar("T")
ANY: Final = ""
"""Stands for the table of a parent that is known by its id only."""
BROADER: Final = "broader"
Place = tuple[str, str]
"""A table and an id in it."""


@dataclass(slots=True)
class Row:
    """One row. ``parents`` are the rows that it belongs to or points to; some may not be there."""

    table: str
    id: str
    fields: Json
    parents: dict[Place, None]
    part: Part

    @property
    def place(self) -> Place:
        """Table and id."""
        return self.table, self.id


@dataclass(slots=True)
class Tables:
    """All rows of one source, each once, in the order in which they were first seen."""

    source: str
    quarantine: Quarantine
    _rows: dict[Place, Row] = field(default_factory=dict)
    _children: dict[tuple[str, Place], list[Row]] = field(default_factory=dict)
    _made: dict[tuple[str, Place], Any] = field(default_factory=dict)

    def add(self, table: str, fields: Json, part: Part, parents: tuple[Place, ...] = ()) -> str | None:
        """Take a row and return its id; ``None`` (quarantined) if it has none. What is said twice must agree."""
        if table not in USED:
            part.count(Outcome.IGNORED, table)
            return None
        identity = _text(fields.get("id"))
        if identity is None:
            self.quarantine.add(table, "", "id", Reason.MISSING)
            part.count(Outcome.QUARANTINED, table)
            return None
        renamed = {FIELDS_2.get(table, {}).get(name, name): value for name, value in fields.items() if value not in (None, "")}
        pointed = dict.fromkeys((*parents, *_pointers(table, renamed)))
        before = self._rows.get((table, identity))
        if before is None:
            self._rows[table, identity] = Row(table, identity, renamed, pointed, part)
            return identity
        part.count(Outcome.DUPLICATE, table)
        before.parents |= pointed
        for name, value in renamed.items():
            if before.fields.setdefault(name, value) != value and not name.endswith("_id"):
                self.quarantine.add(table, identity, name, Reason.CONTRADICTION)
        return identity

    def point(self, place: Place, parent: Place) -> None:
        """Note that the row at ``place`` points to another."""
        self._rows[place].parents[parent] = None

    def reading(self, row: Row) -> Reading:
        """Where the defects of a row go."""
        return Reading(self.quarantine, row.table, row.id)

    def settle(self) -> None:
        """Once everything is there: give each row its place in the account, and set aside those that belong to nothing."""
        self._place_wildcards()
        for row in list(self._rows.values()):
            reason = self._unusable(row)
            if reason is not None:
                self.reading(row).bad(*reason)
                del self._rows[row.place]
            row.part.count(Outcome.MAPPED if reason is None else Outcome.QUARANTINED, row.table)
        children: defaultdict[tuple[str, Place], list[Row]] = defaultdict(list)
        for row in self._rows.values():
            for parent in row.parents:
                children[row.table, parent].append(row)
        self._children = dict(children)

    def _place_wildcards(self) -> None:
        """An id without a table means whatever has it."""
        for row in self._rows.values():
            for table, identity in [place for place in row.parents if place[0] == ANY]:
                del row.parents[table, identity]
                row.parents |= {(name, identity): None for name in PARENTS if (name, identity) in self._rows}

    def _unusable(self, row: Row) -> tuple[str, Reason] | None:
        if row.table in ("service", "organization") and _text(row.fields.get("name")) is None:
            return "name", Reason.MISSING
        needs = NEEDS.get(row.table)
        if needs is None:
            return None
        there = {table for table, identity in row.parents if (table, identity) in self._rows}
        missing = [name for name in needs if name not in there]
        enough = not missing if row.table == "service_at_location" else len(missing) < len(needs)
        if row.table == "attribute" and enough:
            # A term is attached to something: without that it is said of nobody.
            enough, missing = len(there) > 1, ["link"]
        return None if enough else (f"{missing[0]}_id", Reason.DANGLING)

    def of(self, table: str) -> Iterator[Row]:
        """Every row of a table."""
        return (row for row in self._rows.values() if row.table == table)

    def children(self, table: str, parent: Row) -> list[Row]:
        """The rows of ``table`` that belong to ``parent``."""
        return self._children.get((table, parent.place), [])

    def one(self, table: str, row: Row) -> Row | None:
        """The row of ``table`` that ``row`` points to."""
        return next((self._rows[place] for place in row.parents if place[0] == table and place in self._rows), None)

    def once(self, make: "Callable[[Row, Tables], T]", row: Row) -> T:
        """What ``make`` makes of a row, made only once, so that the defects of a shared row are counted once."""
        key = make.__name__, row.place
        if key not in self._made:
            self._made[key] = make(row, self)
        made: T = self._made[key]
        return made

    def broader(self, row: Row) -> Row | None:
        """The term above a taxonomy term."""
        return next((self._rows.get(("taxonomy_term", identity)) for table, identity in row.parents if table == BROADER), None)


def _pointers(table: str, fields: Json) -> Iterator[Place]:
    for name in PARENTS:
        identity = _text(fields.get(f"{name}_id"))
        if identity is not None:
            yield name, identity
    if table == "taxonomy_term" and (above := _text(fields.get("parent_id"))) is not None:
        yield BROADER, above
    if table == "attribute" and (link := _text(fields.get("link_id"))) is not None:
        entity = _text(fields.get("link_entity")) or _text(fields.get("link_type"))
        yield (entity if entity in PARENTS else ANY), link
    if table == "metadata" and (changed := _text(fields.get("resource_id"))) is not None:
        kind = _text(fields.get("resource_type"))
        yield (kind if kind in PARENTS else ANY), changed


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None
