"""A server with a certificate of its own authority that wants to see ours: for its data and for its tokens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.certificates import issue
from support.faulty_ehr import Faulty, body, fixed, page, serving
from support.smart_keys import ec_key, pem, private_file

from fhir_adapters.connections import Client, Connection, Opened
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.transport import Limits

QUICK = Limits(attempt=30, call=60, attempts=1, longest_wait=0.0)


@pytest.fixture
def ours(tmp_path: Path) -> tuple[Path, Path]:
    """Our certificate and its key, in one file."""
    return two(tmp_path, "ours")


def two(folder: Path, name: str) -> tuple[Path, Path]:
    (folder / name).mkdir()
    both = issue(folder / name)
    return both, both


@pytest.fixture
def ehr(tmp_path: Path, ours: tuple[Path, Path]) -> Iterator[Faulty]:
    with serving(two(tmp_path, "ehr")[0], clients=ours[0].with_name("cert.pem")) as server:
        server.behaviours[".well-known"] = fixed(body({"token_endpoint": f"{server.base_url}/token"}))
        server.behaviours["token"] = fixed(body({"access_token": "t", "expires_in": 300}))
        server.behaviours["metadata"] = fixed(body({"resourceType": "CapabilityStatement"}))
        server.behaviours["Goal"] = fixed(body(page([])))
        yield server


def opened(ehr: Faulty, folder: Path, certificate: tuple[Path, Path] | None, trusted: str = "ehr") -> Opened:
    key = private_file(folder / "key.pem", pem(ec_key()))
    at = Connection("ehr", ehr.base_url, client=Client("almoner", str(key)), ca_file=folder / trusted / "cert.pem", certificate=certificate)
    return Opened(at, limits=QUICK)


@pytest.mark.requirement("gravity:priv-8")
def test_data_and_tokens_come_over_mutual_tls(ehr: Faulty, tmp_path: Path, ours: tuple[Path, Path]) -> None:
    assert opened(ehr, tmp_path, ours).server.get("Goal")["resourceType"] == "Bundle"
    asked = [(path.removeprefix("/fhir/"), headers.get("Authorization")) for path, headers in ehr.asked]
    assert asked == [(".well-known/smart-configuration", None), ("metadata", None), ("token", None), ("Goal", "Bearer t")]


def test_without_our_certificate_the_server_says_nothing(ehr: Faulty, tmp_path: Path) -> None:
    with pytest.raises(EhrUnavailable, match="no complete answer"):
        opened(ehr, tmp_path, None).server.get("Goal")
    assert ehr.asked == []


def test_a_server_of_another_authority_is_told_nothing(ehr: Faulty, tmp_path: Path, ours: tuple[Path, Path]) -> None:
    two(tmp_path, "stranger")
    with pytest.raises(EhrUnavailable, match="no complete answer"):
        opened(ehr, tmp_path, ours, "stranger").server.get("Goal")
    assert ehr.asked == []
