"""Many programs at one time, on SQLite and on PostgreSQL: each deed happens once, and the record stays whole."""

import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from support import referrals as given
from support.access import account, store_of
from support.api import Program, token_of

from plugin.access import verify
from plugin.app import create_app
from plugin.runtime import Runtime
from plugin.settings import AccessSettings, Settings
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.referrals import REFERRALS
from plugin.sweep.published import Published
from rules.engines import engine

MANY = 8


@pytest.fixture
def app(store: Store, tmp_path: Path) -> Iterator[Flask]:
    url = store.engine.url.render_as_string(hide_password=False)
    settings = Settings(state=tmp_path, database=url, access=AccessSettings(mode="local"))
    made = create_app(Runtime(settings, (), engine("reference"), Published(tmp_path)))
    yield made
    store_of(made).close()


@pytest.fixture
def staff(app: Flask, store: Store) -> Program:
    account(store, "ann")
    return Program(app.test_client(), token_of(store, "ann", datetime.now(UTC)))


def all_at_once(app: Flask, staff: Program, id: str, version: int, keys: list[str]) -> Counter[int]:
    """The same deed, sent with each of these keys; how often it was answered how."""

    def send(key: str) -> int:
        path = f"/referrals/{id}/cancel"
        return Program(app.test_client(), staff.token).do(path, version, {"reason_code": "mistake"}, key=key).status_code

    with ThreadPoolExecutor(MANY) as threads:
        return Counter(threads.map(send, keys))


def cancelled(store: Store) -> int:
    with store.read() as connection:
        assert verify(connection) > 0
        moved = select(AUDIT.c.detail).where(AUDIT.c.action == "referral.moved")
        return sum(detail["to"] == "cancelled" for detail in connection.scalars(moved))


def test_one_request_sent_many_times_is_done_once(app: Flask, staff: Program, store: Store) -> None:
    id = given.sent(store)
    answers = all_at_once(app, staff, id, given.stored(store, id).version, ["one"] * MANY)
    assert set(answers) <= {200, 409}
    assert answers[200] >= 1
    assert cancelled(store) == 1


def test_of_many_deeds_on_one_version_one_is_done_and_the_others_are_told(app: Flask, staff: Program, store: Store) -> None:
    id = given.sent(store)
    answers = all_at_once(app, staff, id, given.stored(store, id).version, [str(uuid.uuid4()) for _ in range(MANY)])
    assert answers == {200: 1, 412: MANY - 1}
    assert cancelled(store) == 1
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(REFERRALS).where(REFERRALS.c.state == "cancelled")) == 1
