"""What is said of a sweep: its manifest, the record of its run, and what tells one from another."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fhir_adapters.report import Report
from plugin import __version__
from plugin.sweep.bands import told_for_history
from rules.fingerprint import fingerprints
from rules.pack import Pack


def meanings(packs: Sequence[Pack]) -> Mapping[str, str]:
    """Rule → the fingerprint of what it means."""
    return {rule: meaning for pack in packs for rule, meaning in fingerprints(pack.program).items()}


def data_of(report: Report) -> Mapping[str, Any]:
    """The account of what came in."""
    return {
        "events": report.events,
        "by_type": {row.resource_type: {name: n for name, n in row._asdict().items() if name != "resource_type"} for row in report.rows()},
        "quarantine": [{"type": name, "reason": reason, "count": n} for (name, reason), n in sorted(report.quarantine.counts.items())],
        "not_loaded": dict(sorted(report.not_loaded.items())),
        "excluded": {str(reason): count for reason, count in sorted(report.excluded.items())},
        "merged": report.merged,
        "orphans": report.orphans,
        "notes": report.notes,
    }


def write_quarantine(path: Path, report: Report) -> None:
    """What could not be used, and why: the first of them one by one, as far as they are kept."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(asdict(entry)) + "\n" for entry in sorted(report.quarantine.entries, key=str))


def identity_of(pack: Pack) -> Sequence[str]:
    """What a pack means, and what it says."""
    texts = hashlib.sha256()
    files = sorted(pack.path.rglob("*")) if pack.path.is_dir() else [pack.path]
    for file in files:
        if file.is_file():
            texts.update(os.fsencode(file.name) + b"\0" + file.read_bytes())
    return [
        pack.document.id,
        pack.document.version,
        texts.hexdigest(),
        *(meaning for _, meaning in sorted(fingerprints(pack.program).items())),
    ]


def versions() -> Mapping[str, str]:
    """Of what makes the files."""
    return {"almoner": __version__, **{name: version(name) for name in ("duckdb", "pyarrow")}}


def result_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the record of a run keeps of a published sweep."""
    kinds: dict[str, int] = {}
    for counts in manifest["differences"].values():
        for kind, count in counts.items():
            kinds[kind] = kinds.get(kind, 0) + count
    told = {name: manifest[name] for name in ("people", "flagged", "unknown")}
    return {**told, "differences": kinds, **told_for_history(manifest)}
