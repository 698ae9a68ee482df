"""FHIR R4 resources (parsed JSON) to events of a person: one file for each event table.

Nothing here raises on odd data. What cannot be understood is reported to the `Quarantine` and is unknown from there on.
"""

from fhir_adapters.mapping.past import DATED, NO_PAST, Past
from fhir_adapters.mapping.resource import MAPPED_TYPES, NAMED_TYPES, READ_TYPES, Mapped, Outcome, beside, map_resource, subject_of

__all__ = [
    "DATED",
    "MAPPED_TYPES",
    "NAMED_TYPES",
    "NO_PAST",
    "READ_TYPES",
    "Mapped",
    "Outcome",
    "Past",
    "beside",
    "map_resource",
    "subject_of",
]
