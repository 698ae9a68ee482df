"""Many calls, one commit: a commit waits for the disk, and whoever waits meanwhile goes along with the next one.

There is no thread of its own. Each caller puts its rows down and asks for the right to commit; whoever gets it commits all that lies
there. So nobody waits for more than two commits, nothing is left behind when a process ends, and a row whose caller went on is on disk.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from threading import Lock
from typing import Any, Final

from sqlalchemy import Insert, Table, insert

from plugin.store import Store
from plugin.store.direct import Direct

Rows = Mapping[Table, Sequence[Mapping[str, Any]]]
"""Table → its rows, each with all columns; tables in an order in which they can be filled."""
_MOST: Final = 64
"""Calls of one transaction."""


class _Job:
    __slots__ = ("done", "error", "rows")

    def __init__(self, rows: Rows) -> None:
        self.rows, self.done = rows, False
        self.error: BaseException | None = None


class Writer:
    """Inserts rows for the threads of one process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Job] = []
        self._list, self._turn = Lock(), Lock()

    def write(self, rows: Rows) -> None:
        """Insert ``rows``, all or none; when this returns they are on disk. Raises what the database says against them."""
        job = _Job(rows)
        with self._list:
            self._waiting.append(job)
        while not job.done:
            with self._turn:
                if not job.done:
                    self._commit(self._taken())
        if job.error:
            raise job.error

    def _taken(self) -> list[_Job]:
        with self._list:
            taken, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            return taken

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """All at once; if that fails, each by itself, so that nobody fails for what another brought."""
        try:
            with self._store.write_direct() as transaction:
                _insert(transaction, jobs)
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].error = error
            else:
                for job in jobs:
                    self._commit([job])
        except BaseException as end:
            for job in jobs:
                job.error = end
            raise
        finally:
            for job in jobs:
                job.done = True


def _insert(transaction: Direct, jobs: Sequence[_Job]) -> None:
    together: dict[Table, list[Mapping[str, Any]]] = defaultdict(list)
    for table in dict.fromkeys(table for job in jobs for table in job.rows):
        for job in jobs:
            together[table] += job.rows.get(table, ())
    for table, rows in together.items():
        transaction.insert(_into(table), rows)


@cache
def _into(table: Table) -> Insert:
    return insert(table)
