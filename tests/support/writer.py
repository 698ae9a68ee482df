"""A process that decides and writes, again and again, for tests that kill it at any moment.

``python writer.py OUTBOX URL`` reads lines ``WORK NUMBER SECONDS``, does each in a fork of itself, kills the fork after so many seconds
(0: never), and prints its exit status. A fork begins at once: nothing has to be imported anew.
"""

import os
import signal
import sys
import traceback
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread
from time import sleep
from types import TracebackType
from typing import Self

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


class Writer:
    """The process, seen from a test."""

    def __init__(self, outbox: Path, url: str) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, __file__, str(outbox), url]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, text=True, bufsize=1, env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.communicate(timeout=60)

    def work(self, what: str, number: int, kill_after: float = 0.0) -> bool:
        """Have it done in a fork, which is killed after so many seconds. Whether it was done before that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what} {number} {kill_after}\n")
        status = int(self._process.stdout.readline())
        assert status in (0, -signal.SIGKILL), status
        return status == 0


def main(path: str, url: str) -> None:
    """Read what to do until there is no more."""
    for line in sys.stdin:
        what, number, seconds = line.split()
        pid = os.fork()
        if pid == 0:
            try:
                WORK[what](Outbox.at(Path(path)), url, int(number))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        if float(seconds):
            sleep(float(seconds))
            os.kill(pid, signal.SIGKILL)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
