"""A load that is killed at any moment leaves the snapshot that was, or the one that was to be.

``ALMONER_WAREHOUSE_KILLS`` says how often.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.filling_warehouse import pull, shown

KILLS = int(os.environ.get("ALMONER_WAREHOUSE_KILLS", "6"))


def fill_for(seconds: float, root: Path, tests: Path) -> int:
    """Let a process fill the warehouse, kill it some time after its first load began; how many loads it began."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)])}
    command = [sys.executable, "-m", "support.filling_warehouse", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        begun = [process.stdout.readline()]
        time.sleep(seconds)
        process.kill()
        begun += process.stdout.read().splitlines()
    assert process.returncode == -9, "it ended by itself: something is wrong with the load"
    return len(begun)


@pytest.mark.slow
def test_a_killed_load_leaves_the_old_or_the_new_snapshot(tmp_path: Path, root: Path) -> None:
    warehouse, draw, seen = tmp_path / "warehouse", random.Random(KILLS), 0.0  # noqa: S311 when to kill is no secret
    for _ in range(KILLS):
        begun = fill_for(draw.uniform(0.0, 1.2), warehouse, root / "tests")
        values = shown(warehouse)
        assert len(values) <= 1, "a mixture of two snapshots"
        (now,) = values or {0.0}
        assert now is not None
        assert seen <= now <= seen + begun, "nothing that was published is lost, nothing is there that was not loaded"
        seen = now
    pull(warehouse, int(seen) + 1)
    assert shown(warehouse) == {seen + 1}
    assert not list(warehouse.glob("work-*"))
    assert len(list((warehouse / "snapshots").iterdir())) <= 2
