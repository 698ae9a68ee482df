"""The outbox's file: who may take what, and what becomes of it."""

import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from support.writeback import OPEN, referral, task

from fhir_adapters.errors import AdapterError
from fhir_adapters.writeback import Outbox, Policy, State
from fhir_adapters.writeback.ledger import LeaseLost, Ledger
from fhir_adapters.writeback.states import Claim, Settled


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger(tmp_path / "deep" / "outbox.sqlite", clock=clock)


def patients(claims: list[Claim]) -> list[str]:
    return [claim.patient for claim in claims]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "outbox.sqlite")
    ledger.add(task())
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_the_first_of_the_same_stays(ledger: Ledger) -> None:
    assert ledger.add(task(run="run-1"))
    assert not ledger.add(task(run="run-2"))
    assert [row.run for row in ledger.rows()] == ["run-1"]


def test_a_decision_and_its_intents_are_written_together_or_not_at_all(ledger: Ledger) -> None:
    def decide(fails: bool) -> None:
        with ledger.transaction() as transaction:
            transaction.execute("CREATE TABLE IF NOT EXISTS decisions (patient TEXT)")
            transaction.execute("INSERT INTO decisions VALUES ('ann')")
            ledger.add(task(), transaction)
            if fails:
                raise KeyError

    with pytest.raises(KeyError):
        decide(fails=True)
    assert ledger.rows() == []
    decide(fails=False)
    assert len(ledger.rows()) == 1


def test_a_patient_is_one_writers_at_a_time(ledger: Ledger) -> None:
    for patient, episode in [("ann", "1"), ("ann", "2"), ("bob", "1")]:
        ledger.add(task(patient, episode))
    (first,) = ledger.claim(OPEN, 1)
    assert patients(ledger.claim(OPEN, 9)) == ["bob"]
    ledger.settle(first, Settled(State.SENT))
    assert patients(ledger.claim(OPEN, 9)) == ["ann"]


def test_whose_lease_ran_out_is_not_heard_any_more(ledger: Ledger, clock: Clock) -> None:
    ledger.add(task())
    (slow,) = ledger.claim(OPEN, 1)
    clock.now += OPEN.lease
    (quick,) = ledger.claim(OPEN, 1)
    assert (slow.fence, quick.fence, quick.attempts) == (1, 2, 2)
    for late in (
        lambda: ledger.settle(slow, Settled(State.PARKED)), lambda: ledger.hold([slow], 9), lambda: ledger.landed(slow, "Task/1"),
    ):  # fmt: skip
        with pytest.raises(LeaseLost):
            late()
    ledger.settle(quick, Settled(State.SENT))
    with pytest.raises(LeaseLost):
        ledger.settle(quick, Settled(State.PARKED))
    assert ledger.rows()[0].state is State.SENT


def test_a_lease_can_be_held_longer(ledger: Ledger, clock: Clock) -> None:
    ledger.add(task())
    claims = ledger.claim(OPEN, 1)
    clock.now += OPEN.lease - 1
    ledger.hold(claims, OPEN.lease)
    clock.now += OPEN.lease - 1
    assert ledger.claim(OPEN, 1) == []


def test_what_waits_is_due_later(ledger: Ledger, clock: Clock) -> None:
    ledger.add(task())
    (claim,) = ledger.claim(OPEN, 1)
    ledger.settle(claim, Settled(State.PENDING, "server", 10))
    assert ledger.claim(OPEN, 1) == []
    clock.now += 10
    assert patients(ledger.claim(OPEN, 1)) == ["ann"]


def test_nothing_goes_before_what_it_needs(ledger: Ledger) -> None:
    request, follow_up = referral()
    ledger.add(follow_up)
    assert ledger.claim(OPEN, 9) == [], "what it needs is not even here"
    ledger.add(request)
    (only,) = ledger.claim(OPEN, 1)
    assert only.type == "ServiceRequest"
    ledger.landed(only, "ServiceRequest/5")
    ledger.settle(only, Settled(State.SENT))
    (then,) = ledger.claim(OPEN, 9)
    assert then.needs == {request.key.id: "ServiceRequest/5"}


def test_only_what_is_allowed_at_this_connection_is_taken(ledger: Ledger) -> None:
    ledger.add(task())
    ledger.add(task(tenant="south"))
    assert ledger.claim(Policy("north"), 9) == []
    assert ledger.claim(Policy("north", frozenset({"ServiceRequest"})), 9) == []
    assert len(ledger.claim(OPEN, 9)) == 1


def test_beyond_a_ceiling_a_person_must_look(ledger: Ledger, clock: Clock) -> None:
    for number in range(5):
        ledger.add(task(f"p{number}", run="wild"))
    few = replace(OPEN, per_run=3)
    assert len(ledger.claim(few, 2)) == 2
    assert len(ledger.claim(few, 9)) == 1
    parked = ledger.rows(states=[State.PARKED])
    assert [row.reason for row in parked] == ["ceiling-run"] * 2
    ledger.retry(parked[0].id)
    assert ledger.claim(few, 9) == []
    ledger.retry(parked[0].id)
    assert len(ledger.claim(OPEN, 9)) == 1


def test_one_patient_is_not_flooded(ledger: Ledger, clock: Clock) -> None:
    few = replace(OPEN, per_patient=2, patient_window=timedelta(days=7))
    for number in range(3):
        ledger.add(task(episode=str(number), run=f"run-{number}"))
    assert len(ledger.claim(few, 9)) == 2
    assert [row.reason for row in ledger.rows(states=[State.PARKED])] == ["ceiling-patient"]
    clock.now += few.patient_window.total_seconds() + few.lease
    ledger.add(task("ann", "new"))
    assert len(ledger.claim(few, 9)) == 3


def test_what_was_confirmed_is_forgotten(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add(task(description="ZZ" + "CANARY"))
    (claim,) = ledger.claim(OPEN, 1)
    ledger.landed(claim, "Task/1")
    ledger.settle(claim, Settled(State.SENT))
    ledger.found(claim.id, ["Task/1", "Task/2"])
    with closing(sqlite3.connect(tmp_path / "deep" / "outbox.sqlite")) as database:
        (row,) = database.execute("SELECT body, provenance FROM intents").fetchall()
    assert row == (None, None)
    (status,) = ledger.rows()
    assert (status.state, status.duplicates) == (State.CONFIRMED, ("Task/2",))
    assert not ledger.retry(claim.id)


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    Ledger(path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(AdapterError, match="newer"):
        Ledger(path)


def test_many_at_once_take_each_row_once(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    for number in range(40):
        Ledger(path).add(task(f"p{number}"))
    taken: list[str] = []

    def take() -> None:
        ledger = Outbox.at(path).ledger
        while claims := ledger.claim(OPEN, 3):
            taken.extend(claim.id for claim in claims)
            for claim in claims:
                ledger.settle(claim, Settled(State.SENT))

    threads = [Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(task(f"p{number}").key.id for number in range(40))
