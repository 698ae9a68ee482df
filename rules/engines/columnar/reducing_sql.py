"""From events to one value for each person and fact, in SQL: windows, then one ``GROUP BY``, as `rules.engines.reference` says."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from rules.engines.columnar.aggregates_sql import DATED, ORDERED, Aggregates
from rules.engines.columnar.dialects import Dialect
from rules.engines.columnar.features import Features, shift
from rules.engines.columnar.glance_sql import Glances

_SPREAD: Final = """
spread AS (
  SELECT r.number AS reading, j.* FROM judged j JOIN reading r ON r.sid = j.sid WHERE NOT r.household{households}
)"""
_HOUSEHOLDS: Final = """
  UNION ALL
  SELECT r.number AS reading, j.sid, j.eid, q.pid, j.low, j.high, j.end_low, j.end_high, j.instant, j.ord, j.opaque, j.value, j.rank,
    j.passes, j.verdict
  FROM judged j JOIN reading r ON r.sid = j.sid JOIN person p ON p.pid = j.pid JOIN person q ON q.home = p.home WHERE r.household"""

_ASKED: Final = """
asked AS (
  SELECT f.fid, f.kind, f.stage, f.timing, f.lo, f.up, f.bounds, x.* FROM spread x JOIN feature f ON f.reading = x.reading
  WHERE NOT f.quick{unsure}
)"""
_UNSURE: Final = """
unsure AS (
  SELECT g.pid, f.* FROM glance g JOIN feature f ON f.reading = g.reading WHERE f.quick AND f.kind <> 'exists' AND NOT g.plain
)"""
_ASKED_TOO: Final = """
  UNION ALL
  SELECT f.fid, f.kind, f.stage, f.timing, f.lo, f.up, f.bounds, x.*
  FROM spread x JOIN unsure f ON f.pid = x.pid AND f.reading = x.reading"""

_GOING: Final = """least(CASE WHEN lo_low > up_high THEN 0 WHEN lo_high <= up_low THEN 2 ELSE 1 END,
        CASE WHEN low IS NULL OR high > up_low AND low <= up_high THEN 1 WHEN low > up_high THEN 0 ELSE 2 END,
        CASE WHEN end_low IS NULL THEN 2 WHEN end_high < lo_low THEN 0 WHEN end_low >= lo_high THEN 2 ELSE 1 END)"""

_WINDOWED: Final = """CASE timing WHEN 'ends' THEN ended WHEN 'inside' THEN least(started, ended) WHEN 'overlaps' THEN going
      WHEN 'overlaps before' THEN least(going, CASE WHEN low IS NULL THEN 1 WHEN high < lo_low THEN 2 WHEN low >= lo_high THEN 0 ELSE 1 END)
      WHEN 'overlaps after' THEN least(going,
        CASE WHEN end_low IS NULL OR end_low > up_high THEN 2 WHEN end_high <= up_low THEN 0 ELSE 1 END)
      ELSE started END"""


class Reducing:
    """Writes the common table expressions that end in ``long(pid, fid, v)``: a value for each person and fact; see `Aggregates.value`."""

    def __init__(self, features: Features, as_of: date, sql: Dialect) -> None:
        """``as_of`` is the day of evaluation."""
        self.features = features
        self.as_of = as_of
        self.sql = sql
        self.aggregates = Aggregates(as_of, sql)
        self.glances = Glances(features, as_of, sql)

    def expressions(self) -> Iterator[str]:
        """The expressions in order."""
        yield _SPREAD.format(households=_HOUSEHOLDS if self.features.households else "")
        yield from self.glances.expressions()
        if self.glances.told:
            yield _UNSURE
        yield _ASKED.format(unsure=_ASKED_TOO if self.glances.told else "")
        for stage in self.features.stages:
            yield from self._stage(stage)
        yield f"\nlong AS ({self._long()})"

    def _long(self) -> str:
        """Values, and for each fact that windows count from a row if there is a day to count from, unless a glance tells."""
        anchors = [*self.features.dated, *self.features.births.values()]
        rows = [f"SELECT pid, fid, v FROM group{s}" for s in self.features.stages]
        if anchors:
            counted = ", ".join(map(str, anchors))
            rows.append(
                f"SELECT pid, -1 - fid AS fid, 1e0 AS v FROM ({self._days(self.features.stages, glances=False)}) WHERE fid IN ({counted})"
            )
        rows += self._ages()
        return " UNION ALL ".join(rows) or "SELECT 0 AS pid, 0 AS fid, 0e0 AS v WHERE FALSE"

    def _ages(self) -> Iterator[str]:
        """Ages on days that are counted from other facts."""
        for number, on in self.features.ages.values():
            anchor = self.features.anchor(on.anchor or "")
            low, high = (self._shifted(f"a.{day}", *map(str, shift(on))) for day in ("day_low", "day_high"))
            oldest, youngest = age("p.birth_low", "b.high"), age("p.birth_high", "b.low")
            yield f"""SELECT p.pid, {number} AS fid, CASE WHEN {oldest} = {youngest} THEN {oldest} END AS v
  FROM (SELECT a.pid, {low} AS low, {high} AS high FROM ({self._days(self.features.stages)}) a WHERE a.fid = {anchor}) b
  JOIN person p ON p.pid = b.pid WHERE p.birth_low IS NOT NULL"""

    def _days(self, stages: Iterable[int], *, glances: bool = True) -> str:
        """The days that others count from: of facts of these stages, and births."""
        rows = [f"SELECT pid, fid, day_low, day_high FROM group{s} WHERE day_low IS NOT NULL" for s in stages]
        rows += self.glances.days() if glances else ()
        rows += [
            f"SELECT pid, {number} AS fid, birth_low AS day_low, birth_high AS day_high FROM person WHERE birth_low IS NOT NULL"
            for number in self.features.births.values()
        ]
        return " UNION ALL ".join(rows)

    def _stage(self, stage: int) -> Iterator[str]:
        features = [f for f in self.features.facts if f.stage == stage]
        anchored = any(f.fact.window.anchors for f in features)
        if anchored:
            yield self._place(stage)
        yield self._window(stage, anchored=anchored)
        yield from self._group(stage, {f.kind for f in features})

    # ---------------------------------------------------------------- windows

    def _place(self, stage: int) -> str:
        """Where the bounds that count from other facts lie on each person's calendar; a person without all of them has no row."""
        low, high = (self._shifted(f"a.{day}", "b.days", "b.months", "b.more") for day in ("day_low", "day_high"))
        return f"""
place{stage} AS (
  SELECT b.fid, a.pid, max({low}) FILTER (WHERE b.lower) AS lo_low, max({high}) FILTER (WHERE b.lower) AS lo_high,
    min({low}) FILTER (WHERE NOT b.lower) AS up_low, min({high}) FILTER (WHERE NOT b.lower) AS up_high
  FROM feature_bound b JOIN feature f ON f.fid = b.fid AND f.stage = {stage} JOIN ({self._days(range(stage))}) a ON a.fid = b.anchor
  GROUP BY b.fid, a.pid, f.bounds HAVING count(*) = f.bounds
)"""

    def _shifted(self, day: str, days: str, months: str, more: str) -> str:
        return self.sql.moved(self.sql.moved(day, days, months), more, "0")

    def _window(self, stage: int, *, anchored: bool) -> str:
        """The events of a stage that lie, or may lie, in their window; ``certain`` tells which."""
        bounds = "x.lo AS lo_low, x.lo AS lo_high, x.up AS up_low, x.up AS up_high"
        source = f"(SELECT x.*, {bounds} FROM asked x WHERE x.stage = {stage})"
        if anchored:
            placed = ", ".join(
                f"{pick}(x.{fixed}, coalesce(l.{name}, x.{fixed})) AS {name}"
                for pick, fixed, name in (
                    ("greatest", "lo", "lo_low"),
                    ("greatest", "lo", "lo_high"),
                    ("least", "up", "up_low"),
                    ("least", "up", "up_high"),
                )
            )
            source = f"""(SELECT x.*, {placed} FROM asked x
    LEFT JOIN place{stage} l ON l.fid = x.fid AND l.pid = x.pid WHERE x.stage = {stage} AND (x.bounds = 0 OR l.pid IS NOT NULL))"""
        return f"""
window{stage} AS (
  SELECT *, placed = 2 AS certain FROM (
    SELECT *, least(verdict, {_WINDOWED}) AS placed FROM (
      SELECT *, {_within("low", "high", 1)} AS started, {_within("end_low", "end_high", 0)} AS ended,
        {_GOING} AS going FROM {source}))
  WHERE placed > 0
)"""

    # ---------------------------------------------------------------- aggregates

    def _group(self, stage: int, kinds: set[str]) -> Iterator[str]:
        """For each person and feature the value ``v`` and, where one event was chosen, its day."""
        tallies = dict(self.aggregates.tallies(kinds))
        columns = "".join(f",\n    {expression} AS {name}" for name, expression in tallies.items())
        yield f"""
tally{stage} AS (
  SELECT pid, fid, kind, count(*) FILTER (WHERE certain) AS n, count(*) FILTER (WHERE NOT certain) AS possible{columns}
  FROM window{stage} GROUP BY pid, fid, kind
)"""
        covered = "days covered" in kinds
        if covered:
            yield self._cover(stage)
        doubted = sorted(k for k in kinds if k in ORDERED or k.endswith("since"))
        yield self._doubt(stage, doubted)
        settled = _cases({k: self.aggregates.settled(k) for k in sorted(kinds)}, "FALSE")
        day_low, day_high = (_cases({k: f"{k.replace(' ', '_')}_{end}" for k in sorted(kinds & DATED)}) for end in ("low", "high"))
        yield f"""
group{stage} AS (
  SELECT pid, fid, v,
    CASE WHEN settled THEN {day_low} END AS day_low, CASE WHEN settled THEN {day_high} END AS day_high
  FROM (SELECT *, {_cases({k: self.aggregates.value(k) for k in sorted(kinds)})} AS v FROM (
    SELECT t.*{", c.covered" if covered else ""}, d.fid IS NULL AND {settled} AS settled
    FROM tally{stage} t LEFT JOIN doubt{stage} d ON d.fid = t.fid AND d.pid = t.pid
    {f"LEFT JOIN cover{stage} c ON c.fid = t.fid AND c.pid = t.pid" if covered else ""}))
)"""

    def _cover(self, stage: int) -> str:
        """The days of the window on which at least one event was going on: each adds those that none that began earlier has."""
        alone, fresh = self.sql.days_between("first", "last"), self.sql.days_between("counted", "last")
        return f"""
cover{stage} AS (
  SELECT pid, fid, sum(greatest(CASE WHEN counted >= first THEN {fresh} ELSE {alone} + 1 END, 0)) AS covered FROM (
    SELECT *, max(last) OVER (PARTITION BY pid, fid ORDER BY first, eid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS counted
    FROM (
      SELECT pid, fid, eid, greatest(low, lo_low) AS first, least(coalesce(end_low, up_low), up_low) AS last
      FROM window{stage} WHERE certain AND kind = 'days covered'))
  GROUP BY pid, fid
)"""

    def _doubt(self, stage: int, kinds: list[str]) -> str:
        """Where a partial date leaves open which of the certain events is the latest (the earliest)."""
        tests = []
        for kind in kinds:
            name = "latest" if kind.endswith("since") else kind.replace(" ", "_")
            order = f"w.high >= t.{name}_low" if name.startswith("latest") else f"t.{name}_high >= w.low"
            other = f"w.instant <> t.{name}_instant" if kind.endswith("word") else f"w.ord <> t.{name}_ord"
            tests.append(f"t.kind = '{kind}' AND {other} AND (w.low <> w.high OR t.{name}_low <> t.{name}_high) AND {order}")
        where = " OR ".join(f"({test})" for test in tests) or "FALSE"
        partial = "t.partial > 0 AND " if tests else ""
        return f"""
doubt{stage} AS (
  SELECT DISTINCT t.pid, t.fid FROM tally{stage} t JOIN window{stage} w ON w.pid = t.pid AND w.fid = t.fid
  WHERE {partial}w.certain AND ({where})
)"""


def age(birth: str, day: str) -> str:
    """Completed years between two date columns; see `rules.days.age`."""
    later = f"month({birth}) * 100 + day({birth}) > month({day}) * 100 + day({day})"
    return f"CAST(year({day}) - year({birth}) - CASE WHEN {later} THEN 1 ELSE 0 END AS DOUBLE)"


def _within(low: str, high: str, if_undated: int) -> str:
    """Whether a day lies between the window's ends."""
    return f"""CASE WHEN {low} IS NULL THEN {if_undated} WHEN {high} < lo_low OR {low} > up_high THEN 0
        WHEN {low} >= lo_high AND {high} <= up_low THEN 2 ELSE 1 END"""


def _cases(by_kind: dict[str, str], otherwise: str = "NULL") -> str:
    cases = " ".join(f"WHEN '{kind}' THEN {expression}" for kind, expression in by_kind.items())
    return f"CASE kind {cases} ELSE {otherwise} END" if cases else otherwise
