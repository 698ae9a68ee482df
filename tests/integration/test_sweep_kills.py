"""Sweeps that are killed at any moment: nothing lost, nothing twice, the previous sweep always readable, and in the end the same.

``ALMONER_SWEEP_KILLS`` says how often (`make chaos` kills 500 times).
"""

import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Timer

import pytest
from support.sweeping import SECOND, a_week_later, contents, current, sweep, town

from plugin.sweep.runs import Runs
from plugin.worklist.index import index_of

KILLS = int(os.environ.get("ALMONER_SWEEP_KILLS", "20"))
SEED = int(os.environ.get("ALMONER_KILLS_SEED", "1895"))
PEOPLE = 45
TOUCHES = 90
"""A sweep of this town changes the disk about so often."""


class Sweeps:
    """Starts sweeps, one after another, in a process that has everything imported."""

    def __init__(self, source: Path, root: Path) -> None:
        paths = {"PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])}
        command = [sys.executable, "-m", "support.sweep_once", str(source), SECOND.isoformat()]
        self._starter = subprocess.Popen(command, env=os.environ | paths, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Sweeps":
        return self

    def __exit__(self, *_: object) -> None:
        self._starter.communicate()

    def run(self, state: Path, touches: int = 0, seconds: float | None = None) -> int:
        """The exit code; -9 if it was killed: when it is about to change the disk for the so-many-th time, or after some seconds."""
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(f"{state} {touches}\n")
        self._starter.stdin.flush()
        fork = int(self._starter.stdout.readline())
        timer = Timer(seconds or 0, _kill, [fork])
        if seconds is not None:
            timer.start()
        ended = os.waitstatus_to_exitcode(int(self._starter.stdout.readline()))
        timer.cancel()
        return ended


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_ends_as_if_nothing_had_been(tmp_path: Path, root: Path) -> None:
    source, before = town(tmp_path / "fhir", PEOPLE), tmp_path / "before"
    assert sweep(source, before).code == 0
    first = contents(current(before))
    later = a_week_later(source, tmp_path / "later")
    draw, kills, states = random.Random(SEED), 0, 0  # noqa: S311 a test is to be repeatable
    with Sweeps(later, root) as sweeps:
        undisturbed = shutil.copytree(before, tmp_path / "undisturbed")
        assert sweeps.run(undisturbed) == 0
        expected = contents(current(undisturbed))
        while kills < KILLS:
            states += 1
            state = shutil.copytree(before, tmp_path / f"state-{states}")
            kills += _swept_with_kills(sweeps, state, draw, first, expected)
            shutil.rmtree(state)
    print(f"kills: {kills}, sweeps: {states}; lost 0, twice 0")  # noqa: T201 read by who runs it by hand


def _swept_with_kills(sweeps: Sweeps, state: Path, draw: random.Random, before: dict[str, str], expected: dict[str, str]) -> int:
    """Sweep until it is done, killing on the way; how often it was killed."""
    kills, published = 0, len(list((state / "sweeps").iterdir()))
    while True:
        touches, seconds = (draw.randrange(1, TOUCHES), None) if draw.random() < 0.7 else (0, draw.uniform(0.0, 2.0))
        code = sweeps.run(state, touches, seconds)
        index_of(current(state))  # raises if what readers see is not whole
        seen = contents(current(state))
        assert seen in (before, expected), "what readers see is neither the old sweep nor the new one"
        assert code in (0, -signal.SIGKILL), f"the sweep ended with {code}"
        kills += code != 0
        if code == 0 or (seen == expected and not (state / "work").exists()):
            break
    assert seen == expected
    assert len(list((state / "sweeps").iterdir())) == published + 1, "the sweep was published more than once, or something was left behind"
    assert [run.status for run in Runs(state).latest()] == ["published", "published"]
    return kills
