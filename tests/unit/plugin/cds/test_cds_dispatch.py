"""An order is about to be sent to an agency: what the directory knows about that choice, and about better ones."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from support.cds_calls import PATIENT, hook_call, patient, referral, searchset
from support.listings import capacity, fhir
from support.worklist import application

from fhir_adapters.directory import Directory, Entry
from fhir_adapters.gravity import category
from plugin.cds.advice import AgencyChoice
from plugin.cds.dispatch import Partners, domains_of, read_partners
from plugin.cds.gathering import gather
from plugin.cds.request import parse_call
from plugin.cds.services import services
from plugin.cds.validate import response_problems
from plugin.listings.saying import Room
from plugin.settings import CdsSettings, ClientSettings
from rules.facts import Coding
from rules.pack import BUILT_IN, load_packs

PACKS: Final = load_packs(BUILT_IN)
TODAY: Final = date(2026, 6, 30)
FOOD: Final = Coding("http://snomed.info/sct", "467771000124109")
SPANISH: Final = [{"preferred": True, "language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es"}]}}]
HOME: Final = [{"use": "home", "postalCode": "01940", "state": "MA", "city": "Lynnfield"}]
WHO: Final = patient(address=HOME, communication=SPANISH)


def listed(agency: str, status: str = "capacity", language: str = "es", **changes: Any) -> list[dict[str, Any]]:
    """An agency with one food service, whose capacity was told ten days ago."""
    service = fhir(
        id=f"{agency}-1",
        name=f"Food of {agency}",
        extension=[capacity(status)],
        providedBy={"reference": f"Organization/{agency}"},
        coverageArea=[{"reference": f"Location/{agency}"}],
        communication=[{"coding": [{"system": "urn:ietf:bcp:47", "code": language}]}],
    )
    area = {"resourceType": "Location", "id": agency, "name": "01940, 01941", "address": {"postalCode": "01940"}}
    return [service | changes, area, {"resourceType": "Organization", "id": agency, "active": True, "name": agency}]


def partners(folder: Path, *agencies: list[dict[str, Any]]) -> Partners:
    lines = [json.dumps(resource) for agency in agencies for resource in agency]
    (folder / "listings.ndjson").write_text("\n".join(lines), encoding="utf-8")
    found = read_partners([f"town={folder}"], TODAY)
    assert found is not None
    return Partners(found, domains_of(PACKS))


def choices(
    known: Partners, performer: Any = "Organization/pantry", order: Any = None, who: Any = WHO, **context: Any
) -> list[AgencyChoice]:
    orders = searchset(referral("s1", FOOD.code) if order is None else order)
    whole = {"patientId": PATIENT, "dispatchedOrders": ["ServiceRequest/s1"], "performer": performer} | context
    call = parse_call(hook_call({"patient": who, "serviceRequest": orders}, hook="order-dispatch", context=whole), "order-dispatch")
    (service,) = services([], directory=True)
    return list(known.choices(call, gather(call, service.templates("2.0"), None, TODAY), TODAY))


def reason(choice: AgencyChoice, criterion: str) -> str:
    assert choice.chosen is not None
    return next(ground.reason for ground in choice.chosen.grounds if ground.criterion == criterion)


def test_an_agency_that_is_as_good_as_others_needs_no_word(tmp_path: Path) -> None:
    assert choices(partners(tmp_path, listed("pantry"), listed("kitchen"))) == []
    old = listed("pantry", meta={"lastUpdated": "2020-01-01T00:00:00Z"}, extension=[])
    assert choices(partners(tmp_path, old, listed("kitchen", extension=[]))) == []


def test_an_agency_without_room_and_one_that_has_it(tmp_path: Path) -> None:
    (choice,) = choices(partners(tmp_path, listed("pantry", "no-capacity"), listed("kitchen"), listed("larder", "no-capacity")))
    assert (choice.order, choice.service, choice.domain) == ("ServiceRequest/s1", FOOD, "food-insecurity")
    assert (choice.performer, choice.as_of) == ("Organization/pantry", TODAY)
    assert choice.chosen is not None
    assert choice.chosen.verdict == "left out"
    assert "it has no place" in reason(choice, "capacity")
    assert [match.service.name for match in choice.others] == ["Food of kitchen"]


def test_what_the_agency_itself_said_since_the_directory_was_read_is_heard(tmp_path: Path) -> None:
    known = partners(tmp_path, listed("pantry"), listed("kitchen"))
    assert choices(known) == []

    def full(directory: Directory) -> Directory:
        kitchen, pantry = directory.entries
        return replace(directory, entries=(kitchen, Entry(tuple(Room("full").over(each, TODAY) for each in pantry.listings))))

    (choice,) = choices(replace(known, since=full))
    assert reason(choice, "capacity") == f"said that it has no place (by the agency itself) on {TODAY}"
    assert [match.service.name for match in choice.others] == ["Food of kitchen"]


def test_a_language_that_is_not_listed_is_something_to_ask_elsewhere_it_need_not_be(tmp_path: Path) -> None:
    (choice,) = choices(partners(tmp_path, listed("pantry", language="fr"), listed("kitchen", language="de"), listed("larder")))
    assert choice.chosen is not None
    assert choice.chosen.verdict == "ask"
    assert [match.service.name for match in choice.others] == ["Food of larder"]


@pytest.mark.parametrize(
    "changes",
    [
        {"coverageArea": [{"reference": "Location/far"}]},
        {"active": False},
        {"eligibility": [{"comment": "Veterans only"}]},
    ],
    ids=["area", "status", "eligibility"],
)
def test_other_grounds(tmp_path: Path, changes: dict[str, Any]) -> None:
    far = {"resourceType": "Location", "id": "far", "name": "90210", "address": {"postalCode": "90210"}}
    (choice,) = choices(partners(tmp_path, [*listed("pantry", **changes), far], listed("kitchen")))
    assert choice.chosen is not None
    assert [match.service.name for match in choice.others] == ["Food of kitchen"]


def test_an_agency_that_the_directory_does_not_know(tmp_path: Path) -> None:
    known = partners(tmp_path, listed("kitchen"))
    (choice,) = choices(known, "Organization/elsewhere")
    assert choice.chosen is None
    assert [match.service.name for match in choice.others] == ["Food of kitchen"]
    assert choices(known, "HealthcareService/kitchen-1") == []


def test_without_a_better_one_only_a_known_reason_is_told(tmp_path: Path) -> None:
    assert len(choices(partners(tmp_path, listed("pantry", "no-capacity")))) == 1
    assert choices(partners(tmp_path, listed("pantry", language="fr"))) == []


def test_the_category_of_the_order_says_what_it_is_for_and_else_the_packs(tmp_path: Path) -> None:
    known = partners(tmp_path, listed("pantry", "no-capacity"))
    local = referral("s1", FOOD.code) | {"code": {"coding": [{"system": "urn:oid:1.2.3", "code": "FOOD"}]}}
    assert choices(known, order=local) == []
    (choice,) = choices(known, order=local | {"category": {"coding": [category("food-insecurity")]}})
    assert choice.service == Coding("urn:oid:1.2.3", "FOOD")
    (choice,) = choices(known, order=referral("s1", "710911006"))
    assert (choice.domain, reason(choice, "domain")) == ("inadequate-housing", "is for food-insecurity")


def test_an_order_that_did_not_come_is_told_by_its_task(tmp_path: Path) -> None:
    known = partners(tmp_path, listed("pantry", "no-capacity"))
    task = {"resourceType": "Task", "status": "draft", "focus": {"reference": "ServiceRequest/s9"}, "code": {"coding": [FOOD._asdict()]}}
    orders = {"dispatchedOrders": ["ServiceRequest/s9"]}
    assert choices(known, **orders) == []
    (choice,) = choices(known, fulfillmentTasks=[task], **orders)
    assert choice.order == "ServiceRequest/s9"


@pytest.mark.parametrize("who", [patient(), patient(address="x", communication=7), patient(address=[7, {"postalCode": 1}])])
def test_of_somebody_whose_home_is_not_known_nothing_is_assumed(tmp_path: Path, who: Any) -> None:
    (choice,) = choices(partners(tmp_path, listed("pantry", "no-capacity"), listed("kitchen")), who=who)
    assert {ground.criterion for ground in choice.others[0].grounds}.isdisjoint({"area", "language"})


def test_without_a_usable_performer_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert choices(partners(tmp_path, listed("pantry", "no-capacity")), "the pantry") == []


def test_without_sources_there_is_no_directory() -> None:
    assert read_partners([], TODAY) is None


# ---------------------------------------------------------------- the card


def cards(
    folder: Path, *agencies: list[dict[str, Any]], language: str = "en", performer: str = "Organization/pantry"
) -> list[dict[str, Any]]:
    """What a client gets over HTTP."""
    listings = folder / "agencies"
    listings.mkdir()
    listings.joinpath("listings.ndjson").write_text("\n".join(json.dumps(each) for agency in agencies for each in agency), encoding="utf-8")
    cds = CdsSettings(directory=(f"town={listings}",), clients={"ehr": ClientSettings(language=language)})
    context = {"patientId": PATIENT, "dispatchedOrders": ["ServiceRequest/s1"], "performer": performer}
    keys = {"patient": WHO, "serviceRequest": searchset(referral("s1", FOOD.code))}
    service = "/cds-services/almoner-order-dispatch"
    client = application(folder, today=TODAY, cds=cds).test_client()
    response = client.post(service, json=hook_call(keys, hook="order-dispatch", context=context))
    assert response.status_code == 200
    assert response_problems(response.json) == []
    assert response.json is not None
    found: list[dict[str, Any]] = response.json["cards"]
    told = [{"card": each["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-06-30T10:00:00Z"} for each in found]
    client.post(f"{service}/feedback", json={"feedback": told})
    assert client.get("/metrics").text.count('almoner_cds_feedback_total{client="ehr",end="quarantined"} 0.0') == 1, "the card is known"
    return found


def test_the_card_names_who_cannot_why_and_who_can(tmp_path: Path) -> None:
    (card,) = cards(tmp_path, listed("pantry", "no-capacity"), listed("kitchen"))
    assert card["summary"] == "pantry cannot take this referral. Consider kitchen"
    assert card["indicator"] == "warning"
    assert "it has no place" in card["detail"]
    assert "| kitchen | " in card["detail"]
    assert "suggestions" not in card


def test_an_agency_that_is_not_listed(tmp_path: Path) -> None:
    (card,) = cards(tmp_path, listed("kitchen"), performer="Organization/elsewhere")
    assert card["summary"] == "The chosen agency is not in the directory. Listed for this need: kitchen"
    assert card["indicator"] == "info"


def test_the_card_speaks_the_clients_language(tmp_path: Path) -> None:
    (card,) = cards(tmp_path, listed("pantry", "no-capacity"), listed("kitchen"), language="es")
    assert card["summary"] == "pantry no puede atender esta derivación. Considere kitchen"


def test_a_choice_that_is_good_needs_no_card(tmp_path: Path) -> None:
    assert cards(tmp_path, listed("pantry"), listed("kitchen")) == []
