"""Is the service that clinicians call still the one that was tested? Made-up people through it, over HTTP, with real tokens."""

import json
from pathlib import Path

import pytest
from support.almoner_server import almoner_server
from support.command_line import Ran, almoner

ISSUER = "https://almoner.hospital.example/canary"


def canary(url: str, *options: str) -> Ran:
    return almoner("cds", "canary", "--url", url, *options)


def test_a_client_with_tokens_is_checked_as_it_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own key set is that of a client of its own."""
    keys, jwks = tmp_path / "keys", tmp_path / "canary-jwks.json"
    monkeypatch.setenv("ALMONER_KEYS", str(keys))
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path / "state"))
    assert almoner("keys", "new").code == 0
    jwks.write_text(almoner("keys", "list", "--jwks").out)
    clients = {"epic": {"profile": "epic"}, "canary": {"profile": "generic", "issuer": ISSUER, "jwks_file": str(jwks)}}
    monkeypatch.setenv("ALMONER_CDS__CLIENTS", json.dumps(clients))
    monkeypatch.setenv("ALMONER_AS_OF", "2026-06-30")
    with almoner_server(tmp_path, "2026-06-30") as url:
        for _ in range(2):
            ran = canary(url, "--client", "canary")
            assert (ran.code, ran.out.splitlines()[-1]) == (0, "9 canaries as canary: all as it must be"), ran.err
        assert canary(url, "--client", "epic").code == 0, "the open client has topics of its own making"
        monkeypatch.setenv("ALMONER_KEYS", str(tmp_path / "other"))
        assert almoner("keys", "new").code == 0
        refused = canary(url, "--client", "canary")
        assert refused.code not in (0, 1)
        assert "401" in refused.err
