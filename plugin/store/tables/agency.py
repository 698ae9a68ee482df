"""Links by which people at partner agencies come in, and what they say about their services."""

from typing import Final

from sqlalchemy import JSON, Column, Integer, String, Table

from plugin.store.tables.base import METADATA, Moment

LINKS: Final = Table(
    "agency_links",
    METADATA,
    Column("id", String(64), primary_key=True, comment="the hash of what the link ends with"),
    Column("agency", String(200), nullable=False, index=True),
    Column("name", String(200), nullable=False, comment="who was invited"),
    Column("number", String(300), nullable=False, comment="hashed by scrypt"),
    Column("user", String(128), nullable=False, comment="who invited them"),
    Column("created", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("tries", Integer, nullable=False, comment="wrong numbers since the last right one"),
)

STATEMENTS: Final = Table(
    "agency_statements",
    METADATA,
    Column("listing", String(300), primary_key=True, comment="the key of the service in the directory"),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="counts what was said about it"),
    Column("kind", String(8), nullable=False, comment="room or details"),
    Column("agency", String(200), nullable=False),
    Column("said", JSON, nullable=False, comment="all of it, also what did not change"),
    Column("state", String(8), nullable=False, comment="stated, proposed (staff are to look at it) or refused"),
    Column("at", Moment, nullable=False),
    Column("user", String(128), nullable=False),
    Column("reviewed", Moment),
    Column("reviewer", String(128)),
)
