"""What agencies say about their services."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_MOMENT = sa.String(32)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "agency_statements",
        sa.Column("listing", sa.String(300), primary_key=True, comment="the key of the service in the directory"),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="counts what was said about it"),
        sa.Column("kind", sa.String(8), nullable=False, comment="room or details"),
        sa.Column("agency", sa.String(200), nullable=False),
        sa.Column("said", sa.JSON, nullable=False, comment="all of it, also what did not change"),
        sa.Column("state", sa.String(8), nullable=False, comment="stated, proposed (staff are to look at it) or refused"),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("reviewed", _MOMENT),
        sa.Column("reviewer", sa.String(128)),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("agency_statements")
