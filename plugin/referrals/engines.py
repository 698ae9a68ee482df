"""Which engine takes the step of the timers: as for cards, the meaning alone, durable_rules alone, or the one checked by the other."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from plugin.referrals.stepping import FACTS, RULES, Answers, by_meaning
from rules.engines.rete import DurableRules
from rules.errors import EngineUnavailable
from rules.facts import Value

LOG = logging.getLogger(__name__)


@contextmanager
def answers_by(engine: str) -> Iterator[Answers]:
    """The answers of ``reference``, ``durable`` or ``verify``; where durable_rules cannot run, those of the meaning alone."""
    if engine == "reference":
        yield by_meaning
        return
    try:
        durable = DurableRules(RULES, FACTS)
    except EngineUnavailable as reason:
        LOG.warning("timers_by_meaning_alone %s", reason)
        yield by_meaning
        return
    try:
        yield durable.answers if engine == "durable" else _checked(durable)
    finally:
        durable.close()


def _checked(durable: DurableRules) -> Answers:
    """The meaning stands; a difference is logged."""

    def answers(values: Mapping[str, Value]) -> dict[str, bool | None]:
        meant = by_meaning(values)
        if durable.answers(values) != meant:
            LOG.error("engines_disagree what=referral_step")
        return meant

    return answers
