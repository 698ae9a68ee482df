"""What the service asks the EHR to send along: derived from what the rules read, nothing more.

Templates are safe for CDS Hooks 2.0: no date arithmetic (a client that cannot resolve it sends ``null``, which would read as *none*).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rules.facts import TABLES, Coding
from rules.ir import Program, Series


@dataclass(frozen=True, slots=True)
class Template:
    """One prefetch key and its query."""

    key: str
    resource_type: str
    query: str
    table: str | None
    """The table that counts as loaded once this was answered; ``None`` for the Patient and for types that only add to a table."""


def templates(programs: Iterable[Program]) -> tuple[Template, ...]:
    """The queries for everything that the programs read, the Patient first, then by resource type."""
    read = [series for program in programs for series in program.series()]
    tables = {table for series in read for table in series.tables}
    found = [_search(name, table, read) for table in tables for name in TABLES[table].resource_types]
    patient = Template("patient", "Patient", "Patient/{{context.patientId}}", None)
    return (patient, *sorted(found, key=lambda template: template.resource_type))


def _search(resource_type: str, table: str, read: list[Series]) -> Template:
    first = TABLES[table].resource_types[0] == resource_type
    query = f"{resource_type}?patient={{{{context.patientId}}}}"
    codes = _codes(read) if resource_type == "Observation" else ()
    if codes:
        query += "&code=" + ",".join(f"{coding.system}|{coding.code}" for coding in codes)
    return Template(resource_type[0].lower() + resource_type[1:], resource_type, query, table if first else None)


def _codes(read: Iterable[Series]) -> tuple[Coding, ...]:
    """Observations are many: only those with a code that some rule reads. Nothing, if some rule reads any observation."""
    asked = [series.codes for series in read if "observations" in series.tables]
    return () if None in asked else tuple(sorted({coding for codes in asked if codes for coding in codes}))
