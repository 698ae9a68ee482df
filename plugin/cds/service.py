"""The service: from a parsed call to cards, without HTTP."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from plugin.cds.advice import Advice, advise
from plugin.cds.cards import card
from plugin.cds.fetching import Ehrs
from plugin.cds.gathering import PatientUnavailable, gather
from plugin.cds.prefetch import Template, templates
from plugin.cds.request import HookCall
from plugin.cds.trouble import logged
from plugin.cds.validate import response_problems
from plugin.runtime import Runtime

LOG = logging.getLogger(__name__)

HOOK: Final = "patient-view"
SERVICE_ID: Final = "almoner-patient-view"

Json = dict[str, Any]


class InvalidCard(Exception):
    """A card of ours breaks the standard; it is not sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response, and the id under which trouble was logged, if there was any."""

    body: Json
    error_id: str | None = None


class PatientViewService:
    """Advice about the patient whose chart is opened."""

    def __init__(self, runtime: Runtime, new_id: Callable[[], str] = lambda: str(uuid4())) -> None:
        """``new_id`` makes the UUIDs of cards and suggestions."""
        self._runtime, self._new_id = runtime, new_id
        self._templates: Sequence[Template] = templates(pack.program for pack in runtime.packs)
        self._ehrs = Ehrs(runtime.settings.cds.fetch_seconds)

    def discovery(self) -> Json:
        """This service's entry in the discovery document."""
        return {
            "hook": HOOK,
            "title": "Almoner",
            "description": "Medical and social needs of the patient that are on record and not yet met, with the evidence and a referral.",
            "id": SERVICE_ID,
            "prefetch": {template.key: template.query for template in self._templates},
        }

    def answer(self, call: HookCall) -> Answer:
        """The cards for a call. Trouble of ours never disturbs the clinician: no cards, and an id to ask for.

        Raises:
            PatientUnavailable: the Patient resource is missing and could not be read.
        """
        try:
            return self._answer(call)
        except PatientUnavailable:
            raise
        except Exception as error:
            return Answer({"cards": []}, logged("hook_call_failed", error))

    def _answer(self, call: HookCall) -> Answer:
        runtime = self._runtime
        ehr = self._ehrs.named_by(call, runtime.settings.cds.fhir_servers)
        record = gather(call, self._templates, ehr, runtime.today()).record
        advice = advise(runtime.packs, record, runtime.today(), runtime.engine, runtime.settings.cds.max_cards)
        made = [self._card(each) for each in advice]
        cards = [found for found in made if isinstance(found, dict)]
        LOG.info("hook_call_answered cards=%d not_loaded=%s", len(cards), ",".join(sorted(record.not_loaded)))
        return Answer({"cards": cards}, next((found for found in made if isinstance(found, str)), None))

    def _card(self, advice: Advice) -> Json | str:
        """The card, or, if it breaks the standard, the error id."""
        found = card(advice, self._new_id)
        problems = response_problems({"cards": [found]})
        if not problems:
            return found
        LOG.error("card_invalid rule=%s problems=%s", advice.rule.id.text, "; ".join(problems))
        return logged("card_dropped", InvalidCard())
