"""Makes the pictures of this folder from the running application over people who do not exist.

``python docs/images/make.py`` in the development environment; needs Chromium on the path.
"""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread
from typing import Any, Final

import orjson
from flask import Flask
from jinja2 import Environment
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from fhir_adapters import read_directory
from fhir_adapters.synthetic import write_agencies, write_ndjson
from plugin.access import Role, Scope
from plugin.access.web import EXTENSION as ACCESS
from plugin.agency.links import Invitation, invite
from plugin.app import create_app
from plugin.messages.settings import MessageSettings
from plugin.outreach.taking import take_published
from plugin.playground.views import EXTENSION
from plugin.runtime import Runtime
from plugin.settings import AccessSettings, CdsSettings, PlaygroundSettings, Settings
from plugin.store.tables.referrals import REFERRALS
from plugin.sweep.landing import Source
from plugin.sweep.pipeline import Asked
from plugin.sweep.published import Published
from plugin.sweep.sweeping import sweep
from rules.engines import engine
from rules.pack import BUILT_IN, load_packs

HERE: Final = Path(__file__).parent
AS_OF: Final = date(2026, 6, 30)
PEOPLE: Final = 2_000
SEED: Final = 7
SHOWN_RULE: Final = "diabetes-food-insecurity"
SHOWN_LIST: Final = "findings?language=es"
SERVICE: Final = "almoner-patient-view"


def main() -> None:
    """Write every picture of this folder but demo.png, which is that of a terminal."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        app = prepared(folder)
        card = card_of(app, folder / "fhir")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with served(app) as url:
            picture(browser, url + SHOWN_LIST, "findings.png", height=860)
            playground(browser, f"{url}playground?rule={SHOWN_RULE}")
            staff(browser, url)
        invitation = invited(app)
        with served(create_app(Runtime(Settings(**settings(folder), access=AccessSettings(mode="local")), *parts(folder)))) as url:
            agency(browser, url, invitation)
        page = folder / "card.html"
        page.write_text(card_page(card), encoding="utf-8")
        picture(browser, page.as_uri(), "card.png", width=720)
        browser.close()


def prepared(folder: Path) -> Flask:
    """The application after a sweep over the synthetic population."""
    source = folder / "fhir"
    source.mkdir()
    write_ndjson(source, PEOPLE, SEED, AS_OF)
    write_agencies(folder / "directory", SEED, AS_OF)
    runtime = Runtime(Settings(**settings(folder), playground=PlaygroundSettings(enabled=True)), *parts(folder))
    chosen = runtime.settings
    asked = Asked(Source(str(source), frozenset(), read=lambda: read_directory(source)), runtime.packs, AS_OF, chosen.state)
    sweep(asked, chosen.database_url, lambda name, total: lambda done: None)
    take_published(chosen.database_url, chosen.state, AS_OF)
    return create_app(runtime)


def settings(folder: Path) -> dict[str, Any]:
    """Of everybody who looks at the same town."""
    messages = MessageSettings(
        organisation="The health centre", sender="The health centre", phone="555 0100", email="files", letter="files"
    )
    directory = CdsSettings(directory=(f"town={folder / 'directory'}",))
    return {"state": folder / "state", "as_of": AS_OF, "cds": directory, "messages": messages}


def parts(folder: Path) -> tuple[Any, ...]:
    """Packs, engine, and what was published."""
    return load_packs(BUILT_IN), engine("reference"), Published(folder / "state")


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address at which the application answers while the block runs."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        for bench in app.extensions.get(EXTENSION, {}).values():
            bench.close()


def picture(browser: Browser, url: str, name: str, width: int = 1100, height: int | None = None) -> None:
    """A picture of a page; without ``height`` of all of it."""
    page = browser.new_context(viewport={"width": width, "height": height or 200}).new_page()
    page.goto(url)
    page.screenshot(path=HERE / name, full_page=height is None)


def playground(browser: Browser, url: str) -> None:
    """A picture of the playground after a trial on people, with a fact mistyped since."""
    page = browser.new_context(viewport={"width": 1100, "height": 860}).new_page()
    page.goto(url)
    page.get_by_role("button", name="Try it on").click()
    page.locator("#reach .card").first.wait_for()
    page.locator(".cm-line", has_text="has diabetes: {exists").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("screened: {exsts: observations}")
    page.keyboard.press("Escape")
    page.locator(".cm-lintRange-error").wait_for()
    page.screenshot(path=HERE / "playground.png")


def staff(browser: Browser, url: str) -> None:
    """The worklist, a conversation, what they want, a message, and a referral that is sent."""
    page = browser.new_context(viewport={"width": 1100, "height": 860}).new_page()
    page.goto(f"{url}outreach")
    page.screenshot(path=HERE / "worklist.png")
    page.goto(f"{url}outreach?rule={SHOWN_RULE}")
    page.locator("td.person a").first.click()
    page.screenshot(path=HERE / "conversation.png")
    conversation = page.url
    page.get_by_role("link", name="Write to them").click()
    page.screenshot(path=HERE / "message.png")
    page.goto(f"{conversation}/refer/{SHOWN_RULE}")
    page.get_by_label("Yes, they want it").check()
    page.locator('input[name="listing"]').first.check()
    page.get_by_label("They did").check()
    page.get_by_label("Message to the partner").fill("Please call after 5 pm.")
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=HERE / "refer.png")
    page.get_by_role("button", name="Keep, and send if they want it").click()
    page.get_by_role("heading", name="What happened").wait_for()


def invited(app: Flask) -> Invitation:
    """The way in for somebody at the agency to which `staff` referred."""
    store = app.extensions[ACCESS].store
    with store.write() as connection:
        agency = connection.scalar(select(REFERRALS.c.agency))
        return invite(connection, Scope("pictures", Role.SYSTEM), str(agency), "A volunteer", datetime.now(UTC))


def agency(browser: Browser, url: str, invitation: Invitation) -> None:
    """What the agency sees, on a phone."""
    page = browser.new_context(viewport={"width": 360, "height": 720}).new_page()
    page.goto(f"{url}agency/enter/{invitation.token}")
    page.get_by_label("Number").fill(invitation.number)
    page.get_by_role("button", name="Go on").click()
    page.locator(".referrals a").first.click()
    page.screenshot(path=HERE / "agency.png", full_page=True)


def card_of(app: Flask, source: Path) -> dict[str, Any]:
    """The card that the service returns for the first person about whom the shown rule says yes."""
    runtime: Runtime = app.extensions["almoner"]
    patient = next(p.id for p in runtime.published.people() if any(f["rule"] == SHOWN_RULE and f["status"] == "yes" for f in p.findings))
    client = app.test_client()
    (service,) = (s for s in client.get("/cds-services").get_json()["services"] if s["id"] == SERVICE)
    answer = client.post(
        f"/cds-services/{SERVICE}",
        json={
            "hook": "patient-view",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {"userId": "Practitioner/example", "patientId": patient},
            "prefetch": prefetch(service["prefetch"], source, patient),
        },
    )
    cards: list[dict[str, Any]] = answer.get_json()["cards"]
    return next(card for card in cards if card["source"]["topic"]["code"] == SHOWN_RULE)


def prefetch(templates: dict[str, str], source: Path, patient: str) -> dict[str, Any]:
    """What an EHR would send for the templates."""
    found = defaultdict(list)
    for file in source.glob("*.ndjson"):
        for line in file.read_bytes().splitlines():
            resource = orjson.loads(line)
            if patient == resource["id"] or any(resource.get(k, {}).get("reference") == f"Patient/{patient}" for k in ("subject", "for")):
                found[resource["resourceType"]].append(resource)
    return {key: answered(template, found) for key, template in templates.items()}


def answered(template: str, found: dict[str, list[Any]]) -> dict[str, Any]:
    """One prefetch key: the resource itself, or a Bundle of what a search finds."""
    kind, search, _ = template.partition("?")
    if not search:
        (resource,) = found[kind.partition("/")[0]]
        return dict(resource)
    entries = [{"resource": resource} for resource in found[kind]]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


CARD_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><style>
body { font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; margin: 0; padding: 20px; }
body { background: #e9edef; color: #1b2326; }
article { background: #fff; border: 1px solid #c6ced2; border-left: 6px solid #b26a00; border-radius: 6px; padding: 14px 18px; }
article.info { border-left-color: #0b5d6b; } article.critical { border-left-color: #a3241b; }
h1 { font-size: 17px; margin: 0 0 6px; } h2, h3, h4 { font-size: 15px; margin: 14px 0 4px; } p { margin: 6px 0; }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin: 8px 0; }
th, td { text-align: left; padding: 4px 8px; border-bottom: 1px solid #d5dcdf; vertical-align: top; overflow-wrap: anywhere; }
th { color: #56636a; } ul { margin: 4px 0; padding-left: 20px; } a { color: #0b5d6b; }
footer { color: #56636a; font-size: 13px; margin-top: 10px; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 12px; }
.actions b { font-weight: 600; background: #0b5d6b; color: #fff; border-radius: 5px; padding: 8px 14px; }
.actions span { border: 1px solid #77858c; border-radius: 5px; padding: 7px 14px; }
</style><article class="{{ card.indicator }}"><h1>{{ card.summary }}</h1>{{ detail | safe }}
<div class="actions">{% for s in card.suggestions or [] %}<b>{{ s.label }}</b>{% endfor %}<span>Not now …</span></div>
<footer>Source: {{ card.source.label }}</footer></article></html>
"""


def card_page(card: dict[str, Any]) -> str:
    """The card as an EHR may show it."""
    detail = MarkdownIt("commonmark", {"html": False}).enable("table").render(card.get("detail", ""))
    return Environment(autoescape=True).from_string(CARD_PAGE).render(card=card, detail=detail)


if __name__ == "__main__":
    main()
