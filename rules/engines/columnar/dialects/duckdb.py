"""DuckDB 2: the default."""

from datetime import date


class DuckDB:
    """DuckDB's words; see `rules.engines.columnar.dialects.Dialect`."""

    unknown = "CAST('NaN' AS DOUBLE)"
    """Marks a value as unknown on its way through the pivot, where NULL means that there was no row."""

    def number(self, value: float) -> str:
        """A double-precision literal; a bare ``9.0`` would be a decimal."""
        text = repr(float(value))
        return text if "e" in text else f"{text}e0"

    def day(self, value: date) -> str:
        """A date literal."""
        return f"DATE '{value.isoformat()}'"

    def text(self, value: str) -> str:
        """A string literal."""
        return "'" + value.replace("'", "''") + "'"

    def last(self, value: str, order: str, where: str) -> str:
        """``value`` of the row with the greatest ``order``, NULL if that row has none (``arg_max`` would skip it)."""
        return f"arg_max_null({value}, {order}) FILTER (WHERE {where})"

    def order_of(self, *keys: str) -> str:
        """A sort key of several columns."""
        return "(" + ", ".join(keys) + ")"

    def by_rank(self, instant: str, rank: str, order: str) -> str:
        """One wide integer: comparing structs costs far more. Ranks are below a million, orders below 2⁴⁰."""
        return f"({instant}::HUGEINT * {2**60} - {rank}::HUGEINT * {2**40} + {order})"

    def total(self, value: str, order: str, where: str) -> str:
        """The sum of ``value``, added in ``order``: a sum in another order may differ in its last digit."""
        values = f"list({value} ORDER BY {order}) FILTER (WHERE {where} AND {value} IS NOT NULL)"
        return f"list_reduce(list_prepend(0e0, coalesce({values}, [])), lambda a, b: a + b)"

    def moved(self, day: str, days: str, months: str) -> str:
        """A date column moved by whole days and months; clipped as in `rules.days`."""
        return f"greatest(least(CAST({day} + to_months({months}) + to_days({days}) AS DATE), {self.day(date.max)}), {self.day(date.min)})"

    def days_between(self, start: str, end: str) -> str:
        """Days from the date ``start`` to ``end``."""
        return f"({end} - {start})"

    def iso(self, day: str) -> str:
        """A date as ISO 8601 text."""
        return f"strftime({day}, '%Y-%m-%d')"

    def finite(self, value: str) -> str:
        """``value``, or NULL where it is infinite or no number."""
        return f"CASE WHEN isfinite({value}) THEN {value} END"

    def pivot(self, source: str, columns: list[int]) -> str:
        """One row for each ``pid`` of ``source(pid, fid, v)``, one column for each feature number."""
        listed = ", ".join(map(str, columns))
        return f"(PIVOT {source} ON fid IN ({listed}) USING max(v) GROUP BY pid)"
