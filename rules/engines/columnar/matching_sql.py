"""Which events a series means, in SQL: the tests of `rules.engines.matching`, for everybody at once.

A verdict is a number: 2 certain, 1 possible, 0 not at all; so Kleene's AND is ``least`` and rows of verdict 0 are dropped at once.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from rules.engines.columnar.dialects import Dialect
from rules.engines.columnar.features import Features
from rules.facts import TABLES

COLUMNS: Final = "fid, eid, pid, low, high, end_low, end_high, instant, ord, opaque, value, rank, passes, verdict"

_MATCHED: Final = """
matched AS (
  SELECT c.eid, f.fid FROM event_code c JOIN feature_code f ON f.system = c.system AND f.code = c.code
  UNION
  SELECT e.eid, f.fid FROM event e JOIN feature_table t ON t.tbl = e.tbl JOIN feature f ON f.fid = t.fid WHERE e.opaque OR NOT f.coded
)"""

_WORD: Final = """
word AS (
  SELECT a.eid, w.fid, min(w.rank) AS rank FROM event_answer a JOIN feature_word w ON w.system = a.system AND w.code = a.code
  GROUP BY a.eid, w.fid
)"""

_TAGGED: Final = """
tagged AS (
  SELECT fid, eid, min(verdict) AS verdict FROM (
    SELECT m.fid, m.eid, r.role, CASE WHEN count(t.eid) = 0 THEN 1 WHEN count(g.fid) > 0 THEN 2 ELSE 0 END AS verdict
    FROM matched m JOIN feature_role r ON r.fid = m.fid
    LEFT JOIN event_tag t ON t.eid = m.eid AND t.role = r.role
    LEFT JOIN feature_tag g ON g.fid = m.fid AND g.role = t.role AND g.system = t.system AND g.code = t.code
    GROUP BY m.fid, m.eid, r.role)
  GROUP BY fid, eid
)"""


def matching(features: Features, as_of: date, sql: Dialect) -> Iterator[str]:
    """The common table expressions that end in ``judged``: every event with the facts it may count for, and its verdict."""
    tagged = any(f.series.tags for f in features.all)
    yield from (_MATCHED, _WORD)
    if tagged:
        yield _TAGGED
    yield _hit(as_of, sql, tagged=tagged)
    judged = [f"SELECT {COLUMNS} FROM hit WHERE level = 0"]
    if features.levels:
        yield _missing()
    for level in features.levels:
        yield from _level(level, " UNION ALL ".join(judged), sql)
        judged.append(f"SELECT {COLUMNS} FROM judged{level}")
    yield f"\njudged AS ({' UNION ALL '.join(judged)})"


def _hit(as_of: date, sql: Dialect, *, tagged: bool) -> str:
    today = sql.day(as_of)
    tags = "coalesce(g.verdict, 2)" if tagged else "2"
    join = "LEFT JOIN tagged g ON g.fid = m.fid AND g.eid = m.eid" if tagged else ""
    return f"""
hit AS (
  SELECT {COLUMNS}, level FROM (
    SELECT *, CASE WHEN opaque THEN least(begun, 1) ELSE least(begun, counted, tags,
      CASE WHEN usable AND (CASE WHEN worded THEN rank = 1 ELSE value IS NULL END) THEN 0 ELSE 2 END,
      CASE WHEN judging THEN 2 ELSE passes END) END AS verdict
    FROM (
      SELECT *, CASE WHEN opaque THEN 1 ELSE least(
        CASE WHEN NOT answered THEN 2 WHEN rank = 1 THEN 1 WHEN wanted THEN 2 ELSE 0 END,
        CASE WHEN NOT tested THEN 2 WHEN value IS NULL THEN 1
          WHEN (at_least IS NULL OR value >= at_least) AND (above IS NULL OR value > above) AND (at_most IS NULL OR value <= at_most)
            AND (below IS NULL OR value < below) AND (other_than IS NULL OR value <> other_than) THEN 2 ELSE 0 END) END AS passes
      FROM (
      SELECT f.*, e.eid, e.pid, e.low, e.high, e.end_low, e.end_high, e.instant, e.ord, e.opaque,
        {sql.finite("(e.value * u.factor + u.shift)")} AS value, coalesce(w.rank, 1) AS rank, a.fid IS NOT NULL AS wanted, {tags} AS tags,
        CASE WHEN e.status IS NULL THEN 1 WHEN s.status IS NULL THEN 0 ELSE 2 END AS counted,
        CASE WHEN e.low IS NULL THEN 1 WHEN e.low > {today} THEN 0 WHEN e.high <= {today} THEN 2 ELSE 1 END AS begun
      FROM matched m
      JOIN event e ON e.eid = m.eid
      JOIN feature f ON f.fid = m.fid
      JOIN feature_table t ON t.fid = m.fid AND t.tbl = e.tbl
      LEFT JOIN feature_status s ON s.fid = m.fid AND s.tbl = e.tbl AND s.status = e.status
      LEFT JOIN feature_unit u ON u.fid = m.fid AND u.unit = e.unit
      LEFT JOIN word w ON w.fid = m.fid AND w.eid = e.eid
      LEFT JOIN feature_answer a ON a.fid = m.fid AND a.rank = coalesce(w.rank, 1)
      {join})))
  WHERE verdict > 0
)"""


def _missing() -> str:
    rows = " UNION ALL ".join(f"SELECT pid, '{table}' AS tbl FROM person WHERE no_{table}" for table in TABLES)
    return f"""
relation_gap AS (
  SELECT DISTINCT r.rid, m.pid FROM relation r JOIN feature_table t ON t.fid = r.inner_fid JOIN ({rows}) m ON m.tbl = t.tbl
)"""


def _level(level: int, inner: str, sql: Dialect) -> Iterator[str]:
    """Events whose relations look at series of lower levels: found certainly (2), possibly (1) or not (0)."""
    yield f"""
pair{level} AS (
  SELECT rid, eid, max(least(found, apart)) AS found FROM (
    SELECT r.rid, o.eid, i.verdict AS found, {_apart(sql)} AS apart
    FROM hit o JOIN relation r ON r.outer_fid = o.fid JOIN ({inner}) i ON i.fid = r.inner_fid AND i.pid = o.pid AND i.eid <> o.eid
    WHERE o.level = {level})
  GROUP BY rid, eid
)"""
    yield f"""
bond{level} AS (
  SELECT o.fid, o.eid, min(CASE
    WHEN coalesce(p.found, 0) = 2 THEN CASE WHEN r.present THEN 2 ELSE 0 END
    WHEN p.found = 1 OR g.rid IS NOT NULL THEN 1
    ELSE CASE WHEN r.present THEN 0 ELSE 2 END END) AS verdict
  FROM hit o JOIN relation r ON r.outer_fid = o.fid
  LEFT JOIN pair{level} p ON p.rid = r.rid AND p.eid = o.eid
  LEFT JOIN relation_gap g ON g.rid = r.rid AND g.pid = o.pid
  WHERE o.level = {level} GROUP BY o.fid, o.eid
)"""
    columns = COLUMNS.replace(", verdict", "")
    named = ", ".join(f"h.{name}" for name in columns.split(", "))
    yield f"""
judged{level} AS (
  SELECT * FROM (
    SELECT {named}, CASE WHEN h.opaque THEN h.verdict ELSE least(h.verdict, b.verdict) END AS verdict
    FROM hit h JOIN bond{level} b ON b.fid = h.fid AND b.eid = h.eid)
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
