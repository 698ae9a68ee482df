"""Everything that speaks FHIR: resources in, events of people out.

What is exported here is imported when it is first asked for: whoever reads files does without what speaks to servers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fhir_adapters.dataset import Dataset, records_from_resources
    from fhir_adapters.directory_source import read_directory
    from fhir_adapters.search import read_patients
    from fhir_adapters.transport import FhirServer, Limits

__all__ = ["Dataset", "FhirServer", "Limits", "read_directory", "read_patients", "records_from_resources"]

_HOMES: Final = {
    **dict.fromkeys(("Dataset", "records_from_resources"), "dataset"),
    **dict.fromkeys(("FhirServer", "Limits"), "transport"),
    "read_directory": "directory_source",
    "read_patients": "search",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
