"""What is to be said about one person, before it takes the form of a card."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from rules.document import Rule
from rules.engines import Engine
from rules.evaluation import Explained, evaluate
from rules.facts import HOUSEHOLD, PersonRecord
from rules.ir import EventFact, Fact, Program
from rules.pack import Pack


@dataclass(frozen=True, slots=True)
class Advice:
    """A rule that says *yes* about a person on a day."""

    explained: Explained
    rule: Rule
    pack: Pack
    as_of: date
    missing: tuple[str, ...]
    """Tables (or the household) that the rule reads and that were not available, in words, sorted."""
    record: PersonRecord = field(repr=False)
    """Of whom it is about: how to speak to them, and what they said that they want."""

    def fact(self, name: str) -> Fact | None:
        """The fact that the rule's author calls ``name``: the rule's own, else the pack's; ``None`` for a derived one."""
        facts = self.pack.program.by_name
        return facts.get(f"{self.rule.id.text}/{name}") or facts.get(name)


def advise(packs: Iterable[Pack], record: PersonRecord, as_of: date, engine: Engine, most: int) -> Sequence[Advice]:
    """The ``most`` urgent things to say: only what is certain, only rules in use, the highest priority first.

    Raises:
        EnginesDisagree: see `rules.evaluation.evaluate`.
    """
    found = [advice for pack in packs for advice in _of_pack(pack, record, as_of, engine)]
    return sorted(found, key=lambda a: (-a.rule.priority, a.rule.id.text))[:most]


def _of_pack(pack: Pack, record: PersonRecord, as_of: date, engine: Engine) -> Iterator[Advice]:
    for explained in evaluate([pack], [record], as_of, engine):
        rule = pack.rule(explained.finding.rule)
        if rule.is_shown(as_of):
            yield Advice(explained, rule, pack, as_of, _missing(pack.program, explained.finding.rule, record.not_loaded), record)


def _missing(program: Program, rule: str, not_loaded: frozenset[str]) -> tuple[str, ...]:
    facts = [fact for name in program.facts_behind(rule) if isinstance(fact := program.by_name[name], EventFact)]
    read = {table for fact in facts for series in fact.series.nested() for table in series.tables} | {
        HOUSEHOLD for fact in facts if fact.household
    }
    return tuple(sorted(read & not_loaded))
