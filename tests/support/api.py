"""A program that calls the API with a token, and holds every answer against the OpenAPI document."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jsonschema_rs import Draft202012Validator
from support.access import SHELL, account, store_of
from support.databases import database_of
from support.outreach import REFERS, person, published
from support.worklist import AS_OF
from werkzeug.test import TestResponse

from fhir_adapters.synthetic import write_agencies
from plugin.access import Role
from plugin.access.accounts import find
from plugin.access.tokens import make
from plugin.app import create_app
from plugin.openapi.views import document
from plugin.outreach.taking import take
from plugin.runtime import Runtime
from plugin.settings import AccessSettings, CdsSettings, Settings
from plugin.store import Store, open_store
from plugin.store.versions import ready
from plugin.sweep.published import Published
from rules.engines import engine
from rules.pack import BUILT_IN, load_packs

Json = dict[str, Any]
PATH = "/api/v1"
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


def town(folder: Path) -> Flask:
    """An application behind accounts, with two people on its list and a directory of agencies."""
    state = folder / "state"
    store = ready(open_store(database_of(state)))
    people = [
        person("a", {REFERS: "yes", "unsafe-home": "yes"}, name="Ann Lee", language="es"),
        person("b", {"screening-overdue": "yes", "damp-home": "unknown"}, name="Bo Ray"),
    ]
    take(store, published(state, "s1", people), AS_OF, clock=lambda: NOON)
    store.close()
    write_agencies(folder / "directory", 7, AS_OF)
    settings = Settings(
        state=state,
        as_of=AS_OF,
        access=AccessSettings(mode="local"),
        cds=CdsSettings(directory=(f"town={folder / 'directory'}",)),
    )
    return create_app(Runtime(settings, load_packs(BUILT_IN), engine("reference"), Published(state)))


def token_of(store: Store, login: str, at: datetime, days: int = 30, name: str = "") -> str:
    """A new token of an account that there is."""
    with store.write() as connection:
        found = find(connection, login)
        assert found is not None
        return make(connection, SHELL, found, name, timedelta(days=days), at)


def program(app: Flask, role: Role = Role.CARE_MANAGER, login: str = "", agency: str = "a1", at: datetime | None = None) -> "Program":
    """A program with the token of somebody new."""
    login = login or f"{role}-program"
    account(store_of(app), login, role, agency=agency)
    return Program(app.test_client(), token_of(store_of(app), login, at or datetime.now(UTC)))


@dataclass
class Program:
    """It sends its token with every call."""

    client: FlaskClient
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """``path`` is below ``/api/v1``; a header's name has ``_`` for ``-``."""
        sent = {"Authorization": f"Bearer {self.token}"} | self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.client.open(PATH + path, method=method.upper(), json=body, headers=sent)
        assert_as_described(method, PATH + path.partition("?")[0], answer)
        return answer

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.call("get", path, **headers)

    def read(self, path: str) -> Json:
        """What stands there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        assert isinstance(answer.json, dict)
        return answer.json

    def ask(self, path: str, body: Any = None) -> TestResponse:
        """Post what changes nothing."""
        return self.call("post", path, body)

    def do(self, path: str, version: int | str, body: Any = None, key: str | None = None) -> TestResponse:
        """A deed on what was seen, with a new key unless one is given."""
        seen = f'"{version}"' if isinstance(version, int) else version
        return self.call("post", path, body, If_Match=seen, Idempotency_Key=key or str(uuid.uuid4()))


def assert_as_described(method: str, path: str, answer: TestResponse) -> None:
    """The status, the media type, the headers and the body are what the document says."""
    operation = operation_of(method, path)
    if operation is None:
        return
    assert str(answer.status_code) in operation["responses"], (method, path, answer.status_code, answer.text)
    told = resolved(operation["responses"][str(answer.status_code)])
    assert set(told.get("headers", ())) <= set(answer.headers.keys())
    if "content" not in told:
        assert not answer.data
        return
    ((media, content),) = told["content"].items()
    assert answer.mimetype == media
    validator(str(content["schema"]["$ref"])).validate(answer.json)


def operation_of(method: str, path: str) -> Json | None:
    """What the document says of a call; ``None``: it says nothing of such an address, or of such a method."""
    plainest_first = sorted(document(None)["paths"].items(), key=lambda each: str(each[0]).count("{"))  # as OpenAPI reads them
    for told, item in plainest_first:
        if re.fullmatch(re.sub(r"\{[a-z]+\}", "[^/]+", told), path) and method in item:
            found: Json = item[method]
            return found
    return None


def resolved(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What stands at a reference, if it is one."""
    found: Any = told
    while "$ref" in found:
        place, found = found["$ref"], document(None)
        for name in place.removeprefix("#/").split("/"):
            found = found[name]
    return dict(found)


@cache
def validator(reference: str) -> Draft202012Validator:
    """Of a schema of the document; formats count."""
    return Draft202012Validator({"$ref": reference, "components": document(None)["components"]}, validate_formats=True)
