"""The page of cards in a real browser: everything open, a card pasted."""

import json

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make dev")

from browser.conftest import Site
from browser.test_accessibility import SCHEMES, WIDTHS, failures
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.slow

URL = "/cds/preview?rule=diabetes-food-insecurity"


@pytest.mark.parametrize("width", WIDTHS)
def test_no_accessibility_failure_with_everything_open(browser: Browser, swept: Site, width: int) -> None:
    page = browser.new_context(viewport={"width": width, "height": 860}).new_page()
    page.goto(swept.url + URL)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert (scheme, failures(page)) == (scheme, [])
    page.context.close()


def test_a_card_is_changed_and_shown_again(browser: Browser, swept: Site) -> None:
    page = browser.new_context(viewport={"width": 1100, "height": 860}).new_page()
    page.goto(swept.url + URL)
    card = json.loads(page.get_by_label("Another card").input_value())
    page.get_by_label("Another card").fill(json.dumps(card | {"summary": "Something else to do"}))
    page.get_by_role("button", name="Show this card").click()
    expect(page.locator(".cds-card .summary")).to_have_count(6)
    expect(page.locator(".cds-card .summary").first).to_contain_text("Something else to do")
    expect(page.locator("section", has_text="Oracle Health").locator(".choice")).to_have_count(0)
    page.get_by_label("Another card").fill("{")
    page.get_by_role("button", name="Show this card").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not JSON.")
    assert failures(page) == []
    page.context.close()
