"""From buckets to a sweep: everything sorted and counted, nobody twice, nothing lost."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from plugin.sweep.assembling import Assembled, assemble
from plugin.sweep.errors import SweepRefused
from plugin.sweep.evaluating import FINDINGS, LISTED, PEOPLE
from plugin.sweep.work import Step, Work, open_work

AS_OF = date(2026, 6, 30)
Json = Mapping[str, Any]


def finding(patient: str, status: str = "yes", next_flip: str | None = None) -> dict[str, Any]:
    evidence = [{"fact": "hba1c", "resource": f"Observation/{patient}", "date": "2026-03-14", "value": 9.6, "unit": "%"}]
    return {"patient": patient, "rule": "damp", "status": status, "facts": {"hba1c": 9.6}, "evidence": evidence, "next_flip": next_flip}


def listed(patient: str, priority: int, status: str = "yes") -> dict[str, Any]:
    return {"id": patient, "findings": [{"priority": priority, "status": status}]}


def bucket(work: Work, number: int, findings: list[Json], people: list[str], worklist: Sequence[Json] = (), /, **counts: Any) -> Step:
    """A finished bucket."""
    name = f"evaluate-{number:05}"
    for file, rows in ((FINDINGS, findings), (LISTED, worklist), (PEOPLE, people)):
        work.path(name, file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    by_rule = {"damp": {status: sum(f["status"] == status for f in findings) for status in ("yes", "unknown")}}
    said = {"people": len(people), "findings": len(findings), "flagged": 0, "unknown": 0, "by_rule": by_rule} | counts
    return work.finish(name, {}, (FINDINGS, LISTED, PEOPLE), said, 0.1, {})


def assembled(work: Work, *steps: Step, before: Path | None = None) -> Assembled:
    return assemble(work, steps, before, AS_OF)


def lines(work: Work, name: str) -> list[Any]:
    return [json.loads(line) for line in (work.out / name).read_text().splitlines()]


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return open_work(tmp_path, {}, "one")


def test_everything_is_sorted_and_added_up(work: Work) -> None:
    first = bucket(work, 0, [finding("b"), finding("d", "unknown")], ["b", "d"], [listed("d", 9), listed("b", 7)], flagged=1, unknown=1)
    second = bucket(work, 1, [finding("a"), finding("c")], ["a", "c", "e"], [listed("c", 8), listed("a", 7)], flagged=2)
    found = assembled(work, first, second)
    assert (found.people, found.findings, found.flagged, found.unknown) == (5, 4, 3, 1)
    assert found.by_rule == {"damp": {"yes": 3, "unknown": 1}}
    assert [f["patient"] for f in lines(work, FINDINGS)] == ["a", "b", "c", "d"]
    assert lines(work, PEOPLE) == ["a", "b", "c", "d", "e"]
    assert [p["id"] for p in lines(work, "worklist.ndjson")] == ["d", "c", "a", "b"]
    assert found.differences["damp"] == {"new": 3, "still": 0, "resolved": 0, "became unknown": 0, "left": 0}


def test_what_changes_by_itself_within_a_month_is_forecast(work: Work) -> None:
    days = {"a": "2026-07-01", "b": "2026-07-30", "c": "2026-07-31", "d": None}
    step = bucket(work, 0, [finding(patient, next_flip=day) for patient, day in days.items()], list(days))
    assert assembled(work, step).forecast == {"damp": 2}
    assert [(f["patient"], f["next_flip"]) for f in lines(work, "forecast.ndjson")] == list(days.items())[:2]


def test_somebody_in_two_buckets_stops_the_sweep(work: Work) -> None:
    with pytest.raises(SweepRefused, match="somebody is in two buckets"):
        assembled(work, bucket(work, 0, [], ["a"]), bucket(work, 1, [], ["a"]))


@pytest.mark.parametrize("counts", [{"people": 2}, {"findings": 3}, {"by_rule": {"damp": {"yes": 2, "unknown": 0}}}])
def test_counts_that_do_not_add_up_stop_the_sweep(work: Work, counts: dict[str, Any]) -> None:
    with pytest.raises(SweepRefused, match="do not add up"):
        assembled(work, bucket(work, 0, [finding("a")], ["a"], **counts))


def test_what_an_earlier_try_left_is_no_part_of_it(work: Work) -> None:
    work.out.mkdir()
    (work.out / "left.over").write_text("x")
    assembled(work, bucket(work, 0, [], ["a"]))
    assert not (work.out / "left.over").exists()
