"""Killed at any moment while people act: the record of who did what verifies, and tells of exactly what is kept.

``ALMONER_KILLS=300`` for the long form.
"""

import os
import random
import re
from collections import Counter
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Table, func, select
from support.actor import PEOPLE, Actor, name_of
from support.referrals import episode

from plugin.access import verify
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.outreach import ATTEMPTS, EPISODES, RESTRICTIONS
from plugin.store.tables.referrals import CONSENTS, HISTORY, OUTPUTS, REFERRALS

KILLS = int(os.environ.get("ALMONER_KILLS", "16"))
SEED = int(os.environ.get("ALMONER_KILLS_SEED", "7"))
pytestmark = pytest.mark.slow


@pytest.fixture
def staffed(store: Store) -> Store:
    """Everybody has an open conversation."""
    for patient in PEOPLE:
        episode(store, patient)
    return store


def done(journal: Path) -> dict[int, str]:
    """Act → its kind, of those that the store said it keeps. A last line that was cut off says nothing."""
    text = journal.read_text() if journal.exists() else ""
    return {int(number): kind for number, kind in re.findall(r"kept (\d+) (\w+)\n", text)}


def killed_again_and_again(store: Store, journal: Path, kills: int, seed: int, first: int) -> None:
    """One act after another from ``first`` on; the one that was cut off is told again."""
    draw = random.Random(seed)  # noqa: S311 the same each time
    url = store.engine.url.render_as_string(hide_password=False)
    with Actor(url, journal) as actor:
        for _ in range(kills):
            actor.work("act", max(done(journal), default=first - 1) + 1, kill_after=draw.uniform(0.02, 0.6))


def counted(store: Store, table: Table) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def recorded(store: Store) -> Counter[str]:
    with store.read() as connection:
        return Counter(connection.scalars(select(AUDIT.c.action)))


def test_the_record_of_who_did_what_is_whole_after_every_kill(staffed: Store, tmp_path: Path) -> None:
    draw = random.Random(SEED)  # noqa: S311 the same each time
    journals = [tmp_path / f"journal-{number}" for number in range(2)]
    seeds = [draw.randrange(10**6) for _ in journals]
    actors = [
        Thread(target=killed_again_and_again, args=[staffed, journal, KILLS // 2, seeds[number], number * 10**6])
        for number, journal in enumerate(journals)
    ]
    for each in actors:
        each.start()
    for each in actors:
        each.join()
    acts = {number: kind for journal in journals for number, kind in done(journal).items()}
    assert Counter(acts.values()).keys() == {"attempt", "snooze", "restrict", "refer"}, "too few acts before the kills"
    with staffed.read() as connection:
        assert verify(connection) >= len(acts)
    nothing_lost_and_nothing_twice(staffed, acts)
    print(f"\n{KILLS} kills, {len(acts)} acts kept: {dict(Counter(acts.values()))}")  # noqa: T201


def nothing_lost_and_nothing_twice(store: Store, acts: dict[int, str]) -> None:
    with store.read() as connection:
        attempts = Counter(connection.scalars(select(ATTEMPTS.c.id)))
        notes = Counter(connection.scalars(select(ATTEMPTS.c.note)))
        last: dict[str, Any] = {row.referral: row for row in connection.execute(select(HISTORY).order_by(HISTORY.c.version))}
        referrals = connection.execute(select(REFERRALS)).all()
        versions = [tuple(row) for row in connection.execute(select(EPISODES.c.id, EPISODES.c.version))]
        of_episodes = Counter(connection.scalars(select(AUDIT.c.entity).where(AUDIT.c.action.startswith("episode."))))
    kept = {name_of(number) for number, kind in acts.items() if kind == "attempt"}
    assert kept <= attempts.keys()
    assert set(attempts.values()) == set(notes.values()) == {1}
    told = recorded(store)
    assert told["episode.attempt"] == counted(store, ATTEMPTS)
    assert told["restriction.set"] == counted(store, RESTRICTIONS)
    assert told["consent.give"] == counted(store, CONSENTS)
    assert sum(number for action, number in told.items() if action.startswith("referral.")) == counted(store, HISTORY)
    assert [(row.version, row.state) for row in referrals] == [(last[row.id].version, last[row.id].after) for row in referrals]
    assert counted(store, OUTPUTS) == len([row for row in referrals if row.state == "completed"])
    # An episode counts its changes; each of them is on record.
    assert dict(versions) == {id: of_episodes[f"episode/{id}"] + 1 for id, _ in versions}
