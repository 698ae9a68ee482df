"""Whatever the EHR does while a clinician waits: an answer within the deadline, and never a *no* that nobody said."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any, Final

import pytest
from support.cds_calls import AS_OF, PATIENT, condition, hook_call, patient, prefetch, resources
from support.fault_proxy import Answered, Asked, Fault, Proxy, fault_proxy, unavailable
from support.faulty_ehr import Faulty, body, page, serving

from fhir_adapters.vendors import GENERIC
from plugin.cds.availability import State
from plugin.cds.fetching import Ehrs
from plugin.cds.gathering import Gathered, PatientUnavailable, gather
from plugin.cds.prefetch import templates
from plugin.cds.request import parse_call
from rules.pack import BUILT_IN, load_packs

TEMPLATES: Final = templates([pack.program for pack in load_packs(BUILT_IN)])
TODAY: Final = date.fromisoformat(AS_OF)
SECONDS: Final = 0.4
FAULT: Final = 30.0
HELD: Final = 15.0
"""Seconds after which a fault has held us. Not a measure of speed: the machine may be busy with other tests."""
STORED: Final = resources(prefetch())
BOMB: Final = gzip.compress(b'{"resourceType":"Bundle","x":"' + b"0" * (64 << 20) + b'"}')
OUTCOME: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


@dataclass(frozen=True)
class World:
    """An EHR that holds the person of `support.cds_calls`, behind a proxy that does wrong."""

    ehr: Faulty
    proxy: Proxy

    def read(self, keys: dict[str, Any] | None = None, seconds: float = SECONDS, **how: Any) -> Gathered:
        call = parse_call(hook_call(keys, fhirServer=self.proxy.base_url), "patient-view")
        ehr = Ehrs(seconds, **how).named_by(call, [self.proxy.base_url])
        begun = time.monotonic()
        try:
            return gather(call, TEMPLATES, ehr, TODAY)
        finally:
            assert time.monotonic() - begun < HELD

    def break_conditions(self, fault: Fault) -> None:
        """Do wrong to every request for Conditions, and to no other."""
        self.proxy.plan = lambda asked: fault if "/Condition" in asked.path else None


@pytest.fixture
def world() -> Iterator[World]:
    with serving() as ehr:
        ehr.good = lambda path, query, headers: good(path)  # type: ignore[method-assign]
        with fault_proxy(ehr.base_url) as proxy:
            yield World(ehr, proxy)


def good(path: str) -> tuple[int, dict[str, str], bytes]:
    name, _, id = path.removeprefix("/fhir/").partition("/")
    found = [r for r in STORED if r["resourceType"] == name]
    return body(found[0] if id else page(found, len(found)))


def state(found: Gathered, key: str = "condition") -> State:
    return next(answer.state for answer in found.answers if answer.template.key == key)


def instead(content: bytes, **headers: str) -> Fault:
    return Fault(instead=Answered(200, {"Content-Type": "application/fhir+json"} | headers, content))


def edited(change: Callable[[dict[str, Any]], object]) -> Fault:
    def edit(answer: Answered) -> Answered:
        found = json.loads(answer.body)
        change(found)
        return Answered(answer.status, answer.headers, json.dumps(found).encode())

    return Fault(edit=edit)


def as_text(resource: Any) -> bytes:
    return json.dumps(resource).encode()


NOTHING: Final = {
    "slow headers": Fault(before=FAULT),
    "slow headers after it was done": Fault(after=FAULT),
    "slow body": Fault(drip=0.05),
    "reset": Fault(refuse=True),
    "lost answer": Fault(lose=True),
    "401": unavailable(401),
    "403": unavailable(403),
    "404": unavailable(404),
    "429": unavailable(429, Retry_After="1"),
    "429 for an hour": unavailable(429, Retry_After="3600"),
    "500": unavailable(500),
    "503": unavailable(503),
    "truncated": Fault(cut=100),
    "JSON that ends early": instead(b'{"resourceType":"Bundle","entry":['),
    "a list": instead(b"[]"),
    "HTML": instead(b"<html><body>Please log in</body></html>", **{"Content-Type": "text/html"}),
    "empty": instead(b""),
    "OperationOutcome": instead(as_text(OUTCOME)),
    "an error inside": instead(as_text(page([], 0) | {"entry": [{"resource": OUTCOME, "search": {"mode": "outcome"}}]})),
    "a warning that holds back": instead(
        as_text(page([OUTCOME | {"issue": [{"severity": "warning", "code": "suppressed"}]}], 0)),
    ),
    "another resource": instead(as_text(patient())),
    "an entry without a resource": instead(as_text(page([], 0) | {"entry": [{"fullUrl": "x"}]})),
    "a total without entries": instead(as_text(page([], 3))),
    "gzip bomb": instead(BOMB, **{"Content-Encoding": "gzip"}),
    "broken gzip": instead(b"not gzip", **{"Content-Encoding": "gzip"}),
    "redirect to another host": Fault(instead=Answered(302, {"Location": "http://127.0.0.2:9/fhir/Condition"}, b"")),
    "redirect in a circle": Fault(instead=Answered(302, {"Location": "/fhir/Condition"}, b"")),
    "the patient ignored": instead(as_text(page([], 0, self="http://ehr.example/fhir/Condition?_count=200"))),
}


@pytest.mark.parametrize("fault", NOTHING.values(), ids=NOTHING.keys())
def test_a_key_that_fails_is_unknown_and_the_others_are_read(world: World, fault: Fault) -> None:
    world.break_conditions(fault)
    found = world.read(seconds=1.2)
    assert state(found) is State.FAILED
    assert found.missing == ("condition",)
    assert found.unavailable == frozenset({"conditions"})
    assert {event.table for event in found.record.events} == {"goals", "observations"}


OTHERS: Final = condition("foreign", "44054006", subject={"reference": "Patient/p2"})
SOME: Final = {
    "a page of another host": edited(lambda b: b["link"].append({"relation": "next", "url": "https://evil.example/fhir?page=2"})),
    "pages that run in a circle": edited(lambda b: b["link"].append({"relation": "next", "url": "/fhir/Condition?patient=p1&_count=200"})),
    "more than shown": edited(lambda b: b.update(total=9)),
    "another patient's data": edited(lambda b: b["entry"].append({"resource": OTHERS})),
    "an error beside": edited(lambda b: b["entry"].append({"resource": OUTCOME, "search": {"mode": "outcome"}})),
}


@pytest.mark.parametrize("fault", SOME.values(), ids=SOME.keys())
def test_what_was_shown_counts_and_what_was_not_is_unknown(world: World, fault: Fault) -> None:
    world.break_conditions(fault)
    found = world.read(seconds=1.2)
    assert state(found) is State.PARTIAL
    assert {event.source for event in found.record.events if event.table == "conditions"} == {"Condition/asthma", "Condition/dm"}
    assert "conditions" in found.record.not_loaded
    assert not any("evil" in asked.path for asked in world.proxy.asked)


def test_pages_without_end_are_left_when_the_time_is_over(world: World) -> None:
    number = count()

    def another(asked: Asked) -> Fault | None:
        if "/Condition" not in asked.path:
            return None
        n = next(number)
        return instead(as_text(page([condition(f"c{n}", "44054006")], next=f"/fhir/Condition?patient=p1&page={n}")))

    world.proxy.plan = another
    found = world.read()
    assert state(found) is State.PARTIAL
    assert len([event for event in found.record.events if event.table == "conditions"]) > 1


def test_an_ehr_that_is_silent_altogether_costs_the_deadline_and_no_more(world: World) -> None:
    world.proxy.plan = lambda _: Fault(before=FAULT)
    with pytest.raises(PatientUnavailable) as missing:
        world.read()
    assert missing.value.keys == tuple(template.key for template in TEMPLATES)


def test_of_an_ehr_that_is_silent_what_came_along_is_used(world: World) -> None:
    world.proxy.plan = lambda _: Fault(before=FAULT)
    found = world.read(prefetch(goal=..., condition=None))
    assert found.missing == ("goal",)


def test_requests_that_were_given_up_end_with_the_deadline(world: World) -> None:
    world.proxy.plan = lambda _: Fault(drip=0.05)
    with pytest.raises(PatientUnavailable):
        world.read()
    asked = len(world.proxy.asked)
    waiting = [thread for thread in threading.enumerate() if thread.name.startswith("ehr")]
    for thread in waiting:
        thread.join(5.0)
    assert not any(thread.is_alive() for thread in waiting)
    assert len(world.proxy.asked) == asked == GENERIC.at_once


def test_a_wrong_patient_is_no_patient(world: World) -> None:
    world.proxy.plan = lambda asked: instead(as_text(patient(id="p2"))) if "/Patient" in asked.path else None
    with pytest.raises(PatientUnavailable):
        world.read()


def test_an_ehr_that_failed_again_and_again_is_left_alone_for_a_while(world: World) -> None:
    world.proxy.plan = lambda _: unavailable(503)
    call = parse_call(hook_call(fhirServer=world.proxy.base_url), "patient-view")
    ehrs = Ehrs(SECONDS)
    for _ in range(5):
        with pytest.raises(PatientUnavailable):
            gather(call, TEMPLATES, ehrs.named_by(call, [world.proxy.base_url]), TODAY)
    assert 2 * len(TEMPLATES) < len(world.proxy.asked) <= 3 * len(TEMPLATES)


def test_everything_at_once_where_the_server_takes_batches(world: World) -> None:
    def answered(path: str, query: object, headers: object) -> tuple[int, dict[str, str], bytes]:
        if path.rstrip("/") != "/fhir":
            return good(path)
        links = [entry["request"]["url"] for entry in json.loads(world.ehr.posted[-1])["entry"]]
        entries = [{"response": {"status": "200 OK"}, "resource": json.loads(good(f"/fhir/{link.split('?')[0]}")[2])} for link in links]
        return body({"resourceType": "Bundle", "type": "batch-response", "entry": entries})

    world.ehr.good = answered  # type: ignore[method-assign]
    vendor = GENERIC.model_copy(update={"batches": True})
    found = world.read(seconds=1.2, vendors={world.proxy.base_url: vendor})
    assert found.record == world.read(seconds=1.2).record
    assert [asked.method for asked in world.proxy.asked][:2] == ["POST", "GET"]
    assert len(world.proxy.asked) == 2 + len(TEMPLATES)


def test_observations_are_searched_by_the_codes_that_rules_read(world: World) -> None:
    world.read(seconds=1.2)
    (asked,) = [asked.path for asked in world.proxy.asked if "/Observation" in asked.path]
    assert "code=http%3A%2F%2Floinc.org%7C17855-8%2C" in asked
    assert f"patient={PATIENT}" in asked
