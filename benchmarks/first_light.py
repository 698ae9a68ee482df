"""What the first path costs: reading FHIR, the three engines, starting the command. ``make bench`` prints it.

Everything is measured side by side in one run, as CPU seconds of the whole process tree, median of the rounds; read the ratios.
"""

import argparse
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

import orjson

from fhir_adapters import read_directory
from fhir_adapters.synthetic import write_ndjson
from rules.engines import engine
from rules.facts import PersonRecord
from rules.pack import BUILT_IN, load_packs

AS_OF = date(2026, 6, 30)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of ``work`` in this process and the children it waited for."""

    def used() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(u.ru_utime + u.ru_stime for u in both)

    before = used()
    work()
    return used() - before


def rounds(work: Callable[[], object], count: int) -> tuple[float, float]:
    """Median and spread (greatest less least) of several rounds."""
    times = [cpu(work) for _ in range(count)]
    return median(times), max(times) - min(times)


def reading(folder: Path, people: int, count: int) -> Iterator[str]:
    """Reading and mapping, beside what only parsing the JSON costs."""
    lines = [line for file in sorted(folder.iterdir()) for line in file.read_bytes().splitlines()]
    parse, _ = rounds(lambda: [orjson.loads(line) for line in lines], count)
    read, spread = rounds(lambda: read_directory(folder), count)
    rate = f"{len(lines) / read:,.0f}/s, {read / parse:.1f} x orjson"
    yield f"read and map {people:,} people, {len(lines):,} resources: {read:.2f} s ± {spread:.2f}, {rate}"


def engines(records: list[PersonRecord], count: int) -> Iterator[str]:
    """All answers for all people by each engine."""
    (pack,) = load_packs(BUILT_IN)
    for name in ("reference", "columnar", "durable"):

        def evaluate(name: str = name) -> None:
            chosen = engine(name)
            assert len(list(chosen.evaluate(pack.program, records, AS_OF))) == len(records)
            chosen.close()

        seconds, spread = rounds(evaluate, count)
        yield f"  {name:<10} {seconds:7.2f} s ± {spread:.2f}   {len(records) / seconds:9,.0f} people/s"


def starting(count: int) -> Iterator[str]:
    """``almoner --help`` beside importing click."""

    def run(*arguments: str) -> tuple[float, float]:
        return rounds(lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True), count)

    shown, spread = run("-m", "plugin", "--help")
    bare, _ = run("-c", "import click")
    yield f"almoner --help: {shown:.3f} s ± {spread:.3f}, {shown / bare:.2f} x 'import click'"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[1_000, 5_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "durable-rules", "orjson", "pyyaml"))
    show(f"{platform.machine()}, Python {platform.python_version()}, {libraries}; CPU seconds, median of {options.rounds}")
    for line in starting(options.rounds + 2):
        show(line)
    for people in options.people:
        with tempfile.TemporaryDirectory() as name:
            write_ndjson(Path(name), people, 1, AS_OF)
            for line in reading(Path(name), people, options.rounds):
                show(line)
            records = read_directory(name).records
        show(f"evaluate 5 rules over {people:,} people, {sum(len(r.events) for r in records):,} events:")
        for line in engines(records, options.rounds):
            show(line)


def show(line: str) -> None:
    """One line, at once: a long run shows how far it is."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
