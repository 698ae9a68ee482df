"""Files of resources (NDJSON, single resources, Bundles; plain, gzipped or packed with zstd), handed over document by document."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.lines import Flaw, Line, bounded_lines, opened, whole
from fhir_adapters.mapping import Outcome
from fhir_adapters.pulled import Deletions
from fhir_adapters.quarantine import Reason
from fhir_adapters.report import Part, Report

MAX_LINE: Final = 32 << 20
MAX_DOCUMENT: Final = 256 << 20
LINES: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz", ".ndjson.zst", ".jsonl.zst")
FHIR_FILES: Final = (*LINES, ".json", ".json.gz")
"""How the name of a file of resources ends."""
_NAMED_TYPE: Final = re.compile(r"(?:\d+\.)?([A-Z][A-Za-z]*)")
_FLAWS: Final = {Flaw.TOO_LONG: Reason.LINE_TOO_LONG, Flaw.BROKEN: Reason.CUT_SHORT}


class Taker(Protocol):
    """What documents are handed to: a `fhir_adapters.dataset.Collector`, or the warehouse."""

    report: Report

    def add_document(self, document: Any, part: Part) -> None:
        """A parsed line or file."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What may have been deleted since: a resource is gone if its own ``export``, or a later one, told of its deletion."""

    deletions: Deletions
    export: int = 0


def files_in(root: Path, endings: tuple[str, ...] = FHIR_FILES) -> list[Path]:
    """Every file below ``root`` (or itself), sorted. Raises `SourceUnreadable` if none has a name with one of the ``endings``."""
    if not root.exists():
        raise SourceUnreadable(f"{root}: no such file or folder")
    try:
        found = [root] if root.is_file() else sorted(file for file in root.rglob("*") if file.is_file())
    except OSError as error:
        raise SourceUnreadable(f"{root}: {error.strerror}") from error
    if not any(file.name.endswith(endings) for file in found):
        raise SourceUnreadable(f"{root}: holds no {', '.join(endings)} file")
    return found


def named_type(part: Part) -> str:
    """The resource type that a file is named after; empty if it is named otherwise."""
    found = _NAMED_TYPE.match(part.name.rsplit("/", 1)[-1])
    return found[1] if found else ""


def read_file(
    file: Path, part: Part, taker: Taker, gone: Gone | None = None, max_line: int = MAX_LINE, max_document: int = MAX_DOCUMENT
) -> set[str]:
    """Hand over everything in a file; the resource type that it is named after, if it is line-wise.

    What is ``gone`` counts as ignored. Sizes are in bytes.
    """
    if file.name.endswith(LINES):
        for line in _lines(file, max_line):
            take(line, part, taker, gone, whole_file=False)
        return {named_type(part)}
    try:
        with opened(file) as stream:
            content = whole(stream, max_document)
    except OSError as error:
        raise SourceUnreadable(f"{file}: {error.strerror or 'cannot be read'}") from error
    take(content if isinstance(content, Flaw) else Line(content), part, taker, gone, whole_file=True)
    return set()


def _lines(file: Path, limit: int) -> Iterator[Line | Flaw]:
    try:
        with opened(file) as stream:
            yield from bounded_lines(stream, limit)
    except OSError as error:
        raise SourceUnreadable(f"{file}: {error.strerror or 'cannot be read'}") from error


def take(line: Line | Flaw, part: Part, taker: Taker, gone: Gone | None, *, whole_file: bool) -> None:
    """Give a line or document its place. A damaged one may be the first of many that are missing, unless it was the ``whole_file``."""
    part.lines += 1
    if isinstance(line, Flaw):
        part.cut_short |= line is Flaw.BROKEN and not whole_file
        _refuse(part, taker, _FLAWS[line])
    elif not line.content.strip():
        part.count(Outcome.BLANK)
    else:
        try:
            document = orjson.loads(line.content)
        except orjson.JSONDecodeError:
            _refuse(part, taker, Reason.NOT_JSON)
            part.cut_short |= not line.ended
            return
        if gone and gone.deletions.cover(document, gone.export):
            part.count(Outcome.IGNORED, str(document["resourceType"]))
        else:
            taker.add_document(document, part)


def _refuse(part: Part, taker: Taker, reason: Reason) -> None:
    taker.report.quarantine.add(named_type(part), "", "", reason)
    part.count(Outcome.QUARANTINED)
