"""*No data* is not *not told*: what a prefetch key says about its query."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cds_calls import condition, patient, searchset

from plugin.cds.availability import State, supplied
from plugin.cds.prefetch import Template

CONDITION: Final = Template("condition", "Condition", "Condition?patient={{context.patientId}}", "conditions")
PATIENT: Final = Template("patient", "Patient", "Patient/{{context.patientId}}", None)
ONE: Final = condition("c1", "44054006")
ERROR: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
NO_RESULTS: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "details": {"coding": [{"code": "4101"}]}}]}
NEXT: Final = {"link": [{"relation": "self", "url": "x"}, {"relation": "next", "url": "https://ehr.example/next"}]}


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
    assert supplied(CONDITION, {"condition": ONE}).document == ONE
    assert supplied(CONDITION, {"condition": ERROR}).document is None


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
BUNDLES = st.fixed_dictionaries(
    {"resourceType": st.sampled_from(["Bundle", "Condition", "Patient"])}, optional={"entry": JSON, "link": JSON, "total": JSON}
)


@given(JSON | BUNDLES)
def test_nothing_that_a_client_sends_breaks_it(value: Any) -> None:
    assert supplied(CONDITION, {"condition": value}).state in State
    assert supplied(PATIENT, {"patient": value}).state in State
