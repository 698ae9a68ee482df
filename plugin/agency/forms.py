"""From what an agency fills in to its answer."""

from collections.abc import Mapping
from typing import Final

from fhir_adapters.referral_states import WITH_REASON, IllegalMove, Status
from plugin.referrals.acting import Answer
from plugin.referrals.moving import Output
from plugin.referrals.words import RESULTING

_MOST_TEXT: Final = 200


def said_in(form: Mapping[str, str]) -> Answer:
    """What the form says. Raises `Refused` or `IllegalMove`."""
    try:
        to = Status(form.get("to", ""))
    except ValueError:
        raise IllegalMove("choose what next") from None
    outcome = form.get("outcome", "").strip()[:_MOST_TEXT]
    outputs = (Output(RESULTING, {"text": outcome}),) if outcome and to is Status.COMPLETED else ()
    reason_code = form.get("reason_code") or None
    return Answer(to, reason_code if to in WITH_REASON else None, form.get("reason", "").strip(), outputs)
