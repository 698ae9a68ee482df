"""One writer at a time, in the order in which they came: threads of a process, and processes of a machine.

SQLite has such a lock itself, but whoever does not get it tries again after ever longer pauses, and is overtaken: at eight writers one in
a hundred waited more than half a second for commits of five milliseconds.
"""

import os
import sys
from pathlib import Path
from threading import Lock
from types import TracebackType


class Turn:
    """The right to write, as a context manager; it is given back when the process ends, however that happens."""

    def __init__(self, file: Path) -> None:
        """``file`` is locked, and holds nothing."""
        self._file, self._threads, self._held = file, Lock(), -1

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            self._held = _locked(self._file)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)
        self._threads.release()


def _locked(file: Path) -> int:
    """Opened anew each time: a process that was forked meanwhile must not hold what its parent locked."""
    if sys.platform == "win32":
        return -1
    import fcntl

    opened = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
    except BaseException:
        os.close(opened)
        raise
    return opened
