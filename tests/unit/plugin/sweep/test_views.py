"""The pages about sweeps."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from support.worklist import SWEEP, application, publish

from plugin.sweep.runs import Run, Runs
from rules.pack import BUILT_IN, load_packs

TAG = re.compile(r"<[^>]+>")
RESULT = {"people": 1200, "flagged": 80, "unknown": 90, "differences": {"new": 7, "still": 73, "resolved": 5}}


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return application(tmp_path).test_client()


def text(client: FlaskClient, path: str, status: int = 200) -> str:
    """What a page says, without its tags and with single spaces."""
    response = client.get(path)
    assert response.status_code == status
    return " ".join(html.unescape(TAG.sub(" ", response.text)).split())


def change(state: Path, **fields: object) -> None:
    """Change what the manifest of the published sweep says."""
    path = state / "sweeps" / SWEEP / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_before_the_first_run_the_page_says_what_to_do(client: FlaskClient) -> None:
    assert "almoner sweep --source DIR" in text(client, "/sweeps")


def test_runs_are_told_the_latest_first_with_what_came_of_them(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [])
    runs = Runs(tmp_path)
    runs.end(runs.begin(SWEEP, "ehr", "2026-06-30"), "published", result=RESULT)
    runs.end(runs.begin("second", "ehr", "2026-07-01"), "refused", message="700 people, after 1,200 in the last sweep <b>")
    killed = runs.begin("third", "ehr", "2026-07-02")
    runs.begin(killed.sweep, "ehr", "2026-07-02")
    said = text(client, "/sweeps")
    assert said.index("running at the 2. try") < said.index("✕ refused") < said.index("✓ published")
    assert "700 people, after 1,200 in the last sweep <b>" in said
    assert "1,200 80 7 73 5 0 0" in said
    runs.begin("fourth", "ehr", "2026-07-03")
    assert [(run.sweep, run.status) for run in runs.latest()][:2] == [("fourth", "running"), ("third", "stopped")]


def test_a_record_that_cannot_be_read_is_left_out(tmp_path: Path, client: FlaskClient) -> None:
    Runs(tmp_path).begin("one", "ehr", "2026-06-30")
    (tmp_path / "runs" / "two.json").write_text('{"sweep": 1')
    assert [run.sweep for run in Runs(tmp_path).latest()] == ["one"]
    assert "running" in text(client, "/sweeps")


def test_records_do_not_grow_for_ever(tmp_path: Path) -> None:
    runs, run = Runs(tmp_path), Run("r", "ehr", "2026-06-30", "2026-06-30T00:00:00+00:00")
    runs.begin("first", "ehr", "2026-06-30")
    for number in range(250):
        runs.keep(replace(run, sweep=f"r{number}", status="published"))
    runs.begin("last", "ehr", "2026-06-30")
    assert len(list((tmp_path / "runs").iterdir())) <= 201


def test_a_sweep_tells_what_changed_by_rule_but_not_of_restricted_ones(tmp_path: Path) -> None:
    (pack,) = load_packs(BUILT_IN)
    rules = pack.document.rules
    hidden = replace(pack, document=replace(pack.document, rules=(replace(rules[0], restricted=True), *rules[1:])))
    client = application(tmp_path, (hidden,)).test_client()
    publish(tmp_path, [])
    names = [rule.id.text for rule in rules[:2]]
    counts = {name: {"yes": 40 + number, "unknown": 4} for number, name in enumerate(names)}
    changes = {name: {"new": 31, "still": 9, "resolved": 2, "became unknown": 1, "left": 3} for name in names}
    change(tmp_path, findings_by_rule=counts, differences=changes, forecast={names[1]: 17}, flagged=81, unknown=8)
    said = text(client, f"/sweeps/{SWEEP}")
    assert f"{rules[1].title} 41 4 31 9 2 1 3 17" in said
    assert f"{rules[0].title} restricted: not on a shared list" in said


def test_the_quarantine_is_browsed_by_type_and_reason(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [])
    kinds = [("Observation", "not a date", 150), ("Goal", "missing", 1)]
    data = {"by_type": {}, "not_loaded": {}, "notes": [], "quarantine": [{"type": t, "reason": r, "count": n} for t, r, n in kinds]}
    change(tmp_path, data=data)
    entries = [{"resource_type": t, "id": f"{t}{i:03}", "path": "x.y", "reason": r} for t, r, n in kinds for i in range(n)]
    (tmp_path / "sweeps" / SWEEP / "quarantine.ndjson").write_text("".join(json.dumps(e) + "\n" for e in entries))
    assert "Observation not a date 150" in text(client, f"/sweeps/{SWEEP}")
    first = text(client, f"/sweeps/{SWEEP}/quarantine?type=Observation&reason=not a date")
    assert ("150 defects" in first, "Observation/Observation099" in first, "Observation100" in first) == (True, True, False)
    second = text(client, f"/sweeps/{SWEEP}/quarantine?type=Observation&reason=not a date&page=2")
    assert ("Observation100" in second, "Observation149" in second, "Next" in second) == (True, True, False)
    assert "Goal/Goal000 x.y missing" in text(client, f"/sweeps/{SWEEP}/quarantine?type=Goal")


@pytest.mark.parametrize("path", ["/sweeps/none", "/sweeps/..", "/sweeps/%2e%2e", "/sweeps/none/quarantine", "/sweeps/a%2fb"])
def test_a_sweep_that_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code in (404, 308)
    assert "No such" in text(client, "/sweeps/none", 404)
