"""Servers that cannot do something: they do not say that they can, and do not do it."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from support.fault_proxy import Answered, Asked, Fault, Plan, faultless, unavailable

Json = dict[str, Any]
Habit = Callable[[Json, Json], None]
"""Edits the ``rest`` of a CapabilityStatement, given once with each resource there."""


def no_client_ids(rest: Json, resource: Json) -> None:
    """Only the server chooses ids."""
    resource["updateCreate"] = False


def one_by_one(rest: Json, resource: Json) -> None:
    """No transaction, no batch."""
    rest["interaction"] = []


def no_patch(rest: Json, resource: Json) -> None:
    """Whole resources only."""
    resource["interaction"] = [each for each in resource["interaction"] if each["code"] != "patch"]


def habits(*those: Habit, fault: Plan = faultless) -> Plan:
    """What a proxy has to do so that the server behind it has these habits; and ``fault`` beside."""

    def stated(answer: Answered) -> Answered:
        statement = json.loads(answer.body)
        (rest,) = statement["rest"]
        for resource in rest["resource"]:
            for habit in those:
                habit(rest, resource)
        return Answered(answer.status, answer.headers, json.dumps(statement).encode())

    def plan(asked: Asked) -> Fault | None:
        if asked.path.endswith("/metadata"):
            return Fault(edit=stated)
        if asked.method == "PUT" and no_client_ids in those and "If-Match" not in asked.headers:
            return unavailable(405)
        return fault(asked)

    return plan


HABITS: Final[Mapping[str, tuple[Habit, ...]]] = {
    "client ids, transaction": (),
    "client ids, one by one": (one_by_one,),
    "server ids, transaction": (no_client_ids,),
    "server ids, one by one": (no_client_ids, one_by_one),
}
