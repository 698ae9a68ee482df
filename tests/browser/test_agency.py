"""A food bank takes, refuses and completes referrals on an old phone, in a real browser."""

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make dev")

from browser.test_accessibility import failures
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import insert
from support import referrals as given
from support.access import site, store_of
from support.serving_app import serving_app

from plugin.agency.links import Invitation, invite
from plugin.referrals.reading import listed
from plugin.store import Store
from plugin.store.tables.outreach import PEOPLE

pytestmark = pytest.mark.slow

WHO = {"ann": "Ann", "bob": "Bob", "eve": "Eve"}


@pytest.fixture
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Store, Invitation]]:
    """Where the pages are, their store, and the way in for somebody of the food bank, to which three people are referred."""
    app, clock = site(tmp_path_factory.mktemp("bank"))
    store = store_of(app)
    people = [{"patient": id, "name": name, "phone": "555 0100", "language": "en", "sweep": "s1"} for id, name in WHO.items()]
    with store.write() as connection:
        connection.execute(insert(PEOPLE), people)
        invitation = invite(connection, given.CARE, "dir#Organization/bank-1", "A volunteer", clock())
    for patient in WHO:
        given.sent(store, patient)
    with serving_app(app) as url:
        yield url, store, invitation


@pytest.fixture(params=["light", "dark"])
def phone(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """As narrow as old phones are, without scripts: nothing here needs them."""
    context = browser.new_context(viewport={"width": 360, "height": 640}, color_scheme=request.param)
    yield context.new_page()
    context.close()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= 360"))


def choose(page: Page, answer: str) -> None:
    page.get_by_label(answer, exact=True).check()
    page.get_by_role("button", name="Send").click()


def test_a_food_bank_works_its_referrals_on_a_phone(bank: tuple[str, Store, Invitation], phone: Page) -> None:
    url, store, invitation = bank
    phone.goto(f"{url}/agency/enter/{invitation.token}")
    assert failures(phone) == []
    phone.get_by_label("Number").fill("wrong")
    phone.get_by_role("button", name="Go on").click()
    expect(phone.get_by_role("alert")).to_contain_text("4 more times")
    phone.get_by_label("Number").fill(invitation.number)
    phone.get_by_role("button", name="Go on").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Your referrals")
    assert sorted(phone.locator(".referrals a").all_inner_texts()) == ["Ann", "Bob", "Eve"]
    assert failures(phone) == []
    assert fits(phone)

    # Ann gets her parcel.
    phone.get_by_role("link", name="Ann").click()
    assert failures(phone) == []
    assert fits(phone)
    choose(phone, "Yes, we take it")
    expect(phone.get_by_role("status")).to_contain_text("Thank you")
    choose(phone, "It is done")
    expect(phone.get_by_role("alert")).to_contain_text("say what came of it")
    phone.get_by_label("What did they get?").fill("a food parcel")
    choose(phone, "It is done")
    expect(phone.get_by_text("a food parcel")).to_be_visible()

    # There is no place for Bob.
    phone.get_by_role("link", name="Your referrals").click()
    phone.get_by_role("link", name="Bob").click()
    phone.get_by_label("Why?").select_option(label="No place free")
    choose(phone, "No, we cannot")
    expect(phone.get_by_text("Not taken", exact=True).first).to_be_visible()

    # Eve has to wait, with a word why.
    phone.get_by_role("link", name="Your referrals").click()
    phone.get_by_role("link", name="Eve").click()
    choose(phone, "Yes, we take it")
    phone.get_by_label("Why?").select_option(label="On our waiting list")
    phone.get_by_label("In a few words").fill("until August")
    choose(phone, "It has to wait")
    expect(phone.get_by_text("On our waiting list: until August")).to_be_visible()

    phone.get_by_role("link", name="Your referrals").click()
    assert phone.locator(".referrals a").all_inner_texts() == ["Eve"]
    phone.get_by_role("link", name="Done").click()
    assert sorted(phone.locator(".referrals a").all_inner_texts()) == ["Ann", "Bob"]
    with store.read() as connection:
        rows = {row.patient: row for row in listed(connection, given.CARE, "all")[0]}
    assert {patient: row.state for patient, row in rows.items()} == {"ann": "completed", "bob": "rejected", "eve": "on-hold"}

    phone.get_by_role("button", name="Sign out").click()
    phone.goto(f"{url}/agency")
    expect(phone.get_by_role("button", name="Sign in")).to_be_visible()
