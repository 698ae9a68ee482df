"""An application with two people on its list and a directory, behind accounts; and programs that call it."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from support.access import store_of
from support.api import Program, program
from support.outreach import REFERS, person, published
from support.worklist import AS_OF
from werkzeug.security import generate_password_hash

from fhir_adapters.synthetic import write_agencies
from plugin.access import Role, accounts
from plugin.app import create_app
from plugin.outreach.taking import take
from plugin.runtime import Runtime
from plugin.settings import AccessSettings, CdsSettings, Settings
from plugin.store import Store, open_store
from plugin.store.versions import ready
from plugin.sweep.published import Published
from rules.engines import engine
from rules.pack import BUILT_IN, load_packs

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "generate_password_hash", partial(generate_password_hash, method="scrypt:1024:8:1"))


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    state = tmp_path / "state"
    store = ready(open_store(f"sqlite:///{state / 'almoner.db'}"))
    people = [
        person("a", {REFERS: "yes", "unsafe-home": "yes"}, name="Ann Lee", language="es"),
        person("b", {"screening-overdue": "yes", "damp-home": "unknown"}, name="Bo Ray"),
    ]
    take(store, published(state, "s1", people), AS_OF, clock=lambda: NOON)
    store.close()
    write_agencies(tmp_path / "directory", 7, AS_OF)
    settings = Settings(
        state=state,
        as_of=AS_OF,
        access=AccessSettings(mode="local"),
        cds=CdsSettings(directory=(f"town={tmp_path / 'directory'}",)),
    )
    return create_app(Runtime(settings, load_packs(BUILT_IN), engine("reference"), Published(state)))


@pytest.fixture
def store(app: Flask) -> Store:
    return store_of(app)


@pytest.fixture
def staff(app: Flask) -> Program:
    """With the token of a care manager."""
    return program(app, Role.CARE_MANAGER, "ann")
