"""Where drafts are tried: a process of its own that is ended when it takes too long, and started again when it is needed.

A draft is a text from anybody. It cannot name files and the language has no loops, but 100 kB of it can still ask for more work than a
server should do: hence another process, with bounds on time (here) and on memory and files (`plugin.playground.child`).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any, Final

import orjson

from rules.told import Told

START_SECONDS: Final = 60.0
_TOO_LONG: Final = Told("Trying the rule took longer than %(seconds)s seconds and was stopped. Make the rule smaller.")


class Refused(Exception):
    """The bench cannot say anything about this draft; the message tells its author why and what to do."""


class Busy(Exception):
    """Others are using the bench."""


class BenchDefect(Exception):
    """A defect of ours while a draft was tried; the message has its kind and place, never a piece of the text."""


class Bench:
    """Tries one draft at a time, each for at most ``seconds``. Safe to share between threads; nothing starts before the first draft."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[bytes, bytes] | None = None

    def trial(self, folder: Path, text: str, as_of: date, people: int = 0) -> Mapping[str, Any]:
        """A `plugin.playground.trial.Trial` as plain data, of a draft in the pack at ``folder``; with ``people``, on so many of them.

        Raises:
            Refused: the draft asks for too much.
            Busy: the bench was not free in time.
            BenchDefect: a defect of ours.
        """
        request = orjson.dumps({"folder": str(folder), "text": text, "as_of": as_of.isoformat(), "people": people})
        if not self._lock.acquire(timeout=self._seconds):
            raise Busy
        try:
            found = self._ask(request)
        finally:
            self._lock.release()
        if "defect" in found:
            raise BenchDefect(f"{found['defect']} at {found['at']}")
        if "too_large" in found:
            raise Refused(Told("The rule is nested too deeply or is too large to be tried. Make it smaller."))
        trial: Mapping[str, Any] = found["trial"]
        return trial

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _ask(self, request: bytes) -> Mapping[str, Any]:
        connection = self._connection or self._start()
        try:
            connection.send_bytes(request)
            if not connection.poll(self._seconds):
                raise Refused(Told(_TOO_LONG, seconds=f"{self._seconds:g}"))
            found: Mapping[str, Any] = orjson.loads(connection.recv_bytes())
        except Refused:
            self._end()
            raise
        except (EOFError, OSError):
            self._end()
            raise Refused(Told("Trying the rule used up its share of this computer and was stopped. Make the rule smaller.")) from None
        return found

    def _start(self) -> "Connection[bytes, bytes]":
        ours, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 our own program, and a number
                [sys.executable, "-P", "-m", "plugin.playground.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # its own children end with it
            )
        self._connection = ours
        with suppress(EOFError):
            if ours.poll(START_SECONDS) and ours.recv_bytes() == b"ready":
                return ours
        self._end()
        raise BenchDefect("the process in which drafts are tried does not start")

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            with suppress(ProcessLookupError):  # it is gone already
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._connection = self._process = None
