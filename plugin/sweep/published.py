"""Published sweeps on disk: immutable folders, and one pointer that is replaced in a single step.

::

    state/CURRENT                 the id of the sweep that readers see
    state/sweeps/<id>/manifest.json   counts, versions, SHA-256 of the files
                      worklist.ndjson one line a person: who, and every finding about them with its reasons
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from plugin.sweep.durable import sync, write_durably, written
from rules.evaluation import Explained
from rules.facts import Person

WORKLIST: Final = "worklist.ndjson"
MANIFEST: Final = "manifest.json"
QUARANTINE: Final = "quarantine.ndjson"
CURRENT: Final = "CURRENT"


@dataclass(frozen=True, slots=True)
class WorklistPerson:
    """One line of the worklist: one person, one conversation. ``findings`` are sorted, the most urgent first."""

    id: str
    name: str
    age: int | None
    sex: str | None
    language: str | None
    interpreter: bool | None
    phone: str
    findings: tuple[Mapping[str, Any], ...]
    """Each: rule, title, level, priority, status, next_flip, restricted, reasons (asks, value, unit, evidence)."""
    household: str | None = None
    """A key shared by people at one address; ``None`` if it is not known, and in sweeps from before it was kept."""
    email: str = ""
    """As the record has it; empty: none, and in sweeps from before it was kept."""

    @property
    def priority(self) -> int:
        """The highest priority among what is certain."""
        return max((f["priority"] for f in self.findings if f["status"] == "yes"), default=0)


class Published:
    """The sweeps under a state folder."""

    def __init__(self, state: Path) -> None:
        """``state`` need not exist yet."""
        self._state = state

    @property
    def current(self) -> Path | None:
        """The folder of the sweep that readers see; ``None`` before the first one."""
        pointer = self._state / CURRENT
        try:
            return self._state / "sweeps" / pointer.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def manifest(self) -> Mapping[str, Any] | None:
        """Counts and versions of the current sweep."""
        folder = self.current
        if folder is None:
            return None
        manifest: Mapping[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return manifest

    def people(self) -> Iterator[WorklistPerson]:
        """Everybody on the current worklist, the most urgent first."""
        folder = self.current
        if folder is None:
            return
        with (folder / WORKLIST).open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                fields = json.loads(line)
                yield WorklistPerson(**(fields | {"findings": tuple(fields["findings"])}))

    def seal(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        """Describe everything in ``folder`` in its manifest, and wait until all of it is on the disk."""
        files = {path.name: path for path in sorted(folder.iterdir()) if path.name != MANIFEST}
        for path in files.values():
            sync(path)
        described = {"files": {name: written(path)._asdict() for name, path in files.items()}}
        write_durably(folder / MANIFEST, json.dumps({**manifest, **described}, indent=2) + "\n")

    def bring(self, folder: Path, sweep_id: str) -> Path:
        """Make a sealed ``folder`` the current sweep. Does what is left to do if it was stopped in the midst of it before."""
        target = self._state / "sweeps" / sweep_id
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            folder.replace(target)
        sync(target.parent)
        write_durably(self._state / CURRENT, sweep_id + "\n")
        return target

    def earlier(self) -> list[Path]:
        """The folders of all sweeps that are whole, the latest first."""
        found = [path for path in (self._state / "sweeps").glob("*") if path.suffix != ".tmp" and (path / MANIFEST).is_file()]
        return sorted(found, key=lambda path: (path / MANIFEST).stat().st_mtime_ns, reverse=True)

    def forget(self, keep: int) -> None:
        """Remove all but the current sweep and the ``keep`` latest ones, and what was never finished."""
        stale = [path for path in self.earlier()[keep:] if path != self.current]
        for folder in (*stale, *(self._state / "sweeps").glob("*.tmp")):
            shutil.rmtree(folder, ignore_errors=True)


def person_line(person: WorklistPerson) -> str:
    """A line of the worklist file."""
    return json.dumps(asdict(person), ensure_ascii=False) + "\n"


def worklist_person(person: Person, age: float | None, findings: Iterable[Mapping[str, Any]]) -> WorklistPerson:
    """A person's line on the worklist."""
    ordered = sorted(findings, key=lambda f: (f["status"] != "yes", -f["priority"], f["rule"]))
    return WorklistPerson(
        id=person.id,
        name=person.name,
        age=None if age is None else int(age),
        sex=person.sex,
        language=person.language,
        interpreter=person.interpreter,
        phone=person.phone,
        findings=tuple(ordered),
        household=person.household,
        email=person.email,
    )


def finding_line(explained: Explained, title: str, level: str, priority: int, restricted: bool) -> Mapping[str, Any]:
    """A finding as it stands in the worklist file."""
    finding = explained.finding
    return {
        "rule": finding.rule,
        "title": title,
        "level": level,
        "priority": priority,
        "restricted": restricted,
        "status": finding.status,
        "next_flip": finding.next_flip.isoformat() if finding.next_flip else None,
        "reasons": [asdict(reason) for reason in explained.reasons],
    }
