"""Signing in, breaking the glass and reviewing it in a real browser: usable by keyboard, readable, nothing cut off."""

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make dev")

from browser.test_accessibility import SCHEMES, WIDTHS, failures
from playwright.sync_api import Browser, Page
from support.access import PASSWORD, account, site, store_of
from support.serving_app import serving_app

from plugin.access import Role

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The application behind accounts: ann is a care manager, root an administrator."""
    app, _ = site(tmp_path_factory.mktemp("accounts"))
    account(store_of(app), "ann", Role.CARE_MANAGER)
    account(store_of(app), "root", Role.ADMINISTRATOR)
    with serving_app(app) as url:
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    yield context.new_page()
    context.close()


def looked_at(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 860})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert (page.url, width, scheme, failures(page)) == (page.url, width, scheme, [])


def sign_in(page: Page, url: str, login: str, password: str = PASSWORD) -> None:
    page.goto(f"{url}/account")
    page.locator("#login").fill(login)
    page.locator("#password").fill(password)
    with page.expect_navigation():
        page.locator("#password").press("Enter")


def test_a_care_manager_signs_in_breaks_the_glass_and_leaves(page: Page, url: str) -> None:
    page.goto(url)
    assert page.url == f"{url}/sign-in"
    looked_at(page)
    sign_in(page, url, "ann", "wrong password")
    assert page.get_by_role("alert").inner_text() == "The login or the password is not right."
    looked_at(page)
    sign_in(page, url, "ann")
    assert page.get_by_role("heading", level=1).inner_text() == "Ann"
    looked_at(page)
    page.get_by_role("link", name="Break the glass").click()
    looked_at(page)
    page.get_by_label("Why do you need it now?").fill("She called and may be in danger")
    page.get_by_role("button", name="Break the glass").click()
    assert "The glass is broken" in page.inner_text("body")
    looked_at(page)
    page.get_by_role("button", name="End it now").click()
    assert "The glass is broken" not in page.inner_text("body")
    page.get_by_role("button", name="Sign out").click()
    assert "You are signed out." in page.inner_text("main")
    page.goto(f"{url}/account")
    assert page.url.startswith(f"{url}/sign-in")


def test_an_administrator_reviews_a_broken_glass(page: Page, url: str) -> None:
    sign_in(page, url, "ann")
    page.get_by_role("link", name="Break the glass").click()
    page.get_by_label("Why do you need it now?").fill("She called and may be in danger")
    page.get_by_role("button", name="Break the glass").click()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, url, "root")
    page.goto(url)
    assert page.url == f"{url}/break-glass/uses"
    assert "She called and may be in danger" in page.inner_text("table")
    looked_at(page)
    page.get_by_role("button", name="Reviewed").first.click()
    assert "reviewed" in page.inner_text("table")
    looked_at(page)


def test_the_form_in_spanish(browser: Browser, url: str) -> None:
    context = browser.new_context(locale="es-ES")
    page = context.new_page()
    page.goto(url)
    assert page.get_by_role("heading", level=1).inner_text() == "Iniciar sesión"
    looked_at(page)
    context.close()
