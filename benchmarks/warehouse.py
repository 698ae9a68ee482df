"""What the warehouse costs: a full load beside a pull of what changed for one person in a hundred, and how both grow.

CPU seconds of the process, median of the rounds; bytes are those of Parquet files that a load wrote. Memory is the greatest resident
size of a process that does nothing else, at one size and at several times that size. Read the ratios.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from statistics import median

import orjson

from benchmarks.first_light import cpu, rounds, show
from fhir_adapters import read_directory
from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.warehouse.assembly import Habits, Loaded
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import people_batches

AS_OF = date(2026, 6, 30)
FULL = datetime(2026, 7, 1, tzinfo=UTC)
GROWTH = (1, 5, 10, 20)
"""How many times the smallest population memory is measured at."""
CHILD = """
import resource, sys
from pathlib import Path
from datetime import UTC, datetime
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.read import people_batches
root, files, doing = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
if doing == "load":
    load_export(root, export_in(files, at=datetime(2026, 7, 1, tzinfo=UTC)), Habits(memory="128MB"))
else:
    sum(len(batch) for batch in people_batches(root, 1000))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2))
"""


def write_changes(full: Path, folder: Path, day: int) -> int:
    """One person in a hundred has each a new observation and an amended one; how many resources these are."""
    folder.mkdir()
    at, lines, seen = (FULL + timedelta(days=day)).isoformat(), [], set()
    with (full / "Observation.ndjson").open("rb") as file:
        for line in file:
            resource = orjson.loads(line)
            subject = resource["subject"]["reference"]
            if subject in seen or hash_of(subject) % 100 != day % 100:
                continue
            seen.add(subject)
            lines.append(resource | {"status": "amended", "meta": {"lastUpdated": at}})
            lines.append(resource | {"id": f"{resource['id']}-{day}", "meta": {"lastUpdated": at}})
    (folder / "Observation.ndjson").write_bytes(b"".join(orjson.dumps(r, option=orjson.OPT_APPEND_NEWLINE) for r in lines))
    return len(lines)


def hash_of(text: str) -> int:
    """Any number, the same in every run."""
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(text))


def written(loaded: Loaded) -> tuple[int, int]:
    """Bytes and files that a load wrote."""
    files = [file for file in loaded.snapshot.files if file.run == loaded.snapshot.number]
    return sum(file.bytes for file in files), len(files)


def loads(folder: Path, people: int, count: int) -> Iterator[str]:
    """A full load, the same again, and days on each of which one person in a hundred changes."""
    write_ndjson(folder / "files", people, 1, AS_OF)
    reading, _ = rounds(lambda: read_directory(folder / "files"), count)
    habits, results = Habits(rewrite_at=1.0), []
    full = median(
        cpu(lambda n=n: results.append(load_export(folder / f"w{n}", export_in(folder / "files", at=FULL), habits))) for n in range(count)
    )
    size, files = written(results[0])
    yield f"  full load           {full:7.2f} s, {full / reading:.1f} x reading the folder; {size / 1e6:8.2f} MB in {files} files"
    again = cpu(lambda: results.append(load_export(folder / "w0", export_in(folder / "files", at=FULL + timedelta(hours=1)), habits)))
    yield f"  the same again      {again:7.2f} s, {again / full:.2f} x the full load; {written(results[-1])[0] / 1e6:8.2f} MB"
    times, sizes, number = [], [], 0
    for day in range(1, count + 1):
        number = write_changes(folder / "files", folder / f"day{day}", day)
        pull = export_in(folder / f"day{day}", at=FULL + timedelta(days=day), since=FULL + timedelta(days=day - 1))
        times.append(cpu(lambda pull=pull: results.append(load_export(folder / "w0", pull, habits))))
        sizes.append(written(results[-1]))
    day_size, day_files = sizes[-1]
    total = sum(part.lines for part in results[0].report.parts)
    yield f"  1 % of people change {median(times):6.2f} s, {median(times) / full:.3f} x the full load ({number:,} resources of {total:,});"
    yield f"                      {day_size / 1e6:.2f} MB in {day_files} files, {day_size / size:.3f} x the full load"
    read, _ = rounds(lambda: sum(len(batch) for batch in people_batches(folder / "w0")), count)
    yield f"  read everybody      {read:7.2f} s, {read / reading:.2f} x reading the folder"


def memory(folder: Path, people: int) -> Iterator[str]:
    """The greatest resident size at one size and at several times that."""
    yield f"  {'people':>10} {'load':>8} {'read':>8}"
    for times in GROWTH:
        files, root = folder / f"files{times}", folder / f"w{times}"
        write_ndjson(files, people * times, 1, AS_OF)
        peaks = [
            int(subprocess.run([sys.executable, "-c", CHILD, root, files, doing], capture_output=True, text=True, check=True).stdout)
            for doing in ("load", "read")
        ]
        yield f"  {people * times:>10,} {peaks[0]:>5} MB {peaks[1]:>5} MB"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyarrow"))
    show(f"{platform.machine()}, Python {platform.python_version()}, {libraries}; CPU seconds, median of {options.rounds}")
    for people in options.people:
        show(f"{people:,} people:")
        with tempfile.TemporaryDirectory() as name:
            for line in loads(Path(name), people, options.rounds):
                show(line)
    show("memory, with 128 MB for DuckDB:")
    with tempfile.TemporaryDirectory() as name:
        for line in memory(Path(name), options.people[0]):
            show(line)


if __name__ == "__main__":
    main()
