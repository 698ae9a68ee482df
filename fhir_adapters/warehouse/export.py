"""What one Bulk Data export left on disk, whoever fetched it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.extracts import SUFFIX
from fhir_adapters.files import FHIR_FILES, files_in
from rules.facts import TABLES

_MANIFEST: Final = "manifest.json"
_DELETED: Final = "deleted"


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
    they concern, all of them count as failed. Raises `SourceUnreadable` if there is no time, or nothing to read.
    """
    manifest = _manifest(folder)
    listed = files_in(folder)
    if any(file.name.endswith(SUFFIX) for file in listed):
        raise SourceUnreadable(f"{folder}: a warehouse holds FHIR resources; read described extracts from their own folder")
    found = [file for file in listed if file.name.endswith(FHIR_FILES) and file != folder / _MANIFEST]
    others = sum(not file.name.endswith(FHIR_FILES) for file in listed)
    notes = (f"{others} file(s) of other kinds were left alone",) if others else ()
    named = {_file_name(entry) for entry in _entries(manifest, _DELETED)}
    beside = {_file_name(entry) for entry in _entries(manifest, "error") + _entries(manifest, "outcome")}
    deleted = [file for file in found if _DELETED in file.relative_to(folder).parts[:-1] or file.name in named]
    files = [file for file in found if file not in deleted and file.name not in beside]
    asked = frozenset(types)
    if failed is None:
        delivered = asked | {str(entry.get("type")) for entry in _entries(manifest, "output")}
        failed = dict.fromkeys(delivered or _EVERY_TYPE, "the export reported errors") if _entries(manifest, "error") else {}
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


def _file_name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("url", "")).rsplit("/", 1)[-1]


def _transaction_time(folder: Path, manifest: Mapping[str, Any]) -> datetime:
    try:
        found = datetime.fromisoformat(manifest["transactionTime"])
    except (KeyError, TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise SourceUnreadable(f"{folder}: no {_MANIFEST} with a transactionTime: say as of when these files are")
    return found
