"""A process that does work in forks of itself, for tests that kill it at any moment: a fork begins at once, nothing is imported anew.

The program reads lines ``WORK NUMBER SECONDS``, does each in a fork, kills the fork after so many seconds (0: never), and prints its exit
status.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from subprocess import PIPE, Popen
from time import sleep
from types import TracebackType
from typing import Self


class Forks:
    """The process, seen from a test. ``program``: a file that calls `serve`."""

    def __init__(self, program: str, *arguments: str) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = Popen([sys.executable, program, *arguments], stdin=PIPE, stdout=PIPE, text=True, bufsize=1, env=environment)

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


def serve(works: Mapping[str, Callable[[int], None]]) -> None:
    """Read what to do until there is no more."""
    for line in sys.stdin:
        what, number, seconds = line.split()
        pid = os.fork()
        if pid == 0:
            try:
                works[what](int(number))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        if float(seconds):
            sleep(float(seconds))
            os.kill(pid, signal.SIGKILL)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()
