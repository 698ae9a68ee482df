"""Resources in, events out, with what was reported on the way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fhir_adapters.mapping import Outcome, map_resource
from fhir_adapters.quarantine import Quarantine
from rules.facts import Event, Person


class Result(NamedTuple):
    outcome: Outcome
    patient: str
    events: tuple[Event, ...]
    person: Person | None
    defects: list[tuple[str, str]]
    """Path and reason."""

    @property
    def event(self) -> Event:
        (only,) = self.events
        return only


MapOne = Callable[..., Result]
WriteFile = Callable[..., Path]


@pytest.fixture
def map_one() -> MapOne:
    def run(resource: dict[str, Any], urls: dict[str, str] | None = None) -> Result:
        quarantine = Quarantine()
        mapped = map_resource(resource, quarantine, urls or {})
        defects = [(entry.path, str(entry.reason)) for entry in quarantine.entries]
        return Result(mapped.outcome, mapped.patient, mapped.events, mapped.person, defects)

    return run


@pytest.fixture
def ndjson(tmp_path: Path) -> WriteFile:
    def write(name: str, *resources: dict[str, Any]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(json.dumps(resource).encode() + b"\n" for resource in resources))
        return path

    return write
