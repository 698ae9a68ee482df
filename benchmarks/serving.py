"""The servers that are measured, each with two worker processes on a free port of this machine."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WORKERS: Final = 2
THREADS: Final = 8
_HERE: Final = Path(__file__).parent
_GUNICORN: Final = ("-m", "gunicorn", "-k", "gthread", "-w", str(WORKERS), "--threads", str(THREADS), "--log-level", "error")
_TICK: Final = os.sysconf("SC_CLK_TCK")
_START_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs."""

    name: str
    url: str
    session: int

    def cpu(self) -> float:
        """Seconds of CPU that all its processes have used, those that ended too."""
        found = (_fields(stat) for stat in Path("/proc").glob("[0-9]*/stat"))
        return sum(_cpu(fields) for fields in found if fields and int(fields[3]) == self.session)


def _fields(stat: Path) -> list[str]:
    """From the process's state on; empty if it ended meanwhile."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(fields: list[str]) -> float:
    return sum(map(int, fields[11:15])) / _TICK


@contextmanager
def running(name: str, command: list[str], port: int, folder: Path, env: dict[str, str] | None = None) -> Iterator[Server]:
    """Start a server in a session of its own, give it when it listens, and stop it in the end."""
    with (folder / f"{name.replace(' ', '-')}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | (env or {}), start_new_session=True)
        try:
            _wait(process, port, Path(log.name))
            yield Server(name, f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()
            process.wait(30)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text()[-1500:]}")


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def almoner(port: int) -> list[str]:
    """As operators run it."""
    return [sys.executable, "-m", "plugin", "serve", "--port", str(port)]


def granian(port: int, application: str, *more: str, threads: int = THREADS) -> list[str]:
    """Another server for the same application."""
    how = ("--workers", str(WORKERS), "--blocking-threads", str(threads), "--respawn-failed-workers", "--log-level", "warning")
    return [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), *how, *more, application]


def flask_echo(port: int) -> list[str]:
    """The floor: the same server, and nothing but the body read and parsed."""
    return [sys.executable, *_GUNICORN, "-b", f"127.0.0.1:{port}", "benchmarks.echo:app"]


def express(port: int, node: str) -> list[str]:
    """The same on Node.js."""
    return [node, str(_HERE / "echo.cjs"), str(port), str(WORKERS)]


def express_in(folder: Path) -> tuple[str, dict[str, str]] | str:
    """Node.js with Express installed in ``folder``: its path and its environment; else why not."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return "no Node.js and npm here"
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel=error", "express@5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        return "npm could not install express"
    return node, {"NODE_PATH": str(folder / "node_modules"), "NODE_ENV": "production"}
