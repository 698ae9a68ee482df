"""Running the installed ``almoner`` command as people do."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


def almoner(*arguments: str | Path, cwd: Path | None = None) -> Ran:
    """Run ``almoner`` with these arguments and wait for it."""
    command = [sys.executable, "-m", "plugin", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, cwd=cwd)
    return Ran(done.returncode, done.stdout, done.stderr)
