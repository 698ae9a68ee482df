"""What all tables share: one catalogue with names for constraints, and moments that are always UTC."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Dialect, MetaData, String
from sqlalchemy.types import TypeDecorator

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """An instant, kept as text that sorts by time: ``2026-11-22T09:30:00.000000+00:00``. The same in both databases."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """An aware datetime as text; one without a zone is a mistake."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The text as an aware datetime."""
        return None if value is None else datetime.fromisoformat(value)
