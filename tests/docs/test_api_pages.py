"""The pages about the API: the reference is what the OpenAPI document says now, and the calls of the how-to work as it shows them."""

import re
import shlex
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from support.api import Program, program, town
from support.api_page import FILE, page
from support.outreach import REFERS
from werkzeug.test import TestResponse

HOW_TO = "docs/how-to/call-the-api.md"


def test_the_reference_is_current() -> None:
    """Otherwise: make docs."""
    assert FILE.read_text(encoding="utf-8") == page()


def commands(root: Path) -> list[str]:
    return re.findall(r"^\$ (curl .+)$", (root / HOW_TO).read_text(encoding="utf-8"), re.MULTILINE)


def run(client: FlaskClient, command: str) -> TestResponse:
    """As curl understands it, as far as the page uses it."""
    method, path, body = "GET", "", None
    headers: dict[str, str] = {}
    words = iter(shlex.split(command)[1:])
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "--json":
            method, body = "POST", next(words)
            headers["Content-Type"] = "application/json"
        elif word != "-i":
            path = word
    return client.open(path, method=method, headers=headers, data=body)


@pytest.fixture
def staff(tmp_path: Path) -> Program:
    return program(town(tmp_path))


def test_its_commands_do_what_it_says(staff: Program, root: Path) -> None:
    conversation = staff.read("/conversations?sort=priority")["items"][0]
    listing = str(staff.ask(f"/conversations/{conversation['id']}/offers/{REFERS}/candidates").json["items"][0]["listing"])  # type: ignore[index]
    version = conversation["version"]
    known = {"$TOKEN": staff.token, "$ALMONER": "", "$ID": conversation["id"], "$RULE": REFERS, "town#HealthcareService/7": listing}
    statuses = []
    for command in commands(root):
        for name, value in known.items():
            command = command.replace(name, value)
        answer = run(staff.client, re.sub(r'"3(-\w+)?"', f'"{version}"', command))
        statuses.append(answer.status_code)
        version += answer.is_json and "attempt" in command
    assert statuses == [200, 200, 200, 200, 200, 200, 400]
