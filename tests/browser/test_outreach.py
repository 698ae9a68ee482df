"""A care manager works a morning's list, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make dev")

from browser.conftest import served
from browser.test_accessibility import failures
from playwright.sync_api import Browser, Page, expect
from support.databases import database_of
from support.sweeping import sweep
from support.worklist import AS_OF

from fhir_adapters.synthetic import write_ndjson
from plugin.outreach.taking import take_published

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Where the list is, and the folder of its state."""
    folder = tmp_path_factory.mktemp("morning")
    (folder / "fhir").mkdir()
    write_ndjson(folder / "fhir", 200, 11, AS_OF)
    assert sweep(folder / "fhir", folder / "state", AS_OF).code == 0
    with served(folder / "state") as url:
        yield url, folder / "state"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def names(page: Page) -> list[str]:
    """Who has a row; beside them may stand who lives at the same address."""
    return page.locator("td.person > a").all_inner_texts()


def deed(page: Page, title: str) -> None:
    page.get_by_role("form", name=title).get_by_role("button").click()


def test_a_care_manager_works_the_list_of_a_morning(morning: tuple[str, Path], page: Page) -> None:
    url, state = morning
    page.goto(f"{url}/outreach")
    linked = page.locator("td.person a").all_inner_texts()
    first, second, third = [name for name in names(page) if linked.count(name) == 1][:3]

    # She takes the first three, all at once.
    for name in (first, second, third):
        page.get_by_role("checkbox", name=f"Choose {name}", exact=True).check()
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("status")).to_have_text("3 of 3 changed.")
    page.get_by_role("link", name="Mine").click()
    assert sorted(names(page)) == sorted([first, second, third])

    # The first does not pick up the phone: she stands under later.
    page.get_by_role("link", name=first, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(first)
    assert failures(page) == []
    form = page.get_by_role("form", name="Tell what was tried")
    form.get_by_label("Outcome").select_option("no-answer")
    form.get_by_label("Note").fill("rang for a long time")
    deed(page, "Tell what was tried")
    expect(page.get_by_role("cell", name="rang for a long time")).to_be_visible()

    # The second wants nothing of it, now or later.
    page.goto(f"{url}/outreach?view=mine")
    page.get_by_role("link", name=second, exact=True).click()
    form = page.get_by_role("form", name="Tell what was tried")
    form.get_by_label("Outcome").select_option("declined-all")
    deed(page, "Tell what was tried")
    expect(page.get_by_text("Closed")).to_be_visible()
    expect(page.get_by_text("Does not want to be reached")).to_be_visible()

    # The third asks for a text message in the evening, and is put off until after the holiday.
    page.goto(f"{url}/outreach?view=mine")
    page.get_by_role("link", name=third, exact=True).click()
    form = page.get_by_role("form", name="How they want to be reached")
    form.get_by_label("Channel").select_option("sms")
    form.get_by_label("When").fill("after 5 pm")
    deed(page, "How they want to be reached")
    form = page.get_by_role("form", name="Put off")
    form.get_by_label("Until").fill("2026-07-20")
    form.get_by_label("Because").fill("on holiday")
    deed(page, "Put off")
    expect(page.get_by_text("Put off until 20 Jul 2026")).to_be_visible()

    # None of the three is to be done now; the sweep of the next night asks nobody twice.
    page.goto(f"{url}/outreach")
    assert not {first, second, third} & set(names(page))
    taken = take_published(database_of(state), state, AS_OF)
    assert taken["opened"] == 0
    page.goto(f"{url}/outreach?view=later")
    assert sorted(names(page)) == sorted([first, third])
    page.goto(f"{url}/outreach?view=closed")
    assert names(page) == [second]


def test_the_list_is_worked_by_keyboard_alone(morning: tuple[str, Path], page: Page) -> None:
    url, _ = morning
    page.goto(f"{url}/outreach")
    name = names(page)[0]
    page.get_by_role("link", name=name, exact=True).first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("button", name="Take").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("definition").filter(has_text="trial")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1100])
def test_somebody_changes_their_mind(morning: tuple[str, Path], page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 860})
    page.emulate_media(color_scheme="dark" if width == 360 else "light")
    page.goto(f"{morning[0]}/outreach?sort=name")
    page.locator("td.person a").nth(3).click()
    page.get_by_role("link", name="What they want, and what they agreed to").click()
    form = page.get_by_role("form", name="Keep what they said")
    form.get_by_label("They said").select_option(label="Do not use: Letter")
    deed(page, "Keep what they said")
    expect(page.get_by_text("Does not want to be reached: Letter")).to_be_visible()
    assert failures(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("button", name="No longer so: Does not want to be reached Letter").click()
    expect(page.get_by_text("Nothing is on record.")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1100])
def test_one_conversation_fits_every_screen(morning: tuple[str, Path], page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 860})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{morning[0]}/outreach")
    page.locator("td.person a").last.click()
    assert failures(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
