"""Outreach, and the record of who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_MOMENT = sa.String(32)
_OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    """Make the tables."""
    _audit()
    _people()
    _episodes()
    _reasons()
    _attempts()
    _restrictions()


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", _MOMENT, nullable=False, index=True),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("agency", sa.String(200)),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("entity", sa.String(200), nullable=False, index=True),
        sa.Column("patient", sa.String(128)),
        sa.Column("glass", sa.String(200), comment="why the glass was broken"),
        sa.Column("detail", sa.JSON, nullable=False, comment="codes and ids only"),
        sa.Column("before", sa.String(64), nullable=False, comment="the hash of the entry before"),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Index("ix_audit_patient_at", "patient", "at"),
    )
    op.create_table(
        "audit_head",
        sa.Column("one", sa.Integer, sa.CheckConstraint("one = 1", name="single"), primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def _people() -> None:
    op.create_table(
        "outreach_people",
        sa.Column("patient", sa.String(128), primary_key=True),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("age", sa.Integer, comment="in years, on the day of the sweep"),
        sa.Column("sex", sa.String(16)),
        sa.Column("language", sa.String(35)),
        sa.Column("interpreter", sa.Boolean),
        sa.Column("phone", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(16), comment="how they want to be reached; null: not known"),
        sa.Column("best_time", sa.String(64), comment="when, in their own words"),
        sa.Column("sweep", sa.String(64), nullable=False, comment="the last sweep that told of them"),
    )


def _episodes() -> None:
    op.create_table(
        "outreach_episodes",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("patient", sa.String(128), sa.ForeignKey("outreach_people.patient"), nullable=False),
        sa.Column("state", sa.String(8), sa.CheckConstraint("state IN ('open', 'closed')", name="state"), nullable=False),
        sa.Column("opened", _MOMENT, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False, comment="the highest of its reasons that may be named"),
        sa.Column("reasons", sa.Integer, nullable=False, comment="how many hold"),
        sa.Column("due", sa.String(10), nullable=False),
        sa.Column("rank", sa.String(64), nullable=False, comment="sorts the most urgent first, then by due and id"),
        sa.Column("ready_on", sa.String(10), nullable=False, comment="put off, or tried not long ago, until then; empty: at no time"),
        sa.Column("folded", sa.String(500), nullable=False, comment="name and id without case and accents, for searching"),
        sa.Column("language", sa.String(35)),
        sa.Column("rules", sa.Text, nullable=False, comment="those that hold and may be named, each between spaces"),
        sa.Column("owner", sa.String(128)),
        sa.Column("snoozed_until", sa.String(10)),
        sa.Column("snoozed_why", sa.String(200)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_attempt", _MOMENT),
        sa.Column("last_outcome", sa.String(32)),
        sa.Column("not_before", sa.String(10), comment="the next attempt"),
        sa.Column("next_channel", sa.String(16), comment="how it is to be made; null: staff choose"),
        sa.Column("closed", _MOMENT),
        sa.Column("outcome", sa.String(32)),
        sa.Column("sweep", sa.String(64), nullable=False, comment="the last sweep that confirmed it"),
        sa.Column("version", sa.Integer, nullable=False, comment="counts changes: whoever changes it says which one they saw"),
        sa.Index("uq_outreach_episodes_open", "patient", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        sa.Index("ix_outreach_episodes_state_rank", "state", "rank"),
        sa.Index("ix_outreach_episodes_state_due", "state", "due", "rank"),
        sa.Index("ix_outreach_episodes_state_folded", "state", "folded", "id"),
        sa.Index("ix_outreach_episodes_state_ready_on", "state", "ready_on"),
        sa.Index("ix_outreach_episodes_sweep", "sweep", "state"),
        sa.Index("ix_outreach_episodes_closed", "state", "closed"),
        sa.Index("ix_outreach_episodes_owner", "owner", "state", "rank"),
        sa.Index("ix_outreach_episodes_patient_closed", "patient", "closed"),
    )


def _reasons() -> None:
    op.create_table(
        "outreach_reasons",
        sa.Column("episode", sa.String(36), sa.ForeignKey("outreach_episodes.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("rule", sa.String(128), primary_key=True),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("restricted", sa.Boolean, nullable=False),
        sa.Column("status", sa.String(8), nullable=False, comment="yes or unknown, in the last sweep"),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False, comment="the reasons of the finding, as the sweep has them"),
        sa.Column("ended", _MOMENT),
        sa.Column("ending", sa.String(16), comment="resolved, declined, over (what was asked for), or left"),
    )


def _attempts() -> None:
    op.create_table(
        "outreach_attempts",
        sa.Column("id", sa.String(36), primary_key=True, comment="given by whoever tried: told twice, it is one attempt"),
        sa.Column("episode", sa.String(36), sa.ForeignKey("outreach_episodes.id", ondelete="CASCADE"), nullable=False),
        sa.Column("patient", sa.String(128), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("again_on", sa.String(10)),
        sa.Column("note", sa.Text, nullable=False),
        sa.Index("ix_outreach_attempts_episode_at", "episode", "at"),
        sa.Index("ix_outreach_attempts_patient_at", "patient", "at"),
    )


def _restrictions() -> None:
    op.create_table(
        "outreach_restrictions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("patient", sa.String(128), nullable=False, index=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("scope", sa.String(128), nullable=False, comment="all, the id of a rule, or a channel"),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("until", sa.String(10), comment="the last day; null: until it is lifted"),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("lifted", _MOMENT),
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("restrictions", "attempts", "reasons", "episodes", "people"):
        op.drop_table(f"outreach_{name}")
    op.drop_table("audit_head")
    op.drop_table("audit")
