"""Settings that would let anybody in whom nobody meant to let in keep the service from starting, with what to do about it."""

from pathlib import Path
from typing import Any

import pytest
from support.cds_tokens import ISSUER, JWKS_URL

from plugin.cds.clients.client import clients
from plugin.cds.trust import check, listens_on_loopback
from plugin.cds.trust.exposure import problems
from plugin.errors import SettingsUnreadable
from plugin.settings import CdsSettings, Settings

EVERYWHERE = "0.0.0.0"  # noqa: S104 what the test is about
EPIC: dict[str, Any] = {"issuer": ISSUER, "jwks_url": JWKS_URL, "fhir_servers": (ISSUER,)}


def settings(host: str = "127.0.0.1", public_url: str | None = "https://almoner.example", **cds: Any) -> Settings:
    return Settings(host=host, public_url=public_url, cds=CdsSettings.model_validate(cds))


def said(found: Settings) -> list[str]:
    return list(problems(found, clients(found)))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_an_open_service_may_listen_to_this_machine(host: str) -> None:
    found = settings(host)
    assert listens_on_loopback(found)
    check(found, clients(found))


@pytest.mark.requirement("cds-hooks_2.0@177")
@pytest.mark.parametrize("host", [EVERYWHERE, "::", "10.1.2.3", "almoner.example"])
def test_an_open_service_does_not_start_where_others_can_call(host: str) -> None:
    found = settings(host)
    assert not listens_on_loopback(found)
    with pytest.raises(SettingsUnreadable) as wrong:
        check(found, clients(found))
    for word in (host, "issuer", "127.0.0.1", "cds.anonymous: true"):
        assert word in str(wrong.value)
    check(settings(host, anonymous=True), clients(settings(host, anonymous=True)))


def test_one_open_client_among_others_counts(tmp_path: Path) -> None:
    found = {"epic": EPIC, "trial": {}}
    assert said(settings(clients=found)) == []
    assert len(said(settings(EVERYWHERE, clients=found))) == 1
    assert said(settings(EVERYWHERE, clients={"epic": EPIC})) == []


def test_two_open_clients_cannot_be_told_apart() -> None:
    assert "nothing would tell them apart" in said(settings(clients={"a": {}, "b": {}}))[0]


@pytest.mark.parametrize("more", [{}, {"anonymous": True}])
def test_a_client_whose_private_key_is_public_is_for_this_machine_only(more: dict[str, Any]) -> None:
    sandbox = {"sandbox": {"profile": "sandbox"}}
    assert said(settings(clients=sandbox, **more)) == []
    (found,) = said(settings(EVERYWHERE, clients=sandbox, **more))
    assert found.startswith("cds.clients.sandbox: the private key of the sandbox is published")


def test_issuer_and_tenant_must_name_one_client() -> None:
    two = {"a": EPIC, "b": EPIC}
    assert said(settings(clients=two)) == [f"cds.clients: 2 have the issuer {ISSUER} and no tenant; give each a tenant of its own"]
    assert said(settings(clients={"a": EPIC | {"tenant": "x"}, "b": EPIC | {"tenant": "y"}, "c": EPIC})) == []


def test_a_client_with_tokens_needs_keys_and_a_name_for_us() -> None:
    assert "jwks_url or jwks_file" in said(settings(clients={"a": EPIC | {"jwks_url": None}}))[0]
    for url in ("http://ehr.example/jwks.json", "https://u:secret@ehr.example/jwks.json"):
        (found,) = said(settings(clients={"a": EPIC | {"jwks_url": url}}))
        assert "over https only" in found
        assert "secret" not in found
    assert said(settings(clients={"a": EPIC | {"ca_file": "gone.pem"}})) == ["cds.clients.a.ca_file: there is no such file"]
    assert "audience, or public_url" in said(settings(EVERYWHERE, None, clients={"a": EPIC}))[0]
    assert said(settings(EVERYWHERE, None, clients={"a": EPIC | {"audience": ("https://gate.example",)}})) == []
    assert "no address for a token" in said(settings(clients={"a": EPIC | {"audience": ("gate.example",)}}))[0]


def test_lists_hold_only_what_can_match() -> None:
    found = said(settings(clients={"a": EPIC | {"fhir_servers": ("http://u:secret@ehr.example/fhir",), "allowed_origins": ("*",)}}))
    assert len(found) == 2
    assert found[0].startswith("cds.clients.a.fhir_servers: ehr.example/fhir would never be read")
    assert found[1].startswith("cds.clients.a.allowed_origins: * is no origin")
    assert len(said(settings(fhir_servers=("http://ehr.example",)))) == 1


def test_names_have_room_in_the_memory_of_tokens() -> None:
    assert "64 characters at most" in said(settings(clients={"x" * 65: EPIC}))[0]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = settings(EVERYWHERE, clients={"a": {}, "b": {}, "s": {"profile": "sandbox"}})
    with pytest.raises(SettingsUnreadable) as found:
        check(wrong, clients(wrong))
    assert str(found.value).count("\n- ") == 3
