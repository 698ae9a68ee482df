"""Statements of which every hook call makes some: compiled once, and given to the driver as they are.

What SQLAlchemy does for a statement each time it is executed costs ten times what SQLite needs to carry it out.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Dialect, Insert, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Row = Mapping[str, Any]
Statement = Insert | Select[Any]


class _Prepared:
    """A statement as the driver takes it, and how it takes each value."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for mypy: both kinds of statement have this one
        self.text = str(compiled)
        self._positional = compiled.positional
        names = compiled.positiontup or () if compiled.positional else tuple(compiled.binds)
        self._how = [(name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names]

    def values(self, row: Row) -> Sequence[Any] | Mapping[str, Any]:
        """A row must have a value, which may be ``None``, for every name."""
        if self._positional:
            return [row[name] if process is None else process(row[name]) for name, process in self._how]
        return {name: row[name] if process is None else process(row[name]) for name, process in self._how}


class Statements:
    """Those of one database, each prepared when it is first wanted. Any thread may use them."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[Statement, _Prepared] = {}

    def prepared(self, statement: Statement) -> _Prepared:
        """``statement`` must be made once for the whole program, not for each use."""
        if statement not in self._known:
            self._known[statement] = _Prepared(statement, self._dialect)
        return self._known[statement]

    @contextmanager
    def errors(self) -> Iterator[None]:
        """What the driver raises in the block is raised as SQLAlchemy's, without the values that it was about."""
        driver: Any = self._dialect.loaded_dbapi
        try:
            yield
        except driver.Error as wrong:
            raise DBAPIError.instance(None, None, wrong, driver.Error, hide_parameters=True, dialect=self._dialect) from wrong


class Direct:
    """A transaction, as long as it lasts."""

    def __init__(self, cursor: Any, statements: Statements) -> None:
        self._cursor, self._statements = cursor, statements

    def insert(self, statement: Insert, rows: Sequence[Row]) -> None:
        """``rows`` have every column of the table."""
        prepared = self._statements.prepared(statement)
        if len(rows) == 1:
            self._cursor.execute(prepared.text, prepared.values(rows[0]))
        elif rows:
            self._cursor.executemany(prepared.text, [prepared.values(row) for row in rows])

    def first(self, statement: Select[Any], values: Row) -> Any:
        """The first column of the first row, as the driver gives it; ``None``: there is no row."""
        prepared = self._statements.prepared(statement)
        self._cursor.execute(prepared.text, prepared.values(values))
        found = self._cursor.fetchone()
        return None if found is None else found[0]
