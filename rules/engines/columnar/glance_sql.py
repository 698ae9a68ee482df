"""The short road: facts that the latest event alone decides, whatever the length of their window.

Whether there was something within twelve months, the latest value within six, its word, the time since: one look at the latest of a
person's events of a series answers all such facts, and each is a column computed from it. What is uncertain about the others is no more
than a day: the last on which one of them may lie. Only where partial dates leave open which event is the latest, facts go the long way
of `rules.engines.columnar.reducing_sql`.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from rules.engines.columnar.aggregates_sql import DATED, Aggregates
from rules.engines.columnar.dialects import Dialect
from rules.engines.columnar.features import Feature, Features, first_day

_NEEDED: Final = {"latest": ("value",), "latest word": ("rank",)}
"""What a kind takes from the latest event, beside its day."""


class Glances:
    """Writes the SQL of the short road."""

    def __init__(self, features: Features, as_of: date, sql: Dialect) -> None:
        """``as_of`` is the day of evaluation."""
        self.as_of = as_of
        self.sql = sql
        self.quick = {f.number: f for f in features.facts if f.number in features.quick}
        self._dated = [number for number in features.dated if features.facts[number].kind in DATED]
        self._words = any(f.kind == "latest word" for f in self.quick.values())
        self._timed = sorted({f.reading for f in self.quick.values() if f.kind.endswith("since")})

    def expression(self) -> str:
        """``glance(pid, reading, plain, settled, day, late, ago, until, value, rank)``: the latest event that is certain.

        It lies on ``day``, or not after ``late``; ``ago`` counts the days since. One that is possible, or this one, may lie as late as
        ``until`` days ago. A value is that of the fact, unknown if the event is not ``settled``: a possible one may be later. Where not
        ``plain``, nothing of this can be relied on.
        """
        order = self.sql.by_rank("instant", "rank", "ord") if self._words else "ord"
        taken = ("low", "high", "value", *(["rank"] if self._words else ()))
        found = ", ".join(f"{self.sql.last(column, order, 'verdict = 2')} AS {column}" for column in taken)
        rank = "CASE WHEN settled AND rank <> 1 THEN CAST(rank AS DOUBLE) END" if self._words else "CAST(NULL AS DOUBLE)"
        today, latest = self.sql.day(self.as_of), "greatest(possible_high, high)"
        return f"""
glance AS (
  SELECT pid, reading, plain, settled, low AS day, high AS late, CAST({self.sql.days_between("low", today)} AS DOUBLE) AS ago,
    CASE WHEN n = 0 OR NOT settled OR low < high THEN CAST({self.sql.days_between(latest, today)} AS DOUBLE) END AS until,
    CASE WHEN settled THEN value END AS value, {rank} AS rank
  FROM (SELECT *, coalesce({self._plain()}, FALSE) AS plain, possible_high IS NULL OR coalesce(possible_high < low, FALSE) AS settled
    FROM (SELECT pid, reading, count(*) FILTER (WHERE verdict = 2) AS n, max(low) FILTER (WHERE verdict = 2) AS last_low,
        max(high) FILTER (WHERE verdict = 2 AND low <> high) AS partial_high,
        max(coalesce(high, {self.sql.day(date.max)})) FILTER (WHERE verdict < 2) AS possible_high, {found}
      FROM spread GROUP BY pid, reading))
)"""

    def _plain(self) -> str:
        """Whether the event that comes last is the latest, whatever the window: no other may lie as late."""
        alone = "n = 1" + (f" AND reading NOT IN ({', '.join(map(str, self._timed))})" if self._timed else "")
        return f"n = 0 OR (low = last_low AND CASE WHEN low = high THEN coalesce(partial_high < low, TRUE) ELSE {alone} END)"

    def days(self) -> Iterator[str]:
        """Queries for the days of the facts that others count from."""
        dated = ", ".join(str(number) for number in self._dated if number in self.quick)
        if dated:
            yield f"""SELECT g.pid, f.fid, g.day AS day_low, g.late AS day_high FROM glance g JOIN feature f ON f.reading = g.reading
  WHERE g.plain AND g.settled AND g.day >= f.lo AND f.fid IN ({dated})"""

    def side_by_side(self) -> str:
        """One row for each person, with the columns that `value` reads."""
        columns: dict[str, set[int]] = {"ago": set(), "until": set()}
        for feature in self.quick.values():
            for name in ("ago", "until", *_NEEDED.get(feature.kind, ())):
                columns.setdefault(name, set()).add(feature.reading)
        return self.sql.side_by_side("SELECT * FROM glance WHERE plain", "reading", {name: sorted(of) for name, of in columns.items()})

    def value(self, feature: Feature, gap: str) -> str:
        """The value of a fact, by whichever road it came, a word as its rank; ``gap``: whether it cannot be known. NULL: unknown."""
        ago, until, longest = self._column("ago", feature), self._column("until", feature), self._longest(feature)
        long, near, perhaps = f'w."{feature.number}"', f"{ago} <= {longest}", f"{until} <= {longest}"
        match feature.kind:
            case "exists":
                return f"CASE WHEN {near} OR {long} = 1 THEN TRUE WHEN {perhaps} OR {gap} OR {long} IS NOT NULL THEN NULL ELSE FALSE END"
            case "latest":
                found = self._column("value", feature)
            case "latest word":
                found = self._column("rank", feature)
            case _:
                found = f"CASE WHEN {until} <= {ago} THEN NULL ELSE {self._since(feature.kind.removesuffix('s since'), ago)} END"
        return f"CASE WHEN {gap} THEN NULL WHEN {near} THEN {found} WHEN {perhaps} THEN NULL ELSE nullif({long}, {self.sql.unknown}) END"

    def _since(self, unit: str, ago: str) -> str:
        """Completed units in so many days."""
        if unit in ("day", "week"):
            return ago if unit == "day" else f"floor({ago} / 7)"
        day = self.sql.moved(self.sql.day(self.as_of), f"-CAST({ago} AS INTEGER)", "0")
        return Aggregates(self.as_of, self.sql).since(unit, day)

    def _longest(self, feature: Feature) -> str:
        return self.sql.number((self.as_of - first_day(feature, self.as_of)).days)

    def _column(self, name: str, feature: Feature) -> str:
        return f"g.{name}{feature.reading}"
