"""Passwords that cost little: these tests make hundreds of them."""

from functools import partial

import pytest
from werkzeug.security import generate_password_hash

from plugin.access import accounts


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "generate_password_hash", partial(generate_password_hash, method="scrypt:1024:8:1"))
