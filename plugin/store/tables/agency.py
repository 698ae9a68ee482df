"""Links by which people at partner agencies come in."""

from typing import Final

from sqlalchemy import Column, Integer, String, Table

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
