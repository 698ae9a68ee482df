"""Buckets shared out among processes, each with an engine of one thread: memory stays that of a few buckets.

A process of ours ends when its parent does, however that died: what it listens to is then closed. Until then it may finish the bucket
that it is at, which does no harm: a bucket's files are the same whoever writes them, and appear whole.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from plugin.sweep.errors import SweepStopped
from plugin.sweep.evaluating import Bucket, Job, evaluator
from plugin.sweep.work import Step

Done = Callable[[Step], None]


def evaluate_all(job: Job, buckets: Sequence[Bucket], processes: int, on_done: Done) -> None:
    """Evaluate every bucket; ``on_done`` hears of each, in no order.

    Raises:
        SweepStopped: a process was killed.
    """
    if processes <= 1 or len(buckets) <= 1:
        with evaluator(job) as alone:
            for bucket in buckets:
                on_done(alone.run(bucket))
        return
    workers = [_Worker(job) for _ in range(min(processes, len(buckets)))]
    try:
        _share_out(workers, list(reversed(buckets)), on_done)
    finally:
        for worker in workers:
            worker.end()


def _share_out(workers: Sequence["_Worker"], waiting: list[Bucket], on_done: Done) -> None:
    busy = {worker.line: worker for worker in workers}
    for worker in workers:
        worker.give(waiting.pop())
    while busy:
        for line in wait(list(busy)):
            worker = busy[line]  # type: ignore[index]
            on_done(worker.take())
            if waiting:
                worker.give(waiting.pop())
            else:
                del busy[worker.line]


class _Worker:
    """A process that evaluates buckets one by one."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_serve, args=(theirs, job), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, bucket: Bucket) -> None:
        try:
            self.line.send(bucket)
        except OSError as gone:
            raise self._killed() from gone

    def take(self) -> Step:
        try:
            found: Any = self.line.recv()
        except (EOFError, OSError) as gone:
            raise self._killed() from gone
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Step)  # noqa: S101 - `_serve` sends nothing else
        return found

    def end(self) -> None:
        self.line.close()
        self._process.terminate()
        self._process.join()
        self._process.close()

    def _killed(self) -> SweepStopped:
        self._process.join(1)
        return SweepStopped(
            f"a process of the sweep ended by itself (exit code {self._process.exitcode}), perhaps for want of memory: the previous sweep "
            "stands; run it again with fewer --processes or a smaller --bucket, it goes on where it was"
        )


def _serve(line: "Connection[Any, Any]", job: Job) -> None:
    """Evaluate what comes along the line, until it is closed: by the parent, or because the parent is gone."""
    try:
        with evaluator(job) as mine:
            while True:
                line.send(mine.run(line.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as failed:  # whatever it is, the parent tells it
        line.send(failed)
