"""A sweep from a server: exported, evaluated and published by one command, whatever stops it on the way."""

import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.bulk_server import BulkServer, bulk_server, status
from support.command_line import Ran, almoner_here
from support.ehr_server import Ehr
from support.pulling import exported
from support.sweeping import FIRST, SECOND, Sweeps, contents, current, sweep, town

from plugin.sweep.published import Published
from plugin.sweep.runs import Runs

pytestmark = pytest.mark.slow

PEOPLE = 10
KILLS = 6


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return town(tmp_path_factory.mktemp("town") / "fhir", PEOPLE)


@pytest.fixture
def server(people: Path) -> Iterator[BulkServer]:
    """Of wordy observations, so that their file is one for the fast road."""
    wordy = [r | ({"note": [{"text": "x" * 8000}]} if r["resourceType"] == "Observation" else {}) for r in resources(people)]
    with bulk_server(*exported(wordy, 500, packed=False)) as found:
        yield found


def resources(folder: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for file in sorted(folder.iterdir()) for line in file.read_bytes().splitlines()]


def described(folder: Path, base_url: str, **server: str) -> Path:
    file = folder / "almoner.yaml"
    file.write_text(json.dumps({"servers": {"main": {"base_url": base_url, **server}}}))
    return file


def swept(config: Path, state: Path, *more: str | Path) -> Ran:
    return almoner_here("sweep", "--source", "main", "--config", config, "--state", state, "--processes", "1", *more)


def findings(state: Path) -> list[str]:
    return (current(state) / "findings.ndjson").read_text(encoding="utf-8").splitlines()


def test_a_server_that_is_swept_says_what_its_files_say(people: Path, ehr: Ehr, tmp_path: Path) -> None:
    ehr.put(resources(people))
    folder, state = tmp_path / "of-files", tmp_path / "state"
    config = described(tmp_path, ehr.base_url, export="system")
    assert sweep(people, folder).code == 0
    ran = swept(config, state, "--as-of", FIRST.isoformat())
    assert ran.code == 0, ran.err
    assert findings(state) == findings(folder)
    manifest = Published(state).manifest()
    assert manifest is not None
    assert [step["name"] for step in manifest["steps"]] == ["pull", "land", "evaluate", "publish"]
    assert (manifest["people"], manifest["source"]) == (PEOPLE, "main (system)")
    born_again = next(r for r in resources(people) if r["resourceType"] == "Patient") | {"id": "somebody-new"}
    ehr.put([born_again])
    ran = swept(config, state, "--as-of", SECOND.isoformat())
    assert ran.code == 0, ran.err
    manifest = Published(state).manifest()
    assert manifest is not None
    assert manifest["people"] == PEOPLE + 1
    landed = {step["name"]: step["counts"] for step in manifest["steps"]}["land"]
    assert landed["lines"] < PEOPLE, "only what is new was read"


def test_a_file_is_read_while_the_server_makes_others(people: Path, server: BulkServer, tmp_path: Path) -> None:
    folder, state = tmp_path / "of-files", tmp_path / "state"
    assert sweep(people, folder).code == 0
    server.polls, server.partial, server.wait = 1, True, "1"
    staged: list[Path] = []

    def hook() -> None:
        """The export is not at its end before it is so."""
        staged[:] = staged or state.glob("pulls/*/.staged/*/account")
        if server.asked[-1][1].endswith("/status/job1") and not staged:
            server.polls += 1

    server.hook = hook
    ran = swept(described(tmp_path, server.base_url), state, "--export", "system", "--as-of", FIRST.isoformat())
    assert ran.code == 0, ran.err
    manifest = Published(state).manifest()
    assert manifest is not None
    assert {step["name"]: step["counts"] for step in manifest["steps"]}["land"]["read_beforehand"] == 1
    assert findings(state) == findings(folder)
    assert not list(state.glob("pulls/*/.staged")), "what was taken is not kept twice"


def test_what_a_server_withholds_is_unknown(people: Path, tmp_path: Path) -> None:
    with bulk_server(*exported(resources(people), 500)) as server:
        server.fail("Observation.1", *[status(400)] * 9)
        state = tmp_path / "state"
        ran = swept(described(tmp_path, server.base_url), state, "--export", "system", "--as-of", FIRST.isoformat())
        assert ran.code == 0, ran.err
    manifest = Published(state).manifest()
    assert manifest is not None
    assert {step["name"]: step["counts"] for step in manifest["steps"]}["pull"]["withheld_types"] == 1
    assert manifest["data"]["not_loaded"]["observations"]
    assert manifest["unknown"] == PEOPLE


def test_who_is_exported_must_be_said_rightly(tmp_path: Path) -> None:
    ran = swept(described(tmp_path, "https://example.org/fhir"), tmp_path / "state", "--export", "everybody")
    assert (ran.code, "patient, system, group/ID, or search" in ran.err) == (3, True), ran.err
    ran = swept(described(tmp_path, "https://example.org/fhir", vendor="athenahealth"), tmp_path / "state", "--export", "group/")
    assert ran.code == 3


def test_an_export_that_was_begun_for_other_rules_is_ended_first(people: Path, server: BulkServer, tmp_path: Path) -> None:
    state, config = tmp_path / "state", described(tmp_path, server.base_url, export="patient")
    server.fail("status", *[status(400)] * 9)
    ran = swept(config, state, "--as-of", FIRST.isoformat(), "--packs", "rules/packs/whole-person/rules/phq9-no-follow-up.yaml")
    assert ran.code == 4, ran.err
    assert [run.status for run in Runs(state).latest()] == ["failed"]
    server.faults.clear()
    assert swept(config, state, "--as-of", FIRST.isoformat()).code == 0
    assert len({each["_type"][0] for each in server.kicked}) > 1


def test_a_sweep_that_is_killed_while_the_server_exports_goes_on(server: BulkServer, tmp_path: Path, root: Path) -> None:
    undisturbed, state = tmp_path / "undisturbed", tmp_path / "state"
    draw = random.Random(1895)  # noqa: S311 a test is to be repeatable
    more = ["--export", "system"]
    with Sweeps(server.base_url, root, *more) as sweeps:
        assert sweeps.run(undisturbed) == 0
        expected, asked = contents(current(undisturbed)), len(server.kicked)
        killed = [sweeps.run(state, draw.randrange(1, 60)) for _ in range(KILLS)]
        assert -signal.SIGKILL in killed
        while sweeps.run(state) != 0:
            pass
        assert contents(current(state)) == expected
        assert len(server.kicked) <= asked + 3, "what was begun is not asked for again each time"
