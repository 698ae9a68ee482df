"""What almoner db purge forgets of people, and what it never does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import func, select, update
from support.access import account
from support.outreach import person, published

from plugin.access import Role, Scope, sessions, verify
from plugin.cli.db import command
from plugin.cli.forgetting import forget_what_is_over
from plugin.outreach.restricting import restrict
from plugin.outreach.taking import take
from plugin.outreach.words import Restriction
from plugin.settings import KeepSettings, Settings
from plugin.store import Store
from plugin.store.tables.access import AUDIT, SESSIONS
from plugin.store.tables.outreach import EPISODES, PEOPLE, REASONS, RESTRICTIONS

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
CARE = Scope("manager-1", Role.CARE_MANAGER)


def count(store: Store, table: object) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


def test_closed_episodes_go_and_refusals_stay(store: Store, tmp_path: Path) -> None:
    folder = published(tmp_path, "s1", [person(id, {"damp-home": "yes"}) for id in ("p1", "p2", "p3")])
    take(store, folder, NOON.date(), clock=lambda: NOON)
    ann = account(store, "ann", at=NOON)
    with store.write() as connection:
        restrict(connection, CARE, "p1", Restriction.OPTED_OUT, NOON)
        sessions.start(connection, ann, NOON)
        connection.execute(update(EPISODES).where(EPISODES.c.patient != "p3").values(state="closed", closed=NOON, outcome="helped"))
        connection.execute(update(EPISODES).where(EPISODES.c.patient == "p2").values(closed=NOON + timedelta(days=2)))
    settings = Settings(keep=KeepSettings(episode_days=365, audit_days=365))
    told = forget_what_is_over(store, settings, NOON + timedelta(days=366))
    assert told[0] == "closed episodes of outreach from before 2026-07-01: 1"
    assert told[1] == "closed inbound referrals from before 2026-07-01: 0"
    assert told[2] == "sessions that ran out: 1"
    assert [count(store, table) for table in (EPISODES, REASONS, PEOPLE, RESTRICTIONS, SESSIONS)] == [2, 2, 2, 1, 0]
    with store.read() as connection:
        assert verify(connection) > 2
        actions = connection.scalars(select(AUDIT.c.action).order_by(AUDIT.c.seq)).all()
    assert actions == ["episode.forget", "audit.forget"]
    assert forget_what_is_over(store, settings, NOON + timedelta(days=366))[0].endswith(": 0")


def test_the_command_says_what_was_forgotten(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["purge"], env={"ALMONER_STATE": str(tmp_path)})
    assert result.exit_code == 0
    assert [line.rpartition(":")[2].strip() for line in result.output.splitlines()] == ["nothing", "0", "0", "0", "0", "0", "0"]
