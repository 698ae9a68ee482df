"""What a pull left in a folder, as its ``pull.json`` says: which files count, what is not loaded, and what was deleted since."""

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.lines import Flaw, Line, bounded_lines, opened, whole
from rules.facts import TABLES

NAME: Final = "pull.json"
_FORMAT: Final = 1
_PIECE: Final = 1 << 20
_LONGEST_LINE: Final = 32 << 20
_DOCUMENTS: Final = (".json", ".json.gz")
JOINED: Final = "of {:,} people tables are not loaded: of who joins a group a server may send changes only; pull with --full"
_RESOURCE: Final = re.compile(r"(?:[^?#\s]*/)?([A-Z][A-Za-z]{0,63})/([A-Za-z0-9\-._]{1,128})(?:/_history/[A-Za-z0-9\-._]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PulledFile:
    """One file, with what it was like when it arrived. ``export`` numbers the exports in the order in which they were made."""

    path: str
    kind: str
    """``output`` (resources) or ``deleted``."""
    type: str
    export: int
    bytes: int
    lines: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """The data set that all exports so far add up to. Later files hold newer versions."""

    files: tuple[PulledFile, ...]
    loaded: Mapping[str, str]
    """Resource type → the server's time up to which it is here. A type without a resource is one of which there are none."""
    withheld: Mapping[str, str]
    """Resource type → why it does not count as loaded, whatever of it is here."""
    everybody: bool
    """Whether all people of the server were asked for, and not only a group."""
    notes: tuple[str, ...] = field(default=())
    whole: Mapping[str, int] = field(default_factory=dict)
    """Resource type → the export that brought all of it; the later ones brought what changed."""

    def tables_whole(self) -> dict[str, int]:
        """Table → the export since which it holds changes only. Folders of older versions do not say: then it is the first one of all."""
        first = min((file.export for file in self.files), default=0)
        since = {name: self.whole.get(name, first) for name in self.loaded}
        types = {name: since.keys() & set(table.resource_types) for name, table in TABLES.items()}
        return {name: min(since[type] for type in found) for name, found in types.items() if found}

    def write(self, folder: Path) -> None:
        """Make this what counts in ``folder``, in one step."""
        content = orjson.dumps({"format": _FORMAT, **asdict(self)}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        temporary = folder / f".{NAME}.new"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / NAME)


def read_pulled(folder: Path) -> Pulled | None:
    """What counts in ``folder``; ``None`` if nothing was pulled into it. Raises `SourceUnreadable` if that cannot be read."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = orjson.loads(path.read_bytes())
        files = tuple(PulledFile(**file) for file in found["files"])
        pulled = Pulled(files, found["loaded"], found["withheld"], found["everybody"], tuple(found["notes"]), found.get("whole", {}))
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise SourceUnreadable(f"{path}: not the record of a pull, or damaged: pull again with --full") from error
    if found.get("format") != _FORMAT or any(Path(file.path).is_absolute() or ".." in Path(file.path).parts for file in files):
        raise SourceUnreadable(f"{path}: written by another version of Almoner: pull again with --full")
    return pulled


def unchanged(folder: Path, file: PulledFile) -> bool:
    """Whether a file is still what it was when it arrived."""
    path, digest = folder / file.path, hashlib.sha256()
    try:
        if path.stat().st_size != file.bytes:
            return False
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
    except OSError:
        return False
    return digest.hexdigest() == file.sha256


@dataclass(slots=True)
class Deletions:
    """``Type/id`` of what was deleted → the last export that said so."""

    last: dict[str, int] = field(default_factory=dict)
    unread: int = 0
    """Entries of which nobody can say which resource they mean, such as a deletion by search."""

    def add(self, path: Path, type: str, export: int) -> None:
        """Read a file of deletions: Bundles of DELETE entries, lists of references or ids, in JSON or bare, one or many a line.

        Raises `SourceUnreadable`.
        """
        for line in _lines(path):
            for name in _named(line, type):
                if name is None:
                    self.unread += 1
                else:
                    self.last[name] = max(export, self.last.get(name, 0))

    def notes(self) -> list[str]:
        """What the operator should know."""
        return [f"{self.unread} deletion(s) could not be applied: nobody can tell which resource they mean"] if self.unread else []

    def cover(self, resource: Any, export: int) -> bool:
        """Whether this resource, as ``export`` brought it, was deleted then or later."""
        if not self.last or not isinstance(resource, dict):
            return False
        return self.last.get(f"{resource.get('resourceType')}/{resource.get('id')}", -1) >= export


def _lines(path: Path) -> Iterator[Line | Flaw]:
    try:
        with opened(path) as stream:
            if path.name.endswith(_DOCUMENTS):
                content = whole(stream, _LONGEST_LINE)
                yield content if isinstance(content, Flaw) else Line(content)
            else:
                yield from bounded_lines(stream, _LONGEST_LINE)
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror or 'cannot be read'}") from error


def _named(line: Line | Flaw, type: str) -> Iterator[str | None]:
    if isinstance(line, Flaw):
        yield None
        return
    text = line.content.decode("utf-8", errors="replace").strip()
    if not text:
        return
    try:
        yield from _found(orjson.loads(text), type)
    except orjson.JSONDecodeError:
        yield _reference(text, type)


def _found(value: Any, type: str) -> Iterator[str | None]:
    if isinstance(value, list):
        for item in value:
            yield from _found(item, type)
    elif isinstance(value, dict) and value.get("resourceType") == "Bundle":
        for entry in value.get("entry") or ():
            yield _deleted(entry, type)
    elif isinstance(value, dict) and isinstance(value.get("id"), str):
        yield _reference(f"{value.get('resourceType', type)}/{value['id']}", type)
    elif isinstance(value, dict):
        yield _reference(value.get("reference"), type)
    else:
        yield _reference(str(value), type)


def _deleted(entry: Any, type: str) -> str | None:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or request.get("method") != "DELETE":
        return None
    return _reference(request.get("url"), type)


def _reference(text: Any, type: str) -> str | None:
    """``Type/id``, from a reference in any form, or from an id alone if the file is of one type."""
    if not isinstance(text, str):
        return None
    whole = text if "/" in text else f"{type}/{text}"
    found = _RESOURCE.fullmatch(whole.strip())
    return f"{found[1]}/{found[2]}" if found else None


def withheld_types(pulled: Pulled, changed: Collection[PulledFile]) -> dict[str, str]:
    """Types that do not count as loaded, with the reason: those withheld, and those of files that changed since."""
    reasons = dict(pulled.withheld)
    for file in changed:
        touched = [file.type] if file.kind == "output" and file.type else [*pulled.loaded]
        reasons |= dict.fromkeys(touched, f"{Path(file.path).name} is not what was pulled")
    return reasons
