"""The short road: facts that the latest event alone decides, whatever the length of their window.

Whether there was something within twelve months, the latest value within six, its word, the time since: where nothing about a person's
events of a series is uncertain, one look at the latest of them answers all such facts, and each is a column computed from it. Where
anything is uncertain, they go the long way of `rules.engines.columnar.reducing_sql`.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from rules.engines.columnar.aggregates_sql import DATED, Aggregates
from rules.engines.columnar.dialects import Dialect
from rules.engines.columnar.features import Feature, Features, first_day

_FIRST: Final = 3_000_000
"""Glances are numbered from here on, beside the facts: three columns for each reading."""
_AGO, _VALUE, _RANK = range(3)


class Glances:
    """Writes the SQL of the short road."""

    def __init__(self, features: Features, as_of: date, sql: Dialect) -> None:
        """``as_of`` is the day of evaluation."""
        self.as_of = as_of
        self.sql = sql
        self.quick = {f.number: f for f in features.facts if f.number in features.quick}
        self._dated = [number for number in features.dated if features.facts[number].kind in DATED]
        self._words = any(f.kind == "latest word" for f in self.quick.values())
        self._wanted = sorted({key for feature in self.quick.values() for key in self._keys(feature)})

    def expression(self) -> str:
        """``glance(pid, reading, plain, day, ago, value, rank)``: the latest event.

        It is ``plain`` if it certainly is the latest, whatever the window: on one known day, and what is uncertain lies before that day.
        """
        sure = "verdict = 2 AND low = high"
        chosen = {"value": "ord"} | ({"rank": self.sql.order_of("instant", "-rank", "ord")} if self._words else {})
        columns = "".join(
            f", {self.sql.last(name, order, 'verdict = 2')} AS {name}, {self.sql.last('low', order, 'verdict = 2')} AS {name}_low"
            for name, order in chosen.items()
        )
        same = "".join(f" AND day = {name}_low" for name in chosen)
        rank = "CAST(rank AS DOUBLE)" if self._words else "CAST(NULL AS DOUBLE)"
        return f"""
glance AS (
  SELECT pid, reading, coalesce((unsure IS NULL OR unsure < day){same}, FALSE) AS plain, day,
    CAST({self.sql.days_between("day", self.sql.day(self.as_of))} AS DOUBLE) AS ago, value, {rank} AS rank
  FROM (SELECT pid, reading, max(low) FILTER (WHERE {sure}) AS day,
      max(coalesce(high, {self.sql.day(date.max)})) FILTER (WHERE NOT coalesce({sure}, FALSE)) AS unsure{columns}
    FROM spread GROUP BY pid, reading)
)"""

    def days(self) -> Iterator[str]:
        """Queries for the days of the facts that others count from."""
        dated = ", ".join(str(number) for number in self._dated if number in self.quick)
        if dated:
            yield f"""SELECT g.pid, f.fid, g.day AS day_low, g.day AS day_high FROM glance g JOIN feature f ON f.reading = g.reading
  WHERE g.plain AND g.day >= f.lo AND f.fid IN ({dated})"""

    def rows(self) -> Iterator[str]:
        """Queries for what `value` reads, as rows of ``long``."""
        for place, name in ((_AGO, "ago"), (_VALUE, "value"), (_RANK, "rank")):
            readings = [str((key - _FIRST) // 3) for key in self._wanted if key % 3 == (_FIRST + place) % 3]
            if readings:
                known = name if name == "ago" else f"coalesce({name}, {self.sql.unknown})"
                yield f"""SELECT pid, {_FIRST + place} + 3 * reading AS fid, {known} AS v FROM glance
  WHERE plain AND reading IN ({", ".join(readings)})"""

    @property
    def numbers(self) -> list[int]:
        """The numbers of these rows."""
        return self._wanted

    def columns(self) -> list[str]:
        """For each fact of the short road its value by whichever road it came."""
        return [f'{self._value(feature)} AS "{self.column(feature)}"' for feature in self.quick.values()]

    def column(self, feature: Feature) -> str:
        """The column that has the value of a fact. NULL: no event in the window; NaN: unknown."""
        return f"v{feature.number}" if feature.number in self.quick else str(feature.number)

    def _value(self, feature: Feature) -> str:
        ago, longest = self._column(feature, _AGO), (self.as_of - first_day(feature, self.as_of)).days
        return f'CASE WHEN {ago} <= {self.sql.number(longest)} THEN {self._glanced(feature)} ELSE w."{feature.number}" END'

    def _glanced(self, feature: Feature) -> str:
        match feature.kind:
            case "exists":
                return "1e0"
            case "latest":
                return self._column(feature, _VALUE)
            case "latest word":
                return self._column(feature, _RANK)
        day = self.sql.moved(self.sql.day(self.as_of), f"-CAST({self._column(feature, _AGO)} AS INTEGER)", "0")
        return Aggregates(self.as_of, self.sql).since(feature.kind.removesuffix("s since"), day)

    def _column(self, feature: Feature, place: int) -> str:
        return f'w."{_FIRST + 3 * feature.reading + place}"'

    def _keys(self, feature: Feature) -> set[int]:
        more = {"latest": {_VALUE}, "latest word": {_RANK}}.get(feature.kind, set())
        return {_FIRST + 3 * feature.reading + place for place in {_AGO, *more}}
