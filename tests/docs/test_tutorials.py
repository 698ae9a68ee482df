"""Every tutorial is played as written: its files are made, its commands run, and what it says they print is what they print."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda p: p.stem)
def test_the_tutorial_runs(page: Path, tmp_path: Path) -> None:
    played = 0
    for language, options, body in BLOCK.findall(page.read_text(encoding="utf-8")):
        file = re.search(r"(file|append)=(\S+)", options)
        if file:
            target = tmp_path / file[2]
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("a" if file[1] == "append" else "w", encoding="utf-8") as stream:
                stream.write(body)
        elif language == "console":
            played += _play(body, tmp_path)
    assert played, "a tutorial without a command teaches nothing"


def _play(block: str, folder: Path) -> int:
    """Run each ``$`` line of a block and compare what it prints with the lines below it; ``...`` stands for anything."""
    steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    for step in steps:
        command, _, expected = step.partition("\n")
        done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, env=_environment(), check=False)  # noqa: S602 - our own pages
        printed = done.stdout + done.stderr
        pattern = re.escape(expected.rstrip("\n")).replace(re.escape("..."), ".*")
        assert re.fullmatch(pattern, printed.rstrip("\n"), re.DOTALL), f"$ {command}\nprints\n{printed}\nnot\n{expected}"
    return len(steps)


def _environment() -> dict[str, str]:
    """The environment with the ``almoner`` of this Python first on the path."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
