"""Bytes to flags, beside programs of others: cql-execution (npm) and fhir4ds-v2 (PyPI), on the same people and equivalent rules.

Two sets of rules. *Exported*: the shipped ones in fifty variants, three-valued, over records as flawed as real ones; the CQL is what
our own exporter makes of them. *Plain*: fifty that both peers can say, in the CQL that suits each, over what two-valued logic reads as the
rules do (`benchmarks.peer_rules`, `benchmarks.peer_data.plain`). Before speed, equality: every answer about the peer's people is compared;
of exported rules yes, no and unknown, of plain ones who is flagged.

A program is a whole process on one core, from files to files; CPU seconds with all its children, median of the rounds, programs taking
turns. Starting (the runtime, the translation of the rules) is what one person costs; *a person* is the rest by the other people. A peer
gets fewer people than Almoner, as many as it can do. The row *Almoner* reads, answers, and writes the answers; ``almoner sweep``
explains and publishes besides. The peers are installed into a folder of their own, which ``--installed`` names and keeps, and called as
processes. Read the ratios.
"""

import argparse
import json
import os
import platform
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.first_light import show
from benchmarks.packs import write_pack
from benchmarks.peer_data import SEED, People, write_people
from benchmarks.peer_programs import (
    CQL_PACKAGES,
    FHIR4DS,
    Answers,
    Cost,
    Program,
    almoner,
    almoner_sweep,
    cql_execution,
    cql_modules_in,
    fhir4ds,
    fhir4ds_in,
)
from benchmarks.peer_rules import CQL_EXECUTION as CQL_SPELLING
from benchmarks.peer_rules import FHIR4DS as FHIR4DS_SPELLING
from benchmarks.peer_rules import library, write_plain_pack
from rules.cql import library_text
from rules.pack import Pack, load_packs

OF_HOUSEHOLDS = ("damp-home-child-prevent",)
"""Others read one chart at a time, to which what the rest of a household has is unknown."""
GOALS = {"cql-execution": 300, "fhir4ds-v2": 50}


@dataclass(frozen=True, slots=True)
class Entry:
    """A program and those about whom it is asked."""

    program: Program
    people: People


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU seconds, MB and bytes of one program."""

    whole: Sequence[Cost]
    starting: Sequence[Cost]
    people: People

    @property
    def started(self) -> float:
        """CPU seconds for one person."""
        return median(cost.cpu for cost in self.starting)

    def each(self) -> list[float]:
        """Of each round, CPU seconds for one person more."""
        return [(cost.cpu - self.started) / (self.people.count - 1) for cost in self.whole]

    @property
    def person(self) -> float:
        """CPU seconds for one person more."""
        return median(self.each())

    @property
    def all_in(self) -> float:
        """CPU seconds of the whole program by people."""
        return median(cost.cpu for cost in self.whole) / self.people.count


def compare(ours: Answers, theirs: Answers, people: int, *, exact: bool) -> str:
    """Stop unless all of the peer's people are there, and it says of each what we say; how many cells there were."""
    assert len(theirs) == people, f"answers about {len(theirs)} people instead of {people}"
    said: Counter[bool | None] = Counter()
    for patient, values in theirs.items():
        for rule, mine in ours[patient].items():
            said[mine] += 1
            other = values[rule]
            same = mine is other if exact else (mine is True) == (other is True)
            assert same, f"{patient}, {rule}: {mine} here, {other} there"
    told = ", ".join(f"{name} {said[value]:,}" for name, value in (("yes", True), ("no", False), ("unknown", None)))
    return f"{said.total():,} answers about {people:,} people: 0 differ from Almoner's ({told})"


def measure(entries: Sequence[Entry], one: People, folder: Path, rounds: int, *, exact: bool) -> Iterator[str | Mapping[str, Measured]]:
    """Each program for its people and for one, taking turns: what was compared in the first round, and at last what it cost."""
    whole: dict[str, list[Cost]] = {entry.program.name: [] for entry in entries}
    starting: dict[str, list[Cost]] = {entry.program.name: [] for entry in entries}
    ours: Answers = {}
    for number in range(rounds):
        for entry in entries:
            program = entry.program
            starting[program.name].append(program.run(one, folder / "run"))
            whole[program.name].append(program.run(entry.people, folder / "run"))
            if number == 0 and program.answers:
                found = program.answers(folder / "run")
                if ours:
                    yield f"  {program.name}: {compare(ours, found, entry.people.count, exact=exact)}"
                ours = ours or found
    yield {e.program.name: Measured(whole[e.program.name], starting[e.program.name], e.people) for e in entries}


def table(measured: Mapping[str, Measured]) -> Iterator[str]:
    """A row for each program, then the ratios."""
    titles = ("people", 7), ("start s", 8), ("ms a person", 12), ("(range)", 19), ("people/s/core", 14), ("MB/s/core", 10), ("peak MB", 8)
    yield f"  {'':<14} {' '.join(f'{title:>{width}}' for title, width in titles)}"
    for name, found in measured.items():
        each, mine = sorted(found.each()), found.person
        spread = f"({1000 * each[0]:.2f} to {1000 * each[-1]:.2f})"
        rate = f"{1 / mine:14,.1f} {found.people.bytes / found.people.count / mine / 1e6:10.2f}"
        peak = max(cost.memory for cost in found.whole)
        yield f"  {name:<14} {found.people.count:>7,} {found.started:8.2f} {1000 * mine:12.3f} {spread:>19} {rate} {peak:8,.0f}"
    ours, *others = measured
    for name in others:
        if name not in GOALS:
            continue
        person, whole = (measured[name].person / measured[ours].person, measured[name].all_in / measured[ours].all_in)
        swept = measured[name].person / measured["almoner sweep"].person
        yield (
            f"  {name}: {person:,.0f} x Almoner's CPU for a person (goal {GOALS[name]}), {whole:,.0f} x with starting; "
            f"{swept:,.0f} x a whole sweep's"
        )


class Peers:
    """What could be had of the peers."""

    def __init__(self, folder: Path) -> None:
        self.modules, self.fhir4ds = cql_modules_in(folder / "cql-execution"), fhir4ds_in(folder / "fhir4ds")
        for name, found in (("cql-execution", self.modules), ("fhir4ds-v2", self.fhir4ds)):
            if isinstance(found, str):
                show(f"{name}: left out, {found}")

    @property
    def versions(self) -> str:
        """Of those that are there."""
        found = ["no CQL engine"]
        if isinstance(self.modules, Path):
            found = [f"{name} {json.loads((self.modules / name / 'package.json').read_bytes())['version']}" for name in CQL_PACKAGES]
        return ", ".join(found + [f"fhir4ds-v2 {FHIR4DS}"] * isinstance(self.fhir4ds, Path))

    def exported(self, pack: Pack) -> Iterator[Program]:
        """Those that can do what our exporter writes."""
        if isinstance(self.modules, Path):
            yield cql_execution(self.modules, library_text(pack.program, "Peers", "1.0.0", {}), pack.program.rules)

    def plain(self, pack: Pack) -> Iterator[Program]:
        """Those that can do what `benchmarks.peer_rules` writes."""
        rules = pack.program.rules
        if isinstance(self.modules, Path):
            yield cql_execution(self.modules, library(len(rules), CQL_SPELLING), rules)
        if isinstance(self.fhir4ds, Path):
            yield fhir4ds(self.fhir4ds, library(len(rules), FHIR4DS_SPELLING), rules)


def part(title: str, folder: Path, pack: Path, theirs: Sequence[Program], options: argparse.Namespace) -> None:
    """One set of rules."""
    exact = title == "exported"
    sizes = {
        "Almoner": options.people,
        "almoner sweep": options.people,
        "cql-execution": options.cql_people,
        "fhir4ds-v2": options.fhir4ds_people,
    }
    programs = [almoner(pack), *theirs, almoner_sweep(pack)]
    counts = {1, *(sizes[program.name] for program in programs)}
    people = {count: write_people(folder / str(count), count, only_plain=not exact) for count in sorted(counts)}
    most = people[options.people]
    show(
        f"{title}: {options.rules} rules; {most.count:,} people, {most.bytes / 1e6:,.0f} MB, {most.resources / most.count:.0f} resources "
        f"and {most.bytes / most.count / 1e3:.0f} kB a person"
    )
    entries = [Entry(program, people[sizes[program.name]]) for program in programs]
    for line in measure(entries, people[1], folder, options.rounds, exact=exact):
        for each in [line] if isinstance(line, str) else table(line):
            show(each)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--cql-people", type=int, default=30)
    parser.add_argument("--fhir4ds-people", type=int, default=150)
    parser.add_argument("--rules", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("exported", "plain"))
    parser.add_argument("--installed", type=Path, help="a folder in which the peers are, or into which they are installed and left")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    libraries = ", ".join(f"{name} {version(name)}" for name in ("almoner", "duckdb", "orjson", "pyarrow"))
    show(f"{platform.machine()}, {os.cpu_count()} cores, one used, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        peers = Peers(options.installed or root / "peers")
        show(f"Python {platform.python_version()}, {libraries}; {peers.versions}")
        show(f"seed {SEED}, median of {options.rounds}")
        if options.only != "plain":
            write_pack(root / "exported/pack", options.rules, examples=1, without=OF_HOUSEHOLDS)
            (pack,) = load_packs(root / "exported/pack")
            part("exported", root / "exported", root / "exported/pack", list(peers.exported(pack)), options)
        if options.only != "exported":
            (pack,) = load_packs(write_plain_pack(root / "plain/pack", options.rules))
            part("plain", root / "plain", root / "plain/pack", list(peers.plain(pack)), options)


if __name__ == "__main__":
    main()
