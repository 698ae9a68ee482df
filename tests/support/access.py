"""Pages behind accounts, and browsers of people who are signed in."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from plugin.access import Role, Scope
from plugin.access.accounts import Account, add
from plugin.access.web import EXTENSION, Access
from plugin.app import create_app
from plugin.runtime import Runtime
from plugin.settings import AccessSettings, CdsSettings, PlaygroundSettings, Settings
from plugin.store import Store
from plugin.sweep.published import Published
from rules.engines import engine
from rules.pack import BUILT_IN, load_packs

PASSWORD = "correct horse battery"  # noqa: S105 of accounts that exist in tests only
SHELL = Scope("shell", Role.SYSTEM)


@dataclass
class Clock:
    """A clock that tests turn."""

    now: datetime = field(default_factory=lambda: datetime(2026, 6, 30, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


class Browser(FlaskClient):
    """It asks for pages, as browsers do."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.environ_base["HTTP_ACCEPT"] = "text/html,application/xhtml+xml,*/*;q=0.8"


def site(state: Path, mode: str = "local", public_url: str | None = None, **access: Any) -> tuple[Flask, Clock]:
    """The whole application behind a door, and its clock."""
    settings = Settings(
        state=state,
        public_url=public_url,
        access=AccessSettings(mode=mode, **access),
        playground=PlaygroundSettings(enabled=True),
        cds=CdsSettings(preview=True),
    )
    app, clock = create_app(Runtime(settings, load_packs(BUILT_IN), engine("reference"), Published(state))), Clock()
    app.test_client_class = Browser
    made: Access = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = Access(settings, made.store, clock)
    return app, clock


def store_of(app: Flask) -> Store:
    found: Access = app.extensions[EXTENSION]
    return found.store


def account(store: Store, login: str, role: Role = Role.CARE_MANAGER, at: datetime | None = None, agency: str = "a1") -> Account:
    """A new account with the password of all tests; an agency's user is of ``agency``."""
    with store.write() as connection:
        of = agency if role is Role.AGENCY else None
        return add(connection, SHELL, login, login.title(), role, of, PASSWORD, at or datetime(2026, 6, 30, tzinfo=UTC))


def sign_in(app: Flask, login: str, password: str = PASSWORD, **more: Any) -> tuple[FlaskClient, TestResponse]:
    """A new browser, and the answer to its attempt."""
    browser = app.test_client()
    return browser, browser.post("/sign-in", data={"login": login, "password": password, **more})


def signed_in(app: Flask, role: Role, login: str = "", agency: str = "a1") -> FlaskClient:
    """The browser of somebody new who is signed in."""
    login = login or f"{role}-user"
    account(store_of(app), login, role, agency=agency)
    browser, answer = sign_in(app, login)
    assert answer.status_code == 303
    return browser


def token(browser: FlaskClient, path: str = "/account") -> str:
    """The token of the forms of a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', browser.get(path).text)
    assert found
    return found[1]
