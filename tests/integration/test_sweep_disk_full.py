"""A disk that is full, wherever that is noticed: the sweep says so, the previous one stands, and with more room it goes on."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.sweeping import SECOND, contents, current, sweep, town

pytestmark = pytest.mark.slow

STEP = 96
"""KiB by which the disk grows from try to try."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of our own, in memory."""
    mount, folder = shutil.which("mount"), tmp_path / "disk"
    folder.mkdir()
    if not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=False, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here: that needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)  # noqa: S607 where mount is, umount is


def resize(disk: Path, kilobytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", disk], check=True)  # noqa: S607


def used(disk: Path) -> int:
    """In KiB."""
    return shutil.disk_usage(disk).used // 1024


def test_with_every_little_more_room_it_fails_as_told_until_there_is_enough(disk: Path, tmp_path: Path) -> None:
    source, state = town(tmp_path / "fhir", 60), disk / "state"
    assert sweep(source, state).code == 0
    before = contents(current(state))
    shutil.copytree(state, tmp_path / "undisturbed")
    assert sweep(source, tmp_path / "undisturbed", SECOND, "--full").code == 0
    full = 0
    for room in range(STEP // 2, 40 * STEP, STEP):
        resize(disk, max(used(disk), 1) + room)
        ran = sweep(source, state, SECOND, *(["--full"] if not full else []))
        if ran.code == 0:
            break
        full += 1
        assert ran.code in (3, 4), ran.err
        assert "disk is full" in ran.err, ran.err
        assert contents(current(state)) == before
    assert full > 1, "it never was full"
    assert contents(current(state)) == contents(current(tmp_path / "undisturbed"))
