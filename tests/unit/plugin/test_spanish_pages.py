"""The pages about outreach and accounts for somebody whose browser asks for Spanish: no text that we translate is left in English."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask.testing import FlaskClient
from sqlalchemy import select
from support.access import signed_in, site, token
from support.databases import database_of
from support.messages import WRITERS
from support.outreach import REFERS, person, published
from support.worklist import AS_OF, application
from werkzeug.exceptions import default_exceptions
from werkzeug.test import TestResponse

from plugin.access import Role
from plugin.app import SAID_BY_WERKZEUG
from plugin.messages.settings import MessageSettings
from plugin.outreach.taking import take
from plugin.store import open_store
from plugin.store.tables.outreach import EPISODES
from plugin.store.versions import ready

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
SPANISH = {"Accept-Language": "es-MX,es;q=0.9,en;q=0.5", "Accept": "text/html"}
SPOKEN = ("aria-label", "placeholder", "title", "alt")
UNSEEN = ("script", "style")
TO_PROGRAMS = {"access": {"web.py": ['Unauthorized("Send the token of an account: Authorization: Bearer …"']}}
PLACE = re.compile(r"%\(\w+\)s")


class Texts(HTMLParser):
    """Every text of a page that somebody sees or hears, but for what is said in a language of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._apart: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in SPOKEN and value]
        if self._apart or tag in UNSEEN or (tag != "html" and "lang" in dict(attrs)):
            self._apart += [] if tag in ("input", "br", "meta", "link") else [tag]

    def handle_endtag(self, tag: str) -> None:
        if self._apart and self._apart[-1] == tag:
            self._apart.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._apart:
            self.found.append(" ".join(data.split()))


def texts(page: str) -> list[str]:
    parser = Texts()
    parser.feed(page)
    return parser.found


def is_telling(said: str) -> bool:
    """Whether a text is known by its own words: ``%(a)s or %(b)s`` may also be the title of a rule."""
    pieces = PLACE.split(said)
    return len(pieces) == 1 or re.match(r"[A-Za-z]{3}", said) is not None or max(map(len, pieces)) >= 12


@cache
def english() -> re.Pattern[str]:
    """Any of the texts that have another one in Spanish, whatever is filled into its places."""
    with Path("plugin/texts/es.po").open("rb") as written:
        catalogue = read_po(written, locale="es")
    pairs = [
        (said, other)
        for message in catalogue
        if message.id
        for said, other in zip(*(([each] if isinstance(each, str) else each) for each in (message.id, message.string)), strict=False)
    ]
    found = sorted({" ".join(said.split()) for said, other in pairs if said != other and is_telling(said)})
    return re.compile("|".join(".+?".join(map(re.escape, PLACE.split(said))) for said in found))


def left(page: str) -> list[str]:
    return [text for text in texts(page) if english().fullmatch(text)]


@dataclass
class Visitor:
    """A browser that asks for Spanish and looks at every answer."""

    client: FlaskClient
    episodes: dict[str, str]

    def get(self, path: str) -> str:
        return self._seen(self.client.get(path, headers=SPANISH))

    def post(self, path: str, **fields: str) -> str:
        return self._seen(self.client.post(path, data=fields, headers=SPANISH))

    def _seen(self, answer: TestResponse) -> str:
        if answer.status_code != 303:
            assert '<html lang="es">' in answer.text
            assert left(answer.text) == []
        return answer.text


@pytest.fixture(scope="module")
def care(tmp_path_factory: pytest.TempPathFactory) -> Visitor:
    """A desk with conversations of every kind: new, tried, put off, unsafe, closed, and one that stands on no shared list."""
    state = tmp_path_factory.mktemp("spanish") / "state"
    store = ready(open_store(database_of(state)))
    people = [
        person("a", {REFERS: "yes", "damp-home": "unknown"}, name="Ana Example", language="es-MX", interpreter=True, household="h"),
        person("b", {"phq9-no-follow-up": "yes", "unsafe-home": "yes"}, language="vi", interpreter=False, household="h"),
        person("c", {"unsafe-home": "yes"}, phone="", name="", age=None, sex=""),
        person("d", {"screening-overdue": "yes"}, language=None),
        *(person(f"x{number}", {"damp-home": "yes"}) for number in range(50)),
    ]
    take(store, published(state, "s1", people), AS_OF, clock=lambda: NOON)
    with store.read() as connection:
        episodes = {row.patient: row.id for row in connection.execute(select(EPISODES.c.patient, EPISODES.c.id))}
    mailed = MessageSettings(**WRITERS.model_dump() | {"email": "files"})
    client = application(state, messages=mailed).test_client()

    def done(patient: str, verb: str, version: int, **fields: str) -> None:
        answer = client.post(f"/outreach/{episodes[patient]}/{verb}", data={"version": str(version)} | fields)
        assert answer.status_code == 303

    done("b", "attempt", 1, attempt="t-1", channel="phone", outcome="call-back", again_on="2026-07-05")
    done("b", "attempt", 2, attempt="t-2", channel="visit", outcome="unsafe")
    done("a", "snooze", 1, until="2026-07-03", why="de viaje")
    done("a", "prefer", 2, channel="phone", best_time="por la tarde")
    done("d", "attempt", 1, attempt="t-3", channel="phone", outcome="declined-offer")
    client.post(f"/outreach/{episodes['x3']}/wishes/restrict", data={"what": "sms", "until": "2027-01-01"})
    client.post("/outreach/views", data={"name": "Zona norte", "role": "care-manager"})
    return Visitor(client, episodes)


@pytest.mark.parametrize("view", ["ready", "mine", "free", "overdue", "later", "closed"])
def test_the_list(care: Visitor, view: str) -> None:
    assert "Lista de trabajo" in care.get(f"/outreach?view={view}")


def test_the_list_narrowed_and_searched(care: Visitor) -> None:
    assert "Aquí nadie coincide." in care.get("/outreach?rule=none")
    assert "Página 2 de 2" in care.get("/outreach?page=2")
    assert "1–1 de 1" in care.post("/outreach/search", text="person x7")
    assert "marque al menos una persona" in care.post("/outreach/together", verb="claim")
    assert "un nombre de 64 caracteres como máximo" in care.post("/outreach/views", name="")


@pytest.mark.parametrize("patient", ["a", "b", "c", "d", "x1"])
def test_a_conversation_and_what_its_person_wants(care: Visitor, patient: str) -> None:
    page = care.get(f"/outreach/{care.episodes[patient]}")
    assert "Abierto desde el 30 jun 2026" in page
    assert "Impide contactar o ayudar" in care.get(f"/outreach/{care.episodes[patient]}/wishes")


@pytest.mark.parametrize("channel", ["sms", "email", "portal", "letter", "phone"])
@pytest.mark.parametrize("patient", ["a", "b"])
def test_a_message(care: Visitor, patient: str, channel: str) -> None:
    page = care.get(f"/outreach/{care.episodes[patient]}/message?channel={channel}&topic=neutral")
    assert "Por favor, llámenos (no dice nada del motivo)" in page


@pytest.mark.parametrize(
    ("verb", "fields", "told"),
    [
        ("claim", {}, "el formulario no dice qué mostraba"),
        ("snooze", {"until": "soon"}, "elija el día hasta el que se aplaza"),
        ("attempt", {"attempt": "t", "channel": "phone", "outcome": "reached", "note": "n" * 1_001}, "como máximo 1000 caracteres"),
        ("attempt", {"attempt": "t", "channel": "phone", "outcome": ""}, "una vía y un resultado conocidos"),
        ("close", {"ending": "need-met"}, "uno de los resultados de la lista"),
        ("reopen", {}, "está abierto"),
        ("wishes/restrict", {"what": "pigeon"}, "elija lo que dijo"),
        ("message/agreed", {"channel": "email", "address": "nowhere"}, "no es una dirección a la que se pueda escribir"),
        ("message", {"message": "x"}, "el formulario no dice qué mensaje es"),
    ],
)
def test_what_cannot_be_done(care: Visitor, verb: str, fields: dict[str, str], told: str) -> None:
    grip = {} if verb == "claim" else {"version": "1"}
    assert told in care.post(f"/outreach/{care.episodes['x2']}/{verb}", **grip, **fields)


def test_what_stands_against_it_now(care: Visitor) -> None:
    assert "Mensaje de texto: no quiere que se le contacte así" in care.get(f"/outreach/{care.episodes['x3']}")
    page = care.get(f"/outreach/{care.episodes['b']}")
    assert "Carta: otra persona podría leerlo, y eso no es seguro" in page
    assert "Llamada telefónica: 2 contactos en 7 días por cualquier motivo: como máximo 2" in page


def test_what_is_not_there(care: Visitor) -> None:
    assert "Aquí no hay nadie" in care.get("/outreach/00000000-0000-0000-0000-000000000000")
    assert "Esta dirección no existe" in care.get("/nowhere")
    assert "no admite ese método" in care.post("/outreach")
    assert "un carácter que no se puede guardar" in care.post("/outreach/search", text="a\0b")


@pytest.mark.parametrize(
    ("code", "described"), [(400, True), (401, False), (403, False), (404, True), (405, True), (413, True), (429, False)]
)
def test_refusals_of_the_library_are_known_to_whoever_translates(code: int, described: bool) -> None:
    refusal = default_exceptions[code]()
    assert refusal.name in SAID_BY_WERKZEUG
    assert (refusal.description in SAID_BY_WERKZEUG) is described, "the others are always said in words of our own"


@pytest.mark.parametrize("package", ["access", "messages", "outreach"])
def test_no_refusal_is_told_in_words_that_nobody_translates(package: str) -> None:
    untold = re.compile(r"""(?:NotNow|Forbidden|abort|Unauthorized)\((?:\d+, |HTTPStatus\.\w+, )?f?\"[^"]*\"""")
    files = sorted(Path("plugin", package).glob("*.py"))
    assert {file.name: found for file in files if (found := untold.findall(file.read_text(encoding="utf-8")))} == TO_PROGRAMS.get(
        package, {}
    )


def test_programs_are_answered_in_english(care: Visitor) -> None:
    answer = care.client.get("/api/v1/nowhere", headers=SPANISH | {"Accept": "application/json"})
    assert "no existe" not in answer.text


def test_accounts_and_broken_glass(tmp_path: Path) -> None:
    app, _ = site(tmp_path)
    carer = signed_in(app, Role.CARE_MANAGER)
    reason = {"csrf": token(carer), "reason": "Llamó y puede estar en peligro"}
    visitor, admin = Visitor(carer, {}), Visitor(signed_in(app, Role.ADMINISTRATOR), {})
    assert "gestión de casos" in visitor.get("/account")
    assert "durante 60 minutos" in visitor.get("/break-glass")
    assert "Diga por qué" in visitor.post("/break-glass", csrf=reason["csrf"], reason="x")
    assert "no forma parte de su trabajo" in visitor.get("/break-glass/uses")
    visitor.post("/break-glass", **reason)
    assert "Acceso de emergencia abierto" in visitor.get("/account")
    assert "Personas consultadas" in admin.get("/break-glass/uses")
    analyst = signed_in(app, Role.ANALYST)
    assert "no forma parte de su trabajo" in Visitor(analyst, {}).post("/break-glass", csrf=token(analyst), reason=reason["reason"])


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("<p>Worklist</p>", ["Worklist"]),
        ("<p>Page 2 of 9</p>", ["Page 2 of 9"]),
        ('<nav aria-label="Saved views"></nav>', ["Saved views"]),
        ('<button lang="en">Worklist</button><b>Lista de trabajo</b><script>Worklist</script>', []),
    ],
)
def test_the_check_sees_english(page: str, found: list[str]) -> None:
    assert left(page) == found
