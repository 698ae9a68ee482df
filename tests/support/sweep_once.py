"""Sweeps in forks of itself, for tests that kill them: ``python -m support.sweep_once SOURCE DAY [MORE…]`` reads lines
``STATE DATABASE AFTER``.

Each line is a sweep in a new fork; it prints the fork's id and then its exit status. ``AFTER``: the fork kills itself with SIGKILL when
it is about to open, make, rename or remove a file for the so-many-th time (0: never), so that every moment between two changes of the
disk is tried.
"""

import os
import signal
import sys
from itertools import count

_TOUCHES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "shutil.rmtree", "sqlite3.connect"}


def _die_after(touches: int) -> None:
    numbers = count(1)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in _TOUCHES and not _reads_only(event, arguments) and next(numbers) == touches:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _reads_only(event: str, arguments: tuple[object, ...]) -> bool:
    """Opening to read changes nothing; modules are imported so."""
    flags = arguments[2] if event == "open" and len(arguments) > 2 else None
    return isinstance(flags, int) and flags & os.O_ACCMODE == os.O_RDONLY


def main(source: str, day: str, *more: str) -> None:
    """Sweep as the lines say; ``more`` options go to each."""
    from plugin.cli import main as almoner
    from plugin.cli import sweep
    from plugin.sweep.resources import TYPES

    assert sweep.command.name == "sweep", "everything is imported before the first fork"
    assert TYPES, "that too"
    for line in sys.stdin:
        state, database, after = line.split()
        fork = os.fork()
        if fork == 0:
            if int(after):
                _die_after(int(after))
            os.environ["ALMONER_DATABASE"] = database
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            options = ["--source", source, "--state", state, "--as-of", day, "--processes", "1", "--bucket", "15", "--fewer-people", *more]
            sys.argv = ["almoner", "sweep", *options]
            try:
                almoner()
            except SystemExit as end:
                os._exit(int(end.code or 0))
        sys.stdout.write(f"{fork}\n")
        sys.stdout.flush()
        _, status = os.waitpid(fork, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
