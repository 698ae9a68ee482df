"""Rows that may be there already."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: Connection, table: Table) -> Any:
    """An insert that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``, for the database of ``connection``."""
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert those of ``rows`` whose key is new; the others change nothing.

    In the order of their keys: transactions that insert the same rows at one time wait for each other in a row, never in a circle.
    """
    if rows:
        keys = [column.name for column in table.primary_key]
        ordered = sorted(rows, key=lambda row: [str(row[key]) for key in keys])
        connection.execute(upsert(connection, table).on_conflict_do_nothing(), ordered)


def insert_one(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert ``row`` unless something unique about it is there already; whether it was inserted."""
    statement = upsert(connection, table).values(row).on_conflict_do_nothing()
    return connection.execute(statement.returning(*table.primary_key)).first() is not None
