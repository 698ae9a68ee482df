"""A food bank says that it is full and refers somebody, and somebody asks for help, on an old phone in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make dev")

from browser.test_accessibility import failures
from browser.test_agency import fits, phone
from playwright.sync_api import Page, expect
from support import referrals as given
from support.access import PASSWORD, account, site, store_of
from support.serving_app import serving_app

from plugin.access import Role
from plugin.inbound.keeping import listed
from plugin.listings.site import EXTENSION
from plugin.store import Store

pytestmark = pytest.mark.slow

__all__ = ["phone"]


@pytest.fixture
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Store]]:
    """Where the pages are; a food bank whose entry nobody has confirmed for long, and its volunteer."""
    app, _ = site(tmp_path_factory.mktemp("bank"))
    app.extensions[EXTENSION] = given.directory(given.bank(1, assured=date(2024, 1, 1)), given.bank(2))
    runtime = app.extensions["almoner"]
    own = runtime.settings.referrals.model_copy(update={"self_referral": True})
    app.extensions["almoner"] = replace(runtime, settings=runtime.settings.model_copy(update={"referrals": own}))
    account(store_of(app), "volunteer", Role.AGENCY, agency="dir#Organization/bank-1")
    with serving_app(app) as url:
        yield url, store_of(app)


def looked_at(page: Page) -> None:
    assert failures(page) == []
    assert fits(page)


def described(page: Page) -> None:
    page.get_by_label("What is it about?").select_option(label="Food")
    page.get_by_label("First name and last name").fill("José Bell")
    page.get_by_label("Date of birth").fill("1980-03-04")
    page.get_by_label("Phone", exact=True).fill("555 0177")
    page.get_by_label("No, somebody else may hear it").check()


def test_a_food_bank_says_that_it_is_full_and_refers_somebody(bank: tuple[str, Store], phone: Page) -> None:
    url, _ = bank
    phone.goto(f"{url}/sign-in")
    phone.get_by_label("Login").fill("volunteer")
    phone.get_by_label("Password").fill(PASSWORD)
    phone.get_by_role("button", name="Sign in").click()

    phone.get_by_role("link", name="Services").click()
    expect(phone.get_by_text("Nobody has confirmed this since 1 Jan 2024")).to_be_visible()
    looked_at(phone)
    phone.get_by_role("link", name="Food parcels 1").click()
    looked_at(phone)
    phone.get_by_label("No, we are full").check()
    phone.get_by_label("Until when?").fill("2026-08-01")
    phone.get_by_role("button", name="Say so").click()
    expect(phone.get_by_role("status")).to_contain_text("We have kept it")
    expect(phone.get_by_text("until 1 Aug 2026")).to_be_visible()
    phone.get_by_label("Monday, from").fill("09:00")
    phone.get_by_role("button", name="It is right like this").click()
    expect(phone.get_by_role("alert")).to_contain_text("Opening hours have a beginning and an end")
    phone.get_by_label("Monday, from").fill("09:00")
    phone.get_by_label("Monday, to").fill("12:00")
    phone.get_by_role("button", name="It is right like this").click()
    expect(phone.get_by_text("Confirmed 30 Jun 2026")).to_be_visible()
    looked_at(phone)

    phone.get_by_role("link", name="Refer to us").click()
    looked_at(phone)
    phone.get_by_role("link", name="Refer somebody to us").click()
    looked_at(phone)
    phone.get_by_label("They did").check()
    phone.get_by_label("To find out what they need").check()
    described(phone)
    phone.get_by_role("button", name="Refer them").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("José Bell")
    expect(phone.get_by_role("status")).to_contain_text("We will look at it")
    looked_at(phone)


def test_somebody_asks_for_help(bank: tuple[str, Store], phone: Page) -> None:
    url, store = bank
    phone.goto(f"{url}/ask-for-help")
    looked_at(phone)
    described(phone)
    phone.get_by_label("I agree").check()
    phone.get_by_role("button", name="Send").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Thank you")
    looked_at(phone)
    with store.read() as connection:
        (row,), _ = listed(connection, given.CARE, "new")
    assert (row.name, row.need, row.safe, row.agency) == ("José Bell", "food-insecurity", False, None)
