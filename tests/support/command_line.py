"""Running the installed ``almoner`` command as people do."""

import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from support.databases import environment_of

from plugin.cli import main


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


def almoner(*arguments: str | Path, cwd: Path | None = None) -> Ran:
    """Run ``almoner`` with these arguments and wait for it."""
    command = [sys.executable, "-m", "plugin", *map(str, arguments)]
    env = os.environ | _environment(*map(str, arguments))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, cwd=cwd, env=env)
    return Ran(done.returncode, done.stdout, done.stderr)


def _environment(*arguments: str) -> dict[str, str]:
    """The state that the arguments or the environment name, and its database; of another, settings in a file say all."""
    state = arguments[arguments.index("--state") + 1] if "--state" in arguments else os.environ.get("ALMONER_STATE")
    return environment_of(Path(state)) if state else {}


def almoner_here(*arguments: str | Path) -> Ran:
    """The same in this process, which spares the start of another one. The environment is as before afterwards."""
    out, err, code = StringIO(), StringIO(), 0
    argv = ["almoner", *map(str, arguments)]
    with patch.object(sys, "argv", argv), patch.dict(os.environ), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())
