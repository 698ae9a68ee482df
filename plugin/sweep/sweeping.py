"""A sweep under its lease, with the record of how it went."""

import errno
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from fhir_adapters.report import Report
from plugin.store import open_store
from plugin.store.versions import ready
from plugin.sweep.describing import result_of
from plugin.sweep.errors import SweepRefused, SweepStopped
from plugin.sweep.lease import Lease
from plugin.sweep.metrics import write_metrics
from plugin.sweep.pipeline import Asked, Pipeline, Progress
from plugin.sweep.runs import Run, Runs, Status

_FULL: Final = ("No space left on device", "disk is full")
"""How DuckDB and SQLite say it."""


def sweep(asked: Asked, database: str, progress: Progress) -> tuple[dict[str, Any], Report | None]:
    """Sweep, or go on with what an earlier run left; see `plugin.sweep.pipeline.Pipeline.run`. ``database``: the URL of the store.

    Raises:
        SweepBusy: another sweep runs.
        SweepStopped: the disk is full, or a process was killed.
    """
    with _full_disk_told(), closing(open_store(database)) as store, Lease(asked.state, ready(store)) as lease:
        pipeline, runs = Pipeline(asked, lease, progress), Runs(asked.state)
        run = runs.begin(pipeline.work.sweep, asked.source.name, asked.as_of.isoformat())
        with _recorded(runs, run, pipeline), _full_disk_told():
            manifest, report = pipeline.run()
            runs.end(replace(run, steps=tuple(manifest["steps"])), "published", result=result_of(manifest))
            pipeline.tidy()
        with suppress(OSError):
            write_metrics(asked.state)
    return dict(manifest), report


@contextmanager
def _recorded(runs: Runs, run: Run, pipeline: Pipeline) -> Iterator[None]:
    """Record why a sweep was not published, if there is room for that."""
    try:
        yield
    except Exception as failed:
        status: Status = "refused" if isinstance(failed, SweepRefused) else "failed"
        with suppress(OSError):
            runs.end(run, status, message=str(failed), steps=tuple(pipeline.steps))
            write_metrics(pipeline.state)
        raise


@contextmanager
def _full_disk_told() -> Iterator[None]:
    """A full disk is no defect of ours, whoever notices it."""
    try:
        yield
    except Exception as failed:
        full = isinstance(failed, OSError) and failed.errno in (errno.ENOSPC, errno.EDQUOT)
        hidden = isinstance(failed.__cause__, OSError | SQLAlchemyError) and _says_full(failed.__cause__)
        if full or hidden or _says_full(failed):
            raise SweepStopped(
                "the disk is full: the previous sweep stands; make room and run it again, it goes on where it was"
            ) from failed
        raise


def _says_full(failed: BaseException) -> bool:
    return any(words in str(failed) for words in _FULL)
