"""What the OpenAPI document says of ``/api/v1``: every address and no other, the words that are taken, whatever Schemathesis sends."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from sqlalchemy import Table, select
from support import referrals as given_referrals
from support.access import store_of
from support.api import PATH, Program, program, resolved, town
from support.inbound import received
from support.openapi import CHECKS
from support.outreach import REFERS
from werkzeug.routing import Rule

from plugin.access import Role
from plugin.api import agency, conversations, inbound, messages, referrals, together, views
from plugin.api.asking import YES_OR_NO, Fields
from plugin.openapi.views import document
from plugin.store import Store
from plugin.store.tables.inbound import INBOUND
from plugin.store.tables.outreach import EPISODES
from plugin.store.tables.referrals import REFERRALS

DESCRIBED: Final = {path: item for path, item in document(None)["paths"].items() if path.startswith(PATH)}
OPERATIONS: Final = [(method, path) for path, item in DESCRIBED.items() for method in ("get", "post") if method in item]
BANK: Final = "dir#Organization/bank-1"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Behind accounts, with a conversation and a referral to a food bank."""
    found = town(tmp_path_factory.mktemp("api"))
    given_referrals.sent(store_of(found))
    received(store_of(found))
    yield found
    store_of(found).close()


@pytest.fixture(scope="module")
def staff(app: Flask) -> Program:
    return program(app, Role.CARE_MANAGER)


@pytest.fixture(scope="module")
def bank(app: Flask) -> Program:
    return program(app, Role.AGENCY, agency=BANK)


@pytest.fixture(scope="module")
def schema(app: Flask) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


def addresses(rule: Rule) -> set[str]:
    """A route as the document writes it: one address for each of several verbs."""
    plain = re.sub(r"<uuid:\w+>", "{id}", rule.rule).replace("<rule>", "{rule}")
    verbs = re.search(r"<any\(([^)]*)\):verb>", plain)
    return {plain.replace(verbs[0], each.strip()) for each in verbs[1].split(",")} if verbs else {plain}


def test_it_tells_of_every_address_and_method_and_of_no_other(app: Flask) -> None:
    routes = {
        (method.lower(), address)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for address in addresses(rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == set(OPERATIONS)


def test_no_name_stands_in_two_of_its_parts() -> None:
    """Or one of them would be lost when they are put together."""
    from plugin.openapi import views

    parts = [views._part(name) for name in views._PARTS]
    for one, other in ((one, other) for one, other in product(parts, parts) if one is not other):
        assert not set(one.get("paths", ())) & set(other.get("paths", ()))
        for kind in set(one["components"]) & set(other["components"]):
            assert not set(one["components"][kind]) & set(other["components"][kind])


def test_every_deed_is_on_a_version_and_under_a_key() -> None:
    deeds = {path for path, item in DESCRIBED.items() if "412" in item.get("post", {}).get("responses", {})}
    assert len(deeds) == 20
    for path in deeds:
        names = {resolved(each)["name"] for each in DESCRIBED[path]["post"]["parameters"]}
        assert {"If-Match", "Idempotency-Key"} <= names
    others = {path.rpartition("/")[2] for method, path in OPERATIONS if method == "post" and path not in deeds}
    of_several = {"claim", "snooze", "wake"}
    assert others == {"search", "candidates", "sent", "views", "forget"} | of_several, (
        "these change nothing, or need no version in a header"
    )
    keyed = {path for path in DESCRIBED if path.endswith(("/sent", "/views", "/forget")) or "/together/" in path}
    for path in keyed:
        assert "Idempotency-Key" in {resolved(each)["name"] for each in DESCRIBED[path]["post"]["parameters"]}


def kind(schema: Mapping[str, Any]) -> Any:
    """What a field may be, as the document says it: a set of texts, a greatest length, true or false, or any text (``None``)."""
    told = resolved(schema)
    if "enum" in told:
        return {each for each in told["enum"] if each is not None}
    return YES_OR_NO if told.get("type") == "boolean" else told.get("maxLength")


def body(path: str) -> dict[str, Any]:
    """Field → what it may be."""
    sent = DESCRIBED[PATH + path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return {name: kind(field) for name, field in resolved(sent).get("properties", {}).items()}


def must(path: str) -> set[str]:
    """The fields that must be there."""
    sent = DESCRIBED[PATH + path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return set(resolved(sent).get("required", ()))


def taken(fields: Fields) -> dict[str, Any]:
    """The same, as the service takes it."""
    return {name: allowed if allowed is None or isinstance(allowed, int) else set(allowed) for name, allowed in fields.items()}


def test_the_fields_and_words_are_those_that_are_taken() -> None:
    one = "/conversations/{id}"
    assert body("/conversations/search") == taken(conversations.SEARCH)
    for verb, fields in conversations.DEEDS.items():
        assert body(f"{one}/{verb}") == taken(fields), verb
    for verb, needed in conversations.NEEDED.items():
        assert must(f"{one}/{verb}") == set(needed), verb
    for verb, fields in conversations.WISHES.items():
        assert body(f"{one}/wishes/{verb}") == taken(fields), verb
    assert body(f"{one}/offers/{{rule}}/candidates") == taken(referrals.WANTING)
    assert body(f"{one}/offers/{{rule}}/refer") == taken(referrals.ANSWERS)
    assert body("/referrals/{id}/cancel") == taken(referrals.CANCEL)
    assert body("/agency/referrals/{id}/answer") == taken(agency.ANSWER)
    assert body("/inbound/{id}/take") == taken(inbound.TAKE)
    assert body("/inbound/{id}/answer") == taken(inbound.ANSWER)
    assert body("/agency/sent") == taken(inbound.REFER)
    assert body(f"{one}/message/send") == taken(messages.SEND)
    assert must(f"{one}/message/send") == set(messages.NEEDED)
    for verb, fields in together.FIELDS.items():
        assert body(f"/conversations/together/{verb}") == taken({"chosen": None, **fields}), verb
    assert body("/views") == taken(views.SAVE)
    assert must("/views") == set(views.NEEDED)
    looked_at = [resolved(each) for each in DESCRIBED[f"{PATH}{one}/message"]["get"]["parameters"]]
    assert {each["name"]: kind(each["schema"]) for each in looked_at if each["in"] == "query"} == taken(messages.CHOICE)
    lists = {"/conversations": conversations.FILTERS, "/referrals": referrals.FILTERS, "/agency/referrals": agency.FILTERS}
    lists |= {"/inbound": inbound.FILTERS, "/agency/sent": inbound.FILTERS}
    for path, fields in lists.items():
        told = [resolved(each) for each in DESCRIBED[PATH + path]["get"]["parameters"]]
        assert {each["name"]: kind(each["schema"]) for each in told} == taken(fields), path


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda each: each.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_is_sent_the_answer_is_as_it_says(
    schema: Any, app: Flask, staff: Program, bank: Program, method: str, path: str, mode: GenerationMode
) -> None:
    operation = schema[path][method]
    kinds = {"referrals": REFERRALS, "inbound": INBOUND, "sent": INBOUND}
    there = known_in(store_of(app), next((table for name, table in kinds.items() if f"/{name}" in path), EPISODES))
    token = bank.token if "/agency/" in path else staff.token

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans(), version=st.integers(0, 4))
    def send(case: Any, known: bool, version: int) -> None:
        if known and "{id}" in path:
            case.path_parameters = {**case.path_parameters, "id": there} | ({"rule": REFERS} if "{rule}" in path else {})
            case.headers["If-Match"] = f'"{version}"'
        case.headers["Authorization"] = f"Bearer {token}"
        case.validate_response(case.call(), checks=CHECKS)

    send()


def known_in(store: Store, table: Table) -> str:
    with store.read() as connection:
        return str(connection.scalar(select(table.c.id).order_by(table.c.id)))
