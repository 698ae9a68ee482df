"""Referrals to partner agencies."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_MOMENT = sa.String(32)
_OPEN = sa.text("state IN ('draft', 'requested', 'accepted', 'in-progress', 'on-hold')")


def upgrade() -> None:
    """Make the tables."""
    _consents()
    _referrals()
    _history()
    _outputs()
    _writes()
    _polls()
    _quarantine()


def _consents() -> None:
    op.create_table(
        "referral_consents",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("patient", sa.String(128), nullable=False),
        sa.Column("need", sa.String(64), nullable=False),
        sa.Column("partner", sa.String(32), nullable=False, comment="the kind of partner that may know"),
        sa.Column("agency", sa.String(200), comment="this one only; null: any of its kind"),
        sa.Column("given_by", sa.String(16), nullable=False, comment="patient, guardian or agreement"),
        sa.Column("place", sa.String(128), comment="the Consent on the server, if there is one"),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("until", sa.String(10), comment="the last day; null: until it is withdrawn"),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("withdrawn", _MOMENT),
        sa.Index("ix_referral_consents_patient_need", "patient", "need"),
    )


def _referrals() -> None:
    op.create_table(
        "referrals",
        sa.Column("id", sa.String(36), primary_key=True, comment="given by whoever proposes it: proposed twice, it is one"),
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("patient", sa.String(128), nullable=False),
        sa.Column("need", sa.String(64), nullable=False, comment="a category of Gravity"),
        sa.Column("service_system", sa.String(200), nullable=False),
        sa.Column("service_code", sa.String(64), nullable=False),
        sa.Column("service_display", sa.String(300), nullable=False),
        sa.Column("rule", sa.String(128)),
        sa.Column("rule_version", sa.String(64)),
        sa.Column("origin", sa.String(16), nullable=False, comment="episode or card"),
        sa.Column("origin_id", sa.String(128), nullable=False),
        sa.Column("partner", sa.String(32), nullable=False),
        sa.Column("listing", sa.String(300), comment="the service in the directory; null: the order names none"),
        sa.Column("listing_name", sa.String(300), nullable=False),
        sa.Column("agency", sa.String(200), comment="who gives it"),
        sa.Column("agency_name", sa.String(300), nullable=False),
        sa.Column("sought", sa.JSON, nullable=False, comment="what the directory was asked for: area, age, language"),
        sa.Column("reasons", sa.JSON, nullable=False, comment="Conditions and Observations that say why"),
        sa.Column("goal", sa.String(128)),
        sa.Column("priority", sa.String(8), nullable=False),
        sa.Column("unsafe", sa.Boolean, nullable=False, comment="the agency is not to get in touch with them"),
        sa.Column("restricted", sa.Boolean, nullable=False, comment="it stands on no shared list"),
        sa.Column("message", sa.Text, nullable=False, comment="to the agency"),
        sa.Column("consent", sa.String(36), sa.ForeignKey("referral_consents.id")),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason_code", sa.String(32)),
        sa.Column("reason", sa.String(300)),
        sa.Column("version", sa.Integer, nullable=False, comment="counts changes: whoever changes it says which one they saw"),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("changed", _MOMENT, nullable=False),
        sa.Column("requested", sa.String(10), comment="the day on which it was sent"),
        sa.Column("nudged", sa.String(10)),
        sa.Column("asked", sa.String(10), comment="when it was asked what came of it"),
        sa.Column("due", sa.String(10), comment="the day on which the timers look at it"),
        sa.Column("attention", sa.String(32), comment="why somebody must look at it"),
        sa.Column("rerouted_from", sa.String(36), sa.ForeignKey("referrals.id")),
        sa.Column("rerouted", sa.Boolean, nullable=False, comment="another one took its place, or nobody could"),
        sa.Column("task", sa.String(64), comment="the value of our identifier of its Task"),
        sa.Column("task_place", sa.String(128)),
        sa.Column("request_place", sa.String(128)),
        sa.Column("there", sa.String(16), comment="the status that the server said last"),
        sa.Column("seen", sa.String(64), comment="the version of its Task that was taken in last"),
        sa.Column("seen_at", _MOMENT, comment="when the server says that this version was made"),
        sa.Index("uq_referrals_open", "tenant", "patient", "need", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        sa.Index("ix_referrals_due", "due"),
        sa.Index("ix_referrals_agency_state", "agency", "state"),
        sa.Index("ix_referrals_task", "tenant", "task"),
        sa.Index("ix_referrals_origin", "origin", "origin_id"),
    )


def _history() -> None:
    op.create_table(
        "referral_history",
        sa.Column("referral", sa.String(36), sa.ForeignKey("referrals.id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("step", sa.String(16), nullable=False, comment="moved, nudged, asked, rerouted, overtaken"),
        sa.Column("before", sa.String(16)),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("reason_code", sa.String(32)),
        sa.Column("reason", sa.String(300)),
    )


def _outputs() -> None:
    op.create_table(
        "referral_outputs",
        sa.Column("referral", sa.String(36), sa.ForeignKey("referrals.id"), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True, comment="of what it says: told twice, it is one"),
        sa.Column("kind", sa.String(32), nullable=False, comment="resulting-activity or additional-content"),
        sa.Column("value", sa.JSON, nullable=False, comment="the value of Task.output: a reference or a concept"),
        sa.Column("at", _MOMENT, nullable=False),
    )


def _writes() -> None:
    op.create_table(
        "referral_writes",
        sa.Column("referral", sa.String(36), sa.ForeignKey("referrals.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), primary_key=True, comment="refer (the order and its Task), task (a move), or order (its end)"),
        sa.Column("after", sa.String(16), nullable=False, comment="the state that it makes"),
        sa.Column("body", sa.JSON, nullable=False, comment="what comes with it: reason and outputs"),
        sa.Column("only_from", sa.JSON, nullable=False, comment="the states of which the server must show one"),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("put", _MOMENT, comment="when it came to the outbox"),
        sa.Column("landed", _MOMENT, comment="when it was seen on the server"),
        sa.Column("withdrawn", _MOMENT, comment="when the server turned out to be elsewhere"),
        sa.Index("ix_referral_writes_put", "put"),
    )


def _polls() -> None:
    op.create_table(
        "referral_polls",
        sa.Column("tenant", sa.String(40), primary_key=True),
        sa.Column("at", _MOMENT, nullable=False, comment="when the server was asked last"),
        sa.Column("since", _MOMENT, comment="the latest version that it showed, by its own clock"),
    )


def _quarantine() -> None:
    op.create_table(
        "referral_quarantine",
        sa.Column("referral", sa.String(36), sa.ForeignKey("referrals.id"), primary_key=True),
        sa.Column("seen", sa.String(64), primary_key=True, comment="the version of the Task"),
        sa.Column("reason", sa.String(32), primary_key=True),
        sa.Column("before", sa.String(16), nullable=False),
        sa.Column("after", sa.String(32), nullable=False, comment="what it says, or what was withdrawn"),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("closed", _MOMENT, comment="when somebody said that it was looked into"),
    )


def downgrade() -> None:
    """Drop them."""
    for name in (
        "referral_quarantine",
        "referral_polls",
        "referral_writes",
        "referral_outputs",
        "referral_history",
        "referrals",
        "referral_consents",
    ):
        op.drop_table(name)
