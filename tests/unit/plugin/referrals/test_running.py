"""Referrals run by an operator: cards taken over, engines of the timers, the commands, and what a subscription tells."""

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select, update
from support.databases import database_of, opened
from support.referral_ehr import MemoryEhr, policy
from support.referrals import CARE, NEED, NOON, TENANT, bank, directory, proposal, sent, stored

from fhir_adapters.directory import Directory
from fhir_adapters.directory.model import Organization, resource_id
from fhir_adapters.referral_states import Status
from fhir_adapters.subscriptions import Inbox, read_notification
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback import Outbox
from plugin.access import Role, Scope, verify
from plugin.cds.ledger import Ledger
from plugin.cds.ledger.handover import Handover
from plugin.cds.ledger.waiting import RESOLVED, THEIRS, WAITING
from plugin.cds.referral import order_identifier
from plugin.cli.refer import command
from plugin.referrals.acting import Answer, Grip, answer
from plugin.referrals.cards import take_over, tell
from plugin.referrals.carrying import carry_out
from plugin.referrals.engines import answers_by
from plugin.referrals.orders import SIGNED_WITHIN, Orders
from plugin.referrals.polling import heard, poll
from plugin.referrals.reading import listed, one
from plugin.referrals.stepping import Situation, Step, next_step
from plugin.store import Store
from plugin.store.tables.cds import HANDOVERS, STEPS
from plugin.store.tables.referrals import HISTORY, POLLS
from plugin.subscriptions.worker import look
from rules.engines.rete import why_unavailable

SUGGESTION = "5f0c3bd2-3d0e-4f43-93a4-1f6d0a4f4e11"
ORDER: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "status": "draft",
    "intent": "order",
    "category": [
        {"coding": [{"system": "http://snomed.info/sct", "code": "410606002"}]},
        {"coding": [{"system": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes", "code": NEED}]},
    ],
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "467771000124109", "display": "Assistance"}]},
    "subject": {"reference": "Patient/ann"},
    "reasonReference": [{"reference": "Condition/7"}],
}


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "state").mkdir()
    with opened(database_of(tmp_path / "state")) as found:
        yield found


class Cards:
    """A clinician accepted a card; its Task goes to the server."""

    def __init__(self, store: Store, folder: Path, more: dict[str, Any] | None = None, creates: tuple[str, ...] = ()) -> None:
        self.store, self.at = store, NOON
        self.ehr = MemoryEhr()
        self.outbox = Outbox.at(folder / "outbox.sqlite", clock=lambda: self.at.timestamp())
        self.handover = Handover(store, lambda: self.outbox, {"clinic": TENANT}, clock=lambda: self.at)
        meaning = {"order": ORDER | (more or {}), "creates": creates}
        state = THEIRS if "Task" in creates else WAITING
        row = {"suggestion": SUGGESTION, "card": "card-1", "client": "clinic", "patient": "ann", "rule": "food", "version": "1.0.0"}
        with store.write() as connection:
            connection.execute(insert(HANDOVERS), row | {"accepted": NOON, "meaning": meaning, "state": state})

    def deliver(self, directory: Directory | None = None) -> Counter[str]:
        self.handover.carry_out()
        self.at += timedelta(seconds=1)
        self.outbox.deliver(cast(FhirServer, self.ehr), policy(TENANT), commit=True)
        self.handover.carry_out()
        return take_over(self.store, self.handover, self.outbox, self.at, directory)

    def follow(self, directory: Directory | None = None) -> Counter[str]:
        return Orders(self.store, cast(FhirServer, self.ehr), TENANT, directory).follow(self.handover, self.outbox, self.at)

    def sign(self, status: str = "active", id: str = "order-1", **more: Any) -> None:
        """The clinician signs what the card offered; the EHR makes the order."""
        self.ehr.store(ORDER | {"id": id, "status": status, "identifier": [order_identifier(SUGGESTION)]} | more)

    def poll(self) -> None:
        self.at += timedelta(hours=1)
        poll(self.store, cast(FhirServer, self.ehr), TENANT, self.at)


def test_what_a_card_ordered_is_followed_until_it_is_fulfilled(sqlite_store: Store, tmp_path: Path) -> None:
    cards = Cards(sqlite_store, tmp_path)
    ledger = Ledger(sqlite_store, b"k" * 32, {})
    assert cards.deliver() == {"taken over": 1}
    assert cards.deliver() == {}
    row = stored(sqlite_store, SUGGESTION)
    assert (row.state, row.need, row.rule, row.due, row.reasons) == ("requested", NEED, "food", "2026-07-10", ["Condition/7"])
    cards.ehr.agency(row.task_place, Status.ACCEPTED)
    cards.poll()
    assert tell(sqlite_store, ledger, cards.at) == 0
    cards.ehr.agency(row.task_place, Status.COMPLETED, outputs=1)
    cards.poll()
    assert tell(sqlite_store, ledger, cards.at) == 1
    assert tell(sqlite_store, ledger, cards.at) == 0
    with sqlite_store.read() as connection:
        steps = connection.scalars(select(STEPS.c.step).where(STEPS.c.suggestion == SUGGESTION).order_by(STEPS.c.step)).all()
    assert steps == ["ordered", RESOLVED]


KNOWN = bank(1)
PERFORMERS = {
    "of that server": ("Organization/bank-1", f"{TENANT}#Organization/bank-1", "Food bank 1", None),
    "written to it": (f"Organization/{resource_id('dir#Organization/bank-1')}", "dir#Organization/bank-1", "Food bank 1", None),
    "a service": ("HealthcareService/bank-1", f"{TENANT}#Organization/bank-1", "Food bank 1", f"{TENANT}#HealthcareService/bank-1"),
    "unknown": ("Organization/bank-9", f"{TENANT}#Organization/bank-9", "As ordered", None),
}


@pytest.mark.parametrize(("reference", "agency", "name", "listing"), PERFORMERS.values(), ids=PERFORMERS)
def test_whom_a_card_names_sees_it_under_their_key_of_the_directory(
    sqlite_store: Store, tmp_path: Path, reference: str, agency: str, name: str, listing: str | None
) -> None:
    organization = Organization(f"{TENANT}#Organization/bank-1", "Food bank 1", terms=KNOWN.terms[1:])
    there = replace(KNOWN, key=f"{TENANT}#HealthcareService/bank-1", organization=organization)
    cards = Cards(sqlite_store, tmp_path, {"performer": [{"reference": reference, "display": "As ordered"}]})
    assert cards.deliver(directory(KNOWN, there)) == {"taken over": 1}
    row = stored(sqlite_store, SUGGESTION)
    assert (row.agency, row.agency_name, row.listing) == (agency, name, listing)
    assert row.partner == ("" if name == "As ordered" else "food bank")
    with sqlite_store.read() as connection:
        (seen,), _ = listed(connection, Scope("volunteer", Role.AGENCY, agency))
    assert seen.id == SUGGESTION


def test_the_same_id_of_another_source_is_nobody(sqlite_store: Store, tmp_path: Path) -> None:
    cards = Cards(sqlite_store, tmp_path, {"performer": [{"reference": "Organization/bank-1"}]})
    cards.deliver(directory(KNOWN))
    assert stored(sqlite_store, SUGGESTION).agency == f"{TENANT}#Organization/bank-1"


CHOSEN = {"performer": [{"reference": f"Organization/{resource_id('dir#Organization/bank-1')}"}]}


def test_an_order_that_the_client_made_says_where_it_stands_and_whom_the_clinician_chose(sqlite_store: Store, tmp_path: Path) -> None:
    cards = Cards(sqlite_store, tmp_path, creates=("ServiceRequest",))
    assert cards.deliver(directory(KNOWN)) == {"taken over": 1}
    assert (stored(sqlite_store, SUGGESTION).agency, cards.follow(directory(KNOWN))) == (None, {})
    cards.sign("draft")
    assert cards.follow(directory(KNOWN)) == {}, "not signed yet"
    cards.sign(**CHOSEN)
    assert [cards.follow(directory(KNOWN)) for _ in range(2)] == [{"order found": 1}, {}]
    row = stored(sqlite_store, SUGGESTION)
    assert (row.request_place, row.agency, row.partner) == ("ServiceRequest/order-1", "dir#Organization/bank-1", "food bank")
    cards.deliver()
    (task,) = cards.ehr.of("Task")
    assert task["owner"] == CHOSEN["performer"][0]
    with sqlite_store.write() as connection:
        verify(connection)
        answer(
            connection,
            Scope("volunteer", Role.AGENCY, row.agency),
            Grip(row.id, row.version),
            Answer(Status.REJECTED, "not-eligible"),
            cards.at,
        )
    for _ in range(2):
        carry_out(sqlite_store, cards.outbox, cards.at)
        cards.deliver()
    assert (cards.ehr.of("Task")[0]["status"], cards.ehr.of("ServiceRequest")[0]["status"]) == ("rejected", "revoked")


def test_what_the_client_made_whole_is_followed_once_it_stands_on_its_server(sqlite_store: Store, tmp_path: Path) -> None:
    cards = Cards(sqlite_store, tmp_path, creates=("ServiceRequest", "Task"))
    assert cards.deliver(directory(KNOWN)) == {}
    cards.sign(**CHOSEN)
    task = {"resourceType": "Task", "id": "t1", "status": "draft", "for": {"reference": "Patient/ann"}}
    task["focus"] = {"reference": "ServiceRequest/order-1"}
    cards.ehr.store(task)
    assert cards.follow(directory(KNOWN)) == {}, "nobody is asked yet"
    cards.ehr.store(task | {"status": "requested"})
    assert [cards.follow(directory(KNOWN)) for _ in range(2)] == [{"taken over": 1}, {}]
    row = stored(sqlite_store, SUGGESTION)
    assert (row.state, row.task_place, row.request_place, row.agency) == (
        "requested",
        "Task/t1",
        "ServiceRequest/order-1",
        "dir#Organization/bank-1",
    )
    cards.ehr.agency("Task/t1", Status.ACCEPTED)
    cards.poll()
    assert stored(sqlite_store, SUGGESTION).state == "accepted"
    with sqlite_store.read() as connection:
        assert connection.scalars(select(STEPS.c.step)).all() == ["ordered"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"subject": {"reference": "Patient/bob"}}, {"failed": 1}),
        ({"identifier": [order_identifier("another")]}, {}),
        ({"status": "entered-in-error"}, {}),
    ],
)
def test_an_order_that_is_not_surely_the_one_is_left_alone(
    sqlite_store: Store, tmp_path: Path, more: dict[str, Any], told: dict[str, int]
) -> None:
    cards = Cards(sqlite_store, tmp_path, creates=("ServiceRequest",))
    cards.deliver()
    cards.ehr.store(ORDER | {"id": "order-1", "status": "active", "identifier": [order_identifier(SUGGESTION)]} | more)
    assert cards.follow() == told
    for id in ("twin-1", "twin-2"):
        cards.sign(id=id)
    for _ in range(2):
        assert cards.follow() == {"failed": 1}, "two of one name"
        cards.at += timedelta(days=91)
    assert stored(sqlite_store, SUGGESTION).attention is None


@pytest.mark.parametrize("tasks", [0, 2])
def test_what_is_signed_is_not_given_up_because_its_task_is_not_clear(sqlite_store: Store, tmp_path: Path, tasks: int) -> None:
    cards = Cards(sqlite_store, tmp_path, creates=("ServiceRequest", "Task"))
    cards.deliver()
    cards.sign()
    for number in range(tasks):
        task = {"resourceType": "Task", "id": f"t{number}", "status": "requested", "for": {"reference": "Patient/ann"}}
        cards.ehr.store(task | {"focus": {"reference": "ServiceRequest/order-1"}})
    assert cards.follow() == ({"failed": 1} if tasks else {})
    cards.at += timedelta(days=91)
    assert [cards.follow() for _ in range(2)] == [{"failed": 1}] * 2
    cards.ehr.held = {place: each for place, each in cards.ehr.held.items() if place not in ("Task/t0", "Task/t1")}
    task = {"resourceType": "Task", "id": "t2", "status": "requested", "for": {"reference": "Patient/ann"}}
    cards.ehr.store(task | {"focus": {"reference": "ServiceRequest/order-1"}})
    assert cards.follow() == {"taken over": 1}


def test_an_order_that_is_found_is_a_step(sqlite_store: Store, tmp_path: Path) -> None:
    cards = Cards(sqlite_store, tmp_path, creates=("ServiceRequest",))
    cards.deliver()
    before = stored(sqlite_store, SUGGESTION).version
    cards.sign(**CHOSEN)
    cards.follow(directory(KNOWN))
    with sqlite_store.write() as connection:
        found = one(connection, CARE, SUGGESTION, cards.at)
    assert (found.row.version, [each.step for each in found.history]) == (before + 1, ["moved", "order found"])
    owner = next(each for each in cards.outbox.ledger.waiting(policy(TENANT)) if each.kind == "Change")
    assert owner.body["only_if"] == {"status": ["requested"]}, "who has answered keeps it"


@pytest.mark.parametrize("to", [Status.ACCEPTED, Status.REJECTED])
def test_an_order_that_comes_too_late_changes_nothing_that_was_decided_meanwhile(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: Status
) -> None:
    """Between the look at the server and the transaction somebody else moves it."""
    cards = Cards(sqlite_store, tmp_path, creates=("ServiceRequest",))
    cards.deliver()
    cards.sign(**CHOSEN)
    look_for = Orders._order

    def meanwhile(orders: Orders, suggestion: str, patient: str) -> Any:
        cards.ehr.agency(str(stored(sqlite_store, SUGGESTION).task_place), to)
        cards.poll()
        return look_for(orders, suggestion, patient)

    monkeypatch.setattr(Orders, "_order", meanwhile)
    found = cards.follow(directory(KNOWN))
    row = stored(sqlite_store, SUGGESTION)
    if to is Status.ACCEPTED:
        assert (found, row.state, row.agency) == ({"order found": 1}, "accepted", "dir#Organization/bank-1")
    else:
        assert (found, row.state, row.agency, row.request_place) == ({}, "rejected", None, None)
    assert [each.kind for each in cards.outbox.ledger.waiting(policy(TENANT))] == [], "whose it is they know themselves"
    with sqlite_store.read() as connection:
        versions = connection.scalars(select(HISTORY.c.version).where(HISTORY.c.referral == SUGGESTION)).all()
    assert sorted(versions) == list(range(1, row.version + 1))


ODD = [None], ["x"], {"display": "x"}, [{"display": 7}], [{"reference": f"Organization/{'8' * 201}"}]


@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("creates", [("ServiceRequest",), ("ServiceRequest", "Task")])
def test_an_order_that_is_not_as_it_should_be_stops_nothing(
    sqlite_store: Store, tmp_path: Path, odd: Any, creates: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    cards = Cards(sqlite_store, tmp_path, creates=creates)
    cards.deliver()
    cards.sign(performer=odd)
    task = {"resourceType": "Task", "id": "t1", "status": "requested", "for": {"reference": "Patient/ann"}}
    cards.ehr.store(task | {"focus": {"reference": "ServiceRequest/order-1"}})
    there = Organization(f"{TENANT}#Organization/{'8' * 201}", "Food bank 1", terms=KNOWN.terms[1:])
    assert cards.follow(directory(replace(KNOWN, organization=there))) == {"failed": 1}
    assert f"task_not_taken_in tenant={TENANT}" in caplog.text
    assert "ann" not in caplog.text
    cards.sign(**CHOSEN)
    assert cards.follow(directory(KNOWN)).total() == 1


@pytest.mark.parametrize("creates", [("ServiceRequest",), ("ServiceRequest", "Task")])
def test_an_order_that_was_never_signed_is_given_up_and_that_is_told_once(
    sqlite_store: Store, tmp_path: Path, creates: tuple[str, ...]
) -> None:
    cards = Cards(sqlite_store, tmp_path, creates=creates)
    cards.deliver()
    cards.sign("draft")
    cards.at += timedelta(days=89)
    assert cards.follow() == {}
    cards.at += timedelta(days=1)
    assert cards.follow() == {"never signed": 1}
    asked = cards.ehr.asked
    assert (cards.follow(), cards.ehr.asked) == ({}, asked), "nobody asks any more"
    if "Task" in creates:
        with sqlite_store.read() as connection:
            assert connection.scalars(select(HANDOVERS.c.state)).all() == ["given-up"]
    else:
        assert stored(sqlite_store, SUGGESTION).attention == "no-order"


def test_a_cards_referral_waits_until_another_for_the_same_need_is_over(sqlite_store: Store, tmp_path: Path) -> None:
    sent(sqlite_store)
    cards = Cards(sqlite_store, tmp_path)
    assert cards.deliver() == {"another is open": 1}


@pytest.mark.parametrize("engine", ["reference", "durable", "verify"])
def test_every_engine_takes_the_step(engine: str) -> None:
    if engine != "reference" and why_unavailable():
        pytest.skip(why_unavailable())
    with answers_by(engine) as answers:
        found = next_step(Situation(Status.REQUESTED, NOON.date() - timedelta(days=10)), NOON.date(), answers)
    assert found is Step.NUDGE


def test_where_durable_rules_cannot_run_the_meaning_does(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("rules.engines.rete.why_unavailable", lambda: "not on this machine")
    with caplog.at_level(logging.WARNING), answers_by("verify") as answers:
        assert next_step(Situation(Status.COMPLETED), NOON.date(), answers) is Step.ASK
    assert "timers_by_meaning_alone not on this machine" in caplog.text


def test_engines_that_disagree_are_told_and_the_meaning_stands(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    if why_unavailable():
        pytest.skip(why_unavailable())
    monkeypatch.setattr("rules.engines.rete.DurableRules.answers", lambda *_: dict.fromkeys(Step))
    with answers_by("verify") as answers:
        assert next_step(Situation(Status.COMPLETED), NOON.date(), answers) is Step.ASK
    assert "engines_disagree what=referral_step" in caplog.text


def test_an_operator_runs_the_timers_and_lists_what_is_to_be_looked_at(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ALMONER_ENGINE", "reference")
    id = sent(sqlite_store)
    ran = CliRunner().invoke(command, ["timers", "--as-of", "2026-07-11"], catch_exceptions=False)
    assert (ran.exit_code, ran.stdout.splitlines()) == (0, ["due: 1 nudge", "to the EHR: 1 put"])
    shown = CliRunner().invoke(command, ["list", "--view", "attention"], catch_exceptions=False)
    assert shown.stdout == f"{id}  requested         {NEED}  food bank  due 2026-07-16  nudged\n"
    assert proposal().patient not in shown.stdout


@pytest.fixture
def east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine thirteen hours east."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "EAST-13")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("sqlite_store", "east")
def test_a_day_is_that_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ALMONER_ENGINE", "reference")
    told: list[datetime] = []

    def ran(_store: Store, _directory: Any, at: datetime, _answers: Any) -> Counter[str]:
        told.append(at)
        return Counter()

    monkeypatch.setattr("plugin.cli.refer.run", ran)
    CliRunner().invoke(command, ["timers", "--as-of", "2026-07-11"], catch_exceptions=False)
    assert [(at.date().isoformat(), at.utcoffset()) for at in told] == [("2026-07-11", timedelta(hours=13))]


def test_without_servers_there_is_nobody_to_ask(sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path / "state"))
    ran = CliRunner().invoke(command, ["poll"], catch_exceptions=False)
    assert (ran.exit_code, ran.stdout.splitlines()) == (0, ["to the EHR: nothing new"] * 2)


def test_a_server_that_does_not_answer_is_told_of(sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "almoner.yaml"
    config.write_text(f"state: {tmp_path / 'state'}\nservers:\n  {TENANT}:\n    base_url: http://127.0.0.1:9/fhir\n", encoding="utf-8")
    monkeypatch.setenv("ALMONER_CONFIG", str(config))
    id = sent(sqlite_store)
    with sqlite_store.write() as connection:
        connection.exec_driver_sql("UPDATE referrals SET task_place = 'Task/7'")
    ran = CliRunner().invoke(command, ["poll", "--config", str(config)], catch_exceptions=False)
    assert ran.exit_code == 4
    assert f"{TENANT}: " in ran.stderr
    assert stored(sqlite_store, id).state == "requested"


def test_an_order_that_was_never_signed_ends_the_command_with_1_once(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = Cards(sqlite_store, tmp_path, creates=("ServiceRequest", "Task"))
    long_ago = datetime.now(UTC) - SIGNED_WITHIN - timedelta(days=1)
    servers, clients = {TENANT: {"base_url": "http://clinic.example/fhir"}}, {"clinic": {"server": TENANT}}
    config = tmp_path / "almoner.yaml"
    config.write_text(json.dumps({"state": str(tmp_path / "state"), "servers": servers, "cds": {"clients": clients}}))
    found = SimpleNamespace(server=cards.ehr, connection=SimpleNamespace(tenant=TENANT))
    monkeypatch.setattr("plugin.cli.refer.open_for", lambda _settings, _name, _needs: found)
    told = []
    for accepted in (datetime.now(UTC), long_ago, long_ago):
        with sqlite_store.write() as connection:
            connection.execute(update(HANDOVERS).values(accepted=accepted))
            connection.execute(update(POLLS).values(at=datetime.now(UTC) - timedelta(hours=1)))
        ran = CliRunner().invoke(command, ["poll", "--config", str(config)], catch_exceptions=False)
        told.append((ran.exit_code, [line for line in ran.stdout.splitlines() if "orders" in line]))
    nothing = [f"{TENANT}, orders: nothing new"]
    assert told == [(0, nothing), (1, [f"{TENANT}, orders: 1 never signed"]), (0, nothing)]


def test_a_notification_of_a_task_is_taken_in_and_the_person_looked_at_again(sqlite_store: Store, tmp_path: Path) -> None:
    cards = Cards(sqlite_store, tmp_path)
    cards.deliver()
    place = str(stored(sqlite_store, SUGGESTION).task_place)
    cards.ehr.agency(place, Status.ACCEPTED)
    server = cast(FhirServer, cards.ehr)
    inbox = Inbox(tmp_path / "subscriptions.sqlite")
    inbox.expect("tasks", TENANT, "secret", "Task?status=accepted")
    inbox.receive("tasks", read_notification(None, place))
    looked_at: list[tuple[str, str]] = []

    def hear(name: str, focus: str) -> None:
        assert heard(sqlite_store, server, name, focus, cards.at) == "moved"

    found = look(inbox, lambda _: server, lambda name, patient: looked_at.append((name, patient)), hear)
    assert (found.people, looked_at) == (1, [(TENANT, "ann")])
    assert stored(sqlite_store, SUGGESTION).state == "accepted"
    assert inbox.pending() == []


def test_a_task_that_cannot_be_read_now_is_looked_at_later(sqlite_store: Store, tmp_path: Path) -> None:
    ehr = MemoryEhr()
    ehr.down = True
    server = cast(FhirServer, ehr)
    inbox = Inbox(tmp_path / "subscriptions.sqlite")
    inbox.expect("tasks", TENANT, "secret", "Task?status=accepted")
    inbox.receive("tasks", read_notification(None, "Task/7"))

    def hear(name: str, focus: str) -> None:
        heard(sqlite_store, server, name, focus, NOON)

    found = look(inbox, lambda _: server, lambda *_: None, hear)
    assert (found.put_off, found.people) == (1, 0)
