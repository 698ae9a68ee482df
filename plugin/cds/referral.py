"""The referral that a card suggests: a draft ServiceRequest as Gravity SDOH Clinical Care profiles it."""

import re
from typing import Any, Final

from fhir.resources.R4B.servicerequest import ServiceRequest

from fhir_adapters import gravity
from plugin.cds.advice import Advice
from plugin.cds.text import plain
from rules.document import Referral

_REASON: Final = re.compile(r"(Condition|Observation)/[A-Za-z0-9\-.]{1,64}")
_MOST_REASONS: Final = 3

Json = dict[str, Any]


def service_request(advice: Advice, referral: Referral) -> Json:
    """The referral as JSON, checked by the R4B model. It has no id: the EHR gives one when the clinician signs."""
    finding = advice.explained.finding
    request = ServiceRequest(
        meta={"profile": [gravity.SERVICE_REQUEST]},
        status="draft",
        intent="order",
        category=[{"coding": [gravity.SOCIAL_SERVICE]}, {"coding": [gravity.category(referral.category)]}],
        code={"coding": [gravity.service(referral.service, plain(referral.display))]},
        subject={"reference": f"Patient/{finding.patient}"},
        authoredOn=advice.as_of,
        reasonReference=_reasons(advice) or None,
    )
    found: Json = request.model_dump(mode="json", exclude_none=True)
    return found


def _reasons(advice: Advice) -> list[dict[str, str]]:
    """Diagnoses before observations: they say best why."""
    found = dict.fromkeys(e.resource for e in advice.explained.finding.evidence if _REASON.fullmatch(e.resource))
    return [{"reference": resource} for resource in sorted(found, key=lambda r: not r.startswith("Condition/"))[:_MOST_REASONS]]
