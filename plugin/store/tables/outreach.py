"""Outreach: people as staff see them, one open episode for each, why it is open, what was tried, and what people do not want."""

from typing import Final

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from plugin.store.tables.base import METADATA, Moment

PEOPLE: Final = Table(
    "outreach_people",
    METADATA,
    Column("patient", String(128), primary_key=True),
    Column("name", String(300), nullable=False),
    Column("age", Integer, comment="in years, on the day of the sweep"),
    Column("sex", String(16)),
    Column("language", String(35)),
    Column("interpreter", Boolean),
    Column("phone", String(64), nullable=False),
    Column("channel", String(16), comment="how they want to be reached; null: not known"),
    Column("best_time", String(64), comment="when, in their own words"),
    Column("sweep", String(64), nullable=False, comment="the last sweep that told of them"),
    Column("household", String(64), index=True, comment="a keyed hash of the address; null: not known"),
    Column("number", String(9), index=True, comment="the last digits of the phone, by which numbers are compared; null: none"),
    Column("email", String(254), comment="as the record has it, for staff to ask about; null: none is known"),
)

_OPEN: Final = text("state = 'open'")

EPISODES: Final = Table(
    "outreach_episodes",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("patient", String(128), ForeignKey(PEOPLE.c.patient), nullable=False),
    Column("state", String(8), CheckConstraint("state IN ('open', 'closed')", name="state"), nullable=False),
    Column("opened", Moment, nullable=False),
    Column("priority", Integer, nullable=False, comment="the highest of its reasons that may be named"),
    Column("reasons", Integer, nullable=False, comment="how many hold"),
    Column("due", String(10), nullable=False),
    Column("rank", String(64), nullable=False, comment="sorts the most urgent first, then by due and id"),
    Column("ready_on", String(10), nullable=False, comment="put off, or tried not long ago, until then; empty: at no time"),
    Column("folded", String(500), nullable=False, comment="name and id without case and accents, for searching"),
    Column("language", String(35)),
    Column("rules", Text, nullable=False, comment="those that hold and may be named, each between spaces"),
    Column("owner", String(128)),
    Column("snoozed_until", String(10)),
    Column("snoozed_why", String(200)),
    Column("attempts", Integer, nullable=False),
    Column("last_attempt", Moment),
    Column("last_outcome", String(32)),
    Column("not_before", String(10), comment="the next attempt"),
    Column("next_channel", String(16), comment="how it is to be made; null: staff choose"),
    Column("closed", Moment),
    Column("outcome", String(32)),
    Column("sweep", String(64), nullable=False, comment="the last sweep that confirmed it"),
    Column("version", Integer, nullable=False, comment="counts changes: whoever changes it says which one they saw"),
    Index("uq_outreach_episodes_open", "patient", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_outreach_episodes_state_rank", "state", "rank"),
    Index("ix_outreach_episodes_state_due", "state", "due", "rank"),
    Index("ix_outreach_episodes_state_folded", "state", "folded", "id"),
    Index("ix_outreach_episodes_state_ready_on", "state", "ready_on"),
    Index("ix_outreach_episodes_sweep", "sweep", "state"),
    Index("ix_outreach_episodes_closed", "state", "closed"),
    Index("ix_outreach_episodes_owner", "owner", "state", "rank"),
    Index("ix_outreach_episodes_patient_closed", "patient", "closed"),
)

STILL_OPEN: Final = EPISODES.c.closed.is_(None)
"""The open ones, where somebody's is asked for: by ``state``, SQLite would walk through those of everybody."""

REASONS: Final = Table(
    "outreach_reasons",
    METADATA,
    Column("episode", String(36), ForeignKey(EPISODES.c.id, ondelete="CASCADE"), primary_key=True),
    Column("rule", String(128), primary_key=True),
    Column("title", String(300), nullable=False),
    Column("level", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("restricted", Boolean, nullable=False),
    Column("status", String(8), nullable=False, comment="yes or unknown, in the last sweep"),
    Column("since", Moment, nullable=False),
    Column("evidence", JSON, nullable=False, comment="the reasons of the finding, as the sweep has them"),
    Column("ended", Moment),
    Column("ending", String(16), comment="resolved, declined, over (what was asked for), or left"),
)

ATTEMPTS: Final = Table(
    "outreach_attempts",
    METADATA,
    Column("id", String(36), primary_key=True, comment="given by whoever tried: told twice, it is one attempt"),
    Column("episode", String(36), ForeignKey(EPISODES.c.id, ondelete="CASCADE"), nullable=False),
    Column("patient", String(128), nullable=False),
    Column("at", Moment, nullable=False),
    Column("user", String(128), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("again_on", String(10)),
    Column("note", Text, nullable=False),
    Index("ix_outreach_attempts_episode_at", "episode", "at"),
    Index("ix_outreach_attempts_patient_at", "patient", "at"),
)

RESTRICTIONS: Final = Table(
    "outreach_restrictions",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("patient", String(128), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("scope", String(128), nullable=False, comment="all, the id of a rule, or a channel"),
    Column("since", Moment, nullable=False),
    Column("until", String(10), comment="the last day; null: until it is lifted"),
    Column("user", String(128), nullable=False),
    Column("note", Text, nullable=False),
    Column("lifted", Moment),
)
