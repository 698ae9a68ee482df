"""An outreach worker looks for a service for somebody; whoever keeps the directory sees what is wrong with it."""

import json
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle
from support.command_line import almoner
from support.listings import AS_OF, HSDS_2, fhir, hsds_3, write_json, write_tables

from fhir_adapters.synthetic import write_agencies

DAY = ("--as-of", AS_OF.isoformat())


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    write_agencies(tmp_path / "agencies", 58, AS_OF)
    return tmp_path / "agencies"


def test_she_sees_whom_to_call_and_why(made_up: Path) -> None:
    ran = almoner("directory", "find", made_up, *DAY, "--domain", "food-insecurity", "--postcode", "00004", "--language", "es")
    assert ran.code == 0, ran.err
    assert "yes     domain       is for food-insecurity" in ran.out
    assert "LEFT OUT" not in ran.out
    kept = int(ran.out.splitlines()[-1].split(" of 36 services may help")[0])
    assert 0 < kept < 36
    assert sum(line.startswith(("FITS", "ASK")) for line in ran.out.splitlines()) == kept


def test_she_can_see_what_was_left_out(made_up: Path) -> None:
    ran = almoner("directory", "find", made_up, *DAY, "--domain", "food-insecurity", "--all", "--json")
    services = json.loads(ran.out)["services"]
    assert len(services) == 36
    for service in services:
        answers = {ground["answer"] for ground in service["grounds"]}
        assert service["verdict"] == ("left out" if "no" in answers else "ask" if "unknown" in answers else "fits")
        assert service["stale"] is (None if service["age_days"] is None else service["age_days"] > 365)
    assert {service["verdict"] for service in services} == {"fits", "ask", "left out"}


def test_nothing_about_the_person_is_printed(made_up: Path) -> None:
    ran = almoner(
        "directory", "find", made_up, *DAY, "--postcode", "ZZ99 9ZZ", "--county", "Nowhereshire", "--age", "37.25", "--all", "--json"
    )
    assert not any(text in ran.out + ran.err for text in ("ZZ99", "Nowhereshire", "37.25"))


def test_no_service_for_it_is_an_answer_of_its_own(tmp_path: Path) -> None:
    source = write_json(tmp_path / "service.json", hsds_3(status="defunct"))
    ran = almoner("directory", "find", source, *DAY)
    assert (ran.code, ran.out) == (1, "0 of 1 service may help; --all shows the others\n")


def test_a_domain_that_there_is_not_is_refused_with_those_that_there_are(made_up: Path) -> None:
    ran = almoner("directory", "find", made_up, "--domain", "hunger")
    assert ran.code == 2
    assert "'hunger' is not one of" in ran.err
    assert "food-insecurity" in ran.err


def test_the_keeper_sees_what_is_stale_unknown_and_wrong(made_up: Path) -> None:
    ran = almoner("directory", "check", made_up, *DAY)
    assert ran.code == 1
    assert "36 services in 36 listings, as of 2026-06-30" in ran.out
    assert "http://example.org/local-terms,local-7,Local scheme: " in ran.out
    assert "days" in ran.out.split("stale: ", 1)[1]
    numbers = json.loads(almoner("directory", "check", made_up, *DAY, "--json").out)
    assert all(row["read"] == row["mapped"] + row["ignored"] + row["quarantined"] + row["duplicate"] for row in numbers["rows"])
    assert numbers["services"] == 36
    assert sum(service["age_days"] > 365 for service in numbers["stale"]) == len(numbers["stale"]) > 0


def test_a_directory_without_fault_passes(tmp_path: Path) -> None:
    ran = almoner("directory", "check", write_json(tmp_path / "service.json", fhir()), *DAY)
    assert (ran.code, ran.err) == (0, "")


def test_sources_that_differ_are_shown_side_by_side(tmp_path: Path) -> None:
    one = write_json(tmp_path / "one.json", hsds_3(minimum_age=18))
    other = write_json(tmp_path / "two.json", hsds_3(minimum_age=21))
    ran = almoner("directory", "check", one, f"partner={other}", *DAY)
    assert ran.code == 1
    assert "1 service in 2 listings" in ran.out
    identity = hsds_3()["id"]
    assert f"conflict: minimum_age: one#service/{identity} says 18; partner#service/{identity} says 21" in ran.out


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    one, other = (write_json(tmp_path / folder / "service.json", hsds_3()) for folder in ("a", "b"))
    ran = almoner("directory", "check", one, other)
    assert ran.code == 3
    assert ran.err == "almoner: two sources are called 'service': tell them apart with NAME=SOURCE\n"


def test_links_and_a_crosswalk_of_the_site_are_used(tmp_path: Path) -> None:
    tables = write_tables(tmp_path / "tables", HSDS_2)
    listed = write_json(tmp_path / "fhir.json", fhir(category=[{"text": "Parcels scheme"}]))
    links, terms = tmp_path / "links.csv", tmp_path / "terms.csv"
    links.write_text("service,same_as\ntables#service/s1,fhir#HealthcareService/h1\n", encoding="utf-8")
    terms.write_text("system,code,term,domain,partner,source\n,,Parcels scheme,food-insecurity,,the council\n", encoding="utf-8")
    ran = almoner("directory", "check", tables, listed, *DAY, "--links", links, "--crosswalk", terms)
    assert (ran.code, ran.err) == (0, "")
    assert "1 service in 2 listings" in ran.out


def test_the_directory_goes_out_as_a_bundle_that_can_be_sent_again(tmp_path: Path) -> None:
    tables = write_tables(tmp_path / "tables", HSDS_2)
    for name in ("first.json", "again.json"):
        ran = almoner("directory", "export", tables, "--out", tmp_path / name, *DAY)
        assert ran.code == 0, ran.err
        assert ran.err == f"3 resources of 1 service -> {tmp_path / name}\n"
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "again.json").read_bytes()
    Bundle.model_validate_json((tmp_path / "first.json").read_bytes())
