"""What the rules core costs: checking rules, one person on the reference engine, compiling for DuckDB; and how each cost grows.

CPU seconds of the whole process tree, median of the rounds ± (greatest less least), all in one run on one machine: read the ratios.
``almoner check`` reads every file, resolves every name, type, unit and code, builds every example's person, and runs all lints;
it does not run the examples (``almoner test`` does).
"""

import argparse
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import yaml

from benchmarks.first_light import rounds, show
from benchmarks.packs import write_pack
from fhir_adapters import read_directory
from fhir_adapters.synthetic import write_ndjson
from rules.engines import Engine, engine
from rules.engines.columnar.dialects.duckdb import DuckDB
from rules.engines.columnar.emit import Emitter
from rules.facts import Person, PersonRecord
from rules.ir import Program
from rules.pack import load_packs

AS_OF = date(2026, 6, 30)


def checking(sizes: Sequence[int], count: int) -> Iterator[str]:
    """``almoner check``, start of Python included, beside what libyaml's event stream alone costs for the same files."""
    for rules in sizes:
        for examples in (None, 4):
            with tempfile.TemporaryDirectory() as name:
                cases = write_pack(Path(name), rules, examples)
                files = [file.read_bytes() for file in Path(name).rglob("*.yaml")]
                command = [sys.executable, "-m", "plugin", "check", name]
                seconds, spread = rounds(partial(subprocess.run, command, check=True, capture_output=True), count)
                bare, _ = rounds(partial(_events, files), count)
            size = f"{rules:6,} rules, {cases:6,} examples, {sum(map(len, files)) / 1e6:5.2f} MB"
            yield f"  {size}: {seconds:6.2f} s ± {spread:.2f}, {seconds / rules * 1000:5.2f} ms a rule, {seconds / bare:4.1f} x libyaml"


def _events(files: Iterable[bytes]) -> None:
    for data in files:
        for _ in yaml.parse(data, Loader=yaml.CSafeLoader):
            pass


def bedside(sizes: Sequence[int], count: int) -> Iterator[str]:
    """The reference engine on one person after another, none seen before, as in a clinic."""
    reference = engine("reference")
    for rules in sizes:
        program = _program(rules)
        for events in (25, 100, 400):
            people = list(crowded(100, events))
            seconds, spread = (each / len(people) * 1000 for each in rounds(partial(_evaluate, reference, program, people), count))
            facts = len(program.facts) - len(program.twins)
            yield f"  {rules:4} rules, {facts:4} facts, {events:4} events a person: {seconds:7.3f} ms a person ± {spread:.3f}"


def compiling(sizes: Sequence[int], people: Sequence[int], count: int) -> Iterator[str]:
    """A pack as SQL: writing the statement, and all that DuckDB does with it for one person without events, and for more."""
    columnar = engine("columnar")
    for rules in sizes:
        program = _program(rules)
        emitted, spread = (each * 1000 for each in rounds(partial(_emit, program), count))
        seconds, apart = rounds(partial(_evaluate, columnar, program, [PersonRecord(Person("nobody"))]), count)
        size = f"{rules:4} rules: {len(_emit(program)) / 1000:6.1f} kB of SQL in {emitted:6.2f} ms ± {spread:.2f}"
        yield f"  {size}; compiled and answered for one person: {seconds:6.3f} s ± {apart:.3f}"
    program = _program(50)
    for number in people:
        records = list(crowded(number, 100))
        for name in ("reference", "columnar"):
            seconds, spread = rounds(partial(_evaluate, engine(name), program, records), count)
            rate = f"{number / seconds:7,.0f} people/s"
            yield f"  50 rules, {number:6,} people of 100 events, {name:<9}: {seconds:6.2f} s ± {spread:.2f}, {rate}"


def _evaluate(chosen: Engine, program: Program, people: Sequence[PersonRecord]) -> None:
    """Copies of the people, so that nothing is known of them from the round before."""
    assert len(list(chosen.evaluate(program, map(replace, people), AS_OF))) == len(people)


def _emit(program: Program) -> str:
    return Emitter(program, AS_OF, DuckDB()).statement()


def _program(rules: int) -> Program:
    with tempfile.TemporaryDirectory() as name:
        write_pack(Path(name), rules, 1)
        (pack,) = load_packs(Path(name))
    return pack.program


def crowded(people: int, events: int) -> Iterator[PersonRecord]:
    """People with exactly so many events: synthetic ones, each with the events of those who come next, until it is enough."""
    with tempfile.TemporaryDirectory() as name:
        write_ndjson(Path(name), people * (events // 8 + 2), 1, AS_OF)
        records = iter(read_directory(Path(name)).records)
    for _ in range(people):
        record = next(records)
        found = list(record.events)
        while len(found) < events:
            found += next(records).events
        yield replace(record, events=tuple(found[:events]), household=())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--rules", type=int, nargs="+", default=[50, 500, 2_000], help="sizes of the packs to check")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyyaml"))
    show(f"{platform.machine()}, Python {platform.python_version()}, {libraries}; CPU seconds, median of {options.rounds}")
    sections = (
        ("almoner check", checking(options.rules, options.rounds)),
        ("reference engine", bedside((10, 50, 200), options.rounds)),
        ("columnar engine", compiling((10, 50, 200), options.people, options.rounds)),
    )
    for title, lines in sections:
        show(f"{title}:")
        for line in lines:
            show(line)


if __name__ == "__main__":
    main()
