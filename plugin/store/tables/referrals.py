"""Referrals to partner agencies: where each stands, how it came there, what came of it, and what of it is still to be told to the EHR."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, text

from plugin.store.tables.base import METADATA, Moment

CONSENTS: Final = Table(
    "referral_consents",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("patient", String(128), nullable=False),
    Column("need", String(64), nullable=False),
    Column("partner", String(32), nullable=False, comment="the kind of partner that may know"),
    Column("agency", String(200), comment="this one only; null: any of its kind"),
    Column("given_by", String(16), nullable=False, comment="patient, guardian or agreement"),
    Column("place", String(128), comment="the Consent on the server, if there is one"),
    Column("since", Moment, nullable=False),
    Column("until", String(10), comment="the last day; null: until it is withdrawn"),
    Column("user", String(128), nullable=False),
    Column("withdrawn", Moment),
    Index("ix_referral_consents_patient_need", "patient", "need"),
)

_OPEN: Final = text("state IN ('draft', 'requested', 'accepted', 'in-progress', 'on-hold')")

REFERRALS: Final = Table(
    "referrals",
    METADATA,
    Column("id", String(36), primary_key=True, comment="given by whoever proposes it: proposed twice, it is one"),
    Column("tenant", String(40), nullable=False),
    Column("patient", String(128), nullable=False),
    Column("need", String(64), nullable=False, comment="a category of Gravity"),
    Column("service_system", String(200), nullable=False),
    Column("service_code", String(64), nullable=False),
    Column("service_display", String(300), nullable=False),
    Column("rule", String(128)),
    Column("rule_version", String(64)),
    Column("origin", String(16), nullable=False, comment="episode or card"),
    Column("origin_id", String(128), nullable=False),
    Column("partner", String(32), nullable=False),
    Column("listing", String(300), comment="the service in the directory; null: the order names none"),
    Column("listing_name", String(300), nullable=False),
    Column("agency", String(200), comment="who gives it"),
    Column("agency_name", String(300), nullable=False),
    Column("sought", JSON, nullable=False, comment="what the directory was asked for: area, age, language"),
    Column("reasons", JSON, nullable=False, comment="Conditions and Observations that say why"),
    Column("goal", String(128)),
    Column("priority", String(8), nullable=False),
    Column("unsafe", Boolean, nullable=False, comment="the agency is not to get in touch with them"),
    Column("restricted", Boolean, nullable=False, comment="it stands on no shared list"),
    Column("message", Text, nullable=False, comment="to the agency"),
    Column("consent", String(36), ForeignKey(CONSENTS.c.id)),
    Column("state", String(16), nullable=False),
    Column("reason_code", String(32)),
    Column("reason", String(300)),
    Column("version", Integer, nullable=False, comment="counts changes: whoever changes it says which one they saw"),
    Column("created", Moment, nullable=False),
    Column("changed", Moment, nullable=False),
    Column("requested", String(10), comment="the day on which it was sent"),
    Column("nudged", String(10)),
    Column("asked", String(10), comment="when it was asked what came of it"),
    Column("due", String(10), comment="the day on which the timers look at it"),
    Column("attention", String(32), comment="why somebody must look at it"),
    Column("rerouted_from", String(36), ForeignKey("referrals.id")),
    Column("rerouted", Boolean, nullable=False, comment="another one took its place, or nobody could"),
    Column("task", String(64), comment="the value of our identifier of its Task"),
    Column("task_place", String(128)),
    Column("request_place", String(128)),
    Column("there", String(16), comment="the status that the server said last"),
    Column("seen", String(64), comment="the version of its Task that was taken in last"),
    Column("seen_at", Moment, comment="when the server says that this version was made"),
    Index("uq_referrals_open", "tenant", "patient", "need", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_referrals_due", "due"),
    Index("ix_referrals_agency_state", "agency", "state"),
    Index("ix_referrals_task", "tenant", "task"),
    Index("ix_referrals_origin", "origin", "origin_id"),
    Index("ix_referrals_patient", "patient"),
)

HISTORY: Final = Table(
    "referral_history",
    METADATA,
    Column("referral", String(36), ForeignKey(REFERRALS.c.id), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("user", String(128), nullable=False),
    Column("step", String(16), nullable=False, comment="moved, nudged, asked, rerouted, overtaken"),
    Column("before", String(16)),
    Column("after", String(16), nullable=False),
    Column("reason_code", String(32)),
    Column("reason", String(300)),
)

OUTPUTS: Final = Table(
    "referral_outputs",
    METADATA,
    Column("referral", String(36), ForeignKey(REFERRALS.c.id), primary_key=True),
    Column("digest", String(64), primary_key=True, comment="of what it says: told twice, it is one"),
    Column("kind", String(32), nullable=False, comment="resulting-activity or additional-content"),
    Column("value", JSON, nullable=False, comment="the value of Task.output: a reference or a concept"),
    Column("at", Moment, nullable=False),
)

WRITES: Final = Table(
    "referral_writes",
    METADATA,
    Column("referral", String(36), ForeignKey(REFERRALS.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True, comment="refer (the order and its Task), task (a move), or order (its end)"),
    Column("after", String(16), nullable=False, comment="the state that it makes"),
    Column("body", JSON, nullable=False, comment="what comes with it: reason and outputs"),
    Column("only_from", JSON, nullable=False, comment="the states of which the server must show one"),
    Column("at", Moment, nullable=False),
    Column("put", Moment, comment="when it came to the outbox"),
    Column("landed", Moment, comment="when it was seen on the server"),
    Column("withdrawn", Moment, comment="when the server turned out to be elsewhere"),
    Index("ix_referral_writes_put", "put"),
)

POLLS: Final = Table(
    "referral_polls",
    METADATA,
    Column("tenant", String(40), primary_key=True),
    Column("at", Moment, nullable=False, comment="when the server was asked last"),
    Column("since", Moment, comment="the latest version that it showed, by its own clock"),
)

QUARANTINE: Final = Table(
    "referral_quarantine",
    METADATA,
    Column("referral", String(36), ForeignKey(REFERRALS.c.id), primary_key=True),
    Column("seen", String(64), primary_key=True, comment="the version of the Task"),
    Column("reason", String(32), primary_key=True),
    Column("before", String(16), nullable=False),
    Column("after", String(32), nullable=False, comment="what it says, or what was withdrawn"),
    Column("at", Moment, nullable=False),
    Column("closed", Moment, comment="when somebody said that it was looked into"),
)

RELAYS: Final = Table(
    "referral_relays",
    METADATA,
    Column("referral", String(36), ForeignKey(REFERRALS.c.id), primary_key=True, comment="ours, to the agency"),
    Column("tenant", String(40), nullable=False, comment="the server from which it came"),
    Column("patient", String(128), nullable=False, comment="their id there"),
    Column("task_place", String(128), nullable=False, comment="the Task there of which we are the owner"),
    Column("there", String(16), nullable=False, comment="the status that it showed last"),
    Column("at", Moment, nullable=False, comment="when it was taken"),
    Index("ix_referral_relays_tenant", "tenant", "there"),
)
