"""Kills pulls with SIGKILL at random moments and starts them again, until a data set is complete; then compares it."""

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Timer
from typing import Any

from support.bulk_server import BulkServer, bulk_server, cut, reset, status
from support.hand_made import person
from support.pull_once import NOTHING_BEGUN
from support.pulling import exported, received, tree

TYPES = ("Condition", "Encounter", "Goal", "Observation", "Patient", "Procedure", "Task")
_ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Killer:
    """Kills a process some moments after the server has noticed so many of its requests and pieces."""

    after: int
    delay: float
    process: int | None = None
    killed: bool = False
    _lock: Lock = field(default_factory=Lock)

    def __call__(self) -> None:
        with self._lock:
            self.after -= 1
            if self.after == 0:
                Timer(self.delay, self.kill).start()

    def kill(self) -> None:
        """Whether it still runs or not."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL)
                self.killed = True


def population(server: BulkServer) -> None:
    """An export of some files, large and small."""
    everybody = [resource | {"id": f"{resource['id']}-{n}"} for n in range(40) for resource in person("ann")]
    server.files = exported((resource for resource in everybody if resource["resourceType"] in TYPES), per_file=50)
    for number, file in enumerate(server.files):
        file.packed = number % 3 == 0
    server.per_page, server.polls, server.partial, server.signed, server.piece = 4, 2, True, True, 512


def trouble(server: BulkServer, draw: random.Random) -> None:
    """Something goes wrong on the server too, so that what is killed is often about to try again."""
    for file in draw.sample(server.files, 4):
        server.fail(
            file.name, draw.choice([status(503, Retry_After="0"), cut(draw.randrange(1, 900)), reset(draw.randrange(1, 900)), status(410)])
        )
    server.fail(draw.choice(["kickoff", "status", "page", "delete"]), status(500))


def pulled_with_kills(pulls: "Pulls", into: Path, draw: random.Random) -> int:
    """Pull until it is done, killing on the way. Returns how many processes were killed."""
    kills, how = 0, "begin"
    while True:
        killer = Killer(draw.randrange(1, 60), draw.choice([0.0, draw.uniform(0, 0.01), draw.uniform(0, 0.1)]))
        code = pulls.run(into, how, killer)
        kills += killer.killed
        if code == 0:
            return kills
        assert killer.killed or code == NOTHING_BEGUN, code
        # A pull that had ended just so would, if begun again, ask for what changed since.
        how = "begin" if code == NOTHING_BEGUN else "resume"


class Pulls:
    """Starts processes that pull, one after another."""

    def __init__(self, server: BulkServer) -> None:
        paths = {"PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'tests'}"}
        command = [sys.executable, "-m", "support.pull_once"]
        self._server = server
        self._starter = subprocess.Popen(command, env=os.environ | paths, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Pulls":
        return self

    def __exit__(self, *_: object) -> None:
        self._starter.communicate()

    def run(self, into: Path, how: str, killer: Killer) -> int:
        """The exit code; negative if a signal ended it."""
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._server.hook = killer
        self._starter.stdin.write(f"{self._server.base_url} {into} {','.join(TYPES)} {how}\n")
        self._starter.stdin.flush()
        killer.process = int(self._starter.stdout.readline())
        ended = os.waitstatus_to_exitcode(int(self._starter.stdout.readline()))
        killer.process = None
        return ended


def kill_until(kills: int, folder: Path, seed: int) -> dict[str, Any]:
    """Pull into one folder after another until so many processes were killed. Every folder must be as one that nobody disturbed."""
    draw = random.Random(seed)  # noqa: S311 a test is to be repeatable
    done, folders = 0, 0
    with bulk_server() as server, Pulls(server) as pulls:
        population(server)
        undisturbed = folder / "undisturbed"
        assert pulls.run(undisturbed, "begin", Killer(0, 0.0)) == 0
        assert received(undisturbed) == {file.content for file in server.files}
        expected = tree(undisturbed)
        while done < kills:
            folders += 1
            trouble(server, draw)
            into = folder / str(folders)
            done += pulled_with_kills(pulls, into, draw)
            assert tree(into) == expected, f"seed {seed}, folder {folders}"
            server.faults.clear()
    return {"kills": done, "folders": folders, "files": len(expected), "exports": len(server.kicked), "left behind": len(server.exports)}
