"""Somebody writes to people, in a real browser: what they look at is what goes out."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make dev")

from browser.conftest import served
from browser.test_accessibility import failures
from playwright.sync_api import Browser, Page, expect
from support.databases import database_of
from support.messages import WRITERS
from support.outreach import REFERS, person, published
from support.worklist import AS_OF

from plugin.messages.carrying import carry_out
from plugin.messages.gateways.folder import Folder
from plugin.messages.settings import MessageSettings
from plugin.outreach.taking import take
from plugin.store import open_store
from plugin.store.versions import ready

pytestmark = pytest.mark.slow

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    store = ready(open_store(database_of(tmp_path / "state")))
    people = [
        person("a", {REFERS: "yes"}, name="Ana Robles", language="es"),
        person("b", {"phq9-no-follow-up": "yes"}, name="Ben Hale", phone="555 0102"),
    ]
    take(store, published(tmp_path / "state", "s1", people), AS_OF, clock=lambda: NOON)
    store.close()
    with served(tmp_path / "state", MessageSettings(**WRITERS.model_dump() | {"email": "files"})) as url:
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def to_message(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/outreach")
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("link", name="Write to them").click()


def choose(page: Page, wish: dict[str, str]) -> None:
    form = page.get_by_role("form", name="Choose the words")
    for label, value in wish.items():
        form.get_by_label(label).select_option(label=value)
    form.get_by_role("button", name="Show").click()


def test_what_is_looked_at_is_what_goes_out(site: str, page: Page, tmp_path: Path) -> None:
    to_message(page, site, "Ana Robles")
    choose(page, {"Channel": "E-mail", "Reading level": "Very easy words"})
    expect(page.get_by_text("they have not agreed to be written to by e-mail")).to_be_visible()
    assert failures(page) == []
    page.get_by_label("E-mail address").fill("ana@example.org")
    page.get_by_role("form", name="Their leave").get_by_role("button", name="Keep").click()

    expect(page.get_by_text("a•••@example.org").first).to_be_visible()
    shown = page.get_by_role("article").inner_text()
    assert "¿Le cuesta pagar la comida?" in shown
    assert failures(page) == []
    page.get_by_role("form", name="Send").get_by_role("button", name="Send").click()
    expect(page.get_by_role("cell", name="Waits to be sent")).to_be_visible()
    page.get_by_text("What was written").click()
    expect(page.get_by_text("¿Le cuesta pagar la comida?")).to_be_visible()
    assert failures(page) == []

    store = open_store(database_of(tmp_path / "state"))
    assert carry_out(store, {"files": Folder(tmp_path / "out")}, lambda: datetime.now(UTC).replace(year=2026, month=6, day=30)) == {
        "sent": 1
    }
    store.close()
    (file,) = (tmp_path / "out" / "email").iterdir()
    (row,) = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))
    assert "".join(shown.split()) == "".join(f"{row['subject']}{row['text']}".split())
    page.reload()
    expect(page.get_by_role("cell", name="Sent", exact=True)).to_be_visible()


def test_what_must_stay_between_us_is_spoken_and_not_written(site: str, page: Page) -> None:
    to_message(page, site, "Ben Hale")
    expect(page.get_by_text("it says nothing about why")).to_be_visible()
    assert "feeling" not in page.get_by_role("article").inner_text()
    choose(page, {"Topic": "How you have been feeling", "Channel": "Telephone script"})
    expect(page.get_by_text("how you had been feeling")).to_be_visible()
    assert failures(page) == []


@pytest.mark.parametrize("width", [360, 1100])
def test_a_message_fits_every_screen(site: str, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 780})
    page.emulate_media(color_scheme="dark")
    to_message(page, site, "Ana Robles")
    assert failures(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_letter_is_printed_alone(site: str, page: Page) -> None:
    to_message(page, site, "Ana Robles")
    page.emulate_media(media="print")
    expect(page.get_by_role("article")).to_be_visible()
    for name in ("Choose the words", "Send"):
        expect(page.get_by_role("form", name=name)).to_be_hidden()
    expect(page.get_by_text("whoever opens the post")).to_be_hidden()
