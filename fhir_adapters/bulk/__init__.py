"""Bulk Data exports: everybody at once, in files, by a pull that any interruption may end and that goes on where it was."""

from fhir_adapters.bulk.pull import LIMITS, Options, Pending, Pull, Watching
from fhir_adapters.bulk.request import ExportRequest, Level
from fhir_adapters.bulk.retries import Retries
from fhir_adapters.bulk.versions import NEWEST, VERSIONS

__all__ = ["LIMITS", "NEWEST", "VERSIONS", "ExportRequest", "Level", "Options", "Pending", "Pull", "Retries", "Watching"]
