"""Several searches in one request: a Bundle of type batch."""

from collections.abc import Sequence
from typing import Any

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.search.query import Query
from fhir_adapters.transport import FhirServer


def first_pages(server: FhirServer, queries: Sequence[Query]) -> list[Json | EhrUnavailable]:
    """The first page of each search, in their order, or why it could not be had. Raises `EhrUnavailable` if the whole failed."""
    entries = [{"request": {"method": "GET", "url": query.link}} for query in queries]
    answer = server.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    answers: Any = answer.get("entry")
    if answer.get("resourceType") != "Bundle" or not isinstance(answers, list) or len(answers) != len(queries):
        raise EhrUnavailable("the answer to a batch does not have an entry for each request")
    return [_answered(entry) for entry in answers]


def _answered(entry: Any) -> Json | EhrUnavailable:
    response = entry.get("response") if isinstance(entry, dict) else None
    status = str(response.get("status", ""))[:3] if isinstance(response, dict) else ""
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if status.startswith("2") and isinstance(resource, dict):
        return resource
    return EhrUnavailable(f"HTTP {status} in a batch" if status.isdecimal() else "an entry of the batch has no answer", _number(status))


def _number(status: str) -> int | None:
    return int(status) if status.isdecimal() else None
