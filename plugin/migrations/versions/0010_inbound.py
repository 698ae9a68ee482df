"""Referrals to us, by partner agencies and by people themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_MOMENT = sa.String(32)


def upgrade() -> None:
    """Make the tables."""
    _referrals()
    _history()


def _referrals() -> None:
    op.create_table(
        "inbound_referrals",
        sa.Column("id", sa.String(36), primary_key=True, comment="given with the form: sent twice, it is one"),
        sa.Column("agency", sa.String(200), comment="who refers; null: the person themselves"),
        sa.Column("agency_name", sa.String(300), nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("birth_date", sa.String(10), nullable=False),
        sa.Column("phone", sa.String(64), nullable=False),
        sa.Column("postcode", sa.String(16), nullable=False),
        sa.Column("language", sa.String(35)),
        sa.Column("best_time", sa.String(64)),
        sa.Column("safe", sa.Boolean, nullable=False, comment="they can be phoned, and a message can be left"),
        sa.Column("need", sa.String(64), nullable=False, comment="a category of Gravity"),
        sa.Column("purpose", sa.String(16), nullable=False, comment="help or assessment"),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("given_by", sa.String(16), nullable=False, comment="who agreed that we are told: patient or guardian"),
        sa.Column("restricted", sa.Boolean, nullable=False, comment="it stands on no shared list"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason_code", sa.String(32)),
        sa.Column("reason", sa.String(300)),
        sa.Column("outcome", sa.String(300), comment="what whoever referred is told that came of it"),
        sa.Column("patient", sa.String(128), comment="who it is, as staff said"),
        sa.Column("episode", sa.String(36), comment="the conversation about it"),
        sa.Column("version", sa.Integer, nullable=False, comment="counts changes: whoever changes it says which one they saw"),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("changed", _MOMENT, nullable=False),
        sa.Index("ix_inbound_referrals_state_changed", "state", "changed"),
        sa.Index("ix_inbound_referrals_agency_changed", "agency", "changed"),
    )


def _history() -> None:
    op.create_table(
        "inbound_history",
        sa.Column("inbound", sa.String(36), sa.ForeignKey("inbound_referrals.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("before", sa.String(16)),
        sa.Column("after", sa.String(16), nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("inbound_history")
    op.drop_table("inbound_referrals")
