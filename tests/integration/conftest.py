"""The FHIR server of others that these tests talk to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ehr_server import Ehr, ehr_server, peer_python


@pytest.fixture(scope="session")
def peer() -> Path:
    """The Python that has the server; without one, whoever asks for it is skipped."""
    python = peer_python()
    if python is None:
        pytest.skip("no sekmet-fhir here: make peer, or set ALMONER_PEER_PYTHON")
    return python


@pytest.fixture(scope="module")
def ehr(peer: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Ehr]:
    """A server of the module's own. It holds what the module calls ``ON_THE_SERVER``, or nothing."""
    with ehr_server(peer, tmp_path_factory.mktemp("ehr")) as server:
        server.put(getattr(request.module, "ON_THE_SERVER", ()))
        yield server
