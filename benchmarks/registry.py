"""What a whole sweep costs as the registry grows, with one process and with several: ``almoner sweep``, from files to what is published.

``python -m benchmarks.registry --people 100000 1000000 --processes 1 2 [--heavy 25]``. The population is streamed into gzipped files of a
portion each, so that neither the program that writes them nor a file grows with it. *Wall* is what somebody waits; *CPU* that of the
command with all its processes; *memory* the greatest resident size of any one of them; *written* the folder of state afterwards. Sizes
and processes are compared in one run; what was published with one process must be the same, file by file, with several. Read the ratios.
"""

import argparse
import gzip
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from itertools import islice, pairwise
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from benchmarks.delta_sweep import heavy, published, steps
from benchmarks.first_light import show
from fhir_adapters.synthetic import population

AS_OF: Final = date(2026, 6, 30)
PORTION: Final = 100_000
"""Resources written at one time; one file of each type."""


class Run(NamedTuple):
    """One sweep, of the whole registry."""

    wall: float
    cpu: float
    megabytes: float


def write(folder: Path, people: int, times: int) -> tuple[int, int]:
    """Write the population; how many resources, and bytes before they were packed."""
    folder.mkdir()
    resources = heavy(population(people, 1, AS_OF), times)
    count = size = 0
    for number in range(sys.maxsize):
        lines: dict[str, list[bytes]] = defaultdict(list)
        for resource in islice(resources, PORTION):
            lines[resource["resourceType"]].append(orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE))
        if not lines:
            break
        for name, found in lines.items():
            content = b"".join(found)
            (folder / f"{name}.{number:05}.ndjson.gz").write_bytes(gzip.compress(content, compresslevel=1, mtime=0))
            count, size = count + len(found), size + len(content)
    return count, size


def sweep(source: Path, state: Path, processes: int) -> Run:
    """One ``almoner sweep`` into a new folder of state."""
    options = ["--source", source, "--state", state, "--as-of", AS_OF, "--processes", processes, "--other-counts"]
    with tempfile.TemporaryFile("w+") as told:
        started = time.perf_counter()
        child = subprocess.Popen([sys.executable, "-m", "plugin", "sweep", *map(str, options)], stdout=told, stderr=told)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        assert child.returncode == 0, told.read()
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2))


def size(root: Path, people: int, processes: list[int], times: int) -> Iterator[tuple[str, dict[int, Run]]]:
    """One population, with each number of processes; a line to show, and what was found so far."""
    source = root / "source"
    started = time.perf_counter()
    resources, plain = write(source, people, times)
    packed = sum(file.stat().st_size for file in source.iterdir())
    told = f"{resources / people:.0f} resources each, {plain / 1e6:,.0f} MB ({packed / 1e6:,.0f} MB packed)"
    yield f"{people:,} people, {told}; written in {time.perf_counter() - started:,.0f} s", {}
    runs: dict[int, Run] = {}
    first: dict[str, str] = {}
    for number in processes:
        state = root / "state"
        run = runs[number] = sweep(source, state, number)
        now = published(state)
        assert now == (first := first or now), "what was published differs"
        written = sum(file.stat().st_size for file in state.rglob("*") if file.is_file()) / 1e6
        rate = f"{people / run.cpu:,.0f} people/s/core, {plain / 1e6 / run.cpu:.1f} MB/s/core"
        line = f"  {number} at one time: {run.wall:8,.1f} s wall {run.cpu:8,.1f} s CPU  {rate}; memory {run.megabytes:,.0f} MB"
        yield f"{line}; written {written:,.0f} MB   [{steps(state)}]", runs
        shutil.rmtree(state)


def ratios(found: dict[int, dict[int, Run]]) -> Iterator[str]:
    """More people against fewer, more processes against one."""
    for fewer, more in pairwise(sorted(found)):
        for number in found[fewer].keys() & found[more].keys():
            one, other = found[fewer][number], found[more][number]
            told = f"wall {other.wall / one.wall:.2f} x, CPU {other.cpu / one.cpu:.2f} x, memory {other.megabytes / one.megabytes:.2f} x"
            yield f"{more:,} people against {fewer:,} ({more / fewer:g} x), {number} at one time: {told}"
    for people, runs in sorted(found.items()):
        for number in sorted(runs)[1:]:
            one, other = runs[min(runs)], runs[number]
            yield f"{people:,} people, {number} at one time against {min(runs)}: {one.wall / other.wall:.2f} x as fast"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--heavy", type=int, default=1, help="every dated Observation so many times, older each time; 25: 200 resources each"
    )
    options = parser.parse_args()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyarrow", "orjson"))
    cores, load = os.cpu_count(), os.getloadavg()[0]
    show(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {libraries}, load {load:.1f}")
    found: dict[int, dict[int, Run]] = {}
    for people in options.people:
        with tempfile.TemporaryDirectory() as name:
            for line, runs in size(Path(name), people, options.processes, options.heavy):
                show(line)
                found[people] = runs
    for line in ratios(found):
        show(line)


if __name__ == "__main__":
    main()
