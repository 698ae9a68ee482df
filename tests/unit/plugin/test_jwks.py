"""The key set that servers fetch: public, short-lived in caches, current after every rotation."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from fhir_adapters.smart import KeyRing
from plugin.app import create_app
from plugin.runtime import build_runtime
from plugin.settings import Settings

URL = "/.well-known/jwks.json"
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    runtime = build_runtime(Settings(engine="reference", state=tmp_path, keys=tmp_path / "keys"))
    yield create_app(runtime).test_client()
    runtime.engine.close()


def test_there_are_no_keys_before_they_are_made(client: FlaskClient) -> None:
    assert client.get(URL).json == {"keys": []}


def test_the_set_follows_the_ring_without_a_restart(client: FlaskClient, tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys")
    made = [ring.new("ES384", NOW), ring.new("ES384", NOW), ring.new("RS384", NOW)]
    answer = client.get(URL)
    assert answer.json == ring.published()
    assert answer.json is not None
    assert [key["kid"] for key in answer.json["keys"]] == [entry.kid for entry in made]
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.mimetype == "application/json"
    ring.rotate("ES384", NOW, at_once=True)
    ring.retire(NOW, at_once=True)
    after = client.get(URL).json
    assert after is not None
    assert [key["kid"] for key in after["keys"]] == [entry.kid for entry in made[1:]]


def test_no_private_half_is_served(client: FlaskClient, tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys")
    ring.new("RS384", NOW), ring.new("ES384", NOW)
    served = client.get(URL).json
    assert served is not None
    assert not [name for key in served["keys"] for name in key if name in ("d", "p", "q", "dp", "dq", "qi", "k")]


def test_a_damaged_ring_is_an_error_without_detail(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "keys.json").write_text("{")
    answer = client.get(URL)
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
