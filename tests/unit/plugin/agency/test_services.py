"""What an agency says about its own services: whether it has places, and what its entry should say. Matching and timers hear of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from support import referrals as given
from support.access import Clock, signed_in, site, store_of, token

from fhir_adapters.directory import Directory, find
from fhir_adapters.directory.hours import Day, Hours
from fhir_adapters.directory.model import Capacity, Contact, Language
from fhir_adapters.referral_states import Status
from plugin.access import Forbidden, Role, verify
from plugin.listings.keeping import Grip, NoSuchService, forget, laid_over, review, say, services
from plugin.listings.saying import Details, NotSaid, Opening, Room, lines_of
from plugin.listings.site import EXTENSION
from plugin.outreach.acting import NotNow
from plugin.referrals.acting import Answer, answer
from plugin.referrals.matching import candidates
from plugin.referrals.timers import run
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.agency import STATEMENTS
from plugin.translations import texts

KEY = "dir#HealthcareService/bank-1"
BANK = "dir#Organization/bank-1"
MONDAY = Hours(opens="09:00:00", closes="12:00:00", frequency="WEEKLY", days=(Day(0), Day(2)))
SAID = given.bank(
    1,
    hours=(MONDAY, Hours(text="closed in August")),
    languages=(Language("es", None), Language(None, "Klingon")),
    eligibility=("Tenants only",),
    contacts=(Contact("email", "bank@example.org"), Contact("phone", "555 0100")),
)


def two() -> Directory:
    return given.directory(given.bank(1), given.bank(2))


def keep(store: Store, what: Room | Details, seen: int = 0, at: datetime = given.NOON, **more: Any) -> int:
    with store.write() as connection:
        return say(connection, given.agency(1), two(), Grip(KEY, seen), what, at, **more)


def capacity_of(store: Store, today: date = given.TODAY) -> tuple[bool | None, str]:
    with store.read() as connection:
        directory = laid_over(connection, two())
    (match,) = (each for each in find(directory, given.SOUGHT.inquiry(today)) if each.service.key == KEY)
    return next((ground.answer, ground.reason) for ground in match.grounds if ground.criterion == "capacity")


# ---------------------------------------------------------------- what a listing becomes


def test_what_a_listing_says_can_be_kept_and_changes_nothing_but_the_day() -> None:
    said = Details.of(SAID)
    assert said == Details.of_json(said.to_json())
    assert said.opening == (Opening(0, "09:00", "12:00"), Opening(2, "09:00", "12:00"))
    assert said.hours == ("closed in August",)
    assert said.languages == ("Spanish", "Klingon")
    later = given.TODAY + timedelta(days=9)
    assert said.over(SAID, later) == replace(SAID, assured=later)


def test_only_what_was_changed_is_changed() -> None:
    said = replace(Details.of(SAID), languages=("es", "polish", "Klingon"), phone="555 0199", documents=("Proof of address",))
    new = said.over(SAID, given.TODAY)
    assert new.languages == (Language("es", "Spanish"), Language("pl", "Polish"), Language(None, "Klingon"))
    assert new.contacts == (Contact("phone", "555 0199"), Contact("email", "bank@example.org"))
    assert (new.documents, new.eligibility, new.hours) == (("Proof of address",), SAID.eligibility, SAID.hours)
    assert said.changes(SAID) == ["languages", "documents", "phone"]


def test_what_a_source_says_may_stay_whatever_it_is(store: Store) -> None:
    odd = replace(SAID, documents=("a" * 400, *(f"{n}" for n in range(30))), contacts=(Contact("phone", "ask for  Ann"),))
    said = Details.of(odd)
    replace(said, eligibility=()).check(odd)
    assert replace(said, eligibility=()).over(odd, given.TODAY).contacts == odd.contacts
    for new in ({"phone": "ask for Ben"}, {"documents": (*said.documents, "one more")}, {"documents": ("b" * 400,)}):
        with pytest.raises(NotSaid):
            replace(said, **new).check(odd)


def test_what_a_form_writes_otherwise_is_no_change() -> None:
    odd = replace(SAID, eligibility=("Tenants  only\nof the town",), languages=(Language(None, "Chinese, Mandarin"),))
    said = Details.of(odd)
    assert said.eligibility == ("Tenants only", "of the town")
    assert said.over(odd, given.TODAY) == replace(odd, assured=given.TODAY)


def test_who_closes_after_midnight_closes_the_next_day(store: Store) -> None:
    keep(store, Details(opening=(Opening(4, "20:00", "02:00"),)))
    with store.read() as connection:
        (hours,) = laid_over(connection, two()).entries[0].service.hours
    assert str(hours) == "Fr 20:00 to 02:00"


MORNING = Hours(opens="09:00", closes="12:00", frequency="WEEKLY", days=(Day(0), Day(1)))
AFTERNOON = Hours(opens="14:00", closes="17:00", frequency="WEEKLY", days=(Day(1),))
FRIDAY = Hours(opens="10:00", closes="11:00-05:00", frequency="WEEKLY", days=(Day(4),))
SUMMER = Hours(opens="10:00", closes="11:00", frequency="WEEKLY", days=(Day(5),), valid_from=date(2026, 6, 1))


def test_of_a_day_with_two_times_none_is_lost() -> None:
    service = replace(SAID, hours=(MORNING, AFTERNOON, FRIDAY, SUMMER))
    said = Details.of(service)
    assert said.opening == (Opening(4, "10:00", "11:00"),)
    assert said.hours == ("Mo, Tu 09:00 to 12:00", "Tu 14:00 to 17:00", "Sa 10:00 to 11:00")
    more = replace(said, opening=(Opening(2, "09:00", "10:00"), *said.opening), hours=(*said.hours[1:], "closed in August"))
    assert more.over(service, given.TODAY).hours == (
        FRIDAY,
        Hours(opens="09:00", closes="10:00", frequency="WEEKLY", days=(Day(2),)),
        AFTERNOON,
        SUMMER,
        Hours(text="closed in August"),
    )


def test_opening_hours_are_those_of_the_week() -> None:
    new = replace(Details.of(SAID), opening=(Opening(4, "10:00", "11:30"),), hours=()).over(SAID, given.TODAY)
    assert [str(each) for each in new.hours] == ["Fr 10:00 to 11:30"]
    assert new.open_on(date(2026, 7, 3)) is True
    assert new.open_on(date(2026, 7, 2)) is False


NOT_KEPT: dict[str, tuple[Room | Details, str]] = {
    "no state": (Room("maybe"), "choose room"),
    "yesterday": (Room("full", given.TODAY - timedelta(days=1)), "until wrong"),
    "in two years": (Room("full", given.TODAY + timedelta(days=700)), "until wrong"),
    "hours without a length": (Details(opening=(Opening(0, "12:00", "12:00"),)), "hours wrong"),
    "hours without an end": (Details(opening=(Opening(0, "12:00", ""),)), "hours wrong"),
    "no phone": (Details(phone="<script>"), "phone wrong"),
    "too many lines": (Details(documents=("a",) * 21), "too much"),
    "a long line": (Details(hours=("a" * 301,)), "too much"),
}


@pytest.mark.parametrize(("what", "why"), NOT_KEPT.values(), ids=NOT_KEPT)
def test_what_cannot_be_is_not_kept(store: Store, what: Room | Details, why: str) -> None:
    with pytest.raises(NotSaid) as refused:
        keep(store, what)
    assert refused.value.what == why
    assert {why} <= set(texts("plugin.agency.texts", "en"))
    with store.read() as connection:
        assert connection.execute(select(STATEMENTS)).all() == []


def test_lines_are_those_with_something_on_them() -> None:
    assert lines_of(" a  b \r\n\n c") == ("a b", "c")


# ---------------------------------------------------------------- places

ANSWERS = {"open": True, "limited": True, "waitlist": None, "assessment": None, "full": False}


@pytest.mark.parametrize(("state", "answer"), ANSWERS.items())
def test_matching_believes_the_agency(store: Store, state: str, answer: bool | None) -> None:
    keep(store, Room(state))
    found, reason = capacity_of(store)
    assert found is answer
    assert "by the agency itself" in reason
    assert "2026-06-30" in reason


def test_a_word_about_places_holds_until_its_day(store: Store) -> None:
    keep(store, Room("full", date(2026, 9, 30)))
    assert capacity_of(store, date(2026, 9, 30)) == (
        False,
        "said that it has no place (by the agency itself) on 2026-06-30, until 2026-09-30",
    )
    assert capacity_of(store, date(2026, 10, 1))[0] is None
    assert "which is over" in capacity_of(store, date(2026, 10, 1))[1]


def test_without_a_day_it_is_believed_for_a_month(store: Store) -> None:
    keep(store, Room("full"))
    assert capacity_of(store, given.TODAY + timedelta(days=30))[0] is False
    assert capacity_of(store, given.TODAY + timedelta(days=31))[0] is None


def test_the_last_word_counts_and_every_word_is_kept(store: Store) -> None:
    assert keep(store, Room("full")) == 1
    assert keep(store, Room("open"), 1) == 2
    assert capacity_of(store)[0] is True
    with store.read() as connection:
        (said, _) = services(connection, given.CARE, two())
        assert [row.said["state"] for row in said.rows] == ["open", "full"]
        assert verify(connection) == 2


def test_two_who_speak_at_one_time_do_not_overwrite_each_other(store: Store) -> None:
    keep(store, Room("full"))
    with pytest.raises(NotNow):
        keep(store, Room("open"))
    assert capacity_of(store)[0] is False


def test_a_full_agency_gets_no_new_referral_and_the_timers_pass_it_by(store: Store) -> None:
    keep(store, Room("full"))
    first = given.sent(store, tenant="here", candidate=given.chosen(1))
    with store.write() as connection:
        answer(connection, given.agency(2), given.grip(store, first), Answer(Status.REJECTED, "no-capacity"), given.NOON)
    assert run(store, two(), given.NOON) == {"nobody else": 1}
    with store.read() as connection:
        (full,) = (each for each in candidates(laid_over(connection, two()), given.SOUGHT, given.TODAY) if each.listing == KEY)
    with pytest.raises(NotNow, match="said that it has no place"):
        given.sent(store, "ben", candidate=full)


def test_an_agency_that_has_places_again_gets_its_turn(store: Store) -> None:
    keep(store, Room("full"))
    keep(store, Room("limited"), 1)
    first = given.sent(store, tenant="here", candidate=given.chosen(1))
    with store.write() as connection:
        answer(connection, given.agency(2), given.grip(store, first), Answer(Status.REJECTED, "no-capacity"), given.NOON)
    assert run(store, two(), given.NOON) == {"reroute": 1}


# ---------------------------------------------------------------- whose it is


def test_nobody_speaks_for_another_agency(store: Store) -> None:
    for key in ("dir#HealthcareService/bank-2", "nothing"):
        with pytest.raises(NoSuchService), store.write() as connection:
            say(connection, given.agency(1), two(), Grip(key, 0), Room("full"), given.NOON)
    with pytest.raises(Forbidden), store.write() as connection:
        say(connection, given.CARE, two(), Grip(KEY, 0), Room("full"), given.NOON)
    with store.read() as connection:
        assert [each.key for each in services(connection, given.agency(1), two())] == [KEY]
        assert len(services(connection, given.CARE, two())) == 2


def test_a_service_of_two_listings_is_one(store: Store) -> None:
    other = replace(given.bank(1), key="sheet#service/9", capacity=(Capacity("no-capacity", None, given.TODAY),), assured=date(2026, 6, 1))
    listed = replace(given.bank(1), languages=(Language("en", "English"),))
    joined = given.assemble([listed, other], given.crosswalk(), given.TODAY, [(KEY, other.key)])
    assert len(joined.entries) == 1
    with store.write() as connection:
        say(connection, given.agency(1), joined, Grip(KEY, 0), Room("open"), given.NOON)
        entry = laid_over(connection, joined).entries[0]
    assert {each.capacity[0].status for each in entry.listings} == {"capacity"}
    assert entry.conflicts() == ()


# ---------------------------------------------------------------- the entry


FIRST = "aaa#service/9"


def joined() -> Directory:
    """With another source since, whose key comes before the others."""
    listings = [given.bank(1), given.bank(2), replace(given.bank(1), key=FIRST)]
    return given.assemble(listings, given.crosswalk(), given.TODAY, [(KEY, FIRST)])


def test_a_source_that_comes_later_locks_nobody_out(store: Store) -> None:
    keep(store, Room("full"))
    number = proposed(store, 1)
    with store.write() as connection:
        (said,) = services(connection, given.agency(1), joined())
        assert (said.key, said.number) == (FIRST, number)
        assert said.waiting is not None
        review(connection, given.CARE, joined(), Grip(said.waiting.listing, said.waiting.number), True, given.NOON)
        assert say(connection, given.agency(1), joined(), Grip(said.key, number), Room("open"), given.NOON) == number + 1
        assert say(connection, given.agency(1), joined(), Grip(KEY, number + 1), Room("full"), given.NOON) == number + 2
    with store.write() as connection:
        entry = next(each for each in laid_over(connection, joined()).entries if len(each.listings) == 2)
        assert entry.service.capacity[0].status == "no-capacity"
        assert "555 0199" in [each.value for each in entry.service.contacts]


def test_only_what_is_in_force_is_read_and_the_rest_stays_as_it_is(store: Store) -> None:
    keep(store, Room("open"))
    keep(store, Room("full"), 1)
    directory = two()
    with store.read() as connection:
        laid = laid_over(connection, directory)
    assert laid.entries[1] is directory.entries[1]
    assert capacity_of(store)[0] is False


def test_what_was_said_otherwise_long_ago_is_forgotten(store: Store) -> None:
    keep(store, Room("open"))
    keep(store, Room("full"), 1)
    phone = replace(Details.of(two().entries[0].service), phone="555 0199")
    keep(store, phone, 2, at=given.NOON + timedelta(days=1))
    waits = keep(store, replace(phone, phone="555 0200"), 3, at=given.NOON + timedelta(days=2), review=True)
    for before, gone in ((given.NOON, 0), (given.NOON + timedelta(days=9), 1), (given.NOON + timedelta(days=9), 0)):
        with store.write() as connection:
            assert forget(connection, before, before) == gone
    assert (capacity_of(store)[0], phones(store)) == (False, ["555 0199"])
    with store.write() as connection:
        review(connection, given.CARE, two(), Grip(KEY, waits), True, given.NOON + timedelta(days=20))
        assert forget(connection, given.NOON + timedelta(days=19), given.NOON) == 0
        assert forget(connection, given.NOON + timedelta(days=21), given.NOON) == 1
    assert phones(store) == ["555 0200"]


def test_whoever_confirms_an_entry_makes_it_fresh(store: Store) -> None:
    keep(store, Details.of(two().entries[0].service), at=datetime(2028, 1, 1, tzinfo=UTC))
    with store.read() as connection:
        assert laid_over(connection, two()).entries[0].service.stale(date(2028, 1, 2), 365) is False
        assert two().entries[0].service.stale(date(2028, 1, 2), 365) is True


def proposed(store: Store, seen: int = 0) -> int:
    return keep(store, replace(Details.of(two().entries[0].service), phone="555 0199"), seen, review=True)


def phones(store: Store) -> list[str]:
    with store.read() as connection:
        return [each.value for each in laid_over(connection, two()).entries[0].service.contacts]


@pytest.mark.parametrize(("accepted", "then"), [(True, ["555 0199"]), (False, [])])
def test_with_review_it_holds_when_staff_say_so(store: Store, accepted: bool, then: list[str]) -> None:
    number = proposed(store)
    assert phones(store) == []
    with store.write() as connection:
        review(connection, given.CARE, two(), Grip(KEY, number), accepted, given.NOON)
    assert phones(store) == then
    with pytest.raises(NotNow), store.write() as connection:
        review(connection, given.CARE, two(), Grip(KEY, number), True, given.NOON)


def test_only_the_last_proposal_is_for_review_and_an_agency_reviews_nothing(store: Store) -> None:
    first = proposed(store)
    second = keep(store, replace(Details.of(two().entries[0].service), phone="555 0200"), first, review=True)
    with pytest.raises(NotNow), store.write() as connection:
        review(connection, given.CARE, two(), Grip(KEY, first), True, given.NOON)
    with pytest.raises(Forbidden), store.write() as connection:
        review(connection, given.agency(1), two(), Grip(KEY, second), True, given.NOON)
    with store.write() as connection:
        review(connection, given.CARE, two(), Grip(KEY, second), True, given.NOON)
    assert phones(store) == ["555 0200"]


def test_whether_there_are_places_and_that_all_is_right_needs_no_review(store: Store) -> None:
    keep(store, Room("full"), review=True)
    assert capacity_of(store)[0] is False
    keep(store, Details.of(two().entries[0].service), 1, review=True)
    with store.read() as connection:
        assert services(connection, given.CARE, two())[0].proposed is None


# ---------------------------------------------------------------- the pages


@pytest.fixture
def town(tmp_path: Path) -> tuple[Flask, Clock]:
    app, clock = site(tmp_path)
    app.extensions[EXTENSION] = given.directory(given.bank(1, assured=date(2024, 1, 1)), given.bank(2))
    return app, clock


@pytest.fixture
def volunteer(town: tuple[Flask, Clock]) -> FlaskClient:
    return signed_in(town[0], Role.AGENCY, "bank", BANK)


ADDRESS = "/agency/services/dir%23HealthcareService/bank-1"


def tell(browser: FlaskClient, number: int = 0, **fields: str) -> Any:
    return browser.post(ADDRESS, data={"csrf": token(browser, "/agency"), "number": str(number)} | fields)


def test_a_volunteer_says_that_they_are_full(volunteer: FlaskClient) -> None:
    assert "Food parcels 1" in volunteer.get("/agency/services").text
    assert "Nobody has said whether you have places" in volunteer.get("/agency/services").text
    assert tell(volunteer, what="room", state="full", until="2026-08-01").location.endswith("bank-1?kept=1")
    page = volunteer.get("/agency/services").text
    assert "No, we are full" in page
    assert "until 1 Aug 2026" in page
    assert "Bank said so on 30 Jun 2026" in page
    assert "bank-2" not in page


def test_an_old_entry_is_marked_until_somebody_confirms_it(volunteer: FlaskClient) -> None:
    assert "Nobody has confirmed this since 1 Jan 2024" in volunteer.get("/agency/services").text
    answer = tell(volunteer, what="details", opens0="09:00", closes0="12:00:00", languages="English, Spanish\nPolish", phone="555  0199")
    assert answer.status_code == 303
    page = volunteer.get(f"{ADDRESS}?kept=1").text
    assert "Thank you" in page
    assert "Confirmed 30 Jun 2026" in page
    assert 'value="09:00"' in page
    assert "Spanish\nPolish" in page
    assert 'value="555 0199"' in page


WRONG = [{"what": "room"}, {"what": "room", "state": "full", "until": "soon"}, {"what": "details", "opens3": "10:00"}]


@pytest.mark.parametrize("fields", WRONG)
def test_what_cannot_be_kept_is_told(volunteer: FlaskClient, fields: dict[str, str]) -> None:
    answer = tell(volunteer, **fields)
    assert (answer.status_code, "Nothing was kept" in answer.text) == (409, True)


def test_another_agencys_service_is_not_there(town: tuple[Flask, Clock]) -> None:
    other = signed_in(town[0], Role.AGENCY, "other", "dir#Organization/bank-2")
    nowhere = other.get("/agency/services/nothing")
    assert (other.get(ADDRESS).status_code, other.get(ADDRESS).data) == (404, nowhere.data)
    assert tell(other, what="room", state="full").status_code == 404
    town[0].extensions[EXTENSION] = None
    assert "no entry in the directory" in other.get("/agency/services").text
    assert tell(other, what="room", state="full").status_code == 404


def test_staff_see_what_is_old_and_take_over_what_is_right(
    town: tuple[Flask, Clock], volunteer: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = town
    runtime = app.extensions["almoner"]
    own = runtime.settings.model_copy(update={"referrals": runtime.settings.referrals.model_copy(update={"review_listings": True})})
    app.extensions["almoner"] = replace(runtime, settings=own)
    tell(volunteer, what="details", phone="555 0199", languages="English")
    assert "waits until somebody has looked at it" in volunteer.get(ADDRESS).text
    manager = signed_in(app, Role.CARE_MANAGER)
    page = manager.get("/listings").text
    assert "Stale</strong>: last confirmed or changed 1 Jan 2024" in page
    assert "Phone: <bdi>nothing</bdi> → <bdi>555 0199</bdi>" in page
    fields = {"csrf": token(manager), "listing": KEY, "number": "1", "verdict": "yes"}
    for number in ("9" * 30, "-1", "99"):
        assert manager.post("/listings", data=fields | {"number": number}).status_code == 409
    assert manager.post("/listings", data=fields | {"listing": "nothing"}).status_code == 409
    assert manager.post("/listings", data=fields).status_code == 303
    assert manager.post("/listings", data=fields).status_code == 409
    assert "Take it over" not in manager.get("/listings").text
    assert "Nothing is to be seen to" in manager.get("/listings").text
    assert "Food parcels 2" in manager.get("/listings?view=all").text
    with store_of(app).read() as connection:
        actions = connection.scalars(select(AUDIT.c.action).where(AUDIT.c.action.like("listing.%")).order_by(AUDIT.c.seq)).all()
    assert actions == ["listing.details", "listing.review"]
