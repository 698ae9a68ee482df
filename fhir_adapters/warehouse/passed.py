"""Versions that no rule can look at, of resources of which another one is kept: the newest counts, whatever it says.

Of what is not needed only the version is staged; nothing of it is written. But a correction may turn what was needed into what is not.
Such a version gets a row without an event, as any resource that says nothing.
"""

from collections.abc import Collection
from typing import Final

from fhir_adapters.mapping import Mapped, Outcome
from fhir_adapters.mapping.resource import Version, read_meta
from fhir_adapters.quarantine import Quarantine, Reading
from fhir_adapters.warehouse.staging import PASSED, Stage

_KNOWN: Final = "SELECT source FROM live_events WHERE n = 0 AND type NOT IN (SELECT unnest($whole::VARCHAR[]))"
_KEPT_TOO: Final = "SELECT ordinal, part_no, type, source, patient, updated, version FROM {passed} SEMI JOIN ({kept}) USING (source)"


def take_kept(stage: Stage, whole: Collection[str]) -> None:
    """Stage the versions of what is staged otherwise too, or is in the warehouse; what it has of the types ``whole`` goes anyhow."""
    if not (passed := stage.tables(PASSED)):
        return
    kept = " UNION ALL ".join([*(f"SELECT source FROM {table} WHERE n = 0" for table in stage.tables("events")), _KNOWN])
    given = {"whole": sorted(whole)}
    for table in passed:
        found = stage.connection.execute(_KEPT_TOO.format(passed=table, kept=kept), given).fetchall()
        for ordinal, part_no, name, source, patient, updated, number in found:
            part = stage.report.parts[part_no]
            part.move(name, Outcome.NOT_NEEDED, Outcome.MAPPED)
            stage.ordinal = ordinal - 1
            mapped = Mapped(Outcome.MAPPED, name, source, patient, _version(name, updated, number))
            stage.take(mapped, part, f"{updated} {number}")
    stage.done()


def _version(name: str, updated: str | None, number: str | None) -> Version:
    said = {"lastUpdated": updated, "versionId": number}
    return read_meta({"meta": said}, Reading(Quarantine(), name, ""))[1]
