"""The short road: facts that one look at a person's events of a series answers, whatever the length of their window.

Whether there was something within twelve months is a *sight*: the last day on which a certain event lies, and the last on which any may
lie. The latest value within six, its word, the time since are a *glance* at the latest event: if it is the latest whatever the window, each
such fact is a column computed from it. Only where that is open, facts go the long way of `rules.engines.columnar.reducing_sql`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from rules.engines.columnar.aggregates_sql import DATED, Aggregates
from rules.engines.columnar.dialects import Dialect
from rules.engines.columnar.features import Feature, Features, first_day

_AT_ONCE: Final = 12
"""So many readings are set side by side by one query."""

_PLAIN: Final = {
    "rank": """low = last_low
        AND (coalesce(partial_instant < last_instant, TRUE) OR (first_instant = last_instant AND first_low = last_low))""",
    "value": "low = last_low AND (low = high OR n = 1)",
}
"""By what is taken of the latest event: whether it is the latest of any window that it lies in, or no event is for certain."""
_ALONE: Final = {"rank": "first_instant = last_instant", "value": "n = 1"}
"""Whether no certain event is beside it of which one could doubt that it comes before."""


class Glances:
    """Writes the SQL of the short road."""

    def __init__(self, features: Features, as_of: date, sql: Dialect) -> None:
        """``as_of`` is the day of evaluation."""
        self.as_of = as_of
        self.sql = sql
        quick = [f for f in features.facts if f.number in features.quick]
        self._seen = sorted({f.reading for f in quick if f.seen})
        told = [f for f in quick if not f.seen]
        self._taken = {
            "rank": sorted({f.reading for f in told if f.series.words}),
            "value": sorted({f.reading for f in told if not f.series.words}),
        }
        self._since = sorted({f.kind for f in told if f.kind.endswith("since")})
        self._columns = {
            name: sorted({f.reading for f in told if _taken(f) == name}) for name in ("rank", "value", *map(_column, self._since))
        }
        self._dated = [number for number in features.dated if number in features.quick and features.facts[number].kind in DATED]
        self.told = bool(told)
        """Whether the latest event of anything is looked at."""

    def expressions(self) -> Iterator[str]:
        """``sight(pid, reading, certain, possible)``: the days since the last certain event, and since the last day on which any may lie.

        ``glance(pid, reading, plain, day, late, ago, …)``: the latest event, which lies on ``day``, or not after ``late``; ``ago`` counts
        the days since. There is no day if none is the latest for certain; where not ``plain``, that depends on the window.
        """
        if self._seen:
            yield f"""
sight AS (
  SELECT pid, reading, {self._ago("low")} AS certain, {self._ago("high")} AS possible
  FROM (SELECT pid, reading, max(CASE WHEN verdict = 2 THEN low END) AS low, max(coalesce(high, {self.sql.day(date.max)})) AS high
    FROM spread WHERE reading IN ({_listed(self._seen)}) GROUP BY pid, reading)
)"""
        if self.told:
            yield f"\nglance AS ({' UNION ALL '.join(self._glance(name, readings) for name, readings in self._taken.items() if readings)})"

    def _glance(self, name: str, readings: list[int]) -> str:
        """The latest events of some readings, of which ``name`` is taken."""
        order = self.sql.by_rank("instant", "rank", "ord") if name == "rank" else "ord"
        found = ", ".join(f"{self.sql.last(column, order, 'verdict = 2')} AS {column}" for column in ("low", "high", name))
        tallies = {
            "last_low": "max(low) FILTER (WHERE verdict = 2)",
            "partial_high": "max(high) FILTER (WHERE verdict = 2 AND low <> high)",
            "possible_high": f"max(coalesce(high, {self.sql.day(date.max)})) FILTER (WHERE verdict < 2)",
        }
        if name == "rank":
            tallies |= {
                "first_low": "min(low) FILTER (WHERE verdict = 2)",
                "first_instant": "min(instant) FILTER (WHERE verdict = 2)",
                "last_instant": "max(instant) FILTER (WHERE verdict = 2)",
                "partial_instant": "max(instant) FILTER (WHERE verdict = 2 AND low <> high)",
            }
        else:
            tallies["n"] = "count(*) FILTER (WHERE verdict = 2)"
        tallied = ", ".join(f"{expression} AS {column}" for column, expression in tallies.items())
        return f"""
  SELECT pid, reading, plain, {self._told(name)}
  FROM (SELECT *, plain AND coalesce(possible_high < low, TRUE) AND ({_ALONE[name]} OR coalesce(partial_high < low, TRUE)) AS settled
    FROM (SELECT *, coalesce({_PLAIN[name]}, TRUE) AS plain
      FROM (SELECT pid, reading, {tallied}, {found} FROM spread WHERE reading IN ({_listed(readings)}) GROUP BY pid, reading)))"""

    def _told(self, name: str) -> str:
        """What is told of an event that is the latest for certain."""
        told = {"day": "low", "late": "high", "ago": self._ago("low"), "rank": "CAST(NULL AS DOUBLE)", "value": "CAST(NULL AS DOUBLE)"}
        told |= {"rank": "CASE WHEN rank <> 1 THEN CAST(rank AS DOUBLE) END"} if name == "rank" else {"value": "value"}
        aggregates = Aggregates(self.as_of, self.sql)
        for kind in self._since:
            longest, shortest = (aggregates.since(kind.removesuffix("s since"), day) for day in ("low", "high"))
            told[_column(kind)] = f"CASE WHEN {longest} = {shortest} THEN {longest} END"
        return ", ".join(f"CASE WHEN settled THEN {expression} END AS {column}" for column, expression in told.items())

    def _ago(self, day: str) -> str:
        return f"CAST({self.sql.days_between(day, self.sql.day(self.as_of))} AS INTEGER)"

    def days(self) -> Iterator[str]:
        """Queries for the days of the facts that others count from."""
        if self._dated:
            yield f"""SELECT g.pid, f.fid, g.day AS day_low, g.late AS day_high FROM glance g JOIN feature f ON f.reading = g.reading
  WHERE g.day >= f.lo AND f.fid IN ({_listed(self._dated)})"""

    def side_by_side(self) -> Iterator[str]:
        """Queries of one row for each person, with the columns that `value` reads: each name with the number of its reading."""
        told = sorted(self._taken["rank"] + self._taken["value"])
        yield from _side_by_side("sight", {"certain": self._seen, "possible": self._seen})
        yield from _side_by_side("glance", {"ago": told} | self._columns)

    def value(self, feature: Feature, gap: str) -> str:
        """The value of a fact, by whichever road it came, a word as its rank; ``gap``: whether it cannot be known. NULL: unknown."""
        if feature.seen:
            near, perhaps = (self._within(day, feature) for day in ("certain", "possible"))
            return f"CASE WHEN {near} THEN TRUE WHEN {perhaps} OR {gap} THEN NULL ELSE FALSE END"
        found = f"{_taken(feature)}{feature.reading}"
        return f'CASE WHEN {gap} THEN NULL WHEN {self.near(feature)} THEN {found} ELSE w."{feature.number}" END'

    def near(self, feature: Feature) -> str:
        """Whether the latest event is known to be so, and to lie in the window of a fact."""
        return self._within("ago", feature)

    def _within(self, day: str, feature: Feature) -> str:
        return f"{day}{feature.reading} <= {(self.as_of - first_day(feature, self.as_of)).days}"


def _side_by_side(source: str, columns: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """A few readings at a time, so that each row is looked at for those beside it only: with all at once the work would be squared."""
    readings = sorted({each for listed in columns.values() for each in listed})
    for start in range(0, len(readings), _AT_ONCE):
        block = readings[start : start + _AT_ONCE]
        found = ", ".join(
            f"max(CASE WHEN reading = {each} THEN {name} END) AS {name}{each}"
            for name, listed in columns.items()
            for each in sorted({*block} & {*listed})
        )
        yield f"SELECT pid, {found} FROM {source} WHERE reading IN ({_listed(block)}) GROUP BY pid"


def _taken(feature: Feature) -> str:
    """What a fact takes from the latest event: a column of ``glance``."""
    if feature.kind.endswith("since"):
        return _column(feature.kind)
    return "rank" if feature.series.words else "value"


def _column(kind: str) -> str:
    """``days since`` has a column ``days``."""
    return kind.removesuffix(" since")


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
