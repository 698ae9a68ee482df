"""What it costs to write calls into the ledger before they are answered: each with a commit of its own, and with shared ones.

``python -m benchmarks.cds_ledger [--url URL …]``. Several processes of several threads, as gunicorn has them, write at one time into one
database: milliseconds until a call is on disk, median, 95 and 99 percent, and calls a second. Without a URL SQLite in a new folder; one
of PostgreSQL must name an empty database. Each thread rests between two calls as long as ``--rest`` says (the rest of a request's work).
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import quantiles
from threading import Thread
from uuid import uuid4

from sqlalchemy import insert

from plugin.cds.ledger import CallEntry, CardEntry, CardState, Ledger, SuggestionEntry
from plugin.store import open_store
from plugin.store.versions import migrate

_KEY = b"benchmark" * 4
_EVIDENCE = tuple((f"Observation/{n}", "2026-05-02") for n in range(4))
_ORDER = {"order": {"resourceType": "ServiceRequest", "status": "draft", "intent": "order"}, "creates": ["ServiceRequest"]}


def call(number: int) -> CallEntry:
    """A call with two cards, a suggestion each."""
    cards = tuple(
        CardEntry(
            str(uuid4()), f"rule-{n}", "pack", "1.0.0", "sha256:" + "0" * 64, f"rule-{n}", CardState.RETURNED, 50, date(2026, 6, 30),
            _EVIDENCE, suggestions=(SuggestionEntry(str(uuid4()), "refer", _ORDER),),
        )
        for n in range(2)
    )  # fmt: skip
    steps = {"gather": 3.1, "evaluate": 2.2, "compile": 1.0}
    return CallEntry("bench", "patient-view", datetime.now(UTC), f"p{number}", cards, "Practitioner/1", "Encounter/1", steps)


def alone(ledger: Ledger) -> Callable[[CallEntry], None]:
    """A commit for each call."""

    def write(entry: CallEntry) -> None:
        with ledger.store.write() as connection:
            for table, rows in ledger.rows(entry).items():
                connection.execute(insert(table), rows)

    return write


def together(ledger: Ledger) -> Callable[[CallEntry], None]:
    """As the service does it."""
    return ledger.record


WAYS: dict[str, Callable[[Ledger], Callable[[CallEntry], None]]] = {"own commit": alone, "shared commit": together}


def work(url: str, way: str, threads: int, calls: int, rest: float, found: "multiprocessing.Queue[list[float]]") -> None:
    """One worker process."""
    store = open_store(url)
    write = WAYS[way](Ledger(store, _KEY))
    times: list[float] = []

    def thread() -> None:
        for number in range(calls):
            entry = call(number)
            started = time.perf_counter()
            write(entry)
            times.append((time.perf_counter() - started) * 1000)
            time.sleep(rest)

    workers = [Thread(target=thread) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    store.close()
    found.put(times)


def measure(url: str, way: str, processes: int, threads: int, calls: int, rest: float) -> str:
    """One line of the table."""
    context = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[list[float]] = context.Queue()
    workers = [context.Process(target=work, args=(url, way, threads, calls, rest, found)) for _ in range(processes)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    times = sorted(each for _ in workers for each in found.get())
    for worker in workers:
        worker.join()
    cut = quantiles(times, n=100)
    rate = len(times) / (time.perf_counter() - started)
    return f"{way:<14} {processes} x {threads:<3} {cut[49]:8.2f} {cut[94]:8.2f} {cut[98]:8.2f} {times[-1]:8.2f} {rate:8.0f}"


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--url", action="append", default=[])
    options.add_argument("--calls", type=int, default=200, help="of each thread")
    options.add_argument("--rest", type=float, default=0.005, help="seconds")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for url in chosen.url or [f"sqlite:///{folder}/bench.db"]:
            store = open_store(url)
            migrate(store)
            store.close()
            print(f"{url.partition(':')[0]}\n{'':<22} p50 ms   p95 ms   p99 ms   max ms  calls/s")  # noqa: T201
            for processes, threads in ((1, 1), (1, 8), (2, 4), (2, 8)):
                for way in WAYS:
                    print(measure(url, way, processes, threads, chosen.calls, chosen.rest))  # noqa: T201


if __name__ == "__main__":
    main()
