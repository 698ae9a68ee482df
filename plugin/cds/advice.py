"""What is to be said about one person, before it takes the form of a card."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from fhir_adapters.directory import Match
from plugin.cds.gathering import Gathered
from rules.document import Rule
from rules.engines import Engine
from rules.engines.base import FactResult
from rules.evaluation import YES, Explained, explained
from rules.facts import HOUSEHOLD, Coding, PersonRecord
from rules.forecast import next_flips
from rules.ir import EventFact, Fact, Program
from rules.pack import Pack


@dataclass(frozen=True, slots=True)
class Advice:
    """A rule that says *yes* about a person on a day."""

    explained: Explained
    """Without the day on which it flips: ask `next_flip` of the few that are shown."""
    rule: Rule
    pack: Pack
    as_of: date
    missing: tuple[str, ...]
    """Tables (or the household) that the rule reads and that were not available, in words, sorted."""
    record: PersonRecord = field(repr=False)
    """Of whom it is about: how to speak to them, and what they said that they want."""
    results: Mapping[str, FactResult] | None = field(default=None, compare=False, repr=False)
    """The facts of the whole pack that day and what they rest on, if the engine told; otherwise they are worked out when needed."""

    def fact(self, name: str) -> Fact | None:
        """The fact that the rule's author calls ``name``: the rule's own, else the pack's; ``None`` for a derived one."""
        facts = self.pack.program.by_name
        return facts.get(f"{self.rule.id.text}/{name}") or facts.get(name)

    def next_flip(self) -> date | None:
        """The first later day on which the rule says something else if nothing new is recorded; ``None``: never."""
        name = self.explained.finding.rule
        program = self.pack.program.only((name,))
        return next_flips(program, self.record, self.as_of, {name: True}, results=self.results)[name]


@dataclass(frozen=True, slots=True)
class AgencyChoice:
    """For an order that is about to be sent to an agency: what the directory says of that one, and which others may serve better.

    Every ground of a `fhir_adapters.directory.Match` says why, in words without anything about the person.
    """

    order: str
    """``ServiceRequest/1``."""
    service: Coding | None
    """What it asks for, as the order codes it; ``None`` if it has no code."""
    domain: str
    """The social need that it is for: one of `fhir_adapters.gravity.DOMAINS`."""
    performer: str
    """Whom the clinician chose, such as ``Organization/1``."""
    chosen: Match | None
    """What the directory says of the best of their services; ``None``: it lists none for this need."""
    others: tuple[Match, ...]
    """Services of other agencies that are not left out, the best first."""
    as_of: date


@dataclass(frozen=True, slots=True)
class Considered:
    """What the rules say about one person. A rule that is *unknown* for want of data that should have come is not decided."""

    advice: tuple[Advice, ...]
    """The highest priority first; of silent rules too."""
    undecided: tuple[tuple[str, tuple[str, ...]], ...]
    """Rules in use without an answer, each with the tables that were asked for and are not available."""
    decided: int
    """How many rules in use have an answer, or none for another reason."""

    @property
    def nothing(self) -> bool:
        """Whether there were rules to answer and not one could be."""
        return bool(self.undecided) and not self.decided


def consider(
    packs: Iterable[Pack], record: PersonRecord, as_of: date, engine: Engine, unavailable: frozenset[str] = frozenset()
) -> Considered:
    """Every rule in use, for one person. ``unavailable`` are the tables that were asked for and did not come.

    Raises:
        EnginesDisagree: see `rules.evaluation.evaluate`.
    """
    advice: list[Advice] = []
    undecided: list[tuple[str, tuple[str, ...]]] = []
    decided = 0
    for pack in packs:
        watched = {rule.id.text: rule for rule in pack.document.rules if rule.is_watched and rule.is_effective(as_of)}
        for evaluation in engine.evaluate(pack.program, [record], as_of):
            for rule in (name for name in pack.program.rules if name in watched and watched[name].is_in_use):
                lacking = _read(pack.program, rule) & record.not_loaded & unavailable if evaluation.answers[rule] is None else None
                if lacking:
                    undecided.append((rule, tuple(sorted(lacking))))
                else:
                    decided += 1
            advice += (
                Advice(each, watched[name], pack, as_of, _missing(pack.program, name, record.not_loaded), record, evaluation.results)
                for each in explained(pack.program, record, as_of, evaluation, YES, ahead=False)
                if (name := each.finding.rule) in watched
            )
    return Considered(tuple(sorted(advice, key=lambda a: (-a.rule.priority, a.rule.id.text))), tuple(undecided), decided)


def advise(packs: Iterable[Pack], record: PersonRecord, as_of: date, engine: Engine, most: int) -> Sequence[Advice]:
    """The ``most`` urgent things to say: only what is certain, only rules in use, the highest priority first.

    Raises:
        EnginesDisagree: see `rules.evaluation.evaluate`.
    """
    return [each for each in consider(packs, record, as_of, engine).advice if each.rule.is_in_use][:most]


def undecidable(considered: Considered, gathered: Gathered) -> tuple[str, ...]:
    """The prefetch keys to ask for (412) if for want of them nothing at all could be decided; else none: part of an answer is one."""
    return gathered.missing if considered.nothing and not considered.advice else ()


def not_drafted(advice: Iterable[Advice], drafts: frozenset[Coding], order_codes: Mapping[str, str]) -> tuple[Advice, ...]:
    """Without those whose referral is among the ``drafts`` already, by our code or by the site's (`ClientSettings.order_codes`)."""
    present = {f"{coding.system}|{coding.code}" for coding in drafts}
    return tuple(each for each in advice if not _names(each, order_codes) & present)


def _names(advice: Advice, order_codes: Mapping[str, str]) -> set[str]:
    if advice.rule.referral is None:
        return set()
    own = "|".join(advice.rule.referral.service)
    return {own, order_codes.get(own, own)}


def _missing(program: Program, rule: str, not_loaded: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(_read(program, rule) & not_loaded))


@lru_cache(maxsize=1 << 12)
def _read(program: Program, rule: str) -> frozenset[str]:
    """The tables that a rule rests on, and the household."""
    facts = [fact for name in program.facts_behind(rule) if isinstance(fact := program.by_name[name], EventFact)]
    tables = {table for fact in facts for series in fact.series.nested() for table in series.tables}
    return frozenset(tables | {HOUSEHOLD for fact in facts if fact.household})
