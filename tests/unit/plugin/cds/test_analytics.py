"""What became of cards: each counted once, nothing claimed that nobody told, small numbers withheld, the same on both databases."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from support.ledger import KEY, NOON, accepted, call, card, fill, message, overridden, refer
from support.worklist import application, person, publish

from fhir_adapters.errors import KeyUnusable
from plugin.cds.analytics.counting import KINDS, Question, by_column, by_group, by_reason, held_back
from plugin.cds.analytics.funnel import ALL, RETURNED, funnel, number, wilson
from plugin.cds.analytics.groups import SweptGroups
from plugin.cds.analytics.period import Period, months, period_of
from plugin.cds.feedback import parse_feedback
from plugin.cds.ledger import CardState, Ledger
from plugin.cds.ledger.opening import open_ledger
from plugin.cds.ledger.waiting import ORDERED, RESOLVED
from plugin.settings import Settings
from plugin.store import Store
from plugin.store.tables.cds import CALLS
from plugin.sweep.published import Published
from rules.suppression import Cell

NOVEMBER = Period("2026-11", "2026-11")
DAY = timedelta(days=1)


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store, KEY)


def question(**more: Any) -> Question:
    return Question(NOVEMBER.since, NOON + 2 * DAY, **more)


def by_site(ledger: Ledger, asked: Question) -> dict[tuple[str, str], int]:
    return {tuple(cell): number for cell, number in by_column(ledger.store, asked, CALLS.c.client).items()}


def test_each_card_is_what_it_came_to_and_nothing_is_claimed_that_nobody_told(ledger: Ledger) -> None:
    offers = [refer() for _ in range(3)]
    taken = [card("food", offer) for offer in offers]
    refused, quiet, young, early = card(), card(), card(), card()
    ledger.record(call(early, at=NOON - DAY))
    ledger.record(call(*taken, refused, quiet))
    ledger.record(call(young, at=NOON + 3 * DAY - timedelta(hours=1)))
    ledger.record(call(card(), card(), client="south"))
    said = [accepted(each, offer) for each, offer in zip(taken, offers, strict=True)]
    ledger.take(parse_feedback(message(*said, overridden(refused))), "north", NOON)
    ledger.progressed(offers[1].id, ORDERED, NOON)
    ledger.progressed(offers[2].id, ORDERED, NOON)
    ledger.progressed(offers[2].id, RESOLVED, NOON)
    one_each = {("north", kind): 1 for kind in KINDS}
    assert by_site(ledger, question()) == one_each | {("south", "not told"): 2}
    assert by_site(ledger, question(arrived=[offers[0].id]))["north", ORDERED] == 2


def test_what_is_counted_can_be_narrowed(ledger: Ledger) -> None:
    ledger.record(call(card("food"), card("damp"), user=None))
    ledger.record(call(card("food"), client="south", at=NOON + 9 * DAY))
    assert by_site(ledger, question(rule="damp")) == {("north", "not told"): 1}
    assert by_site(ledger, question(client="south")) == {}
    roles = by_column(ledger.store, question(), CALLS.c.role)
    assert roles == {Cell("not told", "not told"): 2}


def test_reasons_are_counted_card_by_card(ledger: Ledger) -> None:
    cards = [card() for _ in range(6)]
    ledger.record(call(*cards))
    two = {"overrideReason": None, "overrideReasons": [{"reason": {"code": "a"}}, {"reason": {"code": "b"}}]}
    own = {"overrideReason": {"reason": {"code": "77", "system": "urn:site", "display": "No time"}}}
    said = [
        overridden(cards[0]),
        overridden(cards[1]),
        overridden(cards[2], None),
        overridden(cards[3]) | two,
        overridden(cards[4]) | own,
    ]
    both = [accepted(cards[5]), overridden(cards[5])]
    ledger.take(parse_feedback(message(*said, *both)), "north", NOON)
    expected = {"patient-refuses": 2, "no reason given": 1, "several reasons": 1, "No time": 1}
    assert by_reason(ledger.store, question()) == expected


def test_what_was_made_and_not_sent_is_counted_with_its_reason(ledger: Ledger) -> None:
    ledger.record(call(card(), card(state=CardState.SILENT), card(state=CardState.SUPPRESSED, reason="snoozed")))
    assert held_back(ledger.store, question()) == {Cell("food", "silent"): 1, Cell("food", "snoozed"): 1}


def test_groups_are_those_of_the_worklist(ledger: Ledger, tmp_path: Path) -> None:
    publish(tmp_path, [person(1, sex="female", age=70, language="es"), person(2, sex=None, age=None, language=None)])
    for patient in ("p1", "p2", "p9"):
        ledger.record(call(card(), patient=patient))
    found = {
        by: sorted(cell.row for cell in by_group(ledger.store, question(), SweptGroups(Published(tmp_path), by)))
        for by in ("sex", "age", "language")
    }
    assert found == {
        "sex": ["female", "not known", "not recorded"],
        "age": ["65-74", "not known", "not recorded"],
        "language": ["Spanish", "not known", "not recorded"],
    }
    assert SweptGroups(Published(tmp_path / "none"), "sex")(["p1"]) == {}


# ---------------------------------------------------------------- how it may be shown


def test_wilson_as_published() -> None:
    """Newcombe 1998, table I, method 3: 81 of 263, 15 of 148, 0 of 20."""
    for count, of, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        rate = wilson(count, of)
        assert rate is not None
        assert (round(rate.low, 4), round(rate.high, 4)) == (low, high)
    assert wilson(0, 0) is None


def row(**kinds: int) -> dict[Cell, int]:
    return {Cell("r", kind.replace("_", " ")): number for kind, number in kinds.items()}


def test_a_site_that_never_tells_is_said_to_tell_nothing() -> None:
    (found,) = funnel(row(not_told=50), {ORDERED})
    assert (found.cells[RETURNED], found.cells["shown"], found.cells["accepted"], found.rate) == ("50", "not told", "not told", None)


def test_steps_of_which_nobody_tells_are_not_nought() -> None:
    (found,) = funnel(row(accepted=20, overridden=30, ignored=50), ())
    assert (found.cells["accepted"], found.cells[ORDERED], found.cells[RESOLVED]) == ("20", "not told", "not told")
    assert found.rate is not None
    assert round(found.rate.value, 2) == 0.20


def test_small_numbers_are_withheld_with_what_would_give_them_away() -> None:
    cells = {Cell("a", "accepted"): 3, Cell("a", "overridden"): 40, Cell("b", "accepted"): 30, Cell("b", "overridden"): 50}
    b, a, whole = funnel(cells, ())
    assert (a.cells["accepted"], a.cells["overridden"], a.rate) == ("<11", "*", None)
    assert (b.cells["accepted"], b.cells["overridden"], b.rate) == ("*", "*", None)
    assert (whole.name, whole.cells["accepted"], whole.cells[RETURNED]) == (ALL, "33", "123")


PARTS = st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 40), min_size=6, max_size=6), min_size=1)


@given(PARTS)
def test_a_sum_says_nothing_that_the_cells_do_not_say(tables: dict[str, list[int]]) -> None:
    """Whatever is shown of accepted follows from cells that are shown: nothing hidden is among what it was made of."""
    cells = {Cell(name, kind): count for name, counts in tables.items() for kind, count in zip(KINDS, counts, strict=True)}
    for found in funnel(cells, {ORDERED, RESOLVED}):
        shown = number(found.cells["accepted"])
        rest = [number(found.cells[column]) for column in (RETURNED, "overridden", "ignored", "not told")]
        if shown is not None and found.cells[RESOLVED][0] in "<*":
            assert None not in rest
            assert shown == rest[0] - sum(rest[1:])  # type: ignore[operator,arg-type]


def test_periods_are_whole_months() -> None:
    now = datetime(2026, 1, 31, 23, tzinfo=UTC)
    assert period_of("", "", now) == Period("2025-11", "2026-01")
    assert period_of("2026-13", "x", now) == Period("2025-11", "2026-01")
    assert period_of("2026-02", "2025-12", now) == Period("2025-12", "2026-02")
    assert Period("2025-12", "2025-12").until == datetime(2026, 1, 1, tzinfo=UTC)
    assert months(datetime(2025, 11, 3, tzinfo=UTC), now) == ["2026-01", "2025-12", "2025-11"]
    assert months(None, now) == ["2026-01"]
    assert period_of("0000-01", "9999-12", now).until > now


# ---------------------------------------------------------------- the page


@pytest.fixture
def filled(tmp_path: Path) -> FlaskClient:
    ledger = open_ledger(Settings(state=tmp_path))
    fill(ledger, datetime.now(UTC))
    ledger.store.close()
    return application(tmp_path).test_client()


def test_before_the_first_card_the_page_says_so(tmp_path: Path) -> None:
    response = application(tmp_path).test_client().get("/cds/analytics")
    assert response.status_code == 200
    assert "No card was sent in this time" in response.text


def test_the_page_shows_the_funnel_and_names_nobody(filled: FlaskClient) -> None:
    page = filled.get("/cds/analytics").text
    for said in ("From sent to resolved", "Uncontrolled diabetes", "Why cards were not followed", "Made and not sent", "needs a sweep"):
        assert said in page
    assert not re.search(r"\bp\d+\b|Practitioner/7|[0-9a-f]{32}", page)
    assert "south" in filled.get("/cds/analytics?by=site").text
    assert 'value="sex"' not in page, "without a sweep nobody's group is known"


def test_an_address_that_makes_no_sense_shows_the_usual_page(filled: FlaskClient) -> None:
    for query in ("by=x&from=2026&to=abc&rule=nothing&site=%01", "by=sex", "from=0000-01&to=9999-12"):
        assert filled.get(f"/cds/analytics?{query}").status_code == 200


def test_the_download_says_the_same(filled: FlaskClient) -> None:
    response = filled.get("/cds/analytics/cards.csv?by=site")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "by-site.csv" in response.headers["Content-Disposition"]
    lines = list(csv.reader(io.StringIO(response.text.lstrip("\ufeff"))))
    assert lines[0][:4] == ["table", "site", "returned", "shown"]
    assert {line[1] for line in lines if line[0] == "cards"} == {"north", "south", "all"}
    assert not [cell for line in lines for cell in line if cell.isdigit() and 0 < int(cell) < 11]


def test_a_reason_is_no_formula(tmp_path: Path) -> None:
    ledger = open_ledger(Settings(state=tmp_path))
    cards = [card() for _ in range(12)]
    ledger.record(call(*cards, at=datetime.now(UTC) - 2 * DAY))
    evil = {"overrideReason": {"reason": {"code": "x", "display": "=HYPERLINK(1)"}}}
    ledger.take(parse_feedback(message(*(overridden(each) | evil for each in cards))), "north", NOON)
    ledger.store.close()
    assert "reason,'=HYPERLINK(1),12" in application(tmp_path).test_client().get("/cds/analytics/cards.csv").text


def test_a_key_that_cannot_be_used_stops_the_start_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.key").write_text("short")
    (tmp_path / "ledger.key").chmod(0o600)
    with pytest.raises(KeyUnusable, match="key of the ledger"):
        application(tmp_path)
