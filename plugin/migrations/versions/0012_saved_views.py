"""Views of the list that staff named."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "saved_views",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user", sa.String(128), nullable=False, comment="who saved it"),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), index=True, comment="whoever has it sees the view, too; null: nobody else does"),
        sa.Column("wish", sa.JSON, nullable=False, comment="the filters; never searched text, which names people"),
        sa.Column("saved", sa.String(32), nullable=False),
        sa.UniqueConstraint("user", "name"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("saved_views")
