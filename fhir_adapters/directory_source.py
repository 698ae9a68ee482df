"""A folder of FHIR files: Bulk Data NDJSON, single resources, Bundles; plain or gzipped; in any mix."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from fhir_adapters.dataset import FIRST_TYPES, Collector, Dataset
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.lines import Flaw, Line, bounded_lines, opened, whole
from fhir_adapters.mapping import Outcome
from fhir_adapters.mapping.people import DEFAULT_KEY
from fhir_adapters.quarantine import Reason
from fhir_adapters.report import Part, Report
from rules.facts import TABLES

MAX_LINE: Final = 32 << 20
MAX_DOCUMENT: Final = 256 << 20
_LINES: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_DOCUMENTS: Final = (".json", ".json.gz")
_NAMED_TYPE: Final = re.compile(r"(?:\d+\.)?([A-Z][A-Za-z]*)")
_FLAWS: Final = {Flaw.TOO_LONG: Reason.LINE_TOO_LONG, Flaw.BROKEN: Reason.CUT_SHORT}


class Taker(Protocol):
    """What documents are handed to: a `Collector`, or the warehouse."""

    report: Report

    def add_document(self, document: Any, part: Part) -> None:
        """A parsed line or file."""


def read_directory(
    path: Path | str,
    *,
    loaded: Collection[str] = (),
    household_key: bytes = DEFAULT_KEY,
    max_line: int = MAX_LINE,
    max_document: int = MAX_DOCUMENT,
) -> Dataset:
    """Everybody in the folder (or in the one file) at ``path``.

    A table counts as loaded if a resource of its first type was seen, or a line-wise file is named after that type (be it empty),
    or ``loaded`` names the type: otherwise *no event* would be taken for *did not happen*. A file that was cut short withholds the
    tables it may have held. Sizes are in bytes. Raises `SourceUnreadable` if there is nothing to read.
    """
    root = Path(path)
    report = Report()
    collector = Collector(report, household_key)
    named = set(loaded)
    for file in files_in(root, report):
        part = report.part(file.relative_to(root).as_posix() if file != root else file.name)
        named |= read_file(file, part, collector, max_line, max_document)
    report.not_loaded = _not_loaded(report, collector.types | named)
    return collector.population(report.not_loaded)


def read_file(file: Path, part: Part, taker: Taker, max_line: int = MAX_LINE, max_document: int = MAX_DOCUMENT) -> set[str]:
    """Hand over everything in a file; the resource type that it is named after, if it is line-wise."""
    if file.name.endswith(_LINES):
        _read_lines(file, part, taker, max_line)
        return {named_type(part)}
    _read_document(file, part, taker, max_document)
    return set()


def files_in(root: Path, report: Report) -> list[Path]:
    """The files below ``root`` (or itself) that can be read; others are noted. Raises `SourceUnreadable` if there is none."""
    if not root.exists():
        raise SourceUnreadable(f"{root}: no such file or folder")
    try:
        found = [root] if root.is_file() else sorted(file for file in root.rglob("*") if file.is_file())
    except OSError as error:
        raise SourceUnreadable(f"{root}: {error.strerror}") from error
    usable = [file for file in found if file.name.endswith(_LINES + _DOCUMENTS)]
    if not usable:
        raise SourceUnreadable(f"{root}: holds no {', '.join(_LINES + _DOCUMENTS)} file")
    if len(found) > len(usable):
        report.notes.append(f"{len(found) - len(usable)} file(s) of other kinds were left alone")
    return usable


def named_type(part: Part) -> str:
    """The resource type that a file is named after; empty if it is named otherwise."""
    found = _NAMED_TYPE.match(part.name.rsplit("/", 1)[-1])
    return found[1] if found else ""


def _read_lines(file: Path, part: Part, taker: Taker, limit: int) -> None:
    for line in _lines(file, limit):
        part.lines += 1
        if isinstance(line, Flaw):
            part.cut_short |= line is Flaw.BROKEN
            _refuse(part, taker, _FLAWS[line])
        elif not line.content.strip():
            part.count(Outcome.BLANK)
        elif not _take(line.content, part, taker) and not line.ended:
            part.cut_short = True


def _lines(file: Path, limit: int) -> Iterator[Line | Flaw]:
    try:
        with opened(file) as stream:
            yield from bounded_lines(stream, limit)
    except OSError as error:
        raise SourceUnreadable(f"{file}: {error.strerror or 'cannot be read'}") from error


def _read_document(file: Path, part: Part, taker: Taker, limit: int) -> None:
    try:
        with opened(file) as stream:
            content = whole(stream, limit)
    except OSError as error:
        raise SourceUnreadable(f"{file}: {error.strerror or 'cannot be read'}") from error
    part.lines = 1
    if isinstance(content, Flaw):
        _refuse(part, taker, _FLAWS[content])
    elif not content.strip():
        part.count(Outcome.BLANK)
    else:
        _take(content, part, taker)


def _take(content: bytes, part: Part, taker: Taker) -> bool:
    """Whether ``content`` is JSON at all."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        _refuse(part, taker, Reason.NOT_JSON)
        return False
    taker.add_document(document, part)
    return True


def _refuse(part: Part, taker: Taker, reason: Reason) -> None:
    taker.report.quarantine.add(named_type(part), "", "", reason)
    part.count(Outcome.QUARANTINED)


def _not_loaded(report: Report, present: set[str]) -> dict[str, str]:
    reasons = {table: f"no {first} was found" for first, table in FIRST_TYPES.items() if first not in present}
    for part in report.parts:
        if part.cut_short:
            reasons |= {table: "a file was cut short" for table in _tables_of(part)}
    return reasons


def _tables_of(part: Part) -> list[str]:
    """Tables that the missing rest of a file may have held: by its name, else by what was in it, else any."""
    types = {named_type(part)} & FIRST_TYPES.keys() or {name for name, _ in part.tally} & FIRST_TYPES.keys()
    if types:
        return [FIRST_TYPES[name] for name in types]
    return [] if named_type(part) else list(TABLES)
