"""What the application counts: how calls ended, what became of advice, how long it took; of nobody."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from flask.testing import FlaskClient
from support.almoner_server import almoner_server
from support.cds_calls import AS_OF, SERVICE_ID, hook_call, prefetch
from support.worklist import application

URL: Final = f"/cds-services/{SERVICE_ID}"


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return application(tmp_path).test_client()


def value(text: str, name: str, **labels: str) -> float:
    wanted = {f'{key}="{said}"' for key, said in labels.items()}
    lines = (re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line) for line in text.splitlines())
    return sum(float(line[2]) for line in lines if line and wanted <= set((line[1] or "").split(",")))


def test_calls_cards_and_steps_are_counted(client: FlaskClient) -> None:
    before = client.get("/metrics").text
    client.post(URL, json=hook_call(prefetch()))
    client.post(URL, json=hook_call())
    after = client.get("/metrics").text

    def more(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert more("almoner_cds_calls_total", client="open", hook="patient-view", end="answered") == 1
    assert more("almoner_cds_calls_total", client="open", hook="patient-view", end="undecided") == 1
    assert more("almoner_cds_cards_total", client="open", rule="diabetes-food-insecurity", state="returned") == 1
    assert more("almoner_cds_seconds_count", step="evaluate") == 1


def test_trouble_is_counted(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    before = client.get("/metrics").text
    monkeypatch.setattr("plugin.cds.service.consider", broken)
    client.post(URL, json=hook_call(prefetch()))
    assert (
        value(client.get("/metrics").text, "almoner_cds_calls_total", end="failed")
        == value(before, "almoner_cds_calls_total", end="failed") + 1
    )


def test_other_machines_do_not_see_them_unless_allowed(client: FlaskClient) -> None:
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404


@pytest.mark.slow
def test_workers_count_together(tmp_path: Path) -> None:
    with almoner_server(tmp_path, AS_OF) as url:
        for number in range(12):
            call = hook_call(prefetch())
            call["context"] |= {"encounterId": f"e{number}", "userId": f"Practitioner/{number}"}
            requests.post(f"{url}{URL}", json=call, timeout=30)
        text = requests.get(f"{url}/metrics", timeout=30).text
    assert value(text, "almoner_cds_calls_total", end="answered") == 12
    assert "p1" not in re.findall(r'"([^"]*)"', text)
