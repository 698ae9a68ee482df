"""What a hook call costs under load: tokens, fifty rules, two engines and the ledger, against services that do nothing.

``python -m benchmarks.cds_hooks [--server gunicorn --server granian] [--database URL] [--algorithm RS384] [--short]``. A closed loop:
each of 1, 8 or 32 connections sends its next call when the last one is answered, so that the servers are always as busy as they can be.
Every call is about another person and has a token of its own, signed before the clock starts. All servers run at one time and are
called in turn, round by round; figures are medians of the rounds, with the lowest and the highest in brackets. CPU is that of all
processes of a server. Read the ratios: the machine has other work too.

Three times are told of our calls. *As seen*: from the first byte of the request to the last of its answer, as the caller measures it,
its own waiting for the CPU included. *Own time*: what the answer says of itself (``total`` in ``Server-Timing``), from the moment when the
whole body is there until the answer is handed to the server, **waiting in line for earlier calls included** (``wait``), and the checking of
the token, which comes before the body is read. *Work* is own time without the wait. What lies between own time and the time as seen is the
server (gunicorn), the sockets, and the caller; the echo has these too, and so its 95th percentile is told and subtracted as well.
Only calls that were answered (200) count among our times; those turned away (503) are told apart.
"""

import argparse
import os
import platform
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from statistics import median, quantiles
from typing import Final, NamedTuple

import orjson

from benchmarks import serving
from benchmarks.hook_calls import AS_OF, ISSUER, RESOURCES, Calls
from benchmarks.loading import Loop, closed_loop
from benchmarks.packs import write_pack
from benchmarks.serving import Server, free_port, running
from plugin.serve import SPARE_THREADS
from plugin.settings import CdsSettings
from plugin.store import open_store
from plugin.store.versions import migrate

CONCURRENCY: Final = (1, 8, 32)
RULES: Final = 50
CHEAPER: Final = 5
"""The services that do nothing get so many times the calls, to be busy for as long."""
GOAL: Final = 50.0
"""Milliseconds of own time at the 95th percentile of eight at one time."""
GOAL_AWAY: Final = 100.0
"""Milliseconds at the 95th percentile in which calls that are too many are turned away."""
ECHO: Final = "Flask echo, gunicorn"
_PLACES: Final = CdsSettings().calls_at_once + SPARE_THREADS
"""Threads of a process: those that turn calls away must not wait for those that answer them."""


class Cell(NamedTuple):
    """One server at one concurrency in one round."""

    rate: float
    p50: float
    p95: float
    p99: float
    cpu: float
    """Milliseconds of all its processes for one call."""
    own: float
    """Milliseconds of ours for one call."""


def settings(folder: Path, calls: Calls, database: str | None, engine: str) -> dict[str, str]:
    """The environment of the service."""
    (folder / "jwks.json").write_bytes(orjson.dumps(calls.jwks()))
    write_pack(folder / "pack", RULES, examples=1)
    client = {"issuer": ISSUER, "jwks_file": str(folder / "jwks.json"), "jwks_url": "https://ehr.example.org/jwks.json"}
    found = {"ALMONER_PACKS": str(folder / "pack"), "ALMONER_AS_OF": AS_OF.isoformat(), "ALMONER_STATE": str(folder / "state")}
    found |= {"ALMONER_ENGINE": engine, "ALMONER_CDS__CLIENTS": orjson.dumps({"bench": client}).decode()}
    return found | ({"ALMONER_DATABASE": database} if database else {})


def started(options: argparse.Namespace, folder: Path, calls: Calls, until: ExitStack) -> Iterator[Server]:
    """The servers that are compared."""
    ours = settings(folder, calls, options.database, options.engine)
    if options.database:
        with closing(open_store(options.database)) as store:
            migrate(store)
    for name in options.server:
        port = free_port()
        command = (
            serving.almoner(port) if name == "gunicorn" else serving.granian(port, "plugin.serve:application", "--factory", threads=_PLACES)
        )
        yield until.enter_context(running(f"almoner, {name}", command, port, folder, ours))
    port = free_port()
    yield until.enter_context(running(ECHO, serving.flask_echo(port), port, folder))
    if "granian" in options.server:
        port = free_port()
        yield until.enter_context(running("Flask echo, granian", serving.granian(port, "benchmarks.echo:app"), port, folder))
    found = serving.express_in(folder / "express")
    if isinstance(found, str):
        print(f"no row for Express: {found}")  # noqa: T201
    else:
        port = free_port()
        yield until.enter_context(running("Express", serving.express(port, found[0]), port, folder, found[1]))


def measured(server: Server, calls: Calls, number: int, concurrency: int) -> tuple[Cell, Loop]:
    """So many calls."""
    heads = list(calls.heads(number, server.url))
    before = server.cpu()
    loop = closed_loop(server.url, heads, calls.body, concurrency)
    cpu = server.cpu() - before
    cuts = quantiles((reply.milliseconds for reply in loop.replies if reply.status == 200), n=100)
    return Cell(number / loop.seconds, cuts[49], cuts[94], cuts[98], cpu / number * 1000, loop.own_cpu / number * 1000), loop


def steps(loops: Sequence[Loop]) -> dict[str, list[float]]:
    """Step → its milliseconds in each call, as the answers tell them (``Server-Timing``)."""
    found: dict[str, list[float]] = defaultdict(list)
    for reply in chain.from_iterable(loop.replies for loop in loops):
        for part in reply.headers.get("server-timing", "").split(","):
            name, _, duration = part.strip().partition(";dur=")
            if duration:
                found[name].append(float(duration))
    return found


def said(loops: Sequence[Loop]) -> str:
    """What the answers were: nothing is fast that answers nothing."""
    replies = [reply for loop in loops for reply in loop.replies]
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(Counter(reply.status for reply in replies).items()))
    if refused := [reply.milliseconds for reply in replies if reply.status == 503]:
        half, most = median(refused), percentile(refused)
        met = "met" if most < GOAL_AWAY else "not met"
        statuses += f" (half of them in {half:.0f} ms, 95 of 100 in {most:.0f}; goal < {GOAL_AWAY:.0f}: {met})"
    cards = [len(orjson.loads(reply.body)["cards"]) for reply in replies if reply.status == 200]
    return f"{statuses}; {sum(cards) / len(cards):.1f} cards a call" if cards else statuses


def percentile(values: Sequence[float]) -> float:
    """Below which 95 of 100 lie."""
    return sorted(values)[int(len(values) * 0.95)]


def judged(found: dict[str, list[float]], seen: float, echo: float) -> str:
    """Eight at one time against the goal: own time, the part of it that is work, and what the caller sees, beside the echo."""
    own = percentile(found["total"])
    work = percentile([total - wait for total, wait in zip(found["total"], found["wait"], strict=True)])
    return (
        f"at 8, p95: own time {own:.1f} ms (goal < {GOAL:.0f}: {'met' if own < GOAL else 'not met'}), of it work {work:.1f}; "
        f"as seen {seen:.1f}, less the echo's {echo:.1f}: {seen - echo:.1f}"
    )


def across(values: Sequence[float], digits: int = 0) -> str:
    """The median, the lowest and the highest."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def show(cells: dict[tuple[str, int], list[Cell]], loops: dict[tuple[str, int], list[Loop]]) -> None:
    """The table, and our time step by step."""
    print(f"{'':<22}{'at once':>8}{'calls/s':>20}{'p50 ms':>9}{'p95 ms':>18}{'p99 ms':>9}{'CPU ms':>9}{'caller CPU ms':>15}")  # noqa: T201
    for (name, concurrency), rounds in cells.items():
        rate, p50, p95, p99, cpu, own = zip(*rounds, strict=True)
        line = f"{name:<22}{concurrency:>8}{across(rate):>20}{median(p50):>9.1f}{across(p95):>18}{median(p99):>9.1f}"
        print(f"{line}{median(cpu):>9.2f}{median(own):>15.2f}")  # noqa: T201
    for (name, concurrency), made in loops.items():
        if found := steps(made):
            told = "  ".join(f"{step} {median(took):.1f}/{quantiles(took, n=100)[94]:.1f}" for step, took in found.items())
            print(f"{name} at {concurrency}, by step, p50/p95 ms: {told}; {said(made)}")  # noqa: T201
            if concurrency == 8:
                seen, echo = (median(cell.p95 for cell in cells[each, 8]) for each in (name, ECHO))
                print(f"{name} {judged(found, seen, echo)}")  # noqa: T201


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", choices=("gunicorn", "granian"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300, help="of one server at one concurrency in one round")
    parser.add_argument("--database", help="of the ledger; else SQLite in a new folder. It must be empty.")
    parser.add_argument("--algorithm", choices=("ES384", "RS384"), default="ES384")
    parser.add_argument("--engine", choices=("verify", "reference", "durable"), default="verify")
    parser.add_argument("--short", action="store_true", help="three rounds of few calls")
    options = parser.parse_args()
    options.server = options.server or ["gunicorn"]
    if options.short:
        options.rounds, options.calls = 3, 100
    calls = Calls(options.algorithm)
    cells: dict[tuple[str, int], list[Cell]] = defaultdict(list)
    loops: dict[tuple[str, int], list[Loop]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, ExitStack() as until:
        servers = list(started(options, Path(name), calls, until))
        for server in servers:  # processes start, rule sets are built
            measured(server, calls, 40, 16)
        for _ in range(options.rounds):
            for concurrency in CONCURRENCY:
                for server in servers:
                    number = options.calls * (1 if server.name.startswith("almoner") else CHEAPER)
                    cell, loop = measured(server, calls, number, concurrency)
                    cells[server.name, concurrency].append(cell)
                    loops[server.name, concurrency].append(loop)
    packages = ", ".join(f"{each} {version(each)}" for each in ("flask", "gunicorn", "granian", "orjson", "durable-rules"))
    print(  # noqa: T201
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {packages}\n"
        f"{calls.size:,} bytes of {RESOURCES} resources, {RULES} rules, {options.engine}, {options.algorithm}, "
        f"ledger on {'PostgreSQL' if options.database else 'SQLite'}; {options.rounds} rounds of {options.calls}"
    )
    show(dict(sorted(cells.items())), dict(sorted(loops.items())))


if __name__ == "__main__":
    main()
