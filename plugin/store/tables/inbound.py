"""Referrals to us: what agencies and people themselves asked for, whom staff recognised, and what came of it."""

from typing import Final

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from plugin.store.tables.base import METADATA, Moment

INBOUND: Final = Table(
    "inbound_referrals",
    METADATA,
    Column("id", String(36), primary_key=True, comment="given with the form: sent twice, it is one"),
    Column("agency", String(200), comment="who refers; null: the person themselves"),
    Column("agency_name", String(300), nullable=False),
    Column("user", String(128), nullable=False),
    Column("name", String(200), nullable=False),
    Column("birth_date", String(10), nullable=False),
    Column("phone", String(64), nullable=False),
    Column("postcode", String(16), nullable=False),
    Column("language", String(35)),
    Column("best_time", String(64)),
    Column("safe", Boolean, nullable=False, comment="they can be phoned, and a message can be left"),
    Column("need", String(64), nullable=False, comment="a category of Gravity"),
    Column("purpose", String(16), nullable=False, comment="help or assessment"),
    Column("message", Text, nullable=False),
    Column("given_by", String(16), nullable=False, comment="who agreed that we are told: patient or guardian"),
    Column("restricted", Boolean, nullable=False, comment="it stands on no shared list"),
    Column("state", String(16), nullable=False),
    Column("reason_code", String(32)),
    Column("reason", String(300)),
    Column("outcome", String(300), comment="what whoever referred is told that came of it"),
    Column("patient", String(128), comment="who it is, as staff said"),
    Column("episode", String(36), comment="the conversation about it"),
    Column("version", Integer, nullable=False, comment="counts changes: whoever changes it says which one they saw"),
    Column("created", Moment, nullable=False),
    Column("changed", Moment, nullable=False),
    Index("ix_inbound_referrals_state_changed", "state", "changed"),
    Index("ix_inbound_referrals_agency_changed", "agency", "changed"),
)

HISTORY: Final = Table(
    "inbound_history",
    METADATA,
    Column("inbound", String(36), ForeignKey(INBOUND.c.id, ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("user", String(128), nullable=False),
    Column("before", String(16)),
    Column("after", String(16), nullable=False),
)
