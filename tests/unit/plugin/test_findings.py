"""The worklist: who stands on it, in which order, what is told and what is not."""

import html
import json
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from support.worklist import SWEEP, application, evidence, finding, person, publish, reason
from werkzeug.test import TestResponse

ROW = re.compile(r'<tr role="row">(.*?)</tr>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")


def text(response: TestResponse) -> str:
    """What a page says, without its tags and with single spaces."""
    return " ".join(html.unescape(TAG.sub(" ", response.text)).split())


def rows(response: TestResponse) -> list[str]:
    """What each row of the list says."""
    body = response.text.partition("<tbody")[2]
    return [" ".join(html.unescape(TAG.sub(" ", row)).split()) for row in ROW.findall(body)]


def attributes(page: str) -> set[str]:
    """The names of all attributes of a page's elements."""
    found: set[str] = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda _tag, attrs: found.update(name for name, _ in attrs)  # type: ignore[method-assign]
    parser.feed(page)
    return found


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return application(tmp_path).test_client()


def test_before_the_first_sweep_the_page_says_what_to_run(client: FlaskClient) -> None:
    response = client.get("/findings")
    assert response.status_code == 200
    assert "almoner sweep" in text(response)


def test_a_row_says_who_why_since_when_and_until_when(tmp_path: Path, client: FlaskClient) -> None:
    because = reason("hba1c", 9.6, "%", evidence("Observation/o1", "2026-03-14", 9.6, "%"))
    publish(tmp_path, [person(1, finding(next_flip="2027-03-15", reasons=[because]), language="es", interpreter=True)])
    (row,) = rows(client.get("/findings"))
    assert row.startswith("70 Person 0001 40, female · Spanish ⇄ interpreter 555-0100 ▲ act Title of damp")
    assert "hba1c: 9.6 % · 14 Mar 2026 , Observation/o1" in row
    assert row.endswith("until 15 Mar 2027")


def test_the_page_says_of_which_day_and_how_old_it_is(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding())])
    said = text(client.get("/findings"))
    assert "As of 30 Jun 2026 · 1 person looked at · swept 30 Jun 2026, 04:05 UTC" in said
    assert "(today is 2 Jul 2026)" in text(application(tmp_path, today=date(2026, 7, 2)).test_client().get("/findings"))


def test_what_is_missing_is_told_as_missing(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding(), age=None, sex=None, language=None, phone="", name="")])
    (row,) = rows(client.get("/findings"))
    for said in ("Name not recorded", "age not known", "sex not recorded", "language not recorded", "none recorded"):
        assert said in row


def test_an_absence_and_a_presence_are_told_differently(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding(reasons=[reason("asthma", True, None, evidence()), reason("open referral", False)]))])
    (row,) = rows(client.get("/findings"))
    assert "asthma: on record" in row
    assert "none on record: open referral" in row


def test_absences_stand_together(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding(reasons=[reason("asthma", False), reason("open referral", False)]))])
    assert "none on record: asthma, open referral" in rows(client.get("/findings"))[0]


def test_what_the_row_shows_anyway_is_no_reason_on_the_list(tmp_path: Path, client: FlaskClient) -> None:
    age = reason("age", 40.0, None, evidence("Patient/p1", "", 40.0))
    because = [reason("deceased", False), age, reason("phq9", 16.0, "{score}", evidence())]
    publish(tmp_path, [person(1, finding("phq9-no-follow-up", reasons=because))])
    (row,) = rows(client.get("/findings"))
    assert "phq9: 16" in row
    assert "age:" not in row
    assert "deceased" not in row
    said = text(client.get(f"/people/{SWEEP}/0"))
    assert "deceased no" in said
    assert "age 40 Patient/p1" in said


def test_what_nobody_knows_about_the_patient_is_a_reason(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding("phq9-no-follow-up", "unknown", reasons=[reason("age", None)]))])
    assert "Not known: age" in rows(client.get("/findings?view=ask"))[0]


def test_reasons_from_one_resource_stand_together(tmp_path: Path, client: FlaskClient) -> None:
    score = evidence("Observation/o1", "2026-03-19", 16.0, "{score}")
    because = [reason("phq9", 16.0, "{score}", score), reason("days since phq9", 1.0, "days", score)]
    publish(tmp_path, [person(1, finding(reasons=because))])
    assert "phq9: 16, days since phq9: 1 day · 19 Mar 2026" in rows(client.get("/findings"))[0]


def test_each_person_has_one_row_however_many_findings(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding("damp"), finding("food"), finding("mood", "unknown"))])
    (row,) = rows(client.get("/findings"))
    assert "Title of damp" in row
    assert "Title of food" in row
    assert "Also not known: Title of mood" in row


def test_the_second_view_lists_what_to_ask(tmp_path: Path, client: FlaskClient) -> None:
    missing = [reason("home problems", None), reason("age", 40.0, None, evidence("Patient/p2"))]
    publish(tmp_path, [person(1, finding()), person(2, finding("food", "unknown", reasons=missing))])
    assert len(rows(client.get("/findings"))) == 1
    (row,) = rows(client.get("/findings?view=ask"))
    assert "Person 0002" in row
    assert "Not known: home problems" in row
    assert "age" not in row


def test_an_unusable_value_is_named_in_what_to_ask(tmp_path: Path, client: FlaskClient) -> None:
    unusable = reason("hba1c", None, "%", evidence("Observation/o9", "2026-05", 12.0, "mg/dL"))
    publish(tmp_path, [person(1, finding("food", "unknown", reasons=[unusable]))])
    assert "hba1c (cannot be used: May 2026 , Observation/o9 )" in rows(client.get("/findings?view=ask"))[0]


def test_the_views_count_everybody_once(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding()), person(2, finding(), finding("food", "unknown")), person(3, finding("food", "unknown"))])
    said = text(client.get("/findings"))
    assert "To act on 2" in said
    assert "Could not tell 1" in said


# ---------------------------------------------------------------- filters, order, pages


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/findings", [1, 3, 2]),
        ("/findings?rule=food", [2]),
        ("/findings?level=watch", [2]),
        ("/findings?rule=damp&level=watch", []),
        ("/findings?language=es", [3, 2]),
        ("/findings?language=unknown", [1]),
        ("/findings?language=es&rule=damp", [3]),
        ("/findings?rule=no-such-rule", []),
        ("/findings?level=<script>&sort=up&view=all&page=-1", [1, 3, 2]),
        ("/findings?page=99999999999999999999", [1, 3, 2]),
        ("/findings?page=²", [1, 3, 2]),
        ("/findings?sort=name", [3, 2, 1]),
    ],
)
def test_filters(tmp_path: Path, client: FlaskClient, address: str, expected: list[int]) -> None:
    publish(
        tmp_path,
        [
            person(1, finding(priority=70), language=None, name="Zoë"),
            person(2, finding("food", level="watch", priority=60), language="es", name="Émile"),
            person(3, finding(priority=70), finding("food", "unknown", level="watch", priority=60), language="es", name="adam"),
        ],
    )
    response = client.get(address)
    assert response.status_code == 200
    names = {1: "Zoë", 2: "Émile", 3: "adam"}
    assert [row.split()[1] for row in rows(response)] == [names[number] for number in expected]


def test_filters_that_nobody_fits_are_no_error(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding())])
    said = text(client.get("/findings?rule=nothing"))
    assert "Nobody here fits these filters" in said
    assert "nothing to ask" in text(client.get("/findings?view=ask"))


def test_fifty_people_a_page(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(number, finding()) for number in range(120)])
    first, last = client.get("/findings"), client.get("/findings?page=3")
    assert len(rows(first)) == 50
    assert "1–50 of 120" in text(first)
    assert len(rows(last)) == 20
    assert rows(client.get("/findings?page=4")) == rows(last)
    seen = [row for page in (1, 2, 3) for row in rows(client.get(f"/findings?page={page}"))]
    assert len(set(seen)) == 120


def test_page_links_keep_the_filters(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(number, finding(), language="es") for number in range(60)])
    links = [html.unescape(link) for link in re.findall(r'href="([^"]+)">Next', client.get("/findings?language=es&sort=name").text)]
    assert links == ["/findings?language=es&sort=name&page=2"]


# ---------------------------------------------------------------- restricted findings


def test_a_restricted_finding_is_counted_and_nothing_else(tmp_path: Path, client: FlaskClient) -> None:
    secret = finding("secret", restricted=True, priority=99, level="watch", next_flip="2026-07-01")
    publish(tmp_path, [person(1, finding("damp"), secret), person(2, secret), person(3, finding("food", priority=80))])
    for address in ("/findings", f"/people/{SWEEP}/0", f"/people/{SWEEP}/1", "/?rule=secret", "/?level=watch"):
        page = client.get(address)
        assert "secret" not in page.text.replace("rule=secret", "")
        assert "1 Jul 2026" not in text(page)
    listed = rows(client.get("/findings"))
    assert [row.split()[2] for row in listed] == ["0003", "0001", "shown"], "its priority must not show in the order"
    assert "1 restricted finding: not shown on a shared list" in listed[1]
    assert listed[2].startswith("– not shown Person 0002")


@pytest.mark.parametrize("address", ["/?rule=secret", "/?level=watch"])
def test_no_filter_finds_people_by_what_is_restricted(tmp_path: Path, client: FlaskClient, address: str) -> None:
    publish(tmp_path, [person(1, finding("secret", restricted=True, level="watch"))])
    assert rows(client.get(address)) == []


# ---------------------------------------------------------------- search


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("munoz", ["Muñoz, Ana"]), ("ANA mu", ["Muñoz, Ana"]), ("p2", ["Ananda"]), ("ana", ["Ananda", "Muñoz, Ana"]), ("x", []), ("  ", [])],
)
def test_search_by_name_or_id(tmp_path: Path, client: FlaskClient, typed: str, expected: list[str]) -> None:
    publish(tmp_path, [person(1, finding(), name="Muñoz, Ana"), person(2, finding("food", "unknown"), name="Ananda")])
    response = client.post("/search", data={"text": typed}, follow_redirects=True)
    assert response.status_code == 200
    assert re.findall(r"<a href=\"/people/[^\"]+\"><bdi>([^<]+)</bdi>", response.text) == expected


def test_names_and_ids_never_stand_in_an_address(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding(), name="Rosalind", id="mrn-4711")])
    redirect = client.post("/search", data={"text": "Rosalind mrn-4711"})
    assert redirect.status_code == 303
    pages = [client.get("/findings"), client.get(redirect.location), client.get(f"/people/{SWEEP}/0")]
    addresses = [redirect.location, *(a for page in pages for a in re.findall(r'(?:href|action|src)="([^"]*)"', page.text))]
    assert addresses
    assert not [a for a in addresses if "rosalind" in a.lower() or "mrn" in a.lower()]
    assert not any("Rosalind" in re.findall(r"<title>(.*?)</title>", page.text)[0] for page in pages)


def test_a_search_that_finds_many_shows_fifty_and_says_so(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(number, finding()) for number in range(60)])
    response = client.post("/search", data={"text": "person"}, follow_redirects=True)
    assert len(rows(response)) == 50
    assert "60 people found" in text(response)
    assert "The first 50 by name" in text(response)


def test_found_addresses_that_mean_nothing_find_nobody(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding())])
    assert rows(client.get(f"/found/{SWEEP}?rows=9.x.-1..²&of=many")) == []
    assert client.get("/found/earlier?rows=0").status_code == 410


# ---------------------------------------------------------------- a person's page


def test_a_persons_page_explains_everything(tmp_path: Path, client: FlaskClient) -> None:
    converted = reason("hba1c", 10.021, "%", evidence("Observation/o1", "2026-03", 86.0, "mmol/mol"))
    unknown = finding("food", "unknown", reasons=[reason("food screen", None)])
    publish(tmp_path, [person(1, finding("phq9-no-follow-up", reasons=[converted], next_flip="2026-09-20"), unknown)])
    said = text(client.get(f"/people/{SWEEP}/0"))
    for expected in (
        "Interpreter not recorded",
        "A PHQ-9 of 10 or more suggests moderate depression",
        "hba1c 10.02 % Mar 2026 Observation/o1 86 mmol/mol",
        "this changes on 20 Sep 2026",
        "Kroenke, Spitzer, Williams",
        "food screen ? not known",
    ):
        assert expected in said


def test_a_rule_that_is_not_loaded_any_more_leaves_the_evidence(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding("gone", reasons=[reason("asthma", True, None, evidence())]))])
    response = client.get(f"/people/{SWEEP}/0")
    assert response.status_code == 200
    assert "Condition/c1" in text(response)


def test_an_address_of_an_earlier_sweep_leads_to_the_same_person(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding()), person(2, finding())], "one")
    publish(tmp_path, [person(0, finding()), person(2, finding(priority=99))], "two")
    now = client.get("/people/one/1")
    assert now.location == "/people/two/0"
    assert "Person 0002" in client.get(now.location).text
    gone = client.get("/people/one/0")
    assert gone.status_code == 410
    assert "No longer on the list" in text(gone)


@pytest.mark.parametrize("place", ["two/99", "one/99", "never/0", "..%2f..%2fetc/0", "%2e%2e/0", "x" * 300 + "/0", f"one/{10**30}"])
def test_addresses_of_nobody(tmp_path: Path, client: FlaskClient, place: str) -> None:
    publish(tmp_path, [person(1, finding())], "one")
    publish(tmp_path, [person(1, finding())], "two")
    assert client.get(f"/people/{place}").status_code == 404


# ---------------------------------------------------------------- hostile text, damage

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "javascript:alert(1)",
    "</bdi></table>",
    "\u202egnp.exe",
    "&lt;b&gt;",
    "a\nb\tc",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_from_records_stays_text(tmp_path: Path, client: FlaskClient, hostile: str) -> None:
    because = [reason("wish", hostile, hostile, evidence(hostile, hostile, hostile, hostile)), reason(hostile, None)]
    publish(tmp_path, [person(1, finding(reasons=because), name=hostile, phone=hostile, language=hostile, sex=hostile, id=hostile)])
    escaped = html.escape(hostile, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    for address in ("/findings", f"/people/{SWEEP}/0"):
        page = client.get(address)
        assert page.status_code == 200
        assert f"<bdi>{escaped}</bdi>" in page.text
        assert "<script" not in page.text
        assert not [name for name in attributes(page.text) if name.startswith("on")]


def test_a_damaged_sweep_shows_nobody_rather_than_fewer(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding()), person(2, finding())])
    lines = tmp_path / "sweeps" / SWEEP / "worklist.ndjson"
    lines.write_text(lines.read_text(encoding="utf-8").splitlines(keepends=True)[0], encoding="utf-8")
    response = client.get("/findings")
    assert response.status_code == 503
    assert "Run the sweep again" in text(response)
    assert "Person" not in response.text
    assert client.get("/rules").status_code == 200


@pytest.mark.parametrize("content", [b"not json\n", b"[]\n", b"{}\n", json.dumps({"id": 1}).encode() + b"\n", b"\xff\n"])
def test_lines_that_are_no_people_are_damage(tmp_path: Path, client: FlaskClient, content: bytes) -> None:
    publish(tmp_path, [person(1, finding())])
    folder = tmp_path / "sweeps" / SWEEP
    (folder / "worklist.ndjson").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["worklist.ndjson"]["bytes"] = len(content)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert client.get("/findings").status_code == 503


def test_a_new_sweep_is_seen_at_once(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding())], "one")
    assert len(rows(client.get("/findings"))) == 1
    publish(tmp_path, [person(1, finding()), person(2, finding())], "two")
    assert len(rows(client.get("/findings"))) == 2


def test_no_page_is_kept_or_told_to_others(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding())])
    for address in ("/findings", f"/people/{SWEEP}/0", "/rules"):
        headers = client.get(address).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"


def test_pages_need_nothing_from_elsewhere(tmp_path: Path, client: FlaskClient) -> None:
    publish(tmp_path, [person(1, finding())])
    for address in ("/findings", f"/people/{SWEEP}/0", "/rules", "/rules/phq9-no-follow-up"):
        page = client.get(address).text
        assert " style=" not in page
        assert "<script" not in page
        loaded = re.findall(r'<(?:link|img|script)[^>]*(?:href|src)="([^"]+)"', page)
        assert loaded
        for place in loaded:
            with client.get(place) as file:
                assert file.status_code == 200
