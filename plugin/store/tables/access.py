"""Who may sign in, who is signed in, and the tokens of programs; who did what: a chain of entries, and its end."""

from typing import Final

from sqlalchemy import JSON, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table

from plugin.store.tables.base import METADATA, Moment

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False, index=True),
    Column("user", String(128), nullable=False),
    Column("role", String(32), nullable=False),
    Column("agency", String(200)),
    Column("action", String(64), nullable=False),
    Column("entity", String(200), nullable=False, index=True),
    Column("patient", String(128)),
    Column("glass", String(200), comment="why the glass was broken"),
    Column("detail", JSON, nullable=False, comment="codes and ids only"),
    Column("before", String(64), nullable=False, comment="the hash of the entry before"),
    Column("hash", String(64), nullable=False),
    Index("ix_audit_patient_at", "patient", "at"),
)

AUDIT_HEAD: Final = Table(
    "audit_head",
    METADATA,
    Column("one", Integer, CheckConstraint("one = 1", name="single"), primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

ACCOUNTS: Final = Table(
    "access_accounts",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("login", String(128), nullable=False, unique=True, comment="folded: without capitals"),
    Column("name", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("agency", String(200), comment="the key of the agency for which an agency's user works"),
    Column("password", String(300), comment="hashed by scrypt; null: signs in elsewhere"),
    Column("subject", String(500), unique=True, comment="who it is at the identity provider: its address and its name for them"),
    Column("created", Moment, nullable=False),
    Column("disabled", Moment),
    Column("signed_in", Moment, comment="the last time"),
    Column("failed", Integer, nullable=False, comment="attempts with a wrong password since then"),
)

SESSIONS: Final = Table(
    "access_sessions",
    METADATA,
    Column("id", String(64), primary_key=True, comment="the hash of what the cookie holds"),
    Column("account", String(36), ForeignKey(ACCOUNTS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("started", Moment, nullable=False, index=True),
    Column("seen", Moment, nullable=False, comment="the last step, to the minute"),
    Column("glass", String(200), comment="why the glass was broken"),
    Column("glass_until", Moment),
)

ATTEMPTS: Final = Table(
    "access_attempts",
    METADATA,
    Column("key", String(64), primary_key=True, comment="a hash of what is counted: a login, an address, or both"),
    Column("since", Moment, nullable=False, index=True),
    Column("count", Integer, nullable=False),
)

TOKENS: Final = Table(
    "access_tokens",
    METADATA,
    Column("id", String(64), primary_key=True, comment="the hash of the token"),
    Column("account", String(36), ForeignKey(ACCOUNTS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String(100), nullable=False, comment="what it is for"),
    Column("created", Moment, nullable=False),
    Column("until", Moment, nullable=False, index=True),
    Column("used", String(10), comment="the last day on which somebody called with it"),
)
