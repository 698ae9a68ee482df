"""An application with two people on its list, behind accounts, and a program that calls it."""

from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from support.access import store_of
from support.api import Program, program, town
from werkzeug.security import generate_password_hash

from plugin.access import Role, accounts
from plugin.store import Store


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "generate_password_hash", partial(generate_password_hash, method="scrypt:1024:8:1"))


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return town(tmp_path)


@pytest.fixture
def store(app: Flask) -> Store:
    return store_of(app)


@pytest.fixture
def staff(app: Flask) -> Program:
    """With the token of a care manager."""
    return program(app, Role.CARE_MANAGER, "ann")
