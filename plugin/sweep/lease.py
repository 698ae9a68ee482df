"""One sweep at a time, on one machine or on several: a lock on a file, and a row in the store with a fencing token.

The lock ends with the process, so whoever gets it knows that no other process of this machine sweeps, and takes over at once. A sweep of
another machine is only known by its row: it is over when it has not said for `SECONDS` that it goes on. A holder who was stopped for longer
finds the token of another one before anything of theirs is published.
"""

import fcntl
import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from plugin.store import Store
from plugin.store.inserting import upsert
from plugin.store.tables.sweeps import LEASE
from plugin.sweep.errors import SweepBusy

SECONDS: Final = 600
_NAME: Final = "sweep"
_FILE: Final = "sweep.lock"


def _now() -> datetime:
    return datetime.now(UTC)


class Lease:
    """Held while a sweep runs. ``token`` is one more than that of the holder before."""

    def __init__(self, state: Path, store: Store, *, holder: str = "", clock: Callable[[], datetime] = _now) -> None:
        """``holder`` names the machine; this one, if empty."""
        self._path, self._store, self._clock = state / _FILE, store, clock
        self._holder = holder or platform.node()
        self._file = -1
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)
        self.token = 0

    def __enter__(self) -> Self:
        """Take it, or raise `SweepBusy` at once."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.token = self._take()
        except BaseException as error:
            os.close(self._file)
            if isinstance(error, BlockingIOError):
                raise SweepBusy(f"{self._path.parent}: another sweep runs on this machine; nothing was begun") from error
            raise
        self._beating.start()
        return self

    def _take(self) -> int:
        with self._store.write() as connection:
            found = connection.execute(select(LEASE).where(LEASE.c.name == _NAME)).mappings().first()
            now = self._clock()
            if found and found["holder"] != self._holder and now < found["until"] <= now + timedelta(seconds=SECONDS):
                raise SweepBusy(
                    f"a sweep runs on {found['holder']}, or did until {found['until']:%H:%M:%S} UTC at the latest; nothing was begun"
                )
            token = int(found["token"]) + 1 if found else 1
            row = {"token": token, "holder": self._holder, "until": self._until()}
            connection.execute(upsert(connection, LEASE).values(name=_NAME, **row).on_conflict_do_update(index_elements=["name"], set_=row))
            return token

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let go of it."""
        self._over.set()
        self._beating.join()
        try:
            with self._store.write() as connection:
                connection.execute(self._mine().values(until=self._clock()))
        finally:
            os.close(self._file)

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """While the block runs, nobody can take over. Raises `SweepBusy` before it if somebody did."""
        with self._store.write() as connection:
            if connection.execute(self._mine().values(until=self._until())).rowcount != 1:
                raise SweepBusy("another sweep took over while this one stood still; nothing of this one was published")
            yield

    def _beat(self) -> None:
        """Say that the sweep goes on. What fails here is found before publishing."""
        while not self._over.wait(SECONDS / 5):
            try:
                with self._store.write() as connection:
                    connection.execute(self._mine().values(until=self._until()))
            except SQLAlchemyError:
                continue

    def _mine(self) -> Any:
        return update(LEASE).where(LEASE.c.name == _NAME, LEASE.c.token == self.token)

    def _until(self) -> datetime:
        return self._clock() + timedelta(seconds=SECONDS)
