"""The arrows of a sweep: pull → land → check → evaluate → compare → publish. Each can be killed; whoever comes next goes on where it was.

What is published is immutable and complete, or it is not published; until then, and if anything is wrong, readers see the previous sweep.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from fhir_adapters.report import Report
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.bucket import MEMORY, buckets_of
from fhir_adapters.warehouse.ingest.files import Reading
from fhir_adapters.warehouse.read import snapshot_people, snapshot_report
from fhir_adapters.warehouse.snapshot import manifest_path
from plugin import __version__
from plugin.sweep.assembling import Assembled, assemble
from plugin.sweep.bands import Counted, Outside, check_rules, history
from plugin.sweep.describing import data_of, identity_of, meanings, versions, write_quarantine
from plugin.sweep.errors import SweepRefused
from plugin.sweep.evaluating import FINDINGS, Bucket, Job
from plugin.sweep.former import former, keep
from plugin.sweep.gates import Limits, check_canaries, check_data
from plugin.sweep.landing import Landed, Source, ahead, land
from plugin.sweep.lease import Lease
from plugin.sweep.needs import needed_by
from plugin.sweep.processes import evaluate_all
from plugin.sweep.published import MANIFEST, QUARANTINE, Published
from plugin.sweep.runs import Runs
from plugin.sweep.work import Step, open_work
from rules.pack import Pack

_FORMAT: Final = 1
_LEAST: Final = 5_000
"""People for whom another process is worth its start."""
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
    bucket: int = 20_000
    """People of one bucket, about."""
    memory: str = MEMORY
    limits: Limits = field(default_factory=Limits)
    keep: int = 14
    """Published sweeps that stay."""
    fhir: str = ""
    """Start of the canonical URLs of FHIR resources that are published too; empty: none are."""
    say: Callable[[str], None] = lambda text: None
    """Whom to tell what a server says while it exports."""

    @property
    def habits(self) -> Habits:
        """How its warehouse is filled: with what the packs need."""
        return Habits(needed=needed_by(self.packs), reading=Reading(most=self.processes))

    @property
    def identity(self) -> Mapping[str, Any]:
        """What an unfinished run must have in common with this one to be gone on with."""
        return {
            "format": _FORMAT,
            "almoner": __version__,
            "source": self.source.identity,
            "loaded": sorted(self.source.loaded),
            "packs": [identity_of(pack) for pack in self.packs],
            "as_of": self.as_of.isoformat(),
            "bucket": self.bucket,
            "fhir": self.fhir,
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

    @property
    def state(self) -> Path:
        """Where it publishes."""
        return self._asked.state

    def tidy(self) -> None:
        """Forget how it was made, and sweeps that are too old. Whoever is killed before this publishes the same once more."""
        keep(self._asked.state, self.work, self._asked.packs, self._asked.as_of)
        self.work.remove()
        self._published.forget(self._asked.keep)

    def _make(self) -> Report:
        """Everything up to a sealed folder."""
        before = self._published.current
        check_canaries(self._asked.packs)
        self._pull()
        landed = self._land()
        report = snapshot_report(landed.warehouse, landed.snapshot)
        check_data(report, self._people_before(), self._asked.limits)
        steps = self._evaluate(landed, report.people)
        started = time.monotonic()
        found = assemble(self.work, steps, before, self._asked.as_of)
        if found.people != report.people:
            raise SweepRefused(f"{report.people:,} people are in the warehouse, {found.people:,} were evaluated; nothing was published")
        outside = self._outside(found)
        write_quarantine(self.work.out / QUARANTINE, report)
        resources = self._write_resources(landed)
        self._note("publish", time.monotonic() - started, {"findings": found.findings, **resources})
        self._published.seal(self.work.out, self._manifest(landed, report, found, before, outside))
        return report

    def _pull(self) -> None:
        """Let the server export, unless this run did."""
        exports, inputs = self._asked.source.exports, {"source": self._asked.source.identity}
        if exports is None:
            return
        done = self.work.done("pull", inputs)
        if done is None:
            from plugin.servers.exporting import watching

            asked, started = self._asked, time.monotonic()
            with ahead(asked.source, asked.state, asked.habits, full=asked.full) as early:
                early.say, early.progress = asked.say, lambda done, begun: self._progress("reading ahead", begun)(done)
                watched = replace(watching(self._progress, asked.say), arrived=early.take)
                pulled = exports.into(asked.source.pulled(asked.state), watched, full=asked.full)
            lines = sum(file.lines for file in pulled.files)
            counts = {"files": len(pulled.files), "lines": lines, "withheld_types": len(pulled.withheld)}
            done = self.work.finish("pull", inputs, (), counts, time.monotonic() - started, versions())
        self._note("pull", done.seconds, done.counts)

    def _land(self) -> Landed:
        """Bring the source into the warehouse, unless this run did."""
        inputs: Mapping[str, Any] = {"source": self._asked.source.identity}
        if (done := self.work.done("land", inputs)) and manifest_path(Path(done.counts["warehouse"]), done.counts["snapshot"]).is_file():
            found = Landed(Path(done.counts["warehouse"]), done.counts["snapshot"], done.counts["counts"])
            self._note("land", done.seconds, found.counts)
            return found
        step, started = self._progress("reading FHIR", 1), time.monotonic()
        found = land(self._asked.source, self._asked.state, self._asked.habits, full=self._asked.full)
        counts = {"warehouse": str(found.warehouse), "snapshot": found.snapshot, "counts": found.counts}
        done = self.work.finish("land", inputs, (), counts, time.monotonic() - started, versions())
        step(1)
        self._note("land", done.seconds, found.counts)
        return found

    def _evaluate(self, landed: Landed, people: int) -> list[Step]:
        """Every bucket, so many that each process has one if that is worth its start; sorted by number."""
        asked, started = self._asked, time.monotonic()
        with buckets_of(landed.warehouse, landed.snapshot) as whole:
            size = min(asked.bucket, max(_LEAST, -(-people // asked.processes)))
            buckets = [Bucket(number, low, high) for number, (low, high) in enumerate(whole.cuts(size))]
            before = None if asked.full else former(asked.state, asked.packs, asked.as_of)
            job = Job(landed.warehouse, landed.snapshot, asked.packs, asked.as_of, self.work, asked.memory, before)
            shown, steps = self._progress("evaluating", len(buckets)), []

            def done(step: Step) -> None:
                steps.append(step)
                shown(len(steps))

            evaluate_all(job, buckets, asked.processes, done)
        steps.sort(key=lambda step: step.name)
        counted = {name: sum(step.counts[name] for step in steps) for name in ("people", "explained", "columnar_cpu_seconds")}
        counted["columnar_cpu_seconds"] = round(counted["columnar_cpu_seconds"], 3)
        self._note("evaluate", time.monotonic() - started, counted | {"buckets": len(steps)})
        return steps

    def _outside(self, found: Assembled) -> list[Outside]:
        """Rules that say yes or unknown of unusually many people, or few; told, unless that stops the sweep."""
        asked = self._asked
        now = Counted(asked.as_of, found.people, found.by_rule, meanings(asked.packs))
        outside = check_rules(now, history(Runs(asked.state).latest(), asked.source.identity), asked.limits.bands)
        for each in outside:
            asked.say(f"note: {each.text}")
        return outside

    def _write_resources(self, landed: Landed) -> Mapping[str, int]:
        """What was found as FHIR resources, if that was asked for; of each type how many."""
        asked, out = self._asked, self.work.out
        if not asked.fhir:
            return {}
        from plugin.sweep.resources import FindingResources, write_resources  # half a second, for FHIR's models, that most sweeps spare

        words = FindingResources(asked.fhir.rstrip("/"), asked.source.identity, asked.as_of.isoformat())
        return write_resources(out, out / FINDINGS, asked.packs, snapshot_people(landed.warehouse, landed.snapshot), words)

    def _note(self, name: str, seconds: float, counts: Mapping[str, Any]) -> None:
        self.steps.append({"name": name, "seconds": round(seconds, 3), "counts": dict(counts)})

    def _people_before(self) -> int | None:
        """Of the last sweep of the same source."""
        before = self._published.manifest()
        same = before is not None and before.get("source") == self._asked.source.identity
        return int(before["people"]) if before is not None and same else None

    def _manifest(
        self, landed: Landed, report: Report, found: Assembled, before: Path | None, outside: Sequence[Outside]
    ) -> Mapping[str, Any]:
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
            "restricted": sorted(rule.id.text for pack in self._asked.packs for rule in pack.document.rules if rule.restricted),
            "outside": [each.to_json() for each in outside],
            "fingerprints": meanings(self._asked.packs),
            "engine": "columnar",
            "source": self._asked.source.identity,
            "warehouse": {"path": str(landed.warehouse), "snapshot": landed.snapshot},
            "data": data_of(report),
            "steps": self.steps,
            "versions": versions(),
            "almoner": __version__,
            "published": datetime.now(UTC).isoformat(timespec="seconds"),
        }
