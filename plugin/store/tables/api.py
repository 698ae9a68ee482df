"""What programs asked for over the API, so that the same request sent again does nothing twice."""

from typing import Final

from sqlalchemy import JSON, Column, ForeignKey, String, Table

from plugin.store.tables.access import ACCOUNTS
from plugin.store.tables.base import METADATA, Moment

REQUESTS: Final = Table(
    "api_requests",
    METADATA,
    Column("key", String(64), primary_key=True, comment="a hash of the account and its Idempotency-Key"),
    Column("account", String(36), ForeignKey(ACCOUNTS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("asked", String(64), nullable=False, comment="a hash of what was asked"),
    Column("at", Moment, nullable=False, index=True),
    Column("answer", JSON(none_as_null=True), comment="ids and versions; null: it is being worked on"),
)
