"""Asking a server to notify us."""

import secrets
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from fhir.resources.R4B.subscription import Subscription

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.subscriptions.inbox import Inbox
from fhir_adapters.transport import FhirServer

_BACKPORT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Wanted:
    """What we want to hear of."""

    key: str
    """Ours, a short name: it becomes the last part of the endpoint."""
    endpoint: str
    """The address of our receiver without the key: ``https://almoner.example/subscriptions``."""
    topic: str = ""
    """Canonical URL of the SubscriptionTopic; empty for a classic subscription."""
    search: tuple[str, ...] = ()
    """For a classic subscription its criterion: ``Observation?category=survey``; for a topic its filters, and what to search for if
    notifications were missed."""
    heartbeat: int | None = None
    """Seconds after which the server tells that it is still there."""


def subscribe(server: FhirServer, connection: str, inbox: Inbox, wanted: Wanted) -> str:
    """Ask ``server`` (named ``connection``) for a subscription; the id that it gave it.

    Notifications carry the id of what changed, never its content. They carry a secret that is made here and kept as a digest.
    Raises `EhrUnavailable`.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    inbox.expect(wanted.key, connection, secret, " ".join(wanted.search))
    body = resource(wanted, secret)
    answer = server.ask("POST", "Subscription", body)
    given = (answer.body or {}).get("id") or _id_of(answer.headers.get("Location", ""))
    if not isinstance(given, str) or not given:
        raise EhrUnavailable("the server did not say which id it gave the subscription", answer.status)
    inbox.named(wanted.key, given, str((answer.body or {}).get("status") or "requested"))
    return given


def resource(wanted: Wanted, secret: str) -> Json:
    """The Subscription, valid by the FHIR model: of the Backport if there is a topic, else a classic one. Raises ``ValueError``."""
    if not wanted.topic and len(wanted.search) != 1:
        raise ValueError("a subscription without a topic needs one search as its criterion")
    channel: Json = {
        "type": "rest-hook",
        "endpoint": f"{wanted.endpoint.rstrip('/')}/{wanted.key}",
        "header": [f"Authorization: Bearer {secret}"],
    }
    body: Json = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Re-evaluation of preventive and social care rules",
        "criteria": wanted.topic or wanted.search[0],
        "channel": channel,
    }
    if wanted.topic:
        _backport(body, channel, wanted)
    Subscription.model_validate(body)
    return body


def _backport(body: Json, channel: Json, wanted: Wanted) -> None:
    body["meta"] = {"profile": [f"{_BACKPORT}/backport-subscription"]}
    if wanted.search:
        filters: list[Any] = [{"url": f"{_BACKPORT}/backport-filter-criteria", "valueString": each} for each in wanted.search]
        body["_criteria"] = {"extension": filters}
    channel["payload"] = "application/fhir+json"
    channel["_payload"] = {"extension": [{"url": f"{_BACKPORT}/backport-payload-content", "valueCode": "id-only"}]}
    if wanted.heartbeat:
        channel["extension"] = [{"url": f"{_BACKPORT}/backport-heartbeat-period", "valueUnsignedInt": wanted.heartbeat}]


def _id_of(location: str) -> str | None:
    parts = urlsplit(location).path.split("/")
    return parts[parts.index("Subscription") + 1] if "Subscription" in parts[:-1] else None
