"""The files of a description, row by row, into the same account as FHIR resources."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from fhir_adapters.areas import AreaTable, spelt
from fhir_adapters.dataset import Collector
from fhir_adapters.dates import Moment, from_to
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.extracts.cells import Cells
from fhir_adapters.extracts.description import SEXES, AreaFile, Cell, Column, EventFile, Extract, PeopleFile, Whose, read_description
from fhir_adapters.extracts.rows import Row, Unreadable, rows
from fhir_adapters.mapping import Mapped, Outcome
from fhir_adapters.mapping.addresses import household_key
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.identities import Identity
from fhir_adapters.quarantine import Reading, Reason
from fhir_adapters.references import Identifier
from fhir_adapters.report import Part
from rules.errors import Diagnostic, RuleError, did_you_mean
from rules.facts import TABLES, Area, Person
from rules.units import canonical

UNKNOWN_COLUMN: Final = "ALM525"


def read_extract(path: Path, collector: Collector) -> list[Path]:
    """Read every file that the description at ``path`` names, and say which these were.

    Raises `RuleError` if the description has mistakes or names a column that its file lacks, `SourceUnreadable` if a file is not there.
    """
    extract = read_description(path)
    for area in extract.areas:
        collector.areas.append(_areas(area, extract, collector))
    for people in extract.people:
        _File(extract, people.file, collector).read("Patient", _columns(people), partial(_person, people, collector.household_key))
    for events in extract.events:
        kind = TABLES[events.table].resource_types[0]
        _File(extract, events.file, collector).read(kind, _columns(events), partial(_event, events))
    named = {file.file for file in extract.areas} | {file.file for file in extract.people} | {file.file for file in extract.events}
    return [extract.path.parent / name for name in sorted(named)]


@dataclass(frozen=True, slots=True)
class _File:
    extract: Extract
    name: str
    collector: Collector

    def read(self, kind: str, columns: list[Column], make: Callable[[Cells], Mapped | None]) -> None:
        """Hand what ``make`` makes of each row to the collector; a row without a usable name or person is set aside."""
        part = self.collector.report.part(f"{self.name}/{kind}")
        self.collector.types.add(kind)
        for cells in self.cells(kind, columns, part):
            part.lines += 1
            made = make(cells)
            if made is None:
                part.count(Outcome.QUARANTINED, kind)
            else:
                self.collector.keep(made, part)

    def cells(self, kind: str, columns: list[Column], part: Part) -> Iterator[Cells]:
        """Every row that has as many cells as there are columns; the others are counted as set aside."""
        places: dict[str, int] = {}
        for row in self._rows():
            if isinstance(row, Row) and not places:
                places = self._places(row, columns)
                continue
            reading = Reading(self.collector.report.quarantine, kind, "")
            if isinstance(row, Row) and len(row.cells) == len(places):
                yield Cells(reading, self.name, row.line, row.cells, places, self.extract.missing)
                continue
            part.lines += 1 if isinstance(row, Row) else row.lines
            part.cut_short |= isinstance(row, Unreadable)
            for _ in range(1 if isinstance(row, Row) else row.lines):
                part.count(Outcome.QUARANTINED, kind)
            reading.bad(f"{self.name}:{row.line}", Reason.RAGGED if isinstance(row, Row) else Reason.OPEN_QUOTE)
        if not places:
            raise SourceUnreadable(f"{self.extract.path.parent / self.name}: is empty; its first line must name the columns")

    def _rows(self) -> Iterator[Row | Unreadable]:
        path = self.extract.path.parent / self.name
        try:
            yield from rows(path, self.extract.separator)
        except (OSError, EOFError) as error:
            raise SourceUnreadable(f"{path}: {getattr(error, 'strerror', None) or 'cannot be read'}") from error

    def _places(self, header: Row, columns: list[Column]) -> dict[str, int]:
        names = [name.strip() for name in header.cells]
        wrong = [
            Diagnostic(column.span, UNKNOWN_COLUMN, f"{self.name} has no column '{column.name}'", hint=did_you_mean(column.name, names))
            for column in columns
            if column.name not in names
        ]
        if len(set(names)) < len(names):
            wrong.append(Diagnostic(columns[0].span, UNKNOWN_COLUMN, f"{self.name} has two columns of one name"))
        if wrong:
            raise RuleError(wrong)
        return {name: place for place, name in enumerate(names)}


def _columns(described: PeopleFile | EventFile) -> list[Column]:
    cells = [*described.cells.values(), *(described.codes if isinstance(described, EventFile) else ())]
    return [described.whose.column, *([described.id] if described.id else []), *(cell.column for cell in cells if cell.column)]


# ---------------------------------------------------------------- people and events


def _named(cells: Cells, kind: str, id: Column | None) -> str:
    """The name of a row: what its id column says; else a hash of the whole row, so that the same row has the same name."""
    said = cells.raw(id)
    if said and _is_id(said):
        return said
    said = said or "\x1f".join(cells.texts)
    return hashlib.sha256(f"{cells.file}\x1f{kind}\x1f{said}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _key(cells: Cells, whose: Whose) -> str | None:
    """Whose a row is; ``None`` (reported) if it does not say."""
    said = cells.raw(whose.column)
    if said is None or not (whose.system or _is_id(said)):
        cells.bad(whose.column, Reason.NO_SUBJECT)
        return None
    return Identifier(whose.system, said).key if whose.system else said


def _is_id(text: str) -> bool:
    return text.isascii() and all(character.isalnum() or character in "-._" for character in text)


def _person(described: PeopleFile, secret: bytes, cells: Cells) -> Mapped | None:
    key = _key(cells, described.whose)
    if key is None:
        return None
    said = cells.raw(described.id)
    id = said if said and _is_id(said) else str(uuid5(NAMESPACE_URL, key)) if described.whose.system else key
    number = cells.raw(described.whose.column) or ""
    identifiers = (Identifier(described.whose.system, number),) if described.whose.system else ()
    person = _demographics(id, described.cells, cells, secret)
    return Mapped(Outcome.MAPPED, "Patient", f"Patient/{id}", id, person=person, identity=Identity(identifiers))


def _demographics(id: str, said: Mapping[str, Cell], cells: Cells, secret: bytes) -> Person:
    birth, died = cells.moment(said.get("birth")), cells.moment(said.get("died"))
    postcode, street = (cells.text(said.get(name)) for name in ("postcode", "street"))
    return Person(
        id=id,
        birth=birth.days if birth else None,
        sex=cells.one_of(said.get("sex"), frozenset(SEXES)),
        deceased=_deceased(said, cells),
        died=died.days if died else None,
        language=cells.text(said.get("language")),
        postcode=postcode.upper() if postcode else None,
        tract=cells.text(said.get("tract")),
        household=household_key(street or "", postcode or "", secret),
        ethnicity=cells.text(said.get("ethnicity")),
        name=cells.text(said.get("name")) or "",
        phone=cells.text(said.get("phone")) or "",
        interpreter=cells.yes_or_no(said.get("interpreter")),
    )


def _deceased(said: Mapping[str, Cell], cells: Cells) -> bool | None:
    """Whoever has no note of death counts as living, as with a Patient resource. An unreadable day of death is a note of it."""
    if "died" in said and cells.raw(said["died"].column) is not None:
        return True
    noted = "deceased" in said and cells.raw(said["deceased"].column) is not None
    return cells.yes_or_no(said["deceased"]) if noted else False


def _event(described: EventFile, cells: Cells) -> Mapped | None:
    patient = _key(cells, described.whose)
    if patient is None:
        return None
    kind = TABLES[described.table].resource_types[0]
    cells.reading.id = _named(cells, kind, described.id)
    said = described.cells
    codes = cells.codes(described.codes)
    answer, category = cells.coding(said.get("answer")), cells.coding(said.get("category"))
    table = TABLES[described.table]
    made = event(
        described.table,
        cells.reading,
        codes,
        from_to(cells.reading, *_times(cells, said), f"{cells.file}:{cells.line}"),
        cells.one_of(said.get("status"), table.counted | table.known),
        tags=(("category", category),) if category else (),
        answers=(answer,) if answer else (),
        issued=cells.moment(said.get("issued")),
    )
    unit = cells.text(said.get("unit"))
    made = replace(made, value=cells.number(said.get("value")), unit=canonical(unit) if unit else None)
    outcome = Outcome.QUARANTINED if made.opaque else Outcome.MAPPED
    return Mapped(outcome, kind, made.source, patient, events=(made,))


def _times(cells: Cells, said: Mapping[str, Cell]) -> tuple[Moment | None, Moment | None]:
    return cells.moment(said.get("start")), cells.moment(said.get("end"))


# ---------------------------------------------------------------- areas


def _areas(described: AreaFile, extract: Extract, collector: Collector) -> AreaTable:
    """The table; a row without a key or an area is counted and left out, and so is one whose key came with another area before."""
    part = collector.report.part(f"{described.file}/Area")
    columns = [described.key, described.code, *([described.level] if described.level else [])]
    found: dict[str, Area] = {}
    for cells in _File(extract, described.file, collector).cells("Area", columns, part):
        part.lines += 1
        key, code = cells.raw(described.key), cells.raw(described.code)
        level = cells.number(Cell(described.level)) if described.level else None
        area = Area(described.name, described.vintage, code or "", level)
        if key is None or code is None or found.setdefault(spelt(key), area) != area:
            cells.bad(described.key, Reason.MISSING if key is None or code is None else Reason.CONTRADICTION)
            part.count(Outcome.QUARANTINED, "Area")
        else:
            part.count(Outcome.MAPPED, "Area")
    return AreaTable(described.name, described.vintage, described.by, found)
