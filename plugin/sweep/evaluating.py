"""Evaluating one bucket of people after another: from the warehouse's files to files of findings.

Two passes: the columnar engine answers every rule about everybody where they stand; whoever has something to be said about them is read
as a record and explained as a card would be, a few hundred at a time.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from fhir_adapters.warehouse.bucket import Buckets, Print, buckets_of
from plugin import __version__
from plugin.sweep.former import EXPLAINED, Former, Said, write_said
from plugin.sweep.listing import SHOWN, worklist
from plugin.sweep.needs import want
from plugin.sweep.published import person_line
from plugin.sweep.work import Step, Work
from rules.engines.base import Evaluation
from rules.engines.columnar.standing import Standing, order_events
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
    former: Former | None = None
    """The explanations of the last sweep, if they may be used."""


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


class _Told(NamedTuple):
    """What a pack says."""

    pack: Pack
    standing: Standing
    marks: Mapping[str, int]
    """Whom it says something about; see `rules.engines.columnar.standing.Standing.marks`."""


class Evaluator:
    """Evaluates the buckets of one job, one at a time."""

    def __init__(self, job: Job, buckets: Buckets) -> None:
        self._job, self._buckets = job, buckets
        want(buckets, job.packs)

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
        outputs = (FINDINGS, LISTED, PEOPLE, EXPLAINED)
        return work.finish(bucket.step, inputs, outputs, counts, time.monotonic() - started, {"almoner": __version__})

    def _answers(self) -> tuple[list[_Told], dict[str, dict[str, int]]]:
        """Of each pack whom it says something about, and of every rule how many people it says what about."""
        told: list[_Told] = []
        by_rule: dict[str, dict[str, int]] = {}
        for number, pack in enumerate(self._job.packs):
            standing = Standing(self._buckets.connection, pack.program, self._job.as_of, number)
            by_rule |= {rule: {"yes": n.yes, "unknown": n.unknown} for rule, n in standing.counted().items()}
            told.append(_Told(pack, standing, standing.marks()))
        return told, by_rule

    def _write(self, bucket: Bucket, told: Sequence[_Told], by_rule: Mapping[str, Any]) -> dict[str, Any]:
        said, anew = self._said(bucket, told)
        with self._file(bucket, FINDINGS) as findings:
            findings.writelines(line for each in said for line in each.findings)
        listed = sorted((each for each in said if each.listed is not None), key=lambda each: (-each.priority, each.id))
        with self._file(bucket, LISTED) as file:
            file.writelines(each.listed for each in listed if each.listed is not None)
        with self._file(bucket, PEOPLE) as people:
            people.writelines(json.dumps(id, ensure_ascii=False) + "\n" for id in self._buckets.ids())
        write_said(self._job.work.path(bucket.step, EXPLAINED), said)
        flagged = sum(1 for each in listed if each.flagged)
        told_of = sum(len(each.findings) for each in said)
        return {"flagged": flagged, "unknown": len(listed) - flagged, "by_rule": by_rule, "findings": told_of, "explained": anew}

    def _said(self, bucket: Bucket, told: Sequence[_Told]) -> tuple[list[Said], int]:
        """Of everybody about whom something is said, sorted by id: as the last sweep said it where that holds still, else explained.

        And how many were explained.
        """
        former, as_of = self._job.former, self._job.as_of
        self._buckets.prints(as_of, former.crossed if former else ())
        before = former.between(bucket.low, bucket.high, as_of) if former else {}
        patients = sorted({id for each in told for id in each.marks})
        prints, answers = self._buckets.prints_of(patients), {id: " ".join(str(each.marks.get(id)) for each in told) for id in patients}
        said = [before[id] for id in patients if id in before and before[id].holds(prints[id], answers[id])]
        held = {each.id for each in said}
        left = [id for id in patients if id not in held]
        for some in _portions(left):
            said += self._explained(told, some, prints, answers)
        return sorted(said, key=lambda each: each.id), len(left)

    def _explained(
        self, told: Sequence[_Told], patients: Sequence[str], prints: Mapping[str, Print], answers: Mapping[str, str]
    ) -> Iterator[Said]:
        """In the order of ``patients``."""
        records, packs = self._buckets.records(patients), self._job.packs
        evaluations = [{e.patient: e for e in each.standing.evaluations(patients)} for each in told]
        found = {patient: self._findings(told, [each[patient] for each in evaluations], records[patient]) for patient in patients}
        lines = {line.id: line for line in worklist(packs, records, self._job.as_of, chain.from_iterable(found.values()))}
        for patient in patients:
            line = lines.get(patient)
            yield Said(
                id=patient,
                place=prints[patient].place,
                print=prints[patient].print,
                answer=answers[patient],
                next_flip=min((e.finding.next_flip for e in found[patient] if e.finding.next_flip), default=None),
                findings=[to_json(e.deciding) + "\n" for e in found[patient]],
                listed=person_line(line) if line else None,
                priority=line.priority if line else 0,
                flagged=line is not None and any(f["status"] == "yes" for f in line.findings),
            )

    def _findings(self, told: Sequence[_Told], evaluations: Sequence[Evaluation], record: PersonRecord) -> list[Explained]:
        """Of one person, from what each pack says of them, sorted by rule."""
        as_of = self._job.as_of
        found = (explained(each.pack.program, record, as_of, said, SHOWN) for each, said in zip(told, evaluations, strict=True))
        return sorted(chain.from_iterable(found), key=lambda e: e.finding.rule)

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
