"""The OpenAPI document is valid; of CDS Hooks and operation it tells every address, and answers are as it says, whatever is sent."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from schemathesis import GenerationMode
from support.cds_advice import client_of
from support.cds_world import World, call_of, hooks_of, world
from support.openapi import CHECKS

import plugin
from plugin.openapi.views import document

TOLD: Final = ("/cds-services", "/health/", "/.well-known/", "/openapi.json")
"""What is not told here is the API: see the test beside this one."""
DESCRIBED: Final = {path: item for path, item in document(None)["paths"].items() if path.startswith(TOLD)}
OPERATIONS: Final = [(method, path) for path, item in DESCRIBED.items() for method in ("get", "post") if method in item]
SENT: Final = [
    *((*operation, GenerationMode.POSITIVE) for operation in OPERATIONS),
    *((*operation, GenerationMode.NEGATIVE) for operation in OPERATIONS if operation[0] == "post" or operation[1] == "/cds-services"),
]
"""Where nothing can be sent, nothing wrong can be."""
GENERIC: Final = client_of("generic", max_cards=2)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as found:
        yield found


@pytest.fixture(scope="module")
def http(served: World) -> FlaskClient:
    return served.serving(GENERIC)


@pytest.fixture(scope="module")
def schema(http: FlaskClient) -> Any:
    """As Schemathesis reads it from the application."""
    return schemathesis.openapi.from_wsgi("/openapi.json", http.application)


def test_the_document_is_valid_openapi(schema: Any) -> None:
    schema.validate()
    assert schema.raw_schema["openapi"] == "3.1.0"
    for definition in schema.raw_schema["components"]["schemas"].values():
        Draft202012Validator(definition | {"components": schema.raw_schema["components"]})


def test_it_names_this_installation(http: FlaskClient) -> None:
    found = http.get("/openapi.json").json
    assert found is not None
    assert (found["info"]["version"], found["servers"]) == (plugin.__version__, [{"url": "/"}])
    assert document("https://almoner.example")["servers"] == [{"url": "https://almoner.example"}]


def test_it_tells_of_every_address_and_method_and_of_no_other(http: FlaskClient) -> None:
    routes = {
        (method.lower(), rule.rule.replace("<service_id>", "{id}"))
        for rule in http.application.url_map.iter_rules()
        if rule.rule.startswith(TOLD)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == set(OPERATIONS)


@pytest.mark.parametrize("hook", sorted(hook.name for hook in hooks_of(GENERIC)))
def test_calls_and_cards_are_as_it_says(schema: Any, http: FlaskClient, hook: str) -> None:
    components: Mapping[str, Any] = schema.raw_schema["components"]
    for name, body in (("Call", call_of(hook)), ("Cards", http.post(f"/cds-services/almoner-{hook}", json=call_of(hook)).json)):
        Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": components}).validate(body)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "mode"), SENT, ids=lambda each: getattr(each, "value", each))
def test_whatever_is_sent_the_answer_is_as_it_says(schema: Any, method: str, path: str, mode: GenerationMode) -> None:
    operation = schema[path][method]

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), hook=st.sampled_from(["patient-view", "order-dispatch"]))
    def send(case: Any, hook: str) -> None:
        if "{id}" in path and isinstance(case.body, dict):
            case.path_parameters = {"id": f"almoner-{hook}"}
            if isinstance(case.body.get("hook"), str):
                case.body["hook"] = hook
        case.validate_response(case.call(), checks=CHECKS)

    send()
