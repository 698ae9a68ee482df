"""A directory of three food banks and others, and somebody who is referred to them."""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from fhir_adapters.directory import Directory, Residence, Service, assemble, crosswalk
from fhir_adapters.directory.areas import Area
from fhir_adapters.directory.model import Capacity, Organization, Term
from fhir_adapters.gravity import CATEGORIES
from plugin.access import Role, Scope
from plugin.referrals.acting import Grip, send
from plugin.referrals.consenting import Consent, agree
from plugin.referrals.matching import Candidate, Sought, candidates
from plugin.referrals.proposing import Proposal, propose
from plugin.store import Store
from plugin.store.tables.outreach import EPISODES, PEOPLE, REASONS
from plugin.store.tables.referrals import REFERRALS
from rules.facts import Coding

TODAY = date(2026, 6, 30)
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
CARE = Scope("manager-1", Role.CARE_MANAGER)
DOCTOR = Scope("doctor-1", Role.CLINICIAN)
"""May see what stands on no shared list."""
TENANT = "north"
NEED = "food-insecurity"
RULE = ("food-insecurity-refer", "1.0.0")
SOUGHT = Sought(NEED, "food bank", Residence(postcode="00001"), 40, "en")
ASSISTANCE = Coding("http://snomed.info/sct", "467771000124109")
CAPACITY = (Capacity("capacity", None, TODAY),)


def bank(number: int, **fields: Any) -> Service:
    """A food bank for the area, with places, looked at today."""
    usual: dict[str, Any] = {
        "organization": Organization(f"dir#Organization/bank-{number}", f"Food bank {number}", terms=(Term("", "", "Food bank"),)),
        "status": "active",
        "terms": (Term(CATEGORIES, NEED, "Food Insecurity"), Term("", "", "Food bank")),
        "areas": (Area("postcode", "00001"),),
        "minimum_age": 0.0,
        "languages": (),
        "capacity": CAPACITY,
        "assured": TODAY,
    }
    return Service(f"dir#HealthcareService/bank-{number}", f"Food parcels {number}", **(usual | fields))


def directory(*services: Service) -> Directory:
    """These services; three food banks of which the last is elsewhere, if none are given."""
    from fhir_adapters.directory.model import Language

    english = (Language("en", "English"),)
    listed = services or (bank(1), bank(2), bank(3, areas=(Area("postcode", "99999"),)))
    return assemble([replace(each, languages=each.languages or english) for each in listed], crosswalk(), TODAY)


def agency(number: int) -> Scope:
    """Somebody who works for a food bank."""
    return Scope(f"volunteer-{number}", Role.AGENCY, f"dir#Organization/bank-{number}")


def chosen(number: int = 0, among: Directory | None = None) -> Candidate:
    """One of the services that the directory offers."""
    return candidates(among or directory(), SOUGHT, TODAY)[number]


def proposal(patient: str = "ann", **fields: Any) -> Proposal:
    """Food for ``patient``, from the first food bank."""
    usual: dict[str, Any] = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{patient} {sorted(fields.items(), key=str)}")),
        "tenant": TENANT,
        "patient": patient,
        "sought": SOUGHT,
        "service": ASSISTANCE,
        "service_display": "Assistance with application for food pantry program",
        "candidate": chosen(),
        "wanted": True,
        "origin_id": f"episode-{patient}",
        "rule": RULE,
    }
    return Proposal(**(usual | fields))


def consent(connection: Connection, patient: str = "ann", **fields: Any) -> str:
    """Of ``patient``, to tell a food bank."""
    usual: dict[str, Any] = {"patient": patient, "need": NEED, "partner": "food bank", "given_by": "patient"}
    return agree(connection, CARE, Consent(**(usual | fields)), NOON)


def sent(store: Store, patient: str = "ann", at: datetime = NOON, **fields: Any) -> str:
    """The id of a referral that was sent."""
    wish = proposal(patient, **fields)
    with store.write() as connection:
        consent(connection, patient, need=wish.sought.need, partner=wish.sought.partner)
        version = propose(connection, CARE, wish, at)
        send(connection, DOCTOR, Grip(wish.id, version), at)
    return wish.id


def stored(store: Store, id: str) -> Row[Any]:
    """The referral as it stands."""
    with store.read() as connection:
        return connection.execute(select(REFERRALS).where(REFERRALS.c.id == id)).one()


def grip(store: Store, id: str) -> Grip:
    """The referral as whoever looks at it now sees it."""
    return Grip(id, stored(store, id).version)


def episode(store: Store, patient: str = "ann", rules: Iterable[str] = (RULE[0],)) -> str:
    """The id of an open episode of ``patient`` for these rules."""
    id = f"episode-{patient}"
    person = {"patient": patient, "name": "Ann", "phone": "", "sweep": "s1"}
    row = {"id": id, "patient": patient, "state": "open", "opened": NOON, "priority": 50, "reasons": 1, "due": "2026-07-07"}
    row |= {"attempts": 0, "sweep": "s1", "version": 1, "rank": f"050 2026-07-07 {id}", "ready_on": "", "folded": "ann", "rules": " "}
    told = {"title": "t", "level": "act", "priority": 50, "restricted": False, "status": "yes", "since": NOON, "evidence": []}
    with store.write() as connection:
        connection.execute(insert(PEOPLE), person)
        connection.execute(insert(EPISODES), row)
        connection.execute(insert(REASONS), [{"episode": id, "rule": rule} | told for rule in rules])
    return id
