"""Almoner itself, as operators run it: gunicorn on a free loopback port."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_READY: Final = re.compile(r"^CDS Hooks +(\S+)/cds-services$", re.MULTILINE)
_READY_WITHIN: Final = 60.0


@contextmanager
def almoner_server(folder: Path, as_of: str, fhir_servers: Sequence[str] = (), origins: Sequence[str] = ()) -> Iterator[str]:
    """Start ``almoner serve`` with its state and its log in ``folder``, give its address, stop it in the end."""
    settings = {
        "ALMONER_AS_OF": as_of,
        "ALMONER_STATE": str(folder / "state"),
        "ALMONER_CDS__FHIR_SERVERS": json.dumps(fhir_servers),
        "ALMONER_CDS__ALLOWED_ORIGINS": json.dumps(origins),
    }
    log = folder / "almoner.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "plugin", "serve", "--port", "0"]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | settings)
        try:
            yield _address(process, log)
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
