"""Which of the staged resources count, and which of the rows that are there no longer do. All in the working database.

In: ``staged_people``, ``staged_events``, ``staged_named``, the views of the snapshot, ``deletion`` (source), ``scope`` (type, patient: what
the pull is the whole of; patient null: of everybody) and ``watermark`` (type, seen). Out: ``verdict`` and ``leaving``.
"""

from typing import Final

import duckdb

from fhir_adapters.warehouse.columns import EVENT, PERSON
from rules.facts import NEVER

_HEADER: Final = "source, type, patient, updated, number, content, quarantined"

_STAGED: Final = f"""
CREATE TEMP TABLE header AS
SELECT {_HEADER}, ordinal, part_no FROM staged_people
UNION ALL SELECT {_HEADER}, ordinal, part_no FROM staged_events WHERE n = 0
UNION ALL SELECT {_HEADER}, ordinal, part_no FROM staged_named
"""

_AGAIN: Final = "CREATE TEMP TABLE again AS SELECT source FROM header GROUP BY source HAVING count(*) > 1"
"""Of most resources there is one version only: what has to be compared is done with these alone."""

_SUPERSEDED: Final = f"""
CREATE TEMP TABLE superseded AS
WITH repeated AS (SELECT source, ordinal, {{'u': coalesce(updated, {NEVER}), 'v': number, 'o': ordinal}} AS version
                  FROM header SEMI JOIN again USING (source))
SELECT ordinal FROM repeated ANTI JOIN (SELECT arg_max(ordinal, version) AS ordinal FROM repeated GROUP BY source) USING (ordinal)
"""
_NEWEST: Final = "CREATE TEMP VIEW newest AS SELECT * FROM header ANTI JOIN superseded USING (ordinal)"
"""Of several versions in one pull the newest, of those without a date the last; one with a date is newer than one without."""

_KNOWN: Final = f"""
CREATE TEMP TABLE known AS
SELECT k.run, k.source, k.type, k.patient, k.updated, k.number, k.content, greatest(k.seen, coalesce(w.seen, {NEVER})) AS seen,
       k.type IN (SELECT type FROM scope WHERE patient IS NULL)
       OR (k.type, k.patient) IN (SELECT (type, patient) FROM scope WHERE patient IS NOT NULL) AS covered
FROM (SELECT {_HEADER}, run, seen FROM live_people UNION ALL SELECT {_HEADER}, run, seen FROM live_events WHERE n = 0
      UNION ALL SELECT {_HEADER}, run, seen FROM live_named) k
LEFT JOIN watermark w USING (type)
WHERE covered OR k.source IN (SELECT source FROM newest UNION ALL SELECT source FROM deletion)
"""
"""The rows that this pull may concern. ``seen``: the last time as of which the source confirmed the row."""

_VERDICT: Final = """
CREATE TEMP TABLE verdict AS
SELECT n.source, n.ordinal, k.run AS old_run,
  CASE WHEN k.source IS NULL AND $narrow AND $at < w.seen AND ($everybody OR n.patient IN (SELECT patient FROM live_people)) THEN 'older'
       WHEN k.source IS NULL THEN
         CASE WHEN g.gone_at IS NULL OR n.updated > g.gone_at OR $at > g.gone_at THEN 'write' ELSE 'older' END
       WHEN NOT CASE WHEN n.updated IS NULL OR k.updated IS NULL THEN $at >= k.seen
                     WHEN n.updated = k.updated AND n.number = k.number THEN $at >= k.seen
                     ELSE (n.updated, n.number) > (k.updated, k.number) END THEN 'older'
       WHEN n.content = k.content AND (n.updated IS NOT NULL OR n.type IN (SELECT type FROM scope WHERE patient IS NULL)) THEN 'same'
       ELSE 'write' END AS verdict
FROM newest n LEFT JOIN known k USING (source) LEFT JOIN watermark w ON w.type = n.type
LEFT JOIN (SELECT source, max(gone_at) AS gone_at FROM gone GROUP BY source) g USING (source)
"""
"""A dated version replaces a dated one that is not newer. Where a date is missing, the pull's own time decides. What was deleted
comes back only by a pull, or with a date, after the deletion. And what a later pull of all had, and a narrow warehouse has not, was not
needed by then; a pull of a group says that of its people only."""

_WRITTEN: Final = "CREATE TEMP VIEW written AS SELECT ordinal FROM verdict WHERE verdict = 'write'"
_UNWRITTEN: Final = "CREATE TEMP TABLE unwritten AS SELECT ordinal FROM header ANTI JOIN written USING (ordinal)"
"""All others. Of a first load these are few, of a night that pulled everything again nearly all: see `which_are_written`."""

_LEAVING: Final = """
CREATE TEMP TABLE leaving AS
SELECT k.run, k.source, true AS for_good FROM known k ANTI JOIN newest USING (source)
WHERE (k.covered OR k.source IN (SELECT source FROM deletion)) AND $at >= k.seen AND (k.updated IS NULL OR k.updated <= $at)
UNION ALL SELECT old_run, source, false FROM verdict WHERE verdict = 'write' AND old_run IS NOT NULL
"""
"""Rows that are deleted, or not in a pull that would have them, or replaced. A resource that the same pull holds is not deleted."""

_ASIDE: Final = {"n", "awaits", "form", "identifiers", "replaced_by", "replaces", "active", "test"}
"""Columns that say nothing of what a rule could ask about."""
_OF_PERSON, _OF_EVENT = (", ".join(name for name in columns if name not in _ASIDE) for columns in (PERSON, EVENT))
_MEANING: Final = f"""
CREATE TEMP TABLE meaning AS
SELECT ordinal, hash(patient, {_OF_PERSON}) AS likeness FROM staged_people SEMI JOIN again USING (source)
UNION ALL SELECT ordinal, hash(any_value(patient), list(hash({_OF_EVENT}) ORDER BY n))
FROM staged_events SEMI JOIN again USING (source) GROUP BY ordinal
"""
"""Of what came more than once what it says, hashed: to tell whether two versions say the same."""

_REPEATED: Final = f"""
SELECT type, source, patient = before.patient AS same_patient FROM (
  SELECT type, source, patient, likeness, max({{'u': coalesce(updated, {NEVER}), 'v': number, 'o': ordinal, 'likeness': likeness,
         'patient': patient}}) OVER (PARTITION BY source ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM header JOIN meaning USING (ordinal))
WHERE before IS NOT NULL AND likeness <> before.likeness ORDER BY type, source
"""
_SURPLUS: Final = """
SELECT h.part_no, h.type, h.quarantined, count(*) FROM header h
LEFT JOIN (SELECT source, min(ordinal) AS first FROM header SEMI JOIN again USING (source) GROUP BY source) f USING (source)
LEFT JOIN (SELECT source FROM verdict WHERE verdict = 'older') o USING (source)
WHERE h.patient <> '' AND (h.ordinal > f.first OR o.source IS NOT NULL) GROUP BY ALL
"""
"""What is nobody's is accounted for as it comes: which version of it counts changes what others say, not who says it."""


def settle(connection: duckdb.DuckDBPyConnection, at: int, *, narrow: bool, everybody: bool) -> None:
    """Make ``verdict`` (write, same or older, for each staged resource) and ``leaving`` for a pull as of ``at``.

    ``narrow``: not everything is kept. ``everybody``: whether what was there is of all people, and not of a group.
    """
    for statement in (_STAGED, _AGAIN, _SUPERSEDED, _NEWEST, _KNOWN):
        connection.execute(statement)
    connection.execute(_VERDICT, {"at": at, "narrow": narrow, "everybody": everybody})
    connection.execute(_WRITTEN)
    connection.execute(_UNWRITTEN)
    connection.execute(_LEAVING, {"at": at})


def which_are_written(connection: duckdb.DuckDBPyConnection) -> str:
    """The join that keeps what is staged and to be written, with the shorter of both lists: the memory of a load is that of its joins."""
    ((written, unwritten),) = connection.execute("SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM unwritten)").fetchall()
    return f"{'SEMI JOIN written' if written <= unwritten else 'ANTI JOIN unwritten'} USING (ordinal)"


def surplus(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str, bool, int]]:
    """Versions that do not count, beside another of the same id: part of the account, type, whether quarantined, how many."""
    return connection.execute(_SURPLUS).fetchall()


def repeated(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, bool]]:
    """Ids that came again and said something else: type, source, whether at least of the same patient."""
    connection.execute(_MEANING)
    return connection.execute(_REPEATED).fetchall()
