"""What a server sends to a rest-hook: the three forms of it, read into one.

Classic R4: the resource itself, or nothing at all. Subscriptions R5 Backport 1.1: a Bundle whose first entry says which subscription it
is and what happened, in R4 as Parameters, in R4B as SubscriptionStatus.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from fhir_adapters.quarantine import Json

Kind = Literal["handshake", "heartbeat", "event-notification", "query-status", "query-event"]
_KINDS: Final[dict[str, Kind]] = {
    "handshake": "handshake",
    "heartbeat": "heartbeat",
    "event-notification": "event-notification",
    "query-status": "query-status",
    "query-event": "query-event",
}
_REFERENCE: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]+)?", re.ASCII)


class NotANotification(Exception):
    """The body is none of the forms in which servers notify. The message holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened."""

    number: int | None
    """Its number within the subscription; classic subscriptions do not count."""
    focus: str | None
    """The resource that changed: ``Observation/123``; ``None``: it is not said."""


@dataclass(frozen=True, slots=True)
class Notification:
    """What a server says."""

    kind: Kind
    subscription: str | None = None
    """The id that the server gave the Subscription; ``None``: it is not said."""
    status: str | None = None
    """Of the subscription: ``active``, ``error``, ``off`` …"""
    sent: int | None = None
    """How many changes there have been since the subscription began."""
    changes: tuple[Change, ...] = ()


def read_notification(body: Any, focus: str | None = None) -> Notification:
    """The notification in a parsed body (``None``: it was empty); ``focus`` is what the address names besides, as ``Type/id``.

    Raises `NotANotification`.
    """
    if body is None:
        return Notification("event-notification", changes=(Change(None, reference(focus)),))
    if not isinstance(body, dict) or not isinstance(body.get("resourceType"), str):
        raise NotANotification("the body is no resource")
    if body["resourceType"] != "Bundle":
        return Notification("event-notification", changes=(Change(None, reference(f"{body['resourceType']}/{body.get('id')}")),))
    entries = body.get("entry")
    first = entries[0].get("resource") if isinstance(entries, list) and entries and isinstance(entries[0], dict) else None
    if isinstance(first, dict) and first.get("resourceType") == "Parameters":
        return _from_parameters(first)
    if isinstance(first, dict) and first.get("resourceType") == "SubscriptionStatus":
        return _from_status(first)
    raise NotANotification("the Bundle does not begin with a SubscriptionStatus")


def reference(text: Any) -> str | None:
    """``Type/id`` of a literal reference in any form; ``None`` if it is none."""
    found = _REFERENCE.fullmatch(text) if isinstance(text, str) else None
    return f"{found[1]}/{found[2]}" if found else None


def _from_parameters(status: Json) -> Notification:
    values = dict(_values(status.get("parameter")))
    changes = tuple(_change(dict(_values(part))) for name, part in _parts(status) if name == "notification-event")
    return _notification(values, changes)


def _from_status(status: Json) -> Notification:
    listed = status.get("notificationEvent")
    events = [event for event in listed if isinstance(event, dict)] if isinstance(listed, list) else []
    changes = tuple(_change({"event-number": event.get("eventNumber"), "focus": event.get("focus")}) for event in events)
    counted = status.get("eventsSinceSubscriptionStart")
    return _notification({**status, "events-since-subscription-start": counted}, changes)


def _notification(values: dict[str, Any], changes: tuple[Change, ...]) -> Notification:
    kind = _KINDS.get(str(values.get("type")))
    if kind is None:
        raise NotANotification("the type of the notification is not known")
    named = reference(_referred(values.get("subscription")))
    status = values.get("status")
    sent = _number(values.get("events-since-subscription-start"))
    return Notification(
        kind, named.split("/")[1] if named else None, status if isinstance(status, str) else None, sent, changes if "event" in kind else ()
    )


def _change(values: dict[str, Any]) -> Change:
    return Change(_number(values.get("event-number")), reference(_referred(values.get("focus"))))


def _values(parameters: Any) -> Iterator[tuple[str, Any]]:
    """Each parameter's name and value. Some servers write the names as ``eventNumber``."""
    for parameter in parameters if isinstance(parameters, list) else []:
        if isinstance(parameter, dict) and isinstance(parameter.get("name"), str):
            value = next((value for key, value in parameter.items() if key.startswith("value")), None)
            yield _kebab(parameter["name"]), value


def _parts(status: Json) -> Iterator[tuple[str, Any]]:
    parameters = status.get("parameter")
    for parameter in parameters if isinstance(parameters, list) else []:
        if isinstance(parameter, dict) and isinstance(parameter.get("name"), str):
            yield _kebab(parameter["name"]), parameter.get("part")


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: f"-{found[1].lower()}", name)


def _referred(value: Any) -> Any:
    return value.get("reference") if isinstance(value, dict) else value


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if not isinstance(value, bool) and text.isascii() and text.isdecimal() and len(text) < 19 else None
