"""A pull that is killed, again and again, ends with the data set of one that nobody disturbed."""

import os
from pathlib import Path

import pytest
from support.killing import kill_until

KILLS = int(os.environ.get("ALMONER_KILLS", "15"))
SEED = int(os.environ.get("ALMONER_KILLS_SEED", "4"))


@pytest.mark.slow
def test_kill_and_restart_at_any_moment_ends_with_the_same_data(tmp_path: Path) -> None:
    told = kill_until(KILLS, tmp_path, SEED)
    print(told)  # noqa: T201 the long form is read by people
    assert told["kills"] >= KILLS
