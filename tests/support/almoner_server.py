"""Almoner itself, as operators run it: gunicorn on a free loopback port."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.databases import environment_of

_READY: Final = re.compile(r"^CDS Hooks +(\S+)/cds-services$", re.MULTILINE)
_READY_WITHIN: Final = 60.0


@dataclass
class Running:
    """A server that runs."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def workers(self) -> list[int]:
        """The processes that answer."""
        return children(self.process.pid)

    def engines(self) -> list[int]:
        """The processes that the workers keep for durable_rules."""
        return [child for worker in self.workers() for child in children(worker)]


def children(process: int) -> list[int]:
    """The child processes that the threads of a process have; none if it is gone."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, thread.read_text().split())
    return found


@contextmanager
def almoner_server(folder: Path, as_of: str, fhir_servers: Sequence[str] = (), origins: Sequence[str] = ()) -> Iterator[str]:
    """Start ``almoner serve`` with its state and its log in ``folder``, give its address, stop it in the end.

    It waits long for the servers it reads from: where many tests run at once, so do they.
    """
    with almoner_running(
        folder,
        as_of,
        ALMONER_CDS__FHIR_SERVERS=json.dumps(fhir_servers),
        ALMONER_CDS__ALLOWED_ORIGINS=json.dumps(origins),
        ALMONER_CDS__FETCH_SECONDS="10",
    ) as running:
        yield running.url


@contextmanager
def almoner_running(folder: Path, as_of: str, port: int = 0, **more: str) -> Iterator[Running]:
    """The same with any settings, as variables of the environment, and with its processes in hand."""
    settings: Mapping[str, str] = {"ALMONER_AS_OF": as_of} | environment_of(folder / "state") | more
    log = folder / "almoner.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "plugin", "serve", "--port", str(port)]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | settings)
        try:
            yield Running(_address(process, log), process, log)
        finally:
            process.terminate()
            code = process.wait(30)
    assert code == 0, log.read_text()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    end = time.monotonic() + _READY_WITHIN
    while time.monotonic() < end and process.poll() is None:
        if found := _READY.search(log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"almoner did not start: {log.read_text()[-2000:]}")
