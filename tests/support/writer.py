"""A process that decides and writes, again and again, for tests that kill it at any moment: ``python writer.py OUTBOX URL``."""

import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from time import sleep

from support.forking import Forks, serve
from support.writeback import OPEN, referral, server, task

from fhir_adapters.writeback import Outbox, State

LEASE = 3.0
"""Longer than the server may take for anything; short, for tests."""
_POLICY = type(OPEN)(OPEN.tenant, OPEN.write, per_run=10_000, per_patient=10_000, entries=8, lease=LEASE, settle=0.2, longest_wait=0.2)


def decide_and_write(outbox: Outbox, url: str, people: int) -> None:
    """A decision for so many more ``people``, each together with its referral in the outbox, and to the server."""
    with outbox.transaction() as transaction:
        transaction.execute("CREATE TABLE IF NOT EXISTS decisions (patient TEXT PRIMARY KEY) STRICT")
        (decided,) = transaction.execute("SELECT count(*) FROM decisions").fetchone()
    for first in range(decided, decided + people, 2):
        _decide(outbox, [f"k{first}", f"k{first + 1}"])
        outbox.deliver(server(url), _POLICY, commit=True)


def suggest_the_same(outbox: Outbox, url: str, episode: int) -> None:
    """Eight threads, each with the same suggestion a hundred times."""
    same = [task("same", str(episode), run=f"run-{number}") for number in range(100)]

    def suggest() -> None:
        for number, each in enumerate(same):
            outbox.add(each)
            if number % 20 == 0:
                outbox.deliver(server(url), _POLICY, commit=True)

    threads = [Thread(target=suggest) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _decide(outbox: Outbox, patients: list[str]) -> None:
    with outbox.transaction() as transaction:
        for patient in patients:
            if transaction.execute("INSERT INTO decisions VALUES (?) ON CONFLICT DO NOTHING", (patient,)).rowcount:
                for intent in referral(patient):
                    outbox.add(intent, transaction)


def finish(outbox: Outbox, url: str, _: int) -> None:
    """Everything to the server, however often it takes."""
    while outbox.ledger.rows(states=[State.PENDING, State.SENDING]):
        outbox.deliver(server(url), _POLICY, commit=True)
        sleep(0.02)


WORK = {"decide": decide_and_write, "same": suggest_the_same, "finish": finish}


class Writer(Forks):
    """The process, seen from a test."""

    def __init__(self, outbox: Path, url: str) -> None:
        super().__init__(__file__, str(outbox), url)


def main(path: str, url: str) -> None:
    """Do what is asked for, each time with the outbox opened anew."""

    def bound(work: Callable[[Outbox, str, int], None]) -> Callable[[int], None]:
        return lambda number: work(Outbox.at(Path(path)), url, number)

    serve({name: bound(work) for name, work in WORK.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
