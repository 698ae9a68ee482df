"""The ledger of CDS Hooks: calls, cards, suggestions, feedback, and what acceptance opened."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOMENT = sa.String(32)


def upgrade() -> None:
    """Make the tables."""
    _calls()
    _cards()
    _feedback()
    _acceptance()


def downgrade() -> None:
    """Drop them."""
    tables = ("steps", "handovers", "quarantine", "reasons", "accepted", "feedback", "suggestions", "cards", "calls")
    for table in tables:
        op.drop_table(f"cds_{table}")


def _calls() -> None:
    op.create_table(
        "cds_calls",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("hook", sa.String(64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False, index=True),
        sa.Column("patient", sa.String(128), nullable=False),
        sa.Column("user_hash", sa.String(32), comment="a keyed hash of the user's reference"),
        sa.Column("role", sa.String(32), comment="the type of the user's resource, such as Practitioner"),
        sa.Column("encounter_hash", sa.String(32), comment="a keyed hash of the encounter's id"),
        sa.Column("durations", sa.JSON, nullable=False, comment="step: milliseconds"),
        sa.Column("not_loaded", sa.JSON, nullable=False, comment="names of tables"),
        sa.Column("error_id", sa.String(16)),
    )


def _cards() -> None:
    op.create_table(
        "cds_cards",
        sa.Column("id", sa.String(36), primary_key=True, comment="random: the uuid of the card that was sent"),
        sa.Column("call", sa.String(36), sa.ForeignKey("cds_calls.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("realm", sa.String(64), nullable=False, comment="within which a patient's id means one person: a server, else a client"),
        sa.Column("patient", sa.String(128), nullable=False),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("at", _MOMENT, nullable=False, index=True),
        sa.Column("rule", sa.String(128), nullable=False),
        sa.Column("pack", sa.String(128), nullable=False),
        sa.Column("version", sa.String(64), nullable=False, comment="of the pack"),
        sa.Column("fingerprint", sa.String(71), nullable=False, comment="of the rule's meaning"),
        sa.Column("state", sa.String(16), nullable=False, comment="returned, silent or suppressed"),
        sa.Column("reason", sa.String(64), comment="why it was suppressed"),
        sa.Column("arm", sa.String(64)),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("as_of", sa.String(10), nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False, comment="pairs of resource and date, no values"),
    )
    op.create_index("ix_cds_cards_realm_patient_topic_at", "cds_cards", ["realm", "patient", "topic", "at"])
    op.create_table(
        "cds_suggestions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("card", sa.String(36), sa.ForeignKey("cds_cards.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("kind", sa.String(32), nullable=False, comment="refer, or another kind that the card compiler names"),
        sa.Column("meaning", sa.JSON, nullable=False, comment="what an acceptance is to bring about; codes and ids only"),
    )


def _feedback() -> None:
    op.create_table(
        "cds_feedback",
        sa.Column("card", sa.String(36), sa.ForeignKey("cds_cards.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("outcome", sa.String(16), primary_key=True, comment="accepted or overridden"),
        sa.Column("at", _MOMENT, primary_key=True, comment="when the user decided, by the client's clock"),
        sa.Column("received", _MOMENT, nullable=False, comment="when we were first told"),
        sa.Column("dialect", sa.String(16), nullable=False),
        sa.Column("commented", sa.Boolean, nullable=False, comment="there was a comment; it is not kept"),
    )
    op.create_table(
        "cds_accepted",
        sa.Column("suggestion", sa.String(36), sa.ForeignKey("cds_suggestions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("at", _MOMENT, primary_key=True),
    )
    op.create_table(
        "cds_reasons",
        sa.Column("card", sa.String(36), sa.ForeignKey("cds_cards.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("at", _MOMENT, primary_key=True),
        sa.Column("system", sa.String(200), primary_key=True, comment="empty if the client named none"),
        sa.Column("code", sa.String(128), primary_key=True),
        sa.Column("display", sa.String(100), comment="what the client's list of reasons calls it"),
    )
    op.create_table(
        "cds_quarantine",
        sa.Column("client", sa.String(64), primary_key=True),
        sa.Column("reason", sa.String(32), primary_key=True),
        sa.Column("digest", sa.String(32), primary_key=True, comment="a keyed hash of the entry, which is not kept"),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("first", _MOMENT, nullable=False),
        sa.Column("last", _MOMENT, nullable=False, index=True),
    )


def _acceptance() -> None:
    op.create_table(
        "cds_handovers",
        sa.Column(
            "suggestion", sa.String(36), primary_key=True, comment="outlives the card: an accepted referral is never forgotten unserved"
        ),
        sa.Column("card", sa.String(36), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("patient", sa.String(128), nullable=False),
        sa.Column("rule", sa.String(128), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("accepted", _MOMENT, nullable=False),
        sa.Column("meaning", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False, index=True, comment="waiting, outbox, ordered or refused"),
        sa.Column("reason", sa.String(200), comment="why it was refused"),
    )
    op.create_table(
        "cds_steps",
        sa.Column("suggestion", sa.String(36), primary_key=True),
        sa.Column("step", sa.String(16), primary_key=True, comment="ordered or resolved"),
        sa.Column("at", _MOMENT, nullable=False),
    )
