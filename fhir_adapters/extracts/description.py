"""What a description says: which files, and what their columns mean."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from fhir_adapters.yaml_reading import MISSING, WRONG_KIND, YamlReading
from rules.errors import Span
from rules.facts import TABLES
from rules.source import ListNode, MapNode, Node, TextNode, read_file

SUFFIX: Final = ".extract.yaml"
SEXES: Final = ("female", "male", "other")
YES_OR_NO: Final = ("yes", "no")
_AREA_KEYS: Final = ("postcode", "tract")
_PERSON: Final = (
    "birth",
    "sex",
    "deceased",
    "died",
    "language",
    "postcode",
    "tract",
    "street",
    "ethnicity",
    "name",
    "phone",
    "interpreter",
)
_CHOICES: Final[Mapping[str, Collection[str]]] = {"sex": SEXES, "deceased": YES_OR_NO, "interpreter": YES_OR_NO}


class Column(NamedTuple):
    """A column by its name in the first line, and where the description names it."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a piece comes from, and how its text is understood."""

    column: Column | None
    fixed: str | None = None
    """The same for every row."""
    words: Mapping[str, str] | None = None
    """What stands in the file → what it means (empty: nothing). A word that is not listed is not understood."""
    dates: str | None = None
    """How a date is written, as Python's ``strptime`` has it; ``None``: as in FHIR."""
    system: str = ""
    """Code system."""


@dataclass(frozen=True, slots=True)
class Whose:
    """The column that says whose a row is: an identifier in its system, or (without a system) a Patient's id."""

    column: Column
    system: str


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """One row for each person."""

    file: str
    whose: Whose
    id: Column | None
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class EventFile:
    """One row for each event of a table."""

    file: str
    table: str
    whose: Whose
    id: Column | None
    codes: tuple[Cell, ...]
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class AreaFile:
    """One row for each postcode or census tract: the area that it lies in."""

    file: str
    name: str
    vintage: str
    by: str
    key: Column
    code: Column
    level: Column | None


@dataclass(frozen=True, slots=True)
class Extract:
    """A whole description."""

    path: Path
    separator: str
    missing: frozenset[str]
    """Texts that stand for nothing (``NULL``, ``n/a``), besides the empty one."""
    people: tuple[PeopleFile, ...]
    events: tuple[EventFile, ...]
    areas: tuple[AreaFile, ...]


def read_description(path: Path) -> Extract:
    """Read and check a description. Raises `RuleError` with every mistake in its place, `OSError` if it cannot be read."""
    return _Reader().extract(path, read_file(path))


class _Reader(YamlReading):
    def extract(self, path: Path, file: MapNode) -> Extract:
        top = self.mapping(file, file.span, ("separator", "missing", "people", "events", "areas"))
        made = Extract(
            path,
            self._separator(top.get("separator")),
            frozenset(text for node in self.items(top.get("missing")) if (text := self.text(node))),
            tuple(self._people(node, top.span) for node in self.items(top.get("people"))),
            tuple(self._events(node, top.span) for node in self.items(top.get("events"))),
            tuple(self._areas(node, top.span) for node in self.items(top.get("areas"))),
        )
        if not (made.people or made.events or made.areas):
            self.wrong(top.span, MISSING, "it describes no file", "add 'people', 'events' or 'areas'")
        self.settle()
        return made

    def _separator(self, node: Node | None) -> str:
        text = {None: ",", "tab": "\t"}.get(written := self.text(node), written or "")
        if len(text) != 1 and node is not None:
            self.wrong(node.span, WRONG_KIND, "expected one character, or 'tab'")
            return ","
        return text

    def _people(self, node: Node, parent: Span) -> PeopleFile:
        item = self.mapping(node, parent, ("file", "identifier", "patient", "id", *_PERSON))
        cells = {name: self._cell(item.get(name), _CHOICES.get(name, ())) for name in _PERSON if item.get(name) is not None}
        return PeopleFile(self.required(item, "file"), self._whose(item), self._column(item.get("id")), cells)

    def _events(self, node: Node, parent: Span) -> EventFile:
        pieces = ("answer", "value", "unit", "status", "start", "end", "issued", "category")
        item = self.mapping(node, parent, ("file", "table", "identifier", "patient", "id", "code", *pieces))
        table = self.one_of(item.get("table"), TABLES, "")
        for needed in ("table", "code", "status"):
            if item.get(needed) is None:
                self.wrong(item.span, MISSING, f"'{needed}' is missing here")
        statuses = TABLES[table].counted | TABLES[table].known if table else ()
        cells = {name: self._cell(item.get(name), statuses if name == "status" else ()) for name in pieces if item.get(name) is not None}
        given = item.get("code")
        listed = given.items if isinstance(given, ListNode) else () if given is None else (given,)
        codes = tuple(self._cell(code, ()) for code in listed)
        return EventFile(self.required(item, "file"), table, self._whose(item), self._column(item.get("id")), codes, cells)

    def _areas(self, node: Node, parent: Span) -> AreaFile:
        item = self.mapping(node, parent, ("file", "name", "vintage", "by", "key", "code", "level"))
        file, name, vintage = (self.required(item, key) for key in ("file", "name", "vintage"))
        key, code = (self._column(item.get(key)) or self._no_column(item, key) for key in ("key", "code"))
        by = self.one_of(item.get("by"), _AREA_KEYS, _AREA_KEYS[0])
        return AreaFile(file, name, vintage, by, key, code, self._column(item.get("level")))

    def _whose(self, item: MapNode) -> Whose:
        """Either ``identifier: {system, column}`` or ``patient: COLUMN``."""
        identifier = item.get("identifier")
        if identifier is None:
            return Whose(self._column(item.get("patient")) or self._no_column(item, "identifier"), "")
        said = self.mapping(identifier, item.span, ("system", "column"))
        return Whose(self._column(said.get("column")) or self._no_column(said, "column"), self.required(said, "system"))

    def _no_column(self, item: MapNode, key: str) -> Column:
        self.wrong(item.span, MISSING, f"'{key}' is missing here")
        return Column("", item.span)

    def _column(self, node: Node | None) -> Column | None:
        text = self.text(node)
        return Column(text, node.span) if text and node is not None else None

    def _cell(self, node: Node | None, known: Collection[str]) -> Cell:
        """A column by its name, or a mapping that says more."""
        if isinstance(node, TextNode):
            return Cell(self._column(node))
        said = self.mapping(node, Span(""), ("column", "fixed", "words", "dates", "system"))
        column, fixed = self._column(said.get("column")), self.text(said.get("fixed"))
        if (column is None) == (fixed is None):
            self.wrong(said.span, MISSING, "say either which 'column' it stands in or what is 'fixed' for every row")
        if known and fixed is not None:
            fixed = self.one_of(said.get("fixed"), known, fixed)
        return Cell(column, fixed, self._words(said, known), self.text(said.get("dates")), self.text(said.get("system")) or "")

    def _words(self, said: MapNode, known: Collection[str]) -> Mapping[str, str] | None:
        words = said.get("words")
        if words is None:
            return None
        entries = self.mapping(words, said.span).entries
        # An empty meaning is allowed of any word: it is known to say nothing.
        return {key.text: self.one_of(value, (*known, ""), "") if known else self.text(value) or "" for key, value in entries}
