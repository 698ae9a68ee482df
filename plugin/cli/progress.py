"""Progress bars on a terminal; silence elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def steps(*, quiet: bool) -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """A function that starts a named step of so many units, or says anew of how many, and returns how to say how far it is."""
    if quiet or not sys.stderr.isatty():
        yield lambda name, total: lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def step(name: str, total: int) -> Callable[[int], None]:
            task = tasks[name] if name in tasks else tasks.setdefault(name, progress.add_task(name, total=total))
            progress.update(task, total=total)
            return lambda done: progress.update(task, completed=done)

        yield step
