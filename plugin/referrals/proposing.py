"""A need becomes a draft: for somebody who was asked and wants it, to a service that is for them, and only if none is open already."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from fhir_adapters.gravity import DOMAINS
from fhir_adapters.referral_states import Status
from plugin.access import Entry, Right, Role, Scope, record
from plugin.outreach.acting import NotNow
from plugin.referrals.consenting import standing
from plugin.referrals.disclosure import DISCLOSURES
from plugin.referrals.matching import Candidate, Sought
from plugin.referrals.words import BY_ITS_NATURE_UNSAFE, EPISODE
from plugin.store.inserting import insert_one
from plugin.store.tables.referrals import HISTORY, REFERRALS
from rules.facts import Coding
from rules.told import Told, joined

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A need that somebody wants met, and the service that is to meet it."""

    id: str
    """A UUID, given by whoever proposes: told twice, it is one."""
    tenant: str
    """The connection of the EHR that holds the chart."""
    patient: str
    sought: Sought
    service: Coding
    service_display: str
    candidate: Candidate
    wanted: bool | None
    """What the person said when they were asked whether they want this help; ``None``: they were not asked."""
    origin_id: str
    """The episode of outreach."""
    origin: str = EPISODE
    rule: tuple[str, str] | None = None
    """With its version; ``None``: a person alone saw the need."""
    reasons: tuple[str, ...] = ()
    """Conditions and Observations, as references."""
    goal: str | None = None
    priority: str = "routine"
    message: str = ""
    restricted: bool = False
    """It stands on no shared list."""
    rerouted_from: str | None = None


def propose(connection: Connection, scope: Scope, proposal: Proposal, at: datetime) -> int:
    """Keep a referral as a draft; its version. The same proposal again changes nothing.

    Raises:
        NotNow: they were not asked or do not want it, nobody may know of it, it is open already, or the service is not for them.
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.REFER)
    if known := connection.execute(select(REFERRALS).where(REFERRALS.c.id == proposal.id)).one_or_none():
        if (known.patient, known.need) != (proposal.patient, proposal.sought.need):
            raise NotNow(Told("a referral of this id is about something else"))
        return int(known.version)
    _check(connection, scope, proposal, at)
    row = _row(proposal, at)
    if not insert_one(connection, REFERRALS, row):
        raise NotNow(Told("a referral for this need is open already"))
    connection.execute(
        HISTORY.insert(),
        {"referral": proposal.id, "version": 1, "at": at, "user": scope.user, "step": "moved", "before": None, "after": str(Status.DRAFT)},
    )
    detail = {"need": row["need"], "partner": row["partner"], "listing": row["listing"], "rule": row["rule"]}
    record(connection, scope, Entry("referral.propose", f"referral/{proposal.id}", proposal.patient, detail), at)
    return 1


def _check(connection: Connection, scope: Scope, proposal: Proposal, at: datetime) -> None:
    """Raises `NotNow`."""
    if not _ID.fullmatch(proposal.id):
        raise NotNow(Told("a referral has an id, a UUID; load the page again"))
    if proposal.sought.need not in DOMAINS or proposal.sought.partner not in DISCLOSURES:
        raise NotNow(Told("choose a need and a kind of partner of the lists"))
    if proposal.wanted is None:
        raise NotNow(Told("ask first whether they want this help"))
    if not proposal.wanted:
        raise NotNow(Told("they do not want this help: keep that they refused"))
    if proposal.candidate.against:
        raise NotNow(Told("this service is not for them: %(why)s", why=joined("; ", proposal.candidate.against)))
    may_be_sent_by(scope, proposal.sought.partner)
    stands = standing(connection, proposal.patient, proposal.sought.need, proposal.rule[0] if proposal.rule else None, at.date())
    if stands.objection is not None:
        raise NotNow(stands.objection)


def may_be_sent_by(scope: Scope, partner: str) -> None:
    """Raises `NotNow` if only a person may refer to such a partner, and none does."""
    if DISCLOSURES[partner].by_hand and scope.role is Role.SYSTEM:
        raise NotNow(Told("only a person refers to the %(partner)s", partner=Told(partner)))


def _row(proposal: Proposal, at: datetime) -> dict[str, Any]:
    sought, service = proposal.sought, proposal.candidate
    none = (
        "reason_code",
        "reason",
        "requested",
        "nudged",
        "asked",
        "due",
        "attention",
        "task",
        "task_place",
        "request_place",
        "there",
        "seen",
    )
    return {
        "id": proposal.id,
        "tenant": proposal.tenant,
        "patient": proposal.patient,
        "need": sought.need,
        "service_system": proposal.service.system,
        "service_code": proposal.service.code,
        "service_display": proposal.service_display,
        "rule": proposal.rule[0] if proposal.rule else None,
        "rule_version": proposal.rule[1] if proposal.rule else None,
        "origin": proposal.origin,
        "origin_id": proposal.origin_id,
        "partner": sought.partner,
        "listing": service.listing,
        "listing_name": service.name,
        "agency": service.agency,
        "agency_name": service.agency_name,
        "sought": sought.to_json(),
        "reasons": list(proposal.reasons),
        "goal": proposal.goal,
        "priority": proposal.priority,
        "unsafe": sought.need in BY_ITS_NATURE_UNSAFE,
        "restricted": proposal.restricted or sought.need in BY_ITS_NATURE_UNSAFE,
        "message": proposal.message.strip(),
        "consent": None,
        "state": str(Status.DRAFT),
        "version": 1,
        "created": at,
        "changed": at,
        "rerouted_from": proposal.rerouted_from,
        "rerouted": False,
        "seen_at": None,
        **dict.fromkeys(none),
    }
