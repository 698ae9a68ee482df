"""The life of our keys: a server never meets a signature by a key that it could not have seen."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fhir_adapters.connections import Client, KeySource
from fhir_adapters.errors import KeyUnusable
from fhir_adapters.smart import KeyRing, NotYet
from fhir_adapters.smart.keys import thumbprint
from fhir_adapters.smart.ring import PUBLISHED_FIRST, PUBLISHED_STILL

T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
BEFORE, MOMENT = timedelta(hours=3), timedelta(seconds=1)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


def states(ring: KeyRing) -> list[str]:
    return [entry.state for entry in ring.entries()]


def published(ring: KeyRing) -> list[str]:
    return [key["kid"] for key in ring.published()["keys"]]


def test_the_first_key_signs_at_once_and_the_second_waits(ring: KeyRing) -> None:
    assert published(ring) == []
    first, second = ring.new("ES384", T0), ring.new("ES384", T0)
    assert (first.state, second.state) == ("current", "next")
    assert published(ring) == [first.kid, second.kid]
    assert ring.signing().kid == first.kid
    with pytest.raises(NotYet, match="there is a next ES384 key already"):
        ring.new("ES384", T0)


def test_a_key_signs_only_after_servers_can_have_seen_it(ring: KeyRing) -> None:
    first, second = ring.new("ES384", T0), ring.new("ES384", T0)
    with pytest.raises(NotYet, match="published for 59 min of 60 min"):
        ring.rotate("ES384", T0 + PUBLISHED_FIRST - MOMENT)
    assert states(ring) == ["current", "next"]
    assert ring.rotate("ES384", T0 + PUBLISHED_FIRST).kid == second.kid
    assert states(ring) == ["retired", "current"]
    assert published(ring) == [first.kid, second.kid], "assertions by the old key are still on their way"
    assert ring.signing().kid == second.kid


def test_a_retired_key_goes_once_its_last_assertion_has_expired(ring: KeyRing, tmp_path: Path) -> None:
    first, second = ring.new("ES384", T0), ring.new("ES384", T0)
    ring.rotate("ES384", T0, at_once=True)
    assert ring.retire(T0 + PUBLISHED_STILL - MOMENT) == ()
    (gone,) = ring.retire(T0 + PUBLISHED_STILL)
    assert gone.kid == first.kid
    assert published(ring) == [second.kid]
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == sorted([f"{second.kid}.pem", "keys.json"])


def test_a_leaked_key_can_be_replaced_without_waiting(ring: KeyRing) -> None:
    ring.new("ES384", T0), ring.new("ES384", T0)
    ring.rotate("ES384", T0, at_once=True)
    assert len(ring.retire(T0, at_once=True)) == 1
    assert states(ring) == ["current"]


def test_without_a_next_key_there_is_nothing_to_rotate_to(ring: KeyRing) -> None:
    ring.new("ES384", T0)
    with pytest.raises(NotYet, match="almoner keys new makes and publishes one"):
        ring.rotate("ES384", T0 + BEFORE)


def test_each_algorithm_has_a_row_of_its_own(ring: KeyRing) -> None:
    elliptic, rsa = ring.new("ES384", T0), ring.new("RS384", T0)
    assert states(ring) == ["current", "current"]
    assert (ring.signing("ES384").kid, ring.signing("RS384").kid) == (elliptic.kid, rsa.kid)
    with pytest.raises(KeyUnusable, match="current keys of several algorithms"):
        ring.signing()
    ring.new("RS384", T0)
    ring.rotate("RS384", T0, at_once=True)
    assert states(ring) == ["current", "retired", "current"]


def test_a_rotation_is_noticed_by_who_signs_already(ring: KeyRing, tmp_path: Path) -> None:
    first, second = ring.new("ES384", T0), ring.new("ES384", T0)
    source = KeySource(Client("almoner", str(tmp_path / "keys")))
    assert source().kid == first.kid
    ring.rotate("ES384", T0, at_once=True)
    assert source().kid == second.kid


def test_only_the_owner_can_read_the_files_and_the_set_holds_public_halves_only(ring: KeyRing, tmp_path: Path) -> None:
    ring.new("ES384", T0), ring.new("RS384", T0)
    folder = tmp_path / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    allowed = {"kty", "kid", "alg", "use", "key_ops"}
    keys = ring.published()["keys"]
    assert [set(key) - allowed for key in keys] == [{"crv", "x", "y"}, {"n", "e"}]
    assert [entry.fingerprint for entry in ring.entries()] == [thumbprint(key) for key in keys]
    assert '"d"' not in (folder / "keys.json").read_text()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": [{"kid": "a"}]}', '{"keys": 3}'])
def test_a_damaged_ring_is_told(ring: KeyRing, tmp_path: Path, text: str) -> None:
    ring.new("ES384", T0)
    (tmp_path / "keys" / "keys.json").write_text(text)
    with pytest.raises(KeyUnusable, match=r"keys\.json cannot be read"):
        ring.entries()


def test_an_empty_ring_says_how_to_make_a_key(ring: KeyRing, tmp_path: Path) -> None:
    ring.new("ES384", T0)
    (tmp_path / "keys" / "keys.json").write_text(json.dumps({"keys": []}))
    with pytest.raises(KeyUnusable, match="no current RS384 key: almoner keys new makes one"):
        ring.signing("RS384")
