"""One bucket of people at a time, as the tables that the columnar engine reads, and as records of the few that are explained.

Whole households, so that nothing outside the bucket can matter; memory is that of one bucket, however many people there are.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from fhir_adapters.forms import named, understood
from fhir_adapters.linking import EXCLUDED_BY_DEFAULT
from fhir_adapters.warehouse.columns import arrow, events_from, people_from
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.read import Reader
from fhir_adapters.warehouse.snapshot import current
from fhir_adapters.warehouse.views import OPEN_GAPS, connect, register
from rules.facts import HOUSEHOLD, NEVER, NUMBERS, TABLES, Coding, Event, PersonRecord, with_households

MEMORY: Final = "512MB"
"""Of DuckDB, for one bucket."""

_TEXT: Final = pa.string()
_CODINGS: Final = pa.list_(pa.struct({"system": _TEXT, "code": _TEXT}))
_TIMES: Final = "start_low, start_high, end_low, end_high, instant, issued, event_updated"

_HERE: Final = "patient = person AND place > $low AND place <= $high AND patient NOT IN (SELECT id FROM left_out_person)"
_ROWS: Final = f"CREATE OR REPLACE TEMP TABLE person_row AS SELECT * FROM live_people WHERE {_HERE}"
"""All that is known of them: asked only when somebody is explained, or prints are made."""
_PERSON: Final = """
CREATE OR REPLACE TEMP TABLE person AS
SELECT row_number() OVER (ORDER BY r.patient)::INTEGER AS pid, r.patient AS id, true AS asked,
       coalesce({home}, 'alone ' || r.patient) AS home,
       birth_low, birth_high, sex, language, postcode, deceased, died_low, died_high, {gaps}
FROM (SELECT * FROM live_people WHERE {here}) r
LEFT JOIN {open_gaps} g ON g.person = r.patient
"""
_READ: Final = f"""
CREATE OR REPLACE TEMP TABLE read_event AS
SELECT p.pid, w.number AS tbl, w.uncoded, source, part, codes, answers, {{tags}} AS tags, value, unit, status, {_TIMES}, opaque, form,
       hash(content, n, event_updated, CASE WHEN awaits IS NOT NULL THEN struct_pack(codes := codes, opaque := opaque) END) AS mark
FROM events e JOIN (SELECT pid, id FROM person) p ON p.id = e.person JOIN wanted_table w ON w.name = e.tbl
WHERE place > $low AND place <= $high
"""
"""The only copy of the events; its ``rowid`` is their number, which they keep while others are deleted: only a checkpoint would give new
ones, and nobody asks for one. ``mark``: of the resource and of what stands elsewhere about it."""
_NO_TAGS: Final = "[]::STRUCT(role VARCHAR, system VARCHAR, code VARCHAR)[]"
_UNDERSTOOD: Final = """
UPDATE read_event SET codes = coalesce(u.codes, read_event.codes), unit = u.unit, mark = hash(read_event.mark, u.codes, u.unit)
FROM by_form u WHERE read_event.rowid = u.eid
"""
"""What the forms say of the answers that name one."""
_CODES: Final = """
CREATE OR REPLACE TEMP TABLE event_code AS
SELECT eid, c.system AS system, c.code AS code, alone, w.shared AS shared
FROM (SELECT rowid AS eid, unnest(codes) AS c, len(codes) = 1 AND NOT opaque AS alone FROM read_event)
JOIN wanted_code w ON w.system = c.system AND w.code = c.code
"""
_OTHERS: Final = "DELETE FROM read_event WHERE (opaque OR uncoded OR rowid IN (SELECT eid FROM event_code)) IS NOT TRUE"
_SHARED: Final = """
CREATE OR REPLACE TEMP VIEW shared_event AS SELECT rowid AS eid, * FROM read_event
WHERE tbl IN (SELECT number FROM wanted_table WHERE shared)
AND (opaque OR tbl IN (SELECT number FROM wanted_table WHERE shared_uncoded) OR rowid IN (SELECT eid FROM event_code WHERE shared))
"""
"""What can matter to others at the address."""
_EVENT: Final = f"""
CREATE OR REPLACE TEMP VIEW raw_event AS
SELECT rowid AS eid, pid, tbl, status, value, coalesce(unit, '') AS unit, start_low AS low, start_high AS high, end_low, end_high,
       coalesce(instant, {NEVER}) AS instant, coalesce(issued, {NEVER}) AS issued, coalesce(event_updated, {NEVER}) AS updated,
       source, part, opaque
FROM read_event
"""
_ANSWER: Final = """
CREATE OR REPLACE TEMP TABLE event_answer AS
SELECT eid, c.system AS system, c.code AS code FROM (SELECT rowid AS eid, unnest(answers) AS c FROM read_event)
"""
_TAG: Final = """
CREATE OR REPLACE TEMP VIEW event_tag AS
SELECT eid, t.role AS role, t.system AS system, t.code AS code FROM (SELECT rowid AS eid, unnest(tags) AS t FROM read_event)
"""
_SHOWN: Final = """
SELECT s.id AS person, e.* REPLACE (w.name AS tbl)
FROM (SELECT rowid AS eid, * FROM read_event) e JOIN shown s USING (pid) JOIN wanted_table w ON w.number = e.tbl
WHERE s.asked OR eid IN (SELECT eid FROM shared_event)
"""

_ENDS: Final = ("start_low", "start_high", "end_low", "end_high")
_STIRRED: Final = f"""
CREATE OR REPLACE TEMP TABLE stirred_event AS
SELECT DISTINCT e.eid, e.pid FROM (SELECT rowid AS eid, pid, tbl, opaque, {", ".join(_ENDS)} FROM read_event WHERE {{there}}) e
JOIN stretch s ON s.tbl = e.tbl AND ({" OR ".join(f"e.{end} BETWEEN s.first AND s.last" for end in _ENDS)})
WHERE NOT s.coded OR e.opaque
   OR (e.eid, s.number) IN (SELECT (c.eid, k.number) FROM event_code c JOIN stretch_code k USING (system, code))
"""
_PRINT: Final = """
CREATE OR REPLACE TEMP TABLE person_print AS
WITH told AS (SELECT pid, hash(bit_xor(mark), count(*)) AS told FROM read_event GROUP BY pid),
shared AS (SELECT pid, hash(bit_xor(mark), count(*)) AS shared FROM shared_event GROUP BY pid),
stirred AS (SELECT pid, bool_or(eid IN (SELECT eid FROM shared_event)) AS others FROM stirred_event GROUP BY pid),
own AS (
  SELECT p.home, p.id, r.place, hash(p, r) AS who, hash({aged}) AS aged, told, shared,
         others IS NOT NULL AS stirred, coalesce(others, false) AS others
  FROM (SELECT * EXCLUDE (pid) FROM person) p JOIN person q ON q.id = p.id
  LEFT JOIN told USING (pid) LEFT JOIN shared USING (pid) LEFT JOIN stirred USING (pid)
  JOIN (SELECT * EXCLUDE (run, seen) FROM person_row) r ON r.patient = p.id),
homes AS (SELECT home, hash(bit_xor(hash(who, shared)), count(*)) AS mark, bool_or(others) AS others FROM own GROUP BY home)
SELECT o.id, o.place, hash(h.mark, o.who, o.aged, o.told) AS print, NOT (o.stirred OR h.others) AS still
FROM own o JOIN homes h USING (home)
"""


@dataclass(frozen=True, slots=True)
class Print:
    """What tells whether the record of a person and of those they live with is what it was."""

    place: int
    print: int
    """A hash of all that can decide or explain an answer, and of how old the person is."""
    still: bool
    """Whether none of the events that can matter to the person lies in one of the stretches that were asked about."""


class Buckets:
    """The people of a snapshot, bucket by bucket. ``connection`` holds the tables of the open one."""

    def __init__(self, reader: Reader, connection: duckdb.DuckDBPyConnection) -> None:
        """``reader`` has its views in ``connection``."""
        self.connection = connection
        self._reader = reader
        self._tagged = True
        self._within = {"low": 0, "high": 0}
        self._people_known = False
        register(connection, "left_out_person", arrow([(id,) for id in sorted(reader.left_out)], {"id": _TEXT}))

    def want(self, asked: Needed, of_others: Needed | None = None, *, tagged: bool = True) -> None:
        """Read no other events than those that are ``asked`` for, with their tags if ``tagged``.

        ``of_others``: which of them can matter to others at the address; ``None``: all.

        Raises:
            WarehouseNarrow: they are not all here.
        """
        self._reader.check_covers(asked)
        self._tagged, shared = tagged, of_others or asked
        coded = [(*code, code in shared.codes) for code in sorted(asked.codes)]
        register(self.connection, "wanted_code", arrow(coded, {"system": _TEXT, "code": _TEXT, "shared": pa.bool_()}))
        rows = [(t, NUMBERS[t], t in asked.uncoded, t in shared.tables, t in shared.uncoded) for t in sorted(asked.tables)]
        columns = {"name": _TEXT, "number": pa.int32(), **dict.fromkeys(("uncoded", "shared", "shared_uncoded"), pa.bool_())}
        register(self.connection, "wanted_table", arrow(rows, columns))

    def cuts(self, people: int) -> list[tuple[int, int]]:
        """The buckets, of about so many people each."""
        return self._reader.cuts(people)

    def open(self, low: int, high: int) -> int:
        """Make the tables of the people whose place is in (low, high]; how many people these are."""
        self._within, self._people_known = {"low": low, "high": high}, False
        self.connection.execute(self._people(), self._within)
        self.connection.execute(_READ.format(tags="tags" if self._tagged else _NO_TAGS), self._within)
        self._understand()
        for statement in (_CODES, _OTHERS, _SHARED, _EVENT, _ANSWER, _TAG):
            self.connection.execute(statement)
        ((people,),) = self.connection.execute("SELECT count(*) FROM person").fetchall()
        return int(people)

    def ids(self) -> list[str]:
        """Everybody in the open bucket, sorted."""
        return [id for (id,) in self.connection.execute("SELECT id FROM person ORDER BY id").fetchall()]

    def records(self, ids: Sequence[str]) -> dict[str, PersonRecord]:
        """These people of the open bucket by id, with the events that were read, and with their households: with what matters of those."""
        self._know_people()
        self.connection.register("asked_id", pa.table({"id": pa.array(ids, _TEXT)}))
        asked, homes = "id IN (FROM asked_id)", "SELECT home FROM person SEMI JOIN asked_id USING (id)"
        shown = f"SELECT pid, id, {asked} AS asked FROM person WHERE home IN ({homes})"
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE shown AS {shown}")
        self.connection.unregister("asked_id")
        found = self.connection.sql("SELECT r.* FROM person_row r JOIN shown ON shown.id = r.patient").to_arrow_table()
        events, missing = self._events(), self._missing()
        records = [PersonRecord(p, tuple(events.get(p.id, ())), frozenset(missing[p.id]) | {HOUSEHOLD}) for p in people_from(found)]
        together = with_households(records) if self._reader.whole else records
        wanted = set(ids)
        return {record.person.id: record for record in together if record.person.id in wanted}

    def prints(self, as_of: date, stirring: Sequence[tuple[str, date, date, Collection[Coding] | None]]) -> None:
        """Make ready what `prints_of` tells.

        ``stirring``: tables, each with the first and the last day of a stretch, and the codes of the events meant; ``None``: any.
        """
        self._know_people()
        rows = [(number, NUMBERS[table], *days, codes is not None) for number, (table, *days, codes) in enumerate(stirring)]
        columns = {"number": pa.int32(), "tbl": pa.int32(), "first": pa.date32(), "last": pa.date32(), "coded": pa.bool_()}
        register(self.connection, "stretch", arrow(rows, columns))
        coded = [(number, *code) for number, (*_, codes) in enumerate(stirring) for code in sorted(codes or ())]
        register(self.connection, "stretch_code", arrow(coded, {"number": pa.int32(), "system": _TEXT, "code": _TEXT}))
        there = {f"{end} BETWEEN DATE '{first}' AND DATE '{last}'" for _, first, last, _ in stirring for end in _ENDS}
        self.connection.execute(_STIRRED.format(there=" OR ".join(sorted(there)) or "false"))
        today = as_of.month * 100 + as_of.day
        aged = f"{as_of.year}, " + ", ".join(f"month(p.{birth}) * 100 + day(p.{birth}) > {today}" for birth in ("birth_low", "birth_high"))
        self.connection.execute(_PRINT.format(aged=aged))

    def prints_of(self, ids: Sequence[str]) -> dict[str, Print]:
        """Of these people of the open bucket, by id."""
        query = "SELECT id, place, print, still FROM person_print WHERE id IN (SELECT unnest($1::VARCHAR[]))"
        return {id: Print(*more) for id, *more in self.connection.execute(query, [list(ids)]).fetchall()}

    def _know_people(self) -> None:
        """Make ``person_row``."""
        if not self._people_known:
            self.connection.execute(_ROWS, self._within)
            self._people_known = True

    def _people(self) -> str:
        """The statement for ``person``, whose columns are those of `rules.engines.columnar.load`."""
        home = "'home ' || r.household" if self._reader.whole else "NULL"
        lost = {
            name: "true" if name in self._reader.not_loaded else f"coalesce(list_contains(g.tables, '{name}'), false)" for name in TABLES
        }
        lost[HOUSEHOLD] = "r.household IS NULL" if self._reader.whole else "true"
        return _PERSON.format(
            home=home, here=_HERE, open_gaps=OPEN_GAPS, gaps=", ".join(f"{expression} AS no_{name}" for name, expression in lost.items())
        )

    def _understand(self) -> None:
        """Give the answers whose form is at hand their codes and unit."""
        canonical = [url for (url,) in self.connection.execute("SELECT DISTINCT form FROM read_event WHERE form IS NOT NULL").fetchall()]
        known = {url: form for url in canonical if (form := named(self._reader.forms, url))}
        query = (
            "SELECT e.rowid AS eid, e.* REPLACE (w.name AS tbl) FROM read_event e JOIN wanted_table w ON w.number = e.tbl "
            "WHERE form IN (SELECT unnest($1::VARCHAR[])) ORDER BY eid"
        )
        rows: list[tuple[object, ...]] = []
        if known:
            table = self.connection.sql(query, params=[list(known)]).to_arrow_table()
            columns = (table.column(name).to_pylist() for name in ("eid", "form"))
            for eid, url, event in zip(*columns, events_from(table), strict=True):
                (read,) = understood((event,), known[url])
                rows.append((eid, read.codes, read.unit))
        if rows:
            register(self.connection, "by_form", arrow(rows, {"eid": pa.int64(), "codes": _CODINGS, "unit": _TEXT}))
            self.connection.execute(_UNDERSTOOD)

    def _events(self) -> Mapping[str, list[Event]]:
        table = self.connection.sql(_SHOWN).to_arrow_table()
        found: dict[str, list[Event]] = defaultdict(list)
        for person, event in zip(table.column("person").to_pylist(), events_from(table), strict=True):
            found[person].append(event)
        for events in found.values():
            events.sort(key=attrgetter("table", "order"))
        return found

    def _missing(self) -> dict[str, list[Any]]:
        tables = ", ".join(f"CASE WHEN no_{name} THEN '{name}' END" for name in TABLES)
        query = f"SELECT id, list_filter([{tables}], lambda t: t IS NOT NULL) FROM person SEMI JOIN shown USING (id)"
        return dict(self.connection.execute(query).fetchall())


@contextmanager
def buckets_of(root: Path, number: int, *, memory: str = MEMORY, spill: Path | None = None) -> Iterator[Buckets]:
    """Snapshot ``number`` of a warehouse, held and verified, for one thread. What does not fit into ``memory`` goes to ``spill``.

    Raises:
        WarehouseDamaged: a file is not what the manifest says, or the snapshot is no longer there.
    """
    with current(root, number) as snapshot, connect(spill, memory, threads=1) as connection:
        yield Buckets(Reader(root, snapshot, EXCLUDED_BY_DEFAULT, connection), connection)
