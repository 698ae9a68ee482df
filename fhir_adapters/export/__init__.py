"""A pack of rules as FHIR R4 knowledge artifacts: Library, ValueSet, PlanDefinition, ActivityDefinition.

What goes in is `Knowledge`, in words of FHIR's own; what comes out has been checked by the R4B models. The same knowledge gives the
same resources, byte for byte: ids and URLs come from names, the date from the pack.
"""

from fhir_adapters.export.artifacts import artifacts
from fhir_adapters.export.identity import Identity
from fhir_adapters.export.knowledge import Citation, CodeSet, Knowledge, Recommendation, Referral, Source

__all__ = ["Citation", "CodeSet", "Identity", "Knowledge", "Recommendation", "Referral", "Source", "artifacts"]
