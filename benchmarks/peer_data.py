"""The people about whom programs are compared, as each program wants them: Bulk Data files, and one line for each person.

A generated population with a longer past (`benchmarks.delta_sweep.heavy`), so that a person has about 200 resources. Fewer people are a
beginning of more people. No id comes twice: which version counts is not what is compared.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from benchmarks.delta_sweep import heavy
from benchmarks.peer_rules import AS_OF, UNITS
from fhir_adapters.mapping.resource import subject_of
from fhir_adapters.synthetic import RESOURCE_TYPES, population

Json = dict[str, Any]
SEED: Final = 1
_TIMES: Final = 36
"""Each observation so many times, and a person has about 200 resources."""
_STATUSES: Final = {"Observation": ("final", "amended", "corrected"), "Encounter": ("finished",)}


@dataclass(frozen=True, slots=True)
class People:
    """So many people on disk."""

    folder: Path
    """One file for each type of resource."""
    charts: Path
    """The same, a line for each person, for programs that read people; see ``tests/support/cql/run.mjs``."""
    count: int
    resources: int
    bytes: int


def write_people(folder: Path, count: int, *, only_plain: bool) -> People:
    """Generate them. ``only_plain`` leaves out what two-valued logic reads otherwise; see `plain`."""
    files, charts = folder / "files", folder / "charts.ndjson"
    files.mkdir(parents=True)
    resources = 0
    with ExitStack() as stack, charts.open("wb") as chart:
        opened = {kind: stack.enter_context((files / f"{kind}.ndjson").open("wb")) for kind in RESOURCE_TYPES}
        for patient, found in _people(count):
            kept = [resource for resource in found if not only_plain or plain(resource)]
            resources += len(kept)
            _write(opened, kept)
            of_patient = [each for each in kept if _patient(each) == patient]
            line = {"patient": patient, "resources": of_patient, "as_of": str(AS_OF), "not_loaded": []}
            chart.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return People(files, charts, count, resources, sum(file.stat().st_size for file in files.iterdir()))


def _people(count: int) -> Iterator[tuple[str, list[Json]]]:
    """Each person's id, and what comes with them."""
    found: list[Json] = []
    seen: set[tuple[str, str]] = set()
    for resource in heavy(population(count, SEED, AS_OF), _TIMES):
        if resource["resourceType"] == "Patient" and found:
            yield found[0]["id"], found
            found, seen = [], set()
        if (key := (resource["resourceType"], resource["id"])) not in seen:
            seen.add(key)
            found.append(resource)
    yield found[0]["id"], found


def plain(resource: Json) -> bool:
    """Whether two-valued logic, asking neither for status nor for unit, makes the same of it.

    That is so of what counts, has one whole date that is the same day here and in UTC and is past, and a value in the usual unit.
    """
    match resource["resourceType"]:
        case "Observation":
            return _counts(resource) and _dated(resource.get("effectiveDateTime")) and _in_unit(resource)
        case "Encounter":
            return _counts(resource) and _dated(resource.get("period", {}).get("start"))
        case "Condition":
            return {"active", "confirmed"} <= {_code(resource, name) for name in ("clinicalStatus", "verificationStatus")}
    return True


def _write(opened: Mapping[str, BinaryIO], resources: Iterable[Json]) -> None:
    for resource in resources:
        opened[resource["resourceType"]].write(orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE))


def _patient(resource: Json) -> str | None:
    return resource["id"] if resource["resourceType"] == "Patient" else subject_of(resource)


def _counts(resource: Json) -> bool:
    return resource.get("status") in _STATUSES[resource["resourceType"]]


def _dated(written: str | None) -> bool:
    if not written or len(written) < len("2026-06-30"):
        return False
    try:
        read = datetime.fromisoformat(written)
    except ValueError:  # a 29th of February among the copies
        return False
    in_utc = read.astimezone(UTC) if read.tzinfo else read
    return in_utc.date() == read.date() <= AS_OF


def _in_unit(resource: Json) -> bool:
    code = _code(resource, "code")
    return code is not None and (code not in UNITS or resource.get("valueQuantity", {}).get("code") == UNITS[code])


def _code(resource: Json, name: str) -> str | None:
    """The first code."""
    return next((coding.get("code") for coding in resource.get(name, {}).get("coding", ())), None)
