"""Evaluating one bucket of people after another: from the warehouse's files to files of findings.

Two passes: the columnar engine answers every rule about everybody where they stand; whoever has something to be said about them is read
as a record and explained as a card would be, a few hundred at a time.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, TextIO

from fhir_adapters.warehouse.bucket import Buckets, buckets_of
from plugin import __version__
from plugin.sweep.published import WorklistPerson, person_line
from plugin.sweep.run import SHOWN, worklist
from plugin.sweep.work import Step, Work
from rules.engines.base import Evaluation
from rules.engines.columnar.standing import Standing, order_events, wanted
from rules.evaluation import Explained, explained
from rules.facts import PersonRecord
from rules.findings import to_json
from rules.pack import Pack

FINDINGS: Final = "findings.ndjson"
LISTED: Final = "worklist.ndjson"
PEOPLE: Final = "people.ndjson"
_AT_ONCE: Final = 500
"""So many people are in memory as records at one time."""


@dataclass(frozen=True, slots=True)
class Job:
    """What all buckets of a sweep have in common."""

    warehouse: Path
    snapshot: int
    packs: tuple[Pack, ...]
    as_of: date
    work: Work
    memory: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """Whose place in the warehouse is in (low, high]."""

    number: int
    low: int
    high: int

    @property
    def step(self) -> str:
        """The name of the step that evaluates it."""
        return f"evaluate-{self.number:05}"

    def inputs(self, snapshot: int) -> Mapping[str, Any]:
        """What its findings are made from, beside what the plan of the sweep says."""
        return {"snapshot": snapshot, "low": self.low, "high": self.high}


class Evaluator:
    """Evaluates the buckets of one job, one at a time."""

    def __init__(self, job: Job, buckets: Buckets) -> None:
        self._job, self._buckets = job, buckets
        asked = wanted([pack.program for pack in job.packs])
        buckets.want(asked.codes, asked.tables, asked.uncoded)

    def run(self, bucket: Bucket) -> Step:
        """Evaluate a bucket, unless that was done already."""
        work, inputs = self._job.work, bucket.inputs(self._job.snapshot)
        if found := work.done(bucket.step, inputs):
            return found
        started, columnar = time.monotonic(), time.process_time()
        people = self._buckets.open(bucket.low, bucket.high)
        order_events(self._buckets.connection)
        told, by_rule = self._answers()
        columnar = time.process_time() - columnar
        counts = self._write(bucket, told, by_rule) | {"people": people, "columnar_cpu_seconds": round(columnar, 3)}
        return work.finish(bucket.step, inputs, (FINDINGS, LISTED, PEOPLE), counts, time.monotonic() - started, {"almoner": __version__})

    def _answers(self) -> tuple[list[tuple[Pack, dict[str, Evaluation]]], dict[str, dict[str, int]]]:
        """Of each pack the evaluations of whom it says something about, and of every rule how many people it says what about."""
        told: list[tuple[Pack, dict[str, Evaluation]]] = []
        by_rule: dict[str, dict[str, int]] = {}
        for pack in self._job.packs:
            standing = Standing(self._buckets.connection, pack.program, self._job.as_of)
            by_rule |= {rule: {"yes": n.yes, "unknown": n.unknown} for rule, n in standing.counted().items()}
            told.append((pack, {e.patient: e for e in standing.evaluations(standing.ids(pack.program.rules))}))
        return told, by_rule

    def _write(self, bucket: Bucket, told: Sequence[tuple[Pack, Mapping[str, Evaluation]]], by_rule: Mapping[str, Any]) -> dict[str, Any]:
        lines: list[WorklistPerson] = []
        found: Counter[tuple[str, str]] = Counter()
        with self._file(bucket, FINDINGS) as findings:
            for some in _portions(sorted({patient for _, evaluations in told for patient in evaluations})):
                records = self._buckets.records(some)
                explained_some = list(self._explained(told, some, records))
                findings.writelines(to_json(each.deciding) + "\n" for each in explained_some)
                found.update((each.finding.rule, each.finding.status) for each in explained_some)
                lines += worklist(self._job.packs, records, self._job.as_of, explained_some)
        with self._file(bucket, LISTED) as listed:
            listed.writelines(person_line(person) for person in sorted(lines, key=lambda p: (-p.priority, p.id)))
        with self._file(bucket, PEOPLE) as people:
            people.writelines(json.dumps(id, ensure_ascii=False) + "\n" for id in self._buckets.ids())
        flagged = sum(1 for person in lines if any(f["status"] == "yes" for f in person.findings))
        return {"flagged": flagged, "unknown": len(lines) - flagged, "by_rule": by_rule, "findings": found.total()}

    def _explained(
        self, told: Sequence[tuple[Pack, Mapping[str, Evaluation]]], patients: Iterable[str], records: Mapping[str, PersonRecord]
    ) -> Iterator[Explained]:
        """Sorted by patient, then rule."""
        for patient in patients:
            found = [
                each
                for pack, evaluations in told
                if patient in evaluations
                for each in explained(pack.program, records[patient], self._job.as_of, evaluations[patient], SHOWN)
            ]
            yield from sorted(found, key=lambda e: e.finding.rule)

    @contextmanager
    def _file(self, bucket: Bucket, name: str) -> Iterator[TextIO]:
        """A file that appears under its name when it is complete."""
        target = self._job.work.path(bucket.step, name)
        temporary = target.with_name(target.name + ".new")
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        temporary.replace(target)


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))


@contextmanager
def evaluator(job: Job) -> Iterator[Evaluator]:
    """An evaluator with the job's warehouse open, for one thread."""
    with buckets_of(job.warehouse, job.snapshot, memory=job.memory, spill=job.work.folder / f"spill-{os.getpid()}") as buckets:
        yield Evaluator(job, buckets)
