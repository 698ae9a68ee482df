"""What a sweep tells Prometheus."""

import re
from pathlib import Path

import pytest
from support.worklist import application, publish_sweep

from plugin.sweep.metrics import FILE, sweep_text, write_metrics
from plugin.sweep.runs import Runs

MANIFEST = {
    "published": "2026-06-30T02:30:00+00:00",
    "people": 1200,
    "flagged": 80,
    "unknown": 90,
    "findings_by_rule": {"hunger": {"yes": 41, "unknown": 4}, "violence": {"yes": 13, "unknown": 0}},
    "restricted": ["violence"],
    "differences": {"hunger": {"new": 7}, "violence": {"new": 1}},
    "outside": [{"rule": "hunger", "kind": "yes", "text": "…"}, {"rule": "violence", "kind": "yes", "text": "…"}],
    "steps": [{"name": "land", "seconds": 2.5, "counts": {}}, {"name": "evaluate", "seconds": 7.25, "counts": {}}],
    "data": {"by_type": {"Observation": {"read": 10, "quarantined": 3}}},
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    publish_sweep(tmp_path, "one", [], MANIFEST)
    runs = Runs(tmp_path)
    runs.end(runs.begin("one", "main", "2026-06-30"), "published")
    return tmp_path


def values(text: str) -> dict[str, float]:
    lines = (re.fullmatch(r"(almoner_sweep_\S+) (\S+)", line) for line in text.splitlines())
    return {line[1].removeprefix("almoner_sweep_"): float(line[2]) for line in lines if line}


def test_durations_people_findings_and_the_last_success_are_told(state: Path) -> None:
    told = values(sweep_text(state).decode())
    assert told["last_success_timestamp_seconds"] == 1782786600
    assert (told["people"], told["people_flagged"], told["people_unknown"], told["last_run_failed"]) == (1200, 80, 90, 0)
    assert (told['step_seconds{step="land"}'], told['step_seconds{step="evaluate"}']) == (2.5, 7.25)
    assert (told['findings{rule="hunger",status="yes"}'], told['changes{change="new",rule="hunger"}']) == (41, 7)
    assert (told['quarantined{type="Observation"}'], told['outside_band{rule="hunger",status="yes"}']) == (3, 1)


def test_how_many_a_restricted_rule_finds_is_not_told(state: Path) -> None:
    assert "violence" not in sweep_text(state).decode()


def test_a_sweep_that_was_not_published_is_told_beside_the_last_success(state: Path) -> None:
    runs = Runs(state)
    runs.end(runs.begin("two", "main", "2026-07-01"), "refused", message="…")
    write_metrics(state)
    told = values((state / FILE).read_text())
    assert (told["last_run_failed"], told["people"]) == (1, 1200)


def test_the_web_process_tells_the_same_of_the_current_sweep(state: Path) -> None:
    client = application(state).test_client()
    assert values(client.get("/metrics").text) == values(sweep_text(state).decode())
    (state / "sweeps" / "one" / "manifest.json").write_text("{")
    assert values(client.get("/metrics").text) == {}
    assert "almoner_cds_calls" in client.get("/metrics").text


def test_before_the_first_sweep_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert sweep_text(tmp_path) == b""
