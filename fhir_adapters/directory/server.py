"""Reading the listings of a FHIR server: every HealthcareService with its Organizations, Locations and verifications."""

from fhir_adapters.directory.fhir_services import TYPES
from fhir_adapters.directory.model import Service
from fhir_adapters.directory.source import Intake
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.mapping import Outcome
from fhir_adapters.report import Report
from fhir_adapters.search import Query, pages
from fhir_adapters.transport import FhirServer


def read_server(server: FhirServer, name: str = "server", page_size: int = 200) -> tuple[list[Service], Report]:
    """The services that a server lists. No question names a person.

    Raises `EhrUnavailable` if its HealthcareServices cannot be read whole; what failed of the other types is in the report's notes.
    """
    intake = Intake(name)
    for kind in TYPES:
        try:
            _search(server, kind, page_size, intake)
        except EhrUnavailable as error:
            if kind == "HealthcareService":
                raise
            intake.report.notes.append(f"{kind}: {error}")
    return intake.services(), intake.report


def _search(server: FhirServer, kind: str, page_size: int, intake: Intake) -> None:
    part = intake.report.part(kind)
    for page in pages(server, Query(kind, (("_count", str(page_size)),))):
        part.lines += 1
        part.count(Outcome.OPENED, "Bundle")
        part.entries += page.entries
        for match in page.matches:
            intake.resource(match, part)
        for _ in range(page.entries - len(page.matches)):
            part.count(Outcome.IGNORED, "Bundle")
