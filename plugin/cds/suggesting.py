"""What a card offers to do with one click: refer, ask the patient, hand to the care manager."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from fhir_adapters import gravity
from fhir_adapters.social import State, crosswalk
from plugin.cds.advice import Advice
from plugin.cds.referral import care_manager_task, order_identifier, questionnaire_task, referral_task, service_request
from plugin.cds.text import plain
from plugin.cds.texts import Texts
from plugin.cds.wish import Wish
from rules.document import Referral
from rules.facts import Coding
from rules.ir import EventFact
from rules.units import LOINC

Json = dict[str, Any]
Kind = Literal["refer", "ask", "care-manager"]
_UNASKED: Final = frozenset({State.NOT_ASKED, State.STALE, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Offered:
    """What it means to us when a suggestion is accepted."""

    suggestion: str
    """Its uuid."""
    kind: Kind
    category: str = ""
    """Of a referral: the Gravity category."""
    service: Coding | None = None
    """Of a referral: what is asked for."""
    questionnaire: str = ""
    """Of *ask*: the canonical address of the questions."""
    created: tuple[str, ...] = ()
    """The types of the resources that the client itself creates on acceptance."""

    @property
    def task_is_ours(self) -> bool:
        """Whether our own module has to open the Task."""
        return "Task" not in self.created


@dataclass(frozen=True, slots=True)
class Proposal:
    """A suggestion for a client that can do everything, and what it means."""

    offered: Offered
    suggestion: Json


class _Proposing:
    def __init__(self, advice: Advice, texts: Texts, new_id: Callable[[], str], requester: str | None) -> None:
        self._advice, self._texts, self._new_id, self._requester = advice, texts, new_id, requester

    def refer(self, referral: Referral, *, wanted: bool) -> Proposal:
        said = {"service": plain(referral.display), "partners": self._texts.say("or").join(map(plain, referral.partner_types))}
        offered = Offered(self._new_id(), "refer", category=referral.category, service=referral.service)
        request = service_request(self._advice, referral, self._requester) | {"identifier": [order_identifier(offered.suggestion)]}
        task = referral_task(self._advice, referral, self._texts, self._requester)
        actions = [_create(self._texts.say("refer action", **said), request), _create(task["description"], task)]
        recommended = {"isRecommended": True} if wanted else {}
        return Proposal(offered, _suggestion(offered, self._texts.say("refer", **said), actions) | recommended)

    def ask(self, asked: gravity.Questionnaire) -> Proposal:
        task = questionnaire_task(self._advice, asked, self._texts, self._requester)
        offered = Offered(self._new_id(), "ask", questionnaire=asked.url)
        label = self._texts.say("ask", questionnaire=asked.title)
        return Proposal(offered, _suggestion(offered, label, [_create(task["description"], task)]))

    def hand_over(self) -> Proposal:
        task = care_manager_task(self._advice, self._texts, self._requester)
        offered = Offered(self._new_id(), "care-manager")
        return Proposal(offered, _suggestion(offered, self._texts.say("hand over"), [_create(task["description"], task)]))


def proposals(
    advice: Advice, wish: Wish | None, texts: Texts, new_id: Callable[[], str], requester: str | None = None
) -> Iterator[Proposal]:
    """The most useful first. A referral is recommended only to somebody who is known to want it."""
    proposing = _Proposing(advice, texts, new_id, requester)
    if advice.rule.referral and wish:
        yield proposing.refer(advice.rule.referral, wanted=wish.desire.state is State.POSITIVE)
    asked = _not_asked(advice, wish)
    if asked:
        yield proposing.ask(asked)
    yield proposing.hand_over()


def _suggestion(offered: Offered, label: str, actions: list[Json]) -> Json:
    return {"label": label, "uuid": offered.suggestion, "actions": actions}


def _create(description: str, resource: Json) -> Json:
    return {"type": "create", "description": description, "resource": resource}


# ---------------------------------------------------------------- what to ask


def _not_asked(advice: Advice, wish: Wish | None) -> gravity.Questionnaire | None:
    """The questions that would tell what nobody knows: about the domain of the referral, else what the rule finds missing."""
    if "observations" in advice.record.not_loaded:
        return None
    if wish is None:
        return _of_codes(_unanswered(advice))
    return _of_domain(wish.risk.domain) if wish.risk.state in _UNASKED else None


def _unanswered(advice: Advice) -> frozenset[str]:
    """The LOINC codes of the observations whose absence is why the rule says yes."""
    facts = [advice.fact(reason.fact) for reason in advice.explained.reasons if not reason.value]
    absent = [fact for fact in facts if isinstance(fact, EventFact) and fact.series.tables == ("observations",)]
    return frozenset(code.code for fact in absent for code in fact.series.codes or () if code.system == LOINC)


def _of_codes(codes: frozenset[str]) -> gravity.Questionnaire | None:
    """The questionnaire that asks most of them; of two the shorter one."""
    best = max(gravity.QUESTIONNAIRES, key=lambda each: len(each.codes & codes))
    return best if best.codes & codes else None


def _of_domain(domain: str) -> gravity.Questionnaire | None:
    """The shortest questionnaire that asks about a domain."""
    questions = crosswalk().questions
    asking = {code.code for code, meanings in questions.items() if any(meaning.domain == domain for meaning in meanings)}
    return next((each for each in gravity.QUESTIONNAIRES if each.codes & asking), None)
