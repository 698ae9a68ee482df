"""Keys that a client publishes: fetched over https from the one place agreed, once, bounded, kept while the place is down; or a file."""

import gzip
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.cds_tokens import CALLED, GONE, JWKS_URL, NOW, PUBLIC_URL, Ehr, client, public, trusting, written
from support.certificates import issue
from support.connections import connections
from support.databases import database_of, opened
from support.faulty_ehr import Answer, Faulty, body, fixed, in_turn, serving
from support.smart_keys import ec_key, jwk, rsa_key

from fhir_adapters.errors import EhrUnavailable
from plugin.cds.trust import Reason, Trust, Unauthorized
from plugin.cds.trust.agreed import agreed, key_source
from plugin.cds.trust.key_source import AFTER_FAILURE, FRESH, LATE, LIMITS, PAUSE, STALE, KeyFile, KeysUnavailable, PublishedKeys, fetched
from plugin.errors import SettingsUnreadable
from plugin.store import Store

NEW: Final = Ehr(ec.generate_private_key(ec.SECP384R1()), kid="new")
OLD: Final = Ehr(ec_key(), kid="old")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Later:
    """Work that nobody waits for, done when the test says so."""

    work: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self, work: Callable[[], None]) -> None:
        self.work.append(work)

    def do(self) -> int:
        waiting, self.work = self.work, []
        for each in waiting:
            each()
        return len(waiting)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Faulty, Path]]:
    """A real https server, and the certificate to trust."""
    certificate = issue(tmp_path_factory.mktemp("place"))
    with serving(certificate) as server:
        yield server, certificate.with_name("cert.pem")


@dataclass
class Published:
    """Keys at the place, as a client sees them."""

    server: Faulty
    ca_file: Path
    clock: Clock = field(default_factory=Clock)
    later: Later = field(default_factory=Later)

    @property
    def url(self) -> str:
        return f"{self.server.base_url}/jwks.json"

    def says(self, *answers: Answer) -> None:
        self.server.behaviours["jwks.json"] = in_turn(*answers)

    @property
    def asked(self) -> int:
        return len(self.server.asked)

    def keys(self) -> PublishedKeys:
        return PublishedKeys(partial(fetched, self.url, self.ca_file), "clinic", clock=self.clock, start=self.later)


@pytest.fixture
def published(place: tuple[Faulty, Path]) -> Published:
    server, ca_file = place
    server.asked.clear()
    server.behaviours.clear()
    found = Published(server, ca_file)
    found.says(body(OLD.jwks()))
    return found


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Store]:
    with opened(database_of(tmp_path)) as found:
        yield found


def both() -> dict[str, Any]:
    return {"keys": OLD.jwks()["keys"] + NEW.jwks()["keys"]}


def test_keys_are_fetched_once_however_many_calls_come_at_once(published: Published) -> None:
    keys, together = published.keys(), Barrier(16)

    def ask(_: int) -> bool:
        together.wait(30)
        return keys.key("old") is not None

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(16)))
    assert published.asked == 1


def test_a_key_that_is_new_is_looked_for_but_not_more_than_once_in_a_while(published: Published) -> None:
    published.says(body(OLD.jwks()), body(both()))
    keys = published.keys()
    assert keys.key("old") is not None
    assert [keys.key("new"), published.asked] == [None, 1]
    published.clock.now += PAUSE
    assert keys.key("new") is not None
    assert published.asked == 2
    for number in range(1000):
        assert keys.key(f"made up {number}") is None
    assert published.asked == 2


def test_what_is_no_longer_fresh_is_fetched_beside_the_calls(published: Published) -> None:
    published.says(body(both()), body(NEW.jwks()))
    keys = published.keys()
    assert keys.key("old") is not None
    published.clock.now += FRESH + 1
    assert keys.key("old") is not None
    assert published.asked == 1
    assert published.later.do() == 1
    assert published.asked == 2
    assert keys.key("old") is None


def test_after_a_silence_a_key_that_was_withdrawn_is_not_accepted_even_once(published: Published) -> None:
    published.says(body(both()), body(NEW.jwks()))
    keys = published.keys()
    assert keys.key("old") is not None
    published.clock.now += LATE + 1
    assert keys.key("old") is None
    assert [published.asked, published.later.do()] == [2, 0]


def test_a_place_that_is_down_after_a_silence_holds_up_one_call_only(published: Published) -> None:
    published.says(body(OLD.jwks()), body({}, 503))
    keys = published.keys()
    assert keys.key("old") is not None
    published.clock.now += LATE + 1
    assert keys.key("old") is not None
    assert [published.asked, published.later.do()] == [2, 0]
    published.clock.now += AFTER_FAILURE
    assert keys.key("old") is not None
    assert [published.asked, published.later.do(), published.asked] == [2, 1, 3]


def test_while_the_place_is_down_the_keys_serve_on_but_not_for_ever(published: Published, caplog: pytest.LogCaptureFixture) -> None:
    published.says(body(OLD.jwks()), body({}, 503))
    keys, begun = published.keys(), published.clock.now
    assert keys.key("old") is not None
    while published.clock.now < begun + STALE:
        assert keys.key("old") is not None
        published.later.do()
        published.clock.now += STALE / 24
    assert "key_set_unusable client=clinic problem=HTTP 503" in caplog.text
    published.clock.now = begun + STALE + 1
    with pytest.raises(KeysUnavailable):
        keys.key("old")
    published.says(body(OLD.jwks()))
    published.clock.now += AFTER_FAILURE
    assert keys.key("old") is not None


def test_a_place_that_is_down_is_not_asked_at_every_call(published: Published) -> None:
    published.says(body({}, 503))
    keys = published.keys()
    for _ in range(50):
        with pytest.raises(KeysUnavailable):
            keys.key("old")
    assert published.asked == 1
    published.clock.now += AFTER_FAILURE
    with pytest.raises(KeysUnavailable):
        keys.key("old")
    assert published.asked == 2


BAD: Final[dict[str, Answer]] = {
    "not there": body({}, 404),
    "broken": body({}, 500),
    "a page": (200, {"Content-Type": "text/html"}, b"<html></html>"),
    "cut": (200, {}, b'{"keys": ['),
    "announced longer than it is": (200, {"Content-Length": "500"}, json.dumps(OLD.jwks()).encode()),
    "an array": body([]),
    "larger than it may be": body(OLD.jwks() | {"padding": "x" * LIMITS.body}),
    "a bomb": (200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * (50 << 20) + json.dumps(OLD.jwks()).encode())),
    "packed in a way nobody asked for": (200, {"Content-Encoding": "br"}, json.dumps(OLD.jwks()).encode()),
    "byte by byte": (200, {"X-Drip": "1"}, json.dumps(OLD.jwks()).encode()),
    "two keys of one name": body({"keys": OLD.jwks()["keys"] * 2}),
    "a private key beside it": body({"keys": [*OLD.jwks()["keys"], jwk(rsa_key(), kid="leaked")]}),
    "a symmetric key beside it": body({"keys": [*OLD.jwks()["keys"], {"kty": "oct", "kid": "s", "k": "c2VjcmV0"}]}),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_key_set_or_a_bad_one_is_not_used(name: str, published: Published, memory: Store) -> None:
    published.says(BAD[name])
    with pytest.raises(Unauthorized) as refused:
        trust(published, memory).client_of(f"Bearer {OLD.token(header={'jku': published.url})}", CALLED, NOW)
    assert refused.value.reason is Reason.KEYS_UNAVAILABLE


def trust(published: Published, store: Store) -> Trust:
    return trusting(store, client(jwks_url=published.url, ca_file=published.ca_file), source=key_source)


def test_a_call_is_let_in_by_keys_that_were_fetched(published: Published, memory: Store) -> None:
    assert trust(published, memory).client_of(f"Bearer {OLD.token(header={'jku': published.url})}", CALLED, NOW).name == "clinic"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, published: Published) -> None:
    with serving() as elsewhere, connections() as made:
        elsewhere.behaviours["jwks.json"] = fixed(body(OLD.jwks()))
        for target in (f"{elsewhere.base_url}/jwks.json", f"{published.server.base_url}/other.json", "//127.0.0.1/jwks.json"):
            published.says((status, {"Location": target}, b""))
            with pytest.raises(EhrUnavailable):
                fetched(published.url, published.ca_file)
        assert elsewhere.asked == []
        assert {path for path, _ in published.server.asked} == {"/fhir/jwks.json"}
        assert {each.rpartition(":")[2] for each in made} == {published.server.base_url.rpartition(":")[2].partition("/")[0]}


def test_a_place_with_a_certificate_of_others_is_not_believed(published: Published, tmp_path: Path) -> None:
    other = issue(tmp_path).with_name("cert.pem")
    for ca_file in (None, other):
        with pytest.raises(EhrUnavailable, match="no complete answer"):
            fetched(published.url, ca_file)
    assert published.asked == 0


def test_certificates_that_are_gone_are_no_defect(published: Published, tmp_path: Path) -> None:
    with pytest.raises(EhrUnavailable, match="certificates to trust cannot be read"):
        fetched(published.url, tmp_path / "gone.pem")


HOSTILE_JKU: Final = [
    "https://127.0.0.1:{port}/fhir/jwks.json",
    "http://127.0.0.1:{port}/fhir/jwks.json",
    "https://ehr.example@127.0.0.1:{port}/jwks.json",
    "https://127.0.0.1:{port}#https://ehr.example/jwks.json",
    "https://127.0.0.1:{port}/?x=https://ehr.example/jwks.json",
    "https://localhost:{port}/jwks.json",
    "https://[::1]:{port}/jwks.json",
    "https://2130706433:{port}/jwks.json",
    "https://169.254.169.254/latest/meta-data",
    "https://ehr.example/jwks.json/../../x",
    "https://ehr.example/jwks.json?x",
    "https://ehr.example/jwks.json#x",
    "https://EHR.example/jwks.json",
    "https://ehr.example:443/jwks.json",
    " https://ehr.example/jwks.json",
    "file:///jwks.json",
    "gopher://127.0.0.1:{port}/x",
    "//127.0.0.1:{port}/jwks.json",
    "",
    7,
    ["https://ehr.example/jwks.json"],
]


@pytest.mark.parametrize("jku", HOSTILE_JKU)
def test_no_request_leaves_for_a_token_that_names_another_place(jku: Any, published: Published, memory: Store) -> None:
    """Not even to the place that was agreed: there is nothing to be found out."""
    named = jku.format(port=published.server.base_url.split(":")[2].partition("/")[0]) if isinstance(jku, str) else jku
    door = trusting(memory, client(jwks_url=JWKS_URL), source=key_source)
    with connections() as made, pytest.raises(Unauthorized) as refused:
        door.client_of(f"Bearer {OLD.token(header={'jku': named})}", CALLED, NOW)
    assert refused.value.reason is Reason.OTHER_KEYS
    assert made == []
    assert published.asked == 0


def test_strangers_cannot_make_us_fetch(published: Published, memory: Store) -> None:
    """Who is no client, or offers a token that is over or for others, is refused before anybody is asked for keys."""
    door = trust(published, memory)
    for bad in ({"iss": "https://evil.example"}, {"aud": f"{PUBLIC_URL}/x"}, {"exp": 1, "iat": 0}, {"jti": ""}):
        with pytest.raises(Unauthorized):
            door.client_of(f"Bearer {OLD.token(header={'jku': published.url}, **bad)}", CALLED, NOW)
    assert published.asked == 0


# ------------------------------------------------------------ a file


@pytest.mark.requirement("cds-hooks_2.0@199")
def test_keys_in_a_file_need_no_network(tmp_path: Path, memory: Store) -> None:
    by_file = client(jwks_url=GONE, jwks_file=written(tmp_path, OLD.jwks()))
    with connections() as made:
        door = trusting(memory, by_file, source=key_source)
        assert door.client_of(f"Bearer {OLD.token(header={'jku': GONE})}", CALLED, NOW).name == "clinic"
        with pytest.raises(Unauthorized) as refused:
            door.client_of(f"Bearer {OLD.token()}", CALLED, NOW)
    assert refused.value.reason is Reason.OTHER_KEYS
    assert made == []


def test_with_a_file_and_an_address_the_address_is_only_a_name(tmp_path: Path, memory: Store) -> None:
    with connections() as made:
        door = trusting(memory, client(jwks_file=written(tmp_path, OLD.jwks())), source=key_source)
        assert door.client_of(f"Bearer {OLD.token()}", CALLED, NOW).name == "clinic"
    assert made == []


def test_a_file_that_is_replaced_is_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = written(tmp_path, OLD.jwks())
    keys = KeyFile(path, "clinic")
    assert [keys.key("old") is None, keys.key("new") is None] == [False, True]
    written(tmp_path, both())
    assert [keys.key("old") is None, keys.key("new") is None] == [False, False]
    for broken in ("{", '{"keys": 7}'):
        path.write_text(broken)
        assert keys.key("old") is not None
    path.unlink()
    assert keys.key("old") is not None
    assert caplog.text.count("key_set_unusable client=clinic") == 3
    written(tmp_path, NEW.jwks())
    assert keys.key("old") is None


@pytest.mark.parametrize("content", [None, "{", "[]", json.dumps({"keys": [jwk(ec_key(), kid="private")]})])
def test_a_file_that_cannot_be_used_is_said_at_the_start(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_text(content)
    found = agreed(client(jwks_file=path))
    assert found is not None
    with pytest.raises(SettingsUnreadable, match=r"cds\.clients\.clinic\.jwks_file: "):
        key_source(found)


@pytest.mark.parametrize("url", [GONE, "http://ehr.example/jwks.json", "http://127.0.0.1/jwks.json", "https://a@ehr.example/j"])
def test_without_a_safe_place_there_are_no_keys(url: Any) -> None:
    found = agreed(client(jwks_url=url))
    assert found is not None
    with pytest.raises(SettingsUnreadable, match="where its keys are"):
        key_source(found)


def test_keys_of_other_kinds_do_not_disturb(published: Published) -> None:
    others = [public(ec.generate_private_key(ec.SECP256R1()), "p256"), public(rsa_key(), "enc", use="enc"), {"kty": "OKP", "kid": "ed"}]
    published.says(body({"keys": [*others, *OLD.jwks()["keys"]]}))
    keys = published.keys()
    assert keys.key("old") is not None
    assert [keys.key(each["kid"]) for each in others] == [None, None, None]
