"""What evaluating a registry costs: people a second, beside reading the same people, and how it grows.

CPU seconds of one process on one core, DuckDB with one thread, median of the rounds; sizes and variants take turns. *Answers* is the
columnar pass over everybody, from the warehouse's files to the answers of every rule; *parts* says where its time goes. *Explained* is
the second pass, over those about whom something is to be said. Before speed, equality: the answers are held against the reference
engine's. Memory is the greatest resident size of a process that does nothing else. Read the ratios.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import orjson

from benchmarks.first_light import cpu, show
from benchmarks.packs import write_pack
from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.warehouse.bucket import buckets_of
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import read_warehouse
from plugin.sweep.listing import SHOWN
from plugin.sweep.needs import want
from rules.engines.columnar.standing import Standing, order_events
from rules.engines.reference import ReferenceEngine
from rules.evaluation import explained
from rules.pack import Pack, load_packs

AS_OF = date(2026, 6, 30)
AT = datetime(2026, 7, 1, tzinfo=UTC)
BUCKET = 20_000
"""People of one bucket, about, unless ``--bucket`` says otherwise."""
EXPLAINED = 500
"""So many people are explained, of those of whom something is to be said."""


class Parts:
    """CPU seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._at = time.process_time()

    def done(self, name: str) -> None:
        """What was done since the last part was called so."""
        now = time.process_time()
        self.seconds[name] += now - self._at
        self._at = now


def answers(root: Path, pack: Pack, bucket: int = BUCKET) -> Parts:
    """Every rule about everybody."""
    parts = Parts()
    with buckets_of(root, 1) as buckets:
        want(buckets, [pack])
        parts.done("opening")
        for low, high in buckets.cuts(bucket):
            buckets.open(low, high)
            parts.done("picking")
            order_events(buckets.connection)
            parts.done("ordering")
            Standing(buckets.connection, pack.program, AS_OF).counted()
            parts.done("answering")
    return parts


def explaining(root: Path, pack: Pack) -> tuple[float, int]:
    """CPU seconds to explain some people of the first bucket; how many."""
    with buckets_of(root, 1) as buckets:
        want(buckets, [pack])
        buckets.open(*buckets.cuts(BUCKET)[0])
        order_events(buckets.connection)
        standing = Standing(buckets.connection, pack.program, AS_OF)
        ids = sorted(standing.ids(pack.program.rules))[:EXPLAINED]
        started = time.process_time()
        records = buckets.records(ids)
        for evaluation in standing.evaluations(ids):
            list(explained(pack.program, records[evaluation.patient], AS_OF, evaluation, SHOWN))
        return time.process_time() - started, len(ids)


def check(root: Path, pack: Pack) -> int:
    """Hold the answers against the reference engine's; how many cells."""
    records = read_warehouse(root).records
    expected = {e.patient: e for e in ReferenceEngine().evaluate(pack.program, records, AS_OF)}
    cells = 0
    with buckets_of(root, 1) as buckets:
        want(buckets, [pack])
        for low, high in buckets.cuts(BUCKET):
            buckets.open(low, high)
            order_events(buckets.connection)
            ids = buckets.ids()
            for evaluation in Standing(buckets.connection, pack.program, AS_OF).evaluations(ids):
                assert evaluation == expected.pop(evaluation.patient), "the answers differ from the reference engine's"
                cells += len(evaluation.facts) + len(evaluation.answers)
    assert not expected
    return cells


def parsing(folder: Path) -> float:
    """CPU seconds of `orjson.loads` over every line."""
    lines = [line for file in sorted(folder.iterdir()) for line in file.read_bytes().splitlines()]
    return cpu(lambda: [orjson.loads(line) for line in lines])


def size(folder: Path, people: int, rules: list[int], count: int, bucket: int) -> Iterator[str]:
    """One population with packs of several sizes."""
    files, root = folder / "files", folder / "warehouse"
    files.mkdir()
    write_ndjson(files, people, 1, AS_OF)
    ingest = cpu(lambda: load_export(root, export_in(files, at=AT)))
    megabytes = sum(file.stat().st_size for file in files.iterdir()) / 1e6
    packs = {}
    for number in rules:
        write_pack(folder / f"pack-{number}", number, examples=1)
        (packs[number],) = load_packs(folder / f"pack-{number}")
    yield f"{people:,} people, {megabytes:.1f} MB: loading {ingest:.2f} s, orjson.loads {parsing(files):.2f} s"
    yield f"  {check(root, packs[rules[0]]):,} cells compared with the reference engine: 0 differ"
    times: dict[int, list[Parts]] = {number: [] for number in rules}
    for _ in range(count):
        for number, pack in packs.items():
            times[number].append(answers(root, pack, bucket))
    for number, found in times.items():
        totals = [sum(parts.seconds.values()) for parts in found]
        told = ", ".join(f"{name} {median(p.seconds[name] for p in found):.2f}" for name in found[0].seconds)
        rate = f"{people / median(totals):9,.0f} people/s/core, {median(totals) / ingest:.3f} x loading"
        yield f"  {number:>3} rules: {median(totals):6.2f} s ({min(totals):.2f}–{max(totals):.2f})  {rate}   [{told}]"
    seconds, people_told = explaining(root, packs[rules[0]])
    yield f"  explained, {rules[0]} rules: {1000 * seconds / people_told:.2f} ms a person"


def memory(folder: Path, people: int, bucket: int) -> str:
    """The greatest resident size of a process that sweeps."""
    command = [sys.executable, "-m", "benchmarks.sweep", "--child", str(folder), "--bucket", str(bucket)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"  memory, {people:,} people in buckets of {bucket:,}: {int(ran.stdout)} MB"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--rules", type=int, nargs="+", default=[50, 5, 200])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bucket", type=int, default=BUCKET)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        (pack,) = load_packs(options.child / f"pack-{options.rules[0]}")
        answers(options.child / "warehouse", pack, options.bucket)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        show(str(peak // (1024 if sys.platform == "linux" else 1024**2)))
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyarrow", "orjson"))
    load = os.getloadavg()[0]
    show(f"{platform.machine()}, Python {platform.python_version()}, {libraries}, load {load:.1f}; one core, median of {options.rounds}")
    for people in options.people:
        with tempfile.TemporaryDirectory() as name:
            for line in size(Path(name), people, options.rules, options.rounds, options.bucket):
                show(line)
            show(memory(Path(name), people, options.bucket))


if __name__ == "__main__":
    main()
