"""Whose each row is and where it stands, before and after a load; and the rows that must move because that changed."""

from typing import Final

import duckdb
import pyarrow as pa

from fhir_adapters.merges import Links, survivors
from fhir_adapters.warehouse.views import PLACE

_AFTER: Final = """
CREATE TABLE people_after AS
SELECT patient, household, replaced_by, replaces FROM live_people ANTI JOIN leaving USING (run, source)
UNION ALL SELECT patient, household, replaced_by, replaces FROM staged_people
SEMI JOIN (SELECT ordinal FROM verdict WHERE verdict = 'write') USING (ordinal)
"""
_BEFORE: Final = "CREATE TABLE people_before AS SELECT patient, household, replaced_by, replaces FROM live_people"

_HOMES: Final = f"""
CREATE TABLE homes_{{when}} AS
SELECT known.patient, known.person, {PLACE.format(household="p.household", person="known.person")} AS place
FROM (SELECT coalesce(p.patient, s.patient) AS patient, coalesce(s.person, p.patient) AS person
      FROM people_{{when}} p FULL JOIN survivor s USING (patient)) known
LEFT JOIN people_{{when}} p ON p.patient = known.person
"""
STRAY: Final = PLACE.format(household="NULL", person="{patient}")
"""Where the rows of a patient stand of whom there is no Patient resource."""

_MOVING: Final = f"""
CREATE TABLE moving AS
SELECT coalesce(a.patient, b.patient) AS patient FROM homes_before b FULL JOIN homes_after a USING (patient)
WHERE coalesce(a.person, a.patient, b.patient) <> coalesce(b.person, b.patient, a.patient)
   OR coalesce(a.place, {STRAY.format(patient="b.patient")}) <> coalesce(b.place, {STRAY.format(patient="a.patient")})
"""


def find_homes(connection: duckdb.DuckDBPyConnection) -> None:
    """Make ``homes_after`` (patient, person, place) and ``moving`` (patients whose person or place is not what it was)."""
    for when, people in (("before", _BEFORE), ("after", _AFTER)):
        connection.execute(people)
        connection.register("survivor", _survivors(connection, f"people_{when}"))
        connection.execute(_HOMES.format(when=when))
        connection.unregister("survivor")
    connection.execute(_MOVING)


def _survivors(connection: duckdb.DuckDBPyConnection, people: str) -> pa.Table:
    """Merged patient → surviving person. Only linked records come into memory: they are few."""
    found = connection.execute(f"SELECT patient, replaced_by, replaces FROM {people} WHERE len(replaced_by) + len(replaces) > 0").fetchall()
    links = {patient: Links(tuple(by), tuple(old)) for patient, by, old in found}
    targets = list({id for by, _ in links.values() for id in by})
    known = (
        connection.execute(f"SELECT patient FROM {people} WHERE patient IN (SELECT unnest($1))", [targets]).fetchall() if targets else []
    )
    merged = survivors(links, frozenset(id for (id,) in known))
    return pa.table({"patient": pa.array(merged.keys(), pa.string()), "person": pa.array(merged.values(), pa.string())})
