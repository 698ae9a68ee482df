"""Every step between versions, up and back, with rows in every table: no error, and no row lost of a table that both sides have."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import JSON, CheckConstraint, Column, MetaData, Table, insert, select

from plugin.store import Store, open_store
from plugin.store.versions import migrate, newest

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
VERSIONS = tuple(f"{number:04}" for number in range(1, int(newest()) + 1))
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def bare(database_url: str) -> Iterator[Store]:
    """A store without tables."""
    store = open_store(database_url)
    yield store
    store.close()


def test_every_version_goes_back_with_rows_in_every_table(bare: Store) -> None:
    """Rows of every version are there on every step up and down."""
    known: dict[str, list[Table]] = {}
    for number, version in enumerate(VERSIONS, 1):
        before = _rows(bare, known[VERSIONS[number - 2]]) if number > 1 else {}
        migrate(bare, version)
        known[version] = _tables(bare)
        _same(before, _rows(bare, known[version]), version)
        _fill(bare, known[version], number)
    for above, version in zip(VERSIONS[::-1], VERSIONS[-2::-1], strict=False):
        before = _rows(bare, known[above])
        assert all(before.values()), above
        migrate(bare, version)
        _same(before, _rows(bare, known[version]), version)
    migrate(bare, "base")
    assert _tables(bare) == []
    migrate(bare)


def _same(before: Rows, after: Rows, version: str) -> None:
    """What both versions have is as it was."""
    for table in before.keys() & after.keys():
        assert _shared(before[table], after[table]) == _shared(after[table], before[table]), (version, table)


def _shared(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[str]:
    """The rows without columns that the others do not have."""
    names = others[0].keys() if others else rows[0].keys() if rows else ()
    return sorted(repr({name: value for name, value in sorted(row.items()) if name in names}) for row in rows)


def _tables(store: Store) -> list[Table]:
    found = MetaData()
    with store.read() as connection:
        found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _rows(store: Store, tables: list[Table]) -> Rows:
    with store.read() as connection:
        return {table.name: [dict(row._mapping) for row in connection.execute(select(table))] for table in tables}


def _fill(store: Store, tables: list[Table], number: int) -> None:
    """One more row in every table; what refers refers to rows of the same number."""
    with store.write() as connection:
        for table in tables:
            row = {column.name: _value(column, number) for column in table.columns} | _allowed(table)
            keys = [column == row[column.name] for column in table.primary_key]
            if connection.execute(select(table).where(*keys)).first() is None:
                connection.execute(insert(table), row)


def _allowed(table: Table) -> dict[str, Any]:
    """The first value that a constraint allows, by its column."""
    found: dict[str, Any] = {}
    for check in table.constraints:
        if isinstance(check, CheckConstraint):
            column = re.search(r"\w+", str(check.sqltext))
            value = re.search(r"'([^']*)'|= (\d+)", str(check.sqltext))
            if column and value and column[0] in table.columns:
                found[column[0]] = int(value[2]) if value[2] else value[1]
    return found


def _value(column: Column[Any], number: int) -> Any:
    for key in column.foreign_keys:
        return _value(key.column, number)
    if isinstance(column.type, JSON):
        return [number]
    kind = column.type.python_type
    if kind is datetime:
        return NOON if getattr(column.type, "timezone", False) else NOON.replace(tzinfo=None)
    if kind is str:
        return f"{number:02}{column.name}"[: getattr(column.type, "length", None)]
    return kind(number) if kind is not bytes else bytes([number])
