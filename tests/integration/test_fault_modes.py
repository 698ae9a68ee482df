"""A real server behind a proxy that does wrong in every way we know of: all data, or a clear word about what is missing; never silence.

Each way of going wrong meets a read of one person with her whole record. The fault strikes the search for observations, at its first
page or in the middle, once or always.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import formatdate
from time import monotonic, time
from typing import Any

import pytest
from support.ehr_server import Ehr
from support.fault_proxy import Answered, Asked, Fault, Plan, Proxy, fault_proxy, unavailable
from support.hand_made import HAND_MADE

from fhir_adapters import FhirServer, Limits, read_patients
from fhir_adapters.search import Plan as SearchPlan
from rules.facts import HOUSEHOLD

pytestmark = pytest.mark.slow
ON_THE_SERVER = HAND_MADE
LIMITS = Limits(connect=2, attempt=1.5, call=12, attempts=3, longest_wait=0.2, body=1 << 20)
DEADLINE = 60.0
PAGES = SearchPlan(page_size=2)


@pytest.fixture
def proxy(ehr: Ehr) -> Iterator[Proxy]:
    with fault_proxy(ehr.base_url, lambda _: None) as between:
        yield between


Edit = Callable[[dict[str, Any]], dict[str, Any]]


def edited(change: Edit) -> Fault:
    """The answer, changed as a resource."""

    def edit(answered: Answered) -> Answered:
        return replace(answered, body=json.dumps(change(json.loads(answered.body))).encode())

    return Fault(edit=edit)


def links(**urls: str | None) -> Edit:
    """The Bundle with these links, or without those that are ``None``."""

    def change(bundle: dict[str, Any]) -> dict[str, Any]:
        kept = [link for link in bundle.get("link", []) if link["relation"] not in urls]
        return bundle | {"link": [*kept, *({"relation": name, "url": url} for name, url in urls.items() if url)]}

    return change


def elsewhere(bundle: dict[str, Any]) -> dict[str, Any]:
    """The next link as the server is called behind its proxy."""
    following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    inside = {url: "http://fhir.internal:9/fhir" + url.split("/fhir", 1)[1] for url in following}
    return bundle | {"link": [{**link, "url": inside.get(link["url"], link["url"])} for link in bundle["link"]]}


def damaged_gzip(answered: Answered) -> Answered:
    return replace(answered, headers={**answered.headers, "Content-Encoding": "gzip"}, body=gzip.compress(answered.body)[:-12])


def cut(answered: Answered) -> Answered:
    """As a whole answer, which its length does not betray."""
    return replace(answered, body=answered.body[: len(answered.body) // 2])


HTML = Answered(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>")
RETRIED = {
    "429 with seconds": unavailable(429, Retry_After="0"),
    "429 with a date": unavailable(429, Retry_After=formatdate(usegmt=True)),
    "429 with a date long past": unavailable(429, Retry_After=formatdate(0, usegmt=True)),
    "429 that asks for hours": unavailable(429, Retry_After="18000"),
    "429 in milliseconds since 1970": unavailable(429, Retry_After=str(int(time() * 1000))),
    "429 without a word": unavailable(429),
    "408": unavailable(408),
    "500": unavailable(500),
    "502": unavailable(502),
    "503": unavailable(503),
    "504": unavailable(504),
    "the connection is reset": Fault(refuse=True),
    "the answer is lost": Fault(lose=True),
    "the body ends early": Fault(cut=100),
    "half a body, said to be whole": Fault(edit=cut),
    "gzip cut short": Fault(edit=damaged_gzip),
    "it hangs": Fault(before=2.5),
    "it drips": Fault(drip=0.05),
    "a page of HTML": Fault(instead=HTML),
}
"""Wrong once: tried again, and everything is there. Wrong always: the table is not loaded, and the reason is said."""

FOREVER = {
    "401": unavailable(401),
    "403": unavailable(403),
    "404": unavailable(404),
    "a body that never ends": Fault(instead=Answered(200, {"Content-Type": "application/fhir+json"}, b" " * (2 << 20))),
    "a redirect to another host": Fault(instead=Answered(307, {"Location": "http://127.0.0.1:9/fhir/Observation"}, b"")),
    "next leads elsewhere": edited(links(next="http://127.0.0.1:9/else?page=2")),
    "next leads to itself": edited(lambda bundle: links(next=next(x["url"] for x in bundle["link"] if x["relation"] == "self"))(bundle)),
    "a page is missing": edited(links(next=None)),
    "the parameter was ignored": edited(links(self="http://x/fhir/Observation?_count=2")),
    "it answers another question": edited(lambda bundle: {"resourceType": "OperationOutcome", "issue": []}),
}
"""Trying again is no use: not loaded, at once."""


def strikes(fault: Fault, *, first: int = 0, times: int = 10**6) -> Plan:
    """``fault`` at the searches for observations, from one of them on, so many times."""
    seen = [0]

    def plan(asked: Asked) -> Fault | None:
        if "/Observation" not in asked.path:
            return None
        seen[0] += 1
        return fault if first < seen[0] <= first + times else None

    return plan


def read(proxy: Proxy) -> tuple[Any, set[str], dict[str, str]]:
    """Ann's record, what is not loaded of it, and why."""
    start = monotonic()
    dataset = read_patients(FhirServer(proxy.base_url, limits=LIMITS), patient_ids=["ann"], plan=PAGES)
    assert monotonic() - start < DEADLINE
    assert dataset.report.balances()
    (record,) = dataset.records
    return record.events, set(record.not_loaded) - {HOUSEHOLD}, dataset.report.not_loaded


@pytest.fixture(scope="module")
def whole(ehr: Ehr) -> Any:
    (record,) = read_patients(ehr.base_url, patient_ids=["ann"]).records
    assert record.not_loaded == {HOUSEHOLD}
    assert sum(event.table == "observations" for event in record.events) > 4
    return record.events


@pytest.mark.parametrize("first", [0, 1], ids=["first page", "second page"])
@pytest.mark.parametrize("fault", RETRIED.values(), ids=RETRIED)
def test_what_goes_wrong_once_is_made_good(proxy: Proxy, whole: Any, fault: Fault, first: int) -> None:
    proxy.plan = strikes(fault, first=first, times=1)
    events, missing, _ = read(proxy)
    assert (events, missing) == (whole, set())


@pytest.mark.parametrize("fault", [*RETRIED.values(), *FOREVER.values()], ids=[*RETRIED, *FOREVER])
def test_what_goes_wrong_for_good_is_said_and_costs_only_its_table(proxy: Proxy, whole: Any, fault: Fault) -> None:
    proxy.plan = strikes(fault)
    events, missing, reasons = read(proxy)
    assert missing == {"observations"}
    assert reasons["observations"]
    assert "ann" not in reasons["observations"]
    assert [e for e in events if e.table != "observations"] == [e for e in whole if e.table != "observations"]


def test_a_server_known_by_another_name_inside_is_read_all_the_same(proxy: Proxy, whole: Any) -> None:
    proxy.plan = lambda asked: edited(elsewhere) if "/Observation" in asked.path else None
    events, missing, _ = read(proxy)
    assert (events, missing) == (whole, set())


def test_pages_that_are_gone_are_read_again(proxy: Proxy, whole: Any) -> None:
    proxy.plan = strikes(unavailable(410), first=1, times=1)
    events, missing, _ = read(proxy)
    assert (events, missing) == (whole, set())


def test_there_are_enough_ways() -> None:
    assert len(RETRIED) + len(FOREVER) >= 20
