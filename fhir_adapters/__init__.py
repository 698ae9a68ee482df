"""Everything that speaks FHIR: resources in, events of people out."""

from fhir_adapters.dataset import Dataset, records_from_resources
from fhir_adapters.directory_source import read_directory
from fhir_adapters.search import read_patients
from fhir_adapters.transport import FhirServer, Limits

__all__ = ["Dataset", "FhirServer", "Limits", "read_directory", "read_patients", "records_from_resources"]
