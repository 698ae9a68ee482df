"""Consent: what somebody permits or denies."""

from collections.abc import Iterator
from typing import Any

from fhir_adapters.codes import CONSENT_PROVISION, joined, read_codes, read_status
from fhir_adapters.dates import Moment, Span, at, before, read_instant, read_period
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.tags import read_tagged
from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import Coding, Event


def consents(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by scope and categories, answered by its policy and by whether its provision permits or denies.

    It holds for the period of its provision, else from the day on which it was given, else from some day before it was last updated.
    """
    category = read_tagged(reading, resource.get("category"), "category", "category")
    codes = joined(read_codes(reading, resource.get("scope"), "scope"), category.codes)
    status = read_status(reading, resource.get("status"), "status")
    given = read_instant(reading, resource, "dateTime")
    provision = _provision(resource, reading)
    policy = read_codes(reading, resource.get("policyRule"), "policyRule").found
    answers = () if provision is None or provision.get("provision") else _decision(provision, reading) + policy
    when = _in_force({} if provision is None else provision, reading)
    if when.start is None:
        when = (at(given) if given else before(updated))._replace(end=when.end)
    yield event("consents", reading, codes, when, status, tags=category.tags, answers=answers, issued=given, updated=updated)


def _provision(resource: Json, reading: Reading) -> Json | None:
    """The rule at the root; ``None`` if it cannot be read. Where it has exceptions, what it permits cannot be said in one word."""
    provision: Any = resource.get("provision")
    if provision is None:
        return {}
    if not isinstance(provision, dict):
        reading.bad("provision", Reason.NOT_AN_OBJECT)
        return None
    return provision


def _decision(provision: Json, reading: Reading) -> tuple[Coding, ...]:
    if provision.get("type") is None:
        return ()
    decision = read_status(reading, provision["type"], "provision.type")
    return () if decision is None else (Coding(CONSENT_PROVISION, decision),)


def _in_force(provision: Json, reading: Reading) -> Span:
    period = read_period(reading, provision.get("period"), "provision.period")
    return Span(end=period.end) if period.instant is None else period
