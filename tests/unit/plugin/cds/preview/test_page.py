"""The page that shows a card as each kind of client would."""

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from support.cds_advice import FOOD, ORDERS, advised, client_of, numbered
from support.worklist import AS_OF

from plugin.app import create_app
from plugin.cds.compiler import compile_card
from plugin.cds.preview.views import MOST_BYTES
from plugin.runtime import Runtime
from plugin.settings import CdsSettings, ClientSettings, Settings
from plugin.sweep.published import Published
from rules.engines import engine
from rules.pack import BUILT_IN, load_packs

URL = "/cds/preview"
CODES = {FOOD: f"{ORDERS}|FOODPANTRY"}


def web(state: Path, cds: CdsSettings) -> FlaskClient:
    settings = Settings(state=state, as_of=AS_OF, cds=cds)
    return create_app(Runtime(settings, load_packs(BUILT_IN), engine("reference"), Published(state))).test_client()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return web(tmp_path_factory.mktemp("state"), CdsSettings(preview=True))


def test_it_is_there_only_if_the_settings_say_so(tmp_path: Path, client: FlaskClient) -> None:
    assert web(tmp_path, CdsSettings()).get(URL).status_code == 404
    assert client.get(URL).status_code == 200
    assert '<a href="/cds/preview" aria-current="page">' in client.get(URL).text


def test_every_kind_of_client_stands_beside_the_others(client: FlaskClient) -> None:
    text = client.get(f"{URL}?rule=diabetes-food-insecurity").text
    titles = ["any CDS Hooks 2.0 client", "athenahealth", "Epic", "Medplum", "Oracle Health (Cerner)", "the CDS Hooks sandbox"]
    places = [text.index(f">{title}</h2>") for title in titles]
    assert places == sorted(places)
    assert text.count('class="cds-card warning"') == 6
    assert "Why a card is not followed cannot be said." in text
    assert "The order catalogue has no code for this service" in text


def test_a_configured_client_is_shown_with_its_own_codes(tmp_path: Path) -> None:
    cds = CdsSettings(preview=True, clients={"clinic": ClientSettings(profile="epic", order_codes=CODES)})
    text = web(tmp_path, cds).get(f"{URL}?rule=diabetes-food-insecurity").text
    assert "FOODPANTRY" in text
    assert "The order catalogue has no code" not in text


def test_a_rule_that_is_not_there(client: FlaskClient) -> None:
    assert client.get(f"{URL}?rule=nothing").status_code == 404


@pytest.mark.parametrize("whole", [True, False])
def test_a_pasted_card_is_cut_down_for_each(client: FlaskClient, whole: bool) -> None:
    card = compile_card(advised()[0], client_of("generic"), numbered()).card
    del card["source"]["url"]
    text = client.post(URL, data={"card": json.dumps({"cards": [card]} if whole else card)}).text
    assert text.count('class="cds-card warning"') == 6
    assert "cannot be shown" not in text
    assert text.count(">Hand to the care manager</span>") == 4, "neither Epic nor Oracle"


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "not JSON"), ("[]", "no card"), ('{"cards": []}', "no card"), ('{"summary": "<b>x"}', "response.cards[0].uuid is missing")],
)
def test_what_is_no_card_is_refused_in_words(client: FlaskClient, text: str, said: str) -> None:
    response = client.post(URL, data={"card": text})
    assert said in response.text
    assert "<b>x" not in response.text
    assert 'class="cds-card' not in response.text


def test_a_text_that_is_too_long_is_refused(client: FlaskClient) -> None:
    assert client.post(URL, data={"card": "x" * (MOST_BYTES + 1)}).status_code == 413
    assert client.post(URL, data={"card": "x" * MOST_BYTES}).status_code == 200


def test_a_hostile_card_does_nothing(client: FlaskClient) -> None:
    card = compile_card(advised()[0], client_of("generic"), numbered()).card
    evil = "<script>alert(1)</script>[x](javascript:alert(1))<img src=x onerror=y>"
    extension = {"com.epic.cdshooks.card.detail.content-type": "text/html"}
    card |= {"summary": evil[:100], "detail": evil, "extension": extension, "source": card["source"] | {"label": evil}}
    text = client.post(URL, data={"card": json.dumps(card)}).text
    assert text.count('class="cds-card warning"') == 6
    assert not any(part in text for part in ("<script>alert", "<img src=x", 'href="javascript'))
