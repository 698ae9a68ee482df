"""What the person wants: what the record says about their wish for help, their consent and their risk in the domain of a referral."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from fhir_adapters.gravity import CATEGORIES
from fhir_adapters.social import Aspect, SocialFact, social_facts
from plugin.cds.advice import Advice
from rules.facts import Coding, Event
from rules.ir import EventFact

STALE_AFTER: Final = timedelta(days=365)
"""A wish, or the answer to a screen, that is older has to be asked for again."""
_TOLD_IN: Final = frozenset({"goals", "observations", "consents"})


@dataclass(frozen=True, slots=True)
class Wish:
    """Three of the four facts about one Gravity domain. None of them is worked out from another."""

    desire: SocialFact
    consent: SocialFact
    risk: SocialFact


def wish(advice: Advice) -> Wish | None:
    """The person's wish where the rule refers; ``None`` where there is nothing to want."""
    if advice.rule.referral is None:
        return None
    domain, record = advice.rule.referral.category, advice.record
    goals = _goal_codes(advice)
    told = tuple(_about(event, domain, goals) for event in record.events if event.table in _TOLD_IN)
    facts = social_facts(replace(record, events=told), advice.as_of, stale_after=STALE_AFTER, domains=(domain,))
    return Wish(*(facts[domain, aspect] for aspect in (Aspect.DESIRE, Aspect.CONSENT, Aspect.RISK)))


def _goal_codes(advice: Advice) -> frozenset[Coding]:
    """The goals that the rule asks about: its author says by that that they belong to the domain of its referral."""
    program = advice.pack.program
    facts = [program.by_name[name] for name in program.facts_behind(advice.explained.finding.rule)]
    return frozenset(
        code for fact in facts if isinstance(fact, EventFact) and "goals" in fact.series.tables for code in fact.series.codes or ()
    )


def _about(event: Event, domain: str, goals: frozenset[Coding]) -> Event:
    if event.table != "goals" or goals.isdisjoint(event.codes):
        return event
    return replace(event, tags=(*event.tags, ("category", Coding(CATEGORIES, domain))))
