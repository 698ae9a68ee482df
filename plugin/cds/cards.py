"""Advice as a CDS Hooks 2.0 card. Members without a value are left out, never null or empty."""

import re
from collections.abc import Callable
from typing import Any, Final

from plugin.cds.advice import Advice
from plugin.cds.detail import detail
from plugin.cds.overrides import codings
from plugin.cds.referral import service_request
from plugin.cds.text import in_summary, is_web_address, plain, shown
from rules.document import Referral
from rules.ir import EventFact

TOPICS: Final = "urn:almoner:rules"
LONGEST_SUMMARY: Final = 139
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")

Json = dict[str, Any]


def card(advice: Advice, new_id: Callable[[], str]) -> Json:
    """The card for one piece of advice. ``new_id`` makes the UUIDs by which feedback will name card and suggestion."""
    found: Json = {
        "uuid": new_id(),
        "summary": summary(advice),
        "detail": detail(advice),
        "indicator": advice.rule.card.indicator,
        "source": _source(advice),
        "overrideReasons": codings(),
    }
    if advice.rule.referral:
        found |= {"suggestions": [_suggestion(advice, advice.rule.referral, new_id)], "selectionBehavior": "any"}
    return found


def summary(advice: Advice) -> str:
    """The author's sentence with the facts' values in it, cut at 139 characters."""
    filled = _PLACEHOLDER.sub(lambda found: _value(advice, found[1].strip()), advice.rule.card.summary.text)
    return plain(filled, LONGEST_SUMMARY)


def _value(advice: Advice, name: str) -> str:
    fact = advice.fact(name)
    unit = fact.told_in if isinstance(fact, EventFact) else None
    return in_summary(shown(advice.explained.finding.facts.get(name), unit))


def _source(advice: Advice) -> Json:
    rule = advice.rule
    topic = {"system": TOPICS, "code": rule.id.text, "display": plain(rule.title)}
    url = next((citation.url for citation in rule.citations if is_web_address(citation.url)), None)
    return {"label": plain(advice.pack.document.title), "topic": topic} | ({"url": url} if url else {})


def _suggestion(advice: Advice, referral: Referral, new_id: Callable[[], str]) -> Json:
    display = plain(referral.display)
    partners = " or ".join(referral.partner_types)
    return {
        "label": f"Refer: {display} ({partners})",
        "uuid": new_id(),
        "actions": [{"type": "create", "description": f"Draft referral: {display}", "resource": service_request(advice, referral)}],
    }
