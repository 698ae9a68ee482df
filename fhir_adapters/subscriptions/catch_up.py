"""What was missed while we, the server or the line between was down."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.search import Plan, Query, pages
from fhir_adapters.subscriptions.inbox import Expected, Inbox
from fhir_adapters.subscriptions.notification import NotANotification, read_notification
from fhir_adapters.transport import FhirServer

_NOT_OFFERED: Final = frozenset({400, 403, 404, 405, 501})
_MARGIN: Final = 300.0
"""Seconds by which two clocks may differ."""
_USUAL: Final = Plan()


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What came of it."""

    gaps: tuple[tuple[int, int], ...]
    """The numbers that were missing."""
    found: int
    """Changes that are to be looked at because of that."""
    by: str
    """``events``: the server repeated them; ``search``: what was changed since was searched for; ``nothing``: nothing was missing."""
    status: str
    """Of the subscription, now."""
    notes: tuple[str, ...] = ()
    """Where more was found than changed, and why."""


def catch_up(server: FhirServer, inbox: Inbox, expected: Expected, *, plan: Plan = _USUAL, silent: bool = False) -> CaughtUp:
    """Fill the gaps of a subscription, and have it set going again if the server gave it up.

    ``plan``: how to search there; where that cannot find what changed since, everything that the subscription is about is looked at.
    ``silent``: it was quiet for too long (or does not count its changes), so that what changed since is searched for in any case.
    Raises `EhrUnavailable`.
    """
    status, restarted = _revived(server, inbox, expected)
    gaps = inbox.missing(expected.key)
    if not gaps and not silent and not restarted:
        return CaughtUp((), 0, "nothing", status)
    repeated = _repeated(server, inbox, expected, gaps) if gaps and not restarted else None
    if repeated is not None and not inbox.missing(expected.key):
        return CaughtUp(tuple(gaps), repeated, "events", status)
    left = inbox.missing(expected.key)
    quiet = [inbox.heard_before(expected.key, first) for first, _ in left[:1]]
    since = min([expected.heard or expected.since, *quiet])
    foci, notes = _changed(server, expected, since, plan)
    inbox.make_up(expected.key, left, foci)
    return CaughtUp(tuple(gaps), len(foci), "search", status, notes)


def _revived(server: FhirServer, inbox: Inbox, expected: Expected) -> tuple[str, bool]:
    """The subscription's status, and whether it had to be set going again. A server that gave it up missed changes without counting."""
    if expected.id is None:
        return expected.status, False
    answer = server.ask("GET", f"Subscription/{expected.id}")
    found: Json = answer.body or {}
    status = str(found.get("status"))
    if status not in ("error", "off"):
        inbox.named(expected.key, expected.id, status)
        return status, False
    wanted = {key: value for key, value in found.items() if key != "error"} | {"status": "requested"}
    answer = server.ask("PUT", f"Subscription/{expected.id}", wanted, headers={"If-Match": answer.etag} if answer.etag else {})
    status = str((answer.body or wanted).get("status"))
    inbox.named(expected.key, expected.id, status)
    return status, True


def _repeated(server: FhirServer, inbox: Inbox, expected: Expected, gaps: Sequence[tuple[int, int]]) -> int | None:
    """How many changes the server told again; ``None`` if it does not do so."""
    told = 0
    for first, last in gaps:
        asked = urlencode({"eventsSinceNumber": first, "eventsUntilNumber": last, "content": "id-only"})
        try:
            told += inbox.receive(expected.key, read_notification(server.get(f"Subscription/{expected.id}/$events?{asked}")))
        except NotANotification:
            return None
        except EhrUnavailable as error:
            if error.status not in _NOT_OFFERED:
                raise
            return None
    return told


def _changed(server: FhirServer, expected: Expected, moment: float, plan: Plan) -> tuple[list[str], tuple[str, ...]]:
    """What changed since a moment, found by the searches that the subscription is about, and where that is more than what changed."""
    since = datetime.fromtimestamp(moment - _MARGIN, UTC)
    found: set[str] = set()
    notes = []
    for search in expected.search.split():
        name, _, parameters = search.partition("?")
        asked = [*parse_qsl(parameters)]
        whole = plan.incremental(name)
        if whole is None:
            asked.append(("_lastUpdated", f"ge{since:%Y-%m-%dT%H:%M:%SZ}"))
        else:
            notes.append(f"{whole}: every {name} that it is about is looked at")
        found.update(_shown(server, Query(name, tuple(asked))))
    return sorted(found), tuple(notes)


def _shown(server: FhirServer, query: Query) -> Iterator[str]:
    for page in pages(server, query):
        yield from (f"{match['resourceType']}/{match['id']}" for match in page.matches if isinstance(match.get("id"), str))
