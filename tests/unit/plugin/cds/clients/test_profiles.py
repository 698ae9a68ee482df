"""What is known of clients, and who is configured."""

import re

import pytest
from pydantic import ValidationError
from support.cds_advice import client_of

from plugin.cds.clients.client import OPEN, clients
from plugin.cds.clients.profile import ClientProfile, known_profiles, profile
from plugin.settings import CdsSettings, ClientSettings, Settings


def test_the_profiles_that_come_along() -> None:
    assert known_profiles() == ["athena", "epic", "generic", "medplum", "oracle", "sandbox"]
    with pytest.raises(KeyError):
        profile("nobody")


@pytest.mark.parametrize("name", known_profiles())
def test_every_habit_has_a_source_and_a_date(name: str) -> None:
    known = profile(name)
    assert known.sources
    assert all(re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", source.seen) for source in known.sources)


def test_generic_is_the_standard() -> None:
    bare = ClientProfile(name="generic", title="any CDS Hooks 2.0 client", sources=profile("generic").sources)
    assert profile("generic") == bare


def test_epic_as_its_page_says() -> None:
    epic = profile("epic")
    assert epic.hooks == ("patient-view", "order-select", "order-sign")
    assert (epic.selection, epic.actions_per_suggestion, epic.topic_code) == (("any",), 1, "alphanumeric")
    assert "Task" not in epic.creates
    assert not epic.reads_discovery


def test_without_clients_there_is_an_open_one_for_the_whole_service() -> None:
    cds = CdsSettings(fhir_servers=("https://ehr.example",), allowed_origins=("https://app.example",), max_cards=3)
    (only,) = clients(Settings(cds=cds))
    assert (only.name, only.profile.name, only.max_cards) == (OPEN, "generic", 3)
    assert only.settings.fhir_servers == ("https://ehr.example",)
    assert only.settings.allowed_origins == ("https://app.example",)


def test_clients_are_those_of_the_settings() -> None:
    cds = CdsSettings(
        clients={"a": ClientSettings(profile="epic", max_cards=1), "b": ClientSettings()}, fhir_servers=("https://x.example",)
    )
    first, second = clients(Settings(cds=cds))
    assert (first.name, first.profile.title, first.max_cards) == ("a", "Epic", 1)
    assert (second.name, second.max_cards, second.settings.fhir_servers) == ("b", 2, ())


def test_a_client_never_gets_more_cards_than_it_shows() -> None:
    assert client_of("generic", {"max_cards": 1}, max_cards=5).max_cards == 1
    assert client_of("generic").max_cards == 1


@pytest.mark.parametrize(("member", "value"), [("profile", "cerner"), ("language", "tlh")])
def test_settings_name_what_exists(member: str, value: str) -> None:
    with pytest.raises(ValidationError, match=rf"(?s){member}.*(there are|they speak): "):
        ClientSettings.model_validate({member: value})
