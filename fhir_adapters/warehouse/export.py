"""What one Bulk Data export left on disk, whoever fetched it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import orjson

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.extracts import SUFFIX
from fhir_adapters.files import FHIR_FILES, files_in
from rules.facts import TABLES

_MANIFEST: Final = "manifest.json"
_OUTPUT: Final = "output"
_DELETED: Final = "deleted"
_ERROR: Final = "error"


@dataclass(frozen=True, slots=True)
class BulkExport:
    """Files of resources, files of deletions, and what they are the whole of."""

    root: Path
    files: tuple[Path, ...]
    at: datetime
    """The export's ``transactionTime``: the files show how things stood then."""
    deleted: tuple[Path, ...] = ()
    since: datetime | None = None
    """The export's ``_since``. ``None``: the files hold everything of their types, and what is not in them is gone."""
    types: frozenset[str] = frozenset()
    """Resource types that were asked for, be there any or not; those that files are named after, or that are in them, need not be said."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Resource type → why its export failed or is not whole."""
    notes: tuple[str, ...] = ()
    """What else the operator should know."""


def export_in(
    folder: Path,
    *,
    at: datetime | None = None,
    since: datetime | None = None,
    types: Collection[str] = (),
    failed: Mapping[str, str] | None = None,
) -> BulkExport:
    """The export in a folder: every file of resources in it; those below ``deleted/``, or so called in ``manifest.json``, are deletions.

    ``at`` is the manifest's ``transactionTime`` unless given. If the manifest tells of errors and ``failed`` does not say which types
    they concern, all of them count as failed. Raises `SourceUnreadable` if there is no time, or nothing to read, or if the manifest leaves
    open what a file holds.
    """
    manifest = _manifest(folder)
    listed = files_in(folder)
    if any(file.name.endswith(SUFFIX) for file in listed):
        raise SourceUnreadable(f"{folder}: a warehouse holds FHIR resources; read described extracts from their own folder")
    found = [file for file in listed if file.name.endswith(FHIR_FILES) and file != folder / _MANIFEST]
    others = sum(not file.name.endswith(FHIR_FILES) for file in listed)
    notes = (f"{others} file(s) of other kinds were left alone",) if others else ()
    addresses = _addresses(manifest)
    kinds = {file: _kind(file, folder, addresses) for file in found}
    deleted = [file for file, kind in kinds.items() if kind == _DELETED]
    files = [file for file, kind in kinds.items() if kind == _OUTPUT]
    asked = frozenset(types)
    if failed is None:
        delivered = asked | {str(entry.get("type", "")) for entry in _entries(manifest, _OUTPUT)}
        concerned = delivered if delivered and "" not in delivered else _EVERY_TYPE
        failed = dict.fromkeys(concerned, "the export reported errors") if _entries(manifest, _ERROR) else {}
    return BulkExport(folder, tuple(files), at or _transaction_time(folder, manifest), tuple(deleted), since, asked, failed, notes)


_EVERY_TYPE: Final = frozenset({"Patient", *(name for table in TABLES.values() for name in table.resource_types)})


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found = orjson.loads((folder / _MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise SourceUnreadable(f"{folder / _MANIFEST}: is not JSON") from error
    return found if isinstance(found, dict) else {}


def _entries(manifest: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    entries = manifest.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _addresses(manifest: Mapping[str, Any]) -> dict[str, list[tuple[list[str], str]]]:
    """The last name of each address → its names from the last to the first, with what is there. What signs it is no part of them."""
    found: dict[str, list[tuple[list[str], str]]] = defaultdict(list)
    for key, kind in {_OUTPUT: _OUTPUT, _DELETED: _DELETED, _ERROR: _ERROR, "outcome": _ERROR}.items():
        for entry in _entries(manifest, key):
            with suppress(ValueError):
                names = unquote(urlsplit(str(entry.get("url", ""))).path).split("/")[::-1]
                found[names[0]].append((names, kind))
    return found


def _kind(file: Path, folder: Path, addresses: Mapping[str, list[tuple[list[str], str]]]) -> str:
    """What a file holds, as its folder says, or the address with which it has the most in common: one name may be that of several."""
    parts = file.relative_to(folder).parts
    if _DELETED in parts[:-1]:
        return _DELETED
    alike = [(_common(parts[::-1], names), kind) for names, kind in addresses.get(file.name, ())]
    most = max((count for count, _ in alike), default=0)
    kinds = {kind for count, kind in alike if count == most} or {_OUTPUT}
    if len(kinds) > 1:
        raise SourceUnreadable(
            f"{file}: {_MANIFEST} gives several files this name, of resources and of something else: "
            f"keep each in a folder named as in its address, and deletions below {_DELETED}/"
        )
    return kinds.pop()


def _common(parts: Sequence[str], names: Sequence[str]) -> int:
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(parts, names, strict=False))))


def _transaction_time(folder: Path, manifest: Mapping[str, Any]) -> datetime:
    try:
        found = datetime.fromisoformat(manifest["transactionTime"])
    except (KeyError, TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise SourceUnreadable(f"{folder}: no {_MANIFEST} with a transactionTime: say as of when these files are")
    return found
