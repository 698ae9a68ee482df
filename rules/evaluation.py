"""People in, findings out: an engine answers, then what is shown is explained and given its next flip date."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from rules.engines.base import Engine, Evaluation
from rules.engines.reference import reduce_facts
from rules.errors import EnginesDisagree
from rules.explain import Reason, explain, short
from rules.facts import PersonRecord, Value
from rules.findings import ANSWERS, Evidence, Finding
from rules.forecast import next_flips
from rules.ir import Program
from rules.pack import Pack

YES: Final = frozenset({"yes"})
EVERY_STATUS: Final = frozenset(ANSWERS.values())


@dataclass(frozen=True, slots=True)
class Explained:
    """A finding with the reasons behind it."""

    finding: Finding
    reasons: tuple[Reason, ...]

    @property
    def deciding(self) -> Finding:
        """The finding with only the facts that decided it."""
        names = {reason.fact for reason in self.reasons}
        return replace(self.finding, facts={n: v for n, v in self.finding.facts.items() if n in names})


def evaluate(
    packs: Iterable[Pack],
    people: Sequence[PersonRecord],
    as_of: date,
    engine: Engine,
    *,
    statuses: frozenset[str] = YES,
    on_person: Callable[[], None] | None = None,
) -> list[Explained]:
    """The findings about ``people`` on ``as_of``, sorted by patient, then rule.

    Only those whose status is among ``statuses``. ``on_person`` is called once for each person and pack, for a progress bar.

    Raises:
        EnginesDisagree: the engine's facts differ from those that the explanation rests on.
    """
    found: list[Explained] = []
    for pack in packs:
        by_id = {record.person.id: record for record in people}
        for evaluation in engine.evaluate(pack.program, people, as_of):
            found += explained(pack.program, by_id[evaluation.patient], as_of, evaluation, statuses)
            if on_person:
                on_person()
    return sorted(found, key=lambda e: (e.finding.patient, e.finding.rule))


def explained(
    program: Program, record: PersonRecord, as_of: date, evaluation: Evaluation, statuses: frozenset[str], *, ahead: bool = True
) -> Iterator[Explained]:
    """What one evaluation says, with reasons. People about whom there is nothing to show cost nothing more.

    Unless it is to look ``ahead``, no finding has a day on which it flips: that costs more than all the rest.
    """
    shown = [r for r in program.rules if ANSWERS[evaluation.answers[r]] in statuses]
    if not shown:
        return
    results = evaluation.results
    if results is None:
        results = reduce_facts(program, record, as_of)
        _check(evaluation, {name: result.value for name, result in results.items()})
    values: dict[str, Value] = {**evaluation.facts, **evaluation.answers}
    flips = next_flips(program, record, as_of, evaluation.answers, tuple(shown), results) if ahead else dict.fromkeys(shown)
    for rule in shown:
        reasons = explain(program, rule, record, results, values)
        finding = Finding(
            patient=evaluation.patient,
            rule=rule,
            status=ANSWERS[evaluation.answers[rule]],
            facts={short(fact.name): evaluation.facts[fact.name] for fact in program.only((rule,)).facts},
            evidence=_evidence(reasons),
            next_flip=flips[rule],
        )
        yield Explained(finding, reasons)


def _check(evaluation: Evaluation, facts: dict[str, Value]) -> None:
    different = sorted(name for name, value in facts.items() if evaluation.facts[name] != value)
    if different:
        raise EnginesDisagree(f"the engine and the reference differ about {', '.join(different)}; this is a defect of ours")


def _evidence(reasons: Iterable[Reason]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(e for reason in reasons for e in reason.evidence))
