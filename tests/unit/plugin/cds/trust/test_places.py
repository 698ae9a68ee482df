"""Which addresses are safe, which are this machine, and what an origin looks like."""

import pytest

from plugin.cds.trust.places import is_key_place, is_loopback, is_origin, is_safe, is_trusted


def test_the_list_holds_to_the_letter_but_for_a_final_slash() -> None:
    assert is_trusted("https://ehr.example/fhir", ["https://ehr.example/fhir/"])
    assert is_trusted("https://ehr.example/fhir/", ["https://ehr.example/fhir"])
    assert is_trusted("http://127.0.0.1:8080/fhir", ["http://127.0.0.1:8080/fhir"])
    assert not is_trusted("https://ehr.example/fhir//", ["https://ehr.example/fhir"])
    assert not is_trusted("http://ehr.example/fhir", ["http://ehr.example/fhir"])
    assert not is_trusted("ftp://127.0.0.1/fhir", ["ftp://127.0.0.1/fhir"])
    assert not is_trusted("https://ehr.example/fhir", [])


@pytest.mark.parametrize("url", ["https://ehr.example/fhir", "https://ehr.example:8443", "http://localhost:80/x", "http://[::1]:8/x"])
def test_https_is_safe_and_http_on_this_machine(url: str) -> None:
    assert is_safe(url)
    assert is_key_place(url) == url.startswith("https://")


@pytest.mark.parametrize(
    "url",
    [
        "http://ehr.example",
        "https://",
        "https:///x",
        "https://u@ehr.example",
        "https://ehr.example?x",
        "https://ehr.example#x",
        "https://ehr.example:99999",
        "https://[",
        "https://ehr.example/a b",
        "https://ehr.example/\\x",
        "https://ehr.example/\x7f",
        "https://ehr.exаmple",
        "ehr.example",
        "",
    ],
)
def test_nothing_else_is(url: str) -> None:
    assert not is_safe(url)
    assert not is_key_place(url)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "localhost.evil.example", "127.0.0.1.nip.example"])  # noqa: S104
def test_other_machines(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("text", ["https://ehr.example", "http://localhost:8080", "https://ehr.example:8443", "http://[::1]:5173"])
def test_origins(text: str) -> None:
    assert is_origin(text)


@pytest.mark.parametrize(
    "text",
    ["*", "null", "", "ehr.example", "https://ehr.example/", "https://EHR.example", "https://ehr.example:443", "https://", "https://*.x:y"],
)
def test_what_browsers_never_send_is_no_origin(text: str) -> None:
    assert not is_origin(text)
