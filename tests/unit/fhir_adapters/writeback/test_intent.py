"""What may be put into the outbox: valid, about the right patient, under a name that follows from it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from support.writeback import AUTHOR, RECORDED, key, referral, task

from fhir_adapters.errors import NotWritable
from fhir_adapters.writeback import Author, Key, change, put, suggestion
from fhir_adapters.writeback.authored import problems


def test_the_same_suggestion_has_the_same_name_whenever_it_is_made() -> None:
    first, again = task(run="run-1"), task(run="run-2", description="other words")
    assert first.key.id == again.key.id == first.resource["id"]
    assert UUID(first.key.id).version == 5
    assert first.key.identifier == {"system": "urn:almoner:north", "value": first.key.value}
    assert len(first.key.value) == 64


def test_names_stay_what_they_were_in_earlier_releases() -> None:
    assert key().id == "44746b39-bd1e-58a1-872d-142ec33f1b92"
    assert key().value == "481628121da48eaaf67e1a8b698010d0ea3ea7bf34602ad1058d1d2265ef01d0"


@pytest.mark.parametrize(
    "other",
    [
        key(patient="bob"), key(episode="2027"), key(type="ServiceRequest"), key(version="2.0.0"), key(tenant="south"),
        Key("north", "other-rule", "1.0.0", "ann", "2026", "Task"),
    ],
)  # fmt: skip
def test_whatever_counts_makes_another_name(other: Key) -> None:
    assert {other.id, other.value}.isdisjoint({key().id, key().value})


def test_a_smaller_version_of_a_rule_does_not() -> None:
    assert key(version="1.9.3").id == key(version="1.0.0").id


@pytest.mark.parametrize(
    "part",
    [
        {"tenant": "North"}, {"tenant": ""}, {"patient": "Patient/ann"}, {"patient": "a b"}, {"episode": ""}, {"version": "v1"},
        {"type": "task"},
    ],
)  # fmt: skip
def test_a_key_in_another_form_is_refused_without_repeating_it(part: dict[str, str]) -> None:
    (name, value) = next(iter(part.items()))
    with pytest.raises(NotWritable, match=f"the {name} of a key") as refused:
        key(**part)
    assert not value or value not in str(refused.value)


def test_a_resource_of_its_own_keeps_what_it_has() -> None:
    mine = {"meta": {"profile": ["http://example.org/p"], "tag": [{"code": "x"}]}, "identifier": [{"system": "urn:x", "value": "1"}]}
    resource = task(**mine).resource
    assert resource["meta"]["profile"] == ["http://example.org/p"]
    assert [tag["code"] for tag in resource["meta"]["tag"]] == ["x", "food-insecurity-refer", "run-1"]
    assert [each["system"] for each in resource["identifier"]] == ["urn:almoner:north", "urn:x"]


REFUSED = {
    "Task.status: not one of its codes": {"status": "done"},
    "Identifier.use: not one of its codes": {"identifier": [{"use": "mine"}]},
    "Task: colour: extra_forbidden": {"colour": "ZZ" + "CANARY"},
    "Task.id is given by the key": {"id": "x"},
    "Task.for is not the patient of the key": {"for": {"reference": "Patient/bob"}},
    "only Communication, Flag, ServiceRequest, Task are written": {"resourceType": "Patient"},
    "Task: authoredOn: ": {"authoredOn": "ZZ" + "CANARY"},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_fit_to_be_written_is_refused_and_not_repeated(reason: str) -> None:
    with pytest.raises(NotWritable) as refused:
        task(**REFUSED[reason])
    assert str(refused.value).startswith(reason)
    assert "CANARY" not in str(refused.value)


def test_codes_in_data_types_and_in_parts_are_checked() -> None:
    request: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
    }
    timing = {"occurrenceTiming": {"repeat": {"when": ["MORN", "LUNCH"], "periodUnit": "d"}}}
    assert list(problems(request)) == []
    assert list(problems(request | timing)) == ["Timing.repeat.when: not one of its codes"]
    contained = {"contained": [{"resourceType": "Flag", "status": "up", "code": {"text": "x"}, "subject": {"display": "x"}}]}
    assert list(problems(request | contained)) == ["Flag.status: not one of its codes"]
    assert list(problems({"resourceType": "Nothing"})) == ["Nothing: not a resource that the models know (ValueError)"]


def test_a_task_waits_for_what_it_is_about() -> None:
    request, follow_up = referral()
    assert request.needs == ()
    assert follow_up.needs == (request.key.id,)


def test_the_provenance_says_who_by_which_rule_and_in_which_run() -> None:
    accepted = suggestion(
        key(),
        {"resourceType": "Task", "status": "requested", "intent": "order", "for": {"reference": "Patient/ann"}},
        run="run-1",
        author=Author("Almoner 1.2.3", on_behalf_of="Practitioner/7"),
        recorded=RECORDED,
    ).provenance
    assert accepted["agent"][0]["who"]["display"] == "Almoner 1.2.3"
    assert accepted["agent"][0]["onBehalfOf"] == {"reference": "Practitioner/7"}
    assert [each["what"]["identifier"]["value"] for each in accepted["entity"]] == [key().value, "food-insecurity-refer|1.0.0", "run-1"]
    assert accepted["recorded"] == "2026-06-30T12:00:00.000+00:00"
    assert list(problems(accepted)) == []


@pytest.mark.parametrize(
    "options",
    [
        {"target": "ServiceRequest/1"}, {"target": "Task/1/_history/2"}, {"edits": []}, {"edits": [put("for/reference", "Patient/x")]},
        {"edits": [put("meta/tag", ["x"])]}, {"run": "a b"}, {"recorded": datetime(2026, 1, 1)},  # noqa: DTZ001 that is the mistake
    ],
)  # fmt: skip
def test_a_change_that_must_not_be_made_is_refused(options: dict[str, Any]) -> None:
    usual: dict[str, Any] = {
        "target": "Task/1",
        "edits": [put("status", "cancelled")],
        "run": "run-1",
        "author": AUTHOR,
        "recorded": RECORDED,
    }
    change(key(), **usual)
    with pytest.raises(NotWritable):
        change(key(), **usual | options)
