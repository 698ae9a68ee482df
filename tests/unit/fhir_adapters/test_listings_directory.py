"""One directory of several sources, what its terms mean, and who is found in it."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.listings import AS_OF, capacity, directory, fhir, hsds_3, read, read_one, write_json

from fhir_adapters.directory import Inquiry, Residence, Service, assemble, crosswalk, find, read_links
from fhir_adapters.directory.areas import Area
from fhir_adapters.directory.crosswalk import SHIPPED
from fhir_adapters.directory.entries import Conflict
from fhir_adapters.directory.finding import Match
from fhir_adapters.directory.model import Capacity, Closure, Identifier, Language, Organization, Term
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.gravity import CATEGORIES
from rules.grammar import PARTNER_TYPES, SDOH_CATEGORIES

FOOD = Term(CATEGORIES, "food-insecurity", "Food Insecurity")
STRESS = Term(CATEGORIES, "stress", "Stress")
STRANGE = Term("http://example.org/local", "7", "Local scheme")
COMPLETE = Service(
    key="one#service/1",
    name="Food parcels",
    organization=Organization("one#organization/1", "Food bank 1", terms=(Term("", "", "Food bank"),), active=True),
    status="active",
    terms=(FOOD,),
    areas=(Area("postcode", "00001"), Area("county", "County 1")),
    languages=(Language("es", "Spanish"),),
    minimum_age=18,
    maximum_age=65,
    capacity=(Capacity("capacity", None, AS_OF),),
    assured=AS_OF,
)
ASKED = Inquiry(AS_OF, "food-insecurity", "food bank", Residence("00001"), 40, "es")


def judged(service: Service, inquiry: Inquiry = ASKED) -> Match:
    (match,) = find(directory([service]), inquiry)
    return match


def answer(criterion: str, inquiry: Inquiry = ASKED, **changes: Any) -> bool | None:
    (found,) = [ground.answer for ground in judged(replace(COMPLETE, **changes), inquiry).grounds if ground.criterion == criterion]
    return found


def test_a_service_that_says_everything_fits() -> None:
    match = judged(COMPLETE)
    assert match.verdict == "fits"
    assert [ground.criterion for ground in match.grounds] == [
        "domain",
        "partner",
        "status",
        "area",
        "age",
        "language",
        "capacity",
        "freshness",
    ]


def test_a_service_that_says_nothing_is_never_left_out() -> None:
    match = judged(Service("one#service/1", "Something"))
    assert match.verdict == "ask"
    assert {ground.answer for ground in match.grounds} == {None}


@pytest.mark.parametrize(
    ("criterion", "changes", "expected"),
    [
        ("domain", {"terms": (STRESS,)}, False),
        ("domain", {"terms": (STRESS, STRANGE)}, None),
        ("domain", {"terms": (FOOD, STRANGE)}, True),
        ("domain", {"terms": (STRESS, Term("", "", "transport"))}, None),
        ("domain", {"terms": (Term(CATEGORIES, "sdoh-category-unspecified", ""),)}, None),
        ("domain", {"terms": (Term("http://example.org/local", "7", "Parcels", FOOD),)}, True),
        ("partner", {"organization": Organization("x", "Council 1", terms=(Term("", "", "Council"),))}, False),
        ("partner", {"organization": None}, None),
        ("status", {"status": "temporarily closed"}, False),
        ("status", {"status": None}, None),
        ("status", {"organization": Organization("x", "Gone", active=False)}, False),
        ("availability", {"closures": (Closure(date(2026, 6, 1), None, None),)}, False),
        ("availability", {"closures": (Closure(date(2026, 7, 1), date(2026, 7, 2), None),)}, True),
        ("availability", {"closures": (Closure(None, None, "Staff days"),)}, None),
        ("area", {"areas": (Area("postcode", "00002"),)}, False),
        ("area", {"areas": (Area("postcode", "00002"), Area("name", "Old Town"))}, None),
        ("area", {"areas": ()}, None),
        ("age", {"minimum_age": 41}, False),
        ("age", {"maximum_age": 39}, False),
        ("age", {"maximum_age": None}, True),
        ("age", {"minimum_age": None, "maximum_age": None}, None),
        ("eligibility", {"eligibility": ("Tenants only",)}, None),
        ("language", {"languages": (Language("zh", None),)}, None),
        ("language", {"languages": (Language("es-MX", None),)}, True),
        ("capacity", {"capacity": (Capacity("no-capacity", None, AS_OF),)}, False),
        ("capacity", {"capacity": (Capacity("no-capacity", None, date(2026, 5, 1)),)}, None),
        ("capacity", {"capacity": (Capacity("no-capacity", None, None),)}, None),
        ("capacity", {"capacity": (Capacity("waitlist", None, AS_OF),)}, None),
        ("capacity", {"capacity": (Capacity("no-capacity", "beds", AS_OF), Capacity("capacity", "meals", AS_OF))}, True),
        ("freshness", {"assured": date(2025, 1, 1)}, None),
        ("freshness", {"assured": None}, None),
        ("freshness", {"assured": date(2027, 1, 1)}, None),
    ],
)
def test_each_criterion_says_no_only_for_what_is_known(criterion: str, changes: dict[str, Any], expected: bool | None) -> None:
    assert answer(criterion, **changes) is expected
    assert judged(replace(COMPLETE, **changes)).verdict == ("left out" if expected is False else "ask" if expected is None else "fits")


def test_somebody_is_of_an_age_until_their_birthday() -> None:
    assert answer("age", replace(ASKED, age=65.9)) is True
    assert answer("age", replace(ASKED, age=66)) is False


def test_nothing_is_asked_about_somebody_of_whom_nothing_is_known() -> None:
    assert [ground.criterion for ground in judged(COMPLETE, Inquiry(AS_OF)).grounds] == ["status", "capacity", "freshness"]


def test_no_reason_repeats_the_person() -> None:
    words = " ".join(
        ground.reason for ground in judged(COMPLETE, replace(ASKED, home=Residence("09999", county="Otherland"), age=99.5)).grounds
    )
    assert not any(text in words for text in ("09999", "Otherland", "99.5"))


def test_those_that_fit_come_first_and_those_with_fewer_questions_before_others() -> None:
    services = [
        replace(COMPLETE, key="one#service/1", status="inactive"),
        replace(COMPLETE, key="one#service/2", languages=(), areas=()),
        replace(COMPLETE, key="one#service/3", languages=()),
        replace(COMPLETE, key="one#service/4"),
    ]
    assert [match.service.key[-1] for match in find(directory(services), ASKED)] == ["4", "3", "2", "1"]


def test_listings_of_one_service_join_by_identifier(tmp_path: Path) -> None:
    one = read_one(write_json(tmp_path / "a.json", hsds_3(minimum_age=18)), "a")
    other = read_one(write_json(tmp_path / "b.json", fhir(identifier=[one.identifiers[0]._asdict()], name="Parcels of food")), "b")
    (entry,) = directory([one, other]).entries
    assert [listing.source for listing in entry.listings] == ["b", "a"]
    assert (entry.service.name, entry.service.minimum_age) == ("Parcels of food", 18)
    assert entry.conflicts() == (Conflict("name", ((other.key, "Parcels of food"), (one.key, "Food parcels"))),)


def test_the_same_name_joins_nothing() -> None:
    assert len(directory([COMPLETE, replace(COMPLETE, key="two#service/1")]).entries) == 2


def test_a_link_joins_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "links.csv"
    file.write_text("service,same_as\none#service/1,two#service/1\none#service/1,two#service/9\n", encoding="utf-8")
    found = directory([COMPLETE, replace(COMPLETE, key="two#service/1")], links=read_links(file))
    assert len(found.entries) == 1
    assert found.notes == ("a link names two#service/9, which is not listed",)


def test_an_identifier_of_several_services_of_one_source_joins_none() -> None:
    shared = (Identifier("http://example.org", "1"),)
    services = [replace(COMPLETE, key=key, identifiers=shared) for key in ("one#service/1", "one#service/2", "two#service/1")]
    found = directory(services)
    assert len(found.entries) == 3
    assert "stands for several services of one source" in found.notes[0]


def test_sources_that_contradict_each_other_leave_it_open() -> None:
    shared = (Identifier("http://example.org", "1"),)
    one, other = replace(COMPLETE, identifiers=shared), replace(COMPLETE, key="two#service/1", identifiers=shared, minimum_age=50)
    (match,) = find(directory([one, other]), ASKED)
    (ground,) = [ground for ground in match.grounds if ground.criterion == "age"]
    assert (ground.answer, match.verdict) == (None, "ask")
    assert ground.reason == "the sources disagree: is for ages from 18 to 65; is for ages from 50 to 65"


def test_a_source_that_knows_speaks_for_one_that_does_not() -> None:
    shared = (Identifier("http://example.org", "1"),)
    silent = Service("two#service/1", "Food parcels", identifiers=shared)
    (match,) = find(directory([silent, replace(COMPLETE, identifiers=shared)]), ASKED)
    assert match.verdict == "fits"


def test_two_sources_of_one_name_are_refused() -> None:
    with pytest.raises(SourceUnreadable, match="two sources are called 'one'"):
        directory([COMPLETE, COMPLETE])


def test_the_crosswalk_knows_every_domain_and_every_kind_of_partner() -> None:
    assert crosswalk().domains == set(SDOH_CATEGORIES)
    assert crosswalk().partners == set(PARTNER_TYPES)


def test_every_row_of_the_crosswalk_names_its_source() -> None:
    for file in SHIPPED.glob("*.csv"):
        assert all(line.rsplit(",", 1)[-1].strip() for line in file.read_text(encoding="utf-8").splitlines()), file.name


def test_unknown_terms_are_listed_with_how_often_they_occur() -> None:
    services = [replace(COMPLETE, key=f"one#service/{n}", terms=(FOOD, STRANGE)) for n in range(3)]
    assert directory(services).unknown_terms() == {STRANGE: 3}


def test_a_site_says_what_its_terms_mean(tmp_path: Path) -> None:
    file = tmp_path / "local.csv"
    file.write_text("system,code,term,domain,partner,source\nhttp://example.org/local,7,,stress,,ours\n", encoding="utf-8")
    found = assemble([replace(COMPLETE, terms=(STRANGE,))], crosswalk(file), AS_OF)
    assert found.unknown_terms() == {}
    assert found.meaning(found.entries[0].service).domains == {"stress"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", r"local\.csv:1: a crosswalk has the columns"),
        ("system,code,term,domain,partner\n,7,,stress,\n", r"local\.csv:2: give either a code with its system, or a term"),
        ("system,code,term,domain,partner\nx,7,seven,stress,\n", r"local\.csv:2: give either"),
    ],
)
def test_a_crosswalk_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "local.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SourceUnreadable, match=message):
        crosswalk(file)


def test_freshness_is_by_the_last_day_on_which_somebody_looked() -> None:
    service = replace(COMPLETE, assured=date(2026, 6, 1), updated=date(2026, 6, 20))
    assert (service.age(AS_OF), service.age(date(2026, 6, 10)), service.age(date(2026, 5, 1))) == (10, 9, None)
    assert [service.stale(AS_OF, limit) for limit in (9, 10)] == [True, False]


def test_capacity_of_a_listing_is_found_through_its_file(tmp_path: Path) -> None:
    services, _ = read(write_json(tmp_path / "a.json", fhir(extension=[capacity("no-capacity")])))
    assert [match.verdict for match in find(directory(services), Inquiry(AS_OF, "food-insecurity"))] == ["left out"]
