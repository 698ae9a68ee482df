"""The arrows of a sweep: land → check → evaluate → compare → publish. Each can be killed; whoever comes next goes on where it was.

What is published is immutable and complete, or it is not published; until then, and if anything is wrong, readers see the previous sweep.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from fhir_adapters.report import Report
from fhir_adapters.warehouse.bucket import MEMORY, buckets_of
from fhir_adapters.warehouse.read import snapshot_report
from fhir_adapters.warehouse.snapshot import manifest_path
from plugin import __version__
from plugin.sweep.assembling import Assembled, assemble
from plugin.sweep.errors import SweepRefused
from plugin.sweep.evaluating import Bucket, Job
from plugin.sweep.gates import Limits, check_canaries, check_data
from plugin.sweep.landing import Landed, Source, land
from plugin.sweep.lease import Lease
from plugin.sweep.processes import evaluate_all
from plugin.sweep.published import MANIFEST, QUARANTINE, Published
from plugin.sweep.work import Step, open_work
from rules.fingerprint import fingerprint
from rules.pack import Pack

_FORMAT: Final = 1
Progress = Callable[[str, int], Callable[[int], None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sweep is to be."""

    source: Source
    packs: tuple[Pack, ...]
    as_of: date
    state: Path
    full: bool = False
    """Read everything anew, and forget what an earlier run left unfinished."""
    processes: int = 1
    bucket: int = 10_000
    """People of one bucket, about."""
    memory: str = MEMORY
    limits: Limits = field(default_factory=Limits)
    keep: int = 14
    """Published sweeps that stay."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What an unfinished run must have in common with this one to be gone on with."""
        return {
            "format": _FORMAT,
            "almoner": __version__,
            "source": str(self.source.folder or self.source.name),
            "loaded": sorted(self.source.loaded),
            "packs": [_identity(pack) for pack in self.packs],
            "as_of": self.as_of.isoformat(),
            "bucket": self.bucket,
        }


class Pipeline:
    """One sweep. For the holder of the lease."""

    def __init__(self, asked: Asked, lease: Lease, progress: Progress) -> None:
        self._asked, self._lease, self._progress = asked, lease, progress
        self._published = Published(asked.state)
        sweep = f"{asked.as_of.isoformat()}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        self.work = open_work(asked.state, asked.identity, sweep, anew=asked.full)
        self.steps: list[Mapping[str, Any]] = []
        """Name, seconds and counts of what was done."""

    def run(self) -> tuple[Mapping[str, Any], Report | None]:
        """Do what is left to do. The manifest of the published sweep; how its data were read, unless only the last step was left.

        Raises:
            SweepRefused: a gate was not passed.
            SweepBusy: another sweep took over.
            AdapterError: the source or the warehouse cannot be read.
        """
        sealed = self._asked.state / "sweeps" / self.work.sweep
        report = None
        if not (sealed / MANIFEST).is_file():
            report = self._make()
        with self._lease.publishing():
            folder = self._published.bring(self.work.out, self.work.sweep)
        manifest: Mapping[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return manifest, report

    def tidy(self) -> None:
        """Forget how it was made, and sweeps that are too old. Whoever is killed before this publishes the same once more."""
        self.work.remove()
        self._published.forget(self._asked.keep)

    def _make(self) -> Report:
        """Everything up to a sealed folder."""
        before = self._published.current
        check_canaries(self._asked.packs)
        landed = self._land()
        report = snapshot_report(landed.warehouse, landed.snapshot)
        check_data(report, self._people_before(), self._asked.limits)
        steps = self._evaluate(landed)
        started = time.monotonic()
        found = assemble(self.work, steps, before, self._asked.as_of)
        if found.people != report.people:
            raise SweepRefused(f"{report.people:,} people are in the warehouse, {found.people:,} were evaluated; nothing was published")
        _write_quarantine(self.work.out / QUARANTINE, report)
        self._note("publish", time.monotonic() - started, {"findings": found.findings})
        self._published.seal(self.work.out, self._manifest(landed, report, found, before))
        return report

    def _land(self) -> Landed:
        """Bring the source into the warehouse, unless this run did."""
        inputs: Mapping[str, Any] = {"source": self._asked.identity["source"]}
        if (done := self.work.done("land", inputs)) and manifest_path(Path(done.counts["warehouse"]), done.counts["snapshot"]).is_file():
            found = Landed(Path(done.counts["warehouse"]), done.counts["snapshot"], done.counts["counts"])
            self._note("land", done.seconds, found.counts)
            return found
        step, started = self._progress("reading FHIR", 1), time.monotonic()
        found = land(self._asked.source, self._asked.state, full=self._asked.full)
        counts = {"warehouse": str(found.warehouse), "snapshot": found.snapshot, "counts": found.counts}
        done = self.work.finish("land", inputs, (), counts, time.monotonic() - started, _versions())
        step(1)
        self._note("land", done.seconds, found.counts)
        return found

    def _evaluate(self, landed: Landed) -> list[Step]:
        """Every bucket; sorted by number."""
        asked, started = self._asked, time.monotonic()
        with buckets_of(landed.warehouse, landed.snapshot) as whole:
            buckets = [Bucket(number, low, high) for number, (low, high) in enumerate(whole.cuts(asked.bucket))]
            job = Job(landed.warehouse, landed.snapshot, asked.packs, asked.as_of, self.work, asked.memory)
            shown, steps = self._progress("evaluating", len(buckets)), []

            def done(step: Step) -> None:
                steps.append(step)
                shown(len(steps))

            evaluate_all(job, buckets, asked.processes, done)
        steps.sort(key=lambda step: step.name)
        people, columnar = (sum(step.counts[name] for step in steps) for name in ("people", "columnar_cpu_seconds"))
        self._note(
            "evaluate", time.monotonic() - started, {"people": people, "buckets": len(steps), "columnar_cpu_seconds": round(columnar, 3)}
        )
        return steps

    def _note(self, name: str, seconds: float, counts: Mapping[str, Any]) -> None:
        self.steps.append({"name": name, "seconds": round(seconds, 3), "counts": dict(counts)})

    def _people_before(self) -> int | None:
        """Of the last sweep of the same source."""
        before = self._published.manifest()
        same = before is not None and before.get("source") == self._asked.identity["source"]
        return int(before["people"]) if before is not None and same else None

    def _manifest(self, landed: Landed, report: Report, found: Assembled, before: Path | None) -> Mapping[str, Any]:
        return {
            "as_of": self._asked.as_of.isoformat(),
            "people": found.people,
            "flagged": found.flagged,
            "unknown": found.unknown,
            "findings_by_rule": found.by_rule,
            "differences": found.differences,
            "forecast": found.forecast,
            "compared_with": before.name if before else None,
            "packs": {pack.document.id: pack.document.version for pack in self._asked.packs},
            "fingerprints": {rule: fingerprint(pack.program, rule) for pack in self._asked.packs for rule in pack.program.rules},
            "engine": "columnar",
            "source": self._asked.identity["source"],
            "warehouse": {"path": str(landed.warehouse), "snapshot": landed.snapshot},
            "data": _data(report),
            "steps": self.steps,
            "versions": _versions(),
            "almoner": __version__,
            "published": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def _data(report: Report) -> Mapping[str, Any]:
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


def _write_quarantine(path: Path, report: Report) -> None:
    """What could not be used, and why: the first of them one by one, as far as they are kept."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(asdict(entry)) + "\n" for entry in sorted(report.quarantine.entries, key=str))


def _identity(pack: Pack) -> Sequence[str]:
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
        *(fingerprint(pack.program, rule) for rule in sorted(pack.program.rules)),
    ]


def _versions() -> Mapping[str, str]:
    return {"almoner": __version__, **{name: version(name) for name in ("duckdb", "pyarrow")}}


def result_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the record of a run keeps of a published sweep."""
    kinds: dict[str, int] = {}
    for counts in manifest["differences"].values():
        for kind, count in counts.items():
            kinds[kind] = kinds.get(kind, 0) + count
    return {name: manifest[name] for name in ("people", "flagged", "unknown")} | {"differences": kinds}
