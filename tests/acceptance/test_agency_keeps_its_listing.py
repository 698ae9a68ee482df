"""The published sample of Open Referral HSDS as a site's directory: nothing of it is lost, and what is old is marked until confirmed."""

from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.access import signed_in, site, store_of, token

from fhir_adapters.directory import Directory, Inquiry, find, named_source, read_source
from fhir_adapters.mapping import Outcome
from plugin.access import Role
from plugin.cds.dispatch import read_partners
from plugin.listings.keeping import laid_over
from plugin.listings.site import EXTENSION
from plugin.referrals.matching import Sought, candidates

TODAY = date(2026, 6, 30)
AGENCY = "hsds#organization/d9d5e0f5-d3ce-4f73-9a2f-4dd0ecc6c610"
SERVICE = "hsds#service/ac148810-d857-441c-9679-408f346de14b"
FILES = ("csv", "tabular.json", "service_full.json", "organization_full.json", "service_list.json", "base.json", "taxonomy.json")


@pytest.fixture
def examples(shared_data: Path) -> Path:
    return shared_data / "hsds" / "examples"


@pytest.fixture
def directory(examples: Path) -> Directory:
    found = read_partners([f"hsds={examples / 'csv'}"], TODAY)
    assert found is not None
    return found


@pytest.fixture
def app(tmp_path: Path, directory: Directory) -> Flask:
    app, _ = site(tmp_path)
    app.extensions[EXTENSION] = directory
    return app


@pytest.mark.parametrize("file", FILES)
def test_every_record_is_taken_left_alone_or_put_aside_with_a_reason(examples: Path, file: str) -> None:
    _, report = read_source(named_source(f"hsds={examples / file}"))
    assert report.balances()
    rows = report.rows()
    assert rows
    assert sum(row.mapped + row.ignored + row.quarantined + row.duplicate for row in rows) == sum(row.read for row in rows)
    aside = {row.resource_type for row in rows if row.quarantined}
    assert aside <= {kind or "(not readable)" for kind, _ in report.quarantine.counts}


def test_the_tables_are_one_row_each_and_one_is_put_aside(examples: Path) -> None:
    _, report = read_source(named_source(f"hsds={examples / 'csv'}"))
    assert {outcome: report.total(outcome) for outcome in (Outcome.MAPPED, Outcome.IGNORED, Outcome.QUARANTINED)} == {
        Outcome.MAPPED: 18,
        Outcome.IGNORED: 2,
        Outcome.QUARANTINED: 1,
    }


def test_matching_says_that_the_listing_is_old(directory: Directory) -> None:
    (match,) = find(directory, Inquiry(TODAY))
    assert "last confirmed or changed 1,203 days ago: stale" in {ground.reason for ground in match.grounds}
    (candidate,) = candidates(directory, Sought("stress", "voluntary sector"), TODAY)
    assert candidate.stale
    assert not candidate.fits


def volunteer(app: Flask) -> FlaskClient:
    return signed_in(app, Role.AGENCY, "counselling", AGENCY)


def test_pages_mark_it_until_the_agency_confirms_it(app: Flask, directory: Directory) -> None:
    staff, agency = signed_in(app, Role.CARE_MANAGER), volunteer(app)
    assert "Stale</strong>: last confirmed or changed 15 Mar 2023" in staff.get("/listings").text
    assert "Nobody has confirmed this since 15 Mar 2023" in agency.get("/agency/services").text
    path = f"/agency/services/{SERVICE.replace('#', '%23')}"
    fields = {
        "csrf": token(agency, "/agency"),
        "number": "0",
        "what": "details",
        "languages": "English",
        "phone": "+44 1234 234567 ext. 100",
    }
    assert agency.post(path, data=fields).status_code == 303
    assert "Stale</strong>" not in staff.get("/listings").text
    with store_of(app).read() as connection:
        (match,) = find(laid_over(connection, directory), Inquiry(TODAY))
    assert match.service.assured == TODAY
    assert not any("stale" in ground.reason for ground in match.grounds)
    assert [each.name for each in match.service.languages] == ["English"]
