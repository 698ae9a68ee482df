"""Every page in a real browser, light and dark, wide and narrow: no accessibility failure, nothing cut off, nothing from elsewhere."""

from typing import Any, Literal

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make dev")

from axe_playwright_python.sync_playwright import Axe
from browser.conftest import Site
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PAGES = {
    "findings": "/findings",
    "what to ask": "/findings?view=ask",
    "filters that nobody fits": "/findings?rule=nothing",
    "a person": "/people/{sweep}/0",
    "nobody": "/people/{sweep}/99999",
    "worklist": "/outreach",
    "referrals": "/referrals",
    "referred to us": "/inbound",
    "services of agencies": "/listings",
    "worklist of those put off": "/outreach?view=later",
    "worklist narrowed": "/outreach?rule=phq9-no-follow-up&sort=due",
    "rules": "/rules",
    "a rule": "/rules/diabetes-food-insecurity",
    "sweeps": "/sweeps",
    "a sweep": "/sweeps/{sweep}",
    "what a sweep could not use": "/sweeps/{sweep}/quarantine",
    "cards": "/cds/analytics",
    "cards by site": "/cds/analytics?by=site",
    "cards of nobody": "/cds/analytics?from=2020-01&to=2020-01&rule=diabetes-food-insecurity",
    "the playground": "/playground",
    "cards on trial": "/cds/preview?rule=diabetes-food-insecurity",
    "a renewed list": "/found/earlier",
    "search": "/found/{sweep}?rows=0.1.2&of=3",
}
"""What each page is, and its address."""

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (1100, 390)


@pytest.fixture(scope="module")
def window(browser: Browser) -> Page:
    return browser.new_context().new_page()


@pytest.fixture
def page(window: Page) -> Page:
    """A window as wide as that of a small desktop computer, light."""
    window.set_viewport_size({"width": 1100, "height": 860})
    window.emulate_media(color_scheme="light")
    return window


def failures(page: Page) -> list[str]:
    """What axe objects to, with the place; all that is there to repair it. Waits for the page's own styles."""
    page.wait_for_load_state("load")
    found: dict[str, Any] = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}}).response
    assert found["passes"], "axe looked at nothing"
    return [f"{v['id']}: {node['target']}" for v in found["violations"] for node in v["nodes"]]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_accessibility_failure_and_nothing_cut_off(page: Page, swept: Site, name: str) -> None:
    page.goto(swept.url + PAGES[name].format(sweep=swept.sweep))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 860})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert (width, scheme, failures(page)) == (width, scheme, [])


def test_no_accessibility_failure_before_the_first_sweep(page: Page, unswept: Site) -> None:
    page.goto(unswept.url)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert failures(page) == []


def test_the_check_sees_a_failure(page: Page, swept: Site) -> None:
    page.goto(f"{swept.url}/findings")
    page.evaluate("document.querySelector('main').innerHTML = '<p class=mute><img src=x><input></p>'")
    assert {failure.split(":")[0] for failure in failures(page)} >= {"image-alt", "label"}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_is_cut_off_at_four_times_the_size(page: Page, swept: Site, name: str) -> None:
    page.set_viewport_size({"width": 320, "height": 256})
    page.goto(swept.url + PAGES[name].format(sweep=swept.sweep))
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("width", WIDTHS)
def test_no_badge_covers_what_stands_beside_it(page: Page, swept: Site, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 860})
    page.goto(f"{swept.url}/findings?level=prevent")
    overlaps = """[...document.querySelectorAll('.finding')].filter(finding => {
        const [badge, text] = [...finding.children].map(child => child.getBoundingClientRect());
        const words = document.createRange();
        words.selectNodeContents(finding.firstElementChild);
        return words.getBoundingClientRect().right > text.left && badge.bottom > text.top;
    }).length"""
    assert page.locator(".finding").count() > 0
    assert page.evaluate(overlaps) == 0


def test_the_first_screen_shows_five_people(page: Page, swept: Site) -> None:
    page.goto(f"{swept.url}/findings?sort=name")
    tops = page.evaluate("[...document.querySelectorAll('.people tbody tr')].map(row => row.getBoundingClientRect().top)")
    assert len([top for top in tops if top < 860]) >= 5


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page, swept: Site) -> None:
    page.goto(f"{swept.url}/findings")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    reached = set()
    for _ in range(18):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()"))
    assert {"text", "rule", "level", "language", "sort", "Show"} <= reached


def test_pages_ask_nobody_else_and_run_nothing(browser: Browser, swept: Site) -> None:
    asked: list[str] = []
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    for address in PAGES.values():
        page.goto(swept.url + address.format(sweep=swept.sweep))
    context.close()
    assert len(asked) > len(PAGES)
    assert all(url.startswith(swept.url + "/") for url in asked)


def test_somebody_is_found_opened_and_left_again(page: Page, swept: Site) -> None:
    """As an outreach worker does it: search, open, back."""
    page.goto(f"{swept.url}/findings")
    name = page.locator(".person a").first.inner_text()
    page.get_by_label("Name or id").fill(name)
    page.get_by_role("button", name="Find").click()
    assert page.locator("tbody tr").count() >= 1
    assert name not in page.url
    page.locator(".person a").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == name
    page.go_back()
    assert page.locator("tbody tr").count() >= 1
