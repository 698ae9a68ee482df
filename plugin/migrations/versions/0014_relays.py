"""Referrals that came to us as a coordination platform, and orders that clients made by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_NOW = "waiting, outbox, theirs, ordered or refused"
_BEFORE = "waiting, outbox, ordered or refused"


def upgrade() -> None:
    """Make the table; SQLite keeps no comments of columns."""
    op.create_table(
        "referral_relays",
        sa.Column("referral", sa.String(36), sa.ForeignKey("referrals.id"), primary_key=True, comment="ours, to the agency"),
        sa.Column("tenant", sa.String(40), nullable=False, comment="the server from which it came"),
        sa.Column("patient", sa.String(128), nullable=False, comment="their id there"),
        sa.Column("task_place", sa.String(128), nullable=False, comment="the Task there of which we are the owner"),
        sa.Column("there", sa.String(16), nullable=False, comment="the status that it showed last"),
        sa.Column("at", sa.String(32), nullable=False, comment="when it was taken"),
        sa.Index("ix_referral_relays_tenant", "tenant", "there"),
    )
    _comment(_NOW, _BEFORE)


def downgrade() -> None:
    """Drop it."""
    _comment(_BEFORE, _NOW)
    op.drop_table("referral_relays")


def _comment(text: str, before: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column(
            "cds_handovers", "state", comment=text, existing_comment=before, existing_type=sa.String(16), existing_nullable=False
        )
