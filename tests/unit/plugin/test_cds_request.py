"""Hook calls are read leniently, but never guessed at."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cds_calls import hook_call, prefetch

from plugin.cds.request import BadCall, HookCall, parse_call
from plugin.cds.service import HOOK

SERVER = "https://ehr.example/fhir"


def test_a_call_without_prefetch_is_a_call() -> None:
    assert parse_call(hook_call(), HOOK) == HookCall("p1", {}, None)
    assert parse_call(hook_call(prefetch=None), HOOK) == HookCall("p1", {}, None)


def test_unknown_members_and_drafts_are_ignored() -> None:
    context = {"patientId": "p1", "draftOrders": {"resourceType": 7}, "selections": None, "new": [1]}
    assert parse_call(hook_call(prefetch(), context=context, extension={"a": 1}), HOOK).patient == "p1"


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"hook": "order-sign"}, "patient-view"),
        ({"hook": None}, "hook"),
        ({"hookInstance": ""}, "hookInstance"),
        ({"hookInstance": 7}, "hookInstance"),
        ({"context": None}, "context"),
        ({"context": []}, "context"),
        ({"context": {"userId": "Practitioner/1"}}, "context.patientId"),
        ({"context": {"patientId": 7}}, "context.patientId"),
        ({"context": {"patientId": "../admin"}}, "context.patientId"),
        ({"context": {"patientId": "p1?x=y"}}, "context.patientId"),
        ({"prefetch": []}, "prefetch"),
        ({"prefetch": "x"}, "prefetch"),
    ],
)
def test_what_is_missing_is_named(members: dict[str, Any], named: str) -> None:
    with pytest.raises(BadCall, match=named):
        parse_call(hook_call(**members), HOOK)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_other_json_is_refused_politely(body: Any) -> None:
    with pytest.raises(BadCall):
        parse_call(body, HOOK)


def test_server_and_token_belong_together() -> None:
    authorization = {"access_token": "abc.def-_~+/=", "token_type": "Bearer", "expires_in": 300, "scope": "", "subject": "x"}
    call = parse_call(hook_call(fhirServer=SERVER, fhirAuthorization=authorization), HOOK)
    assert (call.fhir_server, call.token) == (SERVER, "abc.def-_~+/=")
    assert "abc" not in repr(call)
    assert parse_call(hook_call(fhirServer=SERVER), HOOK).fhir_server == SERVER


@pytest.mark.parametrize("authorization", [{}, [], "x", {"access_token": None}, {"access_token": "a\r\nX: y"}, {"access_token": "☃"}])
def test_with_an_unusable_token_nothing_is_read(authorization: Any) -> None:
    call = parse_call(hook_call(fhirServer=SERVER, fhirAuthorization=authorization), HOOK)
    assert (call.fhir_server, call.token) == (None, None)


@pytest.mark.parametrize("server", [None, 7, {}, []])
def test_a_server_that_is_no_text_is_no_server(server: Any) -> None:
    assert parse_call(hook_call(fhirServer=server, fhirAuthorization={"access_token": "x"}), HOOK).fhir_server is None
