"""The files of a load, each by the road that is fastest for it: several at once, each in a process of its own.

What a process makes of a file are files again (Parquet, in the working folder of the load) and an account.
"""

import io
import os
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import connection as pipes
from multiprocessing import get_context, parent_process
from multiprocessing.util import Finalize
from pathlib import Path
from threading import Thread
from typing import Final, cast

import duckdb
import orjson

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.files import LINES, MAX_LINE, Gone, named_type, read_file
from fhir_adapters.lines import Flaw, bounded_lines, opened
from fhir_adapters.mapping import READ_TYPES, Outcome
from fhir_adapters.quarantine import Quarantine, joined
from fhir_adapters.report import Part, Report
from fhir_adapters.warehouse.columns import KINDS
from fhir_adapters.warehouse.ingest.blocks import blocks
from fhir_adapters.warehouse.ingest.descriptions import DESCRIPTIONS
from fhir_adapters.warehouse.ingest.fast import EachLine, FastRoad, Limits, Roads
from fhir_adapters.warehouse.ingest.lines import Reader
from fhir_adapters.warehouse.ingest.patterns import Patterns
from fhir_adapters.warehouse.ingest.plain import NotKept, PlainLines, deleted_of
from fhir_adapters.warehouse.ingest.sieve import sieve_of
from fhir_adapters.warehouse.ingest.statements import of_passed
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.staging import PASSED, Halves, Rows, Stage, set_aside
from fhir_adapters.warehouse.views import MEMORY, connect

PLACES: Final = 1 << 47
"""Places in the order of reading that one file has."""
_SHARE: Final = 1 << 24
"""Bytes that take longer to read than a process to start."""
_PACKED: Final = 8
"""So many times as long are files of FHIR resources unpacked, at the least."""
_LAST: Final = -1000
"""After everything else that `multiprocessing` does in a process that ends."""
_TYPE: Final = re.compile(r"[A-Za-z]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read."""

    fast_from: int = 1 << 18
    """Bytes of a file, unpacked, from which a road of its own is worth its while."""
    processes: int = 0
    """Files that are read at once; 0: as many as pay."""
    most: int = field(default_factory=lambda: os.cpu_count() or 1)
    """Processes that may pay: no more than this."""
    memory: str = MEMORY
    """Of DuckDB, for each file that is read at once."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Input:
    """A file, its account, and what was deleted since."""

    file: Path
    part: Part
    gone: Gone
    sha256: str = ""
    """Of its bytes, if that is known."""


@dataclass(frozen=True, slots=True)
class Job:
    """What another process has to know of a file."""

    file: Path
    name: str
    part: Part
    part_no: int
    gone: Gone
    place: int
    folder: Path
    salt: bytes
    household_key: bytes
    needed: Needed | None
    reading: Reading
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Staged:
    """What became of a file."""

    part: Part
    refused: Quarantine
    noted: Quarantine
    types: frozenset[str]
    rows: dict[str, list[Rows]]
    halves: Halves = field(default_factory=Halves)


Ahead = Callable[[Job, duckdb.DuckDBPyConnection], Staged | None]
"""What was staged of a file before; ``None``: it is to be read."""


def read_files(inputs: Sequence[Input], stage: Stage, reading: Reading, ahead: Ahead = lambda job, connection: None) -> set[str]:
    """Stage everything in the files; the resource types that they are named after, if they are line-wise.

    The order of the files is the order of reading. Raises `SourceUnreadable`.
    """
    named, jobs = set(), []
    first = stage.part_no(inputs[0].part) if inputs else 0
    for number, given in enumerate(inputs, first):
        stage.ordinal = number * PLACES
        name = type_of_lines(given.file, reading)
        if name:
            jobs.append(_job(given, name, number, stage, reading))
            named.add(named_type(given.part))
        else:
            named |= read_file(given.file, given.part, stage, given.gone)
    stage.ordinal = (first + len(inputs)) * PLACES
    before = {job.part_no: ahead(job, stage.connection) for job in jobs}
    with closing(_all_staged([job for job in jobs if not before[job.part_no]], reading, stage.folder)) as read:
        for job in jobs:
            _take(before[job.part_no] or next(read), stage.report.parts[job.part_no], stage)
    return named


def type_of_lines(file: Path, reading: Reading) -> str:
    """The type of the resources in a long file of lines, as its first line says; else empty."""
    try:
        if not is_long(file.name, file.stat().st_size, reading):
            return ""
        with opened(file) as stream:
            line = next(bounded_lines(stream, MAX_LINE), Flaw.BROKEN)
        first = None if isinstance(line, Flaw) else orjson.loads(line.content)
    except (OSError, orjson.JSONDecodeError):
        return ""
    name = first.get("resourceType") if isinstance(first, dict) else None
    return name if isinstance(name, str) and _TYPE.fullmatch(name) and name != "Bundle" else ""


def is_long(name: str, size: int, reading: Reading) -> bool:
    """Whether a file of so many bytes on the disk holds lines, and so many that it pays to read them apart from other files."""
    return name.endswith(LINES) and _unpacked(name, size) >= reading.fast_from


def _unpacked(name: str, size: int) -> int:
    return size * (_PACKED if name.endswith((".gz", ".zst")) else 1)


def _job(given: Input, name: str, number: int, stage: Stage, reading: Reading) -> Job:
    here = stage.folder / f"part-{number}"
    place, keys = number * PLACES, (stage.salt, stage.household_key)
    return Job(given.file, name, given.part, number, given.gone, place, here, *keys, stage.needed, reading, given.sha256)


def _all_staged(jobs: Sequence[Job], reading: Reading, folder: Path) -> Generator[Staged]:
    processes = min(reading.processes or min(_worth_while(jobs), reading.most), len(jobs))
    if processes > 1:
        with ProcessPoolExecutor(processes, get_context("spawn"), begin, (folder, reading.memory)) as pool:
            yield from pool.map(_staged_here, jobs)
    elif jobs:
        with _database(folder, reading.memory) as connection:
            yield from (staged_from(job, connection) for job in jobs)


def _worth_while(jobs: Sequence[Job]) -> int:
    """How many processes pay, each of which has to be started: the largest file keeps one busy, the rest is shared among the others."""
    sizes = sorted(_unpacked(job.file.name, job.file.stat().st_size) for job in jobs)
    return 1 + sum(sizes[:-1]) // _SHARE


def _database(folder: Path, memory: str) -> duckdb.DuckDBPyConnection:
    """For one file after another: to open one costs as much as some ten thousand lines."""
    spill = folder / f"process-{os.getpid()}"
    spill.mkdir()
    connection = connect(spill, memory)
    connection.execute("SET threads = 1; SET preserve_insertion_order = true; SET TimeZone = 'UTC'")
    return connection


HERE: Final[list[duckdb.DuckDBPyConnection]] = []
"""The database of a process that reads files for another one."""


def begin(folder: Path, memory: str) -> None:
    """In a process that is to read files for another one; ``folder``: for what is spilled."""
    _end_with_parent()
    HERE.append(_database(folder, memory))


def _staged_here(job: Job) -> Staged:
    return staged_from(job, HERE[0])


def _end_with_parent() -> None:
    """A process of a load that was killed is of no use to anybody. One that is done ends at once: freed at the end of the interpreter,
    DuckDB's objects would make it complain on the terminal.
    """
    Finalize(None, os._exit, args=(0,), exitpriority=_LAST)
    parent = parent_process()
    if parent is not None:
        Thread(target=lambda: (pipes.wait([parent.sentinel]), os._exit(1)), daemon=True).start()


def staged_from(job: Job, connection: duckdb.DuckDBPyConnection) -> Staged:
    """Read a file; ``connection`` is a database of which nobody else makes use. Raises `SourceUnreadable`."""
    job.folder.mkdir()
    report = Report([job.part])
    stage = Stage(connection, report, job.folder, job.salt, job.household_key, job.needed, ordinal=job.place, parts_before=job.part_no)
    plain = _plain_lines(job, stage)
    road = FastRoad(job.name, stage, job.part, job.gone, plain or _other_lines(job), job.reading.limits.batch)
    try:
        with opened(job.file) as stream:
            for block in blocks(cast(io.BufferedIOBase, stream), job.reading.limits.block, job.reading.limits.line):
                road.take(block)
        road.done()
    except OSError as error:
        raise SourceUnreadable(f"{job.file}: {error.strerror or 'cannot be read'}") from error
    stage.done()
    rows = {kind: [Rows((path,)) for path in _written(stage, kind)] for kind in (*KINDS, PASSED)}
    halves = Halves()
    if plain and plain.files:
        plain.patterns.forget()
        halves = Halves([Rows(tuple(plain.files))], [Rows(tuple(plain.patterns.files))])
    if plain and plain.passed:
        rows[PASSED].append(Rows(tuple(plain.passed), of_passed(job.name)))
    return Staged(job.part, report.quarantine, stage.noted, frozenset(stage.types), rows, halves)


def _plain_lines(job: Job, stage: Stage) -> PlainLines | None:
    """What takes the plain lines of a type that is kept."""
    description = DESCRIPTIONS.get(job.name)
    if not description or (job.needed and job.name in job.needed.spared):
        return None
    reader = Reader(job.name, description)
    patterns = Patterns(job.name, description, reader.texts, stage, job.part_no, job.reading.limits.least)
    return PlainLines(reader, patterns, job.gone, sieve_of(job.name, description, job.needed))


def _other_lines(job: Job) -> Roads:
    """For types without a description: the mapper reads them line by line, unless nothing of them is kept."""
    if job.needed is not None and job.name in job.needed.spared:
        return NotKept(job.name, Outcome.NOT_NEEDED, deleted_of(job.name, job.gone))
    return EachLine() if job.name in READ_TYPES else NotKept(job.name)


def _written(stage: Stage, kind: str) -> Iterator[Path]:
    """What the mapper staged."""
    if kind in stage.made:
        yield set_aside(stage.connection, f"FROM here_{kind}", stage.folder / f"{kind}.parquet")


def _take(staged: Staged, part: Part, stage: Stage) -> None:
    part.lines, part.entries, part.tally, part.cut_short = staged.part.lines, staged.part.entries, staged.part.tally, staged.part.cut_short
    stage.report.quarantine = joined(stage.report.quarantine, staged.refused)
    stage.noted = joined(stage.noted, staged.noted)
    stage.types |= staged.types
    for kind, rows in staged.rows.items():
        stage.elsewhere[kind] += rows
    stage.halves.add(staged.halves)
