"""A headless Chromium, and the application over a small synthetic population for it to look at."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.ledger import fill
from support.serving_app import serving_app
from support.sweeping import sweep
from support.worklist import AS_OF, application

from fhir_adapters.synthetic import write_ndjson
from plugin.cds.ledger.opening import open_ledger
from plugin.cds.policy.alarms import Alarm, raise_alarms
from plugin.messages.settings import MessageSettings
from plugin.settings import CdsSettings, PlaygroundSettings, Settings
from plugin.sweep.published import Published

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
PEOPLE = 400


@dataclass(frozen=True)
class Site:
    """Where the application answers."""

    url: str
    sweep: str


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program: ``ALMONER_CHROMIUM``, else the first one on the path."""
    found = os.environ.get("ALMONER_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if not found:
        pytest.skip("no Chromium on the path: install one, or name it in ALMONER_CHROMIUM")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator["Browser"]:
    """The browser itself."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make dev")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The application after a sweep over a synthetic population."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "fhir").mkdir()
    write_ndjson(folder / "fhir", PEOPLE, 7, AS_OF)
    published = Published(folder / "state")
    assert sweep(folder / "fhir", folder / "state", AS_OF).code == 0
    assert published.current
    ledger = open_ledger(Settings(state=folder / "state"))
    now = datetime.now(UTC)
    fill(ledger, now, 400)
    raise_alarms(
        ledger.store, [Alarm("diabetes-food-insecurity", "north", kind, now.date(), 7, 0, 21.0) for kind in ("less", "unwelcome")], now
    )
    ledger.store.close()
    with served(folder / "state") as url:
        yield Site(url, published.current.name)


@pytest.fixture(scope="session")
def unswept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The application before its first sweep."""
    with served(tmp_path_factory.mktemp("unswept")) as url:
        yield Site(url, "")


@contextmanager
def served(state: Path, messages: MessageSettings | None = None) -> Iterator[str]:
    """The address of the application over a state folder, answering on this machine while the block runs."""
    app = application(state, playground=PlaygroundSettings(enabled=True, people=PEOPLE), cds=CdsSettings(preview=True), messages=messages)
    with serving_app(app) as url:
        yield url
