"""Program → one SQL statement. SQL's AND, OR and NOT on NULL *are* Kleene's logic, so a rule is its own formula.

The shape, measured to be the fastest (docs: reference on performance): events ⋈ feature tables, one ``GROUP BY (person, feature)``,
pivot to one row a person, then one projection for each layer of derived facts.
"""

from datetime import date
from typing import Final

from rules import days
from rules.engines.columnar.dialects import DuckDB
from rules.engines.columnar.features import Feature, features_of
from rules.facts import HOUSEHOLD, TABLES
from rules.ir import All, Any, Compare, Condition, Holds, Is, Known, Not, PatientFact, Program, leaves

_MATCHED: Final = """
matched AS (
  SELECT c.eid, f.fid FROM event_code c JOIN feature_code f ON f.system = c.system AND f.code = c.code
  UNION
  SELECT e.eid, f.fid FROM event e JOIN feature_table t ON t.tbl = e.tbl JOIN feature f ON f.fid = t.fid WHERE e.opaque OR NOT f.coded
),
word AS (
  SELECT a.eid, w.fid, min(w.rank) AS rank FROM event_answer a JOIN feature_word w ON w.system = a.system AND w.code = a.code
  GROUP BY a.eid, w.fid
),
hit AS (
  SELECT m.fid, f.kind, f.stage, f.lo, f.anchor, f.household, e.pid, e.low, e.high, e.instant, e.ord,
    CASE WHEN e.opaque OR e.status IS NULL THEN NULL ELSE s.status IS NOT NULL END AS counted,
    e.value * u.factor + u.shift AS value, coalesce(w.rank, 1) AS rank
  FROM matched m
  JOIN event e ON e.eid = m.eid
  JOIN feature f ON f.fid = m.fid
  JOIN feature_table t ON t.fid = m.fid AND t.tbl = e.tbl
  LEFT JOIN feature_status s ON s.fid = m.fid AND s.tbl = e.tbl AND s.status = e.status
  LEFT JOIN feature_unit u ON u.fid = m.fid AND u.unit = e.unit
  LEFT JOIN word w ON w.fid = m.fid AND w.eid = e.eid
),
spread AS (
  SELECT * FROM hit WHERE NOT household
  UNION ALL
  SELECT h.* REPLACE (q.pid AS pid) FROM hit h JOIN person p ON p.pid = h.pid JOIN person q ON q.home = p.home WHERE h.household
)"""


class Emitter:
    """Writes the statement for one program and one day."""

    def __init__(self, program: Program, as_of: date, dialect: DuckDB) -> None:
        """``as_of`` is the day as things stood; ``dialect`` says what differs between databases."""
        self.program = program
        self.as_of = as_of
        self.sql = dialect
        self.features = features_of(program)
        self.facts = {f.name: f"f{i}" for i, f in enumerate(program.facts)}
        self.columns = self.facts | {d.name: f"d{i}" for i, d in enumerate(program.derived)}

    def statement(self) -> str:
        """One row for each person asked about: ``id``, then a column for each of `columns`, in order of ``pid``."""
        body = self._facts()
        for layer in self._layers():
            body = f"SELECT *, {', '.join(layer)} FROM ({body})"
        return f"{self._common()}\nSELECT id, {', '.join(self.columns.values())} FROM ({body}) ORDER BY pid"

    # ---------------------------------------------------------------- from events to one value for each person and feature

    def _common(self) -> str:
        stages = sorted({f.stage for f in self.features})
        parts = [_MATCHED, *(part for stage in stages for part in (self._window(stage), self._group(stage)))]
        anchors = f"SELECT pid, -1 - fid AS fid, 1e0 AS v FROM {{}} WHERE day_low IS NOT NULL AND fid IN ({self._anchors()})"
        rows = " UNION ALL ".join(f"SELECT pid, fid, v FROM group{s} UNION ALL {anchors.format(f'group{s}')}" for s in stages)
        parts.append(f"long AS ({rows or 'SELECT 0 AS pid, 0 AS fid, 0e0 AS v WHERE FALSE'})")
        gaps = ", ".join(f"bool_or(no_{table}) AS no_{table}" for table in TABLES)
        parts.append(f"home AS (SELECT home, {gaps} FROM person GROUP BY home)")
        return "WITH" + ",\n".join(parts)

    def _anchors(self) -> str:
        return ", ".join(str(f.anchor) for f in self.features if f.anchor is not None) or "NULL"

    def _window(self, stage: int) -> str:
        """The hits of a stage that lie, or may lie, in their window; ``certain`` tells which."""
        low, high, join = "x.lo", "x.lo", ""
        if stage:
            earlier = " UNION ALL ".join(
                f"SELECT pid, fid, day_low, day_high FROM group{s} WHERE day_low IS NOT NULL" for s in range(stage)
            )
            join = f" JOIN ({earlier}) a ON a.pid = x.pid AND a.fid = x.anchor"
            low, high = "greatest(x.lo, a.day_low)", "greatest(x.lo, a.day_high)"
        as_of = self.sql.day(self.as_of)
        return f"""
window{stage} AS (
  SELECT x.*, coalesce(x.counted AND x.low >= {high} AND x.high <= {as_of}, FALSE) AS certain
  FROM spread x{join}
  WHERE x.stage = {stage} AND x.counted IS NOT FALSE AND (x.low IS NULL OR (x.low <= {as_of} AND x.high >= {low}))
)"""

    def _group(self, stage: int) -> str:
        """For each person and feature the value ``v`` (NaN: unknown) and, for *latest*, the day of its event."""
        last = self.sql.last
        by_word = self.sql.order_of("instant", "-rank", "ord")
        chosen = f"CASE WHEN kind = 'word' THEN {last('{0}', by_word, 'certain')} ELSE {last('{0}', 'ord', 'certain')} END"
        far = self.sql.day(date.max)
        return f"""
tally{stage} AS (
  SELECT pid, fid, kind, count(*) FILTER (WHERE certain) AS n, count(*) FILTER (WHERE NOT certain) AS possible,
    max(coalesce(high, {far})) FILTER (WHERE NOT certain) AS possible_high, max(low) FILTER (WHERE certain) AS certain_low,
    {last("value", "ord", "certain")} AS value, {last("rank", by_word, "certain")} AS rank,
    {chosen.format("low")} AS low, {chosen.format("high")} AS high
  FROM window{stage} GROUP BY pid, fid, kind
),
group{stage} AS (
  SELECT pid, fid, coalesce(v, {self.sql.unknown}) AS v,
    CASE WHEN settled THEN low END AS day_low, CASE WHEN settled THEN high END AS day_high
  FROM (SELECT *, {self._value()} AS v FROM (
    SELECT *, n > 0 AND (possible = 0 OR possible_high < certain_low) AS settled FROM tally{stage}))
)"""

    def _value(self) -> str:
        since = " ".join(f"WHEN '{unit}' THEN {self._since_day_known(unit)}" for unit in days.UNITS)
        return f"""CASE kind
      WHEN 'exists' THEN CASE WHEN n > 0 THEN 1e0 END
      WHEN 'count' THEN CASE WHEN possible = 0 THEN CAST(n AS DOUBLE) END
      ELSE CASE WHEN settled THEN
        CASE kind WHEN 'number' THEN value WHEN 'word' THEN CASE WHEN rank <> 1 THEN CAST(rank AS DOUBLE) END {since} END
      END
    END"""

    def _since_day_known(self, unit: str) -> str:
        """Units since the event, if every day that its date may mean gives the same number."""
        return f"CASE WHEN {self._since(unit, 'low')} = {self._since(unit, 'high')} THEN {self._since(unit, 'low')} END"

    def _since(self, unit: str, column: str) -> str:
        """Completed units from a date column to ``as_of``; see `rules.days.whole`."""
        if unit in ("day", "week"):
            between = self.sql.days_between(column, self.as_of)
            return f"CAST(floor({between} / {7 if unit == 'week' else 1}) AS DOUBLE)"
        incomplete = "0" if days.is_last_of_month(self.as_of) else f"CASE WHEN day({column}) > {self.as_of.day} THEN 1 ELSE 0 END"
        months = f"(({self.as_of.year} - year({column})) * 12 + {self.as_of.month} - month({column}) - {incomplete})"
        return f"CAST(floor({months} / {12 if unit == 'year' else 1}) AS DOUBLE)"

    # ---------------------------------------------------------------- one row for each person

    def _facts(self) -> str:
        columns = [f"{self._fact(f.name)} AS {self.facts[f.name]}" for f in self.program.facts]
        numbers = [f.number for f in self.features] + [-1 - f.anchor for f in self.features if f.anchor is not None]
        wide = self.sql.pivot("long", sorted(set(numbers)) or [0])
        picked = ", ".join(["p.pid", "p.id", *columns])
        return f"SELECT {picked} FROM person p JOIN home h ON h.home = p.home LEFT JOIN {wide} w ON w.pid = p.pid WHERE p.asked"

    def _fact(self, name: str) -> str:
        fact = self.program.by_name[name]
        if isinstance(fact, PatientFact):
            return self._patient(fact.attribute)
        feature = next(f for f in self.features if f.fact is fact)
        gap, v = self._gap(feature), f'w."{feature.number}"'
        match feature.kind:
            case "exists":
                value = f"CASE WHEN {v} = 1 THEN TRUE WHEN {v} IS NOT NULL OR {gap} THEN NULL ELSE FALSE END"
            case "count":
                value = f"CASE WHEN {gap} OR isnan({v}) THEN NULL ELSE coalesce({v}, 0e0) END"
            case "word":
                words = " ".join(f"WHEN {v} = {2 * i} THEN {self.sql.text(word)}" for i, (word, _) in enumerate(feature.fact.words))
                value = f"CASE WHEN {gap} THEN NULL {words} END"
            case _:
                value = f"CASE WHEN NOT ({gap}) AND NOT isnan({v}) THEN {v} END"
        return f"CASE WHEN {self._anchored(feature)} THEN {value} END"

    def _gap(self, feature: Feature) -> str:
        """Whether anything that the feature asks about was not read."""
        owner = "h" if feature.fact.household else "p"
        gaps = [f"{owner}.no_{table}" for table in feature.fact.tables]
        return "(" + " OR ".join(gaps + ([f"p.no_{HOUSEHOLD}"] if feature.fact.household else [])) + ")"

    def _anchored(self, feature: Feature) -> str:
        """Whether there is a day to count from, if the feature counts from one."""
        if feature.anchor is None:
            return "TRUE"
        anchor = self.features[feature.anchor]
        return f'w."{-1 - anchor.number}" IS NOT NULL AND NOT {self._gap(anchor)} AND {self._anchored(anchor)}'

    def _patient(self, attribute: str) -> str:
        if attribute == "age":
            return f"CASE WHEN {self._age('p.birth_low')} = {self._age('p.birth_high')} THEN {self._age('p.birth_low')} END"
        if attribute == "deceased":
            today = self.sql.day(self.as_of)
            died = f"CASE WHEN p.died_high <= {today} THEN TRUE WHEN p.died_low <= {today} THEN NULL ELSE FALSE END"
            return f"CASE WHEN p.deceased AND p.died_low IS NOT NULL THEN {died} ELSE p.deceased END"
        return f"p.{attribute}"

    def _age(self, column: str) -> str:
        """Completed years; see `rules.days.age`."""
        later = f"month({column}) * 100 + day({column}) > {self.as_of.month * 100 + self.as_of.day}"
        return f"CAST({self.as_of.year} - year({column}) - CASE WHEN {later} THEN 1 ELSE 0 END AS DOUBLE)"

    # ---------------------------------------------------------------- rules

    def _layers(self) -> list[list[str]]:
        """Derived values as columns, in layers: each uses only what stands in earlier ones."""
        level: dict[str, int] = {}
        layers: list[list[str]] = []
        for derived in self.program.derived:
            level[derived.name] = 1 + max((level.get(leaf.fact, -1) for leaf in leaves(derived.condition)), default=-1)
            if level[derived.name] == len(layers):
                layers.append([])
            layers[level[derived.name]].append(f"{self._formula(derived.condition)} AS {self.columns[derived.name]}")
        return layers

    def _formula(self, condition: Condition) -> str:
        match condition:
            case Not(part):
                return f"(NOT {self._formula(part)})"
            case All(parts) | Any(parts):
                word, empty = (" AND ", "TRUE") if isinstance(condition, All) else (" OR ", "FALSE")
                return f"({word.join(map(self._formula, parts)) or empty})"
            case Holds(fact):
                return self.columns[fact]
            case Known(fact):
                return f"({self.columns[fact]} IS NOT NULL)"
            case Is(fact, word):
                return f"({self.columns[fact]} = {self.sql.text(word)})"
            case Compare(fact, op, number):
                return f"({self.columns[fact]} {'<>' if op == '!=' else op} {self.sql.number(number)})"
