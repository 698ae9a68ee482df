"""Whose each row is and where it stands, before and after a load; and the rows that must move because that changed."""

from typing import Final

import duckdb
import pyarrow as pa

from fhir_adapters.linking import Owners, owners
from fhir_adapters.mapping.identities import Identity
from fhir_adapters.references import Identifier
from fhir_adapters.warehouse.views import PLACE

_COLUMNS: Final = "patient, household, identifiers, replaced_by, replaces"
_AFTER: Final = f"""
CREATE TEMP TABLE people_after AS
SELECT {_COLUMNS} FROM live_people ANTI JOIN leaving USING (run, source)
UNION ALL SELECT {_COLUMNS} FROM staged_people
SEMI JOIN written USING (ordinal)
"""
_BEFORE: Final = f"CREATE TEMP TABLE people_before AS SELECT {_COLUMNS} FROM live_people"
_EVENTS: Final = "(SELECT patient FROM live_events UNION ALL SELECT patient FROM staged_events)"

_HOMES: Final = f"""
CREATE TEMP TABLE homes_{{when}} AS
SELECT known.patient, known.person, {PLACE.format(household="p.household", person="known.person")} AS place
FROM (SELECT coalesce(p.patient, s.patient) AS patient, coalesce(s.person, p.patient) AS person
      FROM people_{{when}} p FULL JOIN survivor s USING (patient)) known
LEFT JOIN people_{{when}} p ON p.patient = known.person
"""
STRAY: Final = PLACE.format(household="NULL", person="{patient}")
"""Where the rows of a patient stand of whom there is no Patient resource."""

_MOVING: Final = f"""
CREATE TEMP TABLE moving AS
SELECT coalesce(a.patient, b.patient) AS patient FROM homes_before b FULL JOIN homes_after a USING (patient)
WHERE coalesce(a.person, a.patient, b.patient) <> coalesce(b.person, b.patient, a.patient)
   OR coalesce(a.place, {STRAY.format(patient="b.patient")}) <> coalesce(b.place, {STRAY.format(patient="a.patient")})
"""

_LINKED: Final = """
SELECT patient, identifiers, replaced_by, replaces FROM {people}
WHERE len(replaced_by) + len(replaces) > 0
   OR patient IN (SELECT patient FROM (SELECT patient, unnest(identifiers) AS i FROM {people})
                  WHERE i.system || '|' || i.value IN (SELECT unnest($1::VARCHAR[])))
"""


def find_homes(connection: duckdb.DuckDBPyConnection) -> None:
    """Make ``homes_after`` (patient, person, place) and ``moving`` (patients whose person or place is not what it was).

    A patient who is known by the key of an identifier moves like any other when that becomes, or is no longer, somebody's.
    """
    for when, people in (("before", _BEFORE), ("after", _AFTER)):
        connection.execute(people)
        connection.register("survivor", _survivors(owners_in(connection, f"people_{when}", _EVENTS)))
        connection.execute(_HOMES.format(when=when))
        connection.unregister("survivor")
    connection.execute(_MOVING)


def owners_in(connection: duckdb.DuckDBPyConnection, people: str, events: str) -> Owners:
    """Whose each record is. Only records that are linked, or asked for by an identifier, come into memory."""
    keys = [key for (key,) in connection.execute(f"SELECT DISTINCT patient FROM {events} WHERE contains(patient, '|')").fetchall()]
    found = connection.execute(_LINKED.format(people=people), [keys]).fetchall()
    said = {
        patient: Identity(tuple(Identifier(i["system"], i["value"]) for i in identifiers), tuple(by), tuple(old))
        for patient, identifiers, by, old in found
    }
    targets = list({id for identity in said.values() for id in identity.replaced_by} - said.keys())
    query = f"SELECT patient FROM {people} WHERE patient IN (SELECT unnest($1::VARCHAR[]))"
    known = {id: Identity() for (id,) in connection.execute(query, [targets]).fetchall()}
    return owners(said | known, keys)


def _survivors(whose: Owners) -> pa.Table:
    """Merged patient, or key → the person."""
    found = {**whose.survivor, **whose.by_key}
    return pa.table({"patient": pa.array(found.keys(), pa.string()), "person": pa.array(found.values(), pa.string())})
