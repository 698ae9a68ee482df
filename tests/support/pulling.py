"""Pulling in tests: people in files of an export, a pull without waits, and what a folder holds afterwards."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.bulk_server import BulkServer, Exchange, Produced, output
from support.hand_made import person

from fhir_adapters.bulk import ExportRequest, Options, Pull, Retries
from fhir_adapters.pulled import Pulled
from fhir_adapters.transport import Breaker, FhirServer, Given, Limits

QUICK = Options(retries=Retries(least=0.001, longest=0.02, most=6))
_LIMITS = Limits(attempts=1, attempt=0.5, connect=1.0)
_EXPORT = re.compile(r"\d{4}")


def exported(resources: Iterable[dict[str, Any]], per_file: int = 8, **changes: Any) -> list[Produced]:
    """Resources as the files of an export, by type."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for resource in resources:
        by_type.setdefault(resource["resourceType"], []).append(resource)
    return [
        output(type, found[start : start + per_file], start // per_file + 1, **changes)
        for type, found in sorted(by_type.items())
        for start in range(0, len(found), per_file)
    ]


def people(*ids: str, types: Sequence[str] = ("Patient", "Observation", "Goal")) -> list[Produced]:
    """Files of these types of hand-made people."""
    return exported(resource for id in ids for resource in person(id) if resource["resourceType"] in types)


def asking(*types: str, **words: Any) -> ExportRequest:
    """A request for these types."""
    return ExportRequest(types or ("Goal", "Observation", "Patient"), **words)


def fhir_server(server: BulkServer) -> FhirServer:
    """A client of ``server``, with its token if it wants one."""
    authority = Given(lambda: server.token) if server.token else None
    return FhirServer(server.base_url, authority=authority, limits=_LIMITS, breaker=Breaker(failures=1000))


def pull(server: BulkServer, folder: Path, request: ExportRequest | None = None, *, full: bool = False, **options: Any) -> Pulled:
    """A whole pull."""
    with Pull(fhir_server(server), folder, replace(QUICK, **options)) as pulling:
        pulling.begin(request or asking(), full=full)
        pulled = pulling.run()
    assert isinstance(pulled, Pulled)
    return pulled


def tree(folder: Path) -> dict[str, str]:
    """Every file that is there, but for the state: its name and digest."""
    paths = (path for path in folder.rglob("*") if path.is_file() and ".pull" not in path.parts)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def received(folder: Path) -> set[bytes]:
    """The bytes of every file of an export."""
    return {path.read_bytes() for path in folder.rglob("*.ndjson*") if _EXPORT.fullmatch(path.relative_to(folder).parts[0])}


OBSERVATIONS = "Observation.1"
"""A file of `people`."""
TOKEN = "t" * 20


def whole(server: BulkServer, folder: Path) -> bool:
    """Whether every file is here byte for byte, and nothing else."""
    return received(folder) == {file.content for file in server.files}


def patient(id: str, **elements: Any) -> dict[str, Any]:
    """A Patient resource."""
    return {"resourceType": "Patient", "id": id} | elements


def fine(exchange: Exchange) -> None:
    """The server took note."""
    exchange.send(202)


def messages(*issues: dict[str, Any]) -> Produced:
    """A file of what the server has to say."""
    return Produced("error", "OperationOutcome", "errors.1", [json.dumps({"resourceType": "OperationOutcome", "issue": list(issues)})])
