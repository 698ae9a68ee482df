"""Sweeps that are killed at any moment: nothing lost, nothing twice, the previous sweep always readable, and in the end the same.

``ALMONER_SWEEP_KILLS`` says how often (`make chaos` kills 500 times).
"""

import os
import random
import shutil
import signal
from pathlib import Path

import pytest
from support.sweeping import Sweeps, a_week_later, contents, current, sweep, town

from plugin.findings.index import index_of
from plugin.sweep.runs import Runs

KILLS = int(os.environ.get("ALMONER_SWEEP_KILLS", "12"))
SEED = int(os.environ.get("ALMONER_KILLS_SEED", "1895"))
PEOPLE = 45
TOUCHES = 120
"""A sweep of this town changes the disk about so often."""


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_ends_as_if_nothing_had_been(tmp_path: Path, root: Path) -> None:
    source, before = town(tmp_path / "fhir", PEOPLE), tmp_path / "before"
    assert sweep(source, before).code == 0
    first = contents(current(before))
    later = a_week_later(source, tmp_path / "later")
    draw, kills, states = random.Random(SEED), 0, 0  # noqa: S311 a test is to be repeatable
    with Sweeps(later, root, "--fhir") as sweeps:
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
