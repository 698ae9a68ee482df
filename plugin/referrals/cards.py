"""Referrals that a clinician ordered by a card: taken over when their Tasks stand on a server, and told of when they are fulfilled."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, exists, insert, select

from fhir_adapters.directory import Directory
from fhir_adapters.gravity import CATEGORIES, DOMAINS
from fhir_adapters.referral_states import Status
from fhir_adapters.writeback import Key, Outbox
from plugin.access import Entry, Role, Scope, record
from plugin.cds.ledger import Ledger
from plugin.cds.ledger.handover import Handover
from plugin.cds.ledger.waiting import RESOLVED
from plugin.referrals.matching import performer
from plugin.referrals.stepping import Situation, due
from plugin.referrals.words import BY_ITS_NATURE_UNSAFE, CARD
from plugin.store import Store
from plugin.store.inserting import insert_one
from plugin.store.tables.cds import STEPS
from plugin.store.tables.referrals import HISTORY, REFERRALS

CARDS: Final = Scope("cards", Role.SYSTEM)
TAKEN_OVER, ANOTHER_OPEN, RESOLVED_NOW = "taken over", "another is open", "resolved"

Json = Mapping[str, Any]


def take_over(store: Store, handover: Handover, outbox: Outbox, at: datetime, directory: Directory | None = None) -> Counter[str]:
    """Follow the Tasks of cards from now on; how many are new, and how many wait until another referral for the same need is over.

    By the ``directory`` the agency that an order names is found, so that its people see it on their page.
    """
    with store.read() as connection:
        known = set(connection.scalars(select(REFERRALS.c.id).where(REFERRALS.c.origin == CARD)))
    done: Counter[str] = Counter()
    for row, key in handover.ordered():
        status = outbox.status(key)
        if row.suggestion in known or status is None or status.place is None:
            continue
        order = outbox.status(handover.key(row, "ServiceRequest"))
        referral = referral_of(row, key, status.place, order.place if order else None, at)
        done[keep(store, referral | performer_of(row.meaning["order"], key.tenant, directory), at)] += 1
    return done


def tell(store: Store, ledger: Ledger, at: datetime) -> int:
    """Note with the card that its referral was fulfilled; how many are new."""
    told = exists().where(STEPS.c.suggestion == REFERRALS.c.origin_id, STEPS.c.step == RESOLVED)
    query = select(REFERRALS.c.origin_id).where(REFERRALS.c.origin == CARD, REFERRALS.c.state == Status.COMPLETED, ~told)
    with store.read() as connection:
        suggestions = list(connection.scalars(query.order_by(REFERRALS.c.origin_id)))
    for suggestion in suggestions:
        ledger.progressed(suggestion, RESOLVED, at)
    return len(suggestions)


def keep(store: Store, referral: dict[str, Any], at: datetime) -> str:
    """Follow it from now on, unless another one for the same need is open: what came of it, in a word."""
    first = {"referral": referral["id"], "version": 1, "at": at, "user": CARDS.user, "step": "moved", "after": str(Status.REQUESTED)}
    with store.write() as connection:
        if not insert_one(connection, REFERRALS, referral):
            return ANOTHER_OPEN
        connection.execute(insert(HISTORY), first)
        record(
            connection,
            CARDS,
            Entry("referral.take-over", f"referral/{referral['id']}", referral["patient"], {"need": referral["need"]}),
            at,
        )
    return TAKEN_OVER


def referral_of(row: Row[Any], key: Key, task: str, order_place: str | None, at: datetime) -> dict[str, Any]:
    """The referral of a handover whose Task stands at ``task``; whom it goes to is another matter: see `performer_of`."""
    order: Json = row.meaning["order"]
    asked: Json = order["code"]["coding"][0]
    requested = row.accepted.date()
    day = due(Situation(Status.REQUESTED, requested), requested)
    return {
        **dict.fromkeys(column.name for column in REFERRALS.c),
        "id": row.suggestion,
        "tenant": key.tenant,
        "patient": row.patient,
        "need": need_of(order),
        "service_system": asked["system"],
        "service_code": asked["code"],
        "service_display": asked.get("display", asked["code"]),
        "rule": row.rule,
        "rule_version": row.version,
        "origin": CARD,
        "origin_id": row.suggestion,
        "sought": {},
        "reasons": [each["reference"] for each in order.get("reasonReference", ()) if "reference" in each],
        "priority": order.get("priority", "routine"),
        "unsafe": "orderDetail" in order,
        "restricted": need_of(order) in BY_ITS_NATURE_UNSAFE,
        "message": "",
        "state": str(Status.REQUESTED),
        "version": 1,
        "created": at,
        "changed": at,
        "requested": requested.isoformat(),
        "due": day.isoformat() if day else None,
        "rerouted": False,
        "task": key.value,
        "task_place": task,
        "request_place": order_place,
    }


def performer_of(order: Json, tenant: str, directory: Directory | None) -> dict[str, Any]:
    """Who is to do it: by the key of the directory, under which their people sign in."""
    named = (order.get("performer") or [{}])[0]
    known = performer(directory, tenant, named["reference"]) if "reference" in named else None
    return {
        "partner": known.partner if known else "",
        "listing": known.listing if known else None,
        "listing_name": known.listing_name if known else "",
        "agency": known.agency if known else None,
        "agency_name": (known.name if known else None) or named.get("display", ""),
    }


def need_of(order: Json) -> str:
    """The social need that its category names; unspecified, if none is known."""
    codings = [coding for concept in order.get("category", ()) for coding in concept.get("coding", ())]
    return next((each["code"] for each in codings if each.get("system") == CATEGORIES and each.get("code") in DOMAINS), DOMAINS[0])
