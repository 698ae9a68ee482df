"""The programs that are compared: what each is called with, where it comes from, and how its answers are read.

Every one is a process of its own that begins with bytes on disk and ends with answers on disk. Nothing of a peer is imported here: its
own command or its documented entry is called, in a folder of its own where its package was installed.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.peer_data import People
from benchmarks.peer_rules import AS_OF

CQL_PACKAGES: Final = ("@cqframework/cql", "cql-exec-fhir", "cql-execution")
FHIR4DS: Final = "0.0.17"
_CQL: Final = Path(__file__).parent.parent / "tests/support/cql"
_INSTALL_SECONDS: Final = 600

Answers = Mapping[str, Mapping[str, bool | None]]
"""Person → rule → yes, no, or unknown."""


class Cost(NamedTuple):
    """What a process and those that it waited for have used."""

    cpu: float
    """Seconds."""
    wall: float
    """Seconds."""
    memory: float
    """MB that were resident at most in one process."""


@dataclass(frozen=True, slots=True)
class Program:
    """``command`` gives the arguments for some people and an empty folder; ``answers`` reads what it left in that folder."""

    name: str
    command: Callable[[People, Path], Sequence[str]]
    answers: Callable[[Path], Answers] | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, people: People, folder: Path) -> Cost:
        """Run it once.

        Raises:
            RuntimeError: it failed; with the end of what it said.
        """
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command, said = self.command(people, folder), folder / "said.log"
        with said.open("wb") as log:
            started = time.monotonic()
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | self.env)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{self.name} failed: {said.read_text(errors='replace')[-1500:]}")
        unit = 1024 if sys.platform == "linux" else 1024**2
        return Cost(used.ru_utime + used.ru_stime, time.monotonic() - started, used.ru_maxrss / unit)


def almoner(pack: Path) -> Program:
    """Read into a warehouse, answer every rule about everybody, write every answer."""

    def command(people: People, folder: Path) -> Sequence[str]:
        return [sys.executable, "-m", "benchmarks.peer_answers", *map(str, (people.folder, pack, folder))]

    return Program("Almoner", command, lambda folder: _by_person(folder / "answers.ndjson"))


def almoner_sweep(pack: Path) -> Program:
    """As operators run it: with evidence of everybody of whom something is to be said, the worklist, all published."""

    def command(people: People, folder: Path) -> Sequence[str]:
        options = {"--source": people.folder, "--state": folder / "state", "--as-of": AS_OF, "--packs": pack, "--processes": 1}
        return [sys.executable, "-m", "plugin", "sweep", "--other-counts", *(str(part) for pair in options.items() for part in pair)]

    return Program("almoner sweep", command)


def cql_execution(modules: Path, library: str, rules: Sequence[str]) -> Program:
    """The engine of the npm packages in ``modules``, as the tests run it: one person after another."""

    def command(people: People, folder: Path) -> Sequence[str]:
        (folder / "library.cql").write_text(library, encoding="utf-8")
        job = {"library": folder / "library.cql", "people": people.charts, "out": folder / "answers.ndjson"}
        said = {name: str(path) for name, path in job.items()} | {"names": list(rules)}
        (folder / "job.json").write_text(json.dumps(said), encoding="utf-8")
        return ["node", str(_CQL / "run.mjs"), str(folder / "job.json")]

    return Program(
        "cql-execution", command, lambda folder: _by_person(folder / "answers.ndjson"), {"ALMONER_CQL_NODE_MODULES": str(modules)}
    )


def fhir4ds(executable: Path, library: str, rules: Sequence[str]) -> Program:
    """Its command for quality measures, which writes what every definition says of everybody."""

    def command(people: People, folder: Path) -> Sequence[str]:
        (folder / "peers.cql").write_text(library, encoding="utf-8")
        (folder / "peers.json").write_text(json.dumps(_measure(rules[0])), encoding="utf-8")
        options = {
            "--measure": folder / "peers.json",
            "--cql": folder / "peers.cql",
            "--source": people.folder,
            "--source-type": "directory",
            "--period": f"{AS_OF}:{AS_OF}",
            "--definitions": "all",
            "--definition-format": "json",
            "--output": folder / "out",
        }
        return [str(executable), "dqm", "run", *(str(part) for pair in options.items() for part in pair)]

    return Program("fhir4ds-v2", command, _definitions)


def _by_person(path: Path) -> Answers:
    return {row["patient"]: row["values"] for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def _definitions(folder: Path) -> Answers:
    """Its names of columns have no hyphens."""
    (found,) = (folder / "out").glob("*/definitions.json")
    rows = json.loads(found.read_text(encoding="utf-8"))
    return {row.pop("patient_id"): {name.replace("_", "-"): value for name, value in row.items()} for row in rows}


def _measure(rule: str) -> dict[str, object]:
    """The command wants a Measure; which rule it names does not matter, as all definitions are written."""
    system = "http://terminology.hl7.org/CodeSystem/measure-population"
    criteria = {"language": "text/cql-identifier", "expression": rule}
    initial = {"code": {"coding": [{"system": system, "code": "initial-population"}]}, "criteria": criteria}
    library = ["http://example.org/Library/Peers"]
    measure = {"resourceType": "Measure", "url": "http://example.org/Measure/peers", "status": "active", "library": library}
    return measure | {"group": [{"population": [initial]}]}


def cql_modules_in(folder: Path) -> Path | str:
    """The npm packages, in the versions that the tests pin, installed into ``folder`` unless they are there; else why not."""
    modules = folder / "node_modules"
    if not shutil.which("node") or not shutil.which("npm"):
        return "no Node.js and npm here"
    if not all((modules / name).is_dir() for name in CQL_PACKAGES):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_CQL / name, folder)
        if not _installs(["npm", "ci", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel=error"]):
            return "npm could not install it"
    return modules


def fhir4ds_in(folder: Path) -> Path | str:
    """Its command, installed into an environment of its own in ``folder`` unless it is there; else why not."""
    command = folder / "bin/fhir4ds"
    if not command.exists():
        made = _installs([sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        if not made or not _installs([*pip, f"fhir4ds-v2[measures]=={FHIR4DS}"]):
            return "pip could not install it"
    return command


def _installs(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=_INSTALL_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
