"""A sweep under its lease, with the record of how it went."""

import errno
from dataclasses import replace
from typing import Any

from fhir_adapters.report import Report
from plugin.store import Store
from plugin.sweep.errors import SweepRefused, SweepStopped
from plugin.sweep.lease import Lease
from plugin.sweep.pipeline import Asked, Pipeline, Progress, result_of
from plugin.sweep.runs import Runs


def sweep(asked: Asked, store: Store, progress: Progress) -> tuple[dict[str, Any], Report | None]:
    """Sweep, or go on with what an earlier run left; see `plugin.sweep.pipeline.Pipeline.run`.

    Raises:
        SweepBusy: another sweep runs.
        SweepStopped: the disk is full, or a process was killed.
    """
    with Lease(asked.state, store) as lease:
        pipeline = Pipeline(asked, lease, progress)
        runs = Runs(asked.state)
        run = runs.begin(pipeline.work.sweep, asked.source.name, asked.as_of.isoformat())
        try:
            manifest, report = pipeline.run()
        except SweepRefused as refused:
            runs.end(run, "refused", message=str(refused), steps=tuple(pipeline.steps))
            raise
        except Exception as failed:
            told = _told(failed)
            runs.end(run, "failed", message=str(told), steps=tuple(pipeline.steps))
            if told is failed:
                raise
            raise told from failed
        runs.end(replace(run, steps=tuple(manifest["steps"])), "published", result=result_of(manifest))
        pipeline.tidy()
    return dict(manifest), report


def _told(failed: Exception) -> Exception:
    """A full disk is no defect of ours, whoever noticed it."""
    full = isinstance(failed, OSError) and failed.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left on device" in str(failed):
        return SweepStopped("the disk is full: the previous sweep stands; make room and run it again, it goes on where it was")
    return failed
