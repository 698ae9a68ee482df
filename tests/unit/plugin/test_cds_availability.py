"""*No data* is not *not told*: what a prefetch key says about its query."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cds_calls import condition, patient, searchset

from plugin.cds.availability import State, supplied
from plugin.cds.prefetch import Template

CONDITION: Final = Template("condition", "Condition", "Condition?patient={{context.patientId}}", "conditions")
RECENT: Final = Template("recent", "Condition", "Condition?patient={{context.patientId}}&date=ge{{today() - 90 days}}", None, 90)
PATIENT: Final = Template("patient", "Patient", "Patient/{{context.patientId}}", None)
ONE: Final = condition("c1", "44054006")
ERROR: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
NO_RESULTS: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "details": {"coding": [{"code": "4101"}]}}]}
NEXT: Final = {"link": [{"relation": "self", "url": "x"}, {"relation": "next", "url": "https://ehr.example/next"}]}


@pytest.mark.requirement("cds-hooks_2.0@52")
@pytest.mark.parametrize(
    ("value", "state"),
    [
        (searchset(ONE), State.PRESENT),
        ({"resourceType": "Bundle", "entry": [{"resource": ONE}]}, State.PRESENT),
        (searchset(ONE, total=0), State.PRESENT),
        (None, State.EMPTY),
        (searchset(), State.EMPTY),
        ({"resourceType": "Bundle"}, State.EMPTY),
        (searchset(NO_RESULTS, total=0), State.EMPTY),
        (ERROR, State.FAILED),
        (NO_RESULTS, State.FAILED),
        (searchset(ERROR), State.FAILED),
        (searchset({"resourceType": "OperationOutcome"}), State.FAILED),
        (searchset({"resourceType": "OperationOutcome", "issue": [7]}), State.FAILED),
        (searchset(patient()), State.FAILED),
        ({"resourceType": "Bundle", "entry": {}}, State.FAILED),
        ({"resourceType": "Bundle", "entry": [None]}, State.FAILED),
        ({"resourceType": "Bundle", "entry": [{"fullUrl": "x"}]}, State.FAILED),
        (patient(), State.FAILED),
        ({}, State.FAILED),
        ([], State.FAILED),
        ("x", State.FAILED),
        (0, State.FAILED),
        (searchset(ONE) | NEXT, State.PARTIAL),
        (searchset() | NEXT, State.PARTIAL),
        (searchset(ONE, total=2), State.PARTIAL),
        (ONE, State.PARTIAL),
        (searchset(ONE) | {"link": 7}, State.PRESENT),
    ],
)
def test_a_search(value: Any, state: State) -> None:
    found = supplied(CONDITION, {"condition": value})
    assert found.state is state
    assert found.complete is (state in (State.PRESENT, State.EMPTY))


def test_included_resources_are_no_matches() -> None:
    bundle = searchset(ONE)
    bundle["entry"].append({"resource": patient(), "search": {"mode": "include"}})
    assert supplied(CONDITION, {"condition": bundle}).state is State.PRESENT


def test_an_absent_key_is_withheld() -> None:
    assert supplied(CONDITION, {"conditions": searchset(ONE)}).state is State.WITHHELD


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (patient(), State.PRESENT),
        (searchset(patient()), State.PRESENT),
        (None, State.EMPTY),
        (ERROR, State.FAILED),
        (ONE, State.FAILED),
        (searchset(), State.FAILED),
        ({"resourceType": "Patient"}, State.FAILED),
        ({"resourceType": "Bundle", "entry": 7}, State.FAILED),
    ],
)
def test_the_patient(value: Any, state: State) -> None:
    found = supplied(PATIENT, {"patient": value})
    assert found.state is state
    assert found.complete is (state is State.PRESENT)


def test_what_an_incomplete_answer_holds_is_kept() -> None:
    assert supplied(CONDITION, {"condition": ONE}).documents == (ONE,)
    assert supplied(CONDITION, {"condition": ERROR}).documents == ()


@pytest.mark.parametrize(
    ("issue", "state"),
    [
        ({"severity": "warning", "code": "processing", "details": {"coding": [{"code": "4101"}]}}, State.EMPTY),
        ({"severity": "warning", "code": "suppressed", "details": {"coding": [{"code": "4119"}]}}, State.EMPTY),
        ({"severity": "information", "code": "informational"}, State.EMPTY),
        ({"severity": "warning", "code": "suppressed", "details": {"coding": [{"code": "59204"}]}}, State.PARTIAL),
        ({"severity": "warning", "code": "incomplete"}, State.PARTIAL),
        ({"severity": "warning", "code": "timeout", "details": {"coding": 7}}, State.PARTIAL),
        ({"severity": "information", "code": "throttled", "details": []}, State.PARTIAL),
        ({"severity": "warning", "code": ["timeout"]}, State.EMPTY),
        ({"severity": "error", "code": "timeout"}, State.FAILED),
        ({"severity": "fatal", "code": "processing", "details": {"coding": [{"code": "4101"}]}}, State.FAILED),
    ],
)
def test_a_remark_may_say_that_something_was_held_back(issue: dict[str, Any], state: State) -> None:
    outcome = {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "OperationOutcome", "issue": [issue]}, "search": {"mode": "outcome"}}
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [outcome]}
    assert supplied(CONDITION, {"condition": bundle}).state is state


@pytest.mark.parametrize(
    ("template", "means", "state"),
    [
        (CONDITION, "empty", State.EMPTY),
        (CONDITION, "unknown", State.WITHHELD),
        (RECENT, "empty", State.WITHHELD),
        (RECENT, "unknown", State.WITHHELD),
    ],
)
def test_null_says_nothing_where_the_query_may_not_have_been_understood(template: Template, means: Any, state: State) -> None:
    assert supplied(template, {template.key: None}, means).state is state


def test_epics_analysts_may_begin_a_key_with_a_hyphen() -> None:
    assert supplied(CONDITION, {"-condition": searchset(ONE)}).state is State.PRESENT
    assert supplied(CONDITION, {"--condition": searchset(ONE)}).state is State.WITHHELD


@pytest.mark.parametrize(
    ("one", "other", "state"),
    [
        (searchset(ONE), searchset(ONE), State.PRESENT),
        (searchset(), None, State.EMPTY),
        (searchset(ONE), searchset(), State.PARTIAL),
        (searchset(), ERROR, State.PARTIAL),
        (ERROR, ERROR, State.FAILED),
    ],
)
def test_what_two_answers_to_one_key_do_not_agree_on_nobody_knows(one: Any, other: Any, state: State) -> None:
    found = supplied(CONDITION, {"condition": one, "-condition": other})
    assert found.state is state
    assert [document for document in found.documents if document.get("entry")] == [d for d in (one, other) if d and d.get("entry")]


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
BUNDLES = st.fixed_dictionaries(
    {"resourceType": st.sampled_from(["Bundle", "Condition", "Patient"])}, optional={"entry": JSON, "link": JSON, "total": JSON}
)


@given(JSON | BUNDLES)
def test_nothing_that_a_client_sends_breaks_it(value: Any) -> None:
    assert supplied(CONDITION, {"condition": value}).state in State
    assert supplied(PATIENT, {"patient": value}).state in State
