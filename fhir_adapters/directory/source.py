"""Reading one source of listings: a file or folder of FHIR and HSDS in any mix, or a FHIR server."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from fhir_adapters.bundles import resources_in
from fhir_adapters.dates import parse
from fhir_adapters.directory.fhir_services import TYPES, Resources
from fhir_adapters.directory.hsds.csv_files import ENDINGS, add_file, table_of
from fhir_adapters.directory.hsds.nested import add_document
from fhir_adapters.directory.hsds.rows import Tables
from fhir_adapters.directory.hsds.services import services
from fhir_adapters.directory.model import Service
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.lines import Flaw, bounded_lines, opened, whole
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Json, Reason
from fhir_adapters.report import Part, Report

MAX_LINE: Final = 32 << 20
MAX_DOCUMENT: Final = 256 << 20
_LINES: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_DOCUMENTS: Final = (".json", ".json.gz")
_FLAWS: Final = {Flaw.TOO_LONG: Reason.LINE_TOO_LONG, Flaw.BROKEN: Reason.CUT_SHORT}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


class Source(NamedTuple):
    """Where listings come from. ``name`` stands in the keys of its services."""

    name: str
    path: Path


def named_source(text: str) -> Source:
    """``NAME=PATH``, or a path alone, whose last part without its ending is the name. Raises `SourceUnreadable` if the name is unfit."""
    name, sign, path = text.partition("=")
    if not sign:
        name, path = Path(text).resolve().name.split(".", 1)[0].lower().replace(" ", "-"), text
    if not _NAME.fullmatch(name):
        raise SourceUnreadable(f"{text}: name the source in lower-case letters, digits and hyphens: NAME={path}")
    return Source(name, Path(path))


@dataclass(slots=True)
class Intake:
    """Takes what one source holds; every line, row and resource has its place in ``report``."""

    name: str
    report: Report = field(default_factory=Report)
    _resources: Resources = field(init=False)
    _tables: Tables = field(init=False)

    def __post_init__(self) -> None:
        self._resources = Resources(self.name, self.report.quarantine)
        self._tables = Tables(self.name, self.report.quarantine)

    def services(self) -> list[Service]:
        """All services of the source, sorted by key; once everything was taken in."""
        self._tables.settle()
        return sorted((*self._resources.services(), *services(self._tables)), key=lambda service: service.key)

    def file(self, file: Path, part: Part) -> None:
        """Take in a file, by its ending. Raises `SourceUnreadable`."""
        if file.name.endswith(ENDINGS):
            add_file(file, self._tables, part)
            return
        try:
            with opened(file) as stream:
                if file.name.endswith(_LINES):
                    for line in bounded_lines(stream, MAX_LINE):
                        self._text(line if isinstance(line, Flaw) else line.content, part, file)
                else:
                    self._text(whole(stream, MAX_DOCUMENT), part, file)
        except OSError as error:
            raise SourceUnreadable(f"{file}: {error.strerror or 'cannot be read'}") from error

    def _text(self, content: bytes | Flaw, part: Part, file: Path) -> None:
        part.lines += 1
        if isinstance(content, Flaw):
            self._refuse(part, _FLAWS[content])
        elif not content.strip():
            part.count(Outcome.BLANK)
        else:
            try:
                document = orjson.loads(content)
            except orjson.JSONDecodeError:
                self._refuse(part, Reason.NOT_JSON)
                return
            self._document(document, part, file.name.split(".", 1)[0])

    def _document(self, document: Any, part: Part, hint: str) -> None:
        if not (isinstance(document, dict) and "resourceType" in document):
            add_document(document, self._tables, part, hint)
            return
        for resource, urls in resources_in(document, part, self.report.quarantine):
            self._resources.urls.update(urls)
            self.resource(resource, part)

    def resource(self, resource: Json, part: Part) -> None:
        """Take in one FHIR resource: the newest version of each id is kept."""
        kind, identity = resource.get("resourceType"), resource.get("id")
        if kind not in TYPES:
            part.count(Outcome.IGNORED, kind if isinstance(kind, str) else "")
            return
        missing = _unusable(resource)
        if missing is not None:
            self.report.quarantine.add(kind, identity if isinstance(identity, str) else "", missing, Reason.MISSING)
            part.count(Outcome.QUARANTINED, kind)
            return
        place = f"{kind}/{identity}"
        before = self._resources.kept.get(place)
        part.count(Outcome.MAPPED if before is None else Outcome.DUPLICATE, kind)
        if before is not None and before != resource:
            self.report.quarantine.add(kind, str(identity), "id", Reason.DUPLICATE_ID)
        if before is None or _version(resource) >= _version(before):
            self._resources.kept[place] = resource

    def _refuse(self, part: Part, reason: Reason) -> None:
        self.report.quarantine.add("", "", "", reason)
        part.count(Outcome.QUARANTINED)


def read_source(source: Source) -> tuple[list[Service], Report]:
    """The services of a file or folder and the account of the read. Raises `SourceUnreadable` if there is nothing to read."""
    intake = Intake(source.name)
    root = source.path
    for file in _files(root, intake.report):
        intake.file(file, intake.report.part(file.relative_to(root).as_posix() if file != root else file.name))
    return intake.services(), intake.report


def _files(root: Path, report: Report) -> Iterator[Path]:
    if not root.exists():
        raise SourceUnreadable(f"{root}: no such file or folder")
    found = [root] if root.is_file() else sorted(file for file in root.rglob("*") if file.is_file())
    usable = [file for file in found if _json(file) or (file.name.endswith(ENDINGS) and table_of(file))]
    if not usable:
        raise SourceUnreadable(f"{root}: holds no FHIR or HSDS: no JSON file, and no CSV file named after a table of HSDS")
    if len(found) > len(usable):
        report.notes.append(f"{len(found) - len(usable)} file(s) of other kinds were left alone")
    return iter(usable)


def _json(file: Path) -> bool:
    """The descriptor of a tabular data package describes the tables; it lists nothing itself."""
    return file.name.endswith(_LINES + _DOCUMENTS) and file.name != "datapackage.json"


def _unusable(resource: Json) -> str | None:
    """The element without which a resource cannot be used."""
    identity = resource.get("id")
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        return "id"
    if resource["resourceType"] == "HealthcareService" and not str(resource.get("name") or "").strip():
        return "name"
    return None


def _version(resource: Json) -> int:
    meta = resource.get("meta")
    updated = meta.get("lastUpdated") if isinstance(meta, dict) else None
    moment = parse(updated) if isinstance(updated, str) else None
    return -(1 << 62) if moment is None else moment.instant
