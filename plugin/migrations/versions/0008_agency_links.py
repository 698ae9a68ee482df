"""Links by which people at partner agencies come in."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "agency_links",
        sa.Column("id", sa.String(64), primary_key=True, comment="the hash of what the link ends with"),
        sa.Column("agency", sa.String(200), nullable=False, index=True),
        sa.Column("name", sa.String(200), nullable=False, comment="who was invited"),
        sa.Column("number", sa.String(300), nullable=False, comment="hashed by scrypt"),
        sa.Column("user", sa.String(128), nullable=False, comment="who invited them"),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, comment="wrong numbers since the last right one"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("agency_links")
