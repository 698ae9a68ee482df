"""The same request sent again does nothing twice, on SQLite and on PostgreSQL; what was refused, or died on the way, can be sent again."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from support.access import account
from support.api import Program, program

from plugin.access import Role, Scope
from plugin.api import once
from plugin.outreach import forms
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.api import REQUESTS
from plugin.store.tables.outreach import ATTEMPTS

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
ANSWER = {"id": "x", "version": 2}
TRIED = {"channel": "phone", "outcome": "no-answer"}


@pytest.fixture
def ann(store: Store) -> Scope:
    return account(store, "ann").scope


def claimed(store: Store, scope: Scope, key: str = "k", asked: str = "a", after: timedelta = timedelta()) -> Any:
    with store.write() as connection:
        return once.claim(connection, scope, key, asked, NOON + after)


def kept(store: Store, claim: once.Claim) -> None:
    with store.write() as connection:
        once.keep(connection, claim, ANSWER)


def test_what_was_done_is_answered_again_for_a_day(store: Store, ann: Scope) -> None:
    kept(store, claimed(store, ann))
    assert claimed(store, ann, after=timedelta(hours=23)) == ANSWER
    with pytest.raises(once.AnotherRequest):
        claimed(store, ann, asked="b")
    assert isinstance(claimed(store, ann, key="another"), once.Claim)
    assert isinstance(claimed(store, ann, after=timedelta(hours=24)), once.Claim)


def test_a_key_is_that_of_one_account(store: Store, ann: Scope) -> None:
    kept(store, claimed(store, ann))
    assert isinstance(claimed(store, account(store, "bo").scope), once.Claim)


def test_what_is_being_worked_on_is_not_done_beside_it(store: Store, ann: Scope) -> None:
    first = claimed(store, ann)
    with pytest.raises(once.InFlight):
        claimed(store, ann, after=timedelta(seconds=29))
    second = claimed(store, ann, after=timedelta(seconds=30))
    assert isinstance(second, once.Claim), "the process of the first one died"
    with pytest.raises(once.InFlight):
        kept(store, first)
    kept(store, second)
    assert claimed(store, ann, after=timedelta(minutes=1)) == ANSWER


def test_what_was_refused_gives_its_key_back_and_what_was_done_does_not(store: Store, ann: Scope) -> None:
    first = claimed(store, ann)
    with store.write() as connection:
        once.give_back(connection, first)
    second = claimed(store, ann, asked="b")
    kept(store, second)
    with store.write() as connection:
        once.give_back(connection, second)
    assert claimed(store, ann, asked="b") == ANSWER


def test_a_key_that_is_given_back_meanwhile_is_told_as_taken(store: Store, ann: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "insert_one", lambda *_: False)
    with pytest.raises(once.InFlight):
        claimed(store, ann)


def test_what_is_over_is_forgotten_and_keys_are_kept_as_hashes(store: Store, ann: Scope) -> None:
    kept(store, claimed(store, ann, key="Ann-Lee"))
    with store.write() as connection:
        assert "Ann" not in str(connection.execute(select(REQUESTS)).all())
        assert once.forget(connection, NOON + timedelta(hours=23)) == 0
        assert once.forget(connection, NOON + timedelta(hours=24)) == 1


def path_of(staff: Program) -> str:
    return f"/conversations/{staff.read('/conversations?sort=priority')['items'][1]['id']}"


class TestOverHttp:
    """What a program sees of it."""

    @pytest.fixture
    def store(self, app: Flask) -> Store:
        from support.access import store_of

        return store_of(app)

    def test_a_deed_sent_twice_is_done_once(self, staff: Program, store: Store) -> None:
        path = path_of(staff)
        first = staff.do(f"{path}/attempt", 1, TRIED, key="one")
        again = staff.do(f"{path}/attempt", 1, TRIED, key="one")
        assert (first.status_code, again.status_code) == (200, 200)
        assert (first.data, first.headers["ETag"]) == (again.data, again.headers["ETag"])
        with store.read() as connection:
            assert connection.scalar(select(func.count()).select_from(ATTEMPTS)) == 1
            done = select(func.count()).select_from(AUDIT).where(AUDIT.c.action == "episode.attempt")
            assert connection.scalar(done) == 1

    def test_another_request_of_the_same_key_is_refused(self, staff: Program) -> None:
        path = path_of(staff)
        assert staff.do(f"{path}/attempt", 1, TRIED, key="one").status_code == 200
        for verb, version, body in (("attempt", 1, {**TRIED, "note": "x"}), ("attempt", 2, TRIED), ("claim", 1, None)):
            assert staff.do(f"{path}/{verb}", version, body, key="one").status_code == 422

    def test_the_key_of_another_account_is_another_key(self, app: Flask, staff: Program) -> None:
        path = path_of(staff)
        assert staff.do(f"{path}/claim", 1, key="one").status_code == 200
        assert program(app, Role.CLINICIAN).do(f"{path}/claim", 1, key="one").status_code == 412

    def test_what_was_refused_can_be_sent_again_with_its_key(self, staff: Program) -> None:
        path = path_of(staff)
        assert staff.do(f"{path}/close", 7, {"ending": "helped"}, key="one").status_code == 412
        assert staff.do(f"{path}/close", 1, {"ending": "helped"}, key="one").status_code == 200

    @pytest.mark.parametrize("key", ["x" * 256, "a\tb"])
    def test_a_key_that_is_none_is_refused(self, staff: Program, key: str) -> None:
        assert staff.do(f"{path_of(staff)}/claim", 1, key=key).status_code == 400

    def test_the_same_request_at_the_same_time_is_told_to_wait(self, app: Flask, staff: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        path = path_of(staff)
        meanwhile: list[int] = []
        claim = forms.VERBS["claim"]

        def slow(deed: forms.Deed) -> int:
            """While it is done, somebody reads in another thread whether the key is taken: SQLite lets nobody write beside it."""
            thread = threading.Thread(target=lambda: meanwhile.append(in_flight(app)))
            thread.start()
            thread.join()
            return claim(deed)

        monkeypatch.setattr(forms, "VERBS", {**forms.VERBS, "claim": slow})
        assert staff.do(f"{path}/claim", 1, key="one").status_code == 200
        assert meanwhile == [1]
        assert in_flight(app) == 0

    def test_a_claim_of_a_living_process_is_answered_409(self, app: Flask, staff: Program, store: Store) -> None:
        path = path_of(staff)
        assert staff.do(f"{path}/claim", 1, key="one").status_code == 200
        with store.write() as connection:
            connection.execute(REQUESTS.update().values(answer=None))
        answer = staff.do(f"{path}/claim", 1, key="one")
        assert answer.status_code == 409
        assert "being worked on" in answer.text

    @pytest.mark.parametrize("defect", [ZeroDivisionError("division by zero"), ValueError("invalid literal for int(): 'Ann Lee'")], ids=str)
    def test_a_defect_of_ours_gives_the_key_back(
        self, app: Flask, staff: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, defect: Exception
    ) -> None:
        """It is told under an id with which it can be found in the log, and nothing of its text is."""

        def broken_claim(_: forms.Deed) -> int:
            raise defect

        path = path_of(staff)
        with monkeypatch.context() as broken:
            broken.setattr(forms, "VERBS", {**forms.VERBS, "claim": broken_claim})
            sent = {"Authorization": f"Bearer {staff.token}", "If-Match": '"1"', "Idempotency-Key": "one"}
            answer = staff.client.post(f"/api/v1{path}/claim", headers=sent)
        assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
        assert "Ann" not in answer.text + caplog.text
        assert answer.headers["X-Almoner-Error-Id"] in caplog.text
        assert staff.do(f"{path}/claim", 1, key="one").status_code == 200


def in_flight(app: Flask) -> int:
    """How many requests are being worked on."""
    from support.access import store_of

    with store_of(app).read() as connection:
        return int(connection.scalar(select(func.count()).select_from(REQUESTS).where(REQUESTS.c.answer.is_(None))) or 0)
