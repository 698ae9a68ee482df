"""Small towns that are swept, and what came of it."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from threading import Timer
from typing import Any

import orjson
from support.command_line import Ran, almoner_here
from support.databases import database_of

from fhir_adapters.synthetic import write_ndjson

FIRST = date(2026, 6, 30)
SECOND = date(2026, 7, 7)
_CHANGES_EACH_TIME = {"published", "steps", "warehouse", "files", "versions", "compared_with"}


def town(folder: Path, people: int = 60, seed: int = 58) -> Path:
    """People who do not exist, as a folder of FHIR files."""
    folder.mkdir(parents=True)
    write_ndjson(folder, people, seed, FIRST)
    return folder


def a_week_later(before: Path, folder: Path) -> Path:
    """The same town: some have a new measurement, some a newer version of an old one, and one has moved away."""
    shutil.copytree(before, folder)
    file = folder / "Observation.ndjson"
    lines = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    fresh = [line | {"id": f"{line['id']}-later", "effectiveDateTime": "2026-07-05"} for line in lines[::9] if "effectiveDateTime" in line]
    changed = [line | {"status": "entered-in-error"} if number % 11 == 0 else line for number, line in enumerate(lines)]
    people = [orjson.loads(line) for line in (folder / "Patient.ndjson").read_bytes().splitlines()]
    for name, resources in (("Observation", [*changed, *fresh]), ("Patient", people[:-1])):
        (folder / f"{name}.ndjson").write_bytes(b"".join(orjson.dumps(r, option=orjson.OPT_APPEND_NEWLINE) for r in resources))
    return folder


def sweep(source: Path, state: Path, day: date = FIRST, *more: str | Path, processes: int = 1) -> Ran:
    """``almoner sweep``, in this process."""
    arguments = ("--source", source, "--state", state, "--as-of", day.isoformat(), "--processes", str(processes), "--bucket", "25")
    return almoner_here("sweep", *arguments, *more)


def current(state: Path) -> Path:
    """The folder of the sweep that readers see."""
    return state / "sweeps" / (state / "CURRENT").read_text().strip()


def lines_of(file: Path) -> list[dict[str, Any]]:
    """The objects in a file of lines."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def contents(sweep: Path) -> dict[str, str]:
    """File → hash of what is published, and under ``manifest`` what it says that does not depend on when and how."""
    manifest: Mapping[str, Any] = json.loads((sweep / "manifest.json").read_text())
    lasting = {name: value for name, value in manifest.items() if name not in _CHANGES_EACH_TIME}
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sweep.iterdir() if path.name != "manifest.json"}
    assert files == {name: said["sha256"] for name, said in manifest["files"].items()}, "the sweep is not what its manifest says"
    return files | {"manifest": json.dumps(lasting, sort_keys=True)}


class Sweeps:
    """Starts sweeps, one after another, in a process that has everything imported."""

    def __init__(self, source: Path | str, root: Path, *more: str) -> None:
        paths = {"PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])}
        command = [sys.executable, "-m", "support.sweep_once", str(source), SECOND.isoformat(), *more]
        self._starter = subprocess.Popen(command, env=os.environ | paths, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Sweeps":
        return self

    def __exit__(self, *_: object) -> None:
        self._starter.communicate()

    def run(self, state: Path, touches: int = 0, seconds: float | None = None) -> int:
        """The exit code; -9 if it was killed: when it is about to change the disk for the so-many-th time, or after some seconds."""
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(f"{state} {database_of(state)} {touches}\n")
        self._starter.stdin.flush()
        fork = int(self._starter.stdout.readline())
        timer = Timer(seconds or 0, _kill, [fork])
        if seconds is not None:
            timer.start()
        ended = os.waitstatus_to_exitcode(int(self._starter.stdout.readline()))
        timer.cancel()
        return ended


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
