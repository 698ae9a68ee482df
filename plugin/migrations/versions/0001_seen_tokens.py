"""Tokens of CDS clients that were seen."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "seen_tokens",
        sa.Column("client", sa.String(64), primary_key=True),
        sa.Column("jti", sa.String(64), primary_key=True, comment="a hash of the token's id, which may have any length"),
        sa.Column("expires", sa.String(32), nullable=False),
    )
    op.create_index("ix_seen_tokens_expires", "seen_tokens", ["expires"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("seen_tokens")
