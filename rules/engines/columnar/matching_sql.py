"""Which events a series means, in SQL: the tests of `rules.engines.matching`, for everybody at once.

A verdict is a number: 2 certain, 1 possible, 0 not at all; so Kleene's AND is ``least`` and rows of verdict 0 are dropped at once.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from rules.engines.columnar.dialects import Dialect
from rules.engines.columnar.features import Features
from rules.facts import NUMBERS, TABLES
from rules.ir import Series

COLUMNS: Final = "sid, eid, pid, low, high, end_low, end_high, instant, ord, opaque, value, rank, passes, verdict"

_BY_CODE: Final = "SELECT c.eid, f.sid FROM event_code c JOIN series_code f ON f.system = c.system AND f.code = c.code WHERE"
_BY_TABLE: Final = "SELECT e.eid, f.sid FROM event e JOIN series_table t ON t.tbl = e.tbl JOIN series f ON f.sid = t.sid WHERE"
_MATCHED: Final = f"""
matched AS (
  {_BY_CODE} c.alone
  UNION ALL {_BY_TABLE} NOT f.coded
  UNION ALL SELECT eid, sid FROM ({_BY_CODE} NOT c.alone UNION {_BY_TABLE} e.opaque AND f.coded)
)"""
"""Only what may match twice is looked through for that: an event of several codes, or of which it is not known what it is about."""

_WORD: Final = """
word AS (
  SELECT a.eid, w.sid, min(w.rank) AS rank FROM event_answer a JOIN series_word w ON w.system = a.system AND w.code = a.code
  GROUP BY a.eid, w.sid
)"""

_TAGGED: Final = """
tagged AS (
  SELECT sid, eid, min(verdict) AS verdict FROM (
    SELECT m.sid, m.eid, r.role, CASE WHEN count(t.eid) = 0 THEN 1 WHEN count(g.sid) > 0 THEN 2 ELSE 0 END AS verdict
    FROM matched m JOIN series_role r ON r.sid = m.sid
    LEFT JOIN event_tag t ON t.eid = m.eid AND t.role = r.role
    LEFT JOIN series_tag g ON g.sid = m.sid AND g.role = t.role AND g.system = t.system AND g.code = t.code
    GROUP BY m.sid, m.eid, r.role)
  GROUP BY sid, eid
)"""


def matching(features: Features, as_of: date, sql: Dialect) -> Iterator[str]:
    """The common table expressions that end in ``judged``: every event with the series it may belong to, and its verdict."""
    yield _MATCHED
    if any(series.words for series, _ in features.series):
        yield _WORD
    if any(series.tags for series, _ in features.series):
        yield _TAGGED
    yield _hit(features, sql.day(as_of), sql)
    judged = [f"SELECT {COLUMNS} FROM hit WHERE level = 0"]
    if features.levels:
        yield _missing()
    for level in features.levels:
        yield from _level(level, " UNION ALL ".join(judged), sql)
        judged.append(f"SELECT {COLUMNS} FROM judged{level}")
    yield f"\njudged AS ({' UNION ALL '.join(judged)})"


def _hit(features: Features, today: str, sql: Dialect) -> str:
    """Only what some series asks for is looked at."""
    every = [series for series, _ in features.series]
    tests, joins = _tests(every), []
    value, rank, wanted, tags = "CAST(NULL AS DOUBLE)", "1", "FALSE", "2"
    if any(series.conversions for series in every):
        value = sql.finite("(e.value * u.factor + u.shift)")
        joins.append("LEFT JOIN series_unit u ON u.sid = m.sid AND u.unit = e.unit")
    if any(series.words for series in every):
        rank = "coalesce(w.rank, 1)"
        joins.append("LEFT JOIN word w ON w.sid = m.sid AND w.eid = e.eid")
    if any(series.answers is not None for series in every):
        wanted = "a.sid IS NOT NULL"
        joins.append(f"LEFT JOIN series_answer a ON a.sid = m.sid AND a.rank = {rank}")
    if any(series.tags for series in every):
        tags = "coalesce(g.verdict, 2)"
        joins.append("LEFT JOIN tagged g ON g.sid = m.sid AND g.eid = m.eid")
    usable = "NOT usable OR CASE WHEN worded THEN rank <> 1 ELSE value IS NOT NULL END"
    return f"""
hit AS (
  SELECT {COLUMNS}, level FROM (
    SELECT *, CASE WHEN opaque THEN 1 ELSE least(begun, counted, tags, CASE WHEN judging THEN 2 ELSE passes END) END AS verdict
    FROM (
      SELECT *, CASE WHEN opaque THEN 1 ELSE {tests} END AS passes
      FROM (
      SELECT f.*, e.eid, e.pid, e.low, e.high, e.end_low, e.end_high, e.instant, e.ord, e.opaque,
        {value} AS value, {rank} AS rank, {wanted} AS wanted, {tags} AS tags,
        CASE WHEN e.status IS NULL THEN 1 ELSE 2 END AS counted, CASE WHEN e.high <= {today} THEN 2 ELSE 1 END AS begun
      FROM matched m
      JOIN event e ON e.eid = m.eid
      JOIN series f ON f.sid = m.sid
      JOIN series_table t ON t.sid = m.sid AND t.tbl = e.tbl
      LEFT JOIN series_status s ON s.sid = m.sid AND s.tbl = e.tbl AND s.status = e.status
      {" ".join(joins)}
      WHERE (e.low IS NULL OR e.low <= {today}) AND (e.opaque OR e.status IS NULL OR s.status IS NOT NULL))
      WHERE opaque OR {usable}))
  {"" if tests == tags == "2" else "WHERE verdict > 0"}
)"""


def _tests(every: list[Series]) -> str:
    """Whether an event passes what the series ask of its answer and its value."""
    tests = ["2"]
    if any(series.answers is not None for series in every):
        tests.append("CASE WHEN NOT answered THEN 2 WHEN rank = 1 THEN 1 WHEN wanted THEN 2 ELSE 0 END")
    if any(series.values for series in every):
        tests.append("""CASE WHEN NOT tested THEN 2 WHEN value IS NULL THEN 1
          WHEN (at_least IS NULL OR value >= at_least) AND (above IS NULL OR value > above) AND (at_most IS NULL OR value <= at_most)
            AND (below IS NULL OR value < below) AND (other_than IS NULL OR value <> other_than) THEN 2 ELSE 0 END""")
    return f"least({', '.join(tests)})" if len(tests) > 1 else "2"


def _missing() -> str:
    rows = " UNION ALL ".join(f"SELECT pid, {NUMBERS[table]} AS tbl FROM person WHERE no_{table}" for table in TABLES)
    return f"""
relation_gap AS (
  SELECT DISTINCT r.rid, m.pid FROM relation r JOIN series_table t ON t.sid = r.inner_sid JOIN ({rows}) m ON m.tbl = t.tbl
)"""


def _level(level: int, inner: str, sql: Dialect) -> Iterator[str]:
    """Events whose relations look at series of lower levels: found certainly (2), possibly (1) or not (0)."""
    yield f"""
pair{level} AS (
  SELECT rid, eid, max(least(found, apart)) AS found FROM (
    SELECT r.rid, o.eid, i.verdict AS found, {_apart(sql)} AS apart
    FROM hit o JOIN relation r ON r.outer_sid = o.sid JOIN ({inner}) i ON i.sid = r.inner_sid AND i.pid = o.pid AND i.eid <> o.eid
    WHERE o.level = {level})
  GROUP BY rid, eid
)"""
    yield f"""
bond{level} AS (
  SELECT o.sid, o.eid, min(CASE
    WHEN coalesce(p.found, 0) = 2 THEN CASE WHEN r.present THEN 2 ELSE 0 END
    WHEN p.found = 1 OR g.rid IS NOT NULL THEN 1
    ELSE CASE WHEN r.present THEN 0 ELSE 2 END END) AS verdict
  FROM hit o JOIN relation r ON r.outer_sid = o.sid
  LEFT JOIN pair{level} p ON p.rid = r.rid AND p.eid = o.eid
  LEFT JOIN relation_gap g ON g.rid = r.rid AND g.pid = o.pid
  WHERE o.level = {level} GROUP BY o.sid, o.eid
)"""
    columns = COLUMNS.replace(", verdict", "")
    named = ", ".join(f"h.{name}" for name in columns.split(", "))
    yield f"""
judged{level} AS (
  SELECT * FROM (
    SELECT {named}, CASE WHEN h.opaque THEN h.verdict ELSE least(h.verdict, b.verdict) END AS verdict
    FROM hit h JOIN bond{level} b ON b.sid = h.sid AND b.eid = h.eid)
  WHERE verdict > 0
)"""


def _apart(sql: Dialect) -> str:
    """Whether the inner event ``i`` starts so long after (before) the outer one ``o`` as the relation ``r`` asks."""

    def moved(day: str, which: str, sign: str) -> str:
        return sql.moved(day, f"{sign}r.{which}_days", f"{sign}r.{which}_months")

    near_low, near_high = moved("o.low", "least", ""), moved("o.high", "least", "")
    far_low, far_high = moved("o.low", "most", ""), moved("o.high", "most", "")
    back_near_low, back_near_high = moved("o.low", "least", "-"), moved("o.high", "least", "-")
    back_far_low, back_far_high = moved("o.low", "most", "-"), moved("o.high", "most", "-")
    return f"""CASE WHEN o.low IS NULL OR i.low IS NULL THEN 1
      WHEN r.period AND NOT r.backwards THEN {_goes_on("i", "o")}
      WHEN r.period THEN {_goes_on("o", "i")}
      WHEN NOT r.backwards THEN CASE
        WHEN i.high < {near_low} OR (NOT r.open AND i.low > {far_high}) THEN 0
        WHEN i.low >= {near_high} AND (r.open OR i.high <= {far_low}) THEN 2 ELSE 1 END
      ELSE CASE
        WHEN i.low > {back_near_high} OR (NOT r.open AND i.high < {back_far_low}) THEN 0
        WHEN i.high <= {back_near_low} AND (r.open OR i.low >= {back_far_high}) THEN 2 ELSE 1 END END"""


def _goes_on(event: str, other: str) -> str:
    """Whether one event goes on on the day on which the other begins; without an end it does from its start on."""
    return f"""CASE
        WHEN {other}.high < {event}.low OR {other}.low > coalesce({event}.end_high, {other}.low) THEN 0
        WHEN {other}.low >= {event}.high AND {other}.high <= coalesce({event}.end_low, {other}.high) THEN 2 ELSE 1 END"""
