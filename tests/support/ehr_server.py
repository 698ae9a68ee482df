"""A real FHIR server, written by others, on a free loopback port."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
_READY_WITHIN = 60.0


def peer_python() -> Path | None:
    """The Python of the environment that holds the server: ``ALMONER_PEER_PYTHON``, else ``.venv-peer``; ``None`` if absent."""
    path = Path(os.environ.get("ALMONER_PEER_PYTHON") or ROOT / ".venv-peer" / "bin" / "python")
    return path if path.exists() else None


@dataclass(frozen=True, slots=True)
class Ehr:
    """A running server."""

    base_url: str
    headers: dict[str, str] = field(default_factory=dict)
    """What `put` needs where the server is not open."""

    def put(self, resources: Iterable[dict[str, Any]]) -> None:
        """Store each resource under its own id."""
        headers = {"Content-Type": "application/fhir+json"} | self.headers
        with requests.Session() as session:
            session.trust_env = False
            for resource in resources:
                url = f"{self.base_url}/{resource['resourceType']}/{resource['id']}"
                answer = session.put(url, json=resource, headers=headers, timeout=30)
                assert answer.status_code in (200, 201), (resource["resourceType"], answer.status_code, answer.text[:500])


@dataclass(frozen=True, slots=True)
class Smart:
    """SMART Backend Services at the server."""

    clients: list[dict[str, Any]]
    """``client_id``, ``jwks`` and ``scopes`` of each."""
    life: int = 300
    """Of a token, in seconds."""
    public: str | None = None
    """The base URL that the server names; that of a proxy before it."""
    set_up_token: str = "for setting up the test"  # noqa: S105 it opens nothing but this server

    def settings(self) -> dict[str, Any]:
        """As the server's file wants it."""
        return {"types": ["smart", "bearer"], "tokens": [self.set_up_token], "token_lifetime": self.life, "smart_clients": self.clients}


@contextmanager
def ehr_server(python: Path, folder: Path, *, bare: bool = False, smart: Smart | None = None) -> Iterator[Ehr]:
    """Start the server with its data in ``folder``, wait until it answers, stop it in the end. ``bare``: see `run_sekmet`."""
    port = _free_port()
    config = folder / "peer.yaml"
    public = smart.public if smart and smart.public else f"http://127.0.0.1:{port}/fhir"
    auth = json.dumps(smart.settings() if smart else {"types": ["none"]})
    config.write_text(_CONFIG.format(port=port, folder=folder / "data", public=public, auth=auth), encoding="utf-8")
    environment = os.environ | ({"ALMONER_PEER_BARE": "1"} if bare else {})
    with (folder / "peer.log").open("wb") as log:
        process = subprocess.Popen(
            [python, HERE / "run_sekmet.py", config], stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
        try:
            base_url = f"http://127.0.0.1:{port}/fhir"
            _wait_until_ready(base_url, process, folder / "peer.log")
            yield Ehr(base_url, {"Authorization": f"Bearer {smart.set_up_token}"} if smart else {})
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


_CONFIG = """\
base_url: {public}
host: 127.0.0.1
port: {port}
data_dir: {folder}
server_auth: {auth}
validation: {{inbound: strict}}
simulator: {{enabled: false}}
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_until_ready(base_url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + _READY_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            if requests.get(f"{base_url}/metadata", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise RuntimeError(f"the FHIR server did not start: {log.read_text(errors='replace')[-2000:]}")
