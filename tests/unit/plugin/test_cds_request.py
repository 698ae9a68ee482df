"""Hook calls are read leniently, but never guessed at."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cds_calls import HOOK, hook_call, prefetch

from plugin.cds.hooks import HOOKS
from plugin.cds.request import BadCall, HookCall, parse_call

SERVER = "https://ehr.example/fhir"
ORDER = {"resourceType": "ServiceRequest", "id": "s1", "status": "draft", "intent": "order"}


def call_of(hook: str, context: dict[str, Any], **members: Any) -> HookCall:
    return parse_call(hook_call(hook=hook, context=context, **members), hook)


def test_a_call_without_prefetch_is_a_call() -> None:
    found = parse_call(hook_call(), HOOK)
    assert (found.hook, found.patient, found.user, found.encounter) == (HOOK, "p1", "Practitioner/example", None)
    assert (found.prefetch, found.fhir_server, found.token) == ({}, None, None)
    assert parse_call(hook_call(prefetch=None), HOOK) == found


def test_unknown_members_and_odd_ones_are_ignored() -> None:
    context = {"patientId": "p1", "draftOrders": {"resourceType": 7}, "selections": None, "new": [1]}
    assert parse_call(hook_call(prefetch(), context=context, extension={"a": 1}), HOOK).context == {"patientId": "p1"}
    assert call_of("order-sign", context).context == {"patientId": "p1"}
    odd: Any
    for odd in ([], "x", 7):
        assert parse_call(hook_call(prefetch=odd), HOOK).prefetch == {}


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"hook": "order-sign"}, "patient-view"),
        ({"hook": None}, "hook"),
        ({"hookInstance": ""}, "hookInstance"),
        ({"hookInstance": None}, "hookInstance"),
        ({"hookInstance": True}, "hookInstance"),
        ({"context": None}, "context"),
        ({"context": []}, "context"),
        ({"context": {"userId": "Practitioner/1"}}, "context.patientId"),
        ({"context": {"patientId": ["p1"]}}, "context.patientId"),
        ({"context": {"patientId": "../admin"}}, "context.patientId"),
        ({"context": {"patientId": ".."}}, "context.patientId"),
        ({"context": {"patientId": "p1?x=y"}}, "context.patientId"),
        ({"context": {"patientId": "Practitioner/p1"}}, "context.patientId"),
        ({"context": {"patientId": "https://ehr.example/../Patient/p1"}}, "context.patientId"),
    ],
)
def test_what_is_missing_is_named(members: dict[str, Any], named: str) -> None:
    with pytest.raises(BadCall, match=named):
        parse_call(hook_call(**members), HOOK)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("p1", "p1"), ("Patient/p1", "p1"), (f"{SERVER}/Patient/p1", "p1"), ("Patient/p1/_history/3", "p1"), (1288992, "1288992")],
)
def test_the_patient_in_the_forms_that_clients_send(said: Any, meant: str) -> None:
    assert call_of(HOOK, {"patientId": said}).patient == meant


@pytest.mark.requirement("cds-hooks-library_1.0.1@ord-1")
@pytest.mark.parametrize(
    ("hook", "said", "meant"),
    [
        ("patient-view", "Patient/p1", "Patient/p1"),
        ("patient-view", f"{SERVER}/PractitionerRole/r1", "PractitionerRole/r1"),
        ("order-sign", "Patient/p1", None),
        ("order-sign", "dr", None),
        ("order-sign", 7, None),
        ("medication-refill", None, None),
    ],
)
def test_the_user_if_it_is_one_that_the_hook_may_have(hook: str, said: Any, meant: str | None) -> None:
    assert call_of(hook, {"patientId": "p1", "userId": said}).user == meant


def test_the_encounter_is_a_reference() -> None:
    assert call_of(HOOK, {"patientId": "p1", "encounterId": "e1"}).encounter == "Encounter/e1"
    assert call_of(HOOK, {"patientId": "p1", "encounterId": "Encounter/e1"}).encounter == "Encounter/e1"
    assert call_of(HOOK, {"patientId": "p1", "encounterId": "?"}).encounter is None


@pytest.mark.parametrize(
    "orders",
    [
        {"resourceType": "Bundle", "entry": [{"resource": ORDER}]},
        {"entry": [{"fullUrl": "x", "resource": ORDER}, {"resource": None}, 7]},
        [ORDER, None],
        {"resource": ORDER},
        ORDER,
    ],
)
def test_drafts_in_any_wrapping(orders: Any) -> None:
    assert call_of("order-select", {"patientId": "p1", "draftOrders": orders}).context["draftOrders"] == [ORDER]


@pytest.mark.requirement("cds-hooks-library_1.0.1@ord-1")
@pytest.mark.parametrize(
    "context",
    [
        {"dispatchedOrders": ["ServiceRequest/s1"], "fulfillmentTasks": [{"resourceType": "Task", "id": "t1"}]},
        {"dispatched-orders": ["ServiceRequest/s1"], "fulfillment-tasks": [{"resourceType": "Task", "id": "t1"}]},
        {"order": "ServiceRequest/s1", "task": {"resourceType": "Task", "id": "t1"}},
        {"order": {"resourceType": "ServiceRequest", "id": "s1"}, "task": [{"resourceType": "Task", "id": "t1"}]},
        {"order": {"reference": f"{SERVER}/ServiceRequest/s1"}, "task": {"resource": {"resourceType": "Task", "id": "t1"}}},
    ],
)
def test_order_dispatch_by_old_and_new_names_and_without_a_user(context: dict[str, Any]) -> None:
    call = call_of("order-dispatch", {"patientId": "p1", "performer": "Organization/o1", "userId": "Practitioner/x"} | context)
    assert call.user is None
    assert call.context == {
        "patientId": "p1",
        "dispatchedOrders": ["ServiceRequest/s1"],
        "performer": "Organization/o1",
        "fulfillmentTasks": [{"resourceType": "Task", "id": "t1"}],
    }


def test_the_examples_of_the_library_wrap_single_resources() -> None:
    allergy = {"resourceType": "AllergyIntolerance", "id": "a"}
    for value in (allergy, {"resource": allergy}):
        assert call_of("allergyintolerance-create", {"patientId": "p1", "allergyIntolerance": value}).context["allergyIntolerance"] == [
            allergy
        ]
    order = {"resourceType": "MedicationRequest", "id": "m"}
    assert call_of("medication-verify", {"patientId": "p1", "order": {"resource": order}}).context["medication"] == [order]
    bundle = {"entry": [{"resource": order}, {"resource": ORDER}]}
    assert call_of("medication-refill", {"patientId": "p1", "medications": bundle}).context["medications"] == [order]


def test_services_that_share_an_id_answer_several_hooks() -> None:
    assert parse_call(hook_call(hook="order-sign"), "patient-view", "order-sign").hook == "order-sign"
    with pytest.raises(BadCall, match="patient-view or order-sign"):
        parse_call(hook_call(hook="order-select"), "patient-view", "order-sign")


def test_neither_token_nor_data_is_in_what_a_log_would_show() -> None:
    secret = {"access_token": "s3cret", "token_type": "Bearer"}
    shown = repr(
        call_of(
            "order-sign",
            {"patientId": "p1", "draftOrders": [ORDER | {"note": [{"text": "s3cret"}]}]},
            prefetch={"patient": "s3cret"},
            fhirServer=SERVER,
            fhirAuthorization=secret,
        )
    )
    assert "s3cret" not in shown


@given(
    st.sampled_from(sorted(HOOKS)),
    st.recursive(
        st.none() | st.booleans() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["entry", "resource", "resourceType", "reference", "id"]), x),
    ),
)
def test_no_context_breaks_it(hook: str, value: Any) -> None:
    names = {name for field in HOOKS[hook].fields for name in (field.name, *field.also)}
    assert call_of(hook, dict.fromkeys(names, value) | {"patientId": "p1"}).patient == "p1"


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
