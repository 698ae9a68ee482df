"""As a coordination platform: what an EHR's server refers to us goes on to an agency's server, and what becomes of it comes back.

Ours is a referral like any other: what the agency says, what comes too late and what is taken back are the loop's. Here only is said what
that means for the Task of which we are the owner. Nothing is remembered of it but where it is: what it shows is looked up each time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urljoin
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Row, insert, select, update

from fhir_adapters.errors import EhrUnavailable, NotWritable
from fhir_adapters.references import identifiers, literal, patient_id
from fhir_adapters.referral_states import FINAL, OPEN, WITH_REASON, Status, leads, sources
from fhir_adapters.search import Query, find
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback import Change, Edit, Key, Outbox, change, drop, include, put
from plugin.access import Entry, Role, Scope, record
from plugin.outreach.acting import NotNow
from plugin.referrals.acting import Grip, cancel, is_writable, mistaken
from plugin.referrals.apart import apart, fitting
from plugin.referrals.cards import ANOTHER_OPEN, TAKEN_OVER, need_of
from plugin.referrals.moving import Step, tell
from plugin.referrals.reading import outputs
from plugin.referrals.resources import AUTHOR, REFER, output
from plugin.referrals.stepping import Situation, due
from plugin.referrals.words import BY_ITS_NATURE_UNSAFE, OTHER, RELAY, status_reason
from plugin.store import Store
from plugin.store.inserting import insert_one
from plugin.store.tables.referrals import HISTORY, REFERRALS, RELAYS

PLATFORM: Final = Scope("platform", Role.SYSTEM)
NOBODY, UNREADABLE, TAKEN_BACK, TOLD, GONE = "nobody of that identifier there", "cannot be read", "taken back", "to be told", "gone"
NOT_ACTIVE: Final = "order not active"
"""A draft that nobody signed yet, on hold, or taken back: nobody is referred on by it."""
LATE: Final = timedelta(days=30)
"""So long after it was completed more of what came of it is carried back."""
_PRIORITIES: Final = ("routine", "urgent", "asap", "stat")
_MOST_TEXT: Final = 300
_GONE: Final = frozenset({404, 410})
_BY_THE_SOURCE: Final = frozenset({Status.CANCELLED, Status.ENTERED_IN_ERROR})
_BACK: Final = {
    Status.IN_PROGRESS: Status.IN_PROGRESS,
    Status.ON_HOLD: Status.ON_HOLD,
    Status.COMPLETED: Status.COMPLETED,
    Status.CANCELLED: Status.CANCELLED,
    Status.REJECTED: Status.FAILED,
    Status.FAILED: Status.FAILED,
    Status.ENTERED_IN_ERROR: Status.FAILED,
}
"""What our referral is → what the Task says of which we are the owner. That we took it was said before: it is not rejected any more."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Post:
    """From where referrals come, and where they go."""

    source: FhirServer
    tenant: str
    owner: str
    """Who we are there: ``Organization/7``."""
    target: FhirServer
    target_tenant: str
    agency: str
    """Its Organization on the target."""
    partner: str


def receive(store: Store, post: Post, at: datetime) -> Counter[str]:
    """Take what is asked of us; what came of it → how many. What cannot go on yet is not taken, and looked at again the next time.

    One that is not as it should be, or that a server does not show, keeps no other waiting: see `plugin.referrals.apart`.
    Raises `EhrUnavailable`.
    """
    query = Query("Task", (("owner", post.owner), ("status", Status.REQUESTED)))
    asked = find(post.source, query, lambda task: str(literal(task.get("owner"))) == post.owner and task.get("status") == Status.REQUESTED)
    with store.read() as connection:
        known = set(connection.scalars(select(RELAYS.c.task_place).where(RELAYS.c.tenant == post.tenant)))
    new = [task for task in asked if f"Task/{task.get('id')}" not in known]
    return Counter(apart(post.tenant, partial(_received, store, post, task, at)) for task in new)


def _received(store: Store, post: Post, task: Json, at: datetime) -> str:
    place, patient = literal(task.get("focus")), patient_id(task.get("for"))
    order = _read(post.source, str(place)) if place and place.type == "ServiceRequest" else None
    codings = _codings(order)
    if order is None or patient is None or patient_id(order.get("subject")) != patient or not codings:
        return UNREADABLE
    if order.get("status") != "active":
        return NOT_ACTIVE
    there = _same(post, patient)
    if there is None:
        return NOBODY
    agency = _read(post.target, post.agency) or {}
    row = _row(post, task, order, codings[0], str(agency.get("name") or post.agency), there, at)
    return _keep(store, post, row, task, order, at)


def _same(post: Post, patient: str) -> str | None:
    """The id of the person on the target, by their identifiers; ``None`` unless it is exactly one."""
    known = identifiers((_read(post.source, f"Patient/{patient}") or {}).get("identifier"))
    found = {
        str(each["id"])
        for name in known
        for each in find(
            post.target, Query("Patient", (("identifier", name.key),)), lambda p: bool({*known} & {*identifiers(p.get("identifier"))})
        )
    }
    return found.pop() if len(found) == 1 else None


def _row(post: Post, task: Json, order: Json, asked: Json, name: str, patient: str, at: datetime) -> dict[str, Any]:
    need, place, today = need_of(order), f"Task/{task['id']}", at.date()
    day = due(Situation(Status.REQUESTED, today), today)
    id = str(uuid5(NAMESPACE_URL, f"urn:almoner:{post.tenant}:{place}"))
    names = ("origin_id", "id")
    return {
        **dict.fromkeys(column.name for column in REFERRALS.c),
        **dict(zip(names, (place, id), strict=True)),
        "tenant": post.target_tenant,
        "patient": patient,
        "need": need,
        "service_system": asked["system"],
        "service_code": asked["code"],
        "service_display": str(asked.get("display") or asked["code"])[:_MOST_TEXT],
        "origin": RELAY,
        "partner": post.partner,
        "listing_name": "",
        "agency": f"{post.target_tenant}#{post.agency}",
        "agency_name": name[:_MOST_TEXT],
        "sought": {},
        "reasons": _reasons(post, order),
        "priority": order["priority"] if order.get("priority") in _PRIORITIES else "routine",
        "unsafe": "orderDetail" in order or need in BY_ITS_NATURE_UNSAFE,
        "restricted": need in BY_ITS_NATURE_UNSAFE,
        "message": "",
        "state": str(Status.REQUESTED),
        "version": 1,
        "created": at,
        "changed": at,
        "requested": today.isoformat(),
        "due": day.isoformat() if day else None,
        "rerouted": False,
        "task": Key(post.target_tenant, "referral", "1", patient, id, "Task").value,
    }


def _keep(store: Store, post: Post, row: dict[str, Any], task: Json, order: Json, at: datetime) -> str:
    first = {"referral": row["id"], "version": 1, "at": at, "user": PLATFORM.user, "step": "moved", "after": row["state"]}
    source = {"referral": row["id"], "tenant": post.tenant, "patient": patient_id(task["for"]), "task_place": row["origin_id"]}
    based = {"based_on": _url(post.source, f"ServiceRequest/{order['id']}"), "part_of": _url(post.source, row["origin_id"])}
    try:
        _change(post, row["id"], source["patient"], row["origin_id"], Status.ACCEPTED, 0, [put("status", "accepted")], at)
        return _kept(store, row, source | {"there": task["status"], "at": at}, first, based, at)
    except (NotWritable, NotNow):
        return UNREADABLE


def _kept(store: Store, row: dict[str, Any], source: Json, first: Json, based: Mapping[str, str], at: datetime) -> str:
    """In one transaction, unless what comes of it could not be written. Raises `NotNow`."""
    with store.write() as connection:
        if not insert_one(connection, REFERRALS, fitting(REFERRALS, row)):
            return ANOTHER_OPEN
        connection.execute(insert(HISTORY), first)
        connection.execute(insert(RELAYS), source)
        tell(connection, PLATFORM, row["id"], 1, REFER, Step(Status.REQUESTED), at, **based)
        is_writable(connection, row["id"], None)
        somebody = f"{row['tenant']}#{row['patient']}"
        record(connection, PLATFORM, Entry("referral.relay", f"referral/{row['id']}", somebody, {"need": row["need"]}), at)
    return TAKEN_OVER


# ---------------------------------------------------------------- back


def carry_back(store: Store, post: Post, outbox: Outbox, at: datetime) -> Counter[str]:
    """Look at every Task that is not over there: what was taken back is taken back here, what became of ours goes to the outbox.

    Raises `EhrUnavailable`.
    """
    with store.read() as connection:
        open_there = RELAYS.c.there.in_([str(status) for status in OPEN])
        late = (RELAYS.c.there == Status.COMPLETED) & (REFERRALS.c.changed > at - LATE)
        query = select(RELAYS).join(REFERRALS).where(RELAYS.c.tenant == post.tenant, open_there | late)
        relays = connection.execute(query.order_by(RELAYS.c.at, RELAYS.c.referral)).all()
    return Counter(filter(None, (apart(post.tenant, partial(_carried_back, store, post, outbox, each, at)) for each in relays)))


def _carried_back(store: Store, post: Post, outbox: Outbox, relay: Row[Any], at: datetime) -> str | None:
    task = _read(post.source, relay.task_place)
    if task is None or task.get("status") not in set(Status) or patient_id(task.get("for")) != relay.patient:
        return GONE
    there = Status(task["status"])
    off = there in _BY_THE_SOURCE or _is_called_off(post, task)
    with store.write() as connection:
        row = connection.execute(select(REFERRALS).where(REFERRALS.c.id == relay.referral).with_for_update()).one()
        connection.execute(update(RELAYS).where(RELAYS.c.referral == relay.referral).values(there=str(there)))
        if off and row.state in OPEN:
            grip = Grip(row.id, row.version)
            if there is Status.ENTERED_IN_ERROR:
                mistaken(connection, PLATFORM, grip, at)
            else:
                cancel(connection, PLATFORM, grip, "no-longer-wanted", at)
            return TAKEN_BACK
        told = [_proxied(post.target, output(each.kind, each.value)) for each in outputs(connection, row.id)]
    to = Status.ACCEPTED if there is Status.REQUESTED else _BACK.get(Status(row.state))
    return _tell(outbox, post, relay, row, there, to, told, at) if to else None


def _is_called_off(post: Post, task: Json) -> bool:
    """Whether its order was, although it itself does not say so."""
    place = literal(task.get("focus"))
    order = _read(post.source, str(place)) if place else None
    return order is not None and order.get("status") in ("revoked", "entered-in-error")


def _tell(
    outbox: Outbox, post: Post, relay: Row[Any], row: Row[Any], there: Status, to: Status, told: Sequence[Json], at: datetime
) -> str | None:
    """Put it into the outbox, unless it is said already, is there already, or cannot follow from what is there."""
    edits: list[Edit] = [include("output", each) for each in told] if to is Status.COMPLETED else []
    if to is not there:
        if there in FINAL or not leads(there, to):
            return None
        why = put("statusReason", status_reason(row.reason_code or OTHER, row.reason)) if to in WITH_REASON else drop("statusReason")
        edits = [put("status", str(to)), why, *edits]
    if not edits:
        return None
    version = 0 if to is Status.ACCEPTED else row.version
    made = _change(post, row.id, relay.patient, relay.task_place, to, version, edits, at, stays=to is there)
    return TOLD if outbox.add(made) else None


def _change(
    post: Post, id: str, patient: str, place: str, to: Status, version: int, edits: Sequence[Edit], at: datetime, *, stays: bool = False
) -> Change:
    """Of the Task of which we are the owner. Raises `NotWritable`."""
    key = Key(post.tenant, "relay", "1", patient, f"{id} {to} {version}", "Task")
    allowed = [str(to)] if stays else [str(each) for each in sources(to)]
    return change(key, place, edits, run=f"relay-{at:%Y-%m-%d}", author=AUTHOR, recorded=at, only_if={"status": allowed})


def _proxied(server: FhirServer, told: dict[str, Any]) -> Json:
    """What stands on the agency's server is named by its whole address."""
    value = told.get("valueReference")
    return told | {"valueReference": value | {"reference": _url(server, value["reference"])}} if value and "reference" in value else told


def _url(server: FhirServer, place: str) -> str:
    return urljoin(server.base_url.rstrip("/") + "/", place)


def _reasons(post: Post, order: Json) -> list[str]:
    """Why, where it stands; which partners are told is decided where orders are written."""
    listed = order.get("reasonReference")
    named = [literal(each) for each in (listed if isinstance(listed, list) else [])]
    return [_url(post.source, str(each)) for each in named if each is not None]


def _codings(order: Json | None) -> list[Json]:
    code = (order or {}).get("code")
    listed = code.get("coding") if isinstance(code, dict) else None
    return [each for each in listed or [] if isinstance(each, dict) and _is_text(each.get("system")) and _is_text(each.get("code"))]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _read(server: FhirServer, place: str) -> Json | None:
    try:
        return server.get(place)
    except EhrUnavailable as error:
        if error.status in _GONE:
            return None
        raise
