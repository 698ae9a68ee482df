"""The playground in a real browser: mistakes appear as one types and go when they are put right; nobody is shut out or trapped."""

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make dev")

from browser.conftest import PEOPLE, Site
from browser.test_accessibility import SCHEMES, WIDTHS, failures
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

pytestmark = pytest.mark.slow

RULE = "diabetes-food-insecurity"
COMPLETIONS = """async ([text, address]) => {
    const { completions } = await import('/static/completion.js');
    const schema = await (await fetch(address)).json();
    const doc = { sliceString: (from, to) => text.slice(from, to), toString: () => text };
    return completions({ state: { doc }, pos: text.length, explicit: true }, schema)?.options.map(option => option.label) ?? [];
}"""
OFFERED = [
    ("sta", "status"),
    ("status: dr", "draft"),
    ("facts:\n  x: {lat", "latest"),
    ("facts:\n  x:\n    exists: conditions\n  y:\n    cou", "count"),
    ("facts:\n  x: {latest: observations, followed by: {events: proc", "procedures"),
    ("facts:\n  x: {exists: conditions, code: resp", "respiratory condition"),
    ("valuesets:\n  my own set: {snomed: ['195967001']}\nfacts:\n  x: {exists: conditions, code: my", "my own set"),
    ("facts:\n  hat size: {patient: age}\nwhen:\n  all:\n    - ha", "hat size"),
    ("when:\n  any:\n    - resp", "respiratory condition"),
    ("examples:\n  cases:\n  - name: a\n    expect: yes\n  - nam", "name"),
    ("examples:\n  cases:\n    - name: a\n      events:\n        - {cond", "condition"),
    ("examples:\n  cases:\n    - name: a\n      events:\n        - condition: x\n          dat", "date"),
    ("then:\n  refer:\n    to: [fo", "food bank"),
]
"""The text before the cursor, and a word that must be among those offered."""


@pytest.fixture
def page(browser: Browser, swept: Site) -> Iterator[Page]:
    """The playground with a shipped rule, after its first check. Whatever the browser complains about is a failure."""
    page = browser.new_context(viewport={"width": 1100, "height": 860}).new_page()
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "503" not in message.text:  # that one is a test's own
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{swept.url}/playground?rule={RULE}")
    expect(page.locator(".verdict")).to_contain_text("all as expected")
    yield page
    page.context.close()
    assert complaints == []


def write_below(page: Page, line: int, text: str) -> None:
    """Type a new line below a line of the rule."""
    page.locator(".cm-line").nth(line - 1).click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type(text)


def test_a_mistake_shows_where_it_is_and_goes_when_it_is_put_right(page: Page) -> None:
    write_below(page, 1, "titel: 3")
    expect(page.locator(".messages")).to_contain_text("Line 2, column 1")
    expect(page.locator(".messages")).to_contain_text("Did you mean 'title'?")
    expect(page.locator(".cm-lintRange-error")).to_have_text("titel")
    expect(page.locator("#spoken")).to_contain_text("1 mistake.")
    page.locator(".cm-lint-marker-error").hover()
    expect(page.locator(".cm-diagnostic")).to_contain_text("did you mean 'title'?")
    for _ in "titel: 3":
        page.keyboard.press("Backspace")
    expect(page.locator(".verdict")).to_contain_text("33 examples, all as expected")
    expect(page.locator(".cm-lintRange-error")).to_have_count(0)
    expect(page.locator(".messages")).to_have_count(0)


def test_a_message_leads_to_its_place(page: Page) -> None:
    write_below(page, 1, "titel: 3")
    page.locator(".messages a").click()
    page.keyboard.press("Delete")
    expect(page.locator(".cm-line").nth(1)).to_have_text("itel: 3")


def test_a_rule_is_tried_on_people_and_the_result_is_known_to_be_old_after_a_change(page: Page) -> None:
    page.get_by_role("button", name=f"Try it on {PEOPLE} made-up people").click()
    page.locator("#reach .card").first.wait_for()
    answers = [int(number) for number in page.locator(".counts dd").all_inner_texts()]
    assert sum(answers) == PEOPLE
    expect(page.locator("#examples")).to_contain_text("Answered by reference, durable, columnar")
    expect(page.locator(".changed-note")).to_be_hidden()
    write_below(page, 1, "# a remark")
    expect(page.locator(".changed-note")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_no_accessibility_failure_in_any_state(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 860})
    page.locator("#run").click()
    page.locator("#reach .card").first.wait_for()
    for state in ("people", "mistake", "completion"):
        if state == "mistake":
            write_below(page, 1, "titel: 3")
            page.locator(".messages").wait_for()
        if state == "completion":
            write_below(page, 2, "li")
            page.locator(".cm-tooltip-autocomplete").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert (state, scheme, failures(page)) == (state, scheme, [])


def test_the_keyboard_can_leave_the_editor(page: Page) -> None:
    page.locator(".cm-content").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "editor", "Tab indents"
    page.keyboard.press("Control+z")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "run"


def test_what_was_written_is_saved_as_a_file(page: Page) -> None:
    write_below(page, 1, "# a remark")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a file").click()
    assert download.value.suggested_filename == f"{RULE}.yaml"
    assert download.value.path().read_text(encoding="utf-8").startswith(f"rule: {RULE}\n# a remark\ntitle: ")


def test_a_server_that_does_not_answer_loses_no_text(page: Page) -> None:
    page.route("**/playground/check", lambda route: route.fulfill(status=503, json={"detail": "Others are trying rules."}))
    write_below(page, 1, "# a remark")
    expect(page.locator(".verdict")).to_have_text("Others are trying rules.")
    expect(page.locator(".cm-line").nth(1)).to_have_text("# a remark")
    page.unroute_all()


def test_words_are_offered_where_they_can_stand(page: Page) -> None:
    schema = "/playground/schema/whole-person"
    missing = [text for text, word in OFFERED if word not in page.evaluate(COMPLETIONS, [text, schema])]
    assert missing == []
    assert page.evaluate(COMPLETIONS, ["# a remark about sta", schema]) == []


def test_it_works_without_javascript(browser: Browser, swept: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{swept.url}/playground?rule={RULE}")
    text = page.input_value("#text")
    page.fill("#text", text.replace("hba1c > 9 %", "hba1x > 9 %"))
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".messages")).to_contain_text("There is no fact called 'hba1x'")
    assert page.input_value("#text") == text.replace("hba1c > 9 %", "hba1x > 9 %")
    assert "hba1x" not in page.url
    page.fill("#text", text)
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#reach")).to_contain_text(f"Among {PEOPLE} made-up people")
    assert failures_without_scripts(page) == []
    context.close()


def failures_without_scripts(page: Page) -> list[str]:
    """Labels that lead nowhere; axe itself is a script."""
    labels = [label.get_attribute("for") for label in page.locator("label[for]").all()]
    return [name for name in labels if name and not page.locator(f"#{name}").is_visible()]
