"""Discovery, as a client sees it over HTTP."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from support.cds_advice import client_of
from support.cds_world import World, call_of, world

from plugin.cds.clients.profile import known_profiles
from plugin.cds.clients.setup_sheet import setup_sheet
from plugin.cds.hooks import HOOKS
from plugin.cds.services import offered_to

TOKEN: Final = re.compile(r"\{\{(.*?)\}\}")
GENERIC: Final = client_of("generic")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as found:
        yield found


@pytest.fixture
def told(served: World) -> list[dict[str, Any]]:
    """The services of the discovery response, one for every hook."""
    response = served.serving(GENERIC).get("/cds-services")
    assert response.json is not None
    services: list[dict[str, Any]] = response.json["services"]
    assert {each["hook"] for each in services} == HOOKS.keys()
    return services


@pytest.mark.requirement(
    "cds-hooks_2.0@1", "cds-hooks_2.0@4", "cds-hooks_2.0@5", "cds-hooks_2.0@6", "cds-hooks_2.0@13", "inferno:discovery"
)
def test_a_get_is_answered_with_an_object_of_services(served: World) -> None:
    http = served.serving(GENERIC)
    for _ in range(3):
        response = http.get("/cds-services")
        assert (response.status_code, response.mimetype) == (200, "application/json")
        assert response.json is not None
        assert set(response.json) == {"services"}
        assert isinstance(response.json["services"], list)


@pytest.mark.requirement("cds-hooks_2.0@5", "cds-hooks_2.0@6", "cds-hooks_2.0@3")
def test_with_nothing_to_offer_the_list_is_empty(served: World) -> None:
    nobody = client_of("generic", {"hooks": ("no-such-hook",)})
    assert served.serving(nobody).get("/cds-services").json == {"services": []}


@pytest.mark.requirement(
    "cds-hooks_2.0@7", "cds-hooks_2.0@8", "cds-hooks_2.0@9", "cds-hooks_2.0@10", "cds-hooks_2.0@3", "inferno:discovery"
)
def test_every_service_says_what_it_is(told: list[dict[str, Any]]) -> None:
    for service in told:
        for member in ("hook", "title", "description", "id"):
            assert isinstance(service[member], str)
            assert service[member].strip()
        assert set(service) == {"hook", "title", "description", "id", "prefetch"}


@pytest.mark.requirement("cds-hooks_2.0@10", "cds-hooks_2.0@16")
def test_a_service_is_called_at_its_id(served: World, told: list[dict[str, Any]]) -> None:
    http = served.serving(GENERIC)
    for service in told:
        assert http.post(f"/cds-services/{service['id']}", json=call_of(service["hook"])).status_code == 200
    assert http.post("/cds-services/other", json=call_of("patient-view")).status_code == 404


@pytest.mark.requirement("cds-hooks_2.0@11", "cds-hooks_2.0@29", "cds-hooks_2.0@35", "cds-hooks_2.0@55", "cds-hooks_2.0@58")
def test_what_a_service_wants_is_asked_for_in_simple_searches(told: list[dict[str, Any]]) -> None:
    for service in told:
        assert service["prefetch"]
        for key, query in service["prefetch"].items():
            assert re.fullmatch(r"\w+", key)
            assert re.fullmatch(r"[A-Z]\w+(/\{\{[\w.]+\}\}|\?patient=\{\{[\w.]+\}\}(&code=[^&{}]+)?)", query), query


@pytest.mark.requirement(
    *(f"cds-hooks_2.0@{number}" for number in (56, 57, 59)),
    *(f"cds-hooks-library_1.0.1@{number}" for number in (16, 32, 73)),
)
def test_tokens_are_plain_members_of_the_context(told: list[dict[str, Any]]) -> None:
    for service in told:
        hook = HOOKS[service["hook"]]
        tokens = {token for query in service["prefetch"].values() for token in TOKEN.findall(query)}
        assert tokens
        for token in tokens:
            field = hook.field(token.removeprefix("context."))
            assert token.startswith("context.")
            assert field is not None
            assert field.kind not in ("bundle", "resource", "resources")


@pytest.mark.requirement("cds-hooks-library_1.0.1@16", "cds-hooks-library_1.0.1@32", "cds-hooks-library_1.0.1@73")
def test_what_holds_resources_can_be_no_token() -> None:
    allowed = {token for hook in HOOKS.values() for token in hook.tokens}
    assert allowed.isdisjoint(
        f"context.{name}" for name in ("appointments", "draftOrders", "fulfillmentTasks", "conditions", "medications")
    )
    assert "context.patientId" in allowed


@pytest.mark.requirement("cds-hooks_2.0@210", "cds-hooks_2.0@211")
def test_services_that_replace_each_others_cards_have_one_id_and_each_answers_its_hook(served: World) -> None:
    http = served.serving(client_of("generic", replaces_cards=True, max_cards=2))
    found = http.get("/cds-services").json
    assert found is not None
    assert {each["id"] for each in found["services"]} == {"almoner"}
    assert {each["hook"] for each in found["services"]} == HOOKS.keys()
    for hook, cards in (("patient-view", 2), ("order-sign", 2), ("order-dispatch", 1)):
        answer = http.post("/cds-services/almoner", json=call_of(hook)).json
        assert answer is not None
        assert len(answer["cards"]) == cards
    assert http.post("/cds-services/almoner-patient-view", json=call_of("patient-view")).status_code == 404


@pytest.mark.requirement("cds-hooks_2.0@213")
@pytest.mark.parametrize("name", known_profiles())
def test_the_sheet_for_a_client_names_each_hook_that_is_relied_on(served: World, name: str) -> None:
    client, ours = client_of(name), served.cds.services
    sheet = setup_sheet(client, offered_to(client.profile, ours), served.runtime.packs, "https://almoner.example")
    for service in offered_to(client.profile, ours):
        assert f"| {service.hook.name} | `https://almoner.example/cds-services/{service.id}` |" in sheet


@pytest.mark.requirement("cds-hooks_2.0@14")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_discovery_is_not_for_is_refused_in_json(served: World, method: str) -> None:
    response = served.serving(GENERIC).open("/cds-services", method=method)
    assert (response.status_code, response.mimetype) == (405, "application/json")
