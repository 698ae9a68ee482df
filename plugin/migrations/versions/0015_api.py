"""Tokens with which programs call the API, and the answers that they were given."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_MOMENT = sa.String(32)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.String(64), primary_key=True, comment="the hash of the token"),
        sa.Column("account", sa.String(36), sa.ForeignKey("access_accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("name", sa.String(100), nullable=False, comment="what it is for"),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("until", _MOMENT, nullable=False, index=True),
        sa.Column("used", sa.String(10), comment="the last day on which somebody called with it"),
    )
    op.create_table(
        "api_requests",
        sa.Column("key", sa.String(64), primary_key=True, comment="a hash of the account and its Idempotency-Key"),
        sa.Column("account", sa.String(36), sa.ForeignKey("access_accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("asked", sa.String(64), nullable=False, comment="a hash of what was asked"),
        sa.Column("at", _MOMENT, nullable=False, index=True),
        sa.Column("answer", sa.JSON(none_as_null=True), comment="ids and versions; null: it is being worked on"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("api_requests")
    op.drop_table("access_tokens")
