"""People's e-mail addresses, as the record has them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the column; the next sweep fills it."""
    op.add_column(
        "outreach_people", sa.Column("email", sa.String(254), comment="as the record has it, for staff to ask about; null: none is known")
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_column("outreach_people", "email")
