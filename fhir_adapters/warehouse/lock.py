"""One writer at a time. The operating system lets go of the lock when a writer dies, however it dies."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from fhir_adapters.warehouse.errors import WarehouseBusy


class WriterLock:
    """Held while a load runs. Its *token* is one more than the last writer's.

    A writer that was stopped for long may lose the lock without knowing it (a network file system forgot it, somebody deleted the
    file): `check` before publishing finds the token of another, and what the first one did is never seen.
    """

    def __init__(self, root: Path) -> None:
        """``root`` is the folder of the warehouse; it exists."""
        self._path = root / "lock"
        self._file = -1
        self.token = 0

    def __enter__(self) -> Self:
        """Take the lock, or raise `WarehouseBusy` at once."""
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise WarehouseBusy(f"{self._path.parent}: another process writes to this warehouse; try again when it is done") from error
        self.token = self._read() + 1
        os.pwrite(self._file, f"{self.token:020}\n".encode("ascii"), 0)
        os.fsync(self._file)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let go of it."""
        os.close(self._file)

    def check(self) -> None:
        """Raise `WarehouseBusy` if another writer has begun meanwhile."""
        try:
            same = os.path.samestat(self._path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            same = False
        if not same or self._read() != self.token:
            raise WarehouseBusy(f"{self._path.parent}: another process took over this warehouse; nothing of this load was kept")

    def _read(self) -> int:
        text = os.pread(self._file, 64, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdecimal() else 0
