"""Asking one FHIR server, politely and within bounds: time, size, attempts, pace and hosts."""

from fhir_adapters.transport.answers import Answer, Fetched
from fhir_adapters.transport.authority import Authority, Given
from fhir_adapters.transport.limits import Limits
from fhir_adapters.transport.pace import Breaker, Pace
from fhir_adapters.transport.server import FhirServer
from fhir_adapters.transport.urls import origin

__all__ = ["Answer", "Authority", "Breaker", "Fetched", "FhirServer", "Given", "Limits", "Pace", "origin"]
