"""What was heard and what is still to be done, in SQLite: an answer is given only once the notification is kept.

A change that is told twice is one; a number that is missing is noticed.
"""

import hashlib
import hmac
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fhir_adapters.subscriptions.notification import Notification

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS subscription (
  key TEXT PRIMARY KEY, server TEXT NOT NULL, id TEXT, secret TEXT NOT NULL, search TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'requested', sent INTEGER NOT NULL DEFAULT 0, heard REAL, since REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS change (
  row INTEGER PRIMARY KEY, key TEXT NOT NULL REFERENCES subscription, number INTEGER, focus TEXT,
  heard REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
  UNIQUE (key, number)
) STRICT;
CREATE TABLE IF NOT EXISTS filled (key TEXT NOT NULL REFERENCES subscription, first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS unnumbered ON change (key, coalesce(focus, '')) WHERE number IS NULL AND done = 0;
CREATE INDEX IF NOT EXISTS waiting ON change (due) WHERE done = 0;
"""
_FIRST_WAIT: Final = 5.0
_LONGEST_WAIT: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Expected:
    """A subscription that we asked for."""

    key: str
    """Ours: the last part of its endpoint."""
    server: str
    """The connection's name."""
    id: str | None
    """The server's."""
    search: str
    """The searches that find what it is about, separated by spaces: ``Observation?category=survey``."""
    status: str
    sent: int
    """How many changes the server says that there have been."""
    heard: float | None
    """When anything was heard last, seconds since 1970."""
    since: float
    """When it began."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that is still to be looked at."""

    row: int
    key: str
    server: str
    focus: str | None
    attempts: int


class Inbox:
    """The file at ``path``, which is made if it is not there; for any number of threads and processes."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is kept whole or not at all."""
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        finally:
            connection.close()

    # ------------------------------------------------------------ subscriptions

    def expect(self, key: str, server: str, secret: str, search: str) -> None:
        """Be ready for notifications of a subscription that is about to be asked for. Of the secret only a digest is kept."""
        with self._open() as connection:
            connection.execute(
                "INSERT INTO subscription (key, server, secret, search, since) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET secret = excluded.secret, search = excluded.search, status = 'requested'",
                (key, server, _digest(secret), search, self._clock()),
            )

    def named(self, key: str, id: str | None, status: str) -> None:
        """The id and the status that the server gave it."""
        with self._open() as connection:
            connection.execute("UPDATE subscription SET id = ?, status = ? WHERE key = ?", (id, status, key))

    def expected(self) -> list[Expected]:
        """All subscriptions, by key."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT key, server, id, search, status, sent, heard, since FROM subscription ORDER BY key"
            ).fetchall()
        return [Expected(*row) for row in rows]

    def admits(self, key: str, secret: str) -> bool:
        """Whether ``secret`` is the one that belongs to the subscription."""
        with self._open() as connection:
            row = connection.execute("SELECT secret FROM subscription WHERE key = ?", (key,)).fetchone()
        return hmac.compare_digest(row[0] if row else _digest(""), _digest(secret)) and row is not None

    # ------------------------------------------------------------ changes

    def receive(self, key: str, notification: Notification) -> int:
        """Keep what was told; how many changes of it are new."""
        now = self._clock()
        with self._open() as connection:
            sent = max([notification.sent or 0, *(change.number or 0 for change in notification.changes)])
            connection.execute(
                "UPDATE subscription SET heard = ?, sent = max(sent, ?), status = coalesce(?, status) WHERE key = ?",
                (now, sent, notification.status or ("active" if notification.changes else None), key),
            )
            return sum(
                connection.execute(
                    "INSERT INTO change (key, number, focus, heard, due) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (key, change.number, change.focus, now, now),
                ).rowcount
                for change in notification.changes
            )

    def missing(self, key: str) -> list[tuple[int, int]]:
        """The numbers of which the server has told, or must have, and that never came: first and last of each gap."""
        with self._open() as connection:
            (sent,) = connection.execute("SELECT sent FROM subscription WHERE key = ?", (key,)).fetchone() or (0,)
            told = connection.execute(
                "SELECT number, number FROM change WHERE key = ?1 AND number > 0 "
                "UNION SELECT first, last FROM filled WHERE key = ?1 ORDER BY 1",
                (key,),
            ).fetchall()
        gaps, through = [], 0
        for first, last in [*told, (sent + 1, sent + 1)]:
            if first > through + 1:
                gaps.append((through + 1, first - 1))
            through = max(through, last)
        return gaps

    def heard_before(self, key: str, number: int) -> float:
        """When a change with a lower number was heard last; when the subscription began, if there was none."""
        with self._open() as connection:
            (heard,) = connection.execute(
                "SELECT coalesce((SELECT max(heard) FROM change WHERE key = ?1 AND number < ?2), since) FROM subscription WHERE key = ?1",
                (key, number),
            ).fetchone()
        return float(heard)

    def make_up(self, key: str, gaps: Sequence[tuple[int, int]], foci: Sequence[str]) -> None:
        """What was missed was found otherwise: look at all ``foci``, and count the ``gaps`` as filled."""
        now = self._clock()
        with self._open() as connection:
            connection.executemany(
                "INSERT INTO change (key, focus, heard, due) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                ((key, focus, now, now) for focus in foci),
            )
            connection.executemany("INSERT INTO filled VALUES (?, ?, ?)", ((key, first, last) for first, last in gaps))

    def pending(self, limit: int = 100) -> list[Pending]:
        """What is due, the oldest first."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT row, key, server, focus, attempts FROM change JOIN subscription USING (key) "
                "WHERE done = 0 AND due <= ? ORDER BY row LIMIT ?",
                (self._clock(), limit),
            ).fetchall()
        return [Pending(*row) for row in rows]

    def done(self, pending: Pending) -> None:
        """It was looked at."""
        with self._open() as connection:
            connection.execute("UPDATE change SET done = 1 WHERE row = ?", (pending.row,))

    def put_off(self, pending: Pending) -> None:
        """It could not be looked at now: later again, after a time that doubles. Nothing is ever given up."""
        wait = min(_FIRST_WAIT * 2**pending.attempts, _LONGEST_WAIT)
        with self._open() as connection:
            connection.execute("UPDATE change SET attempts = attempts + 1, due = ? WHERE row = ?", (self._clock() + wait, pending.row))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
