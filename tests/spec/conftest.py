"""Every specification runs on every engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engines import NAMES, open_engines
from support.spec import NOTHING, Case, Fetched, Spec, check, check_measure, write_pack

from rules.engines import Engine


@pytest.fixture(scope="session")
def all_engines() -> Iterator[dict[str, Engine]]:
    with open_engines() as engines:
        yield engines


@pytest.fixture(params=NAMES)
def engine(request: pytest.FixtureRequest, all_engines: dict[str, Engine]) -> Engine:
    return all_engines[request.param]


@pytest.fixture
def spec(engine: Engine, tmp_path: Path) -> Spec:
    def run(snippet: str, *cases: Case, pack: str = "", library: str = "", fetched: Fetched = NOTHING) -> None:
        check(engine, write_pack(tmp_path / "pack", snippet, pack, library, fetched), cases)

    return run


@pytest.fixture
def measure(engine: Engine, tmp_path: Path) -> Spec:
    def run(snippet: str, *cases: Case, pack: str = "") -> None:
        check_measure(engine, tmp_path / "pack", snippet, cases, pack)

    return run
