"""From events to one value for each person and fact, in SQL: windows, then one ``GROUP BY``, as `rules.engines.reference` says."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from rules import days
from rules.engines.columnar.dialects import Dialect
from rules.engines.columnar.features import Feature, Features

_SPREAD: Final = """
spread AS (
  SELECT j.*, f.kind, f.stage, f.timing, f.lo, f.up FROM judged j JOIN feature f ON f.fid = j.fid WHERE f.stage >= 0 AND NOT f.household
  UNION ALL
  SELECT j.fid, j.eid, q.pid, j.low, j.high, j.end_low, j.end_high, j.instant, j.ord, j.opaque, j.value, j.rank, j.verdict,
    f.kind, f.stage, f.timing, f.lo, f.up
  FROM judged j JOIN feature f ON f.fid = j.fid JOIN person p ON p.pid = j.pid JOIN person q ON q.home = p.home
  WHERE f.stage >= 0 AND f.household
)"""

_WINDOWED: Final = """CASE timing WHEN 'ends' THEN ended WHEN 'inside' THEN least(started, ended)
      WHEN 'overlaps' THEN least(CASE WHEN lo_low > up_high THEN 0 WHEN lo_high <= up_low THEN 2 ELSE 1 END,
        CASE WHEN low IS NULL OR high > up_low AND low <= up_high THEN 1 WHEN low > up_high THEN 0 ELSE 2 END,
        CASE WHEN end_low IS NULL THEN 2 WHEN end_high < lo_low THEN 0 WHEN end_low >= lo_high THEN 2 ELSE 1 END)
      ELSE started END"""

_ORDERED: Final = frozenset({"latest", "earliest", "latest word", "earliest word"})
_DATED: Final = frozenset({"latest", "earliest", "latest word", "earliest word", "highest", "lowest"})


class Reducing:
    """Writes the common table expressions that end in ``long(pid, fid, v)``: a value for each person and fact, NaN for unknown."""

    def __init__(self, features: Features, as_of: date, sql: Dialect) -> None:
        """``as_of`` is the day of evaluation."""
        self.features = features
        self.as_of = as_of
        self.sql = sql

    def expressions(self) -> Iterator[str]:
        """The expressions in order."""
        yield _SPREAD
        for stage in self.features.stages:
            yield from self._stage(stage)
        yield f"\nlong AS ({self._long()})"

    def _long(self) -> str:
        """Values, and for each fact that windows count from a row that says whether there is a day to count from."""
        anchors = ", ".join(map(str, self.features.anchors)) or "NULL"
        births = [
            f"SELECT pid, {-1 - number} AS fid, 1e0 AS v FROM person WHERE birth_low IS NOT NULL"
            for number in self.features.births.values()
        ]
        groups = [
            f"SELECT pid, fid, v FROM group{s} UNION ALL "
            f"SELECT pid, -1 - fid AS fid, 1e0 AS v FROM group{s} WHERE day_low IS NOT NULL AND fid IN ({anchors})"
            for s in self.features.stages
        ]
        return " UNION ALL ".join([*groups, *births]) or "SELECT 0 AS pid, 0 AS fid, 0e0 AS v WHERE FALSE"

    def _stage(self, stage: int) -> Iterator[str]:
        features = [f for f in self.features.facts if f.stage == stage]
        if any(f.fact and f.fact.window.anchors for f in features):
            yield self._place(stage)
        yield self._window(stage, anchored=any(f.fact and f.fact.window.anchors for f in features))
        yield from self._group(stage, {f.kind for f in features})

    # ---------------------------------------------------------------- windows

    def _place(self, stage: int) -> str:
        """Where the bounds that count from other facts lie on each person's calendar; a person without all of them has no row."""
        rows = [f"SELECT pid, fid, day_low, day_high FROM group{s} WHERE day_low IS NOT NULL" for s in range(stage)]
        rows += [
            f"SELECT pid, {number} AS fid, birth_low AS day_low, birth_high AS day_high FROM person WHERE birth_low IS NOT NULL"
            for number in self.features.births.values()
        ]
        low, high = (self.sql.moved(f"a.{day}", "b.days", "b.months") for day in ("day_low", "day_high"))
        return f"""
place{stage} AS (
  SELECT b.fid, a.pid, max({low}) FILTER (WHERE b.lower) AS lo_low, max({high}) FILTER (WHERE b.lower) AS lo_high,
    min({low}) FILTER (WHERE NOT b.lower) AS up_low, min({high}) FILTER (WHERE NOT b.lower) AS up_high
  FROM feature_bound b JOIN feature f ON f.fid = b.fid AND f.stage = {stage} JOIN ({" UNION ALL ".join(rows)}) a ON a.fid = b.anchor
  GROUP BY b.fid, a.pid, f.bounds HAVING count(*) = f.bounds
)"""

    def _window(self, stage: int, *, anchored: bool) -> str:
        """The events of a stage that lie, or may lie, in their window; ``certain`` tells which."""
        bounds = "x.lo AS lo_low, x.lo AS lo_high, x.up AS up_low, x.up AS up_high"
        source = f"(SELECT x.*, {bounds} FROM spread x WHERE x.stage = {stage})"
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
            source = f"""(SELECT x.*, {placed} FROM spread x JOIN feature f ON f.fid = x.fid
    LEFT JOIN place{stage} l ON l.fid = x.fid AND l.pid = x.pid WHERE x.stage = {stage} AND (f.bounds = 0 OR l.pid IS NOT NULL))"""
        return f"""
window{stage} AS (
  SELECT *, placed = 2 AS certain FROM (
    SELECT *, least(verdict, {_WINDOWED}) AS placed FROM (
      SELECT *, {_within("low", "high", 1)} AS started, {_within("end_low", "end_high", 0)} AS ended FROM {source}))
  WHERE placed > 0
)"""

    # ---------------------------------------------------------------- aggregates

    def _group(self, stage: int, kinds: set[str]) -> Iterator[str]:
        """For each person and feature the value ``v`` (NaN: unknown) and, where one event was chosen, its day."""
        tallies = dict(self._tallies(kinds))
        columns = "".join(f",\n    {expression} AS {name}" for name, expression in tallies.items())
        yield f"""
tally{stage} AS (
  SELECT pid, fid, kind, count(*) FILTER (WHERE certain) AS n, count(*) FILTER (WHERE NOT certain) AS possible{columns}
  FROM window{stage} GROUP BY pid, fid, kind
)"""
        doubted = sorted(k for k in kinds if k in _ORDERED or k.endswith("since"))
        yield self._doubt(stage, doubted)
        day_low, day_high = (_cases({k: f"{k.replace(' ', '_')}_{end}" for k in sorted(kinds & _DATED)}) for end in ("low", "high"))
        yield f"""
group{stage} AS (
  SELECT pid, fid, coalesce(v, {self.sql.unknown}) AS v,
    CASE WHEN settled THEN {day_low} END AS day_low, CASE WHEN settled THEN {day_high} END AS day_high
  FROM (SELECT *, {_cases({k: self._value(k) for k in sorted(kinds)})} AS v FROM (
    SELECT t.*, d.fid IS NULL AND {_cases({k: self._settled(k) for k in sorted(kinds)}, "FALSE")} AS settled
    FROM tally{stage} t LEFT JOIN doubt{stage} d ON d.fid = t.fid AND d.pid = t.pid))
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

    def _tallies(self, kinds: set[str]) -> Iterator[tuple[str, str]]:
        """The aggregates that these kinds need, by column."""
        last, order = self.sql.last, self.sql.order_of
        sinces = {k for k in kinds if k.endswith("since")}
        if kinds & {"latest", "latest word"} or sinces:
            yield "possible_high", f"max(coalesce(high, {self.sql.day(date.max)})) FILTER (WHERE NOT certain)"
            yield "last_low", "max(low) FILTER (WHERE certain)"
        if kinds & {"earliest", "earliest word"}:
            yield "possible_low", f"min(coalesce(low, {self.sql.day(date.min)})) FILTER (WHERE NOT certain)"
            yield "first_low", "min(low) FILTER (WHERE certain)"
        keys = {
            "latest": "ord",
            "earliest": "-ord",
            "latest word": order("instant", "-rank", "ord"),
            "earliest word": order("-instant", "-rank", "ord"),
            "highest": order("value", "ord"),
            "lowest": order("-value", "ord"),
        }
        wanted = (kinds & keys.keys()) | ({"latest"} if sinces else set())
        for kind in sorted(wanted):
            name = kind.replace(" ", "_")
            yield name, last("rank" if kind.endswith("word") else "value", keys[kind], "certain")
            yield f"{name}_low", last("low", keys[kind], "certain")
            yield f"{name}_high", last("high", keys[kind], "certain")
            if kind in _ORDERED:
                column = "instant" if kind.endswith("word") else "ord"
                yield f"{name}_{column}", last(column, keys[kind], "certain")
        if kinds & {"highest", "lowest", "sum", "mean"}:
            yield "unusable", "count(*) FILTER (WHERE certain AND value IS NULL)"
        if kinds & {"sum", "mean"}:
            yield "total", self.sql.total("value", "ord", "certain")
        if "days" in kinds:
            yield "different", "count(DISTINCT low) FILTER (WHERE certain)"
        if "days" in kinds or kinds & _ORDERED or sinces:
            yield "partial", "count(*) FILTER (WHERE certain AND low <> high)"

    def _settled(self, kind: str) -> str:
        """Whether one event is the one, whatever the possible ones turn out to be."""
        match kind:
            case "earliest" | "earliest word":
                return "n > 0 AND (possible = 0 OR possible_low > first_low)"
            case "highest" | "lowest" | "sum" | "mean":
                return "n > 0 AND possible = 0 AND unusable = 0"
            case "exists" | "count" | "days":
                return "FALSE"
        return "n > 0 AND (possible = 0 OR possible_high < last_low)"

    def _value(self, kind: str) -> str:
        match kind:
            case "exists":
                return "CASE WHEN n > 0 THEN 1e0 END"
            case "count":
                return "CASE WHEN possible = 0 THEN CAST(n AS DOUBLE) END"
            case "days":
                return "CASE WHEN possible = 0 AND (partial = 0 OR n = 1) THEN CAST(different AS DOUBLE) END"
            case "latest word" | "earliest word":
                column = kind.replace(" ", "_")
                return f"CASE WHEN settled AND {column} <> 1 THEN CAST({column} AS DOUBLE) END"
            case "sum":
                return f"CASE WHEN settled THEN {self.sql.finite('total')} END"
            case "mean":
                return f"CASE WHEN settled THEN {self.sql.finite('(total / n)')} END"
            case "latest" | "earliest" | "highest" | "lowest":
                return f"CASE WHEN settled THEN {kind} END"
        unit = kind.removesuffix("s since")
        longest, shortest = self._since(unit, "latest_low"), self._since(unit, "latest_high")
        return f"CASE WHEN settled AND {longest} = {shortest} THEN {longest} END"

    def _since(self, unit: str, column: str) -> str:
        """Completed units from a date column to the day of evaluation; see `rules.days.whole`."""
        if unit in ("day", "week"):
            between = self.sql.days_between(column, self.as_of)
            return f"CAST(floor({between} / {7 if unit == 'week' else 1}) AS DOUBLE)"
        day = self.as_of.day
        incomplete = "0" if days.is_last_of_month(self.as_of) else f"CASE WHEN day({column}) > {day} THEN 1 ELSE 0 END"
        months = f"(({self.as_of.year} - year({column})) * 12 + {self.as_of.month} - month({column}) - {incomplete})"
        return f"CAST(floor({months} / {12 if unit == 'year' else 1}) AS DOUBLE)"


def _within(low: str, high: str, if_undated: int) -> str:
    """Whether a day lies between the window's ends."""
    return f"""CASE WHEN {low} IS NULL THEN {if_undated} WHEN {high} < lo_low OR {low} > up_high THEN 0
        WHEN {low} >= lo_high AND {high} <= up_low THEN 2 ELSE 1 END"""


def _cases(by_kind: dict[str, str], otherwise: str = "NULL") -> str:
    cases = " ".join(f"WHEN '{kind}' THEN {expression}" for kind, expression in by_kind.items())
    return f"CASE kind {cases} ELSE {otherwise} END" if cases else otherwise


def anchored_by(feature: Feature, features: Features) -> Iterator[tuple[int, Feature | None]]:
    """The numbers of what a feature's window counts from, each with its feature if it is one."""
    for name in feature.fact.window.anchors if feature.fact else ():
        yield features.anchor(name), features.by_fact.get(name)
