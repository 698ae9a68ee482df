"""From the buckets' files to the sweep that is published: everything sorted, the differences, the tables."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from heapq import merge
from pathlib import Path
from typing import Any, Final

import orjson

from fhir_adapters.warehouse.tables import parquet_from
from plugin.sweep.differences import Change, counted, differences, findings_in
from plugin.sweep.errors import SweepRefused
from plugin.sweep.evaluating import FINDINGS, LISTED, PEOPLE
from plugin.sweep.published import WORKLIST
from plugin.sweep.work import Step, Work

CHANGES: Final = "changes.ndjson"
FORECAST: Final = "forecast.ndjson"
HORIZON: Final = timedelta(days=30)
"""So far ahead it is told which answers change by themselves."""

_EVIDENCE: Final = "STRUCT(fact VARCHAR, resource VARCHAR, date VARCHAR, value VARCHAR, unit VARCHAR)[]"
_TABLES: Final[dict[str, dict[str, str]]] = {
    FINDINGS: {
        **{"patient": "VARCHAR", "rule": "VARCHAR", "status": "VARCHAR", "facts": "VARCHAR", "evidence": _EVIDENCE},
        **{"next_flip": "DATE"},
    },
    CHANGES: dict.fromkeys(("patient", "rule", "change", "before", "now"), "VARCHAR"),
}
"""Files of lines that are published as Parquet too, with their columns."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What is to be said of a whole sweep."""

    people: int
    flagged: int
    unknown: int
    findings: int
    by_rule: dict[str, dict[str, int]]
    """Rule → yes and unknown → how many people."""
    differences: dict[str, dict[str, int]]
    forecast: dict[str, int]
    """Rule → how many answers change by themselves within the `HORIZON`."""


def assemble(work: Work, steps: Sequence[Step], before: Path | None, as_of: date) -> Assembled:
    """Write the files of the sweep into ``work.out``; ``before``: the folder of the sweep that it is compared with.

    Raises:
        SweepRefused: somebody is in two buckets, or a finding is missing.
    """
    out = work.out
    shutil.rmtree(out, ignore_errors=True)  # of an earlier try
    out.mkdir()
    files = {name: [work.path(step.name, name) for step in steps] for name in (FINDINGS, LISTED, PEOPLE)}
    people = _merged(files[PEOPLE], out / PEOPLE, str)
    findings = _merged(files[FINDINGS], out / FINDINGS, lambda found: (found["patient"], found["rule"]))
    _merged(files[LISTED], out / WORKLIST, _urgency)
    by_rule = _added(step.counts["by_rule"] for step in steps)
    expected = sum(step.counts["people"] for step in steps), sum(step.counts["findings"] for step in steps)
    if (people, findings) != expected or findings != sum(sum(counts.values()) for counts in by_rule.values()):
        raise SweepRefused(
            "the findings of the buckets do not add up to those of the sweep; this is a defect of ours, nothing was published"
        )
    changes = _write_changes(out, before, set(by_rule))
    forecast = _write_forecast(out, as_of)
    for name, columns in _TABLES.items():
        parquet_from(out / name, columns, (out / name).with_suffix(".parquet"))
    flagged, unknown = (sum(step.counts[name] for step in steps) for name in ("flagged", "unknown"))
    return Assembled(people, flagged, unknown, findings, by_rule, changes, forecast)


def _merged(files: Sequence[Path], target: Path, key: Callable[[Any], Any]) -> int:
    """Merge files of sorted lines; how many lines. No key may come twice."""
    count, last = 0, None
    with ExitStack() as opened, target.open("wb") as out:
        lines = [opened.enter_context(file.open("rb")) for file in files]
        for at, line in merge(*(_keyed(each, key) for each in lines)):
            if at == last:
                raise SweepRefused("somebody is in two buckets of the sweep; this is a defect of ours, nothing was published")
            out.write(line)
            count, last = count + 1, at
    return count


def _keyed(lines: Iterable[bytes], key: Callable[[Any], Any]) -> Iterator[tuple[Any, bytes]]:
    return ((key(orjson.loads(line)), line) for line in lines)


def _urgency(person: dict[str, Any]) -> tuple[int, str]:
    """The place on the worklist; see `plugin.sweep.published.WorklistPerson.priority`."""
    return -max((f["priority"] for f in person["findings"] if f["status"] == "yes"), default=0), person["id"]


def _added(counts: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for each in counts:
        for rule, statuses in each.items():
            found.setdefault(rule, Counter()).update(statuses)
    return {rule: {status: found[rule][status] for status in ("yes", "unknown")} for rule in sorted(found)}


def _write_changes(out: Path, before: Path | None, rules: set[str]) -> dict[str, dict[str, int]]:
    earlier = before / FINDINGS if before else None
    old = findings_in(earlier) if earlier and earlier.is_file() else ()
    with (out / PEOPLE).open("rb") as people, (out / CHANGES).open("w", encoding="utf-8", newline="\n") as file:
        changes = differences(old, findings_in(out / FINDINGS), map(orjson.loads, people), rules)
        return counted(_kept(changes, file.write))


def _kept(changes: Iterable[Change], write: Callable[[str], object]) -> Iterator[Change]:
    for change in changes:
        write(json.dumps(asdict(change), ensure_ascii=False, separators=(",", ":")) + "\n")
        yield change


def _write_forecast(out: Path, as_of: date) -> dict[str, int]:
    """The answers that change within the horizon if nothing new is recorded."""
    found: Counter[str] = Counter()
    with (out / FORECAST).open("w", encoding="utf-8", newline="\n") as file:
        for finding in findings_in(out / FINDINGS):
            day = finding["next_flip"]
            if day is not None and date.fromisoformat(day) <= as_of + HORIZON:
                told = {name: finding[name] for name in ("patient", "rule", "status", "next_flip")}
                file.write(json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n")
                found[finding["rule"]] += 1
    return dict(sorted(found.items()))
