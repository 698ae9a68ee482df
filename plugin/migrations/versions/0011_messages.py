"""Messages to people, and the addresses to which they agreed."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "message_addresses",
        sa.Column("patient", sa.String(128), sa.ForeignKey("outreach_people.patient", ondelete="CASCADE"), primary_key=True),
        sa.Column("channel", sa.String(16), primary_key=True),
        sa.Column("address", sa.String(254), nullable=False, index=True, comment="to which they agreed to be written to over this channel"),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("user", sa.String(128), nullable=False, comment="whom they told"),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.String(36), primary_key=True, comment="that of the attempt which it is"),
        sa.Column("episode", sa.String(36), sa.ForeignKey("outreach_episodes.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("patient", sa.String(128), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("address", sa.String(254), nullable=False, comment="empty where the channel needs none"),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("level", sa.String(8), nullable=False),
        sa.Column("neutral", sa.Boolean, nullable=False, comment="it says nothing about why"),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("refers", sa.JSON, nullable=False, comment="resources that it is about, and the orders that it is based on"),
        sa.Column("gateway", sa.String(16), nullable=False, comment="smtp, files, fhir, or hand"),
        sa.Column("state", sa.String(8), nullable=False, comment="waits, going, handed, sent, failed, unknown, or held"),
        sa.Column("reason", sa.String(64), nullable=False, comment="a code for people and alarms; empty: none"),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("due", sa.String(32), comment="when it is looked at next; null: it is over"),
        sa.Column("ended", sa.String(32)),
        sa.Column("user", sa.String(128), nullable=False),
    )
    op.create_index("ix_messages_state_due", "messages", ["state", "due"])
    op.create_index("ix_messages_patient_channel", "messages", ["patient", "channel", "created"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("messages")
    op.drop_table("message_addresses")
