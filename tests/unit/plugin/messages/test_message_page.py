"""The page on which a message is looked at and sent, over HTTP."""

import html
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from support.databases import database_of
from support.messages import CARE, WRITERS
from support.outreach import REFERS, person, published
from support.worklist import AS_OF, application

from plugin.messages.settings import MessageSettings
from plugin.outreach.restricting import restrict
from plugin.outreach.taking import take
from plugin.outreach.words import Restriction
from plugin.store import Store, open_store
from plugin.store.tables.messages import MESSAGES
from plugin.store.tables.outreach import EPISODES
from plugin.store.versions import ready
from rules.errors import RuleError

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
EMAIL = "ana@example.org"
MAILED = MessageSettings(**WRITERS.model_dump() | {"email": "files"})


@pytest.fixture
def site(tmp_path: Path) -> Store:
    """The store of an application with three people on its list."""
    found = ready(open_store(database_of(tmp_path / "state")))
    people = [
        person("a", {REFERS: "yes"}, name="Ana <b>", language="es-MX", phone="555 0101"),
        person("b", {"phq9-no-follow-up": "yes", "unsafe-home": "yes"}, language="vi"),
        person("c", {"unsafe-home": "yes"}, phone=""),
    ]
    take(found, published(tmp_path / "state", "s1", people), AS_OF, clock=lambda: NOON)
    return found


@pytest.fixture
def client(site: Store, tmp_path: Path) -> FlaskClient:
    return application(tmp_path / "state", messages=MAILED).test_client()


def address(site: Store, patient: str) -> str:
    with site.read() as connection:
        return f"/outreach/{connection.scalar(select(EPISODES.c.id).where(EPISODES.c.patient == patient))}"


def fields(page: str, form: str) -> dict[str, str]:
    """The hidden fields of a form."""
    (found,) = re.findall(rf'<form[^>]*aria-label="{form}">(.*?)</form>', page, re.DOTALL)
    return {name: html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found)}


def words(page: str) -> str:
    (found,) = re.findall(r'<article class="words"[^>]*>(.*?)</article>', page, re.DOTALL)
    return html.unescape(found)


def messages(site: Store) -> list[tuple[str, str, str, str]]:
    with site.read() as connection:
        table = MESSAGES.c
        return [tuple(row) for row in connection.execute(select(table.channel, table.address, table.state, table.gateway))]  # type: ignore[misc]


def test_the_page_shows_the_very_words_in_the_language_of_the_person(client: FlaskClient, site: Store) -> None:
    page = client.get(f"{address(site, 'a')}/message?channel=letter").text
    assert "Estimado/a Ana <b>:" in words(page)
    assert "Ana <b>" not in page
    assert 'lang="es"' in page
    assert "whoever opens the post at their home" in page
    assert "nobody: print or copy it" in page


def test_a_conversation_leads_to_the_page(client: FlaskClient, site: Store) -> None:
    there = address(site, "a")
    assert f'href="{there}/message"' in client.get(there).text


def test_leave_is_asked_for_then_what_was_seen_is_sent_and_stands_under_what_was_tried(client: FlaskClient, site: Store) -> None:
    there = address(site, "a")
    page = client.get(f"{there}/message?channel=email").text
    assert "they have not agreed to be written to by e-mail" in page
    answer = client.post(f"{there}/message/agreed", data=fields(page, "Their leave") | {"address": EMAIL})
    assert (answer.status_code, answer.location) == (303, f"{there}/message?topic=food&channel=email&language=es&level=plain")
    page = client.get(answer.location).text
    assert "a•••@example.org" in page
    assert EMAIL not in page
    told = fields(page, "Send")
    assert [client.post(f"{there}/message", data=told).status_code for _ in range(2)] == [303, 303]
    assert messages(site) == [("email", EMAIL, "waits", "files")]
    page = client.get(there).text
    assert "Waits to be sent" in page
    assert "Ayuda para conseguir alimentos" in page


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"seen": "0"}, "not be what you saw"),
        ({"level": "easy"}, "not be what you saw"),
        ({"version": "0"}, "somebody changed it"),
        ({"version": "x"}, "load the page again"),
        ({"message": ""}, "load the page again"),
        ({"message": "x" * 40}, "load the page again"),
        ({"message": "../../../../etc/cron.d/almoner"}, "load the page again"),
        ({"message": "0f8f5a3e-9d0c-4c55-9a6e-0e5b8d5d8a01\n"}, "load the page again"),
        ({"message": "0f8f5a3e-9d0c-4c55-9a6e-0e5b8d5d8a01>\r\nBcc: eve@example.org"}, "load the page again"),
        ({"channel": "phone"}, "a script is spoken"),
        ({"channel": "sms"}, "have not agreed"),
    ],
)
def test_what_was_not_seen_or_cannot_be_sent_is_not(client: FlaskClient, site: Store, change: dict[str, str], why: str) -> None:
    there = address(site, "a")
    client.post(f"{there}/message/agreed", data={"channel": "email", "address": EMAIL})
    told = fields(client.get(f"{there}/message?channel=email").text, "Send") | change
    answer = client.post(f"{there}/message", data=told)
    assert answer.status_code == 409
    assert f"Nothing was sent: {why}"[:16] in answer.text
    assert why in answer.text
    assert messages(site) == []


@pytest.mark.parametrize("patient", ["b", "c"])
@pytest.mark.parametrize("channel", ["sms", "email", "portal", "letter"])
def test_what_must_stay_between_us_is_in_no_written_word(client: FlaskClient, site: Store, patient: str, channel: str) -> None:
    for topic in ("", "mood", "neutral", "food"):
        page = client.get(f"{address(site, patient)}/message?channel={channel}&topic={topic}").text
        assert "call" in words(page)
        for telling in ("feel", "safe", "Health", "food", "mood"):
            assert telling not in words(page)


def test_whoever_speaks_another_language_is_told_of(client: FlaskClient, site: Store) -> None:
    page = client.get(f"{address(site, 'b')}/message").text
    assert "They speak Vietnamese" in page


def test_a_script_is_read_and_not_sent(client: FlaskClient, site: Store) -> None:
    page = client.get(f"{address(site, 'a')}/message?channel=phone").text
    assert "Buenos días. ¿Hablo con Ana" in words(page)
    assert "•••0101" in page
    assert 'aria-label="Send"' not in page
    assert "what came of it" in page


@pytest.mark.parametrize("patient", ["a", "b"])
@pytest.mark.parametrize("channel", ["phone", "portal"])
def test_where_it_is_not_safe_to_talk_nothing_says_why(client: FlaskClient, site: Store, patient: str, channel: str) -> None:
    there = address(site, patient)
    assert client.post(f"{there}/wishes/restrict", data={"what": "unsafe"}).status_code == 303
    for topic in ("", "mood", "food"):
        page = client.get(f"{there}/message?channel={channel}&topic={topic}&language=en").text
        assert "says nothing about why" in page
        for telling in ("feel", "food", "mood", "Health"):
            assert telling not in words(page)


def test_what_nothing_carries_is_sent_by_hand_and_may_come_back(client: FlaskClient, site: Store) -> None:
    there = address(site, "c")
    told = fields(client.get(f"{there}/message?channel=letter").text, "Send")
    assert client.post(f"{there}/message", data=told).status_code == 303
    assert messages(site) == [("letter", "", "sent", "hand")]
    page = client.get(there).text
    assert "<td>Sent" in page
    assert "Please call us" in page
    (back,) = re.findall(r'action="([^"]*/came-back/[^"]*)"', page)
    assert [client.post(back).status_code for _ in range(2)] == [303, 409]
    page = client.get(there).text
    assert "Could not be delivered" in page
    assert "came-back" not in page


def test_of_a_closed_conversation_nothing_is_sent(client: FlaskClient, site: Store) -> None:
    there = address(site, "c")
    told = fields(client.get(f"{there}/message?channel=letter").text, "Send")
    client.post(f"{there}/close", data={"version": told["version"], "ending": "helped"})
    page = client.get(f"{there}/message?channel=letter").text
    assert 'aria-label="Send"' not in page
    answer = client.post(f"{there}/message", data=told)
    assert "it is closed" in answer.text
    assert messages(site) == []


@pytest.mark.parametrize("verb", ["", "/agreed", "/came-back/00000000-0000-0000-0000-000000000001"])
def test_of_a_conversation_that_is_not_there_nothing_is_told(client: FlaskClient, verb: str) -> None:
    there = f"/outreach/00000000-0000-0000-0000-000000000001/message{verb}"
    sent = {"message": "x", "version": "1", "channel": "email", "address": EMAIL}
    assert client.post(there, data=sent).status_code in (404, 409)
    assert client.get("/outreach/00000000-0000-0000-0000-000000000001/message").status_code == 404


def test_without_settings_the_page_says_what_would_be_sent_with_blanks_to_fill_in(site: Store, tmp_path: Path) -> None:
    page = application(tmp_path / "state").test_client().get(f"{address(site, 'a')}/message?channel=letter&language=en").text
    assert "Please call us on ________." in words(page)
    assert "It is sent" in page


def test_an_application_with_a_wrong_template_does_not_start(site: Store, tmp_path: Path) -> None:
    (tmp_path / "food.yaml").write_text('title: Food\ntexts:\n  - for: sms\n    text: "{nobody}"\n', encoding="utf-8")
    with pytest.raises(RuleError, match=r"food\.yaml:4:11: ALM530"):
        application(tmp_path / "state", messages=MessageSettings(templates=tmp_path))


def test_the_address_in_the_record_is_asked_about_and_never_written_to_unasked(client: FlaskClient, site: Store, tmp_path: Path) -> None:
    charted(site, tmp_path)
    there = f"{address(site, 'a')}/message?channel=email"
    page = client.get(there).text
    assert f"The record has <bdi>{EMAIL}</bdi>: ask" in page
    assert "they have not agreed to be written to by e-mail" in html.unescape(page)
    assert EMAIL not in client.get(f"{address(site, 'a')}/message?channel=sms").text
    told = fields(page, "Their leave") | {"address": "other@example.org"}
    assert client.post(f"{address(site, 'a')}/message/agreed", data=told).status_code == 303
    after = client.get(there).text
    assert "o•••@example.org" in after
    assert EMAIL not in after, "what they told wins over the record"


def test_the_address_in_the_record_is_not_shown_where_contact_may_not_be_safe(client: FlaskClient, site: Store, tmp_path: Path) -> None:
    charted(site, tmp_path)
    there = f"{address(site, 'c')}/message?channel=email"
    assert EMAIL in client.get(there).text
    with site.write() as connection:
        restrict(connection, CARE, "c", Restriction.UNSAFE, NOON)
    assert EMAIL not in client.get(there).text


def charted(site: Store, tmp_path: Path) -> None:
    """A sweep tells of addresses."""
    people = [person("a", {REFERS: "yes"}, email=EMAIL), person("c", {"unsafe-home": "yes"}, email=EMAIL)]
    take(site, published(tmp_path / "state", "s2", people), AS_OF, clock=lambda: NOON)
