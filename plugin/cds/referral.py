"""The referral that a card suggests: a draft ServiceRequest as Gravity SDOH Clinical Care profiles it."""

import re
from typing import Any, Final

from fhir.resources.R4B.servicerequest import ServiceRequest

from plugin.cds.advice import Advice
from plugin.cds.text import plain
from rules.document import Referral

PROFILE: Final = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-ServiceRequest"
_SDOHCC: Final = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
_SOCIAL_SERVICE: Final = {"system": "http://snomed.info/sct", "code": "410606002", "display": "Social service procedure"}
_REASON: Final = re.compile(r"(Condition|Observation)/[A-Za-z0-9\-.]{1,64}")
_MOST_REASONS: Final = 3

Json = dict[str, Any]


def service_request(advice: Advice, referral: Referral) -> Json:
    """The referral as JSON, checked by the R4B model. It has no id: the EHR gives one when the clinician signs."""
    finding = advice.explained.finding
    category = {"system": _SDOHCC, "code": referral.category, "display": category_display(referral.category)}
    service = {"system": referral.service.system, "code": referral.service.code, "display": plain(referral.display)}
    request = ServiceRequest(
        meta={"profile": [PROFILE]},
        status="draft",
        intent="order",
        category=[{"coding": [_SOCIAL_SERVICE]}, {"coding": [category]}],
        code={"coding": [service]},
        subject={"reference": f"Patient/{finding.patient}"},
        authoredOn=advice.as_of,
        reasonReference=_reasons(advice) or None,
    )
    found: Json = request.model_dump(mode="json", exclude_none=True)
    return found


def category_display(code: str) -> str:
    """The display of an SDOHCC category: its code in title case, as the code system has it."""
    return code.replace("-", " ").title().replace("Sdoh", "SDOH")


def _reasons(advice: Advice) -> list[dict[str, str]]:
    """Diagnoses before observations: they say best why."""
    found = dict.fromkeys(e.resource for e in advice.explained.finding.evidence if _REASON.fullmatch(e.resource))
    return [{"reference": resource} for resource in sorted(found, key=lambda r: not r.startswith("Condition/"))[:_MOST_REASONS]]
