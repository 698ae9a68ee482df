"""What the service asks the EHR to send along: derived from what the rules read, nothing more.

By default the templates are safe for CDS Hooks 2.0: one token, no date, and what is too old is left out by the rules themselves. A client
that is known to do 3.0's arithmetic on dates is asked for less, where every window of a table ends somewhere: for what began since
then, and, under a key of its own, for what has no date, because such an event may lie anywhere.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from rules.facts import TABLES, Coding
from rules.horizon import horizons
from rules.ir import Program, Series

Tokens = Literal["2.0", "3.0"]
PATIENT_TOKEN: Final = "{{context.patientId}}"  # noqa: S105 it is a place holder
_LOINC: Final = "http://loinc.org"
_PANELS: Final = {Coding(_LOINC, "8480-6"): Coding(_LOINC, "85354-9"), Coding(_LOINC, "8462-4"): Coding(_LOINC, "85354-9")}
"""What comes as a component (FHIR's profile of blood pressure): ``code`` finds the Observation by the panel's code only."""
_DATES: Final = {"Observation": "date", "Encounter": "date", "Procedure": "date", "Immunization": "date", "DiagnosticReport": "date"}
"""Types whose events begin with what this search parameter finds."""
_MISSING: Final = ":missing"
SLACK: Final = 2
"""Days by which the client's day and ours, or an author's time zone, may differ."""


@dataclass(frozen=True, slots=True)
class Template:
    """One prefetch key and its query."""

    key: str
    resource_type: str
    query: str
    table: str | None
    """The table that counts as loaded once this was answered; ``None`` for the Patient and for types that only add to a table."""
    days: int | None = None
    """What began longer ago is not asked for; ``None``: everything is."""

    @property
    def is_safe(self) -> bool:
        """Whether every client of CDS Hooks 2.0 understands it: no further token, no modifier."""
        return "{{" not in self.query.replace(PATIENT_TOKEN, "") and _MISSING not in self.query

    def parameters(self, patient: str, today: date) -> tuple[tuple[str, str], ...]:
        """The search that it stands for, about a patient on a day; empty for a read."""
        _, sign, text = self.query.partition("?")
        since = "" if self.days is None else (today - timedelta(days=min(self.days, today.toordinal() - 1))).isoformat()
        filled = text.replace(PATIENT_TOKEN, patient).replace(_days_ago(self.days or 0), since)
        return tuple((name, value) for name, _, value in (part.partition("=") for part in filled.split("&"))) if sign else ()


PATIENT: Final = Template("patient", "Patient", f"Patient/{PATIENT_TOKEN}", None)


def templates(programs: Iterable[Program], tokens: Tokens = "2.0", further: Iterable[str] = ()) -> tuple[Template, ...]:
    """The queries for everything that the programs read, and for ``further`` resource types; the Patient first, then by resource type."""
    programs = tuple(programs)
    read = [series for program in programs for series in program.series()]
    tables = {table for series in read for table in series.tables}
    bounds = horizons(programs) if tokens == "3.0" else {}
    found = [each for table in tables for name in TABLES[table].resource_types for each in _searches(name, table, read, bounds)]
    known = {template.resource_type for template in found}
    found += [_template(_key(name), name, (), None) for name in sorted(set(further) - known - {"Patient"})]
    return (PATIENT, *sorted(found, key=lambda template: (template.resource_type, template.key)))


def _searches(resource_type: str, table: str, read: list[Series], bounds: Mapping[str, int]) -> Iterator[Template]:
    counts_for = table if TABLES[table].resource_types[0] == resource_type else None
    codes = _codes(read) if resource_type == "Observation" else ()
    about = [("code", ",".join(f"{coding.system}|{coding.code}" for coding in codes))] if codes else []
    key, parameter = _key(resource_type), _DATES.get(resource_type)
    if table not in bounds or parameter is None:
        yield _template(key, resource_type, about, counts_for)
        return
    days = bounds[table] + SLACK
    yield _template(key, resource_type, [*about, (parameter, f"ge{_days_ago(days)}")], counts_for, days)
    yield _template(f"{key}Undated", resource_type, [*about, (f"{parameter}{_MISSING}", "true")], counts_for)


def _template(key: str, resource_type: str, parameters: Iterable[tuple[str, str]], table: str | None, days: int | None = None) -> Template:
    asked = "&".join(f"{name}={value}" for name, value in (("patient", PATIENT_TOKEN), *parameters))
    return Template(key, resource_type, f"{resource_type}?{asked}", table, days)


def _key(resource_type: str) -> str:
    return resource_type[0].lower() + resource_type[1:]


def _days_ago(days: int) -> str:
    return f"{{{{today() - {days} days}}}}"


def _codes(read: Iterable[Series]) -> tuple[Coding, ...]:
    """Observations are many: only those with a code that some rule reads. Nothing, if some rule reads any observation."""
    asked = [series.codes for series in read if "observations" in series.tables]
    if None in asked:
        return ()
    codes = {coding for codes in asked if codes for coding in codes}
    return tuple(sorted(codes | {panel for part, panel in _PANELS.items() if part in codes}))
