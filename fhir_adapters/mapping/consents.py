"""Consent: what somebody permits or denies."""

from collections.abc import Iterator
from typing import Any

from fhir_adapters.codes import CONSENT_PROVISION, joined, read_codes, read_status
from fhir_adapters.dates import UNKNOWN, Moment, Span, at, before, read_instant, read_period
from fhir_adapters.mapping.choices import either
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
    given = read_instant(reading, resource, either(resource, "dateTime", "date"))
    policy = read_codes(reading, resource.get("policyRule"), "policyRule").found
    decision, when = (_newer if "decision" in resource else _rule)(resource, reading)
    answers = () if decision is None else decision + policy
    if when.start is None:
        when = (at(given) if given else before(updated))._replace(end=when.end)
    yield event("consents", reading, codes, when, status, tags=category.tags, answers=answers, issued=given, updated=updated)


_Rule = tuple[tuple[Coding, ...] | None, Span]
"""What is decided (``None`` if one word cannot say it), and when that holds."""


def _rule(resource: Json, reading: Reading) -> _Rule:
    """R4: the rule at the root, which may have exceptions inside."""
    provision: Any = resource.get("provision", {})
    if not isinstance(provision, dict):
        if provision is not None:
            reading.bad("provision", Reason.NOT_AN_OBJECT)
        return (() if provision is None else None), UNKNOWN
    when = _in_force(provision, reading, "provision.period")
    return (None if provision.get("provision") else _decision(provision.get("type"), reading)), when


def _newer(resource: Json, reading: Reading) -> _Rule:
    """R5: the decision stands at the top, and every provision is an exception to it."""
    when = _in_force(resource, reading, "period")
    return (None if resource.get("provision") else _decision(resource["decision"], reading)), when


def _decision(value: Any, reading: Reading) -> tuple[Coding, ...]:
    if value is None:
        return ()
    decision = read_status(reading, value, "provision.type")
    return () if decision is None else (Coding(CONSENT_PROVISION, decision),)


def _in_force(rule: Json, reading: Reading, path: str) -> Span:
    period = read_period(reading, rule.get("period"), path)
    return Span(end=period.end) if period.instant is None else period
