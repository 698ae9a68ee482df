"""What a sweep costs after a night on which few people changed, beside one that reads everything anew.

A population as a server exports it, swept once. Then so many in a hundred of the people have a new result, in a second export. From there
the same sweep twice: of what is new, and with ``--full``. CPU seconds of the command with all its processes, rounds taking turns, median
and range. Before speed, equality: every published file must be the same. Read the ratio.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from benchmarks.first_light import cpu, show
from benchmarks.packs import write_pack
from fhir_adapters.pulled import Pulled, PulledFile
from fhir_adapters.synthetic import population

FIRST, SECOND = date(2026, 6, 30), date(2026, 7, 1)
Json = dict[str, Any]


def export(folder: Path, number: int, resources: Iterable[Json], before: Pulled | None, at: date) -> Pulled:
    """The files of an export, and what counts in the folder with them."""
    lines: dict[str, list[bytes]] = defaultdict(list)
    for resource in resources:
        lines[resource["resourceType"]].append(orjson.dumps(resource) + b"\n")
    files = []
    for name, found in sorted(lines.items()):
        content, path = b"".join(found), f"{number:04}/{name}.1.ndjson"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        files.append(PulledFile(path, "output", name, number, len(content), len(found), hashlib.sha256(content).hexdigest()))
    times = dict.fromkeys(before.loaded if before else sorted(lines), f"{at}T06:00:00Z")
    pulled = Pulled((*(before.files if before else ()), *files), times, {}, everybody=True)
    pulled.write(folder)
    return pulled


def changed(folder: Path, share: float) -> list[Json]:
    """A later result of every so-many-th person who has one."""
    first: dict[str, Json] = {}
    for line in (folder / "0001" / "Observation.1.ndjson").read_bytes().splitlines():
        resource = orjson.loads(line)
        if "effectiveDateTime" in resource:
            first.setdefault(resource["subject"]["reference"], resource)
    some = list(first.values())[:: round(1 / share)]
    return [each | {"id": f"{each['id']}-later", "effectiveDateTime": "2026-06-30T09:00:00Z"} for each in some]


def sweep(folder: Path, state: Path, day: date, packs: Path, *more: str) -> float:
    """CPU seconds of ``almoner sweep``."""
    options = ["--source", folder, "--state", state, "--as-of", day, "--packs", packs, "--processes", "1", "--other-counts"]
    command = [sys.executable, "-m", "plugin", "sweep", *map(str, options), *more]
    return cpu(lambda: subprocess.run(command, check=True, capture_output=True))


def published(state: Path) -> dict[str, str]:
    """File → hash of the current sweep."""
    folder = state / "sweeps" / (state / "CURRENT").read_text(encoding="ascii").strip()
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["people"] > 0
    return {name: said["sha256"] for name, said in manifest["files"].items()}


def steps(state: Path) -> str:
    """Wall seconds of the steps of the current sweep."""
    manifest = state / "sweeps" / (state / "CURRENT").read_text(encoding="ascii").strip() / "manifest.json"
    return ", ".join(f"{step['name']} {step['seconds']:.1f}" for step in json.loads(manifest.read_bytes())["steps"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--rules", type=int, default=0, help="a pack of so many rules; 0: the packs that come along")
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--heavy", type=int, default=1, help="every resource but the people so many times, older each time")
    options = parser.parse_args()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyarrow", "orjson"))
    show(
        f"{platform.machine()}, Python {platform.python_version()}, {libraries}, load {os.getloadavg()[0]:.1f}; median of {options.rounds}"
    )
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), options)


def measure(root: Path, options: argparse.Namespace) -> None:
    """One population."""
    from rules.pack import BUILT_IN

    folder, packs = root / "pulled", BUILT_IN
    if options.rules:
        packs = root / "pack"
        write_pack(packs, options.rules, examples=1)
    before = export(folder, 1, heavy(population(options.people, 1, FIRST), options.heavy), None, FIRST)
    megabytes = sum(file.bytes for file in before.files) / 1e6
    first = sweep(folder, root / "first", FIRST, packs)
    fresh = changed(folder, options.share)
    export(folder, 2, fresh, before, SECOND)
    show(f"{options.people:,} people, {megabytes:.1f} MB, {len(fresh):,} changed; first sweep {first:.1f} CPU s ({steps(root / 'first')})")
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        for how, more in (("new", ()), ("full", ("--full",))):
            state = shutil.copytree(root / "first", root / how, dirs_exist_ok=False)
            times[how].append(sweep(folder, state, SECOND, packs, *more))
        assert published(root / "new") == published(root / "full"), "what was published differs"
        told = [steps(root / how) for how in ("new", "full")]
        for how in ("new", "full"):
            shutil.rmtree(root / how)
    for how, said in zip(("new", "full"), told, strict=True):
        show(f"  {how:<5} {median(times[how]):7.2f} CPU s ({min(times[how]):.2f}–{max(times[how]):.2f})   [{said}]")
    show(f"  {median(times['new']) / median(times['full']):.3f} x a full sweep; every published file is the same")


def heavy(resources: Iterable[Json], times: int) -> Iterable[Json]:
    """The population with a longer past: copies that no window reaches, so that a person has as many resources as in a real export."""
    for resource in resources:
        yield resource
        if resource["resourceType"] == "Observation" and "effectiveDateTime" in resource:
            for number in range(1, times):
                year = 2020 - number % 15
                yield resource | {"id": f"{resource['id']}-{number}", "effectiveDateTime": f"{year}{resource['effectiveDateTime'][4:]}"}


if __name__ == "__main__":
    main()
