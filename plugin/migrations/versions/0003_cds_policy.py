"""What is known of rules in use: their states, chart reviews, alarms, and the last run of the canaries."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_MOMENT = sa.String(32)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "cds_rule_states",
        sa.Column("rule", sa.String(128), primary_key=True),
        sa.Column("since", _MOMENT, primary_key=True, comment="when a service first ran with it"),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("fingerprint", sa.String(71), nullable=False, comment="of the rule's meaning"),
    )
    op.create_table(
        "cds_reviews",
        sa.Column("card", sa.String(36), sa.ForeignKey("cds_cards.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("verdict", sa.String(16), nullable=False, comment="correct or wrong, from the chart"),
        sa.Column("at", _MOMENT, nullable=False),
    )
    op.create_table(
        "cds_alarms",
        sa.Column("rule", sa.String(128), primary_key=True),
        sa.Column("client", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True, comment="less, more or unwelcome"),
        sa.Column("day", sa.String(10), primary_key=True, comment="the last day of what was looked at"),
        sa.Column("days", sa.Integer, nullable=False, comment="how many days were looked at"),
        sa.Column("found", sa.Integer, nullable=False),
        sa.Column("expected", sa.Float, nullable=False),
        sa.Column("seen", _MOMENT, nullable=False),
        sa.Column("closed", _MOMENT, comment="when somebody said that it was looked into"),
    )
    op.create_table(
        "cds_canary_runs",
        sa.Column("client", sa.String(64), primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("people", sa.Integer, nullable=False),
        sa.Column("problems", sa.JSON, nullable=False, comment="what differed; of made-up people only"),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("canary_runs", "alarms", "reviews", "rule_states"):
        op.drop_table(f"cds_{table}")
