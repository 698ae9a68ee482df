"""Spark SQL 4, in ANSI mode with double-quoted identifiers: where one machine is outgrown."""

from datetime import date


class Spark:
    """Spark's words; see `rules.engines.columnar.dialects.Dialect`."""

    unknown = "CAST('NaN' AS DOUBLE)"

    def number(self, value: float) -> str:
        """Spark reads a literal with ``D`` as double."""
        return f"{float(value)!r}D"

    def day(self, value: date) -> str:
        """A date literal."""
        return f"DATE '{value.isoformat()}'"

    def text(self, value: str) -> str:
        """Backslashes are escapes in Spark's strings."""
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def last(self, value: str, order: str, where: str) -> str:
        """Spark's ``max_by`` keeps NULLs."""
        return f"max_by({value}, {order}) FILTER (WHERE {where})"

    def order_of(self, *keys: str) -> str:
        """A struct compares field by field."""
        return f"struct({', '.join(keys)})"

    def by_rank(self, instant: str, rank: str, order: str) -> str:
        """A struct compares field by field."""
        return f"struct({instant}, -{rank}, {order})"

    def total(self, value: str, order: str, where: str) -> str:
        """Collected, sorted, then added one by one."""
        rows = f"collect_list(struct({order} AS o, {value} AS v)) FILTER (WHERE {where} AND {value} IS NOT NULL)"
        return f"aggregate(array_sort({rows}), 0D, (a, x) -> a + x.v)"

    def moved(self, day: str, days: str, months: str) -> str:
        """``add_months`` clips to the month as `rules.days` does."""
        return f"greatest(least(date_add(add_months({day}, {months}), {days}), {self.day(date.max)}), {self.day(date.min)})"

    def days_between(self, start: str, end: str) -> str:
        """Days from the date ``start`` to ``end``."""
        return f"datediff({end}, {start})"

    def iso(self, day: str) -> str:
        """A date as ISO 8601 text."""
        return f"date_format({day}, 'yyyy-MM-dd')"

    def finite(self, value: str) -> str:
        """``value``, or NULL where it is infinite or no number."""
        return f"CASE WHEN NOT isnan({value}) AND abs({value}) < CAST('Infinity' AS DOUBLE) THEN {value} END"

    def pivot(self, source: str, columns: list[int]) -> str:
        """Grouped by what is left over: ``pid``."""
        listed = ", ".join(f'{number} AS "{number}"' for number in columns)
        return f"(SELECT * FROM (SELECT pid, fid, v FROM {source}) PIVOT (max(v) FOR fid IN ({listed})))"
