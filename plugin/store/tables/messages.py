"""Messages: addresses to which people agreed, and what is to be sent to them or was."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from plugin.store.tables.base import METADATA, Moment
from plugin.store.tables.outreach import EPISODES, PEOPLE

ADDRESSES: Final = Table(
    "message_addresses",
    METADATA,
    Column("patient", String(128), ForeignKey(PEOPLE.c.patient, ondelete="CASCADE"), primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("address", String(254), nullable=False, index=True, comment="to which they agreed to be written to over this channel"),
    Column("since", Moment, nullable=False),
    Column("user", String(128), nullable=False, comment="whom they told"),
    Column("number", String(9), index=True, comment="the last digits of a telephone, by which numbers are compared; null: it is none"),
)

MESSAGES: Final = Table(
    "messages",
    METADATA,
    Column("id", String(36), primary_key=True, comment="that of the attempt which it is"),
    Column("episode", String(36), ForeignKey(EPISODES.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("patient", String(128), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("address", String(254), nullable=False, comment="empty where the channel needs none"),
    Column("topic", String(64), nullable=False),
    Column("language", String(8), nullable=False),
    Column("level", String(8), nullable=False),
    Column("neutral", Boolean, nullable=False, comment="it says nothing about why"),
    Column("name", String(300), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("text", Text, nullable=False),
    Column("refers", JSON, nullable=False, comment="resources that it is about, and the orders that it is based on"),
    Column("gateway", String(16), nullable=False, comment="smtp, files, fhir, or hand"),
    Column("state", String(8), nullable=False, comment="waits, going, handed, sent, failed, unknown, or held"),
    Column("reason", String(64), nullable=False, comment="a code for people and alarms; empty: none"),
    Column("tries", Integer, nullable=False),
    Column("created", Moment, nullable=False),
    Column("due", Moment, comment="when it is looked at next; null: it is over"),
    Column("ended", Moment),
    Column("user", String(128), nullable=False),
    Index("ix_messages_state_due", "state", "due"),
    Index("ix_messages_patient_channel", "patient", "channel", "created"),
)
