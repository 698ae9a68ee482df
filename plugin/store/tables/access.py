"""Who did what: a chain of entries, and its end."""

from typing import Final

from sqlalchemy import JSON, CheckConstraint, Column, Index, Integer, String, Table

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
