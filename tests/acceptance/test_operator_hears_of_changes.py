"""An operator subscribes to a server: a change there has the person evaluated again, and an outage loses nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import almoner_here as almoner
from support.ehr_server import Ehr, ehr_server, peer_python
from support.hand_made import HAND_MADE
from support.serving_app import serving_app

from plugin.app import create_app
from plugin.runtime import build_runtime
from plugin.settings import Settings
from plugin.sweep.fresh import Fresh

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    python = peer_python()
    if python is None:
        pytest.skip("no sekmet-fhir here: make peer, or set ALMONER_PEER_PYTHON")
    with ehr_server(python, tmp_path_factory.mktemp("ehr")) as server:
        server.put(HAND_MADE)
        yield server


@pytest.fixture
def config(ehr: Ehr, tmp_path: Path) -> Iterator[Path]:
    """The settings file of an Almoner that is serving."""
    state = tmp_path / "state"
    file = tmp_path / "almoner.yaml"
    with serving_app(create_app(build_runtime(Settings(state=state, engine="reference")))) as address:
        settings = {
            "state": str(state),
            "as_of": "2026-06-30",
            "engine": "reference",
            "public_url": address,
            "servers": {"main": {"base_url": ehr.base_url}},
        }
        file.write_text(json.dumps(settings))
        yield file


def test_a_change_has_the_person_evaluated_again(ehr: Ehr, config: Path) -> None:
    added = almoner("subscription", "add", "goals", "--server", "main", "--search", "Goal?patient=ann", "--config", config)
    assert (added.code, "goals: Subscription/" in added.out) == (0, True)
    assert "nothing heard yet" in almoner("subscription", "list", "--config", config).out
    goal = next(r for r in HAND_MADE if r["resourceType"] == "Goal" and r["id"] == "ann-g")
    ehr.put([goal | {"lifecycleStatus": "on-hold"}])
    for _ in range(100):
        worked = almoner("subscription", "work", "--once", "--config", config)
        assert worked.code == 0, worked.err
        if "people evaluated again" in worked.out:
            break
    assert Fresh(config.parent / "state").of("ann") is not None
    assert "0 changes put off" in worked.out
    assert almoner("subscription", "work", "--once", "--config", config).out == ""


def test_without_an_address_servers_cannot_reach_us(config: Path) -> None:
    told = {name: value for name, value in json.loads(config.read_text()).items() if name != "public_url"}
    config.write_text(json.dumps(told))
    ran = almoner("subscription", "add", "x", "--server", "main", "--search", "Goal", "--config", config)
    assert ran.code == 3
    assert "public_url" in ran.err


def test_a_classic_subscription_has_one_search(config: Path) -> None:
    ran = almoner("subscription", "add", "x", "--server", "main", "--search", "Goal", "--search", "Task", "--config", config)
    assert ran.code == 2
    assert "one search" in ran.err
