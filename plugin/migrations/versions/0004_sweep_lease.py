"""The lease of sweeps."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sweep_lease",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column(
            "token", sa.BigInteger, nullable=False, comment="one more than that of the holder before; whoever has another one is too late"
        ),
        sa.Column("holder", sa.String(255), nullable=False, comment="the machine"),
        sa.Column("until", sa.String(32), nullable=False, comment="the holder says so again before then, or another machine may take over"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("sweep_lease")
