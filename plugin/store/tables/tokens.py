"""Tokens of CDS clients that were seen: each is good for one call."""

from typing import Final

from sqlalchemy import Column, String, Table

from plugin.store.tables.base import METADATA, Moment

SEEN_TOKENS: Final = Table(
    "seen_tokens",
    METADATA,
    Column("client", String(64), primary_key=True),
    Column("jti", String(64), primary_key=True, comment="a hash of the token's id, which may have any length"),
    Column("expires", Moment, nullable=False, index=True),
)
