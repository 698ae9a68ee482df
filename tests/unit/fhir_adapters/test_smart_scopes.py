"""The least scopes: what is asked for, in whose syntax, and what of it was not granted."""

import pytest

from fhir_adapters.smart import Endpoints, missing, plan
from fhir_adapters.smart.scopes import joined
from fhir_adapters.vendors import Vendor

NEEDS = {"Patient": "rs", "Observation": "rs", "Task": "crus"}


def endpoints(*scopes: str, capabilities: frozenset[str] = frozenset()) -> Endpoints:
    return Endpoints("https://ehr.example/token", "metadata", scopes=scopes, capabilities=capabilities)


V1 = ("system/Patient.read", "system/Observation.read", "system/Task.read", "system/Task.write")
V2 = ("system/Patient.rs", "system/Observation.rs", "system/Task.crus")

SYNTAXES = {
    "nothing said": (endpoints(), V1),
    "version 1 announced": (endpoints(capabilities=frozenset({"permission-v1"})), V1),
    "version 2 announced": (endpoints(capabilities=frozenset({"permission-v2"})), V2),
    "both announced": (endpoints(capabilities=frozenset({"permission-v1", "permission-v2"})), V2),
    "scopes of version 2 listed": (endpoints("system/*.cruds"), V2),
    "scopes of version 1 listed": (endpoints("system/*.read", "system/*.write"), V1),
    "scopes of users listed": (endpoints("patient/*.rs", "openid"), V1),
}


@pytest.mark.parametrize(("found", "scopes"), SYNTAXES.values(), ids=SYNTAXES)
def test_scopes_are_written_as_the_server_writes_them(found: Endpoints, scopes: tuple[str, ...]) -> None:
    assert plan(NEEDS, found) == plan(NEEDS, found, {"Patient", "Observation", "Task"})
    assert plan(NEEDS, found).scopes == scopes
    assert plan(NEEDS, found).left_out == {}


def test_a_type_that_the_server_lacks_is_left_out_with_the_reason() -> None:
    found = plan(NEEDS, endpoints("system/*.cruds"), {"Patient", "Task"})
    assert found.scopes == ("system/Patient.rs", "system/Task.crus")
    assert found.left_out == {"Observation": "the server does not have this type"}


def test_a_scope_that_the_server_does_not_list_is_left_out_with_the_reason() -> None:
    found = plan(NEEDS, endpoints("system/Patient.rs", "system/Task.rs", "system/Observation.cruds"))
    assert found.scopes == ("system/Patient.rs", "system/Observation.rs")
    assert found.left_out == {"Task": "not among the scopes that the server says it supports"}


def test_what_is_known_of_a_vendor_wins_over_what_a_server_does_not_say() -> None:
    habits = Vendor(name="x", title="The X server", scopes="v2", without=frozenset({"Task"}))
    found = plan(NEEDS, endpoints(), None, habits)
    assert found.scopes == ("system/Patient.rs", "system/Observation.rs")
    assert found.left_out == {"Task": "The X server does not offer this type"}
    older = Vendor(name="x", title="X", scopes="v1")
    assert plan(NEEDS, endpoints("system/*.cruds", capabilities=frozenset({"permission-v2"})), None, older).scopes == V1


GRANTS = {
    "the same": ("system/Task.rs", "system/Task.rs", True),
    "everything": ("system/Task.rs", "system/*.cruds", True),
    "version 1 for version 2": ("system/Task.rs", "system/Task.read", True),
    "version 2 for version 1": ("system/Task.read", "system/Task.rs", True),
    "in two parts": ("system/Task.rs", "system/Task.r system/*.s", True),
    "more letters": ("system/Task.rs", "system/Task.cruds", True),
    "the star of version 1": ("system/Task.crus", "system/Task.*", True),
    "fewer letters": ("system/Task.rs", "system/Task.r", False),
    "no writing": ("system/Task.crus", "system/Task.read", False),
    "another type": ("system/Task.rs", "system/Goal.rs", False),
    "one type for all": ("system/*.rs", "system/Task.rs", False),
    "a part by a query": ("system/Observation.rs", "system/Observation.rs?category=laboratory", False),
    "a user's": ("system/Task.rs", "user/Task.rs patient/Task.rs", False),
    "nothing": ("system/Task.rs", "", False),
    "one of no known form": ("almoner.everything", "almoner.everything", True),
}


@pytest.mark.parametrize(("asked", "granted", "enough"), GRANTS.values(), ids=GRANTS)
def test_what_was_granted_is_held_against_what_was_asked(asked: str, granted: str, enough: bool) -> None:
    assert missing([asked], granted.split()) == (() if enough else (asked,))


def test_demands_on_one_type_are_joined_in_the_order_of_the_standard() -> None:
    assert joined(("rs", "crus")) == "crus"
    assert joined(("s", "d", "c")) == "cds"
