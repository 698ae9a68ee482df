"""Vendor profiles are data that can be trusted: each habit that is set has a source, and none contradicts the mapping."""

import pytest
from pydantic import ValidationError

from fhir_adapters.mapping import MAPPED_TYPES
from fhir_adapters.search import Plan, Query
from fhir_adapters.vendors import GENERIC, Vendor, known_vendors, vendor

EXPECTED = [
    "athenahealth",
    "azure",
    "eclinicalworks",
    "epic",
    "generic",
    "google",
    "hapi",
    "healthlake",
    "meditech",
    "medplum",
    "oracle-health",
]


def test_the_known_vendors() -> None:
    assert known_vendors() == EXPECTED
    with pytest.raises(KeyError):
        vendor("nobody")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_profile_says_where_its_habits_are_known_from(name: str) -> None:
    profile = vendor(name)
    assert profile.name == name
    habits = profile.model_dump(exclude={"name", "title", "sources", "registration"})
    if habits != GENERIC.model_dump(exclude={"name", "title", "sources", "registration"}):
        assert profile.sources
    assert all(source.where.startswith("https://") and source.seen >= "2026-11" for source in profile.sources)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_profile_names_types_that_are_read(name: str) -> None:
    profile = vendor(name)
    assert (profile.post_search | profile.without | profile.splits.keys()) <= MAPPED_TYPES


def test_a_habit_that_is_misspelt_is_refused() -> None:
    with pytest.raises(ValidationError, match="pagesize"):
        Vendor.model_validate({"name": "x", "title": "X", "pagesize": 10})
    with pytest.raises(ValidationError, match="String should match pattern"):
        Vendor.model_validate({"name": "x", "title": "X", "without": ["observations"]})


def test_a_plan_follows_the_profile() -> None:
    epic = list(Plan(vendor("epic")).queries("Observation", "1"))
    assert len(epic) == 10
    assert epic[0] == Query("Observation", (("patient", "1"), ("category", "social-history"), ("_count", "1000")))
    (lake,) = Plan(vendor("healthlake")).queries("Goal", "1")
    assert lake.by_post
    (everybody,) = Plan(vendor("healthlake")).queries("Goal")
    assert not everybody.by_post


def test_what_is_not_written_is_told_with_what_to_do_instead() -> None:
    epic = vendor("epic")
    assert epic.refuses("create", "Communication") is None
    assert epic.refuses("update", "Task") is None
    assert epic.refuses("create", "Flag") == "Epic takes no new Flag: let somebody enter it there by hand"
    assert epic.refuses("update", "ServiceRequest") == (
        "Epic takes no changed ServiceRequest: offer it on a CDS Hooks card, where it becomes an unsigned order"
    )
    assert GENERIC.refuses("create", "Task") is GENERIC.refuses("update", "Task") is None


def test_what_changed_since_is_asked_for_where_profile_and_server_know_it() -> None:
    offers = {"Goal": ("patient", "_lastUpdated"), "Task": ("patient",), "Flag": ()}
    usual, epic = Plan(offers=offers), Plan(vendor("epic"), offers)
    assert usual.incremental("Goal") is None
    assert usual.incremental("Flag") is None, "a server that lists no parameters at all is not taken to have none"
    assert usual.incremental("Task") == "the server does not say that it knows _lastUpdated"
    assert epic.incremental("Goal") == "Epic does not keep meta.lastUpdated"
    assert Plan().incremental("Goal") is None
