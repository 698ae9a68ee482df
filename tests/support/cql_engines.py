"""The exported CQL on engines of others (Node): people as FHIR resources in, the value of every fact and rule out."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from fhir_adapters import records_from_resources
from fhir_adapters.mapping import map_resource
from fhir_adapters.mapping.resource import Version, subject_of
from fhir_adapters.quarantine import Quarantine
from rules.conformance.comparison import same
from rules.cql import library_text
from rules.engines.reference import ReferenceEngine
from rules.facts import Value
from rules.ir import Program

MODULES: Final = "ALMONER_CQL_NODE_MODULES"
"""Environment variable: the folder ``node_modules`` that ``make cql`` fills."""
PACKAGES: Final = ("@cqframework/cql", "cql-exec-fhir", "cql-execution")
_RUNNER: Final = Path(__file__).parent / "cql" / "run.mjs"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything on record about one person, the day for which is asked, and the tables that could not be read."""

    patient: str
    resources: tuple[Json, ...]
    as_of: date
    not_loaded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many cells (a fact or a rule, for a person) were compared, what differs, and which answers each rule gave."""

    cells: int
    differences: tuple[str, ...]
    answers: Mapping[str, frozenset[bool | None]]


def why_not() -> str:
    """Why the engines cannot run here; empty if they can."""
    if shutil.which("node") is None:
        return "Node.js is not installed"
    folder = os.environ.get(MODULES)
    if not folder:
        return f"{MODULES} does not name the folder of the npm packages; make cql installs them and runs these tests"
    missing = [name for name in PACKAGES if not (Path(folder) / name).is_dir()]
    return f"{folder} lacks {', '.join(missing)}: make cql installs them" if missing else ""


def charts(resources: Iterable[Json], as_of: date) -> list[Chart]:
    """The newest version of each resource, by patient, as a FHIR server would have them. Resources of nobody are left out."""
    newest: dict[str, tuple[Version, str, Json]] = {}
    for resource in resources:
        patient = resource["id"] if resource["resourceType"] == "Patient" else subject_of(resource)
        key = f"{resource['resourceType']}/{resource['id']}"
        version = map_resource(resource, Quarantine()).version
        if key not in newest or version >= newest[key][0]:
            newest[key] = version, patient or "", resource
    found: dict[str, list[Json]] = {r["id"]: [] for _, _, r in newest.values() if r["resourceType"] == "Patient"}
    for _, patient, resource in newest.values():
        if patient in found:
            found[patient].append(resource)
    return [Chart(patient, tuple(resources), as_of) for patient, resources in found.items()]


def compare(program: Program, people: Sequence[Chart], folder: Path) -> Comparison:
    """The CQL engines against the reference engine, cell by cell. Both read the same resources; a household is one chart to both."""
    theirs = _run(program, people, folder)
    cells = 0
    different: list[str] = []
    answers: dict[str, set[bool | None]] = {rule: set() for rule in program.rules}
    for chart in people:
        record = records_from_resources(chart.resources, chart.patient, chart.not_loaded)
        (evaluation,) = ReferenceEngine().evaluate(program, [record], chart.as_of)
        ours: dict[str, Value] = {**evaluation.facts, **evaluation.answers}
        for name, value in ours.items():
            cells += 1
            other = theirs[evaluation.patient][name]
            if not same(value, other):
                different.append(f"{evaluation.patient}, {name}: reference {value!r}, CQL {other!r}")
        for rule in program.rules:
            answers[rule].add(evaluation.answers[rule])
    return Comparison(cells, tuple(different), {rule: frozenset(found) for rule, found in answers.items()})


def _run(program: Program, people: Sequence[Chart], folder: Path) -> dict[str, dict[str, Value]]:
    folder.mkdir(parents=True, exist_ok=True)
    names = [*(fact.name for fact in program.facts), *(derived.name for derived in program.derived)]
    paths = {name: str(folder / name) for name in ("library.cql", "people.ndjson", "answers.ndjson", "job.json")}
    Path(paths["library.cql"]).write_text(library_text(program, "Compared", "1.0.0", {}), encoding="utf-8")
    Path(paths["people.ndjson"]).write_text("".join(map(_line, people)), encoding="utf-8")
    job = {"library": paths["library.cql"], "people": paths["people.ndjson"], "out": paths["answers.ndjson"]}
    Path(paths["job.json"]).write_text(json.dumps(job | {"names": names}), encoding="utf-8")
    done = subprocess.run(["node", str(_RUNNER), paths["job.json"]], capture_output=True, text=True, check=False)  # noqa: S607 node is wherever it was installed
    assert done.returncode == 0, done.stderr
    return {row["patient"]: dict(_typed(row["values"])) for row in map(json.loads, Path(paths["answers.ndjson"]).read_text().splitlines())}


def _line(chart: Chart) -> str:
    line = {"patient": chart.patient, "resources": chart.resources, "as_of": str(chart.as_of), "not_loaded": sorted(chart.not_loaded)}
    return json.dumps(line) + "\n"


def _typed(values: Json) -> Iterator[tuple[str, Value]]:
    """JSON writes 2.0 as 2: every number is a Decimal in CQL."""
    for name, value in values.items():
        yield name, float(value) if isinstance(value, int) and not isinstance(value, bool) else value
