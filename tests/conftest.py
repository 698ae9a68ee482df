"""What every test can count on: the shared data, slow tests last, and no test person in any output."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from support.databases import Templates

    from plugin.store import Store

ROOT = Path(__file__).resolve().parent.parent
CANARY = "ZZ" + "CANARY"
"""Part of the name, number and phone of people in the tests: wherever it turns up in output, a real person's data would have."""
ON_POSTGRESQL = os.environ.get("ALMONER_TESTS_ON") == "postgresql"
"""Whether the databases of applications under test are on a PostgreSQL server (make postgresql); else they are SQLite files."""

# A slow machine is no failure, and the suite gives the same verdict twice; `--hypothesis-profile search` looks for new cases.
settings.register_profile("suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, bool | None, bool | None]:
    """A command that is called with ``--config`` names the file in the environment, for its processes: not for the tests after this one."""
    before = os.environ.get("ALMONER_CONFIG")
    try:
        return (yield)
    finally:
        os.environ.pop("ALMONER_CONFIG", None)
        os.environ.update({"ALMONER_CONFIG": before} if before is not None else {})


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data (standards' examples): ``data`` in ``ALMONER_SHARED``, else in ``../shared`` beside the checkout."""
    folder = Path(os.environ.get("ALMONER_SHARED") or ROOT.parent / "shared") / "data"
    if not folder.is_dir():
        pytest.skip("no shared reference data here: set ALMONER_SHARED to the folder that holds its data/")
    return folder


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server, started when the first test asks for it."""
    from support.databases import postgresql

    with postgresql() as server:
        yield server


@pytest.fixture(scope="session", autouse=ON_POSTGRESQL)
def _applications_on_postgresql(postgresql_server: str) -> Iterator[None]:
    """With ``ALMONER_TESTS_ON=postgresql``, every application under test has its database on the server."""
    from support.databases import settings_on

    with settings_on(postgresql_server):
        yield


@pytest.fixture(autouse=ON_POSTGRESQL)
def _databases_go_with_their_test(_applications_on_postgresql: None) -> Iterator[None]:
    """What fixtures of a module or the session made stays, for it was there before."""
    from support.databases import dropped_afterwards

    with dropped_afterwards():
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new database without tables: the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'almoner.db'}"
        return
    from support.databases import emptied

    with emptied(request.getfixturevalue("postgresql_server")) as url:
        yield url


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> "Templates":
    """Databases that the next fixture copies."""
    from support.databases import Templates

    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, templates: "Templates", tmp_path: Path) -> Iterator["Store"]:
    """A new database with all our tables: the test runs on SQLite and on PostgreSQL."""
    from plugin.store import open_store

    with ExitStack() as opened:
        if request.param == "sqlite":
            url = templates.sqlite(tmp_path / "almoner.db")
        else:
            url = opened.enter_context(templates.postgresql(request.getfixturevalue("postgresql_server")))
        found = open_store(url)
        opened.callback(found.close)
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first: a mistake shows early. What is about SQLite alone is told nothing by a server."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
    for item in items:
        if ON_POSTGRESQL and item.get_closest_marker("about_sqlite"):
            item.add_marker(pytest.mark.skip(reason="about SQLite's file, and this run is on PostgreSQL"))


class PhiCanary:
    """Fails a run in which captured output or a log record of any test holds the canary.

    It sees what pytest captures (stdout, stderr, log records of every level). What a test takes for itself (``capsys``, click's
    ``CliRunner``) is that test's to judge. Reports the test and the stream only, never the text.
    """

    def __init__(self) -> None:
        self.sightings: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.sightings += [f"{report.nodeid}: {name}" for name, text in report.sections if CANARY in text]

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        if self.sightings:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.sightings:
            terminalreporter.section("personal data in output", red=True)
            for sighting in sorted(set(self.sightings)):
                terminalreporter.line(sighting)


def pytest_configure(config: pytest.Config) -> None:
    """Watch where the reports of all workers come together."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(PhiCanary(), "phi-canary")


JOB_STATE = ("almoner.log", ".pull/*.sqlite*", "log.ndjson", "pull.json", "keys.json", "servers/*.json")
"""What jobs write about themselves, in which nobody must be named. The stores of people (worklists, warehouses, outboxes) do name them."""


@pytest.fixture(autouse=True)
def _state_of_jobs_names_nobody(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that left the canary in the state of a job."""
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder is not None:
        named = [pattern for pattern in JOB_STATE for file in folder.rglob(pattern) if CANARY.encode() in file.read_bytes()]
        if named:
            pytest.fail(f"personal data in {', '.join(named)}", pytrace=False)
