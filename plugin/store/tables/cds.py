"""The ledger of CDS Hooks: calls, the cards that they got, and what became of those. What is kept, and why: docs/reference/ledger.md."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table

from plugin.store.tables.base import METADATA, Moment

CALLS: Final = Table(
    "cds_calls",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("client", String(64), nullable=False),
    Column("hook", String(64), nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("patient", String(128), nullable=False),
    Column("user_hash", String(32), comment="a keyed hash of the user's reference"),
    Column("role", String(32), comment="the type of the user's resource, such as Practitioner"),
    Column("encounter_hash", String(32), comment="a keyed hash of the encounter's id"),
    Column("durations", JSON, nullable=False, comment="step: milliseconds"),
    Column("not_loaded", JSON, nullable=False, comment="names of tables"),
    Column("error_id", String(16)),
)

CARDS: Final = Table(
    "cds_cards",
    METADATA,
    Column("id", String(36), primary_key=True, comment="random: the uuid of the card that was sent"),
    Column("call", String(36), ForeignKey(CALLS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("realm", String(64), nullable=False, comment="within which a patient's id means one person: a server, else a client"),
    Column("patient", String(128), nullable=False),
    Column("topic", String(128), nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("rule", String(128), nullable=False),
    Column("pack", String(128), nullable=False),
    Column("version", String(64), nullable=False, comment="of the pack"),
    Column("fingerprint", String(71), nullable=False, comment="of the rule's meaning"),
    Column("state", String(16), nullable=False, comment="returned, silent or suppressed"),
    Column("reason", String(64), comment="why it was suppressed"),
    Column("arm", String(64)),
    Column("priority", Integer, nullable=False),
    Column("as_of", String(10), nullable=False),
    Column("evidence", JSON, nullable=False, comment="pairs of resource and date, no values"),
    Index("ix_cds_cards_realm_patient_topic_at", "realm", "patient", "topic", "at"),
)

SUGGESTIONS: Final = Table(
    "cds_suggestions",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("card", String(36), ForeignKey(CARDS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(32), nullable=False, comment="refer, or another kind that the card compiler names"),
    Column("meaning", JSON, nullable=False, comment="what an acceptance is to bring about; codes and ids only"),
)

FEEDBACK: Final = Table(
    "cds_feedback",
    METADATA,
    Column("card", String(36), ForeignKey(CARDS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("outcome", String(16), primary_key=True, comment="accepted or overridden"),
    Column("at", Moment, primary_key=True, comment="when the user decided, by the client's clock"),
    Column("received", Moment, nullable=False, comment="when we were first told"),
    Column("dialect", String(16), nullable=False),
    Column("commented", Boolean, nullable=False, comment="there was a comment; it is not kept"),
)

ACCEPTED: Final = Table(
    "cds_accepted",
    METADATA,
    Column("suggestion", String(36), ForeignKey(SUGGESTIONS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("at", Moment, primary_key=True),
)

REASONS: Final = Table(
    "cds_reasons",
    METADATA,
    Column("card", String(36), ForeignKey(CARDS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("system", String(200), primary_key=True, comment="empty if the client named none"),
    Column("code", String(128), primary_key=True),
    Column("display", String(100), comment="what the client's list of reasons calls it"),
)

QUARANTINE: Final = Table(
    "cds_quarantine",
    METADATA,
    Column("client", String(64), primary_key=True),
    Column("reason", String(32), primary_key=True),
    Column("digest", String(32), primary_key=True, comment="a keyed hash of the entry, which is not kept"),
    Column("count", Integer, nullable=False),
    Column("first", Moment, nullable=False),
    Column("last", Moment, nullable=False, index=True),
)

HANDOVERS: Final = Table(
    "cds_handovers",
    METADATA,
    Column("suggestion", String(36), primary_key=True, comment="outlives the card: an accepted referral is never forgotten unserved"),
    Column("card", String(36), nullable=False),
    Column("client", String(64), nullable=False),
    Column("patient", String(128), nullable=False),
    Column("rule", String(128), nullable=False),
    Column("version", String(64), nullable=False),
    Column("accepted", Moment, nullable=False),
    Column("meaning", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True, comment="waiting, outbox, theirs, ordered or refused"),
    Column("reason", String(200), comment="why it was refused"),
)

STEPS: Final = Table(
    "cds_steps",
    METADATA,
    Column("suggestion", String(36), primary_key=True),
    Column("step", String(16), primary_key=True, comment="ordered or resolved"),
    Column("at", Moment, nullable=False),
)
