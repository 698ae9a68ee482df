"""The pages for staff as somebody sees them whose browser speaks Spanish: nothing that has a translation is shown without it."""

import json
import re
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from support import referrals as given
from support.databases import database_of
from support.inbound import ID, known, received
from support.ledger import fill
from support.outreach import REFERS, person
from support.spanish import Said, left_in_english
from support.worklist import AS_OF, application, evidence, publish_sweep, reason

from fhir_adapters.directory.model import Capacity, Closure
from plugin.cds.ledger.opening import open_ledger
from plugin.cds.policy.alarms import Alarm, raise_alarms
from plugin.inbound.keeping import SELF
from plugin.listings.keeping import Grip, say
from plugin.listings.saying import Details, Room
from plugin.listings.site import EXTENSION as DIRECTORY
from plugin.outreach.taking import take
from plugin.playground.reach import Group, Reach
from plugin.playground.trial import Example, Message, Trial
from plugin.playground.views import _pieces
from plugin.referrals.words import Attention
from plugin.settings import CdsSettings, PlaygroundSettings, Settings
from plugin.store import Store, open_store
from plugin.store.tables.referrals import REFERRALS
from plugin.store.versions import ready
from plugin.sweep.bands import Outside, told
from plugin.sweep.runs import Runs
from rules.told import Told

SWEEP = "s1"
HTML = {"Accept": "text/html"}
SPANISH = HTML | {"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}
UNUSUAL = Told(
    "%(rule)s: unknown of %(share)s %% of the people, after %(before)s %% in the last sweep", rule=REFERS, share="30", before="5"
)
DATA = {
    "by_type": {"Observation": {"read": 12_345, "mapped": 12_000, "ignored": 300, "quarantined": 45}},
    "quarantine": [{"type": "Observation", "reason": "not a date", "count": 45}],
    "not_loaded": {"programmes": "no file"},
    "notes": ["a note"],
}


def _swept(state: Path) -> None:
    """A sweep with everything that its pages tell, and the record of how others ended."""
    somebody = person("a", {REFERS: "yes", "damp-home": "unknown", "unsafe-home": "yes"}, name="Ann")
    because = {"reasons": [reason("a1c", 9.5, "%", evidence(value=9.5, unit="%")), reason("asthma", False), reason("goal", None)]}
    people = [
        replace(somebody, findings=tuple(each | because for each in somebody.findings)),
        person("b", {"damp-home": "unknown"}, name="", phone="", age=None, sex=None, language=None, interpreter=True),
    ]
    counts = {REFERS: {"yes": 1, "unknown": 0}, "damp-home": {"yes": 0, "unknown": 2}}
    manifest = {
        "as_of": AS_OF.isoformat(),
        "people": len(people),
        "published": "2026-06-30T04:05:06+00:00",
        "findings_by_rule": counts,
        "outside": [Outside(REFERS, "unknown", UNUSUAL).to_json()],
        "differences": {REFERS: {"new": 1}},
        "steps": [
            {"name": name, "seconds": 1.25, "counts": {"people": 2, "withheld_types": 3}}
            for name in ("pull", "land", "evaluate", "publish")
        ],
        "data": DATA,
        "compared_with": "s0",
    }
    publish_sweep(state, SWEEP, people, manifest)
    folder = state / "sweeps" / SWEEP
    (folder / "people.ndjson").write_text('"a"\n"b"\n', encoding="utf-8")
    entry = {"resource_type": "Observation", "id": "o1", "path": "effectiveDateTime", "reason": "not a date"}
    (folder / "quarantine.ndjson").write_text(json.dumps(entry) + "\n", encoding="utf-8")
    runs = Runs(state)
    result = {"people": 1200, "flagged": 80, "unknown": 90, "differences": {"new": 7}}
    runs.end(runs.begin(SWEEP, "ehr", "2026-06-30"), "published", result=result)
    runs.end(runs.begin("s2", "ehr", "2026-07-01"), "refused", message="fewer people")
    runs.end(runs.begin("s3", "ehr", "2026-07-01"), "failed")
    runs.begin("s4", "ehr", "2026-07-02")


def _cards(state: Path) -> None:
    ledger, now = open_ledger(Settings(state=state)), datetime.now(UTC)
    fill(ledger, now)
    raise_alarms(
        ledger.store, [Alarm(REFERS, "north", kind, now.date(), days, 0, 21.0) for kind, days in (("less", 7), ("unwelcome", 1))], now
    )
    ledger.store.close()


def _directory() -> Any:
    """Services of which every criterion has something else to say."""
    old = date(2024, 1, 1)
    closed = Closure(AS_OF - timedelta(days=1), AS_OF + timedelta(days=9), "holidays")
    return given.directory(
        given.bank(1, interpretation="by telephone", waiting="two days"),
        given.bank(2, status=None, minimum_age=None, areas=(), capacity=(), assured=None, eligibility=("Tenants",)),
        given.bank(3, status="defunct", minimum_age=65.0, capacity=(Capacity("waitlist", "a word", old),), assured=old),
        given.bank(4, closures=(closed,), maximum_age=12.0, capacity=(Capacity("no-capacity", None, AS_OF, until=AS_OF),)),
        given.bank(5, terms=(), capacity=(Capacity("capacity", None, None),)),
    )


def _spoken_of(store: Store, directory: Any) -> None:
    """Somebody who was referred to us, referrals in every state, and what an agency says about its service."""
    with store.write() as connection:
        known(connection, "jose")
        volunteer = given.agency(1)
        say(connection, volunteer, directory, Grip("dir#HealthcareService/bank-1", 0), Room("limited", AS_OF), given.NOON)
        new = Details(languages=("Spanish",), phone="555 0101")
        say(connection, volunteer, directory, Grip("dir#HealthcareService/bank-1", 1), new, given.NOON, review=True)
    received(store)
    received(store, SELF, id=f"{ID[:-1]}2", purpose="assessment", safe=False, language="so", best_time="mornings", given_by="guardian")
    for number, attention in enumerate(Attention):
        id = given.sent(store, f"ann-{number}", id=f"6f1a2c34-0000-4000-8000-00000000010{number}")
        with store.write() as connection:
            connection.execute(update(REFERRALS).where(REFERRALS.c.id == id).values(attention=str(attention)))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The application with something of everything."""
    state = tmp_path_factory.mktemp("site") / "state"
    _swept(state)
    _cards(state)
    directory = _directory()
    store = ready(open_store(database_of(state)))
    take(store, state / "sweeps" / SWEEP, AS_OF, clock=lambda: given.NOON)
    _spoken_of(store, directory)
    store.close()
    app = application(state, playground=PlaygroundSettings(enabled=True, people=10), cds=CdsSettings(preview=True))
    app.extensions[DIRECTORY] = directory
    return app


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def refer(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address at which somebody is referred from their conversation."""
    page = app.test_client().get("/outreach").text
    found = re.search(r"/outreach/[0-9a-f-]{36}", page)
    assert found
    return f"{found[0]}/refer/{REFERS}"


PAGES = (
    *("/findings", "/findings?view=ask&sort=name", "/findings?rule=nothing", f"/people/{SWEEP}/0", f"/people/{SWEEP}/1"),
    *(f"/people/{SWEEP}/99999", "/people/none/1", f"/found/{SWEEP}?rows=0.1&of=2000", f"/found/{SWEEP}?of=0", "/found/earlier"),
    *("/rules", f"/rules/{REFERS}", "/rules/none", "/sweeps", f"/sweeps/{SWEEP}", f"/sweeps/{SWEEP}/quarantine", "/sweeps/none"),
    *(
        f"/sweeps/{SWEEP}/quarantine?type=Goal",
        "/cds/analytics",
        "/cds/analytics?by=site",
        "/cds/analytics?by=language",
        "/cds/analytics?by=sex",
    ),
    *(
        "/cds/analytics?from=2020-01&to=2020-01&site=north",
        "/playground",
        "/playground?rule=none",
        "/cds/preview",
        "/cds/preview?rule=none",
    ),
    *("/referrals", "/referrals?view=attention", "/referrals?view=closed", "/referrals?view=all", f"/referrals/{ID}"),
    *("/inbound", "/inbound?view=open", "/inbound?view=closed", f"/inbound/{ID}", f"/inbound/{ID[:-1]}2", f"/inbound/{ID[:-1]}9"),
    *("/listings", "/listings?view=all"),
)


def checked(client: FlaskClient, address: str) -> str:
    """The Spanish page, of which nothing stands in English; the English one shows that something could."""
    page = client.get(address, headers=SPANISH).text
    assert '<html lang="es">' in page
    assert left_in_english(page) == []
    assert left_in_english(client.get(address, headers=HTML).text)
    return page


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_in_spanish(client: FlaskClient, address: str) -> None:
    checked(client, address)


@pytest.mark.parametrize("number", range(len(Attention)))
def test_a_referral_is_in_spanish_whatever_it_needs(client: FlaskClient, number: int) -> None:
    checked(client, f"/referrals/6f1a2c34-0000-4000-8000-00000000010{number}")


def test_the_form_of_a_referral_says_in_spanish_why_services_fit_or_not(client: FlaskClient, refer: str) -> None:
    page = checked(client, refer)
    for said in (
        "dijo: tiene plazas",
        "no dice si está activo",
        "la ficha dice: Tenants",
        "está desaparecido",
        "no está disponible hasta el 9 jul 2026",
    ):
        assert said in page
    assert "Por preguntar: " in page


@pytest.mark.parametrize(
    ("address", "fields", "said"),
    [
        ("refer", {}, "No se ha enviado nada: pregunte antes si quiere esta ayuda."),
        ("refer", {"wanted": "yes"}, "No se ha enviado nada: elija uno de los servicios de la lista."),
        (f"/inbound/{ID}/take", {"version": "1", "record": "zoe"}, "aquí aún no se conoce a nadie con este identificador"),
        (f"/inbound/{ID}/take", {"version": "7", "record": "zoe"}, "alguien lo cambió mientras tanto"),
        (f"/inbound/{ID}/answer", {"version": "1", "to": "completed"}, "una derivación no pasa del estado «solicitada» a «terminada»"),
        (f"/inbound/{ID}/answer", {"version": "1", "to": "rejected"}, "elija uno de los motivos de la lista"),
        ("/listings", {"listing": "none"}, "la entidad lo cambió mientras tanto"),
        ("/cds/preview", {"card": "{"}, "Esto no es JSON."),
    ],
)
def test_what_cannot_be_done_is_told_in_spanish(client: FlaskClient, refer: str, address: str, fields: dict[str, str], said: str) -> None:
    page = client.post(refer if address == "refer" else address, data=fields, headers=SPANISH).text
    assert said in " ".join(Said(page).texts)
    assert left_in_english(page) == []


def test_what_came_of_a_draft_is_told_in_spanish(app: Flask) -> None:
    finding = person("a", {REFERS: "yes"}).findings[0] | {"next_flip": "2026-08-01"}
    groups = {"yes": (Group(3, "p1", 40, None, finding),), "no": (), "unknown": ()}
    engines = ("reference", "columnar")
    reach = Reach(1234, "2026-06-30", {"yes": 5, "no": 0, "unknown": 0}, groups, engines, True)
    wrong = Example("a", 3, "2026-06-30", "yes", {"reference": "no", "columnar": "unknown"}, False, {"age": "40"})
    messages = (Message(1, 1, "warning", "ALM101", "a warning of the language", "do this"),)
    tried = Trial(True, messages, "t", (wrong,), ("reference",), (), (), reach)
    for trial in (tried, Trial(False, ()), replace(tried, engines=engines, examples=(replace(wrong, as_expected=True),))):
        with app.test_request_context(headers=SPANISH):
            assert left_in_english("".join(_pieces(asdict(trial)).values())) == []
        with app.test_request_context(headers=HTML):
            assert left_in_english("".join(_pieces(asdict(trial)).values()))


def test_the_first_page_says_in_spanish_that_there_was_no_sweep(tmp_path: Path) -> None:
    client = application(tmp_path).test_client()
    for address in ("/findings", "/sweeps"):
        checked(client, address)


def test_a_manifest_keeps_how_its_texts_were_made_so_that_they_can_be_told_again() -> None:
    kept = json.loads(json.dumps(Outside(REFERS, "unknown", UNUSUAL).to_json()))
    again = told(kept)
    assert isinstance(again, Told)
    assert (again, again.template, again.values) == (UNUSUAL, UNUSUAL.template, UNUSUAL.values)
    assert told({"text": "as it was before"}) == "as it was before"


@pytest.mark.parametrize(
    ("page", "left"),
    [
        ('<p>Nobody stands here</p><p lang="en">Nobody stands here</p>', ["Nobody stands here"]),
        ('<html lang="es"><input placeholder="Phone"><code>Phone</code></html>', ["Phone"]),
        ("<p>✓ Yes, they want it.</p><p>2 people found</p><p>Aquí no hay nadie</p>", ["✓ Yes, they want it.", "2 people found"]),
    ],
)
def test_the_check_sees_what_is_left(page: str, left: list[str]) -> None:
    assert left_in_english(page) == left
