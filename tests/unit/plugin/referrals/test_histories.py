"""Random histories of referrals: sends, answers on both sides, polls, timers, crashes, lost answers and late ones.

Whatever happens, in the end every referral is in one state, the same here and on the server, with one order and one Task there.
"""

import shutil
import tempfile
from collections import Counter
from contextlib import nullcontext, suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select
from support.databases import Templates
from support.referral_ehr import Crash, MemoryEhr, policy
from support.referrals import CARE, NOON, TENANT, agency, bank, consent, directory, proposal

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.referral_states import MAY_SET, OPEN, IllegalMove, Side, Status, leads
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback import Outbox, State
from plugin.access import verify
from plugin.outreach.acting import NotNow
from plugin.referrals import carrying
from plugin.referrals.acting import Answer, Grip, answer, cancel, send
from plugin.referrals.carrying import carry_out
from plugin.referrals.moving import Output
from plugin.referrals.polling import poll
from plugin.referrals.proposing import propose
from plugin.referrals.reading import NoSuchReferral
from plugin.referrals.timers import run
from plugin.referrals.withholding import Withholding
from plugin.referrals.words import status_reason
from plugin.store import open_store
from plugin.store.tables.referrals import QUARANTINE, REFERRALS

pytestmark = pytest.mark.slow

PEOPLE = ["ann", "ben", "cal"]
FATES = ["done", "done", "lost before", "lost after", "crash before", "crash after"]
REFUSALS: tuple[type[Exception], ...] = (NotNow, IllegalMove, NoSuchReferral)
fates = st.lists(st.sampled_from(FATES), max_size=4)
_MEMORY = Path("/dev/shm")  # noqa: S108 a file system in memory, if there is one: thousands of transactions
_PLACE = str(_MEMORY) if _MEMORY.is_dir() else None


def next_of(state: str, turn: int) -> Status:
    """One of the steps that an agency may take from there."""
    found = sorted(to for to in MAY_SET[Side.TARGET] if leads(Status(state), to))
    return found[turn % len(found)]


@cache
def templates() -> Templates:
    return Templates(Path(tempfile.mkdtemp(dir=_PLACE)))


class Histories(RuleBasedStateMachine):
    """Staff, three agencies on our page and on the server, timers, and a network that is not to be trusted."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=_PLACE))
        self.store = open_store(templates().of(self.folder))
        self.at = NOON
        self.ehr = MemoryEhr()
        self.server = cast(FhirServer, self.ehr)
        self.outbox = Outbox.at(self.folder / "outbox.sqlite", clock=lambda: self.at.timestamp())
        self.services = directory(bank(1), bank(2), bank(3))
        self.number = 0
        self.seen: dict[str, str] = {}
        with self.store.write() as connection:
            for patient in PEOPLE:
                consent(connection, patient)
        for patient in PEOPLE:
            self.refer(patient, dies=False)
        self.deliver([], dies=False)
        self.ask(down=False, searches=True)

    def rows(self, *conditions: Any) -> list[Any]:
        with self.store.read() as connection:
            return list(connection.execute(select(REFERRALS).where(*conditions).order_by(REFERRALS.c.created, REFERRALS.c.id)))

    @rule(patient=st.sampled_from(PEOPLE), dies=st.sampled_from([False, False, True]))
    def refer(self, patient: str, dies: bool) -> None:
        """Now and then the process dies before the transaction is over: then nothing happened."""
        self.number += 1
        wish = proposal(patient, message=str(self.number))
        had = bool(self.rows(REFERRALS.c.patient == patient, REFERRALS.c.state.in_(OPEN)))
        with suppress(Crash, NotNow), self.store.write() as connection:
            send(connection, CARE, Grip(wish.id, propose(connection, CARE, wish, self.at)), self.at)
            assert not had
            if dies:
                raise Crash
        assert bool(self.rows(REFERRALS.c.id == wish.id)) == (not had and not dies)

    @rule(which=st.integers(0, 5), turn=st.integers(0, 5))
    def answer_here(self, which: int, turn: int) -> None:
        rows = self.rows(REFERRALS.c.state.in_(OPEN))
        if rows:
            row = rows[which % len(rows)]
            told = Answer(next_of(row.state, turn), "no-capacity", outputs=(Output("resulting-activity", {"text": "x"}),))
            scope = agency(int(row.agency.rpartition("-")[2]))
            with suppress(*REFUSALS), self.store.write() as connection:
                answer(connection, scope, Grip(row.id, row.version), told, self.at)

    @rule(which=st.integers(0, 5), turn=st.integers(0, 5), full=st.booleans(), silent=st.booleans())
    def answer_there(self, which: int, turn: int, full: bool, silent: bool) -> None:
        """On the server, whatever we know of it; sometimes they do not say what came of it."""
        tasks = [task for task in self.ehr.of("Task") if task["status"] in OPEN]
        if tasks:
            task = tasks[which % len(tasks)]
            why = status_reason("no-capacity" if full else "not-eligible", None)
            self.ehr.agency(f"Task/{task['id']}", next_of(task["status"], turn), outputs=int(not silent), legal=False, reason=why)

    @rule(which=st.integers(0, 5))
    def take_back(self, which: int) -> None:
        rows = self.rows(REFERRALS.c.state.in_(OPEN))
        if rows:
            row = rows[which % len(rows)]
            with suppress(*REFUSALS), self.store.write() as connection:
                cancel(connection, CARE, Grip(row.id, row.version), "no-longer-wanted", self.at)

    @rule(fates=fates, dies=st.booleans())
    def deliver(self, fates: list[str], dies: bool) -> None:
        """``dies``: as soon as something is in the outbox, before that is noted."""
        self.ehr.fates = fates
        with suppress(Crash):
            with patch.object(carrying, "_mark", side_effect=Crash) if dies else nullcontext():
                carry_out(self.store, self.outbox, self.at)
            self.at += timedelta(seconds=2)
            gate = Withholding(lambda: self.store, TENANT, lambda: self.at)
            self.outbox.deliver(self.server, policy(TENANT), gate=gate, commit=True)
        self.ehr.fates = []

    @rule(down=st.booleans(), searches=st.booleans())
    def ask(self, down: bool, searches: bool) -> None:
        self.at += timedelta(minutes=20)
        self.ehr.now += timedelta(minutes=20)
        self.ehr.down, self.ehr.searches = down, searches
        with suppress(EhrUnavailable):
            poll(self.store, self.server, TENANT, self.at)
        self.ehr.down = False
        self.ehr.searches = True

    @rule(days=st.sampled_from([0, 1, 5, 10]))
    def time_passes(self, days: int) -> None:
        self.at += timedelta(days=days)
        self.ehr.now += timedelta(days=days)
        run(self.store, self.services, self.at)

    @invariant()
    def nobody_is_referred_twice_for_one_need(self) -> None:
        if hasattr(self, "store"):
            assert max(Counter(row.patient for row in self.rows(REFERRALS.c.state.in_(OPEN))).values(), default=0) <= 1
            carried = [each["value"] for held in self.ehr.held.values() for each in held["identifier"]]
            assert max(Counter(carried).values(), default=0) <= 1

    @invariant()
    def what_has_ended_there_stays_ended(self) -> None:
        if hasattr(self, "ehr"):
            for task in self.ehr.of("Task"):
                before = self.seen.get(task["id"])
                assert before is None or Status(before) in OPEN or task["status"] == before
                self.seen[task["id"]] = task["status"]

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        for _ in range(14):
            self.at += timedelta(hours=1)
            self.deliver([], dies=False)
            self.ask(down=False, searches=True)
        assert {row.state for row in self.rows(REFERRALS.c.task_place.is_(None))} <= {"cancelled"}, "taken back before anybody heard of it"
        rows = self.rows(REFERRALS.c.task_place.is_not(None))
        tasks = {f"Task/{each['id']}": each for each in self.ehr.of("Task")}
        assert {row.task_place: row.state for row in rows} == {place: each["status"] for place, each in tasks.items()}
        assert all(row.there == row.state for row in rows)
        orders = {f"ServiceRequest/{each['id']}": each["status"] for each in self.ehr.of("ServiceRequest")}
        ended = {row.request_place for row in self.rows(REFERRALS.c.task_place.is_(None), REFERRALS.c.request_place.is_not(None))}
        assert {row.request_place for row in rows} | ended == set(orders)
        assert all((orders[row.request_place] == "active") == (row.state in OPEN) for row in rows)
        assert {orders[place] for place in ended} <= {"revoked"}, "it was taken back before its Task could follow"
        assert {row.reason for row in self.outbox.ledger.rows(states=[State.PARKED])} <= {"no-longer-fits", "withheld-taken-back"}
        assert not self.outbox.ledger.rows(states=[State.PENDING, State.SENDING])
        with self.store.read() as connection:
            verify(connection)
            aside = connection.execute(select(QUARANTINE.c.reason, func.count()).group_by(QUARANTINE.c.reason)).all()
        assert {reason for reason, _ in aside} <= {"overtaken"}, "the agencies do nothing that cannot be"
        self.store.close()
        shutil.rmtree(self.folder)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=15, stateful_step_count=20)
