"""A folder of FHIR files (Bulk Data NDJSON, single resources, Bundles; plain or gzipped) and described CSV extracts, in any mix."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from fhir_adapters.dataset import FIRST_TYPES, Collector, Dataset
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.extracts import SUFFIX, read_extract
from fhir_adapters.files import FHIR_FILES, MAX_DOCUMENT, MAX_LINE, Gone, files_in, named_type, read_file
from fhir_adapters.linking import EXCLUDED_BY_DEFAULT, Excluded
from fhir_adapters.mapping.people import DEFAULT_KEY
from fhir_adapters.pulled import JOINED, Deletions, Pulled, read_pulled, unchanged, withheld_types
from fhir_adapters.report import Part, Report
from rules.facts import HOUSEHOLD, TABLES, PersonRecord


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
    files = files_in(root, (*FHIR_FILES, SUFFIX))
    described = {csv for file in files if file.name.endswith(SUFFIX) for csv in read_extract(file, collector)}
    left = [file for file in files if not file.name.endswith((*FHIR_FILES, SUFFIX)) and file not in described]
    report.notes += [f"{len(left)} file(s) of other kinds were left alone"] if left else []
    for file in (file for file in files if file.name.endswith(FHIR_FILES)):
        part = report.part(file.relative_to(root).as_posix() if file != root else file.name)
        named |= read_file(file, part, collector, None, max_line, max_document)
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
            read_file(root / file.path, report.part(file.path), collector, Gone(gone, file.export), max_line)
    report.notes += [*pulled.notes, *gone.notes()]
    report.not_loaded = _not_loaded(report, set(pulled.loaded))
    report.not_loaded |= {FIRST_TYPES[name]: reason for name, reason in withheld.items() if name in FIRST_TYPES}
    report.notes += [f"{name}: {reason}" for name, reason in withheld.items() if name not in FIRST_TYPES]
    if pulled.everybody:
        return collector.population(report.not_loaded)
    records = _without_joined(collector.records(report.not_loaded), pulled, collector)
    report.not_loaded[HOUSEHOLD] = "only a group was pulled"
    return Dataset(records, report)


def _without_joined(records: list[PersonRecord], pulled: Pulled, collector: Collector) -> list[PersonRecord]:
    """Who came to a group after a type was exported in full may be here with changes only: that table is *not loaded* of them."""
    exports, whole = {file.path: file.export for file in pulled.files}, pulled.tables_whole()
    lost: dict[str, frozenset[str]] = {}
    for person, part in collector.arrivals():
        later = frozenset(name for name, export in whole.items() if exports[part.name] > export)
        lost[person] = lost.get(person, frozenset()) | later
    joined = sum(1 for record in records if lost.get(record.person.id))
    collector.report.notes += [JOINED.format(joined)] if joined else []
    return [replace(record, not_loaded=record.not_loaded | lost.get(record.person.id, frozenset())) for record in records]


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
