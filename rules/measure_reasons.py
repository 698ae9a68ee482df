"""Why somebody, or an episode, is met, excluded … in a rate: the reasons of the population that decided."""

from dataclasses import replace
from datetime import date

from rules.engines.reference import reduce_facts
from rules.episodes import Membership
from rules.explain import Reason, explain
from rules.facts import Value
from rules.measures import EXCEPTED, EXCLUDED, MET, NOT_ELIGIBLE, NOT_MET, Group, Measure


def reasons(measure: Measure, group: Group, member: Membership, as_of: date) -> tuple[Reason, ...]:
    """What decided the outcome in ``group``; nothing if it is only not known whether there was such an episode."""
    population = _deciding(group, member)
    if population is None:
        return ()
    record = member.counted.record
    results = reduce_facts(measure.program, record, as_of)
    values: dict[str, Value] = {**member.evaluation.facts, **member.evaluation.answers}
    own = replace(record, person=replace(record.person, id=member.counted.patient))
    return explain(measure.program, population, own, results, values)


def _deciding(group: Group, member: Membership) -> str | None:
    """The derived value on which the outcome rests."""
    known = {NOT_ELIGIBLE: group.eligible, EXCLUDED: group.excluded, MET: group.met, NOT_MET: group.met, EXCEPTED: group.excepted}
    outcome = member.outcomes[group.name]
    if outcome in known:
        return known[outcome]
    return next((name for name in group.populations() if member.evaluation.answers[name] is None), None)
