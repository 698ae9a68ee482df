"""People of outreach know with whom they share an address."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column. It fills with the next sweep."""
    with op.batch_alter_table("outreach_people") as table:
        table.add_column(sa.Column("household", sa.String(64), comment="a keyed hash of the address; null: not known"))
        table.create_index("ix_outreach_people_household", ["household"])
    op.create_index("ix_referrals_patient", "referrals", ["patient"])


def downgrade() -> None:
    """Drop it, in place: SQLite would drop a table that is built anew, and with it what refers to it."""
    op.drop_index("ix_referrals_patient", "referrals")
    op.drop_index("ix_outreach_people_household", "outreach_people")
    op.drop_column("outreach_people", "household")
