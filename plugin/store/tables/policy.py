"""What is known of rules in use: since when they are what they are, whether their cards were right, and what is amiss."""

from typing import Final

from sqlalchemy import JSON, Column, Float, ForeignKey, Integer, String, Table

from plugin.store.tables.base import METADATA, Moment
from plugin.store.tables.cds import CARDS

RULE_STATES: Final = Table(
    "cds_rule_states",
    METADATA,
    Column("rule", String(128), primary_key=True),
    Column("since", Moment, primary_key=True, comment="when a service first ran with it"),
    Column("status", String(16), nullable=False),
    Column("fingerprint", String(71), nullable=False, comment="of the rule's meaning"),
)

REVIEWS: Final = Table(
    "cds_reviews",
    METADATA,
    Column("card", String(36), ForeignKey(CARDS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("verdict", String(16), nullable=False, comment="correct or wrong, from the chart"),
    Column("at", Moment, nullable=False),
)

ALARMS: Final = Table(
    "cds_alarms",
    METADATA,
    Column("rule", String(128), primary_key=True),
    Column("client", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True, comment="less, more or unwelcome"),
    Column("day", String(10), primary_key=True, comment="the last day of what was looked at"),
    Column("days", Integer, nullable=False, comment="how many days were looked at"),
    Column("found", Integer, nullable=False),
    Column("expected", Float, nullable=False),
    Column("seen", Moment, nullable=False),
    Column("closed", Moment, comment="when somebody said that it was looked into"),
)

CANARY_RUNS: Final = Table(
    "cds_canary_runs",
    METADATA,
    Column("client", String(64), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("people", Integer, nullable=False),
    Column("problems", JSON, nullable=False, comment="what differed; of made-up people only"),
)
