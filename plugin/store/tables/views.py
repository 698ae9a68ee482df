"""Views of the list that staff named, to come back to."""

from typing import Final

from sqlalchemy import JSON, Column, String, Table, UniqueConstraint

from plugin.store.tables.base import METADATA, Moment

SAVED_VIEWS: Final = Table(
    "saved_views",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("user", String(128), nullable=False, comment="who saved it"),
    Column("name", String(64), nullable=False),
    Column("role", String(16), index=True, comment="whoever has it sees the view, too; null: nobody else does"),
    Column("wish", JSON, nullable=False, comment="the filters; never searched text, which names people"),
    Column("saved", Moment, nullable=False),
    UniqueConstraint("user", "name"),
)
