"""What bringing an export into the warehouse costs: the fast road beside DuckDB's bare parse and orjson over the same bytes.

The files are made of resources that a template folder holds (``--files``; else of the synthetic population), each again and again with
new ids, so that a skeleton is as common as in a large export. CPU seconds of the process and its children, one core, variants interleaved
round by round; first the rows are compared with the mapper's.
*For the packs*: no more is kept than the shipped rules can look at, as a sweep does it. Memory is the greatest resident size of a process
that does nothing else. Read the ratios.
"""

import argparse
import gzip
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from random import Random
from statistics import median
from uuid import UUID

import duckdb
import orjson

from benchmarks.first_light import cpu, show
from fhir_adapters.files import Gone
from fhir_adapters.mapping import Outcome
from fhir_adapters.pulled import Deletions
from fhir_adapters.report import Report
from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.warehouse.ingest.files import Input, Reading, read_files
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.staging import Stage
from fhir_adapters.warehouse.views import connect
from plugin.sweep.needs import needed_by
from rules.pack import BUILT_IN, load_packs

AS_OF = date(2026, 6, 30)
ID = re.compile(rb'"id":"[^"]*"')
MAPPER, FAST = Reading(fast_from=1 << 60), Reading(processes=1)
CHILD = "import sys; from pathlib import Path; from benchmarks.ingest import child; child(Path(sys.argv[1]))"


def replicate(folder: Path, target: Path, megabytes: int) -> list[Path]:
    """About so many megabytes of the lines in ``folder``, each file in its share, with new ids."""
    target.mkdir()
    sources = {path.name.split(".")[0]: path for path in sorted(folder.glob("*.ndjson*"))}
    lines = {name: (gzip.open if path.suffix == ".gz" else open)(path, "rb").read().splitlines(True) for name, path in sources.items()}
    size = sum(map(len, (line for of_type in lines.values() for line in of_type)))
    draw = Random(1)  # noqa: S311 any ids do
    for name, of_type in lines.items():
        with (target / f"{name}.ndjson").open("wb") as file:
            for _ in range(max(1, round(megabytes * 1_000_000 / size))):
                file.writelines(ID.sub(b'"id":"%s"' % str(UUID(int=draw.getrandbits(128))).encode(), line, count=1) for line in of_type)
    return sorted(path for path in target.iterdir() if path.stat().st_size)


def stage(files: list[Path], reading: Reading, look: Callable[[Stage], object] = lambda _: None, needed: Needed | None = None) -> Report:
    """Read the files into staged rows; ``look`` sees them."""
    with tempfile.TemporaryDirectory() as name, connect(Path(name), "256MB") as connection:
        report = Report()
        held = Stage(connection, report, Path(name), b"benchmark", needed=needed)
        read_files([Input(file, report.part(file.name), Gone(Deletions())) for file in files], held, reading)
        held.done()
        held.join()
        look(held)
    return report


def rows_of(stage: Stage) -> list[tuple[object, ...]]:
    """A digest of what is staged, but for order and the resources' own digests."""
    found = []
    for kind in ("people", "events", "named"):
        query = f"SELECT count(*), sum(hash(s)::HUGEINT) FROM (SELECT * EXCLUDE (ordinal, content) FROM staged_{kind}) s"  # noqa: S608
        found += stage.connection.execute(query).fetchall()
    return found


def compare(files: list[Path]) -> str:
    """Stop unless both roads give the same rows; the share of lines that were mapped one by one."""
    for needed in (None, needed_by(load_packs(BUILT_IN))):
        seen: list[object] = []
        counts = [stage(files, reading, lambda held, to=seen: to.append(rows_of(held)), needed) for reading in (MAPPER, FAST)]
        assert seen[0] == seen[1], "the fast road does not give the mapper's rows"
        assert [part.tally for part in counts[0].parts] == [part.tally for part in counts[1].parts]
    return "same rows, same account as by the mapper alone"


def share(files: list[Path]) -> Iterator[tuple[str, int, int]]:
    """Of each file of a type that is kept: its name, its lines, and those that the mapper read one by one."""
    for file in files:
        patterned: list[int] = []

        def look(held: Stage, patterned: list[int] = patterned) -> None:
            if held.halves:
                patterned.extend(held.connection.execute(f"SELECT count(*) FROM {held.halves.together()} WHERE n = 0").fetchone() or ())  # noqa: S608

        (part,) = stage([file], FAST, look).parts
        lines = part.lines - part.total(Outcome.IGNORED)
        if lines:
            yield file.name, lines, lines - sum(patterned)


def bare(files: list[Path]) -> None:
    """DuckDB's parser, and nothing else."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SELECT count(*) FROM read_ndjson_objects($1)", [[str(file) for file in files]]).fetchall()


def loads(files: list[Path]) -> None:
    """orjson, and nothing else."""
    for file in files:
        with file.open("rb") as stream:
            for line in stream:
                orjson.loads(line)


def child(folder: Path) -> None:
    """In a process of its own: read everything; print the greatest resident size in MB."""
    import resource

    stage(sorted(folder.iterdir()), FAST)
    show(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2)))


def ratios(files: list[Path], count: int) -> Iterator[str]:
    """The tables."""
    size = sum(file.stat().st_size for file in files)
    works = {"bare parse": lambda: bare(files), "orjson.loads": lambda: loads(files), "fast road": lambda: stage(files, FAST)}
    needed = needed_by(load_packs(BUILT_IN))
    works["for the packs"] = lambda: stage(files, FAST, needed=needed)
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(count):
        for name, work in works.items():
            times[name].append(cpu(work))
    middle = {name: median(found) for name, found in times.items()}
    for name, found in times.items():
        rate = f"{size / middle[name] / 1e6:7.0f} MB/s/core ({size / max(found) / 1e6:.0f} to {size / min(found) / 1e6:.0f})"
        yield f"  {name:<14} {middle[name]:7.2f} s {rate}"
    for road in ("fast road", "for the packs"):
        plain, parsed = (middle[road] / middle[name] for name in ("bare parse", "orjson.loads"))
        yield f"  {road}: {plain:.1f} x bare parse (goal 5), {parsed:.2f} x orjson.loads (goal 1.5)"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=Path, help="a folder of <Type>.ndjson or .ndjson.gz to replicate")
    parser.add_argument("--types", nargs="*", default=[], help="only these")
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "orjson", "pyarrow"))
    show(f"{platform.machine()}, Python {platform.python_version()}, {libraries}; CPU seconds, one core, median of {options.rounds}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source: Path = options.files or folder / "people"
        if not options.files:
            write_ndjson(source, 2_000, 1, AS_OF)
        every = replicate(source, folder / "files", options.megabytes)
        files = [file for file in every if not options.types or file.stem in options.types]
        for file in {*every} - {*files}:
            file.unlink()
        show(f"{sum(file.stat().st_size for file in files) / 1e6:,.0f} MB in {len(files)} files: {compare(files)}")
        for line in ratios(files, options.rounds):
            show(line)
        found = list(share(files))
        for kind, lines, slow in found:
            show(f"  {kind:<32} {lines:>10,} lines, {slow / max(lines, 1):7.2%} by the mapper")
        show(f"  {sum(slow for _, _, slow in found) / sum(lines for _, lines, _ in found):.2%} of all lines by the mapper")
        ran = subprocess.run([sys.executable, "-c", CHILD, str(folder / "files")], capture_output=True, text=True, check=True)
        show(f"  peak memory {int(ran.stdout):,} MB")


if __name__ == "__main__":
    main()
