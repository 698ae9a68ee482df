"""FHIR servers in the settings: several side by side, secrets by name only, and what the packs need of each."""

from pathlib import Path
from typing import Any

import pytest
from support.faulty_ehr import serving
from support.smart_keys import ec_key, pem, private_file, secrets_of

from fhir_adapters.connections import Client, Connection
from fhir_adapters.errors import EhrUnavailable
from plugin.cli.options import settings as read_settings
from plugin.errors import SettingsUnreadable, UnknownServer
from plugin.servers.needs import Need, letters, needs
from plugin.servers.opening import connection, open_server, public_keys
from plugin.settings import ServerSettings, Settings
from rules.pack import BUILT_IN, load_packs


def settings(**servers: dict[str, Any]) -> Settings:
    return Settings(servers={name: ServerSettings(**each) for name, each in servers.items()})


def test_the_example_describes_several_servers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_CONFIG", str(root / "config" / "servers.yaml"))
    found = {name: connection(Settings(), name) for name in Settings().servers}
    assert found["main"] == Connection(
        "main",
        "https://fhir.hospital.example/r4",
        tenant="main",
        client=Client("the id that the registration gave", "keys", algorithm="RS384"),
        vendor="eclinicalworks",
        at_once=2,
    )
    assert [found[name].tenant for name in ("north", "south")] == ["north", "south"]
    assert found["partner"].certificate == (Path("certificates/almoner.pem"), Path("secrets/almoner.key"))
    assert found["partner"].write == ("ServiceRequest", "Task")
    assert found["sandbox"].client is None


def test_the_profile_of_the_vendor_decides_where_the_settings_say_nothing() -> None:
    base = {"base_url": "https://a.example", "vendor": "eclinicalworks"}
    found = settings(usual=base, own=base | {"per_minute": 30, "at_once": 1})
    assert [connection(found, name).rate() for name in found.servers] == [(4, 200), (1, 30)]


def test_a_vendor_is_sent_the_headers_that_it_expects() -> None:
    with serving() as server:
        found = settings(
            new={"base_url": server.base_url, "vendor": "epic"},
            known={"base_url": server.base_url, "vendor": "epic", "client_id": "us"},
        )
        for name in found.servers:
            open_server(found, name, ()).anonymous.get("Goal")
        assert [headers.get("Epic-Client-ID") for _, headers in server.asked] == [None, "us"]


def test_a_server_can_be_described_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_SERVERS__MAIN__BASE_URL", "https://ehr.example/r4")
    monkeypatch.setenv("ALMONER_SERVERS__MAIN__CLIENT_ID", "almoner")
    found = connection(Settings(), "main")
    assert (found.base_url, found.client) == ("https://ehr.example/r4", Client("almoner", "keys"))


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownServer, match=r"no server 'mian'; there are: main, other did you mean 'main'\?"):
        connection(settings(main={"base_url": "https://a.example"}, other={"base_url": "https://b.example"}), "mian")
    with pytest.raises(UnknownServer, match="describe it under servers:"):
        connection(settings(), "main")


def test_a_key_in_the_settings_is_refused_and_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_SERVERS__MAIN__BASE_URL", "https://ehr.example/r4")
    monkeypatch.setenv("ALMONER_SERVERS__MAIN__KEY", pem(ec_key()).decode())
    with pytest.raises(SettingsUnreadable, match=r"servers\.main\.key: .*the settings hold no keys: name a file") as refused:
        read_settings(None)
    assert not [secret for secret in secrets_of(ec_key()) if secret in repr(refused.getrepr(style="long"))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("servers: {main: {base_url: 'https://a.example', at_once: 0}}", r"servers\.main\.at_once"),
        ("servers: {main: {base_url: 'https://a.example', vendor: epik}}", r"no such profile; there are: .*epic, generic"),
        ("servers: {main: {}}", r"servers\.main\.base_url: Field required"),
        ("servers: {main: {base_url: 'https://a.example', secret: x}}", r"servers\.main\.secret: Extra inputs"),
        ("servers: [", "is the file YAML"),
    ],
)
def test_wrong_settings_are_told_by_name(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_CONFIG", "")
    file = tmp_path / "almoner.yaml"
    file.write_text(text)
    with pytest.raises(SettingsUnreadable, match=message):
        read_settings(file)


def test_representations_hold_neither_ids_nor_places_of_secrets(tmp_path: Path) -> None:
    found = settings(
        main={"base_url": "https://a.example", "client_id": "5ecret-id", "key": "/5ecret/key.pem", "certificate": "/5ecret/own.pem"}
    )
    opened = open_server(found, "main", ())
    assert "5ecret" not in f"{connection(found, 'main')!r} {opened!r} {opened.server!r} {opened.authority!r}"


def test_a_token_is_never_sent_in_the_clear() -> None:
    with pytest.raises(EhrUnavailable, match="over https only"):
        open_server(settings(main={"base_url": "http://ehr.example/r4", "client_id": "almoner"}), "main", ())


def test_the_packs_say_which_types_are_read_and_why() -> None:
    found = {need.resource_type: need.read_by for need in needs(load_packs(BUILT_IN))}
    assert next(iter(found)) == "Patient"
    assert list(found)[1:] == sorted(set(found) - {"Patient"})
    assert len(found["Patient"]) == 5, "every rule is about somebody"
    assert "diabetes-food-insecurity" in found["Goal"]
    assert "phq9-no-follow-up" not in found["Goal"]
    assert {"Observation", "QuestionnaireResponse", "Condition", "ServiceRequest"} <= found.keys()
    assert not {"MedicationRequest", "Appointment", "Consent"} & found.keys(), "no rule asks about these"


def test_what_is_written_is_also_searched_and_never_deleted() -> None:
    found = letters((Need("Patient", ()), Need("ServiceRequest", ("a",))), ("ServiceRequest", "Task"))
    assert found == {"Patient": "rs", "ServiceRequest": "crus", "Task": "crus"}


def test_a_server_knows_us_by_its_own_key_or_by_the_ring(tmp_path: Path) -> None:
    file = private_file(tmp_path / "key.pem", pem(ec_key()))
    found = settings(main={"base_url": "https://a.example", "key": str(file), "kid": "k1"})
    (key,) = public_keys(found, "main")
    assert (key["kid"], key["alg"], "d" in key) == ("k1", "ES384", False)


def test_a_job_asks_for_what_it_does_and_no_more() -> None:
    found = settings(main={"base_url": "https://a.example", "client_id": "almoner", "write": ["Task"]})
    assert open_server(found, "main", ()).needs == {"Patient": "rs"}
    assert open_server(found, "main", (), writes=True).needs == {"Patient": "rs", "Task": "crus"}


def test_nothing_is_sent_before_it_is_asked_for() -> None:
    with serving() as server:
        open_server(settings(main={"base_url": server.base_url, "client_id": "almoner"}), "main", ())
        assert server.asked == []
