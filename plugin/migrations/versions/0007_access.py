"""Accounts, sessions, and attempts to sign in."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_MOMENT = sa.String(32)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "access_accounts",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("login", sa.String(128), nullable=False, unique=True, comment="folded: without capitals"),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("agency", sa.String(200), comment="the key of the agency for which an agency's user works"),
        sa.Column("password", sa.String(300), comment="hashed by scrypt; null: signs in elsewhere"),
        sa.Column("subject", sa.String(500), unique=True, comment="who it is at the identity provider: its address and its name for them"),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("disabled", _MOMENT),
        sa.Column("signed_in", _MOMENT, comment="the last time"),
        sa.Column("failed", sa.Integer, nullable=False, comment="attempts with a wrong password since then"),
    )
    op.create_table(
        "access_sessions",
        sa.Column("id", sa.String(64), primary_key=True, comment="the hash of what the cookie holds"),
        sa.Column("account", sa.String(36), sa.ForeignKey("access_accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("started", _MOMENT, nullable=False, index=True),
        sa.Column("seen", _MOMENT, nullable=False, comment="the last step, to the minute"),
        sa.Column("glass", sa.String(200), comment="why the glass was broken"),
        sa.Column("glass_until", _MOMENT),
    )
    op.create_table(
        "access_attempts",
        sa.Column("key", sa.String(64), primary_key=True, comment="a hash of what is counted: a login, an address, or both"),
        sa.Column("since", _MOMENT, nullable=False, index=True),
        sa.Column("count", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("attempts", "sessions", "accounts"):
        op.drop_table(f"access_{name}")
