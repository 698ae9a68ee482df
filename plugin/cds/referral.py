"""What the suggestions of a card create: a draft ServiceRequest and Tasks, as Gravity SDOH Clinical Care writes them.

Plain JSON; `plugin.cds.validate` holds each resource against the R4B model, once. A resource has no id unless another one of the same
suggestion refers to it: the EHR gives one when the clinician signs.
"""

import re
from typing import Any, Final

from fhir_adapters import gravity
from plugin.cds.advice import Advice
from plugin.cds.text import plain
from plugin.cds.texts import Texts
from rules.document import Referral

TEMPORARY: Final = "referral"
"""The id of a ServiceRequest until the EHR has given it one; its Task refers to it."""
_REASON: Final = re.compile(r"(Condition|Observation)/[A-Za-z0-9\-.]{1,64}")
_MOST_REASONS: Final = 3
_URIS: Final = "urn:ietf:rfc:3986"

Json = dict[str, Any]


def service_request(advice: Advice, referral: Referral, requester: str | None = None) -> Json:
    """The referral, a draft until it is signed. ``requester`` is a reference to whoever has the chart open, if that is known."""
    found: Json = {
        "resourceType": "ServiceRequest",
        "id": TEMPORARY,
        "meta": {"profile": [gravity.SERVICE_REQUEST]},
        "status": "draft",
        "intent": "order",
        "category": [{"coding": [gravity.SOCIAL_SERVICE]}, {"coding": [gravity.category(referral.category)]}],
        "code": {"coding": [gravity.service(referral.service, plain(referral.display))]},
        "subject": _patient(advice),
        "authoredOn": advice.as_of.isoformat(),
    }
    return found | _requester(requester) | ({"reasonReference": reasons} if (reasons := _reasons(advice)) else {})


def order_identifier(suggestion: str) -> Json:
    """By which the ServiceRequest of a suggestion is known, whoever makes it: the client on acceptance, or we."""
    return {"system": _URIS, "value": f"urn:uuid:{suggestion}"}


def referral_task(advice: Advice, referral: Referral, texts: Texts, requester: str | None = None) -> Json:
    """The Task that goes with the referral. A draft without owner: which partner it goes to is decided when the referral is signed."""
    return _task(advice, {"coding": [gravity.FULFILL]}, texts.say("refer task"), requester) | {
        "focus": {"reference": f"ServiceRequest/{TEMPORARY}"},
        "performerType": [{"text": plain(partner)} for partner in referral.partner_types],
    }


def questionnaire_task(advice: Advice, asked: gravity.Questionnaire, texts: Texts, requester: str | None = None) -> Json:
    """The Task by which the patient is asked to answer questions."""
    said = texts.say("ask action", questionnaire=asked.title)
    return _task(advice, {"coding": [gravity.COMPLETE_QUESTIONNAIRE]}, said, requester) | {
        "status": "requested",
        "owner": _patient(advice),
        "input": [{"type": {"coding": [gravity.QUESTIONNAIRE]}, "valueCanonical": asked.url}],
    }


def care_manager_task(advice: Advice, texts: Texts, requester: str | None = None) -> Json:
    """The Task by which somebody else is asked to see to it."""
    said = plain(texts.say("hand over action", title=advice.rule.title))
    return _task(advice, {"text": said}, said, requester) | {
        "status": "requested",
        "performerType": [{"text": texts.say("care manager")}],
    }


def _task(advice: Advice, code: Json, description: str, requester: str | None) -> Json:
    return {
        "resourceType": "Task",
        "status": "draft",
        "intent": "order",
        "code": code,
        "description": description,
        "for": _patient(advice),
        "authoredOn": advice.as_of.isoformat(),
    } | _requester(requester)


def _patient(advice: Advice) -> Json:
    return {"reference": f"Patient/{advice.explained.finding.patient}"}


def _requester(requester: str | None) -> Json:
    return {"requester": {"reference": requester}} if requester else {}


def _reasons(advice: Advice) -> list[dict[str, str]]:
    """Diagnoses before observations: they say best why."""
    found = dict.fromkeys(e.resource for e in advice.explained.finding.evidence if _REASON.fullmatch(e.resource))
    return [{"reference": resource} for resource in sorted(found, key=lambda r: not r.startswith("Condition/"))[:_MOST_REASONS]]
