"""Accounts as operators run them: several worker processes, real connections, one record of who did what."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from os import environ
from pathlib import Path

import pytest
import requests
from support.almoner_server import almoner_running
from support.databases import environment_of

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"  # noqa: S105
HTML = {"Accept": "text/html"}


def almoner(state: Path, *arguments: str, typed: str = "") -> str:
    env = environ | environment_of(state)
    done = subprocess.run([sys.executable, "-m", "plugin", *arguments], env=env, input=typed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_people_sign_in_at_one_worker_and_are_known_to_the_other(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert almoner(state, "account", "add", "ann", "--role", "analyst", typed=PASSWORD + "\n") == "ann may sign in as analyst\n"
    with almoner_running(tmp_path, "2026-06-30", ALMONER_ACCESS__MODE="local", ALMONER_ENGINE="reference") as running:

        def comes_and_goes(_: int) -> list[int]:
            with requests.Session() as browser:
                browser.headers.update(HTML)
                there = browser.get(f"{running.url}/sweeps", timeout=60)
                assert "password" in there.text
                sent = {"login": "ann", "password": PASSWORD, "next": "/account"}
                page = browser.post(f"{running.url}/sign-in", data=sent, timeout=60)
                found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
                assert found, page.status_code
                seen = [browser.get(f"{running.url}/sweeps", timeout=60, allow_redirects=False).status_code for _ in range(4)]
                forbidden = browser.get(f"{running.url}/people/x/1", timeout=60).status_code
                forged = browser.post(f"{running.url}/sign-out", data={"csrf": "0" * 64}, timeout=60).status_code
                browser.post(f"{running.url}/sign-out", data={"csrf": found[1]}, timeout=60)
                after = browser.get(f"{running.url}/sweeps", timeout=60, allow_redirects=False).status_code
                return [*seen, forbidden, forged, after]

        with ThreadPoolExecutor(4) as people:
            assert list(people.map(comes_and_goes, range(4))) == [[200, 200, 200, 200, 403, 403, 303]] * 4
        assert len(running.workers()) == 2
    assert almoner(state, "audit", "verify") == "the record is whole: 9 entries were made\n"
    assert almoner(state, "audit", "export").count('"resourceType":"AuditEvent"') == 9
    assert PASSWORD not in (tmp_path / "almoner.log").read_text()


def test_pages_of_a_trial_are_not_served_to_other_machines(tmp_path: Path) -> None:
    env = environ | environment_of(tmp_path) | {"ALMONER_CDS__ANONYMOUS": "true"}
    command = [sys.executable, "-m", "plugin", "serve", "--host", "0.0.0.0", "--port", "0"]  # noqa: S104
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "access.mode: open is for this machine only" in done.stderr
