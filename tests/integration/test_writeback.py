"""Writing to a real server through a proxy that does wrong: everything once, nothing lost, nobody else's work overwritten."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.ehr_server import Ehr
from support.fault_proxy import Answered, Asked, Fault, Proxy, fault_proxy, unavailable
from support.server_habits import HABITS, habits, no_client_ids, no_patch, one_by_one
from support.writeback import AUTHOR, OPEN, RECORDED, key, on_server, referral, server, task, times_each

from fhir_adapters.writeback import Outbox, Preview, Report, State, change, include, put

pytestmark = pytest.mark.slow


@pytest.fixture
def proxy(ehr: Ehr) -> Iterator[Proxy]:
    with fault_proxy(ehr.base_url) as running:
        yield running


class Clock:
    """Moves on by an hour at each call of `later`, so that nothing has to wait."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def later(self) -> None:
        self.now += 3600


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(tmp_path: Path, clock: Clock) -> Outbox:
    return Outbox.at(tmp_path / "outbox.sqlite", clock=clock)


def deliver(outbox: Outbox, proxy: Proxy, **options: Any) -> Report:
    report = outbox.deliver(server(proxy.base_url), options.pop("policy", OPEN), commit=True, **options)
    assert isinstance(report, Report)
    return report


def until_settled(outbox: Outbox, proxy: Proxy, clock: Clock) -> None:
    for _ in range(20):
        deliver(outbox, proxy)
        if not outbox.ledger.rows(states=[State.PENDING, State.SENDING]):
            return
        clock.later()
    raise AssertionError([(row.state, row.reason) for row in outbox.ledger.rows()])


each_server = pytest.mark.parametrize("name", HABITS)


@each_server
def test_what_is_decided_stands_on_the_server_once_with_its_provenance(ehr: Ehr, proxy: Proxy, outbox: Outbox, name: str) -> None:
    proxy.plan = habits(*HABITS[name])
    people = [f"p{number}-{name.replace(', ', '-').replace(' ', '-')}" for number in range(10)]
    for person in people:
        for intent in referral(person):
            assert outbox.add(intent)
            assert not outbox.add(intent)
    report = deliver(outbox, proxy)
    assert (report.count(State.SENT), report.ended, report.duplicates) == (20, None, 0)
    tasks = {each["for"]["reference"]: each for each in on_server(ehr.base_url, "Task")}
    requests = {f"ServiceRequest/{each['id']}" for each in on_server(ehr.base_url, "ServiceRequest")}
    provenance = [each["target"][0]["reference"] for each in on_server(ehr.base_url, "Provenance")]
    for person in people:
        written = tasks[f"Patient/{person}"]
        assert written["focus"]["reference"] in requests
        assert provenance.count(f"Task/{written['id']}") == 1
        assert {tag["system"] for tag in written["meta"]["tag"]} == {"urn:almoner:north:rule", "urn:almoner:north:run"}
    assert set(times_each(on_server(ehr.base_url, "Task")).values()) == {1}
    reconciled = outbox.reconcile(server(ehr.base_url), "north")
    assert (reconciled.confirmed, reconciled.duplicated, reconciled.missing, reconciled.failed) == (20, 0, 0, 0)
    assert deliver(outbox, proxy).settled == {}


@each_server
@pytest.mark.parametrize("what", ["lost", "cut", "500 after it was done", "refused", "503", "429"])
def test_an_answer_that_goes_astray_makes_no_second_one(ehr: Ehr, proxy: Proxy, outbox: Outbox, clock: Clock, name: str, what: str) -> None:
    person = f"{what}-{name}".replace(" ", "-").replace(",", "")
    fault = {
        "lost": Fault(lose=True),
        "cut": Fault(cut=20),
        "500 after it was done": Fault(edit=lambda _: Answered(500, {}, b"")),
        "refused": Fault(refuse=True),
        "503": unavailable(503),
        "429": unavailable(429, Retry_After="1"),
    }[what]
    turns = iter(range(10_000))

    def every_other(asked: Asked) -> Fault | None:
        return fault if asked.method != "GET" and next(turns) % 2 == 0 else None

    proxy.plan = habits(*HABITS[name], fault=every_other)
    for episode in ("2025", "2026"):
        for intent in referral(person, episode):
            outbox.add(intent)
    until_settled(outbox, proxy, clock)
    assert {row.state for row in outbox.ledger.rows()} == {State.SENT}
    ours = {intent.key.value for episode in ("2025", "2026") for intent in referral(person, episode)}
    found = times_each(on_server(ehr.base_url, "Task")) + times_each(on_server(ehr.base_url, "ServiceRequest"))
    assert {value: found[value] for value in ours} == dict.fromkeys(ours, 1)
    places = [row.place for row in outbox.ledger.rows()]
    targets = [each["target"][0]["reference"] for each in on_server(ehr.base_url, "Provenance")]
    assert [targets.count(str(place)) for place in places] == [1] * 4


def test_the_naive_way_makes_a_second_one(ehr: Ehr, proxy: Proxy) -> None:
    """The harness would notice: a POST that is sent again because its answer was lost."""
    resource = task("naive").resource
    proxy.plan = lambda asked: Fault(lose=True) if asked.number == 0 else None
    client = server(proxy.base_url)
    client.ask("POST", "Task", {name: value for name, value in resource.items() if name != "id"}, repeatable=True)
    assert times_each(on_server(ehr.base_url, "Task"))[task("naive").key.value] == 2


def test_one_bad_entry_is_parked_and_the_others_are_written(ehr: Ehr, proxy: Proxy, outbox: Outbox) -> None:
    def spoil(asked: Asked) -> Fault | None:
        outcome = {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "code": "invariant", "diagnostics": "of ZZ" + "CANARY"}],
        }
        bad = b"Patient/spoilt" in asked.body and asked.method in ("PUT", "POST")
        return Fault(instead=Answered(422, {"Content-Type": "application/fhir+json"}, json.dumps(outcome).encode())) if bad else None

    proxy.plan = spoil
    for person in ("fine-1", "spoilt", "fine-2"):
        outbox.add(task(person))
    report = deliver(outbox, proxy)
    assert dict(report.settled) == {(State.SENT, None): 2, (State.PARKED, "refused-422-invariant"): 1}
    bad = outbox.status(task("spoilt").key)
    assert bad is not None
    assert (bad.state, bad.reason, bad.place) == (State.PARKED, "refused-422-invariant", None)
    proxy.plan = lambda _: None
    assert deliver(outbox, proxy).settled == {}, "parked rows wait for a person"
    assert outbox.ledger.retry(bad.id)
    assert deliver(outbox, proxy).count(State.SENT) == 1


def test_a_row_that_makes_the_server_fail_blocks_nobody(ehr: Ehr, proxy: Proxy, outbox: Outbox, clock: Clock) -> None:
    proxy.plan = lambda asked: unavailable(500) if b"Patient/poison" in asked.body else None
    for person in ("well-1", "poison", "well-2", "well-3"):
        outbox.add(task(person))
    deliver(outbox, proxy)
    clock.later()
    deliver(outbox, proxy)
    states = {row.id: row.state for row in outbox.ledger.rows()}
    assert states.pop(task("poison").key.id) is State.PENDING
    assert set(states.values()) == {State.SENT}


def misunderstood(answer: Answered) -> Answered:
    body = json.loads(answer.body)
    body["entry"][0] = {"response": {"status": "200 OK"}, "resource": {"resourceType": "OperationOutcome"}}
    return Answered(answer.status, answer.headers, json.dumps(body).encode())


@pytest.mark.parametrize("fault", [unavailable(400), Fault(edit=misunderstood)], ids=["refused", "odd"])
def test_where_a_batch_does_not_tell_each_is_looked_at_by_itself(ehr: Ehr, proxy: Proxy, outbox: Outbox, fault: Fault) -> None:
    proxy.plan = habits(no_client_ids, fault=lambda asked: fault if b'"batch"' in asked.body else None)
    people = [f"batch-{number}-{fault.edit is None}" for number in range(3)]
    for person in people:
        outbox.add(task(person))
    assert dict(deliver(outbox, proxy).settled) == {(State.SENT, None): 3}
    found = times_each(on_server(ehr.base_url, "Task"))
    assert [found[key(person).value] for person in people] == [1] * 3


def changed(target: str, episode: str, *edits: Any, patient: str, **more: Any) -> Any:
    return change(key(patient, episode), target, edits, run="run-2", author=AUTHOR, recorded=RECORDED, **more)


@pytest.mark.parametrize("plan", [habits(), habits(no_patch)], ids=["patch", "put"])
def test_a_change_is_made_on_what_others_have_made_of_it(ehr: Ehr, proxy: Proxy, outbox: Outbox, plan: Any, request: Any) -> None:
    patient = f"changed-{request.node.callspec.id}"
    resource = task(patient).resource
    ehr.put([resource])
    target = f"Task/{resource['id']}"
    conflicts = iter([1, 2])

    def meddle(asked: Asked) -> Fault | None:
        """Twice somebody else is faster."""
        if asked.method in ("PUT", "PATCH") and asked.path.endswith(target) and (turn := next(conflicts, 0)):
            ehr.put([resource | {"note": [{"text": f"called {turn} times"}]}])
        return plan(asked)

    proxy.plan = meddle
    outbox.add(changed(target, "cancelled", put("status", "cancelled"), include("note", {"text": "moved away"}), patient=patient))
    assert deliver(outbox, proxy).count(State.SENT) == 1
    (found,) = [each for each in on_server(ehr.base_url, "Task") if each["id"] == resource["id"]]
    assert found["status"] == "cancelled"
    assert [note["text"] for note in found["note"]] == ["called 2 times", "moved away"]
    assert [a for a in proxy.asked if a.method in ("PUT", "PATCH") and target in a.path and "If-Match" not in a.headers] == []
    provenance = [each for each in on_server(ehr.base_url, "Provenance") if each["target"][0]["reference"] == target]
    assert [each["activity"]["coding"][0]["code"] for each in provenance] == ["UPDATE"]


def test_who_is_always_slower_tries_again_later(ehr: Ehr, proxy: Proxy, outbox: Outbox) -> None:
    resource = task("contended").resource
    ehr.put([resource])

    def meddle(asked: Asked) -> Fault | None:
        if asked.method == "PATCH":
            ehr.put([resource])
        return None

    proxy.plan = meddle
    outbox.add(changed(f"Task/{resource['id']}", "x", put("status", "cancelled"), patient="contended"))
    assert dict(deliver(outbox, proxy).settled) == {(State.PENDING, "conflict"): 1}
    assert proxy.count("PATCH") == 3


def test_a_change_whose_answer_was_lost_is_seen_to_be_done(ehr: Ehr, proxy: Proxy, outbox: Outbox, clock: Clock) -> None:
    resource = task("changed-once").resource
    ehr.put([resource])
    lost = iter([Fault(lose=True)])
    proxy.plan = lambda asked: next(lost, None) if asked.method == "PATCH" else None
    outbox.add(
        changed(f"Task/{resource['id']}", "x", put("status", "cancelled"), patient="changed-once", only_if={"status": ["requested"]})
    )
    until_settled(outbox, proxy, clock)
    assert proxy.count("PATCH") == 1
    assert outbox.ledger.rows()[0].state is State.SENT


UNFIT = {
    "no-longer-fits": ({"status": "completed"}, {"only_if": {"status": ["requested", "accepted"]}}),
    "other-patient": ({"for": {"reference": "Patient/somebody-else"}}, {}),
    "not-editable": ({"note": [{"text": "a list"}]}, {"edits": [put("note/text", "x")]}),
    "not-valid": ({}, {"edits": [put("status", "done")]}),
}


@pytest.mark.parametrize("reason", UNFIT)
def test_a_change_that_does_not_fit_is_parked(ehr: Ehr, proxy: Proxy, outbox: Outbox, reason: str) -> None:
    there, options = UNFIT[reason]
    resource = task(reason).resource | there
    ehr.put([resource])
    edits = options.get("edits", [put("status", "cancelled")])
    more = {name: value for name, value in options.items() if name != "edits"}
    outbox.add(changed(f"Task/{resource['id']}", "x", *edits, patient=reason, **more))
    assert dict(deliver(outbox, proxy).settled) == {(State.PARKED, reason): 1}
    assert proxy.count("PATCH") == 0


def test_what_is_not_touched_is_sent_back_byte_by_byte(proxy: Proxy, outbox: Outbox) -> None:
    odd = (
        '{ "resourceType":"Task","id":"odd-1","meta":{"versionId":"7","lastUpdated":"2026-01-01T00:00:00.671Z"},\n'
        '  "extension":[{"url":"http://example.org/unknown","valueDecimal":1.00,"x":[ ]}],"status":"requested","intent":"order",\n'
        '\t"for":{"reference":"Patient/odd"},"input":[{"type":{"text":"caf\\u00e9"},"valueDecimal":-0.50e+1}],"zz":"\\/"}\n'
    )

    def toy(asked: Asked) -> Fault | None:
        if asked.method == "GET" and asked.path.endswith("/Task/odd-1"):
            return Fault(instead=Answered(200, {"ETag": 'W/"7"', "Content-Type": "application/fhir+json"}, odd.encode()))
        if asked.method == "PUT" and asked.path.endswith("/Task/odd-1"):
            return Fault(instead=Answered(200, {}, asked.body))
        result: Fault | None = habits(no_patch)(asked)
        return result

    proxy.plan = toy
    outbox.add(changed("Task/odd-1", "x", put("status", "cancelled"), patient="odd"))
    assert deliver(outbox, proxy).count(State.SENT) == 1
    (sent,) = [asked for asked in proxy.asked if asked.method == "PUT" and asked.path.endswith("/Task/odd-1")]
    assert sent.body.decode() == odd.replace('"requested"', '"cancelled"')
    assert sent.headers["If-Match"] == 'W/"7"'


def test_what_was_deleted_there_is_not_written_again(ehr: Ehr, proxy: Proxy, outbox: Outbox) -> None:
    intent = task("deleted")
    ehr.put([intent.resource])
    server(ehr.base_url).ask("DELETE", f"Task/{intent.key.id}")
    outbox.add(intent)
    assert dict(deliver(outbox, proxy).settled) == {(State.PARKED, "deleted-there"): 1}


@each_server
def test_an_outbox_that_forgot_overwrites_nobody(ehr: Ehr, proxy: Proxy, outbox: Outbox, tmp_path: Path, name: str) -> None:
    """It was restored from a copy, say: what it takes for new stands there, and the agency has worked on it."""
    proxy.plan = habits(*HABITS[name])
    intents = [task(f"forgotten-{number}-{name[0]}-{name[-1]}") for number in range(3)]
    for intent in intents:
        outbox.add(intent)
    deliver(outbox, proxy)
    for row in outbox.ledger.rows():
        ehr.put([server(ehr.base_url).get(str(row.place)) | {"status": "accepted"}])
    forgetful = Outbox.at(tmp_path / "other.sqlite")
    for intent in intents:
        forgetful.add(intent)
    assert deliver(forgetful, proxy).count(State.SENT) == 3
    assert [row.place for row in forgetful.ledger.rows()] == [row.place for row in outbox.ledger.rows()]
    for row in forgetful.ledger.rows():
        found = server(ehr.base_url).get(str(row.place))
        assert (found["status"], found["meta"]["versionId"]) == ("accepted", "2")
    vouched = [each["target"][0]["reference"] for each in on_server(ehr.base_url, "Provenance")]
    assert [vouched.count(str(row.place)) for row in outbox.ledger.rows()] == [1] * 3


def test_duplicates_of_others_are_kept_apart_and_counted(ehr: Ehr, proxy: Proxy, outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    intent = task("twice")
    ehr.put([intent.resource | {"id": id} for id in ("10", "9", "b")])
    proxy.plan = habits(no_client_ids)
    outbox.add(intent)
    report = deliver(outbox, proxy)
    status = outbox.status(intent.key)
    assert status is not None
    assert (status.place, status.duplicates, report.duplicates) == ("Task/9", ("Task/10", "Task/b"), 2)
    reconciled = outbox.reconcile(server(ehr.base_url), "north")
    assert (reconciled.duplicated, reconciled.confirmed) == (1, 0)
    alarms = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(alarms) == 2
    assert not any("Task/9" in alarm or intent.key.value in alarm for alarm in alarms)


def test_what_disappeared_is_parked(ehr: Ehr, proxy: Proxy, outbox: Outbox) -> None:
    outbox.add(task("vanished"))
    deliver(outbox, proxy)
    status = outbox.status(task("vanished").key)
    assert status is not None
    server(ehr.base_url).ask("DELETE", str(status.place))
    assert outbox.reconcile(server(ehr.base_url), "north").missing == 1
    missing = outbox.status(task("vanished").key)
    assert missing is not None
    assert (missing.state, missing.reason) == (State.PARKED, "missing")


def test_without_commit_nothing_is_sent(ehr: Ehr, proxy: Proxy, outbox: Outbox) -> None:
    resource = task("shown-old").resource
    ehr.put([resource])
    for intent in (*referral("shown"), changed(f"Task/{resource['id']}", "x", put("status", "cancelled"), patient="shown-old")):
        outbox.add(intent)
    shown = outbox.deliver(server(proxy.base_url), OPEN)
    assert isinstance(shown, Preview)
    bundle = json.loads(shown.bundle)
    assert [entry["request"]["method"] for entry in bundle["entry"]] == ["PUT"] * 5
    assert bundle["entry"][4]["resource"] == resource | {"status": "cancelled", "meta": bundle["entry"][4]["resource"]["meta"]}
    assert [line for line in shown.lines if "status" in line] == [
        '  +   "status": "active",', '  +   "status": "requested",', '  -   "status": "requested"', '  +   "status": "cancelled"',
    ]  # fmt: skip
    assert {asked.method for asked in proxy.asked} == {"GET"}
    assert {row.attempts for row in outbox.ledger.rows()} == {0}


def test_a_dead_server_ends_the_run_and_loses_nothing(proxy: Proxy, outbox: Outbox, clock: Clock) -> None:
    proxy.plan = habits(one_by_one, fault=lambda _: Fault(refuse=True))
    for number in range(40):
        outbox.add(task(f"dead-{number}"))
    report = deliver(outbox, proxy)
    assert report.ended == "the server fails"
    assert {row.state for row in outbox.ledger.rows()} == {State.PENDING}
    proxy.plan = habits()
    until_settled(outbox, proxy, clock)
    assert {row.state for row in outbox.ledger.rows()} == {State.SENT}
