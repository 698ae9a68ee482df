"""A folder of FHIR files (Bulk Data NDJSON, single resources, Bundles; plain or gzipped) and described CSV extracts, in any mix."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import orjson

from fhir_adapters.dataset import FIRST_TYPES, Collector, Dataset
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.extracts import SUFFIX, read_extract
from fhir_adapters.lines import Flaw, Line, bounded_lines, opened, whole
from fhir_adapters.linking import EXCLUDED_BY_DEFAULT, Excluded
from fhir_adapters.mapping import Outcome
from fhir_adapters.mapping.people import DEFAULT_KEY
from fhir_adapters.pulled import Deletions, Pulled, read_pulled, unchanged, withheld_types
from fhir_adapters.quarantine import Reason
from fhir_adapters.report import Part, Report
from rules.facts import HOUSEHOLD, TABLES

MAX_LINE: Final = 32 << 20
MAX_DOCUMENT: Final = 256 << 20
_LINES: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_DOCUMENTS: Final = (".json", ".json.gz")
_READ: Final = (*_LINES, *_DOCUMENTS, SUFFIX)
_NAMED_TYPE: Final = re.compile(r"(?:\d+\.)?([A-Z][A-Za-z]*)")
_FLAWS: Final = {Flaw.TOO_LONG: Reason.LINE_TOO_LONG, Flaw.BROKEN: Reason.CUT_SHORT}


def read_directory(
    path: Path | str,
    *,
    loaded: Collection[str] = (),
    household_key: bytes = DEFAULT_KEY,
    left_out: frozenset[Excluded] = EXCLUDED_BY_DEFAULT,
    max_line: int = MAX_LINE,
    max_document: int = MAX_DOCUMENT,
) -> Dataset:
    """Everybody in the folder (or in the one file) at ``path``.

    A table counts as loaded if a resource of its first type was seen, or a line-wise file is named after that type (be it empty),
    or ``loaded`` names the type: otherwise *no event* would be taken for *did not happen*. A file that was cut short withholds the
    tables it may have held. Patients for whom one of the reasons in ``left_out`` holds are no part of it, and counted. Sizes are in
    bytes. Raises `SourceUnreadable` if there is nothing to read.

    A folder into which `fhir_adapters.bulk` pulled says itself which of its files count, and what is loaded.
    """
    root = Path(path)
    report = Report()
    collector = Collector(report, household_key, left_out)
    if pulled := read_pulled(root):
        return _read_pulled(root, pulled, collector, max_line)
    named = set(loaded)
    files = _files(root)
    described = {csv for file in files if file.name.endswith(SUFFIX) for csv in read_extract(file, collector)}
    left = [file for file in files if not file.name.endswith(_READ) and file not in described]
    report.notes += [f"{len(left)} file(s) of other kinds were left alone"] if left else []
    for file in (file for file in files if file.name.endswith(_LINES + _DOCUMENTS)):
        part = report.part(file.relative_to(root).as_posix() if file != root else file.name)
        if file.name.endswith(_LINES):
            named |= {_named_type(part)}
            _read_lines(file, part, collector, max_line)
        else:
            _read_document(file, part, collector, max_document)
    report.not_loaded = _not_loaded(report, collector.types | named)
    return collector.population(report.not_loaded)


def _read_pulled(root: Path, pulled: Pulled, collector: Collector, max_line: int) -> Dataset:
    report = collector.report
    changed = [file for file in pulled.files if not unchanged(root, file)]
    withheld = withheld_types(pulled, changed)
    if "Patient" not in pulled.loaded or "Patient" in withheld:
        raise SourceUnreadable(f"{root}: the people themselves are not all here ({withheld.get('Patient', 'not asked for')}): pull again")
    gone = Deletions()
    usable = [file for file in pulled.files if file not in changed]
    for file in usable:
        if file.kind == "deleted":
            gone.add(root / file.path, file.type, file.export)
    for file in usable:
        if file.kind == "output":
            _read_lines(root / file.path, report.part(file.path), collector, max_line, gone, file.export)
    report.notes += pulled.notes
    if gone.unread:
        report.notes.append(f"{gone.unread} deletion(s) could not be applied: nobody can tell which resource they mean")
    report.not_loaded = _not_loaded(report, set(pulled.loaded))
    report.not_loaded |= {FIRST_TYPES[name]: reason for name, reason in withheld.items() if name in FIRST_TYPES}
    report.notes += [f"{name}: {reason}" for name, reason in withheld.items() if name not in FIRST_TYPES]
    if pulled.everybody:
        return collector.population(report.not_loaded)
    records = collector.records(report.not_loaded)
    report.not_loaded[HOUSEHOLD] = "only a group was pulled"
    return Dataset(records, report)


def _files(root: Path) -> list[Path]:
    if not root.exists():
        raise SourceUnreadable(f"{root}: no such file or folder")
    try:
        found = [root] if root.is_file() else sorted(file for file in root.rglob("*") if file.is_file())
    except OSError as error:
        raise SourceUnreadable(f"{root}: {error.strerror}") from error
    usable = [file for file in found if file.name.endswith(_READ)]
    if not usable:
        raise SourceUnreadable(f"{root}: holds no {', '.join(_READ)} file")
    return found


def _named_type(part: Part) -> str:
    found = _NAMED_TYPE.match(part.name.rsplit("/", 1)[-1])
    return found[1] if found else ""


def _read_lines(file: Path, part: Part, collector: Collector, limit: int, gone: Deletions | None = None, export: int = 0) -> None:
    for line in _lines(file, limit):
        part.lines += 1
        if isinstance(line, Flaw):
            part.cut_short |= line is Flaw.BROKEN
            _refuse(part, collector, _FLAWS[line])
        elif not line.content.strip():
            part.count(Outcome.BLANK)
        elif not _take(line.content, part, collector, gone, export) and not line.ended:
            part.cut_short = True


def _lines(file: Path, limit: int) -> Iterator[Line | Flaw]:
    try:
        with opened(file) as stream:
            yield from bounded_lines(stream, limit)
    except OSError as error:
        raise SourceUnreadable(f"{file}: {error.strerror or 'cannot be read'}") from error


def _read_document(file: Path, part: Part, collector: Collector, limit: int) -> None:
    try:
        with opened(file) as stream:
            content = whole(stream, limit)
    except OSError as error:
        raise SourceUnreadable(f"{file}: {error.strerror or 'cannot be read'}") from error
    part.lines = 1
    if isinstance(content, Flaw):
        _refuse(part, collector, _FLAWS[content])
    elif not content.strip():
        part.count(Outcome.BLANK)
    else:
        _take(content, part, collector)


def _take(content: bytes, part: Part, collector: Collector, gone: Deletions | None = None, export: int = 0) -> bool:
    """Whether ``content`` is JSON at all. What is ``gone`` since counts as ignored."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        _refuse(part, collector, Reason.NOT_JSON)
        return False
    if gone and gone.cover(document, export):
        part.count(Outcome.IGNORED, str(document["resourceType"]))
    else:
        collector.add_document(document, part)
    return True


def _refuse(part: Part, collector: Collector, reason: Reason) -> None:
    collector.report.quarantine.add(_named_type(part), "", "", reason)
    part.count(Outcome.QUARANTINED)


def _not_loaded(report: Report, present: set[str]) -> dict[str, str]:
    reasons = {table: f"no {first} was found" for first, table in FIRST_TYPES.items() if first not in present}
    for part in report.parts:
        if part.cut_short:
            reasons |= {table: "a file was cut short" for table in _tables_of(part)}
    return reasons


def _tables_of(part: Part) -> list[str]:
    """Tables that the missing rest of a file may have held: by its name, else by what was in it, else any."""
    types = {_named_type(part)} & FIRST_TYPES.keys() or {name for name, _ in part.tally} & FIRST_TYPES.keys()
    if types:
        return [FIRST_TYPES[name] for name in types]
    return [] if _named_type(part) else list(TABLES)
