"""``fhirServer`` is a stranger's text: only a server on the client's list is ever contacted, and it cannot send us on."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pytest
from support.cds_calls import HOOK, hook_call, patient
from support.connections import connections
from support.faulty_ehr import Faulty, body, fixed, page, serving

from fhir_adapters.errors import EhrUnavailable
from plugin.cds.fetching import Ehrs
from plugin.cds.gathering import PatientUnavailable, gather
from plugin.cds.prefetch import templates
from plugin.cds.request import parse_call
from rules.pack import BUILT_IN, load_packs

TODAY: Final = date(2026, 6, 30)
TEMPLATES: Final = templates(pack.program for pack in load_packs(BUILT_IN))

HOSTILE: Final = [
    "http://127.0.0.1:{evil}/fhir",
    "https://127.0.0.1:{evil}/fhir",
    "http://localhost:{good}/fhir",
    "http://[::1]:{good}/fhir",
    "http://[::ffff:127.0.0.1]:{good}/fhir",
    "http://2130706433:{good}/fhir",
    "http://0x7f000001:{good}/fhir",
    "http://0177.0.0.1:{good}/fhir",
    "http://127.1:{good}/fhir",
    "http://127.0.0.1:{good}/",
    "http://127.0.0.1:{good}",
    "http://127.0.0.1:{good}/fhir/Patient",
    "http://127.0.0.1:{good}/fhir//",
    "http://127.0.0.1:{good}/fhir/../admin",
    "http://127.0.0.1:{good}/fhir?x=1",
    "http://127.0.0.1:{good}/fhir#x",
    "http://127.0.0.1:{good}/FHIR",
    "HTTP://127.0.0.1:{good}/fhir",
    "http://127.0.0.1:{good}/fhir ",
    " http://127.0.0.1:{good}/fhir",
    "http://127.0.0.1:{good}/fhir\n",
    "http://127.0.0.1:{good}\\@127.0.0.1:{evil}/fhir",
    "http://127.0.0.1:{good}@127.0.0.1:{evil}/fhir",
    "http://user:pass@127.0.0.1:{good}/fhir",
    "http://127.0.0.1:{good}.evil.example/fhir",
    "http://127.0.0.1%3A{good}/fhir",
    "http://127.0.0.1:{good}%2Ffhir",
    "http://127。0。0。1:{good}/fhir",
    "http://169.254.169.254/latest/meta-data",
    "http://metadata.google.internal/computeMetadata/v1",
    "http://localhost:5432",
    "https://evil.example/fhir",
    "file:///proc/self/environ",
    "ftp://127.0.0.1:{evil}/fhir",
    "gopher://127.0.0.1:{evil}/_x",
    "data:application/json,{{}}",
    "javascript:alert(1)",
    "//127.0.0.1:{evil}/fhir",
    "/fhir",
    "127.0.0.1:{good}/fhir",
    "http://",
    "http://[",
    "x" * 100_000,
]


@dataclass(frozen=True)
class World:
    """A server on the list, and one that is not."""

    good: Faulty
    evil: Faulty

    def ports(self) -> dict[str, str]:
        return {name: each.base_url.split(":")[2].partition("/")[0] for name, each in (("good", self.good), ("evil", self.evil))}

    def read(self, server: Any) -> None:
        """A call that brings nothing along, so that everything would have to be read."""
        token = {"access_token": "secret-of-the-call", "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "y"}
        call = parse_call(hook_call(fhirServer=server, fhirAuthorization=token), HOOK)
        gather(call, TEMPLATES, Ehrs(5.0).named_by(call, [self.good.base_url]), TODAY)


@pytest.fixture
def world() -> Iterator[World]:
    with serving() as good, serving() as evil:
        good.behaviours["Patient"] = fixed(body(patient()))
        yield World(good, evil)


@pytest.mark.parametrize("address", HOSTILE, ids=range(len(HOSTILE)))
def test_no_request_leaves_for_a_server_that_is_not_on_the_list(address: str, world: World) -> None:
    with connections() as made, pytest.raises(PatientUnavailable):
        world.read(address.format(**world.ports()))
    assert made == []
    assert world.good.asked + world.evil.asked == []


@pytest.mark.parametrize("address", [None, 7, [], {"url": "http://127.0.0.1"}, True])
def test_nor_for_what_is_no_address(address: Any, world: World) -> None:
    with connections() as made, pytest.raises(PatientUnavailable):
        world.read(address)
    assert made == []


@pytest.mark.requirement("cds-hooks_2.0@60")
def test_the_server_on_the_list_is_read(world: World) -> None:
    with connections() as made:
        world.read(world.good.base_url)
    assert {each.rpartition(":")[2] for each in made} == {world.ports()["good"]}
    assert len(world.good.asked) >= len(TEMPLATES) - 1


def test_a_server_that_sends_us_elsewhere_is_not_followed_even_within_itself(world: World) -> None:
    for target in (f"{world.evil.base_url}/Patient/p1", f"{world.good.base_url}/Elsewhere/p1", "//169.254.169.254/", "file:///x"):
        world.good.behaviours["Patient"] = fixed((302, {"Location": target}, b""))
        with connections() as made, suppress(PatientUnavailable):
            world.read(world.good.base_url)
        assert {each.rpartition(":")[2] for each in made} == {world.ports()["good"]}
    assert world.evil.asked == []
    assert not any("/Elsewhere" in path for path, _ in world.good.asked)


def test_a_page_that_goes_on_elsewhere_is_not_followed(world: World) -> None:
    for kind in ("Condition", "Observation", "Goal"):
        world.good.behaviours[kind] = fixed(body(page([], next=f"{world.evil.base_url}/{kind}?page=2")))
    with connections() as made, suppress(PatientUnavailable, EhrUnavailable):
        world.read(world.good.base_url)
    assert world.evil.asked == []
    assert {each.rpartition(":")[2] for each in made} == {world.ports()["good"]}
